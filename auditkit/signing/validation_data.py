"""What a later verifier of a signature needs and can no longer ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# The names of a PDF's document security store (ISO 32000-2, 12.8.4.3), and ours.
KINDS: Final = (("Certs", "certificates"), ("CRLs", "crls"), ("OCSPs", "ocsps"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationData:
    """What a later verifier needs and can no longer ask for; each item is DER.

    Attributes:
        certificates: Of the signer, of the timestamp authority, and of their issuers.
        crls: Revocation lists.
        ocsps: Answers to the question whether one certificate is revoked.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def without(self, held: ValidationData) -> ValidationData:
        """What is not in the file already."""
        return ValidationData(
            **{
                name: tuple(one for one in getattr(self, name) if one not in getattr(held, name))
                for _, name in KINDS
            }
        )

    def since(self, earlier: ValidationData) -> ValidationData:
        """What comes after the data of an earlier revision, which this one repeats first."""
        return ValidationData(
            **{name: getattr(self, name)[len(getattr(earlier, name)) :] for _, name in KINDS}
        )
