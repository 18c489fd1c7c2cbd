"""The timestamp in a signature: whether it is about this signature, and who says so.

Laws:
    - A token that is about something else, or that was changed in any byte, is *false*.
    - A token by an authority that the verifier does not trust proves nothing: *could not check*.
    - The authority's certificate is judged at the token's own time; revocation is not looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms, tsp, x509
from cryptography import x509 as cx509

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.signing.certificates import Trusted
from auditkit.verification.trust import as_asn1, run_now, usable_roots

_HASHES: Final = {"sha256", "sha384", "sha512"}
_CHANGED: Final = "The timestamp is not one that an authority made."


def check_timestamp(
    token: bytes, signature: bytes, trust: Sequence[Trusted]
) -> tuple[datetime, str]:
    """Checks a timestamp token over a signature's value.

    Args:
        token: Its DER.
        signature: The signature's value.
        trust: Certificates that the verifier relies on; among them the authority's root.

    Returns:
        The attested time and the authority's name.

    Raises:
        VerificationError: If the token is about something else or damaged.
        UnverifiableError: If the authority leads to no trusted root.
    """
    try:
        content, info = _open(token)
        imprint = info["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        told: datetime = info["gen_time"].native
    except VerificationError:
        raise
    except Exception as error:  # hostile tokens end in errors of any type
        raise VerificationError(_CHANGED) from error
    if algorithm not in _HASHES:
        raise VerificationError("The timestamp uses a hash that is no longer safe.")
    if imprint["hashed_message"].native != hashlib.new(algorithm, signature).digest():
        raise VerificationError("The timestamp is about another signature.")
    status = _validate(content, trust, told)
    if not (status.get("intact") and status.get("valid")):
        raise VerificationError("The timestamp's signature does not hold.")
    if status.get("validation_path") is None or status.get("trust_problem_indic") is not None:
        raise UnverifiableError(
            f"The timestamp of {told:%Y-%m-%d %H:%M} UTC is by an authority that leads to no root "
            "that you trust.",
            remedy="obtain the authority's root certificate and give it with --trust",
        )
    return told, str(status["signing_cert"].subject.human_friendly)


def _open(token: bytes) -> tuple[cms.SignedData, tsp.TSTInfo]:
    """Parses a token and refuses what no signature in it vouches for."""
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
    _check_certificates(content, signer)
    return content, info


def _plain(algorithm: Any) -> bool:
    """Whether an algorithm has no parameters, none but NULL, or those of RSASSA-PSS."""
    if algorithm["algorithm"].native == "rsassa_pss":
        return True
    return bool(algorithm["parameters"].dump() in (b"", b"\x05\x00"))


def _check_certificates(content: cms.SignedData, signer: cms.SignerInfo) -> None:
    """Every certificate is the authority's, or signed one that is; a root signed itself."""
    certificates = [choice.chosen for choice in content["certificates"]]
    if not all(isinstance(one, x509.Certificate) for one in certificates):
        raise VerificationError(_CHANGED)
    sid = signer["sid"].chosen
    leaf = [
        one
        for one in certificates
        if one.issuer == sid["issuer"] and one.serial_number == sid["serial_number"].native
    ]
    if len(leaf) != 1:
        raise VerificationError(_CHANGED)
    parsed = _certificates(content)
    for one in parsed:
        for issuer in (other for other in parsed if other.subject == one.issuer):
            one.verify_directly_issued_by(issuer)


def _certificates(content: cms.SignedData) -> list[cx509.Certificate]:
    return [cx509.load_der_x509_certificate(c.chosen.dump()) for c in content["certificates"]]


def _validate(content: cms.SignedData, trust: Sequence[Trusted], told: datetime) -> dict[str, Any]:
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.generic_cms import cms_basic_validation
    from pyhanko.sign.validation.status import TimestampSignatureStatus
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(
        trust_roots=[as_asn1(root) for root in usable_roots(_certificates(content), trust)],
        moment=told,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    try:
        found: dict[str, Any] = run_now(
            cms_basic_validation(
                content,
                validation_context=context,
                status_kwargs={},
                key_usage_settings=TimestampSignatureStatus.default_usage_constraints(),
            )
        )
    except SignatureValidationError as error:
        raise VerificationError("The timestamp's signature cannot be validated.") from error
    return found
