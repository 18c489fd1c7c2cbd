"""Tokens of service accounts: made, kept, shown, and refused."""

from __future__ import annotations

import base64
import json
import re
import stat
import zlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access import AccessControl
from auditkit.access.kept.folder import seal_policy, start_policy
from auditkit.access.login import authentication, passwords
from auditkit.access.login.authentication import (
    BasicAuthenticator,
    Caller,
    Credentials,
    LoginRefusedError,
    TokenScope,
    authenticate,
)
from auditkit.access.login.passwords import hash_password, write_users
from auditkit.access.login.tokens import (
    TokenAuthenticator,
    is_token,
    new_token,
    read_tokens,
    write_tokens,
)
from auditkit.access.record.approvals import DECISION
from auditkit.access.record.review import review
from auditkit.cli import run
from auditkit.errors import InputError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.serve.native import identify
from auditkit.mlflow_guard.serve.settings import authenticators, read_settings
from auditkit.mlflow_guard.upstream.refusals import RefusedError

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def made(account: str = "ci", expires: timedelta = 30 * DAY) -> tuple[str, Any]:
    return new_token(account, "trainer", "team-a", expires=NOW + expires, now=NOW, by="adam")


def bearer(text: str) -> Credentials:
    return Credentials({"authorization": f"Bearer {text}"}, "10.0.0.1")


def basic(user: str, password: str) -> Credentials:
    shown = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials({"authorization": f"Basic {shown}"}, "10.0.0.1")


@pytest.fixture
def kept(tmp_path):
    text, token = made()
    path = tmp_path / "tokens.json"
    write_tokens(path, {token.id: token})
    return path, text, token


def test_a_token_is_random_and_says_by_its_form_what_it_is(kept):
    path, text, token = kept
    assert re.fullmatch(r"akt_[0-9A-Za-z]{49}", text)
    # The checksum by another way to write a number in base 62.
    number = zlib.crc32(text[:47].encode())
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert number == sum(alphabet.index(c) * 62**i for i, c in enumerate(reversed(text[47:])))
    assert len({made()[0] for _ in range(100)}) == 100
    for wrong in (text[:-1], text + "0", text.upper(), f" {text}", f"{text}\n", "akt_" + "0" * 49):
        assert not is_token(wrong), wrong
    assert not any(
        is_token(text[:i] + c + text[i + 1 :]) for i in (4, 30, 50) for c in "aZ9" if text[i] != c
    )
    # What is kept lets nobody use it.
    assert text not in path.read_text()
    assert text[4:47] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_tokens(path) == {token.id: token}


def test_a_token_acts_as_its_account_until_it_ends(kept, monkeypatch):
    path, text, token = kept
    now = [NOW]
    way = TokenAuthenticator(path, clock=lambda: now[0])
    caller = Caller("ci", "token", (), TokenScope(token.id, "role:trainer", "team-a"))
    monkeypatch.setattr(passwords, "_scrypt", lambda *_: pytest.fail("a slow hash on the way"))
    for shown in (bearer(text), basic("ci", text), basic("", text)):
        assert way(shown) == caller
    with pytest.raises(LoginRefusedError, match=f"{token.id} is another account's"):
        way(basic("ann", text))
    with pytest.raises(LoginRefusedError, match="unknown"):
        way(bearer(made()[0]))
    with pytest.raises(LoginRefusedError, match="unknown"):
        way(bearer("akt_nothing"))
    for other in (
        Credentials({}, ""),
        bearer("a.b.c"),
        basic("ann", "akt_my own password"),
        bearer(""),
    ):
        assert way(other) is None
    now[0] = NOW + 30 * DAY
    with pytest.raises(LoginRefusedError, match=f"The token {token.id} has expired"):
        way(bearer(text))
    now[0] = NOW
    assert run(["access", "token", "revoke", token.id, "--tokens", str(path)]) == 0
    with pytest.raises(LoginRefusedError, match=f"The token {token.id} was revoked"):
        way(bearer(text))
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        way(bearer(text))


