"""Who asks, what a request shows of them, and how a log-in is refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from auditkit.errors import InputError


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token is good for: less than its account's rights, never more.

    Attributes:
        id: The token's id in the log; it is not secret.
        role: The role, `role:NAME`; its account must have it too.
        domain: The workspace; `*`: every one in which the account has the role.
    """

    id: str
    role: str
    domain: str


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user.

    Attributes:
        user: The user's name.
        method: How the user was authenticated: "basic", "token", "proxy" or "oidc".
        groups: The groups that the identity provider or the proxy names.
        token: The token's scope; None: no token was used.
    """

    user: str
    method: str
    groups: tuple[str, ...] = ()
    token: TokenScope | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A request's headers and addresses.

    Attributes:
        headers: Its headers, names in lower case; without headers that occur twice.
        peer: The address at the other end of the connection; empty if unknown.
        forwarded: The value of X-Forwarded-For, whoever wrote it; uvicorn takes the peer from it
            when the connection comes from the same machine.
    """

    headers: Mapping[str, str]
    peer: str
    forwarded: str = ""

    @property
    def bearer(self) -> str:
        """The token of a Bearer header (RFC 6750); empty if there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


class TooManyFailuresError(InputError):
    """A log-in that has to wait: too many wrong passwords, or too many log-ins at once.

    Args:
        message: What was too much.
        retry_after: After how many seconds to try again.
    """

    def __init__(self, message: str, *, retry_after: float = 60.0) -> None:
        self.retry_after = max(1, int(retry_after + 0.999))
        super().__init__(message, remedy=f"wait {self.retry_after} s, then try again")


class LoginRefusedError(InputError):
    """A log-in that is refused whatever other ways there are: a token that has expired, say."""


class Authenticator(Protocol):
    """One way to authenticate a request."""

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None if this way cannot authenticate the request.

        Raises:
            LoginRefusedError: If no other way may be tried.
            TooManyFailuresError: If it has to wait.
        """


def read_basic(credentials: Credentials) -> tuple[str, str] | None:
    """The name and password of a Basic header, by RFC 7617; None if there is none."""
    scheme, _, encoded = credentials.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None
