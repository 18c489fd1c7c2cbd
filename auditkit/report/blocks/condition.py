"""One condition of the policy, for the templates."""

from __future__ import annotations

from auditkit.evidence import Finding, Outcome
from auditkit.report.blocks.kinds import Status
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText


class Condition:
    """One rule of the policy with its finding.

    Args:
        book: The report's figure ledger.
        finding: The rule's finding.
        position: The finding's index in the statement.
    """

    def __init__(self, book: FigureLedger, finding: Finding, position: int) -> None:
        judgement = book.judgement
        rule = next(r for r in judgement.policy.rules if r.id == finding.rule)
        self.id = book.quote(finding.rule)
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
