"""The seal of an access policy: its author, and the approver, who is somebody else.

A signed seal is a DSSE envelope over an in-toto statement, like that of an audit, made with the
approver's key. A server whose settings name the approvers' keys (`approvers`) accepts no other.

Laws:
    - Nobody approves their own change; a seal that says so is refused.
    - A signature is checked whenever there is one, whether or not it is required.
    - The server's settings say which key belongs to the name in the seal, never the seal itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.access.policy.vocabulary import person
from auditkit.canonical import STATEMENT_TYPE, Digest, Json, canonical_bytes, check_name, parse_json
from auditkit.errors import AccessDeniedError, InputError, PolicyError, VerificationError
from auditkit.signing.dsse import open_envelope
from auditkit.signing.dsse import seal as sign
from auditkit.signing.private_keys import PrivateKey, fingerprint_of

PREDICATE_TYPE: Final = "urn:auditkit:access-policy:v1"
_SUBJECT: Final = "access-policy"

Approvers = Mapping[str, Collection[str]]
"""Names of those who may approve, each with the fingerprints of their public keys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """Who put which policy into force.

    Attributes:
        digest: Digest of the approved files, or of the approved version in a database.
        author: Who wrote the change.
        approver: Who approved it; somebody else.
        approved: When, as ISO 8601.
        key: Fingerprint of the key that signed it, `sha256:...`; empty: unsigned.
    """

    digest: Digest
    author: str
    approver: str
    approved: str
    key: str = ""

    def __post_init__(self) -> None:
        check_name(self.author, what="The author's name")
        check_name(self.approver, what="The approver's name")
        if person(self.author) == person(self.approver):
            raise AccessDeniedError(
                "The author of a policy cannot approve it.",
                remedy="ask a second person to approve it",
            )
        if self.time.tzinfo is None:
            raise InputError(
                "The time of the approval has no time zone.", remedy="give it with its zone"
            )

    @property
    def time(self) -> datetime:
        """When it was approved."""
        return datetime.fromisoformat(self.approved)

    def to_json(self) -> dict[str, str]:
        """The seal as the log writes it."""
        signed = {"key": self.key} if self.key else {}
        return {"digest": str(self.digest), **self._names(), **signed}

    def to_text(self, key: PrivateKey | None = None) -> str:
        """The seal as it is stored beside the policy.

        Args:
            key: The approver's key, to sign it; None: it stays unsigned.

        Raises:
            KeyFileError: If the key cannot be used.
        """
        if key is None:
            return json.dumps({"digest": str(self.digest), **self._names()}, indent=1) + "\n"
        statement: dict[str, Json] = {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": _SUBJECT, "digest": {"sha256": self.digest.hex}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": self._names(),
        }
        return sign(canonical_bytes(statement), key).decode() + "\n"

    def require(self, approvers: Approvers) -> None:
        """Raises an error unless the approver's key signed it.

        Args:
            approvers: The keys of each approver; empty: no signature is required.

        Raises:
            VerificationError: If it is unsigned, or signed by another key.
        """
        if approvers and not self.key:
            raise VerificationError(
                "The access policy's seal is not signed.",
                remedy="have an approver run: auditkit access approve --sign",
            )
        if approvers and self.key not in approvers.get(self.approver, ()):
            raise VerificationError(
                f"The access policy was not signed by a key of {self.approver!r}.",
                remedy="compare `approvers` with the fingerprints that auditkit keys list shows",
            )

    def _names(self) -> dict[str, str]:
        return {"author": self.author, "approver": self.approver, "approved": self.approved}


def parse_seal(text: str | bytes) -> Seal:
    """Reads what `Seal.to_text` wrote.

    Raises:
        VerificationError: If a signature does not verify.
        PolicyError: If it is malformed, or approved by its own author.
    """
    try:
        found = parse_json(text)
        key = ""
        if isinstance(found, dict) and "payload" in found:
            envelope = open_envelope(canonical_bytes(found))
            key = fingerprint_of(envelope.keys[0])
            found = _from_statement(parse_json(envelope.payload))
        names = {name: str(found[name]) for name in ("author", "approver", "approved")}
        return Seal(digest=Digest.parse(found["digest"]), **names, key=key)
    except AccessDeniedError as error:
        raise PolicyError("The policy was approved by its own author.") from error
    except (InputError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise PolicyError(
            "The policy's seal is malformed.", remedy="seal it again: auditkit access approve"
        ) from error


def _from_statement(statement: Any) -> dict[str, Any]:
    (subject,) = statement["subject"]
    if (statement["predicateType"], subject["name"]) != (PREDICATE_TYPE, _SUBJECT):
        raise ValueError("a statement about something else")
    return {**statement["predicate"], "digest": f"sha256:{subject['digest']['sha256']}"}
