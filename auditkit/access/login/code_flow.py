"""Log-in of a browser at an OpenID Connect provider: the authorization code with PKCE (RFC 7636).

Laws:
    - The browser carries the code here and never sees a token: the code is exchanged from server to
      server, with the verifier that only this side knows.
    - An ID token is checked like any token, for this client, and for the nonce of this log-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from auditkit.access.login.callers import Caller
from auditkit.access.login.oidc import OidcAuthenticator, discovered, require_private
from auditkit.canonical import is_clear
from auditkit.errors import InputError

_SECONDS: Final = 10
_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeClient:
    """This server, as the provider knows it.

    Attributes:
        issuer: The provider's URL.
        client_id: The id under which it is registered there.
        client_secret: Its secret; empty: it is a public client.
        redirect_url: The URL that the browser comes back to.
        claim: The claim that names the user.
        groups_claim: The claim that names the user's groups; empty: groups are not read.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_url: str
    claim: str = "sub"
    groups_claim: str = ""

    @property
    def host(self) -> str:
        """The provider's host, to show."""
        return urlsplit(self.issuer).hostname or self.issuer


class CodeFlow:
    """Sends browsers to the provider, and redeems the codes that they bring back.

    Args:
        client: This server, as the provider knows it.

    Raises:
        MissingExtraError: If PyJWT is not installed.
    """

    def __init__(self, client: CodeClient) -> None:
        self.client = client
        self._tokens = OidcAuthenticator(
            client.issuer,
            client.client_id,
            claim=client.claim,
            groups_claim=client.groups_claim,
        )

    def address(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser logs in.

        Args:
            state: What it brings back, to be compared with what it was given.
            nonce: What the ID token will say.
            verifier: The secret of this log-in, 43 characters or more.

        Raises:
            InputError: If the provider cannot be asked.
        """
        challenge = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_url,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    def redeem(self, code: str, *, nonce: str, verifier: str) -> Caller | None:
        """The user who logged in; None if the provider does not say so.

        Args:
            code: What the browser brought back.
            nonce: That of this log-in.
            verifier: That of this log-in.

        Raises:
            InputError: If the provider cannot be asked.
        """
        answer = self._exchange(code, verifier)
        found = self._tokens.verified(str(answer.get("id_token", "")))
        if found is None:
            return None
        _, claims = found
        # Of a token for several, the one that it was made for (OpenID Connect Core 3.1.3.7).
        party = claims.get("azp", self.client.client_id)
        if party != self.client.client_id or not _same(claims.get("nonce"), nonce):
            return None
        caller = self._tokens.caller_of(claims)
        return caller if caller is not None and is_clear(caller.user) else None

    def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_url,
            "client_id": self.client.client_id,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json"}
        if self.client.client_secret:
            parts = (self.client.client_id, self.client.client_secret)
            known = ":".join(quote(part, safe="") for part in parts)
            headers["Authorization"] = f"Basic {base64.b64encode(known.encode()).decode()}"
        request = urllib.request.Request(  # noqa: S310 (scheme checked)
            self._endpoint("token_endpoint"), data=urlencode(form).encode(), headers=headers
        )
        # A provider that sends the code elsewhere is not followed.
        opener = urllib.request.build_opener(_Unmoved)
        try:
            with opener.open(request, timeout=_SECONDS) as response:
                found = json.loads(response.read(_MAX_BYTES))
        except urllib.error.HTTPError:
            return {}  # the code is wrong, used, or too old
        except (OSError, ValueError) as error:
            raise _unreachable() from error
        return found if isinstance(found, dict) else {}

    def _endpoint(self, name: str) -> str:
        try:
            return require_private(str(discovered(self.client.issuer)[name]))
        except (OSError, ValueError, KeyError) as error:
            raise _unreachable() from error


class _Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follows no redirection."""
        return


def _same(found: Any, expected: str) -> bool:
    return isinstance(found, str) and hmac.compare_digest(found.encode(), expected.encode())


def _unreachable() -> InputError:
    return InputError("The identity provider cannot be asked.", remedy="try again in a minute")
