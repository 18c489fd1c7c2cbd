"""Impact ratios in the layout of New York City's rule on automated employment decision tools.

The rule sets no threshold, and a table alone is not a bias audit under it: that needs an
independent auditor.

Laws:
    - A category's rate is the share selected, or for scores the share above the median score of
      the whole sample.
    - Its impact ratio is its rate over the highest rate among the categories that are not left
      out. A category may be left out of the ratios if it holds less than 2 % of the sample; its
      number and its rate are still shown.
    - A single category has no ratio.
    - People of unknown category are counted, but belong to no category.
    - In the intersectional table every combination has a row, even without members.

Source: 6 RCNY 5-300 to 5-304; the golden test is the example in the rule's 5-301.

Example:
    >>> t = impact_ratios({("Male",): (50, 92), ("Female",): (34, 76)})
    >>> [(row.category[0], round(row.impact_ratio, 2)) for row in t]
    [('Female', 0.82), ('Male', 1.0)]
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from auditkit.errors import InputError
from auditkit.measures.groups.hidden import MEMBERS, hidden_groups
from auditkit.measures.groups.membership import SUPPRESS_BELOW, UNKNOWN, Group, partition
from auditkit.measures.groups.rates import NOBODY
from auditkit.parameters import SHARE
from auditkit.tables.columns import favourable_rows, group_columns, numbers
from auditkit.tables.pairing import refuse_other_rows
from auditkit.wording import number

Category = tuple[str, ...]

# Below it an independent auditor may leave a category out (6 RCNY 5-301).
MIN_SHARE: Final = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryRow:
    """One category.

    Attributes:
        category: Its name; in the intersectional table the race or ethnicity, then the sex.
        n: Applicants.
        favoured: Number selected, or with scores above the median.
        rate: Their share; None without applicants.
        impact_ratio: The rate over the highest; None if left out, if nobody was favoured, or if
            there is no other category to compare with.
        left_out: Whether its share is below `min_share`, so that it is left out of the ratios.
        reason: Why there is no ratio; otherwise empty.
        highest: The category that the ratio is relative to; if several have the highest rate, the
            one with the most applicants. Empty if there is no ratio.
        hidden: Whether its numbers are not printed, because it has few people, or because another
            small category would follow from it.
        ratio_hidden: Whether its ratio is not printed, because its numbers or those of `highest`
            are hidden.
    """

    category: Category
    n: int
    favoured: int
    rate: float | None
    impact_ratio: float | None
    left_out: bool
    reason: str = ""
    highest: Category = ()
    hidden: bool = False
    ratio_hidden: bool = False


@dataclass(frozen=True, kw_only=True)
class LocalLaw144:
    """The three tables.

    Attributes:
        rate: "selection rate" or "scoring rate".
        n: Applicants, including those of unknown category.
        sex: By sex.
        race: By race or ethnicity.
        intersectional: By both.
        unknown: Applicants whose sex or whose race or ethnicity is unknown.
        min_share: Share below which categories were left out of the ratios.
    """

    rate: str
    n: int
    sex: tuple[CategoryRow, ...]
    race: tuple[CategoryRow, ...]
    intersectional: tuple[CategoryRow, ...]
    unknown: int
    min_share: float

    def to_frame(self) -> pd.DataFrame:
        """All rows, with the name of each row's table."""
        return pd.DataFrame(
            [
                {
                    "table": table,
                    "category": " / ".join(row.category),
                    "n": row.n,
                    "favoured": row.favoured,
                    self.rate.replace(" ", "_"): row.rate,
                    "impact_ratio": row.impact_ratio,
                    "left_out": row.left_out,
                }
                for table in ("sex", "race", "intersectional")
                for row in getattr(self, table)
            ]
        )

    def __repr__(self) -> str:
        """The three tables; categories of few show no number, nor do those that give it away."""
        lines = [f"Local Law 144 tables of {self.n:,} applicants, by {self.rate}"]
        for table in ("sex", "race", "intersectional"):
            lines.append(f"  {table}")
            lines += [f"    {_line(row)}" for row in getattr(self, table)]
        unknown = (
            f"{self.unknown:,}"
            if self.unknown >= SUPPRESS_BELOW
            else f"fewer than {SUPPRESS_BELOW}"
        )
        lines.append(f"  unknown category: {unknown if self.unknown else 0}")
        return "\n".join(lines)


