"""Searches for less discriminatory alternatives: nearly as accurate, with a higher smallest ratio.

    found = alternatives(model, X, y, groups=g, train=Inputs(data=..., labels=..., groups=...))
    found.to_frame(); found.plot(); found.evidence()

Candidates: other cut-offs on the same scores; the same kind of model refitted with weights that
trade accuracy for equal rates (fairlearn's GridSearch); and a separate cut-off for each group
(fairlearn's ThresholdOptimizer). All are made from training rows and measured on others.

GridSearch uses group membership in training too. Whether that is allowed is for counsel to say.

Source: Agarwal et al., ICML 2018 (GridSearch); Hardt, Price and Srebro, NeurIPS 2016
(ThresholdOptimizer); both as fairlearn implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from auditkit.errors import InputError
from auditkit.measures.fairness.candidates import Alternatives, Candidate, with_frontier
from auditkit.measures.fairness.comparison import Fairness, fairness
from auditkit.measures.groups.membership import UNKNOWN, partition
from auditkit.measures.groups.rates import Confusion, rates
from auditkit.measures.numbers.intervals import Estimate
from auditkit.model.refusals import refusal
from auditkit.parameters import MIN_GROUP, SEED, SHARE, THRESHOLD, Parameter
from auditkit.tables.columns import favourable_rows, group_columns
from auditkit.tables.convert import to_pandas
from auditkit.tables.pairing import refuse_other_rows

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.subject import Inputs

    Decisions = npt.NDArray[np.bool_]

IN_USE: Final = "as it is"
GRID: Final = Parameter(default=15, at_least=2, at_most=10_000)


def alternatives(
    model: Any,
    data: Any,
    labels: Any,
    *,
    groups: Any,
    train: Inputs,
    threshold: float = 0.5,
    favourable: Any = None,
    loss: float = 0.01,
    min_gain: float = 0.05,
    grid_size: int = 15,
    min_group: int = 30,
    weight_name: str = "sample_weight",
    seed: int = 0,
) -> Alternatives:
    """Searches for less discriminatory alternatives to a classifier.

    Args:
        model: A fitted scikit-learn classifier with `predict_proba`; it is copied, not changed.
        data: The rows to measure on, any common kind of table.
        labels: Their outcomes, of two classes.
        groups: Their groups: a table or mapping of one column.
        train: The rows to make candidates from, others than `data`: `Inputs` with data of the same
            columns, labels and groups.
        threshold: Scores of at least this are decided favourably.
        favourable: The class that is good for the person. Default: True or 1.
        loss: Largest loss of balanced accuracy of an alternative.
        min_gain: Least gain of its smallest ratio.
        grid_size: Number of models to refit.
        min_group: Least number of rows of a group in a ratio.
        weight_name: What the model's `fit` calls weights; for a Pipeline "step__sample_weight".
        seed: Seeds the draws of ThresholdOptimizer and of the intervals.

    Raises:
        InputError: If lengths or indexes differ, a number is out of its range, a group is unknown
            in training, there is more than one attribute, or the model cannot be refitted.
    """
    threshold = THRESHOLD.read(threshold, name="threshold")
    loss = SHARE.read(loss, name="loss")
    min_gain = SHARE.of(0.05).read(min_gain, name="min_gain")
    grid_size = GRID.read(grid_size, name="grid_size")
    min_group = MIN_GROUP.read(min_group, name="min_group")
    seed = SEED.read(seed, name="seed")
    refuse_other_rows({"data": data, "labels": labels, "groups": groups})
    refuse_other_rows(
        {"train.data": train.data, "train.labels": train.labels, "train.groups": train.groups}
    )
    rows, known = to_pandas(data, what="data"), to_pandas(train.data, what="train.data")
    outcome = favourable_rows(
        labels, what="labels", favourable=favourable, rows=len(rows), against="data"
    )
    attribute, belongs = _one_column(groups, "groups", len(rows), "data")
    training = _Training(
        table=known,
        labels=favourable_rows(
            train.labels,
            what="train.labels",
            favourable=favourable,
            rows=len(known),
            against="train.data",
        ),
        groups=_one_column(train.groups, "train.groups", len(known), "train.data")[1],
    )
    if (training.groups == UNKNOWN).any():
        raise InputError(
            "A group is unknown in train.groups.", remedy="leave those rows out of training"
        )
    scores = _favourable_scores(model, rows, favourable)

    def candidates() -> Iterator[tuple[str, bool, Decisions]]:
        yield IN_USE, False, scores >= threshold
        for cut in np.round(np.arange(1, 20) / 20, 2):
            yield f"cut-off {cut:g}", False, scores >= cut
        fitted = _fitted_anew(model, training, grid_size, weight_name)
        for number, one in enumerate(fitted, start=1):
            yield (
                f"fitted anew {number}, cut-off {threshold:.3g}",
                False,
                _favourable_scores(one, rows, 1) >= threshold,
            )
        decide = _cut_offs_by_group(model, training, favourable, seed)
        yield "a cut-off for each group", True, decide(rows, belongs)

    found = [
        _measured_candidate(
            name,
            decided,
            outcome,
            uses_group=uses,
            compared=fairness(
                outcome,
                decided,
                groups={attribute: belongs},
                metrics=("selection_rate",),
                min_group=min_group,
                seed=seed,
            ),
        )
        for name, uses, decided in candidates()
    ]
    return Alternatives(
        candidates=tuple(with_frontier(found)),
        attribute=attribute,
        loss=loss,
        min_gain=min_gain,
        parameters={
            "threshold": threshold,
            "grid_size": grid_size,
            "min_group": min_group,
            "seed": seed,
            "training_rows": len(known),
        },
        n=len(rows),
    )


def _one_column(
    groups: Any, what: str, rows: int, against: str
) -> tuple[str, npt.NDArray[np.str_]]:
    columns = group_columns(groups, rows=rows, what=what, against=against)
    if len(columns) != 1:
        raise InputError(
            f"{what} has {len(columns)} columns.", remedy="search for one attribute at a time"
        )
    found = partition(columns, depth=1)
    texts = np.full(rows, UNKNOWN, dtype=object)
    for position, group in enumerate(found.groups):
        texts[found.rows_of(position)] = group[0][1]
    return next(iter(columns)), texts.astype(str)


def _favourable_scores(model: Any, rows: pd.DataFrame, favourable: Any) -> npt.NDArray[np.float64]:
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise InputError(
            "Alternatives are searched for among classifiers with predict_proba.",
            remedy="give a fitted scikit-learn classifier",
        )
    classes = list(model.classes_)
    wanted = 1 if favourable is None else favourable
    if wanted not in classes:  # it has seen the other class alone
        return np.zeros(len(rows))
    try:
        scores = np.asarray(model.predict_proba(rows)[:, classes.index(wanted)], dtype=np.float64)
    except Exception as error:  # noqa: BLE001, whatever a model raises
        raise refusal(error, model, rows) from None
    return scores


@dataclass(frozen=True, kw_only=True, eq=False)
class _Training:
    """The rows from which candidates are made."""

    table: pd.DataFrame
    labels: Decisions
    groups: npt.NDArray[np.str_]


def _fitted_anew(model: Any, training: _Training, grid_size: int, weight_name: str) -> list[Any]:
    from fairlearn.reductions import DemographicParity, GridSearch
    from sklearn.base import clone

    try:
        search = GridSearch(
            clone(model),
            DemographicParity(),
            grid_size=grid_size,
            sample_weight_name=weight_name,
        )
        search.fit(training.table, training.labels.astype(int), sensitive_features=training.groups)
    except Exception as error:
        raise InputError(
            f"The model could not be fitted anew: {type(error).__name__}.",
            remedy="it must be a scikit-learn classifier whose fit takes weights; see weight_name",
        ) from error
    return list(search.predictors_)


def _cut_offs_by_group(
    model: Any, training: _Training, favourable: Any, seed: int
) -> Callable[[pd.DataFrame, npt.NDArray[np.str_]], Decisions]:
    """Decides with a cut-off for each group; unfavourably for groups not in training."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scored(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """The model's scores of the favourable outcome, with fairlearn's interface."""

        def fit(self, *_: Any) -> Scored:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, table: pd.DataFrame) -> npt.NDArray[np.float64]:
            return _favourable_scores(model, table, favourable)

    optimizer = ThresholdOptimizer(
        estimator=Scored(),
        constraints="demographic_parity",
        objective="balanced_accuracy_score",
        prefit=True,
        predict_method="predict",
    )
    optimizer.fit(training.table, training.labels.astype(int), sensitive_features=training.groups)

    def decide(rows: pd.DataFrame, groups: npt.NDArray[np.str_]) -> Decisions:
        seen = np.isin(groups, training.groups)
        decided = np.zeros(len(rows), dtype=bool)
        found = optimizer.predict(rows[seen], sensitive_features=groups[seen], random_state=seed)
        decided[seen] = np.asarray(found) == 1
        return decided

    return decide


def _measured_candidate(
    name: str, decided: Decisions, labels: Decisions, *, uses_group: bool, compared: Fairness
) -> Candidate:
    gap = compared.disparities.iloc[0]
    counts = np.bincount(labels * 2 + decided, minlength=4)[None, :].astype(np.float64)
    whole = Confusion.of_counts(counts)
    n = int(gap["n"])
    ratio = Estimate.undefined(n, str(gap["status"]).removeprefix("not estimable: "))
    if gap["smallest_ratio"] is not None and np.isfinite(gap["smallest_ratio"]):
        ends = (float(gap["ratio_lower"]), float(gap["ratio_upper"]))
        ratio = Estimate.of(
            float(gap["smallest_ratio"]), n, ends, level=compared.level, method="all pairs"
        )
    return Candidate(
        name=name,
        uses_group=uses_group,
        balanced_accuracy=rates(whole, "balanced_accuracy").at(0),
        selection_rate=rates(whole, "selection_rate").at(0),
        ratio=ratio,
    )
