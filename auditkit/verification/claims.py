"""What a verification says: claims, each true, false or not checked, each with its reason.

Laws:
    - "Is false" and "could not be checked" are told apart everywhere, exit codes included.
    - A claim that was not asked for (no timestamp in the file, no checkpoint kept) is listed and
      counts neither way. Everything else must be true for exit 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from auditkit.canonical import Json


class ClaimState(StrEnum):
    """How a claim came out."""

    TRUE = "true"
    FALSE = "false"
    UNCHECKED = "unchecked"

    @property
    def words(self) -> str:
        """What a person reads: true, false, could not check."""
        return "could not check" if self is ClaimState.UNCHECKED else self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One claim about a report.

    Attributes:
        id: A stable name, as "signature".
        title: The claim as a sentence.
        state: True, false or unchecked.
        reason: What it rests on, or what is wrong and what to do.
        asked: Whether it counts. False: the file or the auditor did not raise the question.
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


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Every claim about one file.

    Attributes:
        claims: In a fixed order; every claim appears in every verification.
        report_id: The report's short name, as `AK-9f2c41d0a1b7`; empty if there is no statement.
        statement: The attached statement, parsed; None if it cannot be read. Rely on it only if
            `ok`.
    """

    claims: tuple[Claim, ...]
    report_id: str = ""
    statement: Any = None

    @property
    def exit_code(self) -> int:
        """0 if all that was asked is true; 12 if anything is false; else 11."""
        if any(claim.state is ClaimState.FALSE for claim in self.claims):
            return 12
        if any(claim.asked and claim.state is not ClaimState.TRUE for claim in self.claims):
            return 11
        return 0

    @property
    def ok(self) -> bool:
        """Whether all that was asked is true."""
        return self.exit_code == 0

    def claim(self, claim_id: str) -> Claim:
        """One claim.

        Raises:
            KeyError: If there is none of that name.
        """
        for claim in self.claims:
            if claim.id == claim_id:
                return claim
        raise KeyError(claim_id)

    @property
    def broken(self) -> tuple[Claim, ...]:
        """The claims that are false."""
        return tuple(claim for claim in self.claims if claim.state is ClaimState.FALSE)

    def to_json(self) -> dict[str, Json]:
        """As `auditkit verify --json` writes it."""
        return {
            "report": self.report_id,
            "exit_code": self.exit_code,
            "claims": [claim.to_json() for claim in self.claims],
        }

    def __repr__(self) -> str:
        """The exit code and the claims that are not true."""
        odd = ", ".join(
            f"{c.id} {c.state.words}" for c in self.claims if c.asked and c.state != "true"
        )
        return f"Verification(exit {self.exit_code}; {odd or 'every claim true'})"
