"""Authentication by password, by a trusted proxy's header, or by an identity provider's token.

Laws:
    - An authenticator names a user or refuses; it never guesses, and an error never grants access.
    - A proxy's headers count only from the peers that the settings name.
    - A token is checked for signature, issuer, audience, expiry, kind and a public-key algorithm.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from auditkit.access.login.addresses import TrustedPeers
from auditkit.access.login.attempts import Attempts, Turns, busy
from auditkit.access.login.callers import (
    Authenticator,
    Caller,
    Credentials,
    LoginRefusedError,
    TokenScope,
    TooManyFailuresError,
    read_basic,
)
from auditkit.access.login.oidc import OidcAuthenticator
from auditkit.access.login.passwords import matches, read_users
from auditkit.access.login.private_files import Followed
from auditkit.canonical import is_clear
from auditkit.errors import InputError

__all__ = [
    "Authenticator",
    "BasicAuthenticator",
    "Caller",
    "Credentials",
    "LoginRefusedError",
    "OidcAuthenticator",
    "ProxyAuthenticator",
    "TokenScope",
    "TooManyFailuresError",
    "authenticate",
    "read_basic",
]

_REMEMBERED_SECONDS: Final = 3600.0
_MAX_REMEMBERED: Final = 10_000


class BasicAuthenticator:
    """A user's name and password (RFC 7617), checked against a file of hashes.

    A correct password is remembered as a keyed hash until it was not used for an hour, since scrypt
    is slow on purpose; it is then right whatever others try. A changed password counts at once.
    `Attempts` says how long a name has to wait after wrong ones.

    Args:
        users: The file of hashes; read again when it changes.
        clock: A monotonic clock, in seconds.
        trusted: Proxies that say in X-Forwarded-For where a request comes from.
    """

    def __init__(
        self,
        users: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        trusted: Sequence[str] = (),
    ) -> None:
        self._clock = clock
        self._trusted = TrustedPeers(trusted)
        self._users = Followed(users, read_users)
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self.attempts = Attempts(clock)
        self.turns = Turns()

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None without a correct password.

        Raises:
            TooManyFailuresError: If the name has to wait after wrong passwords, or too many log-ins
                are being checked.
            InputError: If the users' file cannot be read.
        """
        known = read_basic(credentials)
        if known is None:
            return None
        user, password = known
        kept = self._users.current().get(user)
        token = hmac.digest(self._key, f"{kept}\0{user}\0{password}".encode(), hashlib.sha256)
        address = self._trusted.client_of(credentials)
        if self._remembers(token):
            return Caller(user, "basic")
        self.attempts.refuse_hasty(user, address)
        with self.turns.turn(address, exists=kept is not None) as crowded:
            # Another thread may have found out meanwhile, either way.
            if self._remembers(token):
                return Caller(user, "basic")
            self.attempts.refuse_hasty(user, address)
            if not matches(password, kept):
                self.attempts.failed(user, address)
                if crowded:
                    raise busy()
                return None
        self.attempts.succeeded(user, address)
        self._remember(token)
        return Caller(user, "basic")

    def _remembers(self, token: bytes) -> bool:
        """Whether a right password was used in the last hour."""
        with self._lock:
            if self._known.get(token, -1.0) <= self._clock():
                return False
        self._remember(token)
        return True

    def _remember(self, token: bytes) -> None:
        with self._lock:
            self._known[token] = self._clock() + _REMEMBERED_SECONDS
            self._known.move_to_end(token)
            while len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)


class ProxyAuthenticator:
    """Headers set by a proxy that has authenticated the user.

    Args:
        header: The name of the user's, for example "X-Forwarded-User".
        peers: Addresses or networks of the proxies.
        groups: The name of the groups', for example "X-Forwarded-Groups", separated by commas;
            empty: there is none.

    Attributes:
        headers: Their names, in lower case; a request that has one of them twice has none.

    Raises:
        InputError: If there are no peers, or one is not an address.
    """

    def __init__(self, header: str, peers: Sequence[str], *, groups: str = "") -> None:
        self._header, self._groups = header.lower(), groups.lower()
        self.headers = tuple(filter(None, (self._header, self._groups)))
        self._peers = TrustedPeers(peers)
        if not self._peers:
            raise InputError(
                "No proxy is trusted to set the header.", remedy="name the proxies' addresses"
            )

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user in the header; None if the peer is not a trusted proxy."""
        user = credentials.headers.get(self._header, "")
        if not user or not self._peers.wrote(credentials):
            return None
        listed = credentials.headers.get(self._groups, "").split(",") if self._groups else ()
        groups = dict.fromkeys(group.strip() for group in listed)
        return Caller(user, "proxy", tuple(group for group in groups if group))


def authenticate(
    authenticators: Sequence[Authenticator], credentials: Credentials
) -> Caller | None:
    """The first user that several ways find, in order. A name with hidden text counts as none."""
    for authenticator in authenticators:
        caller = authenticator(credentials)
        if caller is not None:
            return caller if is_clear(caller.user) else None
    return None
