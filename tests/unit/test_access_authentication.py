"""Who is asking: each way says who, or no, and nothing between."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from auditkit.access.login import attempts, authentication
from auditkit.access.login.addresses import TrustedPeers
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
from auditkit.mlflow_guard.serve.native import identify, unambiguous
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from tests.support.issuer import Issuer

PASSWORD = "a long enough password"


def basic(user: str, password: str, peer: str = "10.0.0.1") -> Credentials:
    shown = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials({"authorization": f"Basic {shown}"}, peer)


@pytest.fixture
def fast(monkeypatch):
    """Passwords compared without the slow hash, for tests of thousands of log-ins."""
    shown = {}

    def compare(password: str, kept: str | None) -> bool:
        if kept is not None and (password, kept) not in shown:
            shown[password, kept] = not password.startswith(("guess", "wrong")) and matches(
                password, kept
            )
        return kept is not None and shown[password, kept]

    monkeypatch.setattr(authentication, "matches", compare)


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


def test_basic_says_who_and_remembers_for_an_hour_of_disuse(users):
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


def test_a_name_waits_longer_after_each_wrong_password(users, fast):
    now = [0.0]
    way = BasicAuthenticator(users, clock=lambda: now[0])
    for number in range(10):
        assert way(basic("ann", "wrong password", f"10.0.1.{number}")) is None
    waits = []
    for _ in range(9):
        with pytest.raises(TooManyFailuresError) as refused:
            way(basic("ann", PASSWORD, "10.0.2.1"))
        waits.append(refused.value.retry_after)
        now[0] += waits[-1]
        # Refused log-ins do not count, and at the end of the wait one is checked again.
        assert way(basic("ann", "wrong password", "10.0.2.2")) is None
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    now[0] += 60
    assert way(basic("ann", PASSWORD, "10.0.2.1")) is not None


def test_wrong_passwords_under_invented_names_keep_nobody_else_out(users, fast):
    """At one address and at the same moment, whoever logs in there for the first time included."""
    way = BasicAuthenticator(users, clock=lambda: 0.0)
    for number in range(500):
        assert way(basic(f"invented{number}", "wrong password")) is None
    assert way(basic("ann", PASSWORD)) is not None
    # A name and an invented one are treated alike there: one try each, then a wait.
    for name in ("bob", "nobody at all"):
        assert way(basic(name, "wrong password")) is None
        with pytest.raises(TooManyFailuresError):
            way(basic(name, "another wrong password"))
        assert way(basic(name, "wrong password", "10.0.0.2")) is None


def test_one_password_on_many_names_is_slowed_down_at_its_address(users, fast):
    now = [0.0]
    write_users(users, {f"user{n}": hash_password(PASSWORD) for n in range(3)})
    way = BasicAuthenticator(users, clock=lambda: now[0])
    for number in range(30):
        assert way(basic(f"invented{number}", "wrong password")) is None
    checked = 0
    while now[0] < 3600:
        with suppress(TooManyFailuresError):
            assert way(basic("user1", f"guess {now[0]}")) is None
            checked += 1
        now[0] += 1.0
    assert checked <= 15  # where nobody was wrong before: about 70


def test_somebody_known_is_not_kept_out_by_guesses(users, fast):
    now = [0.0]
    way = BasicAuthenticator(users, clock=lambda: now[0])
    at_desk, elsewhere = "10.0.5.5", "10.6.6.6"
    assert way(basic("ann", PASSWORD, at_desk)) is not None
    for number in range(3600):
        with suppress(TooManyFailuresError):
            assert way(basic("ann", f"guess {number}", elsewhere)) is None
        # The right password is known, wherever it is sent from.
        if number % 600 == 0:
            assert way(basic("ann", PASSWORD, "10.0.7.7")) is not None
        now[0] += 1.0
    # And after a change of it, the address is.
    write_users(users, {"ann": hash_password("another long password")})
    with pytest.raises(TooManyFailuresError):
        way(basic("ann", "another long password", elsewhere))
    assert way(basic("ann", "another long password", at_desk)) is not None


def test_what_is_remembered_of_guesses_is_bounded(users, fast, monkeypatch):
    monkeypatch.setattr(attempts, "_MAX_KEPT", 300)
    way = BasicAuthenticator(users, clock=lambda: 0.0)
    for number in range(1000):
        assert way(basic(f"{number}-{'x' * 1000}", "wrong password", f"10.0.{number}.1")) is None
    assert sum(len(key) for key in way.attempts.counts) <= 300 * 16


def test_an_unknown_name_costs_what_a_known_one_does(users, monkeypatch):
    """The hash is computed either way, and as often, until either has to wait."""
    hashed = []

    def counted(password, kept):
        hashed.append(kept)
        return matches(password, kept)

    monkeypatch.setattr(authentication, "matches", counted)
    seen = {}
    for name in ("ann", "nobody"):
        way, hashed[:] = BasicAuthenticator(users, clock=lambda: 0.0), []
        answers = []
        for number in range(12):
            try:
                answers.append(way(basic(name, f"wrong password {number}")))
            except TooManyFailuresError as error:
                answers.append(error.retry_after)
        seen[name] = answers, len(hashed)
    assert seen["ann"] == seen["nobody"] == ([None] * 10 + [1, 1], 10)


def test_few_wait_for_the_slow_hash_and_the_rest_are_told_to_come_back(users, monkeypatch):
    """So a flood of log-ins takes few threads, and what is remembered needs none."""
    way = BasicAuthenticator(users)
    assert way(basic("ann", PASSWORD)) is not None
    begun, go_on = threading.Event(), threading.Event()

    def slow(password, kept):
        begun.set()
        go_on.wait(10)
        return False

    monkeypatch.setattr(authentication, "matches", slow)

    def guess(number: int) -> str:
        try:
            return str(way(basic(f"invented{number}", "wrong password")))
        except TooManyFailuresError as error:
            return f"wait {error.retry_after}"

    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(guess, number) for number in range(40)]
        assert begun.wait(10)
        until = time.monotonic() + 5
        while sum(job.done() for job in asked) < 32 and time.monotonic() < until:
            time.sleep(0.01)
        refused = [job.result() for job in asked if job.done()]
        assert refused == ["wait 1"] * 32
        assert way(basic("ann", PASSWORD)) is not None
        go_on.set()
        assert [job.result() for job in asked].count("None") == 8


def test_whoever_exists_gets_through_a_flood_of_invented_names_at_their_address(users, monkeypatch):
    """For the first time, too; and what is wrong is answered as an invented name's is."""
    write_users(users, {name: hash_password(PASSWORD) for name in ("ann", "bob")})
    way = BasicAuthenticator(users)
    go_on = threading.Event()

    def slow(password: str, kept: str | None) -> bool:
        go_on.wait(10)
        return kept is not None and password == PASSWORD

    monkeypatch.setattr(authentication, "matches", slow)

    def log_in(name: str, password: str) -> str:
        try:
            return str(way(basic(name, password)))
        except TooManyFailuresError as error:
            return error.message

    with ThreadPoolExecutor(20) as pool:
        flood = [pool.submit(log_in, f"invented{n}", "wrong password") for n in range(12)]
        until = time.monotonic() + 5
        while sum(job.done() for job in flood) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        right, wrong = pool.submit(log_in, "ann", PASSWORD), pool.submit(log_in, "bob", "wrong")
        late = log_in("invented", "wrong password")
        while sum(way.turns.waiting.values()) < 10 and time.monotonic() < until:
            time.sleep(0.01)
        go_on.set()
        assert right.result() == str(Caller("ann", "basic"))
        assert wrong.result() == late == "Too many log-ins at once."


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client"),
    [
        ("10.0.0.9", "", [], "10.0.0.9"),
        ("10.0.0.9", "1.2.3.4", [], "10.0.0.9"),
        ("10.0.0.9", "1.2.3.4", ["10.0.0.9"], "1.2.3.4"),
        ("10.0.0.9", "6.6.6.6, 1.2.3.4:443", ["10.0.0.0/24"], "1.2.3.4"),
        ("10.0.0.9", "6.6.6.6, 1.2.3.4, 10.0.0.7", ["10.0.0.0/24"], "1.2.3.4"),
        ("10.0.0.9", "1.2.3.4, unknown", ["10.0.0.0/24"], "10.0.0.9"),
        ("10.0.0.9", "1.2.3.4, unknown, 10.0.0.7", ["10.0.0.0/24"], "10.0.0.7"),
        ("10.0.0.9", "10.0.0.7", ["10.0.0.0/24"], "10.0.0.7"),
        # uvicorn has taken the peer from the header already, from a proxy on this machine.
        ("1.2.3.4", "6.6.6.6, 1.2.3.4", ["127.0.0.1"], "1.2.3.4"),
        ("10.0.0.9", "6.6.6.6, 1.2.3.4, 10.0.0.9", ["127.0.0.1", "10.0.0.9"], "1.2.3.4"),
        ("1.2.3.4", "6.6.6.6, 1.2.3.4", [], "forwarded"),
        ("1.2.3.4", "6.6.6.6, 1.2.3.4", ["10.0.0.9"], "forwarded"),
        ("::ffff:10.0.0.9", "1.2.3.4", ["10.0.0.9"], "1.2.3.4"),
        ("2001:db8:1:2::1", "", [], "2001:db8:1:2::/64"),
        ("10.0.0.9", "[2001:db8:1:2:3::4]:80", ["10.0.0.9"], "2001:db8:1:2::/64"),
        ("", "1.2.3.4", ["127.0.0.1"], ""),
    ],
)
def test_the_address_is_the_one_that_trusted_peers_name(peer, forwarded, trusted, client):
    assert TrustedPeers(trusted).client_of(Credentials({}, peer, forwarded)) == client


