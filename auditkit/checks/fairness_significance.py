"""Whether differences in favourable decisions could be chance, and what the sample could show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.checks.check import Check, Result
from auditkit.checks.grouped import group_notes, grouped
from auditkit.evidence import Measurement, Table, Term, describe_group
from auditkit.measures.groups.disparities import NO_REFERENCE, ratios
from auditkit.measures.groups.rates import rates
from auditkit.measures.numbers.significance import significance
from auditkit.parameters import DEPTH, LEVEL, MIN_GROUP

if TYPE_CHECKING:
    from auditkit.checks.grouped import Grouped
    from auditkit.evidence import Cell
    from auditkit.measures.numbers.intervals import Array, Estimates
    from auditkit.measures.numbers.significance import Significance
    from auditkit.subject import Case

_UNITS = {
    "standard_deviations": "standard deviations",
    "adjusted_p_value": "probability",
    "power": "probability",
}
_COLUMNS = (
    "group",
    "n",
    "selected",
    "impact_ratio",
    "standard_deviations",
    "p_value",
    "adjusted_p_value",
    "power",
    "detectable_ratio",
    "flipped_ratio",
    "false_discovery_p_value",
    "test",
    "selection_rate",
    "lower",
    "upper",
    "reference",
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
        min_group: The fewest members of a group that others are compared with.
        ratio: The ratio that the power is computed for.
        alpha: The level of the tests that the power is computed for.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field()
    min_group: int = MIN_GROUP.field()
    ratio: float = LEVEL.field(0.8)
    alpha: float = LEVEL.field(0.05)


def _run(case: Case, parameters: Parameters) -> Result:
    found = grouped(case, depth=parameters.depth, min_group=parameters.min_group)
    selection = rates(found.confusion, "selection_rate", level=parameters.level)
    tests = significance(
        found.confusion.rows[:, [1, 3]].sum(axis=1),
        found.partition.rows.astype(float),
        found.reference,
        ratio=parameters.ratio,
        alpha=parameters.alpha,
    )
    compared = [i for i in found.compared() if found.reference[i] != i]
    return Result(
        n=case.rows,
        population="decisions",
        measurements=tuple(
            _measurement(found, tests, name, i) for name in _UNITS for i in compared
        ),
        tables=(
            Table(
                name="four_fifths",
                title="Selection rates against the highest, with tests",
                columns=_COLUMNS,
                rows=tuple(
                    _row(found, tests, selection, ratios(selection, found.reference), i)
                    for i in found.compared()
                ),
            ),
        ),
        notes=(
            *group_notes(found, parameters.min_group),
            f"{len(compared)} comparisons were made; adjusted p-values allow for all of them.",
        ),
    )


def _measurement(found: Grouped, tests: Significance, name: str, i: int) -> Measurement:
    value = float(_of(tests, name)[i])
    known = bool(np.isfinite(value))
    return Measurement(
        name=name,
        value=value if known else None,
        n=int(found.partition.rows[i]),
        unit=_UNITS[name],
        method=_method(tests, name, i),
        group=found.groups[i],
        compared_with=found.reference_of(i),
        reason="" if known else _why_not(found, i),
    )


def _why_not(found: Grouped, i: int) -> str:
    return NO_REFERENCE if found.reference[i] < 0 else found.why_alike(i)


def _method(tests: Significance, name: str, i: int) -> str:
    if name != "adjusted_p_value":
        return "pooled two-proportion z"
    return f"{'Fisher exact' if tests.exact[i] else 'pooled two-proportion z'}, Holm"


def _of(tests: Significance, name: str) -> Array:
    column: Array = getattr(tests, "holm" if name == "adjusted_p_value" else name)
    return column


def _row(
    found: Grouped, tests: Significance, selection: Estimates, ratio: Estimates, i: int
) -> tuple[Cell, ...]:
    group = found.groups[i]
    n = int(found.partition.rows[i])
    one, other = selection.at(i), ratio.at(i)
    numbers = (
        tests.standard_deviations,
        tests.p_value,
        tests.holm,
        tests.power,
        tests.detectable_ratio,
        tests.flipped_ratio,
        tests.benjamini_hochberg,
    )
    return (
        describe_group(group),
        n,
        int(found.confusion.rows[i, [1, 3]].sum()),
        other.value,
        *(_cell(number[i]) for number in numbers),
        "Fisher" if tests.exact[i] else "z",
        one.value,
        one.lower,
        one.upper,
        describe_group(found.reference_of(i)),
    )


def _cell(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


TERMS = {
    "standard_deviations": Term(
        "Standard deviations",
        "Difference in selection rates over its standard error in the pooled sample.",
    ),
    "adjusted_p_value": Term(
        "Adjusted p-value",
        "Probability of so large a difference by chance, allowing for all comparisons made (Holm).",
    ),
    "detectable_ratio": Term(
        "Minimum detectable ratio",
        "The ratio nearest to one, from below, that a sample of this size would mostly show.",
    ),
    "flipped_ratio": Term(
        "Ratio with one decision flipped",
        (
            "Impact ratio if one favourable decision had gone to this group instead of the "
            "reference group."
        ),
    ),
    "power": Term(
        "Power", "Probability that a sample of this size would show a ratio of four fifths."
    ),
}

CHECK = Check(
    id="fairness.significance",
    version="1",
    title="Could the differences be chance?",
    area="fairness",
    measures=(
        "For each group against the one with the highest selection rate: the difference in "
        "standard deviations, its p-value adjusted for all comparisons, and the power to show a "
        "ratio of 0.8. The table adds the p-value alone, the minimum detectable ratio "
        "at a power of 0.8, and the ratio if one decision had gone the other way."
    ),
    misleads=(
        "A large p-value is not evidence of no difference: read it with the power. In a large "
        "sample a small difference is significant too: read it with the ratio."
    ),
    source="29 CFR 1607.4(D); Fisher 1935; Holm 1979; Benjamini and Hochberg 1995",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
)
