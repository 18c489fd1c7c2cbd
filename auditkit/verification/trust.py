"""Judges whether a certificate was valid at a time, and leads to one that the verifier trusts.

Laws:
    - No clock and no network: the time is an argument, and revocation data come from the verifier
      or the file.
    - "Leads to no root that you gave" is *could not check*: nothing is known about the signer.
      "Was not valid then", "was revoked before" and "a signature in the chain is wrong" are
      *false*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.signing.certificates import (
    NO_EXPIRY,
    Trusted,
    common_name,
    fingerprint,
    is_demonstration,
)
from auditkit.signing.issuers import as_asn1, run_offline
from auditkit.signing.validation_data import ValidationData

CLOCK_TOLERANCE: Final = timedelta(days=1)
# What PDF readers accept: RFC 9336, e-mail and code signing, any, Adobe's and Microsoft's.
_DOCUMENT_PURPOSES: Final = {
    ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    ObjectIdentifier("1.2.840.113583.1.1.5"),
    ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.CODE_SIGNING,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The known times of a signature.

    Attributes:
        proven: The time that a trusted timestamp authority attests; None: none.
        stated: The time that the signer states; None: none.
        now: The verifier's time; None: not given.
    """

    proven: datetime | None = None
    stated: datetime | None = None
    now: datetime | None = None

    @property
    def is_known(self) -> bool:
        """Whether any time is known."""
        return bool(self.proven or self.stated or self.now)

    @property
    def best(self) -> datetime:
        """The time at which certificates are judged.

        Raises:
            UnverifiableError: If no time is known.
        """
        best = self.proven or self.stated or self.now
        if best is None:
            raise UnverifiableError(
                "The file states no time of signing.", remedy="give the verifier's time: now=..."
            )
        return best


def check_signer(
    certificates: Sequence[x509.Certificate],
    trust: Sequence[Trusted],
    moment: Moment,
    archived: ValidationData | None = None,
) -> str:
    """Checks that a signer's certificate was valid and leads to a trusted one.

    Args:
        certificates: The signer's first, then all available issuers.
        trust: Certificates that the verifier trusts.
        moment: When the signature was made.
        archived: Certificates and revocation data in the file; None: it holds none, and
            revocation by the issuer is not checked.

    Returns:
        Who the signer is and why it is trusted, in words.

    Raises:
        VerificationError: If the certificate was not valid then, its issuer had revoked it, or it
            is for another purpose than signing documents.
        UnverifiableError: If no path leads to a trusted certificate, if the result depends on a
            time that nothing proves, or if the archived data leave a revocation status open.
    """
    signer = certificates[0]
    who = f"{common_name(signer)} ({fingerprint(signer)})"
    own = next((t for t in trust if t.certificate == signer), None)
    endless = signer.not_valid_after_utc == NO_EXPIRY
    if own is not None:
        _check_purpose(signer)
    if own is not None and own.revoked_at is None and endless and not moment.is_known:
        return f"{who}: {_how_trusted(signer)}"
    at = moment.best
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise VerificationError(
            f"The signer's certificate was not valid on {at.date()}: it runs from "
            f"{signer.not_valid_before_utc.date()} to {signer.not_valid_after_utc.date()}."
        )
    if own is None:
        check_path(certificates, trust, at, archived)
        _check_purpose(signer)
    if moment.proven is None and moment.now is not None:
        _check_unproven(signer, at, moment.now)
    if own is None:
        checked = "" if archived is None else ", not revoked then, as the file shows"
        return f"{who}, issued under a root that you trust{checked}."
    return f"{who}: {_how_trusted(signer)}"


def check_pinned(signer: x509.Certificate, pinned: str | None) -> str:
    """Checks that the signer is the one whom the verifier expects.

    Args:
        signer: The signer's certificate.
        pinned: The certificate's name, or its fingerprint; None: nobody is expected.

    Returns:
        Whether somebody was expected, in words.

    Raises:
        VerificationError: If somebody else signed.
    """
    if pinned is None:
        return "Nobody in particular was expected (--signer)."
    if pinned.strip() not in (common_name(signer), fingerprint(signer)):
        raise VerificationError(
            f"{common_name(signer)} ({fingerprint(signer)}) signed it, not {pinned.strip()}."
        )
    return "It is who was expected."


def _how_trusted(signer: x509.Certificate) -> str:
    if is_demonstration(signer):
        return "a demonstration key that you trust; it vouches for no identity."
    return "a certificate that you trust."


def _check_unproven(signer: x509.Certificate, at: datetime, now: datetime) -> None:
    if now > signer.not_valid_after_utc:
        raise UnverifiableError(
            "The signer's certificate has expired since, and no timestamp proves that it signed "
            "before."
        )
    if at - now > CLOCK_TOLERANCE:
        raise UnverifiableError(
            f"The signer states {at:%Y-%m-%d}, which is in the future by the verifier's clock.",
            remedy="check the clock of this machine",
        )


def usable_roots(
    certificates: Sequence[x509.Certificate], trust: Sequence[Trusted]
) -> list[x509.Certificate]:
    """The trusted certificates that were not revoked, without mere namesakes.

    A root with an issuer's name but another key says nothing about that issuer's signatures.
    """
    return [
        t.certificate
        for t in trust
        if t.revoked_at is None
        and not any(_is_namesake(t.certificate, certificate) for certificate in certificates)
    ]


