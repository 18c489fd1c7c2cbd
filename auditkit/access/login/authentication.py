"""Authentication by password, by a trusted proxy's header, or by an identity provider's token.

Laws:
    - An authenticator names a user or refuses; it never guesses, and an error never grants access.
    - A proxy's header counts only from the peers that the settings name.
    - A token is checked for signature, issuer, audience, expiry and a public-key algorithm.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from auditkit.access.login.passwords import matches, read_users
from auditkit.canonical import is_clear
from auditkit.errors import InputError, MissingExtraError

_CACHE_SECONDS: Final = 60.0
_MAX_CACHED: Final = 10_000
_FAILURES: Final = 10
_FAILURE_WINDOW_SECONDS: Final = 60.0
_LEEWAY_SECONDS: Final = 30.0  # how far clocks may differ
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user.

    Attributes:
        user: The user's name.
        method: How the user was authenticated: "basic", "proxy" or "oidc".
    """

    user: str
    method: str


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


class TooManyFailuresError(InputError):
    """Too many recent wrong passwords for one name or from one peer."""


class Authenticator(Protocol):
    """One way to authenticate a request."""

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None if this way cannot authenticate the request."""


class BasicAuthenticator:
    """A user's name and password (RFC 7617), checked against a file of hashes.

    A correct password is remembered for a minute as a keyed hash, since scrypt is slow on purpose.
    After ten wrong ones in a minute for one name or from one peer, further ones are refused
    without a check.

    Args:
        users: The file of hashes; read again when it changes.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, users: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = users
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, float] = {}
        self._failures: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._users: dict[str, str] = {}
        self._refresh()

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None without a correct password.

        Raises:
            TooManyFailuresError: If the name or the peer has failed too often recently.
            InputError: If the users' file cannot be read.
        """
        known = read_basic(credentials)
        if known is None:
            return None
        user, password = known
        self._refresh()
        kept = self._users.get(user)
        token = hmac.digest(self._key, f"{kept}\0{user}\0{password}".encode(), hashlib.sha256)
        if self._known.get(token, -1.0) > self._clock():
            return Caller(user, "basic")
        # One at a time: guesses in parallel are counted too, and take the memory of one.
        with self._hashing:
            right = self._check(user, password, credentials.peer, token=token, kept=kept)
        return Caller(user, "basic") if right else None

    def _check(
        self, user: str, password: str, peer: str, *, token: bytes, kept: str | None
    ) -> bool:
        now = self._clock()
        if self._known.get(token, -1.0) > now:
            return True
        names = (f"user:{user}", f"peer:{peer}")
        self._refuse_guessing(names, now)
        right = matches(password, kept)
        with self._lock:
            if right:
                if len(self._known) >= _MAX_CACHED:
                    self._known.clear()
                self._known[token] = now + _CACHE_SECONDS
            else:
                for name in names:
                    self._failures.setdefault(name, []).append(now)
        return right

    def _refuse_guessing(self, names: Sequence[str], now: float) -> None:
        with self._lock:
            if len(self._failures) > _MAX_CACHED:
                self._failures.clear()
            for name in names:
                since = now - _FAILURE_WINDOW_SECONDS
                recent = [at for at in self._failures.get(name, ()) if at > since]
                self._failures[name] = recent
                if len(recent) >= _FAILURES:
                    raise TooManyFailuresError(
                        "Too many wrong passwords.", remedy="wait a minute, then try again"
                    )

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = None
        if stamp is None or stamp != self._stamp:
            self._users = read_users(self._path)
            self._stamp = stamp


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


class ProxyAuthenticator:
    """A header set by a proxy that has authenticated the user.

    Args:
        header: Its name, for example "X-Forwarded-User".
        peers: Addresses or networks of the proxies.

    Raises:
        InputError: If there are no peers, or one is not an address.
    """

    def __init__(self, header: str, peers: Sequence[str]) -> None:
        self._header = header.lower()
        try:
            self._peers = [ipaddress.ip_network(peer) for peer in peers]
        except ValueError as error:
            raise InputError(
                "A trusted proxy's address is malformed.",
                remedy="write an address or a network: 10.0.0.0/8",
            ) from error
        if not self._peers:
            raise InputError(
                "No proxy is trusted to set the header.", remedy="name the proxies' addresses"
            )

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user in the header; None if the peer is not a trusted proxy."""
        user = credentials.headers.get(self._header, "")
        if not user:
            return None
        try:
            peer = ipaddress.ip_address(credentials.peer)
        except ValueError:
            return None
        if not any(peer in network for network in self._peers):
            return None
        if peer in _addresses(credentials.forwarded):
            return None  # the peer's address came from the request itself: trust nobody
        return Caller(user, "proxy")


