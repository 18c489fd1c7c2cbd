"""The result of a verification: claims, each true, false or unchecked, each with its reason.

Laws:
    - "False" and "could not be checked" are distinguished everywhere, in exit codes too.
    - A claim that was not asked (no timestamp in the file, no kept checkpoint) is listed but does
      not count. Every other claim must be true for exit code 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import Json
from auditkit.errors import AuditkitError, InputError, UnverifiableError, VerificationError

if TYPE_CHECKING:
    from auditkit.audit_log.audits import LoggedAudit


class ClaimState(StrEnum):
    """The outcome of a claim."""

    TRUE = "true"
    FALSE = "false"
    UNCHECKED = "unchecked"

    @property
    def words(self) -> str:
        """The state as text for people: true, false, could not check."""
        return "could not check" if self is ClaimState.UNCHECKED else self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One claim about a report.

    Attributes:
        id: A stable name, for example "signature".
        title: The claim as a sentence.
        state: True, false or unchecked.
        reason: Why it is true, or what is wrong and how to fix it.
        asked: Whether it counts. False: neither the file nor the auditor raises the question.
    """

    id: str
    title: str
    state: ClaimState
    reason: str
    asked: bool = True

    def to_json(self) -> dict[str, Json]:
        """As `auditkit verify --json` writes it."""
        return {
            "id": self.id,
            "title": self.title,
            "state": self.state.value,
            "reason": self.reason,
            "asked": self.asked,
        }


TITLES: Final = {
    "signature": "The signature is valid and covers the whole file",
    "signer": "The signer is trusted and the certificate was valid at signing",
    "time": "A timestamp authority attests the time of signing",
    "long_term": "What verification after expiry needs is in the file, under a timestamp",
    "unchanged": "Nothing was changed after signing",
    "attachments": "The attachments are those that the statement commits to",
    "statement": "The attached statement is whole and is the one printed",
    "envelope": "The statement's own signature is valid",
    "named": "The pages name who signed the file",
    "verdict": "The verdict follows from the policy and the evidence",
    "pages": "The pages, and all else in the file, follow from the attachments",
    "numbers": "Every number printed equals the statement's",
    "receipt": "The statement is in the log",
    "checkpoint": "The log's checkpoint is signed by the log's key",
    "witnesses": "Witnesses saw the checkpoint",
    "consistency": "The log agrees with the checkpoint that was kept",
    "history": "The log holds the audits of this subject that the report counts",
}


class Claims:
    """Collects claims in the order of `TITLES`."""

    def __init__(self) -> None:
        self._found: dict[str, Claim] = {}

    def add(self, claim_id: str, state: ClaimState, reason: str, *, asked: bool = True) -> None:
        """Says what became of a claim; a later word replaces an earlier one."""
        self._found[claim_id] = Claim(
            id=claim_id, title=TITLES[claim_id], state=state, reason=reason, asked=asked
        )

    def check(self, claim_id: str, check: Callable[[], str]) -> bool:
        """Runs a check that returns its reason or raises; returns whether the claim is true."""
        try:
            self.add(claim_id, ClaimState.TRUE, check())
        except VerificationError as error:
            self.add(claim_id, ClaimState.FALSE, error.message)
        except UnverifiableError as error:
            self.add(claim_id, ClaimState.UNCHECKED, _reason_of(error))
        except AuditkitError as error:
            self.add(claim_id, ClaimState.FALSE, error.message)
        except Exception as error:  # noqa: BLE001 - hostile files end in errors of any type
            reason = f"The file cannot be read here ({type(error).__name__})."
            self.add(claim_id, ClaimState.FALSE, reason)
        return self.true(claim_id)

    def refuse(self, claim_id: str, error: AuditkitError) -> None:
        """A claim that is false or could not be checked, for a reason found elsewhere."""

        def refused() -> str:
            raise error

        self.check(claim_id, refused)

    def true(self, claim_id: str) -> bool:
        """Whether a claim was checked and is true."""
        return claim_id in self._found and self._found[claim_id].state is ClaimState.TRUE

    def not_asked_if_unchecked(self, *claim_ids: str) -> None:
        """Claims that could not be checked do not count; one that is false does."""
        for claim_id in claim_ids:
            claim = self._found[claim_id]
            if claim.state is ClaimState.UNCHECKED:
                self.add(claim_id, claim.state, claim.reason, asked=False)

    def skip(self, reason: str, *claim_ids: str) -> None:
        """Marks claims as unchecked because a claim they depend on failed."""
        for claim_id in claim_ids:
            if claim_id not in self._found:
                self.add(claim_id, ClaimState.UNCHECKED, reason)

    def found(self) -> tuple[Claim, ...]:
        """The claims that were made so far."""
        return tuple(self._found.values())

    def all(self) -> tuple[Claim, ...]:
        """Every claim, in the order of `TITLES`."""
        return tuple(self._found[claim_id] for claim_id in TITLES)