def _check_issued(certificates: Sequence[x509.Certificate], trust: Sequence[Trusted]) -> None:
    """Checks that a certificate which names a trusted key as its issuer's was signed by that key.

    Raises:
        VerificationError: If it was not: the certificate was changed.
    """
    for root in (t.certificate for t in trust):
        for certificate in certificates:
            if _names_key_of(certificate, root) and _is_namesake(root, certificate):
                raise VerificationError(
                    f"The certificate of {common_name(certificate)} was not signed by the issuer "
                    "that it names."
                )


def _names_key_of(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        own = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return named.key_identifier == own.digest


def _is_namesake(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    if root.subject != certificate.issuer or root == certificate:
        return False
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, TypeError, ValueError):
        return True
    return False


def validation_context(
    certificates: Sequence[x509.Certificate],
    trust: Sequence[Trusted],
    at: datetime,
    archived: ValidationData | None,
) -> Any:
    """The path library's settings: offline, at a given time, with the data in the file.

    With archived data, every certificate below a root needs proof that it was not revoked.
    """
    from pyhanko_certvalidator import ValidationContext

    held = archived or ValidationData()
    return ValidationContext(
        trust_roots=[as_asn1(root) for root in usable_roots(certificates, trust)],
        other_certs=[asn1_x509.Certificate.load(one, strict=True) for one in held.certificates],
        crls=[asn1_crl.CertificateList.load(one, strict=True) for one in held.crls],
        ocsps=[asn1_ocsp.OCSPResponse.load(one, strict=True) for one in held.ocsps],
        moment=at,
        allow_fetching=False,
        revocation_mode="soft-fail" if archived is None else "require",
        # Revocation data fetched after the signature also covers revocations before it.
        retroactive_revinfo=True,
    )


def check_path(
    certificates: Sequence[x509.Certificate],
    trust: Sequence[Trusted],
    at: datetime,
    archived: ValidationData | None,
    *,
    purpose: str | None = None,
) -> None:
    """Checks that a chain of certificates leads to a trusted one and was valid at a time.

    Args:
        certificates: The one in question first, then all available issuers.
        trust: Certificates that the verifier trusts.
        at: The time.
        archived: Certificates and revocation data in the file; None: it holds none.
        purpose: The extended key usage that the first certificate needs; None: any.

    Raises:
        VerificationError: If the chain is not valid, or a certificate was revoked then.
        UnverifiableError: If it leads to no trusted certificate, or if the archived data leave a
            revocation status open.
    """
    from pyhanko_certvalidator import CertificateValidator
    from pyhanko_certvalidator.errors import (
        InsufficientRevinfoError,
        PathBuildingError,
        RevokedError,
        ValidationError,
    )

    first = certificates[0]
    name = common_name(first)
    if first.subject == first.issuer and not any(t.certificate == first for t in trust):
        raise _unknown(first, "")
    _check_issued(certificates, trust)
    validator = CertificateValidator(
        as_asn1(first),
        intermediate_certs=[as_asn1(c) for c in certificates[1:]],
        validation_context=validation_context(certificates, trust, at, archived),
    )
    try:
        run_offline(_validate(validator, purpose))
    except PathBuildingError as error:
        raise _unknown(first, _strangers(certificates, trust)) from error
    except RevokedError as error:
        raise VerificationError(
            f"The certificate of {name}, or of its issuer, was revoked before it was used."
        ) from error
    except InsufficientRevinfoError as error:
        raise UnverifiableError(
            f"Nothing in the file says whether the certificate of {name}, or of its issuer, was "
            "revoked."
        ) from error
    except ValidationError as error:
        raise VerificationError(
            f"The chain from {name} to a trusted root does not hold."
        ) from error


def _unknown(signer: x509.Certificate, strangers: str) -> UnverifiableError:
    return UnverifiableError(
        f"{common_name(signer)} ({fingerprint(signer)}) leads to no certificate that you trust."
        f"{strangers}",
        remedy="obtain its root or the certificate itself through another channel, compare the "
        "fingerprint, and give it as --trust roots.pem",
    )


def _strangers(certificates: Sequence[x509.Certificate], trust: Sequence[Trusted]) -> str:
    """Names a certificate whose issuer has the name of a trusted one that did not sign it."""
    for root in (t.certificate for t in trust):
        for certificate in certificates:
            if _is_namesake(root, certificate):
                return (
                    f" The {common_name(root)} that you trust did not sign the certificate of "
                    f"{common_name(certificate)}: either that was changed, or another has the name."
                )
    return ""


async def _validate(validator: Any, purpose: str | None) -> None:
    await validator.async_validate_usage(set(), {purpose} if purpose else None)


def _check_purpose(signer: x509.Certificate) -> None:
    if not _is_for_documents(signer):
        raise VerificationError(
            f"The certificate of {common_name(signer)} is not for signing documents."
        )


def _is_for_documents(certificate: x509.Certificate) -> bool:
    """Whether the certificate is for signing documents, not for example for a server."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return any(purpose in _DOCUMENT_PURPOSES for purpose in purposes)
