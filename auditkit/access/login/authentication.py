"""Who is asking: a password, a trusted proxy's header, or a token from an identity provider.

Laws:
    - An authenticator names a user or says no; it never guesses, and never lets an error pass.
    - A proxy's header counts only from the peers that the settings name.
    - A token is checked for signature, issuer, audience, expiry and an algorithm with a public key.
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
    """Who asks.

    Attributes:
        user: The user's name.
        method: How it was established: "basic", "proxy" or "oidc".
    """

    user: str
    method: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows.

    Attributes:
        headers: Its headers, names in lower case; a header that came twice is not here.
        peer: The address at the other end of the connection; empty if unknown.
        forwarded: What X-Forwarded-For says, whoever wrote it; uvicorn takes the peer from it when
            the connection comes from the same machine.
    """

    headers: Mapping[str, str]
    peer: str
    forwarded: str = ""


class TooManyFailuresError(InputError):
    """Too many wrong passwords for one name lately."""


class Authenticator(Protocol):
    """One way to establish who asks."""

    def __call__(self, credentials: Credentials) -> Caller | None:
        """Who asks; None if this way cannot tell."""


class BasicAuthenticator:
    """A user's name and password, by RFC 7617, against a file of hashes.

    A right password is remembered for a minute as a keyed hash, since scrypt is slow on purpose.
    Ten wrong ones a minute for one name or from one peer, and the next are refused unseen.

    Args:
        users: The file of hashes; read again when it changes.
        clock: Seconds that only grow.
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
        """Who asks.

        Raises:
            TooManyFailuresError: If the name or the peer has failed too often lately.
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
        header: Its name, as "X-Forwarded-User".
        peers: Addresses or networks of the proxies.

    Raises:
        InputError: If there are no peers, or one is no address.
    """

    def __init__(self, header: str, peers: Sequence[str]) -> None:
        self._header = header.lower()
        try:
            self._peers = [ipaddress.ip_network(peer) for peer in peers]
        except ValueError as error:
            raise InputError("A trusted proxy's address is malformed.") from error
        if not self._peers:
            raise InputError(
                "A proxy's header is trusted from nobody.", remedy="name the proxies' addresses"
            )

    def __call__(self, credentials: Credentials) -> Caller | None:
        """Who asks."""
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
            return None  # an address that the request itself gave is nobody's
        return Caller(user, "proxy")


def _addresses(forwarded: str) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Every address in a list of them, with ports or without."""
    found = set()
    for part in forwarded.split(","):
        text = part.strip()
        bracketed = text.removeprefix("[").partition("]")[0]
        for candidate in (text, text.rpartition(":")[0], bracketed):
            with suppress(ValueError):
                found.add(ipaddress.ip_address(candidate))
    return found


class OidcAuthenticator:
    """A bearer token that an OpenID Connect issuer has signed.

    Args:
        issuer: The issuer's URL, compared whole; its keys are found by discovery.
        audience: The audience that the token must name.
        claim: The claim that names the user.
        refresh_seconds: How long after its keys were fetched, or could not be, the issuer is asked
            again: a flood of made-up keys is no flood of requests to it, and no request waits for
            an issuer that did not answer the one before.

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
        """Who asks; None for a token that is wrong in any way, or keys that cannot be had."""
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
                # A key that is not known is looked for at the issuer: that is key rotation.
                self._keys = self._jwt.PyJWKClient(
                    url, lifespan=300, timeout=5, cooldown_duration=self._refresh
                )
            return self._keys


def _discover(issuer: str) -> str:
    """Where an issuer's keys are, from its own document, which must name the same issuer."""
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
    """Whether nobody on the way can change what an address answers."""
    found = urlsplit(url)
    here = found.scheme == "http" and found.hostname in ("127.0.0.1", "::1", "localhost")
    return found.scheme == "https" or here


def authenticate(
    authenticators: Sequence[Authenticator], credentials: Credentials
) -> Caller | None:
    """The first answer of several ways, in their order. A name that hides text names nobody."""
    for authenticator in authenticators:
        caller = authenticator(credentials)
        if caller is not None:
            return caller if is_clear(caller.user) else None
    return None
