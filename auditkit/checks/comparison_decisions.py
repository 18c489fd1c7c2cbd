"""Who is decided anew: how many decisions change beside the model in use, which way, by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, NotApplicable, Result
from auditkit.checks.compared import champion_of, paired_counts, partition_of
from auditkit.evidence import Measurement, Term
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.intervals import rate
from auditkit.measures.numbers.paired import mcnemar
from auditkit.parameters import DEPTH, LEVEL

if TYPE_CHECKING:
    from auditkit.measures.groups.membership import Group
    from auditkit.measures.groups.paired import PairedCounts
    from auditkit.subject import Case

# Nothing here is resampled.
_NONE = 1


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        depth: The most attributes that are intersected.
    """

    level: float = LEVEL.field()
    depth: int = DEPTH.field()


def _run(case: Case, parameters: Parameters) -> Result:
    champion = champion_of(case)
    own = {"champion": str(champion.subject.digest)}
    notes = ("McNemar's test asks whether decisions change one way as often as the other.",)
    if case.decisions is None:
        if case.classes is None:
            raise NotApplicable(f"nothing is decided: the model {case.task.words}")
        return Result(
            parameters=own,
            n=case.rows,
            population="decisions",
            measurements=tuple(_of_classes(champion, case, parameters)),
        )
    counts = paired_counts(case, None, replicates=_NONE)
    forth, back = counts.newly(0)
    numbers = [
        *_newly(counts, 0, parameters.level, ()),
        Measurement(
            name="mcnemar_p",
            value=mcnemar(forth, back),
            n=case.rows,
            unit="probability",
            method="McNemar, exact",
        ),
    ]
    if case.groups:
        groups = partition_of(case, parameters.depth)
        by_group = paired_counts(case, groups, replicates=_NONE, depth=parameters.depth)
        for position, group in enumerate(groups.groups):
            numbers += _newly(by_group, position, parameters.level, group)
    ordered = sorted(numbers, key=lambda m: _ORDER.index(m.name))
    return Result(
        parameters=own,
        n=case.rows,
        population="decisions",
        measurements=tuple(ordered),
        notes=notes,
    )


def _newly(counts: PairedCounts, position: int, level: float, group: Group) -> list[Measurement]:
    n = int(counts.counts[position].sum())
    forth, back = counts.newly(position)
    return [
        Measurement(name="newly_favourable", value=forth, n=n, unit="count", group=group),
        Measurement(name="newly_unfavourable", value=back, n=n, unit="count", group=group),
        measured("decisions_changed", rate(forth + back, n, level=level), group=group),
    ]


def _of_classes(champion: Case, case: Case, parameters: Parameters) -> list[Measurement]:
    assert champion.classes is not None
    assert case.classes is not None
    changed = champion.classes.decided != case.classes.decided
    level = parameters.level
    found = [measured("decisions_changed", rate(int(changed.sum()), case.rows, level=level))]
    if case.groups:
        groups = partition_of(case, parameters.depth)
        for position, group in enumerate(groups.groups):
            of_group = changed[groups.rows_of(position)]
            share = rate(int(of_group.sum()), len(of_group), level=level)
            found.append(measured("decisions_changed", share, group=group))
    return found


TERMS = {
    "newly_favourable": Term(
        "Newly {favourable}", "Cases {favourable} that the model in use decides against."
    ),
    "newly_unfavourable": Term(
        "Newly {unfavourable}", "Cases {unfavourable} that the model in use decides for."
    ),
    "decisions_changed": Term(
        "Share of decisions that change",
        "Share of cases that the two models decide differently.",
    ),
    "mcnemar_p": Term(
        "McNemar's p-value",
        "Chance of changes this uneven, or more so, if each went either way alike.",
    ),
}
_ORDER = list(TERMS)

CHECK = Check(
    id="comparison.decisions",
    version="1",
    title="Who is decided anew",
    area="comparison",
    measures=(
        "How many decisions differ from those of the model in use, in each direction, overall and "
        "by group; and McNemar's test of whether both directions are alike."
    ),
    misleads=(
        "A decision that changes is not one that was wrong. Counts of few people are suppressed, "
        "both directions together."
    ),
    source="McNemar 1947, exact; Wilson 1927",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
    compares=True,
)
