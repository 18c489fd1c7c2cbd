"""Who is asking: each way says who, or no, and nothing between."""

from __future__ import annotations

import base64
import hmac
import http.server
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from auditkit.access.login.authentication import (
    BasicAuthenticator,
    Caller,
    Credentials,
    OidcAuthenticator,
    ProxyAuthenticator,
    TooManyFailuresError,
    authenticate,
)
from auditkit.access.login.passwords import hash_password, matches, read_users, write_users
from auditkit.errors import InputError

PASSWORD = "a long enough password"


def basic(user: str, password: str, peer: str = "10.0.0.1") -> Credentials:
    shown = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials({"authorization": f"Basic {shown}"}, peer)


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users.json"
    write_users(path, {"ann": hash_password(PASSWORD)})
    return path


def test_a_password_is_kept_as_a_salted_slow_hash(users):
    kept = read_users(users)["ann"]
    assert PASSWORD not in users.read_text()
    assert kept != hash_password(PASSWORD)
    assert matches(PASSWORD, kept)
    assert not matches(PASSWORD + " ", kept)
    assert not matches(PASSWORD, None)
    with pytest.raises(InputError, match="too short"):
        hash_password("short")
    users.chmod(0o644)
    with pytest.raises(InputError, match="readable by others"):
        read_users(users)


def test_basic_says_who_and_remembers_for_a_minute_only(users):
    now = [0.0]
    way = BasicAuthenticator(users, clock=lambda: now[0])
    assert way(basic("ann", PASSWORD)) == Caller("ann", "basic")
    begun = time.perf_counter()
    for _ in range(50):
        assert way(basic("ann", PASSWORD)) is not None
    assert time.perf_counter() - begun < 0.5  # fifty hashes would take seconds
    assert way(basic("ann", "wrong password")) is None
    assert way(basic("bob", PASSWORD)) is None
    assert way(Credentials({}, "")) is None
    for broken in ("Basic", "Basic !!!", "Basic YW5u", "Digest x", "Basic /w=="):
        assert way(Credentials({"authorization": broken}, "")) is None
    # A changed password counts at once, whatever is remembered.
    write_users(users, {"ann": hash_password("another long password")})
    assert way(basic("ann", PASSWORD)) is None
    users.unlink()
    with pytest.raises(InputError):
        way(basic("ann", PASSWORD))


def test_guessing_is_stopped_by_name_and_by_peer(users):
    now = [0.0]
    way = BasicAuthenticator(users, clock=lambda: now[0])
    for number in range(10):
        assert way(basic("ann", "wrong password", f"10.0.1.{number}")) is None
    with pytest.raises(TooManyFailuresError):
        way(basic("ann", PASSWORD, "10.0.2.1"))
    now[0] = 61.0
    assert way(basic("ann", PASSWORD, "10.0.2.1")) is not None
    for number in range(10):
        assert way(basic(f"user{number}", "wrong password", "10.0.3.3")) is None
    with pytest.raises(TooManyFailuresError):
        way(basic("somebody", "wrong password", "10.0.3.3"))


def test_guesses_in_parallel_are_counted_too(users):
    way = BasicAuthenticator(users)

    def guess(number: int) -> str:
        try:
            return str(way(basic("ann", f"wrong password {number}", "10.0.9.9")))
        except TooManyFailuresError:
            return "refused"

    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(guess, range(30)))
    assert (answers.count("None"), answers.count("refused")) == (10, 20)


def test_a_proxys_header_counts_from_named_peers_only():
    way = ProxyAuthenticator("X-Forwarded-User", ["127.0.0.1", "10.1.0.0/16"])
    for peer, user in [("127.0.0.1", "ann"), ("10.1.2.3", "ann"), ("10.2.0.1", None), ("", None)]:
        found = way(Credentials({"x-forwarded-user": "ann"}, peer))
        assert (found.user if found else None) == user
    assert way(Credentials({}, "127.0.0.1")) is None
    # uvicorn takes the peer from X-Forwarded-For when the connection is from this machine; an
    # address that stands there is one that the request gave itself.
    for forwarded in ("10.1.2.3", "9.9.9.9, 10.1.2.3:80", "[::ffff:1]:80, 10.1.2.3"):
        shown = Credentials({"x-forwarded-user": "ann"}, "10.1.2.3", forwarded)
        assert way(shown) is None, forwarded
    assert way(Credentials({"x-forwarded-user": "ann"}, "10.1.2.3", "110.1.2.3, 10.1.2.33"))
    with pytest.raises(InputError):
        ProxyAuthenticator("X-User", [])
    with pytest.raises(InputError):
        ProxyAuthenticator("X-User", ["proxy.example"])


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

    def token(self, kid: str, **changes: Any) -> str:
        claims = {
            "iss": self.url,
            "aud": "mlflow",
            "sub": "ann",
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.keys[kid], algorithm="RS256", headers={"kid": kid})


