"""Validation data: certificates and revocation data kept for later verifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The names of a PDF's document security store (ISO 32000-2, 12.8.4.3), and ours.
KINDS: Final = (("Certs", "certificates"), ("CRLs", "crls"), ("OCSPs", "ocsps"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationData:
    """Data that a later verifier needs and can no longer fetch; each item is DER.

    Attributes:
        certificates: Of the signer, of the timestamp authority, and of their issuers.
        crls: Certificate revocation lists.
        ocsps: OCSP answers.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def without(self, held: ValidationData) -> ValidationData:
        """The items that the file does not already hold."""
        return ValidationData(
            **{
                name: tuple(one for one in getattr(self, name) if one not in getattr(held, name))
                for _, name in KINDS
            }
        )

    def since(self, earlier: ValidationData) -> ValidationData:
        """The items after those of an earlier revision, which this one repeats first."""
        return ValidationData(
            **{name: getattr(self, name)[len(getattr(earlier, name)) :] for _, name in KINDS}
        )
