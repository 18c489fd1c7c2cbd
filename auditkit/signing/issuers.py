"""Collects revocation data at signing (OCSP answers, CRLs) for later verifiers.

Laws:
    - Only addresses in the certificates are asked: issuers, revocation lists and OCSP responders.
      Only a certificate's serial number is sent.
    - Every certificate up to a self-signed one needs an answer, and none may be revoked: a report
      whose certificates cannot be shown to have been valid at signing is not archived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, TypeVar

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from auditkit.errors import UnverifiableError
from auditkit.signing.certificates import common_name
from auditkit.signing.validation_data import ValidationData

T = TypeVar("T")
_LONGEST_CHAIN: Final = 10
_REMEDY: Final = "try again when the issuer answers, or sign without long-term validation"


def as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate as an asn1crypto object."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def as_x509(certificate: asn1_x509.Certificate) -> x509.Certificate:
    """The same certificate as a `cryptography` object."""
    return x509.load_der_x509_certificate(certificate.dump())


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, even inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def run_offline(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits for nothing, without an event loop and its sockets.

    Raises:
        RuntimeError: If it waits for something all the same.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError


def ask_issuers(
    leaves: Sequence[x509.Certificate], others: Iterable[x509.Certificate], *, at: datetime
) -> ValidationData:
    """Asks the issuers of certificates whether they are revoked.

    Args:
        leaves: Certificates of signers and timestamp authorities.
        others: Available issuers; others are fetched from the addresses in the certificates.
        at: The time of signing.

    Returns:
        Certificates, CRLs and OCSP answers, without duplicates.

    Raises:
        UnverifiableError: If a certificate is revoked, or its status cannot be determined.
    """
    return run_now(_gather(leaves, tuple(others), at))


async def _gather(
    leaves: Sequence[x509.Certificate], others: Sequence[x509.Certificate], at: datetime
) -> ValidationData:
    from pyhanko_certvalidator.fetchers.aiohttp_fetchers import AIOHttpFetcherBackend

    certificates: dict[bytes, None] = {}
    crls: dict[bytes, None] = {}
    ocsps: dict[bytes, None] = {}
    async with AIOHttpFetcherBackend() as fetchers:
        for leaf in leaves:
            chain = await _chain(leaf, others, fetchers)
            certificates |= dict.fromkeys(one.dump() for one in chain)
            if len(chain) > 1 or not _is_root(chain[0]):
                await _check(leaf, chain, fetchers, at)
        crls |= dict.fromkeys(one.dump() for one in fetchers.crl_fetcher.fetched_crls())
        ocsps |= dict.fromkeys(one.dump() for one in fetchers.ocsp_fetcher.fetched_responses())
    return ValidationData(certificates=tuple(certificates), crls=tuple(crls), ocsps=tuple(ocsps))


async def _chain(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], fetchers: Any
) -> list[asn1_x509.Certificate]:
    """A certificate and its issuers, up to a self-signed one."""
    from pyhanko_certvalidator.errors import CertificateFetchError

    chain = [as_asn1(leaf)]
    known = [as_asn1(one) for one in others]
    while not _is_root(chain[-1]):
        issuer = next((one for one in known if one.subject == chain[-1].issuer), None)
        try:
            if issuer is None:
                fetched = fetchers.cert_fetcher.fetch_cert_issuers(chain[-1])
                issuer = await anext(fetched, None)
        except CertificateFetchError:
            issuer = None
        if issuer is None or len(chain) == _LONGEST_CHAIN:
            raise UnverifiableError(
                f"The issuer's certificate of {common_name(leaf)} is missing, and the certificate "
                "names no address to fetch it from.",
                remedy="give the issuers' certificates up to the root with the signer's",
            )
        chain.append(issuer)
    return chain


def _is_root(certificate: asn1_x509.Certificate) -> bool:
    return bool(certificate.subject == certificate.issuer)


async def _check(
    leaf: x509.Certificate, chain: Sequence[asn1_x509.Certificate], fetchers: Any, at: datetime
) -> None:
    from pyhanko_certvalidator import CertificateValidator, ValidationContext
    from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, RevokedError

    context = ValidationContext(
        trust_roots=[chain[-1]],
        other_certs=list(chain[1:-1]),
        moment=at,
        allow_fetching=True,
        fetchers=fetchers,
        revocation_mode="require",
        retroactive_revinfo=True,
    )
    try:
        validator: Any = CertificateValidator(
            chain[0], intermediate_certs=list(chain[1:-1]), validation_context=context
        )
        await validator.async_validate_usage(set())
    except RevokedError as error:
        raise UnverifiableError(
            f"The certificate of {common_name(leaf)}, or of its issuer, is revoked.",
            remedy="sign with another certificate",
        ) from error
    except (PathBuildingError, PathValidationError) as error:
        raise UnverifiableError(
            f"No issuer says whether the certificate of {common_name(leaf)} is revoked.",
            remedy=_REMEDY,
        ) from error