def test_guesses_behind_a_trusted_proxy_count_for_their_own_address(users, fast):
    way = BasicAuthenticator(users, clock=lambda: 0.0, trusted=["10.0.0.9"])

    def log_in(name: str, password: str, client: str) -> Caller | None:
        shown = basic(name, password, "10.0.0.9")
        return way(Credentials(shown.headers, shown.peer, client))

    for number in range(40):
        assert log_in(f"invented{number}", "wrong password", "1.2.3.4") is None
    for client, is_slowed in (("1.2.3.4", True), ("1.2.3.5", False)):
        assert log_in("bob", "wrong password", client) is None
        if is_slowed:
            with pytest.raises(TooManyFailuresError):
                log_in("bob", "wrong password", client)
        else:
            assert log_in("bob", "wrong password", client) is None


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


@pytest.fixture
def issuer():
    made = Issuer()
    made.add_key("one")
    yield made
    made.close()


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


@pytest.mark.server
def test_only_an_access_token_counts_of_what_an_issuer_signs(issuer: Issuer):
    way = OidcAuthenticator(issuer.url, "mlflow")
    for kind in ("JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT", None):
        assert way(bearer(issuer.token("one", header={"typ": kind}))) is not None, kind
    for kind in ("logout+jwt", "secevent+jwt", "dpop+jwt", "id+jwt", "refresh", "application/json"):
        assert way(bearer(issuer.token("one", header={"typ": kind}))) is None, kind
    # Keycloak says it in a claim.
    assert way(bearer(issuer.token("one", typ="Bearer"))) is not None
    for kind in ("ID", "Refresh", "Offline", "Logout", 7):
        assert way(bearer(issuer.token("one", typ=kind))) is None, kind
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert way(bearer(issuer.token("one", events=event))) is None