def test_no_other_way_is_tried_with_a_token_that_does_not_count(kept, tmp_path, monkeypatch):
    path, _, _ = kept
    users = tmp_path / "users.json"
    write_users(users, {"ann": hash_password("a long enough password")})
    ways = [TokenAuthenticator(path, clock=lambda: NOW), BasicAuthenticator(users)]
    unknown = made()[0]
    monkeypatch.setattr(authentication, "matches", lambda *_: pytest.fail("it was hashed"))
    for shown in (bearer(unknown), basic("ann", unknown)):
        with pytest.raises(LoginRefusedError):
            authenticate(ways, shown)
    logged: list[str] = []
    gate: Any = SimpleNamespace(failed_login=lambda _, reason="": logged.append(reason))
    with pytest.raises(RefusedError, match="The token is unknown") as refused:
        identify(gate, ways, bearer(unknown), "_x")
    assert (refused.value.status, logged) == (401, ["The token is unknown"])


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"t": {}}',
        '{"t": 1}',
    ],
)
def test_a_file_that_does_not_hold_tokens_is_refused(tmp_path, text):
    path = tmp_path / "tokens.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="does not hold tokens"):
        read_tokens(path)
    path.chmod(0o644)
    with pytest.raises(InputError, match="readable by others"):
        read_tokens(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires", "2026-01-01T00:00:00"),
        ("expires", "never"),
        ("account", ""),
        ("role", "trainer"),
        ("domain", 5),
        ("revoked", ""),
        ("digest", "g" * 64),
    ],
)
def test_a_token_with_a_wrong_field_is_not_read(kept, field, value):
    path, _, token = kept
    found = json.loads(path.read_text())
    found[token.id][field] = value
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match="does not hold tokens"):
        read_tokens(path)


