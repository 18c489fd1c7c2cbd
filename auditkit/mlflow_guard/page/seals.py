"""Small sealed texts: sessions, log-ins under way, and the tokens in forms.

A sealed text is readable and cannot be forged: HMAC-SHA256 under a key that all workers and servers
share. Nothing is stored, so a sealed text is good until it ends.

Laws:
    - What was sealed for one purpose does not open for another.
    - A text that was changed, cut, or sealed under another key does not open; nor does one that
      has ended.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.canonical import Json

MIN_KEY_BYTES: Final = 32
_MAX_CHARACTERS: Final = 3500  # of a cookie, browsers keep 4096 bytes


class Seals:
    """Seals texts and opens them.

    Args:
        key: The secret, at least 32 bytes.
        clock: The time, UTC.
    """

    def __init__(self, key: bytes, *, clock: Callable[[], datetime]) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError("a key for seals has at least 32 bytes")
        self._key, self._clock = key, clock

    def seal(self, purpose: str, content: Mapping[str, Json], *, lasts: timedelta) -> str:
        """Seals a JSON object.

        Args:
            purpose: What it is for.
            content: The object, without a member `ends`.
            lasts: How long it is good.

        Raises:
            ValueError: If it is too long for a cookie.
        """
        ends = (self._clock() + lasts).timestamp()
        body = _encoded(json.dumps({**content, "ends": ends}, separators=(",", ":")).encode())
        sealed = f"{body}.{_encoded(self._mac(purpose, body))}"
        if len(sealed) > _MAX_CHARACTERS:
            raise ValueError("it is too long to be sealed")
        return sealed

    def opened(self, purpose: str, sealed: str) -> dict[str, Any] | None:
        """What was sealed; None if it was not sealed here for this purpose, or has ended."""
        body, _, mac = sealed.partition(".")
        expected = _encoded(self._mac(purpose, body)).encode()
        if not hmac.compare_digest(expected, mac.encode("utf-8", "surrogatepass")):
            return None
        try:
            found: dict[str, Any] = json.loads(
                base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            )
        except (binascii.Error, ValueError):
            return None
        return found if self._clock().timestamp() < found.pop("ends") else None

    def secret(self, purpose: str, text: str) -> str:
        """A secret that follows from a text, for whoever has the key: 43 letters and digits."""
        return _encoded(self._mac(purpose, text))

    def _mac(self, purpose: str, text: str) -> bytes:
        key = hmac.digest(self._key, purpose.encode(), hashlib.sha256)
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
