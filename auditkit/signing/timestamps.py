"""Asks a timestamp authority (RFC 3161) to attest when something existed.

Laws:
    - Only the SHA-256 digest of the stamped bytes leaves the machine.
    - The answer is checked before it is used: granted, our digest, our nonce, one signature.
      The verifier decides whether to trust the authority.
"""

from __future__ import annotations

import secrets
import urllib.request
from dataclasses import dataclass
from typing import Final

from asn1crypto import tsp

from auditkit.canonical import Digest
from auditkit.errors import UnverifiableError

_MAX_ANSWER_BYTES: Final = 64 * 1024
_REMEDY: Final = "check the authority's address, or sign without one and leave the time unattested"


@dataclass(frozen=True, kw_only=True, slots=True)
class TimestampAuthority:
    """A timestamp authority at an address.

    Attributes:
        url: `http://` or `https://` address that takes RFC 3161 requests. Tokens are signed, so
            plain HTTP is usual.
        timeout_seconds: How long to wait for an answer.
    """

    url: str
    timeout_seconds: float = 20.0

    def stamp(self, message: bytes) -> bytes:
        """Asks for a token over the SHA-256 digest of a message.

        Returns:
            The token's DER.

        Raises:
            UnverifiableError: If there is no answer, or it does not answer this request.
        """
        return self.stamp_digest(bytes.fromhex(Digest.of(message).hex))

    def stamp_digest(self, digest: bytes) -> bytes:
        """Asks for a token over a SHA-256 digest (32 bytes); see `stamp`."""
        nonce = secrets.randbits(63) | (1 << 62)
        question = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": "sha256"},
                    "hashed_message": digest,
                },
                "nonce": nonce,
                "cert_req": True,
            }
        )
        answer = self._ask(question.dump())
        try:
            response = tsp.TimeStampResp.load(answer, strict=True)
            granted = response["status"]["status"].native in {"granted", "granted_with_mods"}
            if not granted:
                raise UnverifiableError(
                    "The timestamp authority refused the request.", remedy=_REMEDY
                )
            token = response["time_stamp_token"]
            content = token["content"]
            info = content["encap_content_info"]["content"].parsed
            fits = (
                info["nonce"].native == nonce
                and info["message_imprint"]["hashed_message"].native == digest
                and info["message_imprint"]["hash_algorithm"]["algorithm"].native == "sha256"
                and len(content["signer_infos"]) == 1
            )
            der: bytes = token.dump()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnverifiableError(
                "The timestamp authority refused, or its answer cannot be read.", remedy=_REMEDY
            ) from error
        if not fits:
            raise UnverifiableError(
                "The timestamp authority's answer is for another request.", remedy=_REMEDY
            )
        return der

    def _ask(self, question: bytes) -> bytes:
        if not self.url.lower().startswith(("http://", "https://")):
            raise UnverifiableError(
                "The timestamp authority's address does not begin with http:// or https://.",
                remedy=_REMEDY,
            )
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            self.url, data=question, headers={"Content-Type": "application/timestamp-query"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_seconds) as reply:  # noqa: S310
                answer: bytes = reply.read(_MAX_ANSWER_BYTES + 1)
        except (OSError, ValueError) as error:
            raise UnverifiableError(
                "The timestamp authority cannot be reached.", remedy=_REMEDY
            ) from error
        if len(answer) > _MAX_ANSWER_BYTES:
            raise UnverifiableError("The timestamp authority's answer is too long.", remedy=_REMEDY)
        return answer