def test_the_commands_make_list_and_revoke(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def auditkit(*arguments: str) -> tuple[int, str, str]:
        code = run(["access", *arguments])
        found = capsys.readouterr()
        return code, found.out, found.err

    start_policy(tmp_path / "access")
    for user, role in (("adam", "admin"), ("paula", "policy-approver"), ("ci-train", "trainer")):
        assert auditkit("grant", user, role, "--by", "adam")[0] == 0
    assert auditkit("approve", "--by", "paula")[0] == 0
    command = ["token", "create", "ci-train", "--role", "trainer", "--domain", "team-a"]
    code, text, said = auditkit(*command, "--expires", "30d")
    assert code == 0
    assert is_token(text.strip())
    assert "acts as ci-train, as role:trainer in team-a, until" in said
    assert "approve" not in said  # the account has the role by the sealed policy
    token = next(iter(read_tokens(tmp_path / "tokens.json").values()))
    assert timedelta(days=29) < token.expires - datetime.now(UTC) < timedelta(days=30)
    # Of an account that does not have the role, the grant is drafted.
    command = ["token", "create", "ci-release", "--role", "release-manager", "--domain", "team-a"]
    code, text, said = auditkit(*command, "--by", "adam", "--expires", "12h")
    assert code == 0
    assert "has role:release-manager in the draft" in said
    assert "auditkit access approve --by OTHER" in said
    draft = AccessControl.load(tmp_path / "access")
    assert draft.snapshot.roles_of("ci-release", "team-a") == (
        "role:release-manager",
        "role:viewer",
    )
    assert draft.snapshot.roles_of("ci-release", "default") == ()
    # Nothing is made if it cannot be drafted, or is not meant.
    for more, remedy in (
        (["--role", "trainr"], "give one of"),
        (["--role", "reviewer", "--by", "mallory"], "policy:propose"),
        (["--role", "trainer", "--expires", "367d"], "366 days"),
        (["--role", "trainer", "--expires", "0d"], "30d or 12h"),
        (["--role", "trainer", "--expires", "30"], "30d or 12h"),
    ):
        code, out, said = auditkit("token", "create", "ci-other", "--by", "adam", *more)
        assert (code, out) == (2, "") or code == 10, (more, said)
        assert out == "", more
        assert remedy in said, (more, said)
    assert len(read_tokens(tmp_path / "tokens.json")) == 2
    rows = json.loads(auditkit("token", "list", "--json")[1])
    assert [(r["account"], r["role"], r["state"]) for r in rows] == [
        ("ci-train", "role:trainer", "valid"),
        ("ci-release", "role:release-manager", "valid"),
    ]
    assert auditkit("token", "revoke", rows[0]["id"])[0] == 0
    assert "was revoked before" in auditkit("token", "revoke", rows[0]["id"])[2]
    assert auditkit("token", "revoke", "tk-none")[0] == 2
    rows = json.loads(auditkit("token", "list", "--json")[1])
    assert [r["state"] for r in rows] == ["revoked", "valid"]


def test_a_review_lists_tokens_with_their_last_use(tmp_path, capsys):
    """Unused ones, expired ones, and what the log says of the others."""
    tokens = {}
    for account, expires in (("used", 30 * DAY), ("idle", 200 * DAY), ("old", DAY)):
        token = new_token(
            account, "trainer", "*", expires=NOW + expires, now=NOW - 91 * DAY, by="a"
        )[1]
        tokens[account] = token
    kept = tmp_path / "tokens.json"
    write_tokens(kept, {token.id: token for token in tokens.values()})
    now = [NOW - 90 * DAY]
    signer = NoteSigner.generate("auditkit.local/log")
    log_file = tmp_path / "log.db"
    with Ledger.open(f"sqlite:///{log_file}", key=signer, clock=lambda: now[0]) as log:
        part = {"verb": "model:read", "object": "models/m", "allowed": True, "rule": ""}
        entry = {"user": "used", "allowed": True, "decisions": [part], "authenticated": "token"}
        log.append(kind=DECISION, payload={**entry, "token": tokens["used"].id})
        now[0] = NOW - DAY
        reads = {"decisions": [{**entry, "token": tokens["used"].id}, {"outcome_of": "x"}]}
        log.append(kind="access.reads", payload=reads)
        log.append(kind=DECISION, payload={**entry, "user": "idle"})  # by its password
        entries = list(log.entries())
    found = review(
        AccessControl.load(), entries, now=NOW + 2 * DAY, tokens=list(tokens.values())
    ).table("tokens")
    states = {row[1]: (row[7], str(row[8])[:10]) for row in found.rows}
    assert states == {
        "used": ("valid", "2026-10-31"),
        "idle": ("unused", "never"),
        "old": ("expired", "never"),
    }
    where = ["--log", str(log_file), "--key", str(signer.verifier)]
    assert run(["access", "token", "list", "--tokens", str(kept), "--json", *where]) == 0
    shown = {row["account"]: row["last_used"][:10] for row in json.loads(capsys.readouterr().out)}
    assert shown == {"used": "2026-10-31", "idle": "never", "old": "never"}
    seal_policy(start_policy(tmp_path / "access"), author="a", approver="b", now=NOW)
    command = ["access", "review", *where, "--policy", str(tmp_path / "access")]
    assert run([*command, "--tokens", str(kept)]) == 0
    assert "Tokens of service accounts" in capsys.readouterr().out
    assert run(command) == 0
    assert "Tokens of service accounts" not in capsys.readouterr().out


def test_a_server_takes_tokens_if_its_settings_say_so(kept, tmp_path):
    (tmp_path / "server.yaml").write_text(
        "access: access\nlog: {url: 'sqlite:///ledger.db', key: log.pem}\ntokens: tokens.json\n"
    )
    settings = read_settings(tmp_path / "server.yaml")
    (way,) = authenticators(settings, clock=lambda: NOW)
    caller = way(bearer(kept[1]))
    assert caller is not None
    assert caller.user == "ci"
