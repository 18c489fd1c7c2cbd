"""The judgement, and the statement that holds it: the bytes that are signed.

What only reads a judgement, such as the report, loads this and nothing that measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

from auditkit.canonical import AUDIT_PREDICATE, STATEMENT_TYPE, Digest, Json, canonical_bytes
from auditkit.evidence import SUPPRESSION_RULE, Evidence, Finding, Outcome, Table
from auditkit.glossary import Glossary
from auditkit.judgement.again import made_by, rules_of
from auditkit.judgement.controls import ControlPack, ControlStatus
from auditkit.judgement.findings import every
from auditkit.judgement.gate import Verdict
from auditkit.policy import Policy, PolicySource
from auditkit.subject import Dataset, Subject
from auditkit.waivers.consideration import Considered

# The least bytes of the salt of a commitment.
MIN_SALT: Final = 16


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Everything that an audit found, and the bytes that are signed.

    Attributes:
        subject: The model.
        datasets: The tables that were read.
        rows: The number of rows that were evaluated.
        policy: The rules that were applied.
        packs: The control packs it was assessed against.
        evidence: In the order of the ids, with small cells suppressed.
        findings: One for each rule, in the policy's order, each with those of its conditions.
        controls: One for each control, pack by pack.
        verdict: The gate's decision.
        as_of: The day of the audit; None: not stated, and no waiver was in force.
        seed: The seed of every random draw.
        versions: Version of auditkit and of every package that computed a number.
        salt: The salt of the commitment to the unsuppressed evidence. It goes into the bundle, not
            into the statement or the report.
        unsuppressed: The commitment: a salted digest of the evidence as the checks made it.
        source: Where the policy is written down; None: not stated.
        waivers: What came of each file of waivers that the audit was given.
        supersedes: The digest of the statement that this one takes the place of; None: of none.
        made: What wrote the statement: versions of the package, its rules, pages and format.
    """

    subject: Subject
    datasets: tuple[Dataset, ...]
    rows: int
    policy: Policy
    packs: tuple[ControlPack, ...]
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    controls: tuple[ControlStatus, ...]
    verdict: Verdict
    as_of: date | None
    seed: int
    versions: Mapping[str, str]
    salt: bytes
    unsuppressed: Digest
    source: PolicySource | None = None
    waivers: tuple[Considered, ...] = ()
    supersedes: Digest | None = None
    made: Mapping[str, Json] = field(default_factory=made_by)

    def __hash__(self) -> int:
        """The hash of the statement, which holds everything."""
        return hash(self.digest)

    @cached_property
    def statement(self) -> bytes:
        """Canonical bytes of an in-toto statement whose subject is the model's digest."""
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {
                        "name": f"{self.subject.name}/{self.subject.version}",
                        "digest": {"sha256": self.subject.digest.hex},
                    }
                ],
                "predicateType": AUDIT_PREDICATE,
                "predicate": self._predicate(),
            }
        )

    @property
    def digest(self) -> Digest:
        """The digest of the statement: what is logged and printed."""
        return Digest.of(self.statement)

    @property
    def report_id(self) -> str:
        """A short name derived from the statement, for example `AK-9f2c41d0a1b7`."""
        return f"AK-{self.digest.hex[:12]}"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table of the evidence; they are kept beside the statement."""
        return tuple(table for evidence in self.evidence for table in evidence.tables)

    def evidence_of(self, check: str) -> Evidence | None:
        """The evidence of one check; None if the check was not part of the audit."""
        return next((e for e in self.evidence if e.check == check), None)

    @cached_property
    def glossary(self) -> Glossary:
        """The names of its measures: the packaged terms and those that its evidence carries."""
        return rules_of(self.made).glossary(self.evidence, self.policy)

    @property
    def hidden(self) -> int:
        """The number of suppressed measurements, small cells and complementary ones."""
        return sum(bool(m.suppressed) for e in self.evidence for m in e.measurements)

    def counts(self) -> dict[Outcome, int]:
        """The number of rules by outcome: all six outcomes, zero included."""
        return {o: sum(f.outcome is o for f in self.findings) for o in Outcome}

    def _predicate(self) -> dict[str, Json]:
        policy: dict[str, Json] = {
            "digest": str(self.policy.digest),
            "content": self.policy.to_json(),
        }
        if self.source is not None:
            policy["source"] = self.source.to_json()
        return {
            "subject": self.subject.to_json(),
            "datasets": [d.to_json() for d in self.datasets],
            "rows": self.rows,
            "policy": policy,
            "packs": [pack.to_json() for pack in self.packs],
            "evidence": [e.to_json() | {"digest": str(e.digest)} for e in self.evidence],
            "suppression": {
                "small_cell": self.policy.small_cell,
                "rule": SUPPRESSION_RULE,
                "hidden": self.hidden,
                "unsuppressed": str(self.unsuppressed),
            },
            "findings": [f.to_json() for f in every(self.findings)],
            "controls": [c.to_json() for c in self.controls],
            "verdict": self.verdict.to_json(),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "seed": self.seed,
            "versions": dict(self.versions),
            "made_by": dict(self.made),
            **({"waivers": [w.to_json() for w in self.waivers]} if self.waivers else {}),
            **({"supersedes": str(self.supersedes)} if self.supersedes is not None else {}),
        }