def local_law_144(
    *,
    sex: Any,
    race: Any,
    predictions: Any = None,
    scores: Any = None,
    favourable: Any = None,
    min_share: float = MIN_SHARE,
) -> LocalLaw144:
    """The tables of sex, race or ethnicity, and both.

    Args:
        sex: One column; missing values are unknown.
        race: One column.
        predictions: Decisions of two classes. Exactly one of `predictions` and `scores` is given.
        scores: Any finite scores; higher is better.
        favourable: The class that means selected. Default: True or 1.
        min_share: Categories with a smaller share are left out of the ratios; 0: none.

    Raises:
        InputError: If not exactly one of `predictions` and `scores` is given, lengths or indexes
            differ, or a value is missing.
    """
    if (predictions is None) == (scores is None):
        raise InputError("Give exactly one of predictions and scores.")
    min_share = SHARE.read(min_share, name="min_share")
    refuse_other_rows({"predictions": predictions, "scores": scores, "sex": sex, "race": race})
    if predictions is not None:
        favoured = favourable_rows(predictions, what="predictions", favourable=favourable)
    else:
        points = numbers(scores, what="scores")
        favoured = points > np.median(points)
    n, given = len(favoured), "predictions" if predictions is not None else "scores"
    columns = {
        name: next(iter(group_columns(column, rows=n, what=name, against=given).values()))
        for name, column in (("race", race), ("sex", sex))
    }
    found = partition(columns, depth=2)
    counts = found.group_sums(found.count(favoured.view(np.uint8), 2))
    of = {
        group: (int(count[1]), int(count.sum()))
        for group, count in zip(found.groups, counts, strict=True)
    }
    names = {
        name: [g[0][1] for g in of if len(g) == 1 and g[0][0] == name and g[0][1] != UNKNOWN]
        for name in columns
    }
    both: dict[Category, tuple[int, int]] = {
        (r, s): of.get((("race", r), ("sex", s)), (0, 0))
        for r, s in itertools.product(names["race"], names["sex"])
    }
    alone: dict[str, dict[Category, tuple[int, int]]] = {
        name: {(v,): of[_alone(name, v)] for v in names[name]} for name in names
    }
    masks = hidden_groups(found, {MEMBERS: found.rows}, small_cell=SUPPRESS_BELOW)
    hidden = {g for g, mask in zip(found.groups, masks[MEMBERS], strict=True) if mask}

    def table(counts: dict[Category, tuple[int, int]], *names: str) -> tuple[CategoryRow, ...]:
        def is_hidden(category: Category) -> bool:
            return tuple(zip(names, category, strict=False)) in hidden

        return tuple(
            replace(
                row,
                hidden=is_hidden(row.category),
                ratio_hidden=is_hidden(row.category) or is_hidden(row.highest),
            )
            for row in impact_ratios(counts, min_share=min_share, sample=n)
        )

    return LocalLaw144(
        rate="selection rate" if predictions is not None else "scoring rate",
        n=n,
        sex=table(alone["sex"], "sex"),
        race=table(alone["race"], "race"),
        intersectional=table(both, "race", "sex"),
        unknown=n - sum(total for _, total in both.values()),
        min_share=min_share,
    )


def impact_ratios(
    counts: Mapping[Category, tuple[int, int]],
    *,
    min_share: float = MIN_SHARE,
    sample: int | None = None,
) -> tuple[CategoryRow, ...]:
    """One table, in the order of the categories' names.

    Args:
        counts: For each category the number favoured and the number of applicants.
        min_share: Categories with a smaller share of the sample are left out of the ratios.
        sample: Size of the sample; None: everyone counted.
    """
    total = sum(n for _, n in counts.values()) if sample is None else sample
    left_out = {c: 0 < n < min_share * total for c, (_, n) in counts.items()}
    rates = {c: favoured / n if n else None for c, (favoured, n) in counts.items()}
    compared = {c: r for c, r in rates.items() if r is not None and not left_out[c]}
    best = max(compared, key=lambda c: (compared[c], counts[c][1]), default=())
    highest = compared.get(best, 0.0)
    rows = []
    for category in sorted(counts):
        favoured, n = counts[category]
        rate = rates[category]
        reason = ""
        if rate is None:
            reason = "no applicants"
        elif left_out[category]:
            reason = "left out as a small category"
        elif len(compared) < 2:
            reason = "there is no other category to compare with"
        elif highest == 0:
            reason = NOBODY
        rows.append(
            CategoryRow(
                category=category,
                n=n,
                favoured=favoured,
                rate=rate,
                impact_ratio=rate / highest if rate is not None and not reason else None,
                left_out=left_out[category],
                reason=reason,
                highest=() if reason else best,
            )
        )
    return tuple(rows)


def _alone(name: str, value: str) -> Group:
    return ((name, value),)


def _line(row: CategoryRow) -> str:
    name = " / ".join(row.category)
    if 0 < row.n < SUPPRESS_BELOW:
        return f"{name}: fewer than {SUPPRESS_BELOW} applicants"
    if row.hidden:
        return f"{name}: suppressed"
    if row.rate is None:
        return f"{name}: no applicants"
    ratio = "left out" if row.left_out else "not estimable"
    if row.ratio_hidden:
        ratio = "suppressed"
    elif row.impact_ratio is not None:
        ratio = number(row.impact_ratio)
    return f"{name}: {row.favoured:,} of {row.n:,}, rate {row.rate:.3f}, impact ratio {ratio}"
