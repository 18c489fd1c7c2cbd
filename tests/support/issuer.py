"""An OpenID Connect issuer on loopback."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Issuer:
    """An OpenID Connect issuer on loopback, with keys that it can change."""

    def __init__(self) -> None:
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.claimed: str | None = None
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document: dict[str, Any]
                if self.path == "/keys":
                    document = {
                        "keys": [
                            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(k.public_key()))
                            | {"kid": kid, "use": "sig"}
                            for kid, k in issuer.keys.items()
                        ]
                    }
                else:
                    document = {
                        "issuer": issuer.claimed or issuer.url,
                        "jwks_uri": f"{issuer.url}/keys",
                    }
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add_key(self, kid: str) -> None:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, kid: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
        claims = {
            "iss": self.url,
            "aud": "mlflow",
            "sub": "ann",
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": kid, **(header or {})}
        return jwt.encode(claims, self.keys[kid], algorithm="RS256", headers=headers)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
