"""What other cut-offs would have decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import (
    everyone,
    group_notes,
    grouped,
    outcomes_of,
    scores_of,
)
from auditkit.evidence import Measurement, Table, Term, describe_group
from auditkit.measures.groups.rates import Confusion, rates, values
from auditkit.measures.groups.scores import smallest_ratios, sweep
from auditkit.parameters import BINS, DEPTH, LEVEL, MIN_GROUP, SHARE
from auditkit.subject import Task
from auditkit.wording import exact

if TYPE_CHECKING:
    from auditkit.checks.grouped import Grouped
    from auditkit.evidence import Cell
    from auditkit.measures.numbers.intervals import Array
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.
        steps: Steps between the cut-offs 0 and 1 that are tried.
        balanced_accuracy_loss: How much balanced accuracy an alternative cut-off may lose.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field()
    min_group: int = MIN_GROUP.field()
    steps: int = BINS.field(20)
    balanced_accuracy_loss: float = SHARE.field(0.01)


def _run(case: Case, parameters: Parameters) -> Result:
    found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
    scores, labels = scores_of(case), outcomes_of(case)
    steps = parameters.steps
    cuts = np.unique([*(i / steps for i in range(steps + 1)), case.threshold])
    in_use = int(np.flatnonzero(cuts == case.threshold)[0])
    swept = sweep(found.partition, labels, scores, cuts)
    # The groups of one attribute are everyone.
    first = next(iter(found.partition.combinations().values()))
    total = swept[:, first].sum(axis=1)
    ratios = _ratios_by_attributes(found, swept, parameters.min_group)
    return Result(
        parameters={"threshold": case.threshold},
        n=len(labels),
        population="scores",
        measurements=tuple(
            m
            for attributes, ratio in ratios.items()
            for m in _measurements(
                attributes,
                ratio,
                total,
                cuts,
                in_use=in_use,
                comparable=bool(np.isfinite(ratio).any()),
                loss=parameters.balanced_accuracy_loss,
            )
        ),
        tables=(
            _by_group(found, swept, cuts, in_use, parameters.level),
            _overall(ratios, total, cuts, in_use),
        ),
        notes=(
            *group_notes(found, parameters.min_group),
            "One cut-off for everyone is moved; no group is given a cut-off of its own.",
        ),
    )


def _ratios_by_attributes(
    found: Grouped, swept: Array, min_group: int
) -> dict[tuple[str, ...], Array]:
    ratios = {}
    for attributes, positions in found.partition.combinations().items():
        compared = found.comparable(positions, min_group)
        enough = len(compared) >= 2
        nothing = np.full(len(swept), np.nan)
        ratios[attributes] = smallest_ratios(swept, compared) if enough else nothing
    return ratios


def _measurements(
    attributes: tuple[str, ...],
    ratio: Array,
    total: Array,
    cuts: Array,
    *,
    in_use: int,
    comparable: bool,
    loss: float,
) -> tuple[Measurement, ...]:
    """The smallest ratio at the cut-off in use, at the best one that costs little, and the gain."""
    # Balanced, as approving everyone is accurate enough where most repay.
    accuracy = values(total, "balanced_accuracy")
    allowed = (accuracy >= accuracy[in_use] - loss) & np.isfinite(ratio)
    shared: dict[str, Any] = {"n": int(total[0].sum()), "group": everyone(attributes)}
    now = float(ratio[in_use])
    best, how = np.nan, "no cut-off"
    why_none = "no cut-off that costs as little selects anybody of those compared"
    why_not_now = f"the cut-off of {exact(float(cuts[in_use]))} selects nobody of those compared"
    if not comparable:
        why_none = why_not_now = "fewer than two groups are large enough to compare"
    if allowed.any():
        chosen = int(np.where(allowed, ratio, -1.0).argmax())
        best = float(ratio[chosen])
        how = (
            f"at {cuts[chosen]:.3g}, best of {int(allowed.sum())} cut-offs that lose at most "
            f"{loss:g} in balanced accuracy"
        )
    return tuple(
        Measurement(
            name=name,
            value=value if np.isfinite(value) else None,
            reason="" if np.isfinite(value) else why,
            method=method,
            unit=unit,
            **shared,
        )
        for name, value, why, method, unit in (
            ("smallest_ratio", now, why_not_now, "at the cut-off in use", "ratio"),
            ("alternative_ratio", best, why_none, how, "ratio"),
            (
                "alternative_gain",
                best - now,
                why_none if np.isfinite(now) else why_not_now,
                "alternative ratio less smallest ratio",
                "difference",
            ),
        )
    )


def _by_group(found: Grouped, swept: Array, cuts: Array, in_use: int, level: float) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for position, group in enumerate(found.groups):
        if len(group) > 1:
            break
        counts = Confusion.of_counts(swept[:, position])
        selection = rates(counts, "selection_rate", level=level)
        others = [values(swept[:, position], name) for name in ("tpr", "fpr", "accuracy")]
        for i, cut in enumerate(cuts):
            numbers = (*selection.triple, *others)
            cells = [float(a[i]) if np.isfinite(a[i]) else None for a in numbers]
            n = int(found.partition.rows[position])
            rows.append((float(cut), i == in_use, *group[0], n, *cells))
    return Table(
        name="threshold_sweep",
        title="Rates by group at every cut-off",
        columns=(
            "threshold",
            "in_use",
            "attribute",
            "group",
            "n",
            "selection_rate",
            "lower",
            "upper",
            "tpr",
            "fpr",
            "accuracy",
        ),
        rows=tuple(rows),
    )


def _overall(ratios: dict[tuple[str, ...], Array], total: Array, cuts: Array, in_use: int) -> Table:
    overall = [values(total, name) for name in ("selection_rate", "accuracy", "balanced_accuracy")]
    names = [f"smallest_ratio[{describe_group(everyone(a))}]" for a in ratios]
    return Table(
        name="threshold_alternatives",
        title="What every cut-off would mean for everyone, and for the least favoured group",
        columns=("threshold", "in_use", "selection_rate", "accuracy", "balanced_accuracy", *names),
        rows=tuple(
            (
                float(cut),
                i == in_use,
                *(float(a[i]) if np.isfinite(a[i]) else None for a in (*overall, *ratios.values())),
            )
            for i, cut in enumerate(cuts)
        ),
    )


TERMS = {
    "smallest_ratio": Term(
        "Smallest ratio", "Lowest selection rate of any group over the highest."
    ),
    "alternative_ratio": Term(
        "Alternative ratio",
        "Largest smallest ratio among cut-offs that cost little balanced accuracy.",
    ),
    "alternative_gain": Term(
        "Gain of the alternative",
        "Alternative ratio less the smallest ratio at the cut-off in use.",
    ),
}

CHECK = Check(
    id="fairness.threshold_sweep",
    version="1",
    title="What other cut-offs would have decided",
    area="fairness",
    measures=(
        "Rates by group at every cut-off on the scores; for each attribute the smallest ratio of "
        "selection rates between two groups that reach a size, at the cut-off in use and at the "
        "best of those that cost little balanced accuracy, and by how much that one is better."
    ),
    misleads=(
        "The best of many cut-offs looks better here than it will on new data. A ratio near 1 is "
        "easily had by approving, or denying, nearly everyone: read it with the accuracy. Labels "
        "of those decided unfavourably may be missing or guessed."
    ),
    source="29 CFR 1607.4(D)",
    run=_run,
    tasks=frozenset({Task.BINARY}),
    terms=TERMS,
    parameters=Parameters,
)
