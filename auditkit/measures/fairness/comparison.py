"""Fairness of decisions in one call: every rate of every group, with intervals.

Laws:
    - Rows are read once. All results follow from counts and are computed on first use.
    - `True` or 1, or the value `favourable`, is the outcome that is good for the person.
    - Small groups are kept and labelled. They are never the reference, and do not decide a
      largest gap. Unknown membership is counted and shown, but not compared.
    - Printed tables hide counts below `SUPPRESS_BELOW`, and those from which they would follow;
      frames have every number, unless `small_cell` is given.

Example:
    >>> import numpy as np
    >>> r = fairness([1, 1, 0, 0] * 25, [1, 0, 1, 0] * 25, groups={"sex": ["f", "m"] * 50})
    >>> r
    Fairness of 100 decisions, 2 groups by sex
      group  n   selection rate       impact ratio
      sex=f  50  1.00 (0.93 to 1.00)  1.00 reference
      sex=m  50  0.00 (0.00 to 0.07)  0.00 (0.00 to 0.07)

For custom metrics and mitigations use fairlearn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError
from auditkit.measures.fairness.result import Fairness
from auditkit.measures.groups.disparities import references
from auditkit.measures.groups.membership import Group, partition
from auditkit.measures.groups.rates import METRICS, by_group, confusion_by_cell, rates
from auditkit.measures.groups.scores import SCORE_METRICS
from auditkit.parameters import COUNT, DEPTH, LEVEL, MIN_GROUP, REPLICATES, SEED
from auditkit.tables.columns import (
    favourable_rows,
    group_columns,
    probabilities,
    refuse,
    vector,
    weights_of,
)
from auditkit.tables.pairing import refuse_other_rows

__all__ = ["Fairness", "by_class", "fairness", "within"]


def fairness(
    labels: Any,
    predictions: Any,
    *,
    groups: Any,
    scores: Any = None,
    weights: Any = None,
    clusters: Any = None,
    favourable: Any = None,
    depth: int = 2,
    reference: Mapping[str, str] | None = None,
    min_group: int = 30,
    metrics: Sequence[str] | None = None,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    small_cell: int | None = None,
) -> Fairness:
    """Compares decisions on groups of people.

    Args:
        labels: True outcomes of two classes, shape `(n,)`; any array or column.
        predictions: Decisions, the same classes, shape `(n,)`.
        groups: The attributes: a table of any common kind, a mapping of columns, or one column.
        scores: Scores of the favourable outcome in [0, 1], shape `(n,)`.
        weights: Weights of the rows, 0 or more. Intervals use the effective sample size.
        clusters: Rows of one cluster, such as a household, are not independent; intervals then
            come from drawing whole clusters, and metrics of scores have none.
        favourable: The class that is good for the person. Default: True or 1.
        depth: Largest number of attributes to intersect.
        reference: The value of each attribute to compare with, such as {"sex": "male"}. Default:
            the group with the highest selection rate of at least `min_group` rows.
        min_group: Least number of rows of a reference, and of a group in a largest gap.
        metrics: Names out of `auditkit.measures.groups.rates.METRICS`, and with scores out of
            `auditkit.measures.groups.scores.SCORE_METRICS`. Default: all.
        level: Nominal coverage of every interval, in (0, 1).
        replicates: Number of bootstrap replicates, at least 20.
        seed: Seed of all draws.
        small_cell: Frames hide numbers based on fewer people than this, and further ones from which
            those would follow by subtraction: they are NaN, and a column `suppressed` marks
            their rows. Default: frames hide nothing, because they stay with the caller. Printed
            tables hide numbers below this, or below 11.

    Rows are paired by position. If pandas inputs have indexes, these must be equal; see
    `auditkit.tables.pairing`.

    Raises:
        InputError: If lengths or indexes differ, labels are not of two classes, a value is
            missing, scores are outside [0, 1], weights are negative or all 0, an attribute has too
            many groups, a number is of the wrong type or out of its range, or a metric or
            reference group does not exist.
    """
    depth = DEPTH.read(depth, name="depth")
    min_group = MIN_GROUP.read(min_group, name="min_group")
    level = LEVEL.read(level, name="level")
    replicates = REPLICATES.read(replicates, name="replicates")
    seed = SEED.read(seed, name="seed")
    small_cell = None if small_cell is None else COUNT.read(small_cell, name="small_cell")
    refuse_other_rows(
        {
            "labels": labels,
            "predictions": predictions,
            "groups": groups,
            "scores": scores,
            "weights": weights,
            "clusters": clusters,
        }
    )
    truth = favourable_rows(labels, what="labels", favourable=favourable)
    rows = len(truth)
    decisions = favourable_rows(predictions, what="predictions", favourable=favourable, rows=rows)
    given = None if weights is None else weights_of(weights, rows=rows)
    scored = None if scores is None else probabilities(scores, what="scores", rows=rows)
    chosen = _chosen(metrics, scored=scored is not None)
    found = partition(group_columns(groups, rows=rows), depth=depth)
    cells = confusion_by_cell(found, truth, decisions, weights=given)
    counts = by_group(found, cells)
    return Fairness(
        partition=found,
        counts=counts,
        reference=references(
            found,
            rates(counts, "selection_rate").value,
            min_group=min_group,
            chosen=reference,
        ),
        metrics=chosen,
        level=level,
        min_group=min_group,
        replicates=replicates,
        seed=seed,
        clustered=clusters is not None,
        small_cell=small_cell,
        _cells=cells,
        _labels=truth,
        _decisions=decisions,
        _scores=scored,
        _weights=given,
        _clusters=_numbered(clusters, rows) if clusters is not None else None,
    )


def _chosen(metrics: Sequence[str] | None, *, scored: bool) -> tuple[str, ...]:
    known = (*METRICS, *SCORE_METRICS) if scored else METRICS
    chosen = known if metrics is None else (metrics,) if isinstance(metrics, str) else (*metrics,)
    for metric in chosen:
        if metric not in known:
            lacking = "; it needs scores=" if metric in SCORE_METRICS else ""
            raise InputError(
                f"There is no metric {metric!r}{lacking}.", remedy=f"one of {', '.join(known)}"
            )
    if not chosen:
        raise InputError("No metric is asked for.", remedy=f"some of {', '.join(known)}")
    return chosen


def by_class(
    labels: Any, predictions: Any, *, groups: Any, **options: Any
) -> tuple[tuple[Any, Fairness], ...]:
    """Compares decisions of more than two classes: each class against all others.

    Args:
        labels: Classes, shape `(n,)`.
        predictions: Decided classes, shape `(n,)`.
        groups: As for `fairness`.
        **options: As for `fairness`, except `favourable` and `scores`.

    Returns:
        The comparison of each class, by class in order.

    Raises:
        InputError: As `fairness`.
    """
    refuse_other_rows(
        {"labels": labels, "predictions": predictions, "groups": groups, **_of_rows(options)}
    )
    truth = vector(labels, what="labels")
    decided = vector(predictions, what="predictions", rows=len(truth))
    classes = sorted({*pd.unique(truth), *pd.unique(decided)}, key=lambda c: (str(type(c)), c))
    return tuple((c, fairness(truth == c, decided == c, groups=groups, **options)) for c in classes)


def within(
    labels: Any, predictions: Any, *, groups: Any, control: Any, **options: Any
) -> tuple[tuple[Group, Fairness], ...]:
    """Compares decisions within strata of control features: conditional parity.

    Args:
        labels: As for `fairness`.
        predictions: As for `fairness`.
        groups: As for `fairness`.
        control: The control features, as `groups`; every combination of their values that occurs
            is one stratum.
        **options: As for `fairness`; `scores`, `weights` and `clusters` for all rows.

    Returns:
        The comparison within each stratum.

    Raises:
        InputError: As `fairness`.
    """
    refuse_other_rows(
        {
            "labels": labels,
            "predictions": predictions,
            "groups": groups,
            "control": control,
            **_of_rows(options),
        }
    )
    truth = vector(labels, what="labels")
    rows = len(truth)
    decided = vector(predictions, what="predictions", rows=rows)
    columns = group_columns(groups, rows=rows)
    controls = group_columns(control, rows=rows, what="control")
    strata = partition(controls, depth=len(controls))
    row_options: dict[str, Any] = {
        name: vector(options.pop(name), what=name, rows=rows) for name in _of_rows(options)
    }
    found = []
    for position, stratum in enumerate(strata.groups):
        if len(stratum) == len(controls):
            own = strata.rows_of(position)
            found.append(
                (
                    stratum,
                    fairness(
                        truth[own],
                        decided[own],
                        groups={name: column[own] for name, column in columns.items()},
                        **{name: column[own] for name, column in row_options.items()},
                        **options,
                    ),
                )
            )
    return tuple(found)


def _of_rows(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that have a value for each row."""
    names = ("scores", "weights", "clusters")
    return {name: options[name] for name in names if options.get(name) is not None}


def _numbered(clusters: Any, rows: int) -> npt.NDArray[np.intp]:
    codes, names = pd.factorize(vector(clusters, what="clusters", rows=rows))
    refuse(codes < 0, "clusters has missing values")
    if len(names) < 2:
        raise InputError("There is only one cluster.", remedy="intervals need two or more")
    return codes.astype(np.intp)