@pytest.fixture
def issuer():
    made = Issuer()
    made.add_key("one")
    yield made
    made.server.shutdown()
    made.server.server_close()


def bearer(token: str) -> Credentials:
    return Credentials({"authorization": f"Bearer {token}"}, "")


@pytest.mark.server
def test_a_token_is_checked_for_everything(issuer: Issuer):
    way = OidcAuthenticator(issuer.url, "mlflow")
    assert way(bearer(issuer.token("one"))) == Caller("ann", "oidc")
    for changes in (
        {"iss": "http://127.0.0.1:1"},
        {"aud": "other"},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"nbf": int(time.time()) + 600},
    ):
        assert way(bearer(issuer.token("one", **changes))) is None, changes
    good = issuer.token("one")
    head, claims, signature = good.split(".")
    assert way(bearer(f"{head}.{claims}.{signature[:-4]}AAAA")) is None
    none = jwt.encode({"iss": issuer.url, "aud": "mlflow", "sub": "ann"}, "", algorithm="none")
    assert way(bearer(none)) is None
    # The public key as an HMAC secret: an old trick.
    shared = jwt.encode(
        {"iss": issuer.url, "aud": "mlflow", "sub": "ann", "iat": 0, "exp": 9**10},
        "x" * 32,
        algorithm="HS256",
        headers={"kid": "one"},
    )
    assert way(bearer(shared)) is None
    pem = (
        issuer.keys["one"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert way(bearer(by_hand(claims, {"alg": "HS256", "kid": "one"}, pem))) is None
    for header in ({"alg": "none", "kid": "one"}, {"alg": "RS256"}, {"alg": "RS256", "kid": "no"}):
        assert way(bearer(by_hand(claims, header, b""))) is None
    # A key of the issuer's, but not the one that the token says.
    issuer.add_key("other")
    swapped = jwt.encode(
        jwt.decode(good, options={"verify_signature": False}),
        issuer.keys["other"],
        algorithm="RS256",
        headers={"kid": "one"},
    )
    assert way(bearer(swapped)) is None
    assert way(bearer(issuer.token("one", aud=["other", "mlflow"]))) is not None
    assert way(bearer(issuer.token("one", aud=["other"]))) is None
    assert way(bearer(issuer.token("one", iat=int(time.time()) + 600))) is None
    assert way(bearer("garbage")) is None


def by_hand(claims: str, header: dict[str, str], secret: bytes) -> str:
    """A token with an HMAC, as no library would make it: with a public key for the secret."""
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    mac = hmac.digest(secret, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.server
def test_nobody_waits_for_an_issuer_that_did_not_answer():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # takes connections and never answers
        silent.listen(16)
        way = OidcAuthenticator(f"http://127.0.0.1:{silent.getsockname()[1]}", "mlflow")
        begun = time.monotonic()
        assert way(bearer("a.b.c")) is None
        first = time.monotonic() - begun
        for _ in range(20):
            assert way(bearer("a.b.c")) is None
        assert time.monotonic() - begun < first + 2
    # A host that only begins like this machine is not this machine.
    assert OidcAuthenticator("http://localhost.example", "m")(bearer("x")) is None


@pytest.mark.server
def test_keys_rotate_and_another_issuers_keys_do_not_count(issuer: Issuer):
    way = OidcAuthenticator(issuer.url, "mlflow", refresh_seconds=0)
    assert way(bearer(issuer.token("one"))) is not None
    issuer.add_key("two")
    assert way(bearer(issuer.token("two"))) is not None
    forged = Issuer()
    forged.add_key("three")
    assert way(bearer(forged.token("three", iss=issuer.url))) is None
    forged.server.shutdown()
    forged.server.server_close()
    issuer.claimed = "http://127.0.0.1:1"
    assert OidcAuthenticator(issuer.url, "mlflow")(bearer(issuer.token("one"))) is None
    assert OidcAuthenticator("http://issuer.example", "m")(bearer("x")) is None


def test_the_first_way_that_knows_decides(users):
    ways = [ProxyAuthenticator("X-User", ["127.0.0.1"]), BasicAuthenticator(users)]
    assert authenticate(ways, basic("ann", PASSWORD)) == Caller("ann", "basic")
    assert authenticate(ways, Credentials({"x-user": "bob"}, "127.0.0.1")) == Caller("bob", "proxy")
    assert authenticate(ways, Credentials({"x-user": "bob"}, "127.0.0.2")) is None
