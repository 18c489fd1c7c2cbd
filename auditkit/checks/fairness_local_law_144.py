"""Impact ratios in the layout of New York City's rule on automated employment decision tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditkit.checks.check import Check, NotApplicable, Result
from auditkit.checks.grouped import decisions_of, require_groups, what_makes_alike
from auditkit.evidence import Measurement, Table, Term
from auditkit.measures.fairness.local_law_144 import MIN_SHARE, local_law_144
from auditkit.measures.groups.membership import UNKNOWN
from auditkit.parameters import SHARE, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditkit.evidence import Cell
    from auditkit.measures.fairness.local_law_144 import Category, CategoryRow, LocalLaw144
    from auditkit.measures.groups.membership import Group
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        sex: The group attribute that holds the sex.
        race: The group attribute that holds race or ethnicity.
        least_share: A category with a smaller share of the sample is left out of the ratios.
    """

    sex: str = TEXT.field("sex")
    race: str = TEXT.field("race")
    least_share: float = SHARE.field(MIN_SHARE)


def _run(case: Case, parameters: Parameters) -> Result:
    require_groups(case)
    sex, race = parameters.sex, parameters.race
    for name in (sex, race):
        if name not in case.groups:
            raise NotApplicable(f"there is no group attribute called {name!r}")
    found = local_law_144(
        sex=case.groups[sex],
        race=case.groups[race],
        predictions=decisions_of(case),
        min_share=parameters.least_share,
    )
    alike = what_makes_alike(case)
    listed = [
        *(("sex", row, (sex,)) for row in found.sex),
        *(("race", row, (race,)) for row in found.race),
        *(("intersectional", row, (race, sex)) for row in found.intersectional),
    ]
    return Result(
        n=found.n,
        population="applicants",
        measurements=(
            *(_measurement(row, names, alike) for _, row, names in listed if row.n),
            Measurement(
                name="unknown_category",
                value=found.unknown,
                n=found.n,
                unit="count",
                group=((sex, UNKNOWN), (race, UNKNOWN)),
            ),
        ),
        tables=(
            Table(
                name="local_law_144",
                title="Selection rates and impact ratios by sex, race or ethnicity, and both",
                columns=("table", "category", "n", "selected", "rate", "impact_ratio", "left_out"),
                rows=tuple(_row(table, row) for table, row, _ in listed),
            ),
        ),
        notes=_notes(found),
    )


def _measurement(row: CategoryRow, names: tuple[str, ...], alike: Mapping[str, str]) -> Measurement:
    return Measurement(
        name="category_impact_ratio",
        value=row.impact_ratio,
        n=row.n,
        unit="ratio",
        method="rate over the highest rate",
        group=_group(names, row.category),
        compared_with=_group(names, row.highest),
        reason=alike.get(row.reason, row.reason),
    )


def _group(names: tuple[str, ...], category: Category) -> Group:
    return tuple(zip(names, category, strict=True)) if category else ()


def _row(table: str, row: CategoryRow) -> tuple[Cell, ...]:
    name = " / ".join(row.category)
    return (table, name, row.n, row.favoured, row.rate, row.impact_ratio, row.left_out)


def _notes(found: LocalLaw144) -> tuple[str, ...]:
    notes = [
        "The rule sets no threshold. A bias audit under it takes an independent auditor.",
    ]
    small = sum(row.left_out for row in (*found.sex, *found.race, *found.intersectional))
    if small:
        notes.append(
            f"{small} categories hold less than {found.min_share:.0%} of the sample and are left "
            "out of the ratios; the rule asks the auditor to justify that."
        )
    return tuple(notes)


TERMS = {
    "category_impact_ratio": Term(
        "Impact ratio of the category",
        "Rate of the category over the highest rate of any that is not left out.",
    ),
    "unknown_category": Term(
        "Unknown category", "Cases whose sex, or whose race or ethnicity, is unknown."
    ),
}

CHECK = Check(
    id="fairness.local_law_144",
    version="1",
    title="Impact ratios by sex and race or ethnicity",
    area="fairness",
    measures=(
        "Selection rate and impact ratio of every category of sex, of race or ethnicity, and of "
        "both, the number of unknown category, and the categories left out for their size."
    ),
    misleads=(
        "The ratios have no interval, and the highest rate may be that of a small category. It is "
        "a table, not a bias audit, and it applies to employment decisions in New York City."
    ),
    source="6 RCNY 5-300 to 5-304",
    run=_run,
    terms=TERMS,
    parameters=Parameters,
)
