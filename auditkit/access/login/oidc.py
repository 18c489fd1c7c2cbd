"""Authentication by an access token of an OpenID Connect issuer.

An issuer signs more than access tokens with the same keys: tokens that say who logged in, that log
out, or that fetch new ones. Where a token says its kind, in the header (RFC 9068) or as Keycloak
does in the claim `typ`, only an access token counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from auditkit.access.login.callers import Caller, Credentials
from auditkit.errors import MissingExtraError

_LEEWAY_SECONDS: Final = 30.0  # how far clocks may differ
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
_KINDS: Final = frozenset({"jwt", "at+jwt"})
_CLAIMED_KINDS: Final = frozenset({"bearer", "jwt", "at+jwt"})


class OidcAuthenticator:
    """A bearer token signed by an OpenID Connect issuer.

    Args:
        issuer: The issuer's URL, compared whole; its keys are found by discovery.
        audience: The audience that the token must name.
        claim: The claim that names the user.
        groups_claim: The claim that names the user's groups, a list of texts or one text; empty:
            there is none. A token that has it in another form is refused.
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
        groups_claim: str = "",
        refresh_seconds: float = 30,
    ) -> None:
        try:
            import jwt
        except ImportError as error:
            raise MissingExtraError("jwt", extra="mlflow", purpose="OpenID Connect") from error
        self._jwt: Any = jwt
        self._issuer, self._audience = issuer, audience
        self._claim, self._groups_claim = claim, groups_claim
        self._refresh = refresh_seconds
        self._keys: Any = None
        self._not_before = 0.0
        self._lock = threading.Lock()

    def __call__(self, credentials: Credentials) -> Caller | None:
        """The user; None for an invalid token, or if the issuer's keys cannot be fetched."""
        found = self.verified(credentials.bearer) if credentials.bearer else None
        if found is None or not _is_access(*found):
            return None
        return self.caller_of(found[1])

    def verified(self, token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The header and the claims of a token of any kind that the issuer signed for the audience.

        Returns:
            None for an invalid token, or if the issuer's keys cannot be fetched.
        """
        try:
            key = self._key_client().get_signing_key_from_jwt(token)
            found = self._jwt.decode_complete(
                token,
                key.key,
                algorithms=list(_ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", self._claim]},
            )
        except (self._jwt.PyJWTError, OSError, ValueError, KeyError):
            return None
        return found["header"], found["payload"]

    def caller_of(self, claims: Mapping[str, Any]) -> Caller | None:
        """The user that verified claims name, with their groups; None if a claim is malformed."""
        user, groups = claims[self._claim], _texts(claims.get(self._groups_claim, ()))
        if not isinstance(user, str) or not user or groups is None:
            return None
        return Caller(user, "oidc", groups)

    def _key_client(self) -> Any:
        with self._lock:
            if self._keys is None:
                if time.monotonic() < self._not_before:
                    raise ValueError("the issuer did not answer a moment ago")
                self._not_before = time.monotonic() + self._refresh
                url = require_private(str(discovered(self._issuer)["jwks_uri"]))
                # An unknown key is looked up at the issuer, which may have rotated its keys.
                self._keys = self._jwt.PyJWKClient(
                    url, lifespan=300, timeout=5, cooldown_duration=self._refresh
                )
            return self._keys


def _is_access(header: dict[str, Any], claims: dict[str, Any]) -> bool:
    """Whether a token does not say that it is of another kind than an access token."""
    if "events" in claims:  # a logout token, or another one that tells of something (RFC 8417)
        return False
    kind = str(header.get("typ") or "JWT").lower().removeprefix("application/")
    return kind in _KINDS and str(claims.get("typ") or "Bearer").lower() in _CLAIMED_KINDS


def _texts(value: object) -> tuple[str, ...] | None:
    """A claim's texts, or its one text; None if it is anything else."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return None
    return tuple(dict.fromkeys(texts))


def discovered(issuer: str) -> dict[str, Any]:
    """An issuer's discovery document, which must name this issuer.

    Raises:
        ValueError: If it is another's, or the way there is not private.
        OSError: If it cannot be fetched.
    """
    import json
    import urllib.request

    require_private(issuer)
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310 (scheme checked)
        document: dict[str, Any] = json.load(response)
    if document["issuer"] != issuer:
        raise ValueError("the issuer calls itself otherwise")
    return document


def require_private(url: str) -> str:
    """An address whose answer nobody between can change: HTTPS, or this machine.

    Raises:
        ValueError: If it is another.
    """
    found = urlsplit(url)
    here = found.scheme == "http" and found.hostname in ("127.0.0.1", "::1", "localhost")
    if found.scheme != "https" and not here:
        raise ValueError("an issuer and its keys are reached by https")
    return url
