"""Control packs: evidence mapped to the requirements of a framework.

A pack is data: requirements by their public ids, paraphrased, each with the checks whose findings
are evidence for it. The mapping is a judgement of people, so a pack names its author, its date and
its reviewer, and says how strong the evidence is.

Laws:
    - A status says what was tested: "met" means that the conditions tested here were met, not that
      the requirement is satisfied. That is for an auditor to decide.
    - A control is assessed only if every check it needs has a finding; else it is not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import Field

from auditkit.canonical import Digest, Json, digest_of
from auditkit.documents import Document, Person, PersonOrNobody, Text, parse_document
from auditkit.evidence import Finding, Outcome, worst


class Control(Document):
    """One requirement.

    Attributes:
        id: Its public id, for example "CC8.1".
        citation: Its citation.
        requirement: The requirement, paraphrased.
        checks: Checks whose findings are evidence for it; all are needed.
        basis: How the citation was checked: "primary" (the text itself was read), "secondary"
            (somebody's account of it) or "unverified".
        strength: "direct", "partial" or "weak": how far this evidence goes.
        limits: What the evidence does not show; empty: nothing to add.
    """

    id: Text
    citation: Text
    requirement: Text
    checks: tuple[Text, ...] = Field(min_length=1)
    basis: Literal["primary", "secondary", "unverified"]
    strength: Literal["direct", "partial", "weak"]
    limits: str = ""


class ControlPack(Document):
    """The requirements of one framework that this toolkit has evidence for.

    Attributes:
        id: Short name, for example "soc2".
        title: The framework's name and edition.
        as_of: The day on which citations and legal status were last checked.
        legal_status: One line on what changed or is contested; empty if nothing.
        author: Who mapped evidence to requirements.
        reviewed_by: Who reviewed the mapping; empty: nobody yet.
        controls: The requirements.
    """

    id: Text
    title: Text
    as_of: date
    legal_status: str = ""
    author: Person
    reviewed_by: PersonOrNobody = ""
    controls: tuple[Control, ...] = Field(min_length=1)

    @property
    def digest(self) -> Digest:
        """The digest of every requirement and mapping."""
        return digest_of("control-pack/v1", self.model_dump(mode="json"))

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement: the whole pack, and what a reader looks for first."""
        return {
            "id": self.id,
            "title": self.title,
            "as_of": self.as_of.isoformat(),
            "legal_status": self.legal_status,
            "author": self.author,
            "reviewed_by": self.reviewed_by,
            "digest": str(self.digest),
            "content": self.model_dump(mode="json"),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlStatus:
    """The result of the conditions for one requirement.

    Attributes:
        pack: Id of the pack.
        control: The requirement.
        outcome: The worst of the findings; not assessed if one is missing.
        rules: Ids of the findings behind it.
        evidence: Ids of the evidence behind it.
        reason: Why it is not assessed; else empty.
    """

    pack: str
    control: Control
    outcome: Outcome
    rules: tuple[str, ...]
    evidence: tuple[str, ...]
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {
            "pack": self.pack,
            "control": self.control.id,
            "citation": self.control.citation,
            "requirement": self.control.requirement,
            "basis": self.control.basis,
            "strength": self.control.strength,
            "limits": self.control.limits,
            "outcome": self.outcome.value,
            "rules": list(self.rules),
            "evidence": list(self.evidence),
            "reason": self.reason,
        }


def parse_pack(text: str, *, source: str = "the control pack") -> ControlPack:
    """Reads a control pack.

    Raises:
        PolicyError: If it is not YAML, or not a valid control pack.
    """
    return parse_document(ControlPack, text, source=source)


def assess(findings: Sequence[Finding], pack: ControlPack) -> tuple[ControlStatus, ...]:
    """Assesses the requirements of a pack by the findings, in the pack's order."""
    return tuple(_assess(findings, pack.id, control) for control in pack.controls)


def _assess(findings: Sequence[Finding], pack: str, control: Control) -> ControlStatus:
    bearing = [finding for finding in findings if finding.check in control.checks]
    lacking = [c for c in control.checks if c not in {finding.check for finding in bearing}]
    outcome, reason = worst([finding.outcome for finding in bearing]), ""
    if lacking:
        reason = f"the policy sets no condition on {', '.join(lacking)}"
        # A missing finding does not hide a known exception.
        outcome = worst([outcome, Outcome.NOT_ASSESSED])
    return ControlStatus(
        pack=pack,
        control=control,
        outcome=outcome,
        rules=tuple(finding.rule for finding in bearing),
        evidence=tuple(dict.fromkeys(f.evidence for f in bearing if f.evidence)),
        reason=reason,
    )
