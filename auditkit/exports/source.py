"""What every export is made of: a statement, read once.

Laws:
    - An export is a function of the statement's bytes, and of nothing else but the report's digest
      and a signer where one is asked for. It reads no file, no clock and no network.
    - A finding keeps its id and its outcome; an outcome is worded as in the report.
    - Foreign text is one line without control characters before a format's own escaping.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from auditkit.canonical import AUDIT_PREDICATE, Digest, parse_json
from auditkit.errors import InputError
from auditkit.evidence import Finding, Outcome
from auditkit.judgement.findings import every, read_findings, source_in
from auditkit.judgement.gate import severity_order

NAME: Final = "auditkit"
# The root of all derived UUIDs (version 5).
_ROOT: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:auditkit:export:v1")
# A day that a format requires where the statement has none.
_NO_DAY: Final = "1970-01-01"
_CLOSED: Final = (Outcome.PASS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A statement as exports read it.

    Attributes:
        digest: The statement's digest.
        predicate: Its predicate, as JSON.
        rules: The findings of rules, in the policy's order, each with its conditions.
        report: The digest of the PDF that the statement is attached to; None: there is none.
        sign: Wraps bytes in a signed DSSE envelope; None: envelopes are not signed.
    """

    digest: Digest
    predicate: Mapping[str, Any]
    rules: tuple[Finding, ...]
    report: Digest | None = None
    sign: Callable[[bytes], bytes] | None = None

    @classmethod
    def of(
        cls,
        statement: bytes,
        *,
        report: Digest | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> Source:
        """Reads a statement.

        Raises:
            InputError: If it is not that of an audit, or of a version without ids of findings.
        """
        content = parse_json(statement)
        try:
            predicate = content["predicate"] if content["predicateType"] == AUDIT_PREDICATE else {}
            has_ids = all("id" in finding for finding in predicate["findings"])
            rules = read_findings(predicate) if has_ids else ()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                "This is not the statement of an audit.", remedy="give a report of auditkit"
            ) from error
        if not has_ids:
            raise InputError(
                "The statement's findings have no ids: it is of an earlier version.",
                remedy="run the audit again",
            )
        return cls(
            digest=Digest.of(statement), predicate=predicate, rules=rules, report=report, sign=sign
        )

    # What there is to say

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the statement: rules, then their conditions."""
        return every(self.rules)

    @cached_property
    def worst_first(self) -> list[Finding]:
        """All findings, worst first by outcome and then by severity, for consumers that cut."""
        return sorted(self.findings, key=severity_order)

    @cached_property
    def open(self) -> list[Finding]:
        """What there is to do, each thing once, worst first.

        That is each condition that is neither met nor not applicable; and a rule of that kind that
        has no such condition.
        """
        found = []
        for rule in self.rules:
            conditions = [c for c in rule.conditions if c.outcome not in _CLOSED]
            found += conditions or ([rule] if rule.outcome not in _CLOSED else [])
        return sorted(found, key=severity_order)

    @property
    def model(self) -> Mapping[str, Any]:
        """The model's name, version, digest, purpose and owner."""
        return dict(self.predicate["subject"])

    @property
    def policy(self) -> Mapping[str, Any]:
        """The policy's content."""
        return dict(self.predicate["policy"]["content"])

    @property
    def decision(self) -> str:
        """The verdict in one word: pass, fail or incomplete."""
        return str(self.predicate["verdict"]["decision"])

    @property
    def version(self) -> str:
        """The version of auditkit that made the statement."""
        return str(self.predicate["made_by"]["auditkit"])

    @property
    def report_id(self) -> str:
        """The report's short name."""
        return f"AK-{self.digest.hex[:12]}"

    @cached_property
    def rule_of(self) -> Mapping[str, Mapping[str, Any]]:
        """The policy's rules by their ids."""
        return {rule["id"]: rule for rule in self.policy["rules"]}

    def counts(self) -> dict[Outcome, int]:
        """The number of rules by outcome, zero included."""
        return {o: sum(rule.outcome is o for rule in self.rules) for o in Outcome}

    # Where and when

    def place(self, rule: str) -> tuple[str, int]:
        """The file and line that a rule is written at, from the audit file's folder."""
        return self._places.path, self._places.line_of(rule)

    @cached_property
    def _places(self) -> Any:
        from auditkit.policy import PolicySource

        return source_in(self.predicate) or PolicySource(path="audit.yaml", line=1)

    @property
    def time(self) -> str:
        """Midnight of the audit's day, UTC; of the first of 1970 if the statement has none."""
        return f"{self.predicate['as_of'] or _NO_DAY}T00:00:00Z"

    def uuid(self, *of: str) -> str:
        """A UUID that follows from this statement and some names."""
        return lasting_uuid(self.digest.hex, *of)


def lasting_uuid(*of: str) -> str:
    """A UUID that follows from names alone, and so is the same for every statement."""
    return str(uuid.uuid5(_ROOT, "\x00".join(of)))


def json_bytes(document: Any) -> bytes:
    """A JSON file: ASCII, on one line."""
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()
