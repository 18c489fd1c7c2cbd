"""Signs a webhook as Standard Webhooks 1.0.0 says. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from auditkit.errors import InputError

_PREFIX: Final = "whsec_"
_MIN_BYTES, _MAX_BYTES = 24, 64


def parse_secrets(text: str, *, source: str) -> tuple[bytes, ...]:
    """The secrets in a file: one a line, `whsec_` and base64 of 24 to 64 random bytes.

    Args:
        text: The file's text.
        source: Its name in errors.

    Raises:
        InputError: If there is none, or one is something else.
    """
    found = []
    for line in text.split():
        try:
            secret = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
        except (ValueError, binascii.Error):
            secret = b""
        if not (line.startswith(_PREFIX) and _MIN_BYTES <= len(secret) <= _MAX_BYTES):
            raise _wrong(source)
        found.append(secret)
    if not found:
        raise _wrong(source)
    return tuple(found)


def signed_headers(
    identifier: str, body: bytes, *, time_s: int, secrets: Sequence[bytes]
) -> dict[str, str]:
    """The three headers of a webhook.

    Args:
        identifier: The message's id, the same at every attempt; without dots.
        body: The bytes that are sent.
        time_s: When this attempt is made, in seconds since 1970 UTC.
        secrets: What to sign with. With two, receivers can change from one to the other.
    """
    content = b".".join([identifier.encode(), str(time_s).encode(), body])
    signatures = [hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(time_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
    }


def _wrong(source: str) -> InputError:
    return InputError(
        f"The file {source} does not hold secrets of a webhook.",
        remedy=f'make one: (umask 077; echo "whsec_$(openssl rand -base64 32)" > {source})',
    )
