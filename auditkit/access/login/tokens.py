"""Tokens of service accounts: random, kept as digests, restricted to one role, and ending.

A token is `akt_`, 43 letters and digits from 256 random bits, and 6 that are a checksum of what is
before them, so that a scanner for leaked secrets can tell one: `akt_[0-9A-Za-z]{49}`. The file
holds the SHA-256 of each. That needs no salt and no slow hash: nobody guesses 256 bits.

Example:
    >>> from datetime import UTC
    >>> now, later = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2))
    >>> text, token = new_token("ci", "trainer", "team-a", expires=later, now=now, by="adam")
    >>> is_token(text), text in str(token), is_token(text[:-1] + "!"), token.state(later)
    (True, False, False, 'expired')
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from auditkit.access.login.callers import (
    Caller,
    Credentials,
    LoginRefusedError,
    TokenScope,
    read_basic,
)
from auditkit.access.login.private_files import Followed, read_private
from auditkit.errors import InputError
from auditkit.files import write_whole

PREFIX: Final = "akt_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS: Final = 43  # 62**43 > 2**256
_CHECK_CHARACTERS: Final = 6  # 62**6 > 2**32
_REMEDY: Final = "make another: auditkit access token create"
_TOKEN: Final = re.compile(r"akt_[0-9A-Za-z]{49}\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token as it is kept, without what would let anybody use it.

    Attributes:
        id: Its id in the log and in lists.
        digest: SHA-256 of its text, in hexadecimal.
        account: The user that it acts as.
        role: The role that it is restricted to, `role:NAME`.
        domain: The workspace that it is restricted to; `*`: none.
        created: When it was made.
        created_by: Who made it.
        expires: When it ends.
        revoked: When it was revoked; None: it was not.
    """

    id: str
    digest: str
    account: str
    role: str
    domain: str
    created: datetime
    created_by: str
    expires: datetime
    revoked: datetime | None = None

    def state(self, now: datetime) -> str:
        """Whether it is "valid", "expired" or "revoked"."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if now < self.expires else "expired"


def new_token(
    account: str, role: str, domain: str, *, expires: datetime, now: datetime, by: str
) -> tuple[str, Token]:
    """A new token's text, which is kept nowhere, and what is kept of it.

    Args:
        account: The user that it acts as.
        role: The role's name, with or without `role:`.
        domain: The workspace; `*` for every one.
        expires: When it ends.
        now: The time.
        by: Who makes it.
    """
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    text = body + _checksum(body)
    return text, Token(
        id=f"tk-{secrets.token_hex(4)}",
        digest=_digest(text),
        account=account,
        role=f"role:{role.removeprefix('role:')}",
        domain=domain,
        created=now,
        created_by=by,
        expires=expires,
    )


def is_token(text: str) -> bool:
    """Whether a text has the form of a token, its checksum included."""
    body = text[:-_CHECK_CHARACTERS]
    return _TOKEN.match(text) is not None and text == body + _checksum(body)


def read_tokens(path: Path) -> dict[str, Token]:
    """Tokens by their ids.

    Raises:
        InputError: If the file cannot be read, or is readable by others than its owner.
    """
    remedy = f"make it with: auditkit access token create ACCOUNT --tokens {path.name}"
    found = read_private(path, what="tokens' file", remedy=remedy)
    try:
        return {str(number): _token(str(number), kept) for number, kept in found.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The tokens' file {path.name!r} does not hold tokens.", remedy=remedy
        ) from error


def write_tokens(path: Path, tokens: Mapping[str, Token]) -> None:
    """Writes tokens, whole or not at all, readable only by the owner.

    Raises:
        OutputError: If it cannot be written.
    """
    kept = {
        token.id: {
            "digest": token.digest,
            "account": token.account,
            "role": token.role,
            "domain": token.domain,
            "created": token.created.isoformat(),
            "created_by": token.created_by,
            "expires": token.expires.isoformat(),
            "revoked": token.revoked.isoformat() if token.revoked else None,
        }
        for token in sorted(tokens.values(), key=lambda token: token.created)
    }
    write_whole(path, (json.dumps(kept, indent=1) + "\n").encode(), secret=True)


class TokenAuthenticator:
    """A token as a Bearer header, or as the password of a Basic header.

    Beside a token, a Basic header may name the token's account or nobody.

    Args:
        tokens: The file of tokens; read again when it changes.
        clock: The time, UTC.

    Raises:
        InputError: If the file cannot be read.
    """

    def __init__(self, tokens: Path, *, clock: Callable[[], datetime]) -> None:
        self._tokens = Followed(tokens, lambda path: _by_digest(list(read_tokens(path).values())))
        self._clock = clock

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The token's account; None if there is no token.

        Raises:
            LoginRefusedError: If there is one, and it does not count.
            InputError: If the tokens' file cannot be read.
        """
        user, text = "", credentials.bearer
        basic = read_basic(credentials)
        if basic is not None and is_token(basic[1]):
            user, text = basic
        if not text.startswith(PREFIX):
            return None
        token = self._tokens.current().get(_digest(text)) if is_token(text) else None
        if token is None:
            raise LoginRefusedError("The token is unknown.", remedy=_REMEDY)
        if user not in ("", token.account):
            raise LoginRefusedError(
                f"The token {token.id} is another account's.",
                remedy="give its account as the user, or none",
            )
        state = token.state(self._clock())
        if state != "valid":
            what = "has expired" if state == "expired" else "was revoked"
            raise LoginRefusedError(f"The token {token.id} {what}.", remedy=_REMEDY)
        return Caller(token.account, "token", token=TokenScope(token.id, token.role, token.domain))


def _by_digest(tokens: Sequence[Token]) -> dict[str, Token]:
    return {token.digest: token for token in tokens}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    left, found = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        left, digit = divmod(left, len(_ALPHABET))
        found = _ALPHABET[digit] + found
    return found


def _token(number: str, kept: Mapping[str, Any]) -> Token:
    digest, role = str(kept["digest"]), str(kept["role"])
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not role.startswith("role:"):
        raise ValueError("not a token")
    revoked = kept["revoked"]
    return Token(
        id=number,
        digest=digest,
        account=_text(kept["account"]),
        role=role,
        domain=_text(kept["domain"]),
        created=_time(kept["created"]),
        created_by=_text(kept["created_by"]),
        expires=_time(kept["expires"]),
        revoked=_time(revoked) if revoked is not None else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time