@pytest.mark.server
def test_groups_are_those_of_the_claim_that_the_settings_name(issuer: Issuer):
    way = OidcAuthenticator(issuer.url, "mlflow", groups_claim="groups")
    for claim, groups in (
        (["ml", "ml-release", "ml"], ("ml", "ml-release")),
        ("ml-release", ("ml-release",)),
        ([], ()),
        (None, ()),
    ):
        found = way(bearer(issuer.token("one", groups=claim)))
        assert found == Caller("ann", "oidc", groups), claim
    # A group may take rights away, so one that cannot be read is not left out.
    for claim in (7, {"ml": True}, [["ml"]], ["ml", None], True):
        assert way(bearer(issuer.token("one", groups=claim))) is None, claim
    other = OidcAuthenticator(issuer.url, "mlflow")
    assert other(bearer(issuer.token("one", groups=["ml"]))) == Caller("ann", "oidc")


def test_a_proxys_groups_count_as_its_user_does():
    way = ProxyAuthenticator("X-User", ["127.0.0.1"], groups="X-Forwarded-Groups")
    headers = {"x-user": "ann", "x-forwarded-groups": " ml-release ,, ml,ml"}
    assert way(Credentials(headers, "127.0.0.1")) == Caller("ann", "proxy", ("ml-release", "ml"))
    assert way(Credentials(headers, "127.0.0.2")) is None
    assert way(Credentials({"x-forwarded-groups": "ml"}, "127.0.0.1")) is None
    without = ProxyAuthenticator("X-User", ["127.0.0.1"])
    assert without(Credentials(headers, "127.0.0.1")) == Caller("ann", "proxy")


def test_a_header_that_could_be_read_in_two_ways_is_none():
    """WSGI joins two of a name: what a client adds must not count beside what the proxy sets."""
    way = ProxyAuthenticator("X-User", ["127.0.0.1"], groups="X-Groups")
    sent = [(b"X-User", b"ann"), (b"X-Groups", b"ml"), (b"x-groups", b"admins"), (b"Via", b"a")]
    sent += [(b"X_User", b"adam"), (b"via", b"b")]
    kept = [(b"X-User", b"ann"), (b"Via", b"a"), (b"via", b"b")]
    assert unambiguous(sent, way.headers) == kept
    assert unambiguous(sent[:2], way.headers) == sent[:2]


def test_a_log_in_that_has_to_wait_is_told_how_long():
    logged: list[str] = []
    gate: Any = SimpleNamespace(failed_login=lambda _, reason="": logged.append(reason))

    def way(_: Credentials) -> None:
        raise TooManyFailuresError("Too many wrong passwords.", retry_after=7.2)

    with pytest.raises(RefusedError) as refused:
        identify(gate, [way], Credentials({}, ""), "_x")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "8"})
    assert logged == ["too many wrong passwords"]
    assert RefusedError(401, "X", "no").headers == {"WWW-Authenticate": 'Basic realm="mlflow"'}


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
    forged.close()
    issuer.claimed = "http://127.0.0.1:1"
    assert OidcAuthenticator(issuer.url, "mlflow")(bearer(issuer.token("one"))) is None
    assert OidcAuthenticator("http://issuer.example", "m")(bearer("x")) is None


def test_the_first_way_that_knows_decides(users):
    ways = [ProxyAuthenticator("X-User", ["127.0.0.1"]), BasicAuthenticator(users)]
    assert authenticate(ways, basic("ann", PASSWORD)) == Caller("ann", "basic")
    assert authenticate(ways, Credentials({"x-user": "bob"}, "127.0.0.1")) == Caller("bob", "proxy")
    assert authenticate(ways, Credentials({"x-user": "bob"}, "127.0.0.2")) is None
