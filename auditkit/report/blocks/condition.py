"""One condition of the policy, for the templates."""

from __future__ import annotations

from typing import Final

from auditkit.evidence import SEVEREST_FIRST, Finding, Outcome
from auditkit.report.blocks.kinds import Status
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText

# The most conditions that are named below an exception on paper.
_NAMED: Final = 8


class Condition:
    """One rule of the policy with its finding, or one of its conditions.

    Args:
        book: The report's figure ledger.
        finding: The finding.
        position: The index of the rule's finding in the statement.
    """

    def __init__(self, book: FigureLedger, finding: Finding, position: int) -> None:
        judgement = book.judgement
        rule = next(r for r in judgement.policy.rules if r.id == finding.rule)
        self._of = (book, finding, position)
        self.id = book.quote(finding.rule)
        self.anchor = finding.id
        self.finding: Text = book.quote(finding.id) if finding.id else ""
        self.title = book.quote(finding.title)
        self.status = Status(outcome=finding.outcome)
        self.severity = finding.severity
        self.sentence = book.quote(finding.statement, whole=True)
        self.stop = "" if finding.statement.endswith((".", "!", "?")) else "."
        has_title = finding.statement.startswith(finding.title)
        self.summary = Line(*(() if has_title else (self.title, ". ")), self.sentence, self.stop)
        self.citation = book.quote(finding.citation)
        self.why = book.quote(rule.why)
        self.evidence: Text = book.quote(finding.evidence) if finding.evidence else ""
        self.target = finding.evidence
        self.bound = book.threshold(position, finding)
        self.waiver: dict[str, TracedText] | None = None
        if finding.waiver is not None and finding.outcome is not Outcome.PASS:
            self.waiver = {k: book.quote(str(v)) for k, v in finding.waiver.items()}
        self.exceptions = len(finding.exceptions)
        self.judged_by = "the interval" if rule.judge == "interval" else "the value"
        evidence = next((e for e in judgement.evidence if e.id == finding.evidence), None)
        self.measured: Text = "\u2013"
        self.n: Text = "\u2013"
        if evidence is not None and finding.key:
            of = evidence.measurement(finding.key)
            self.measured = book.interval(evidence, of, threshold=finding.threshold)
            self.n = book.n(evidence, of)

    @property
    def groups(self) -> list[Condition]:
        """The rule's conditions, one for each number that it is about."""
        book, finding, position = self._of
        return [Condition(book, condition, position) for condition in finding.conditions]

    @property
    def whom(self) -> Text:
        """The group that the condition is about."""
        book, finding, _ = self._of
        if isinstance(finding.group, tuple):
            return book.group(finding.group, limit=_WHOM) if finding.group else "everyone"
        return "suppressed groups"

    @property
    def open_groups(self) -> list[Condition]:
        """The conditions of groups with an exception or an open point, as many as have room."""
        return self._open()[:_NAMED]

    @property
    def has_more_open(self) -> bool:
        """Whether there are more of those."""
        return len(self._open()) > _NAMED

    def _open(self) -> list[Condition]:
        book, finding, position = self._of
        found = [c for c in finding.conditions if c.group and c.outcome not in _CLOSED]
        found.sort(key=lambda c: SEVEREST_FIRST.index(c.outcome))
        return [Condition(book, condition, position) for condition in found[: _NAMED + 1]]


_CLOSED: Final = (Outcome.PASS, Outcome.NOT_APPLICABLE)
_WHOM: Final = 60
