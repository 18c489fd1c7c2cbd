"""How decisions fell on groups, as frames and as a page.

Laws:
    - Frames hold every number, unless a small cell is named: then they hide what rests on fewer
      people, and what that would follow from, as NaN, and `suppressed` marks the rows. What is
      printed hides small counts always.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.errors import InputError
from auditkit.evidence import describe_group
from auditkit.measures.fairness.frames import MEMBER_METRIC, SUPPRESSED, GroupFrames, columns_of
from auditkit.measures.fairness.page import html_of, text_of
from auditkit.measures.groups.bootstrap import Gap
from auditkit.measures.groups.hidden import MEMBERS, Mask, hidden_groups, veiled
from auditkit.measures.groups.membership import is_unknown
from auditkit.measures.groups.metrics import SCORED
from auditkit.measures.groups.ranking import calibration_curve
from auditkit.measures.groups.rates import values
from auditkit.measures.groups.scores import smallest_ratios, sweep
from auditkit.measures.numbers.significance import holm, significance

# The field's names for an even rate; each is a row of `Fairness.disparities`.
CRITERIA: Final = {
    "selection_rate": "demographic parity",
    "tpr": "equal opportunity",
    "ppv": "predictive parity",
    "fpr": "predictive equality",
    "accuracy": "overall accuracy equality",
    "treatment_equality": "treatment equality",
    "equalized_odds": "equalized odds",
}


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Fairness(GroupFrames):
    """How decisions fell on groups, as frames; the fields are those of `GroupNumbers`."""

    @cached_property
    def disparities(self) -> pd.DataFrame:
        """One row for each metric and set of attributes: the largest gaps among its groups.

        A gap is taken over the groups that are known, large enough, and have the metric; the others
        are counted in `groups_left_out`, and where one lacks the metric `status` says why: the
        largest gap of all groups may then be larger. Where nothing is compared, as nobody is
        selected, there is no gap.

        Intervals hold for all pairs of groups at once. `adjusted_p_value` is Holm's over all rows.
        Largest gaps of KS and the calibration error have neither interval nor p-value; `status`
        says so.
        """
        rows, hidden = [], []
        for attributes, positions in self.partition.combinations().items():
            compared = self._comparable(positions)
            for metric, parts in self._criteria().items():
                if self.small_cell is not None:
                    # The sizes of the groups compared add up to n.
                    hidden.append(any(self.hides(part)[compared].any() for part in parts))
                gap = self._gap(parts, compared, metric=metric, ratio=False)
                ratio = self._gap(parts, compared, metric=metric, ratio=True)
                rows.append(
                    {
                        "attributes": ",".join(attributes),
                        "metric": metric,
                        "known_as": CRITERIA.get(metric, ""),
                        "groups_compared": gap.compared,
                        "groups_left_out": len(positions) - gap.compared,
                        **self._disparity(gap, ratio, compared),
                    }
                )
        adjusted = holm(np.array([row["p_value"] for row in rows], dtype=float))
        for row, p_value in zip(rows, adjusted, strict=True):
            row["adjusted_p_value"] = float(p_value)
        table = pd.DataFrame(rows, columns=_DISPARITY_COLUMNS)
        table = table.astype({c: float for c in _DISPARITY_COLUMNS if c in _DISPARITY_NUMBERS})
        if self.small_cell is None:
            return table
        numbers = [*sorted(_DISPARITY_NUMBERS), "n"]
        texts = {"lowest": "", "highest": "", "status": SUPPRESSED}
        return veiled(table, dict.fromkeys(numbers, np.array(hidden)), **texts)

    def significance(self, *, ratio: float = 0.8, alpha: float = 0.05) -> pd.DataFrame:
        """Tests of each group's selection rate against its reference's, with their power.

        Args:
            ratio: The ratio that the power is about.
            alpha: Two-sided level.

        Raises:
            InputError: If rows are weighted or clustered: the tests count independent people.
        """
        if self._weights is not None or self.clustered:
            raise InputError(
                "The tests count independent people, and rows are weighted or clustered.",
                remedy="use the intervals: disparities, judge()",
            )
        selected = self.counts.rows[:, [1, 3]].sum(axis=1)
        reference = np.where([is_unknown(g) for g in self.groups], -1, self.reference)
        n = self.partition.rows.astype(float)
        tests = significance(selected, n, reference, ratio=ratio, alpha=alpha)
        frame = pd.DataFrame(
            {
                "group": [describe_group(g) for g in self.groups],
                "n": self.partition.rows,
                "selected": selected.astype(np.int64),
                **columns_of("selection_rate", self.estimates("selection_rate")),
                **columns_of("impact_ratio", self.ratios("selection_rate")),
                **vars(tests),
            }
        )
        if self.small_cell is None:
            return frame
        # Of the selected the number is shown, and with it that of the others.
        hidden = self.hides_comparison("ppv") | self.hides_comparison("npv")
        numbers = [str(name) for name in frame if name not in {"group", "exact"}]
        return veiled(frame, dict.fromkeys(numbers, hidden))

    def sweep(self, thresholds: npt.ArrayLike | None = None) -> pd.DataFrame:
        """What other cut-offs on the scores would do: one row for each cut-off and group.

        Args:
            thresholds: Rising; None: 0.00, 0.05, ... 1.00.

        Raises:
            InputError: If no scores were given.
        """
        if self._scores is None:
            raise InputError("A threshold sweep needs scores.", remedy="fairness(..., scores=...)")
        cuts = np.round(np.arange(21) / 20, 2) if thresholds is None else np.asarray(thresholds)
        swept = sweep(self.partition, self._labels, self._scores, cuts, weights=self._weights)
        size = len(self.groups)
        smallest = np.empty((len(cuts), size))
        for positions in self.partition.combinations().values():
            compared = self._comparable(positions)
            lowest = smallest_ratios(swept, compared) if compared else np.full(len(cuts), np.nan)
            smallest[:, positions] = lowest[:, None]
        frame = pd.DataFrame(
            {
                "threshold": np.repeat(cuts, size),
                "group": [describe_group(g) for g in self.groups] * len(cuts),
                "n": np.tile(self.partition.rows, len(cuts)),
                **{
                    m: values(swept, m).ravel()
                    for m in ("selection_rate", "tpr", "fpr", "ppv", "accuracy")
                },
                "smallest_ratio": smallest.ravel(),
            }
        )
        if self.small_cell is None:
            return frame
        members = ("n", "selection_rate", "ppv", "accuracy")
        rests_on = {"tpr": "tpr", "fpr": "fpr"} | dict.fromkeys(members, MEMBER_METRIC)
        hidden = {name: np.tile(self.hides(metric), len(cuts)) for name, metric in rests_on.items()}
        small = np.zeros(size, dtype=bool)
        for positions in self.partition.combinations().values():
            small[positions] = self.hides(MEMBER_METRIC)[self._comparable(positions)].any()
        return veiled(frame, hidden | {"smallest_ratio": np.tile(small, len(cuts))})

    def calibration(self, *, bins: int = 10) -> pd.DataFrame:
        """Observed share against mean score, one row for each group and bin; NaN in empty bins.

        Args:
            bins: Of equal width over [0, 1].

        Raises:
            InputError: If no scores were given.
        """
        if self._scores is None:
            raise InputError("Calibration needs scores.", remedy="fairness(..., scores=...)")
        frames = []
        for position, group in enumerate(self.groups):
            rows = self.partition.rows_of(position)
            weights = None
            if self._weights is not None:
                rows = rows & (self._weights > 0)
                weights = self._weights[rows]
            curve = calibration_curve(
                self._labels[rows],
                self._scores[rows],
                weights=weights,
                bins=bins,
                level=self.level,
            )
            frame = pd.DataFrame([asdict(b) for b in curve]).astype({"mean_score": float})
            frame.insert(0, "group", describe_group(group))
            frames.append(frame)
        table = pd.concat(frames, ignore_index=True)
        if self.small_cell is None:
            return table
        hidden = self._hidden_bins(table, bins)
        names = ("n", "positives", "mean_score", "observed", "lower", "upper")
        return veiled(table, dict.fromkeys(names, hidden))

    def _hidden_bins(self, table: pd.DataFrame, bins: int) -> Mask:
        """Which rows of a calibration table are hidden: bins of few, or of few of either label."""
        assert self.small_cell is not None
        n = table["n"].to_numpy(np.int64).reshape(-1, bins)
        positives = table["positives"].to_numpy(np.int64).reshape(-1, bins)
        counts = {MEMBERS: self.partition.rows, SCORED: n.sum(axis=1)}
        sums: list[tuple[str, tuple[str, ...]]] = [(SCORED, tuple(f"{b}" for b in range(bins)))]
        for b in range(bins):
            parts = {f"{b} favourable": positives[:, b], f"{b} other": (n - positives)[:, b]}
            counts |= {f"{b}": n[:, b], **parts}
            sums.append((f"{b}", tuple(parts)))
        found = hidden_groups(self.partition, counts, small_cell=self.small_cell, sums=sums)
        by_bin = [
            found[f"{b}"] | found[f"{b} favourable"] | found[f"{b} other"] for b in range(bins)
        ]
        return np.stack(by_bin, axis=1).ravel()

    def __repr__(self) -> str:
        """The selection rates and impact ratios, with small counts hidden."""
        return text_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)

    def _criteria(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {m: (m,) for m in self.metrics}
        if {"tpr", "fpr"} <= set(self.metrics):
            found["equalized_odds"] = ("tpr", "fpr")
        return found

    def _disparity(self, gap: Gap, ratio: Gap, compared: list[int]) -> dict[str, Any]:
        names = [describe_group(self.groups[compared[g]]) for g in gap.groups] or ["", ""]
        return {
            "largest_difference": gap.estimate.value,
            "difference_lower": gap.estimate.lower,
            "difference_upper": gap.estimate.upper,
            "lowest": names[0],
            "highest": names[1],
            "smallest_ratio": ratio.estimate.value,
            "ratio_lower": ratio.estimate.lower,
            "ratio_upper": ratio.estimate.upper,
            "p_value": gap.p_value,
            "n": gap.estimate.n,
            "status": _disparity_status(gap, ratio),
        }


_DISPARITY_COLUMNS: Final = [
    "attributes",
    "metric",
    "known_as",
    "largest_difference",
    "difference_lower",
    "difference_upper",
    "lowest",
    "highest",
    "smallest_ratio",
    "ratio_lower",
    "ratio_upper",
    "p_value",
    "adjusted_p_value",
    "n",
    "groups_compared",
    "groups_left_out",
    "status",
]


_DISPARITY_NUMBERS: Final = frozenset(_DISPARITY_COLUMNS[3:6] + _DISPARITY_COLUMNS[8:13])


def _disparity_status(gap: Gap, ratio: Gap) -> str:
    if gap.estimate.value is None:
        return f"not estimable: {gap.estimate.reason}"
    said = [gap.estimate.reason] if gap.estimate.reason else []
    if gap.no_interval:
        said.append(f"no interval: {gap.no_interval}")
    if ratio.estimate.value is None:
        said.append(f"ratio not estimable: {ratio.estimate.reason}")
    return "; ".join(said)
