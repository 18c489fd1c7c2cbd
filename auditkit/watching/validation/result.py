"""What validating found: one result a question, as a table and as evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from auditkit.evidence import SEVEREST_FIRST, Evidence, Measurement, Outcome, Term, worst
from auditkit.measures.numbers.intervals import rate
from auditkit.wording import percentage

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["hard", "soft"]
Mask = npt.NDArray[np.bool_]

SMALL_CELL: Final = 11
_LEVEL: Final = 0.95
_TERM: Final = Term("Share of rows", "The share of rows that the question found, of those asked.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The answer to one question about a table.

    Attributes:
        check: The check it belongs to, for example "validation.contract".
        question: What was asked, for example "missing".
        column: The column, or columns, that it is about; empty: the table.
        outcome: Met, exception, uncertain, not tested.
        severity: "hard" refuses rows, or the table; "soft" warns.
        count: How many rows, or columns, it found.
        n: Of how many.
        tolerance: The bound on their share.
        at_least: Whether the share has to be at least the tolerance; otherwise at most.
        reason: Why it was not tested, or what else there is to say.
        of_rows: Whether it counts rows, which may be people; otherwise columns.
    """

    check: str
    question: str
    column: str = ""
    outcome: Outcome
    severity: Severity = "hard"
    count: int = 0
    n: int = 0
    tolerance: float = 0.0
    at_least: bool = False
    reason: str = ""
    of_rows: bool = True

    @property
    def is_small(self) -> bool:
        """Whether the count is about so few people that it is not printed."""
        rest = self.n - self.count
        return self.of_rows and (0 < self.count < SMALL_CELL or 0 < rest < SMALL_CELL)

    @property
    def statement(self) -> str:
        """One sentence; a count of a few people is not in it."""
        about = f" of {self.column}" if self.column else ""
        if self.outcome in (Outcome.NOT_ASSESSED, Outcome.NOT_APPLICABLE):
            return f"{self.question}{about}: {self.outcome.words}, {self.reason}."
        least = "at least" if self.at_least else "at most"
        found = f"{self.count:,} of {self.n:,}"
        if self.is_small and self.count < SMALL_CELL:
            found = f"fewer than {SMALL_CELL} of {self.n:,}"
        elif self.is_small:
            found = f"all of {self.n:,} but fewer than {SMALL_CELL}"
        more = f" ({self.reason})" if self.reason else ""
        return (
            f"{self.question}{about}: {self.outcome.words}, {found}; {least} "
            f"{percentage(self.tolerance)} is tolerated{more}."
        )


def judged(
    check: str,
    question: str,
    count: int,
    n: int,
    *,
    column: str = "",
    tolerance: float = 0.0,
    at_least: bool = False,
    severity: Severity = "hard",
    reason: str = "",
    sampled: bool = False,
    of_rows: bool = True,
) -> Result:
    """A result by count: exact, or if the table is a sample, by Wilson's interval.

    Args:
        check: The check.
        question: What was asked.
        count: How many rows it found.
        n: Of how many.
        column: The column.
        tolerance: The bound on the share.
        at_least: Whether the share has to be at least the tolerance.
        severity: How much it matters.
        reason: What else there is to say.
        sampled: Whether the share is judged by its whole interval.
        of_rows: Whether rows are counted; otherwise columns.
    """
    given = {
        "check": check, "question": question, "column": column, "severity": severity,
        "count": count, "n": n, "tolerance": tolerance, "at_least": at_least, "of_rows": of_rows,
    }  # fmt: skip
    if n == 0:
        none = reason or "there are no rows"
        return Result(**given, outcome=Outcome.NOT_ASSESSED, reason=none)  # type: ignore[arg-type]
    found = rate(count, n, level=_LEVEL)
    low = high = count / n
    if sampled and found.lower is not None and found.upper is not None and 0 < tolerance < 1:
        low, high = found.lower, found.upper
    outcome = Outcome.UNCERTAIN
    if (low >= tolerance) if at_least else (high <= tolerance):
        outcome = Outcome.PASS
    elif (high < tolerance) if at_least else (low > tolerance):
        outcome = Outcome.FAIL
    return Result(**given, outcome=outcome, reason=reason)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Validated:
    """What was found of a table.

    Attributes:
        results: One for each question, in their order.
        rows: The table's rows.
        refused: Which rows break a hard rule, shape `(rows,)`; None: the questions are about the
            table, not about rows.
        digests: Of what was validated, and against what.
    """

    results: tuple[Result, ...]
    rows: int
    refused: Mask | None = None
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The worst of the results; a soft exception is uncertain."""
        return worst(
            [
                Outcome.UNCERTAIN
                if r.outcome is Outcome.FAIL and r.severity == "soft"
                else r.outcome
                for r in self.results
            ]
        )

    @property
    def findings(self) -> tuple[Result, ...]:
        """The results that are not met, worst first."""
        found = [r for r in self.results if r.outcome is not Outcome.PASS]
        return tuple(
            sorted(found, key=lambda r: (SEVEREST_FIRST.index(r.outcome), r.severity != "hard"))
        )

    @property
    def refused_rows(self) -> int:
        """How many rows break a hard rule; this is itself a number to watch."""
        return 0 if self.refused is None else int(self.refused.sum())

    def to_frame(self) -> pd.DataFrame:
        """One row for each question; a count of a few people is missing.

        Columns: check, question, column, outcome, severity, count, n, tolerance, reason.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                (r.check, r.question, r.column, r.outcome.words, r.severity,
                 None if r.is_small else r.count, r.n, r.tolerance, r.reason)
                for r in self.results
            ],
            columns=["check", "question", "column", "outcome", "severity", "count", "n",
                     "tolerance", "reason"],
        )  # fmt: skip

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """One for each check, with the share of every question."""
        found = []
        for check in dict.fromkeys(r.check for r in self.results):
            own = [r for r in self.results if r.check == check]
            found.append(
                Evidence(
                    check=check,
                    version="1",
                    title=_TITLES[check],
                    area="watching",
                    n=self.rows,
                    parameters=dict(self.digests),
                    measurements=tuple(_measured(r) for r in own),
                    terms={"share_of_rows": _TERM},
                )
            )
        return tuple(found)

    def __repr__(self) -> str:
        """The outcome, and how many questions were met."""
        met = sum(r.outcome is Outcome.PASS for r in self.results)
        return f"Validated({self.outcome.words}, {met} of {len(self.results)} met)"


_TITLES: Final = {
    "validation.contract": "The table keeps its contract",
    "validation.splits": "Training and test are apart",
    "validation.leakage": "No feature gives the answer away",
    "skew.features": "Features at serving are those of training",
}


def _measured(result: Result) -> Measurement:
    group = (("question", result.question), ("column", result.column or "(table)"))
    if result.is_small:
        return Measurement(
            name="share_of_rows", value=None, n=None, group=group, suppressed="small",
            reason=f"fewer than {SMALL_CELL}",
        )  # fmt: skip
    found = rate(result.count, result.n, level=_LEVEL)
    return Measurement(
        name="share_of_rows", value=found.value, n=result.n, lower=found.lower, upper=found.upper,
        level=found.level, method=found.method, group=group, reason=result.reason or found.reason,
    )  # fmt: skip
