"""Checks a timestamp token: what it covers, and which authority issued it.

Laws:
    - A token that covers something else, or was changed in any byte, is *false*.
    - A token by an authority that the verifier does not trust proves nothing: *could not check*.
    - The authority's certificate is judged at the token's own time, with the revocation data in
      the file; nothing is fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

from asn1crypto import cms, tsp
from cryptography import x509 as cx509

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.signing.certificates import Trusted, common_name
from auditkit.signing.issuers import as_x509, run_offline
from auditkit.signing.validation_data import ValidationData
from auditkit.verification.trust import check_path, validation_context

_HASHES: Final = {"sha256", "sha384", "sha512"}
_CHANGED: Final = "The timestamp is not as an authority made it."


def check_timestamp(
    token: bytes,
    stamped: bytes,
    trust: Sequence[Trusted],
    archived: ValidationData | None = None,
) -> tuple[datetime, str]:
    """Checks a timestamp token.

    Args:
        token: Its DER.
        stamped: The bytes it must cover: a signature's value, or a document timestamp's range.
        trust: Certificates that the verifier trusts, the authority's root among them.
        archived: Certificates and revocation data in the file; None: it holds none.

    Returns:
        The attested time and the authority's name.

    Raises:
        VerificationError: If the token covers something else or is damaged.
        UnverifiableError: If the authority's certificate leads to no trusted root.
    """
    read = _read(token)
    if read.algorithm not in _HASHES:
        raise VerificationError("The timestamp uses a hash that is no longer safe.")
    if read.digest != hashlib.new(read.algorithm, stamped).digest():
        raise VerificationError("The timestamp covers something else.")
    return _check_issued(read, trust, archived)


def rehearse_timestamp(
    token: bytes, trust: Sequence[Trusted], archived: ValidationData | None
) -> datetime:
    """Does all that `check_timestamp` does with a token, whatever it covers.

    Returns:
        The attested time, also of an authority that is not trusted: nothing is proven by it.
    """
    read = _read(token)
    with suppress(VerificationError, UnverifiableError):
        _check_issued(read, trust, archived)
    return read.attested


class _Token(NamedTuple):
    """What is in a token."""

    content: cms.SignedData
    algorithm: str
    digest: bytes
    attested: datetime
    certificates: list[cx509.Certificate]


def _read(token: bytes) -> _Token:
    try:
        content, info = _open(token)
        imprint = info["message_imprint"]
        return _Token(
            content=content,
            algorithm=imprint["hash_algorithm"]["algorithm"].native,
            digest=imprint["hashed_message"].native,
            attested=info["gen_time"].native,
            certificates=_certificates(content),
        )
    except VerificationError:
        raise
    except Exception as error:  # hostile tokens end in errors of any type
        raise VerificationError(_CHANGED) from error


def _check_issued(
    token: _Token, trust: Sequence[Trusted], archived: ValidationData | None
) -> tuple[datetime, str]:
    own, *_ = token.certificates
    _check_signature(token.content, own, token.attested)
    check_path(token.certificates, trust, token.attested, archived, purpose="time_stamping")
    return token.attested, common_name(own)


def _open(token: bytes) -> tuple[cms.SignedData, tsp.TSTInfo]:
    """Parses a token, and refuses one with unsigned parts."""
    outer = cms.ContentInfo.load(token, strict=True)
    content = outer["content"]
    (signer,) = content["signer_infos"]
    (algorithm,) = content["digest_algorithms"]
    info = content["encap_content_info"]["content"].parsed
    named = signer["digest_algorithm"]
    sound = (
        outer["content_type"].native == "signed_data"
        and content["version"].native == "v3"
        and content["encap_content_info"]["content_type"].native == "tst_info"
        and isinstance(info, tsp.TSTInfo)
        and algorithm.dump() == named.dump()
        and _plain(named)
        and _plain(signer["signature_algorithm"])
        and signer["version"].native == "v1"
        and not signer["unsigned_attrs"]
        and not content["crls"]
        and named["algorithm"].native in _HASHES
    )
    if not sound:
        raise VerificationError(_CHANGED)
    return content, info


def _plain(algorithm: Any) -> bool:
    """Whether an algorithm's parameters are absent, NULL, or those of RSASSA-PSS."""
    if algorithm["algorithm"].native == "rsassa_pss":
        return True
    return bool(algorithm["parameters"].dump() in (b"", b"\x05\x00"))


def _certificates(content: cms.SignedData) -> list[cx509.Certificate]:
    """The authority's certificate, then the others; each is signed by another one if it can be."""
    (signer,) = content["signer_infos"]
    sid = signer["sid"].chosen
    wanted = (sid["issuer"], sid["serial_number"].native)
    own: list[cx509.Certificate] = []
    others: list[cx509.Certificate] = []
    for choice in content["certificates"]:
        one = choice.chosen
        named = (one.issuer, one.serial_number) == wanted
        (own if named else others).append(as_x509(one))
    if len(own) != 1:
        raise VerificationError(_CHANGED)
    every = own + others
    for one in every:
        for issuer in (other for other in every if other.subject == one.issuer):
            one.verify_directly_issued_by(issuer)
    return every


def _check_signature(content: cms.SignedData, own: cx509.Certificate, attested: datetime) -> None:
    """Checks the token's own signature, not whether its certificate is trusted."""
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import cms_basic_validation
    from pyhanko.sign.validation.status import TimestampSignatureStatus

    try:
        found: dict[str, Any] = run_offline(
            cms_basic_validation(
                content,
                validation_context=validation_context(
                    [], [Trusted(certificate=own)], attested, None
                ),
                status_kwargs={},
                key_usage_settings=TimestampSignatureStatus.default_usage_constraints(),
            )
        )
    except SignatureValidationError as error:
        raise VerificationError("The timestamp's signature cannot be validated.") from error
    if not (found["intact"] and found["valid"]):
        raise VerificationError("The timestamp's signature is not valid.")
    if found["trust_problem_indic"] is not None:
        raise VerificationError("The timestamp's signature is by an algorithm that is not safe.")
