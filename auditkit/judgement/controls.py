"""Control packs: evidence mapped to the requirements of a framework.

A pack is data: requirements by their public ids, paraphrased, each with the checks whose findings
are evidence for it. The mapping is a judgement of people, so a pack names its author, its date and
its reviewer, and says how strong the evidence is.

Laws:
    - A status says what was tested: "met" means that the conditions tested here were met, not that
      the requirement is satisfied. That is for an auditor to decide.
    - A control is assessed only if every check it needs has a finding; else it is not tested.
    - A requirement that nothing here speaks to stays in the pack, as "outside": never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from auditkit.canonical import Digest, Json, digest_of
from auditkit.documents import Document, Person, PersonOrNobody, Text, parse_document
from auditkit.evidence import Finding, Outcome, worst

# Laws moved six times in the 18 months before this was written.
STALE_AFTER_DAYS: Final = 180


class Control(Document):
    """One requirement.

    Attributes:
        id: Its public id, for example "CC8.1".
        citation: Its citation.
        requirement: The requirement, paraphrased.
        checks: Checks whose findings are evidence for it; all are needed; none if
            nothing here speaks to it.
        basis: How the citation was checked: "primary" (the text itself was read), "secondary"
            (somebody's account of it) or "unverified".
        strength: "direct", "partial" or "weak": how far this evidence goes; "outside": nothing
            here speaks to the requirement, which is printed all the same.
        limits: What the evidence does not show; empty: nothing to add.
        kind: Whether the evidence is of the control's "design", at one time, or of its
            "operation" over a period; empty: not stated.
        population: What its operation is tested on: a population of
            `auditkit evidence population`, or one outside, in words.
        frequency: How often the control operates, in words; empty: not stated.
        entries: Kinds of the log's entries that it rests on.
        status: The requirement's legal status, in words; empty: as the pack's.
        as_of: The day on which the row was last checked; None: on the pack's.
        source: Where it was read; empty: not stated.
        reviewed_by: Who reviewed the row; empty: whoever reviewed the pack.
    """

    id: Text
    citation: Text
    requirement: Text
    checks: tuple[Text, ...] = ()
    basis: Literal["primary", "secondary", "unverified"]
    strength: Literal["direct", "partial", "weak", "outside"]
    limits: str = ""
    kind: Literal["", "design", "operation"] = ""
    population: str = ""
    frequency: str = ""
    entries: tuple[Text, ...] = ()
    status: str = ""
    as_of: date | None = None
    source: str = ""
    reviewed_by: PersonOrNobody = ""

    @model_validator(mode="after")
    def _rests_on_checks(self) -> Self:
        if self.is_outside and (self.checks or self.entries):
            raise ValueError("what is outside has no checks and no entries")
        if not self.is_outside and not self.checks:
            raise ValueError("name the checks that are evidence for it, or call it outside")
        return self

    @property
    def is_outside(self) -> bool:
        """Whether nothing here speaks to the requirement."""
        return self.strength == "outside"

    @model_serializer(mode="wrap")
    def _without_what_is_not_stated(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Rows that state none of the later members keep the digest that they had."""
        stated: dict[str, Any] = written(self)
        return {k: v for k, v in stated.items() if v or k not in _LATER}


_LATER: Final = {
    "kind", "population", "frequency", "entries", "status", "as_of", "source", "reviewed_by",
}  # fmt: skip


class ControlPack(Document):
    """The requirements of one framework that this toolkit has evidence for.

    Attributes:
        id: Short name, for example "soc2".
        title: The framework's name and edition.
        as_of: The day on which citations and legal status were last checked.
        legal_status: One line on what changed or is contested; empty if nothing.
        author: Who mapped evidence to requirements.
        reviewed_by: Who reviewed the mapping; empty: nobody yet.
        stale_after_days: After how many days from `as_of` the citations count as old.
        controls: The requirements, each by an id of its own.
    """

    id: Text
    title: Text
    as_of: date
    legal_status: str = ""
    author: Person
    reviewed_by: PersonOrNobody = ""
    stale_after_days: int = Field(default=STALE_AFTER_DAYS, ge=1)
    controls: tuple[Control, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_by_its_id(self) -> Self:
        ids = [control.id for control in self.controls]
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"two requirements have the id {twice!r}")
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual_limit(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        stated: dict[str, Any] = written(self)
        if self.stale_after_days == STALE_AFTER_DAYS:
            del stated["stale_after_days"]
        return stated

    def checked_last(self) -> date:
        """The day on which the citation that was checked longest ago was checked."""
        return min([self.as_of, *(c.as_of for c in self.controls if c.as_of is not None)])

    def is_stale(self, today: date) -> bool:
        """Whether a citation was last checked too long before a day, or after it."""
        return not 0 <= (today - self.checked_last()).days <= self.stale_after_days

    def numbered_under(self, check: str) -> str:
        """The requirement that exceptions of a check are numbered under.

        That is the first of those for which its evidence is most direct, without what its id says
        in parentheses at the end; the check's own id if no requirement rests on it.
        """
        ranks = ("direct", "partial", "weak")
        rows = [control for control in self.controls if check in control.checks]
        first = min(rows, key=lambda control: ranks.index(control.strength), default=None)
        return check if first is None else first.id.partition(" (")[0]

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
            **({"kind": self.control.kind} if self.control.kind else {}),
            "outcome": self.outcome.value,
            "rules": list(self.rules),
            "evidence": list(self.evidence),
            "reason": self.reason,
        }


# What a row needs that this report is not: by the row's kind, and whether this is one of a period.
_ELSEWHERE: Final = {
    ("design", True): "it is tested on one version, by 'auditkit run'",
    ("operation", False): "it is tested over a period, by 'auditkit period report'",
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
    if control.is_outside:
        return ControlStatus(
            pack=pack,
            control=control,
            outcome=Outcome.NOT_ASSESSED,
            rules=(),
            evidence=(),
            reason="nothing in this report speaks to it",
        )
    bearing = [finding for finding in findings if finding.check in control.checks]
    lacking = [c for c in control.checks if c not in {finding.check for finding in bearing}]
    outcome, reason = worst([finding.outcome for finding in bearing]), ""
    if lacking:
        of_a_period = any(finding.check.startswith("period.") for finding in findings)
        reason = _ELSEWHERE.get((control.kind, of_a_period), "") or (
            f"the policy sets no condition on {', '.join(lacking)}"
        )
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
