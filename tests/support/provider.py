"""A small OpenID Connect provider on loopback: the authorization code with PKCE, and nothing else.

It lets in whomever `user` names, without asking; a test may change what it says.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import secrets
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "auditkit-page", "a secret: with/odd signs%"


class Provider:
    """The provider; close it after use.

    Attributes:
        url: Its URL, the issuer.
        user: Whom it lets in; empty: nobody.
        changes: Claims that its next tokens have instead.
        moved: Whether its token endpoint sends the client elsewhere.
        asked: The queries of the log-ins that were begun.
    """

    def __init__(self) -> None:
        self.user, self.changes, self.moved = "rob", {}, False
        self.asked: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(found.query).items()}
                if found.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorized(query))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.answer(200, provider.documents()[found.path])

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                if provider.moved:
                    self.send_response(307)
                    self.send_header("Location", f"{provider.url}/elsewhere")
                    self.end_headers()
                    return
                claims = provider.redeemed(form, self.headers.get("Authorization", ""))
                if claims is None:
                    self.answer(400, {"error": "invalid_grant"})
                else:
                    self.answer(200, {"id_token": provider.token(claims), "token_type": "Bearer"})

            def answer(self, status: int, document: Any) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def documents(self) -> dict[str, Any]:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            },
            "/keys": {"keys": [{**key, "kid": "one", "use": "sig"}]},
        }

    def authorized(self, query: dict[str, str]) -> str:
        """Where the browser goes with its code, or without."""
        self.asked.append(query)
        back = {"state": query["state"], "iss": self.url}
        if self.user:
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            back["code"] = code
        else:
            back["error"] = "access_denied"
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def redeemed(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The claims for a code, which is good once and for its client and verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        known = (
            "Basic "
            + base64.b64encode(b"auditkit-page:a%20secret%3A%20with%2Fodd%20signs%25").decode()
        )
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or authorization != known
            or form["grant_type"] != "authorization_code"
            or (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", challenge)
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return None
        return {"nonce": asked["nonce"], "aud": asked["client_id"], "sub": self.user}

    def token(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        full = {"iss": self.url, "iat": now, "exp": now + 60, "typ": "ID", **claims, **self.changes}
        full = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(full, self._key, algorithm="RS256", headers={"kid": "one"})