def _reason_of(error: AuditkitError) -> str:
    return (
        f"{error.message} {error.remedy[0].upper()}{error.remedy[1:]}."
        if error.remedy
        else error.message
    )


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Every claim about one file.

    Attributes:
        claims: In a fixed order; every claim appears in every verification.
        report_id: The report's short name, for example `AK-9f2c41d0a1b7`; empty if there is no
            statement.
        statement: The attached statement, parsed; None if it cannot be read. Use it only if `ok`.
        audits: The audits of the same subject in the log that was given, in its order.
        signed_by: The name in the signer's certificate; empty if there is no valid signature.
    """

    claims: tuple[Claim, ...]
    report_id: str = ""
    statement: Any = None
    signed_by: str = ""
    audits: tuple[LoggedAudit, ...] = ()

    @property
    def summary(self) -> str:
        """What the result means, in one sentence for a person."""
        if self.exit_code == 12:
            return f"Do not rely on this file: {_listed(self.broken)} is not true."
        if self.exit_code == 11:
            left = [c for c in self.claims if c.asked and c.state is not ClaimState.TRUE]
            return f"Do not rely on this file yet: {_listed(left)} could not be checked."
        pages = "These pages are what the attached evidence says"
        if self.claim("pages").state is not ClaimState.TRUE:
            pages = "The numbers on these pages are those of the attached evidence, and the pages "
            pages += "were not rendered anew"
        attested = self.claim("time").state is ClaimState.TRUE
        kept = self.claim("consistency").state is ClaimState.TRUE
        return (
            f"{pages}, signed by {self.signed_by}; "
            f"{'time attested' if attested else 'time unattested'}; "
            f"log {'agrees' if kept else 'not compared'} with an outside checkpoint."
        )

    @property
    def supersedes(self) -> str:
        """The digest of the statement whose report this one takes the place of; empty: of none."""
        try:
            return str(self.statement["predicate"].get("supersedes") or "")
        except (TypeError, KeyError, AttributeError):
            return ""

    @property
    def exit_code(self) -> int:
        """0 if every claim that was asked is true; 12 if any claim is false; else 11."""
        if any(claim.state is ClaimState.FALSE for claim in self.claims):
            return 12
        if any(claim.asked and claim.state is not ClaimState.TRUE for claim in self.claims):
            return 11
        return 0

    @property
    def ok(self) -> bool:
        """Whether every claim that was asked is true."""
        return self.exit_code == 0

    def claim(self, claim_id: str) -> Claim:
        """One claim.

        Raises:
            InputError: If there is no claim with that id.
        """
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise InputError(
            f"There is no claim {claim_id!r}.",
            remedy=f"use one of {', '.join(claim.id for claim in self.claims)}",
        )

    @property
    def broken(self) -> tuple[Claim, ...]:
        """The claims that are false."""
        return tuple(claim for claim in self.claims if claim.state is ClaimState.FALSE)

    def to_json(self) -> dict[str, Json]:
        """As `auditkit verify --json` writes it."""
        return {
            "report": self.report_id,
            "exit_code": self.exit_code,
            "summary": self.summary,
            **({"supersedes": self.supersedes} if self.supersedes else {}),
            "claims": [claim.to_json() for claim in self.claims],
            **({"audits": [audit.to_json() for audit in self.audits]} if self.audits else {}),
        }

    def __repr__(self) -> str:
        """The exit code and the claims that are not true."""
        odd = ", ".join(
            f"{c.id} {c.state.words}" for c in self.claims if c.asked and c.state != "true"
        )
        return f"Verification(exit {self.exit_code}; {odd or 'every claim true'})"


def _listed(claims: Sequence[Claim]) -> str:
    """The claims by their titles, as part of a sentence."""
    titles = [f'"{claim.title}"' for claim in claims]
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
