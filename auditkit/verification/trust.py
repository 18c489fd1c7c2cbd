"""Whether a certificate leads to one that the verifier relies on, at a moment.

Laws:
    - No clock and no network: the moment is an argument, revocation is what the verifier brings
      or what lies in the file.
    - "Leads to no root that you gave" is *could not check*: nothing is known about the signer.
      "Was not valid then", "was revoked before" and "a signature in the chain is wrong" are
      *false*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.signing.certificates import (
    NO_EXPIRY,
    Trusted,
    common_name,
    fingerprint,
    is_demonstration,
)

T = TypeVar("T")
_CLOCK_TOLERANCE: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What is known about when a signature was made.

    Attributes:
        proven: A time that a trusted timestamp authority attests; None: none.
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
        """The time to judge certificates at.

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
    certificates: Sequence[x509.Certificate], trust: Sequence[Trusted], moment: Moment
) -> str:
    """Checks that a signer's certificate was valid and leads to a trusted one.

    Args:
        certificates: The signer's first, then whatever issuers are at hand.
        trust: What the verifier relies on.
        moment: When the signature was made.

    Returns:
        Who the signer is and whom that rests on, in words.

    Raises:
        VerificationError: If the certificate was not valid or was revoked then.
        UnverifiableError: If no path leads to a trusted certificate, or the time cannot be relied
            on where it matters.
    """
    signer = certificates[0]
    who = f"{common_name(signer)} ({fingerprint(signer)})"
    own = next((t for t in trust if t.certificate == signer), None)
    endless = signer.not_valid_after_utc == NO_EXPIRY
    if own is not None and own.revoked_at is None and endless and not moment.is_known:
        return f"{who}: {_standing(signer)}"
    at = moment.best
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise VerificationError(
            f"The signer's certificate was not valid on {at.date()}: it runs from "
            f"{signer.not_valid_before_utc.date()} to {signer.not_valid_after_utc.date()}."
        )
    if own is not None:
        _check_revocation(own, moment)
    else:
        _check_path(certificates, trust, at)
    if moment.proven is None and moment.now is not None:
        _check_unproven(signer, at, moment.now)
    if own is None:
        return f"{who}, issued under a root that you trust."
    return f"{who}: {_standing(signer)}"


def _standing(signer: x509.Certificate) -> str:
    if is_demonstration(signer):
        return "a demonstration key that you trust; it vouches for no identity."
    return "a certificate that you trust."


def _check_revocation(own: Trusted, moment: Moment) -> None:
    if own.revoked_at is None:
        return
    if moment.best >= own.revoked_at:
        raise VerificationError(
            f"The signer's key was revoked on {own.revoked_at.date()}, before it signed this."
        )
    if own.compromised and moment.proven is None:
        raise UnverifiableError(
            f"The signer's key was compromised by {own.revoked_at.date()}; whoever holds it can "
            "state any time, and no timestamp proves that this was signed before."
        )


def _check_unproven(signer: x509.Certificate, at: datetime, now: datetime) -> None:
    if now > signer.not_valid_after_utc:
        raise UnverifiableError(
            "The signer's certificate has expired since, and no timestamp proves that it signed "
            "before."
        )
    if at > now + _CLOCK_TOLERANCE:
        raise UnverifiableError(
            f"The signer states {at:%Y-%m-%d}, which by the verifier's clock is still to come.",
            remedy="check the clock of this machine",
        )


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that does no input or output, also inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def usable_roots(
    certificates: Sequence[x509.Certificate], trust: Sequence[Trusted]
) -> list[x509.Certificate]:
    """The trusted certificates that were not revoked, without mere namesakes.

    A root with the name of an issuer and another key says nothing about what that issuer signed.
    """
    return [
        t.certificate
        for t in trust
        if t.revoked_at is None
        and not any(_is_namesake(t.certificate, certificate) for certificate in certificates)
    ]


def _is_namesake(root: x509.Certificate, certificate: x509.Certificate) -> bool:
    if root.subject != certificate.issuer or root == certificate:
        return False
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, TypeError, ValueError):
        return True
    return False


def as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate for libraries that speak asn1crypto."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _check_path(
    certificates: Sequence[x509.Certificate], trust: Sequence[Trusted], at: datetime
) -> None:
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError

    signer = certificates[0]
    if signer.subject == signer.issuer:
        raise _unknown(signer)
    context = ValidationContext(
        trust_roots=[as_asn1(root) for root in usable_roots(certificates, trust)],
        moment=at,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    validator = CertificateValidator(
        as_asn1(signer),
        intermediate_certs=[as_asn1(c) for c in certificates[1:]],
        validation_context=context,
    )
    try:
        run_now(_validate(validator))
    except PathBuildingError as error:
        raise _unknown(signer) from error
    except PathValidationError as error:
        raise VerificationError(
            f"The chain from {common_name(signer)} to a trusted root does not hold."
        ) from error
    usage = _usage(signer)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise VerificationError(f"The certificate of {common_name(signer)} is not for signing.")


def _unknown(signer: x509.Certificate) -> UnverifiableError:
    return UnverifiableError(
        f"The signer, {common_name(signer)} ({fingerprint(signer)}), leads to no certificate "
        "that you trust.",
        remedy="obtain the signer's root or certificate through another channel, compare the "
        "fingerprint, and give it as --trust roots.pem",
    )


async def _validate(validator: Any) -> None:
    await validator.async_validate_usage(set())


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
