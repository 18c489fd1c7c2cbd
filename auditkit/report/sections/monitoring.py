"""Sections on monitoring: a calendar of the windows, and the worst number of each over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from auditkit.charts import calendar, timeline
from auditkit.evidence import Evidence, Outcome, Table
from auditkit.report.blocks.kinds import Block, ChartBlock
from auditkit.report.figures.figure_ledger import FigureLedger, Line
from auditkit.report.sections.generic import measurements, plain, rows

_MOST = 8
_WINDOWS = frozenset({"window_from", "monitor", "state", "monitor_ran", "broken"})
_NUMBERS = frozenset(
    {"rule", "window_from", "value", "lower", "upper", "tolerance", "outcome", "at_most"}
)


def operation(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The windows of each monitor in a calendar, then the numbers and the tables."""
    table = _table(evidence, "monitoring_windows", _WINDOWS)
    if table is None:
        return plain(book, evidence)
    charts: list[Block] = []
    for name in dict.fromkeys(table.column("monitor")):
        own = [i for i, other in enumerate(table.column("monitor")) if other == name][:400]
        first = _cell(table, own[0], "window_from")
        days = {i: _days(first, _cell(table, i, "window_from")) for i in own}
        kinds = {
            "judged": [days[i] for i in own if _cell(table, i, "state") == "judged"],
            "broke a rule": [days[i] for i in own if _cell(table, i, "broken")],
            "missed": [days[i] for i in own if _cell(table, i, "state") in ("missed", "no entry")],
            "monitor did not run": [days[i] for i in own if not _cell(table, i, "monitor_ran")],
        }
        charts.append(
            ChartBlock(
                title=Line(
                    "The windows of ", book.words(str(name)), ", from ",
                    book.cell(evidence, table, own[0], "window_from"), " on.",
                ),
                chart=calendar(list(kinds.items())),
                how="How to read it: each mark is a window; a gap in the first row is a window "
                "that was not judged.",
                evidence=book.quote(evidence.id),
            )
        )  # fmt: skip
    tables = [rows(book, evidence, table) for table in evidence.tables]
    return [*charts, *measurements(book, evidence, evidence.measurements), *tables]


def numbers(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """For each rule the worst number of each window, against the tolerance."""
    table = _table(evidence, "monitoring_numbers", _NUMBERS)
    if table is None:
        return plain(book, evidence)
    first = min(str(start) for start in table.column("window_from"))
    charts: list[Block] = []
    for rule in dict.fromkeys(table.column("rule")):
        own = [
            i for i, other in enumerate(table.column("rule"))
            if other == rule and _cell(table, i, "value") is not None
        ]  # fmt: skip
        if not own or len(charts) == _MOST:
            continue
        points = [
            (
                _days(first, _cell(table, i, "window_from")),
                *(_cell(table, i, name) for name in ("value", "lower", "upper")),
                _cell(table, i, "outcome") == Outcome.FAIL.words,
            )
            for i in own
        ]
        charts.append(
            ChartBlock(
                title=Line("Rule ", book.words(str(rule)), " in each window."),
                chart=timeline(
                    points,
                    tolerance=_cell(table, own[-1], "tolerance"),
                    at_most=bool(_cell(table, own[-1], "at_most")),
                    measure=f"Rule {rule}",
                ),
                how="How to read it: the shaded ground is beyond the tolerance; a triangle is a "
                "window that broke the rule, with its whole interval.",
                evidence=book.quote(evidence.id),
            )
        )
    tables = [rows(book, evidence, table) for table in evidence.tables]
    return [*charts, *measurements(book, evidence, evidence.measurements), *tables]


def _table(evidence: Evidence, name: str, columns: frozenset[str]) -> Table | None:
    found = next((t for t in evidence.tables if t.name == name), None)
    return found if found is not None and found.rows and columns <= set(found.columns) else None


def _cell(table: Table, row: int, name: str) -> Any:
    return table.rows[row][table.columns.index(name)]


def _days(first: str, start: str) -> float:
    return (datetime.fromisoformat(start) - datetime.fromisoformat(first)).total_seconds() / 86_400
