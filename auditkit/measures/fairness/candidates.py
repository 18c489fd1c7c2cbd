"""Measured candidates of a search for less discriminatory alternatives.

Laws:
    - Every candidate is listed, not only the best: a search that shows only its winner looks
      better than it is. Intervals are for each candidate alone.
    - A candidate that needs a person's group to decide is marked and never counted as an
      alternative: treating people by group is what credit law forbids first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from auditkit.evidence import Evidence, Measurement, Table
from auditkit.measures.groups.measured import measured
from auditkit.measures.numbers.intervals import Estimate
from auditkit.wording import html_table, interval, plural

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.charts import Chart

CHECK_ID: Final = "fairness.alternatives"
CHECK_VERSION: Final = "1"
CHECK_TITLE: Final = "Less disparate alternatives"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A way to decide, measured on rows that it was not made from.

    Attributes:
        name: Its name, such as "cut-off 0.65".
        uses_group: Whether it needs a person's group to decide.
        balanced_accuracy: Over everyone.
        selection_rate: Over everyone.
        ratio: The lowest selection rate over the highest, among groups that are large enough.
        frontier: Whether it is on the Pareto frontier of balanced accuracy and ratio, among
            candidates that do not use the group.
    """

    name: str
    uses_group: bool
    balanced_accuracy: Estimate
    selection_rate: Estimate
    ratio: Estimate
    frontier: bool = False


@dataclass(frozen=True, kw_only=True, repr=False)
class Alternatives:
    """The candidates of a search.

    Attributes:
        candidates: The current model, then all others.
        attribute: The attribute whose groups are compared.
        loss: Largest loss of balanced accuracy of an alternative.
        min_gain: Least gain of its ratio.
        parameters: Other parameters of the numbers.
        n: Number of rows used to measure.
    """

    candidates: tuple[Candidate, ...]
    attribute: str
    loss: float
    min_gain: float
    parameters: dict[str, Any] = field(hash=False)
    n: int

    @property
    def less_disparate(self) -> tuple[Candidate, ...]:
        """Those that lose at most `loss`, gain at least `min_gain`, and do not use the group."""
        now = self.candidates[0]
        if now.ratio.value is None or now.balanced_accuracy.value is None:
            return ()
        return tuple(
            c
            for c in self._comparable
            if c.balanced_accuracy.value is not None
            and c.ratio.value is not None
            and c.balanced_accuracy.value >= now.balanced_accuracy.value - self.loss
            and c.ratio.value >= now.ratio.value + self.min_gain
        )

    @property
    def nothing_compared(self) -> str:
        """Why no candidate could be compared with the current model; empty if one could."""
        now = self.candidates[0]
        for number in (now.ratio, now.balanced_accuracy):
            if number.value is None:
                return number.reason
        return "" if self._comparable else "no candidate has both numbers"

    @property
    def _comparable(self) -> tuple[Candidate, ...]:
        """Candidates that do not use the group and have both numbers."""
        return tuple(
            c
            for c in self.candidates[1:]
            if not c.uses_group and None not in (c.ratio.value, c.balanced_accuracy.value)
        )

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(_COLUMNS))

    def plot(self) -> Chart:
        """Smallest ratio against balanced accuracy, with the frontier."""
        from auditkit.charts import frontier

        return frontier(
            [
                (c.name, c.balanced_accuracy.value, c.ratio.value, c.frontier, c.uses_group)
                for c in self.candidates
                if c.balanced_accuracy.value is not None and c.ratio.value is not None
            ]
        )

    def evidence(self) -> Evidence:
        """Evidence of the check fairness.alternatives, for `Inputs(evidence=[...])`."""
        better = self.less_disparate
        group = ((self.attribute, "(all)"),)
        best = max(better, key=lambda c: c.ratio.value or 0.0, default=None)
        measurements = [
            Measurement(
                name="less_disparate_alternatives",
                value=None if self.nothing_compared else len(better),
                n=self.n,
                unit="count",
                group=group,
                method=(
                    f"of {len(self.candidates) - 1} candidates, those that lose at most "
                    f"{self.loss:g} in balanced accuracy and gain at least {self.min_gain:g}"
                ),
                reason=self.nothing_compared,
            )
        ]
        if best is not None:
            measurements += [
                replace(measured(name, estimate, unit=unit, group=group), method=best.name)
                for name, estimate, unit in (
                    ("alternative_ratio", best.ratio, "ratio"),
                    ("alternative_balanced_accuracy", best.balanced_accuracy, "proportion"),
                )
            ]
        return Evidence(
            check=CHECK_ID,
            version=CHECK_VERSION,
            title=CHECK_TITLE,
            area="fairness",
            n=self.n,
            population="decisions",
            parameters={
                "attribute": self.attribute,
                "loss": self.loss,
                "least_gain": self.min_gain,
                **self.parameters,
            },
            measurements=tuple(measurements),
            tables=(
                Table(
                    name="alternatives",
                    title="Every candidate, measured on rows that it was not made from",
                    columns=_COLUMNS,
                    rows=tuple(self._rows()),
                ),
            ),
            notes=(
                "The best of many looks better here than it will on new data.",
                (
                    "A candidate that uses the group decides people differently by it, which may "
                    "be unlawful; it is listed, and never counted as an alternative."
                ),
            ),
        )

    def __repr__(self) -> str:
        """The number of candidates, and of alternatives among them."""
        return (
            f"<Alternatives by {self.attribute}: {plural(len(self.candidates) - 1, 'candidate')}, "
            f"{len(self.less_disparate):,} nearly as accurate and less disparate, "
            f"measured on {plural(self.n, 'row')}>"
        )

    def _repr_html_(self) -> str:
        """The current model, then the alternatives and the frontier, for a notebook."""
        better = self.less_disparate
        shown = [c for c in self.candidates[1:] if c in better or c.frontier]
        return html_table(
            f"{repr(self)[1:-1]}; to_frame() holds all",
            ("candidate", "balanced accuracy", "smallest ratio", "less disparate"),
            [
                (c.name, _words(c.balanced_accuracy), _words(c.ratio), "yes" if c in better else "")
                for c in (self.candidates[0], *shown)
            ],
        )

    def _rows(self) -> list[tuple[Any, ...]]:
        return [
            (
                c.name,
                c.uses_group,
                c.frontier,
                c.balanced_accuracy.value,
                c.ratio.value,
                c.ratio.lower,
                c.ratio.upper,
                c.selection_rate.value,
            )
            for c in self.candidates
        ]


_COLUMNS: Final = (
    "candidate",
    "uses_group",
    "frontier",
    "balanced_accuracy",
    "smallest_ratio",
    "lower",
    "upper",
    "selection_rate",
)


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"not estimable: {estimate.reason}"
    return interval(estimate.value, estimate.lower, estimate.upper)


def with_frontier(candidates: list[Candidate]) -> Iterator[Candidate]:
    """The candidates, with the Pareto frontier marked."""
    places = {
        i: (c.balanced_accuracy.value, c.ratio.value)
        for i, c in enumerate(candidates)
        if not c.uses_group and None not in (c.balanced_accuracy.value, c.ratio.value)
    }
    for i, c in enumerate(candidates):
        own = places.get(i)
        beaten = own is not None and any(
            other != own and all(a >= b for a, b in zip(other, own, strict=True))  # type: ignore[operator]
            for other in places.values()
        )
        yield replace(c, frontier=own is not None and not beaten)
