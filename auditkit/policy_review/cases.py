"""Cases that a policy must judge as expected: its tests, for CI.

A case is the statement of an audit. Its evidence is judged by the policy at hand, without waivers,
and the outcomes are compared with the expected ones. A policy that is changed is tried on the
audits of last quarter before anybody relies on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import Field

from auditkit.canonical import Json
from auditkit.documents import Document, Text, parse_document
from auditkit.evidence import Outcome
from auditkit.judgement.again import evidence_in
from auditkit.judgement.audit import glossary_of
from auditkit.judgement.gate import decide, judge
from auditkit.policy import Policy

Expected = Literal["pass", "fail", "uncertain", "not_assessed", "not_applicable", "error"]


class PolicyCase(Document):
    """One audit, and how the policy must judge it.

    Attributes:
        statement: A statement.json or report.pdf; its path is relative to the file of cases.
        verdict: The verdict; left out: any.
        rules: The outcome of each rule, by its id; others may have any.
    """

    statement: Text
    verdict: Literal["pass", "fail", "incomplete"] | None = None
    rules: Mapping[str, Expected] = Field(default_factory=dict)


class PolicyCases(Document):
    """A file of cases for `auditkit policy test`.

    Attributes:
        cases: The cases.
    """

    cases: tuple[PolicyCase, ...] = Field(min_length=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Misjudged:
    """Something that the policy judges otherwise.

    Attributes:
        case: The case's number in the file, from 1.
        statement: Its statement.
        what: The rule's id, or "verdict".
        expected: The expected outcome.
        found: The outcome; "no such rule" if the policy has none.
        why: The finding in words.
    """

    case: int
    statement: str
    what: str
    expected: str
    found: str
    why: str

    def __str__(self) -> str:
        """In one line."""
        return (
            f"case {self.case}, {self.statement}: {self.what}: expected {self.expected}, "
            f"found {self.found}. {self.why}"
        ).rstrip()

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return asdict(self)


def parse_policy_cases(text: str, *, source: str) -> PolicyCases:
    """Reads a file of cases.

    Raises:
        PolicyError: If it is not one.
    """
    return parse_document(PolicyCases, text, source=source)


def misjudged(
    policy: Policy, case: PolicyCase, statement: Mapping[str, Any], *, number: int
) -> Iterator[Misjudged]:
    """What a policy judges otherwise than a case expects.

    Args:
        policy: The policy.
        case: The case.
        statement: Its statement, parsed.
        number: The case's number.

    Raises:
        InputError: If it is not the statement of an audit.
    """
    evidence = evidence_in(statement)
    findings = judge(evidence, policy, glossary_of(evidence, policy))
    outcomes = {finding.rule: finding for finding in findings}
    verdict = decide(findings)

    def other(what: str, expected: str, found: str, why: str) -> Misjudged:
        return Misjudged(
            case=number, statement=case.statement, what=what, expected=expected, found=found,
            why=why,
        )  # fmt: skip

    for rule, expected in case.rules.items():
        finding = outcomes.get(rule)
        if finding is None:
            yield other(rule, expected, "no such rule", "")
        elif finding.outcome is not Outcome(expected):
            yield other(rule, expected, finding.outcome.value, finding.statement)
    if case.verdict not in (None, verdict.decision.value):
        yield other("verdict", str(case.verdict), verdict.decision.value, verdict.reasons[0])
