"""What people sign: waivers, and revocations of them.

A waiver is an in-toto statement about a policy, in a DSSE envelope. It names a rule, the conditions
that it was given for with the values that they had, a model, an owner, a reason and a last day. Two
of the people whom the policy lists sign it; its owner is one of them. A revocation is a statement
about a waiver, signed by one of them.

Laws:
    - A record has one form in bytes: what is not written as `payload` writes it is no record.
    - A waiver's id follows from its bytes without the signatures, so signing does not change it.
    - A waiver is for conditions with an exception, or that are uncertain or not tested. No waiver
      is for a check that crashed.

Example:
    >>> waiver = Waiver(
    ...     policy="lending", policy_digest="sha256:" + "0" * 64, model="credit", rule="FL-1",
    ...     conditions=[{"group": [["race", "Black"]], "outcome": "fail", "value": 0.71}],
    ...     owner="Ada Obi", reason="Retrained by March.", requested="2026-12-01",
    ...     expires="2027-02-28",
    ... )
    >>> read_record(waiver.payload) == waiver
    True
"""

from __future__ import annotations

import base64
from datetime import date
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from auditkit.canonical import STATEMENT_TYPE, Digest, Json, canonical_bytes, is_clear, parse_json
from auditkit.documents import DigestText, Document, Person, Text
from auditkit.errors import InputError
from auditkit.evidence import SEVEREST_FIRST, Finding, Outcome

WAIVER_PREDICATE: Final = "urn:auditkit:waiver:v1"
REVOCATION_PREDICATE: Final = "urn:auditkit:waiver-revocation:v1"

# The outcomes that a waiver can be for.
LIFTABLE: Final = (Outcome.FAIL, Outcome.UNCERTAIN, Outcome.NOT_ASSESSED)


class Condition(Document):
    """A condition that a waiver was given for, as it was then.

    Attributes:
        group: The group that it is about; empty: everyone; "suppressed": the suppressed groups;
            None: the rule itself, whose check gave no number.
        outcome: How it came out.
        value: Its number; None: there was none.
    """

    group: tuple[tuple[str, str], ...] | Literal["suppressed"] | None
    outcome: Literal["fail", "uncertain", "not_assessed"]
    value: float | None = Field(default=None, allow_inf_nan=False)

    @classmethod
    def of(cls, finding: Finding) -> Condition:
        """A finding as a condition to waive; its outcome is one of `LIFTABLE`."""
        return cls.model_validate(
            {"group": finding.group, "outcome": finding.outcome.value, "value": finding.value}
        )

    def is_about(self, finding: Finding) -> bool:
        """Whether a finding of the same rule is on the same group, in whatever order it is told."""
        return bool(_sorted(self.group) == _sorted(finding.group))

    def admits(self, finding: Finding) -> bool:
        """Whether a finding is no worse than this condition was: in its outcome and its value."""
        before = SEVEREST_FIRST.index(Outcome(self.outcome))
        if SEVEREST_FIRST.index(finding.outcome) < before:
            return False
        if self.value is None or finding.value is None:
            return self.value is None and finding.value is None
        if finding.operator == ">=":
            return finding.value >= self.value
        return finding.value <= self.value


class Waiver(Document):
    """Permission to deploy for a limited time although conditions of a rule are not met.

    Attributes:
        policy: The policy's id.
        policy_digest: The policy's digest; under another one the waiver does not count.
        rule: The rule's id.
        model: The model's name, if it counts for every version of it.
        artifact: The model's digest, if it counts for these bytes alone.
        conditions: What it was given for; it covers the same conditions, and no worse values.
        owner: Who requested it and is accountable for it.
        reason: The reason for it.
        requested: The first day on which it is in force.
        expires: The last one.
    """

    policy: Text
    policy_digest: DigestText
    rule: Text
    model: Text | None = None
    artifact: DigestText | None = None
    conditions: tuple[Condition, ...] = Field(min_length=1)
    owner: Person
    reason: Text
    requested: date
    expires: date

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.model is None) == (self.artifact is None):
            raise ValueError("give exactly one of model and artifact")
        if self.expires < self.requested:
            raise ValueError("it would end before it begins")
        if not is_clear(self.reason):
            raise ValueError("give the reason in one line of plain text")
        return self

    @property
    def days(self) -> int:
        """On how many days it is in force."""
        return (self.expires - self.requested).days + 1

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        content = self.model_dump(mode="json", exclude_none=True)
        content["conditions"] = [c.model_dump(mode="json") for c in self.conditions]
        name, digest = content.pop("policy"), content.pop("policy_digest")
        return _payload(WAIVER_PREDICATE, name, Digest.parse(digest), content)

    @property
    def digest(self) -> Digest:
        """The digest of what is signed."""
        return Digest.of(self.payload)

    @property
    def id(self) -> str:
        """A short name, `W-` and 12 letters or digits, that follows from what is signed."""
        return waiver_id(self.digest)


class Revocation(Document):
    """The end of a waiver before its last day.

    Attributes:
        waiver: The digest of what the waiver's signatures are over.
        by: Who revoked it.
        reason: Why.
        revoked: On which day.
    """

    waiver: DigestText
    by: Person
    reason: Text
    revoked: date

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        if not is_clear(self.reason):
            raise ValueError("give the reason in one line of plain text")
        return self

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        content = self.model_dump(mode="json")
        digest = Digest.parse(content.pop("waiver"))
        return _payload(REVOCATION_PREDICATE, waiver_id(digest), digest, content)


def waiver_id(digest: Digest) -> str:
    """The short name of a waiver, by its digest."""
    return f"W-{base64.b32encode(bytes.fromhex(digest.hex)).decode()[:12]}"


def read_record(payload: bytes) -> Waiver | Revocation:
    """Reads what `payload` of a waiver or a revocation wrote. It checks no signature.

    Raises:
        InputError: If it is neither, or is written in another form.
    """
    try:
        content = parse_json(payload)
        (subject,) = content["subject"]
        told = dict(content["predicate"])
        digest = f"sha256:{subject['digest']['sha256']}"
        made: Waiver | Revocation
        if content["predicateType"] == WAIVER_PREDICATE:
            made = Waiver.model_validate(
                {**told, "policy": subject["name"], "policy_digest": digest}
            )
        else:
            made = Revocation.model_validate({**told, "waiver": digest})
        same = made.payload == payload
    except (InputError, ValidationError, KeyError, TypeError, ValueError) as error:
        raise InputError("It is no waiver, and no revocation of one.") from error
    if not same:
        raise InputError("It is no waiver, and no revocation of one.")
    return made


def _payload(kind: str, name: str, digest: Digest, predicate: dict[str, Json]) -> bytes:
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": digest.hex}}],
            "predicateType": kind,
            "predicate": predicate,
        }
    )


def _sorted(group: Any) -> Any:
    return sorted(map(tuple, group)) if isinstance(group, tuple | list) else group
