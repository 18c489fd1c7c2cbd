"""What may leave a profile: counts and means of each column, with small cells suppressed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from auditkit.measures.numbers.suppression import Equation, hidden_cells
from auditkit.watching.profile.counting import UNIT, from_units
from auditkit.watching.profile.layout import Column, Layout
from auditkit.watching.profile.strata import Stratum, Tallied

if TYPE_CHECKING:
    import pandas as pd

_PARTS = ("n", "missing", "not finite", "other", "unseen")


def summary(layout: Layout, strata: Mapping[Stratum, Tallied]) -> pd.DataFrame:
    """See `Profile.to_frame`."""
    import pandas as pd

    rows = [row for column in layout.columns for row in _of_column(layout, strata, column)]
    names = [
        "version", "attribute", "group", "role", "column", "kind", "n", "missing", "not_finite",
        "other", "unseen", "mean", "sd",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _of_column(
    layout: Layout, strata: Mapping[Stratum, Tallied], column: Column
) -> Iterator[dict[str, Any]]:
    start = layout.starts[column.key]
    counts: dict[tuple[Stratum, str], int] = {}
    for stratum, tallied in strata.items():
        cells = tallied.cells[start : start + column.cells]
        counts[stratum, "all"] = int(cells.sum())
        counts[stratum, "n"] = int(cells[: column.values].sum())
        for part in _PARTS[1:]:
            is_there = part == "missing" or part in (
                ("not finite",) if column.kind == "number" else ("other", "unseen")
            )
            counts[stratum, part] = int(cells[column.place_of(part)]) if is_there else 0
    hidden = hidden_cells(
        counts,
        list(_equations(strata)),
        small_cell=layout.small_cell,
        fixed={key for key in counts if key[1] == "all" and not key[0].attribute},
    )
    for stratum, tallied in strata.items():
        shown = {
            part.replace(" ", "_"): None if (stratum, part) in hidden else counts[stratum, part]
            for part in _PARTS
        }
        n = shown["n"]
        mean = sd = None
        if column.kind == "number" and n:
            at = 2 * layout.summed[column.key]
            mean, sd = moments(n, *tallied.sums[at : at + 2])
        yield {
            "version": stratum.version,
            "attribute": stratum.attribute,
            "group": stratum.group,
            "role": column.role,
            "column": column.name,
            "kind": column.kind,
            **shown,
            "mean": mean,
            "sd": sd,
        }


def _equations(strata: Mapping[Stratum, Tallied]) -> Iterator[Equation[tuple[Stratum, str]]]:
    """The sums that a reader knows: of the parts of a column, and of the groups of an attribute."""
    by: dict[Stratum, dict[str, list[Stratum]]] = {}
    for stratum in strata:
        yield Equation(total=(stratum, "all"), parts=tuple((stratum, part) for part in _PARTS))
        if stratum.attribute:
            everyone = by.setdefault(Stratum(stratum.version), {})
            everyone.setdefault(stratum.attribute, []).append(stratum)
    for whole, attributes in by.items():
        for members in attributes.values():
            for part in ("all", *_PARTS):
                yield Equation(total=(whole, part), parts=tuple((m, part) for m in members))


def moments(n: int, total: int, squares: int) -> tuple[float, float | None]:
    """Mean and standard deviation of `n` numbers from their exact sums; no sd of one number."""
    mean = from_units(total, n)
    if n < 2:
        return mean, None
    # In whole numbers, so that nothing cancels: n * sum of squares - (sum)**2, in units squared.
    spread = n * (squares << UNIT) - total * total
    variance = max(0, spread) / ((n * (n - 1)) << (2 * UNIT))
    return mean, math.sqrt(variance)