def _addresses(forwarded: str) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every address in a list, with or without ports."""
    found = set()
    for part in forwarded.split(","):
        text = part.strip()
        bracketed = text.removeprefix("[").partition("]")[0]
        for candidate in (text, text.rpartition(":")[0], bracketed):
            with suppress(ValueError):
                found.add(ipaddress.ip_address(candidate))
    return found


class OidcAuthenticator:
    """A bearer token signed by an OpenID Connect issuer.

    Args:
        issuer: The issuer's URL, compared whole; its keys are found by discovery.
        audience: The audience that the token must name.
        claim: The claim that names the user.
        refresh_seconds: Shortest time between two requests for the issuer's keys, failed ones
            included: forged keys cannot flood the issuer with requests, and no request waits for
            an issuer that has just failed to answer.

    Raises:
        MissingExtraError: If PyJWT is not installed.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        claim: str = "sub",
        refresh_seconds: float = 30,
    ) -> None:
        try:
            import jwt
        except ImportError as error:
            raise MissingExtraError("jwt", extra="mlflow", purpose="OpenID Connect") from error
        self._jwt: Any = jwt
        self._issuer, self._audience, self._claim = issuer, audience, claim
        self._refresh = refresh_seconds
        self._keys: Any = None
        self._not_before = 0.0
        self._lock = threading.Lock()

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None for an invalid token, or if the issuer's keys cannot be fetched."""
        scheme, _, token = credentials.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            key = self._key_client().get_signing_key_from_jwt(token.strip())
            claims = self._jwt.decode(
                token.strip(),
                key.key,
                algorithms=list(_ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", self._claim]},
            )
        except (self._jwt.PyJWTError, OSError, ValueError, KeyError):
            return None
        user = claims[self._claim]
        return Caller(user, "oidc") if isinstance(user, str) and user else None

    def _key_client(self) -> Any:
        with self._lock:
            if self._keys is None:
                if time.monotonic() < self._not_before:
                    raise ValueError("the issuer did not answer a moment ago")
                self._not_before = time.monotonic() + self._refresh
                url = _discover(self._issuer)
                # An unknown key is looked up at the issuer, which may have rotated its keys.
                self._keys = self._jwt.PyJWKClient(
                    url, lifespan=300, timeout=5, cooldown_duration=self._refresh
                )
            return self._keys


def _discover(issuer: str) -> str:
    """The URL of an issuer's keys, from its discovery document, which must name this issuer."""
    import json
    import urllib.request

    if not _is_private(issuer):
        raise ValueError("an issuer is reached by https")
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310 (scheme checked)
        document = json.load(response)
    if document["issuer"] != issuer:
        raise ValueError("the issuer calls itself otherwise")
    url: str = document["jwks_uri"]
    if not _is_private(url):
        raise ValueError("an issuer's keys are reached by https")
    return url


def _is_private(url: str) -> bool:
    """Whether nobody between can change an address's answer: HTTPS, or this machine."""
    found = urlsplit(url)
    here = found.scheme == "http" and found.hostname in ("127.0.0.1", "::1", "localhost")
    return found.scheme == "https" or here


def authenticate(
    authenticators: Sequence[Authenticator], credentials: Credentials
) -> Caller | None:
    """The first user that several ways find, in order. A name with hidden text counts as none."""
    for authenticator in authenticators:
        caller = authenticator(credentials)
        if caller is not None:
            return caller if is_clear(caller.user) else None
    return None
