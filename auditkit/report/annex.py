"""The end of a report: the control matrix and the index of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from auditkit.evidence import Evidence, Outcome
from auditkit.judgement.controls import Control, ControlPack, ControlStatus
from auditkit.report.blocks.kinds import Status
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, joined

# A longer parameter is printed once; other evidence with the same one refers to it.
_LONG: Final = 40


class ControlRow:
    """One requirement of a pack with its result.

    Args:
        book: The report's figure ledger.
        found: The requirement's result.
    """

    def __init__(self, book: FigureLedger, found: ControlStatus) -> None:
        control = found.control
        self.id = book.quote(control.id)
        self.citation = book.quote(control.citation)
        self.is_cited_by_id = control.citation.endswith(control.id)
        self.requirement = book.quote(control.requirement)
        self.limits = book.quote(control.limits)
        self.strength = control.strength
        self.status = None if control.is_outside else Status(outcome=found.outcome)
        self.facts = _facts(book, control)
        self.rules = joined(", ", map(book.quote, found.rules))
        self.evidence = joined(", ", map(book.quote, found.evidence))
        self.reason = book.quote(found.reason)


def _facts(book: FigureLedger, control: Control) -> Text:
    """How the control works and where the row is from, as far as the pack states it."""
    stated = (
        ("", control.kind.capitalize()),
        ("", control.frequency),
        ("population: ", control.population),
        ("log entries: ", ", ".join(control.entries)),
        ("status: ", control.status),
        ("read in ", control.source),
        ("checked ", str(control.as_of or "")),
        ("reviewed by ", control.reviewed_by),
    )
    return joined("; ", (Line(word, book.quote(text)) for word, text in stated if text))


class Pack:
    """A control pack as one table of the matrix.

    Args:
        book: The report's figure ledger.
        pack: The pack.
    """

    def __init__(self, book: FigureLedger, pack: ControlPack) -> None:
        self.title = book.quote(pack.title)
        self.as_of = book.quote(str(pack.as_of))
        self.legal_status = book.quote(pack.legal_status)
        self.author = book.quote(pack.author)
        self.last_checked = book.quote(str(pack.checked_last()))
        today = book.judgement.as_of
        self.is_stale = today is not None and pack.is_stale(today)
        self.reviewed_by: Text = book.quote(pack.reviewed_by) if pack.reviewed_by else "nobody yet"
        self.controls = [ControlRow(book, c) for c in book.judgement.controls if c.pack == pack.id]
        self.has_facts = any(str(row.facts) for row in self.controls)


class Indexed:
    """One evidence in the index: its digest, where it is shown, and which conditions read it.

    Args:
        book: The report's figure ledger.
        evidence: The evidence.
        section: The number of the section that shows it.
        before: The evidence listed before it, whose long parameters are not repeated.
    """

    def __init__(
        self, book: FigureLedger, evidence: Evidence, section: Text, before: Sequence[Evidence] = ()
    ) -> None:
        self.id = book.quote(evidence.id)
        self.plain_id = evidence.id
        self.title = book.quote(evidence.title)
        self.check = Line(book.quote(evidence.check), " v", book.quote(evidence.version))
        self.n = book.n(evidence)
        self.digest = book.digest(evidence.digest.short)
        self.section = section
        findings = book.judgement.findings
        self.rules = joined(
            ", ", (book.quote(f.rule) for f in findings if f.evidence == evidence.id)
        )
        passed = evidence.outcome is Outcome.PASS
        self.status = None if passed else Status(outcome=evidence.outcome)
        place = ("evidence", int(evidence.id[2:]) - 1, "parameters")
        self.parameters = [
            (book.quote(name), _told(book, name, value, place, before))
            for name, value in sorted(evidence.parameters.items())
        ]


def _told(
    book: FigureLedger,
    name: str,
    value: Any,
    place: Sequence[str | int],
    before: Sequence[Evidence],
) -> Text:
    """A parameter's value, or the earlier evidence that has the same."""
    text = book.parameter(value, *place, name)
    same = (e.id for e in before if e.parameters.get(name) == value)
    first = next(same, None) if len(str(text)) > _LONG else None
    return text if first is None else Line("as for ", book.quote(first))
