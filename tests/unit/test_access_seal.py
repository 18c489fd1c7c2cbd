"""A signed policy is in force by its approver's own key, and no other way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text

from auditkit.access.kept.database import SqlPolicyStore
from auditkit.access.kept.folder import follow_folder, read_seal, seal_policy, start_policy
from auditkit.access.kept.seal import Seal, parse_seal
from auditkit.access.policy.control import read_texts
from auditkit.canonical import Digest
from auditkit.errors import AuditkitError, PolicyError, VerificationError
from auditkit.signing.private_keys import LocalKey, fingerprint_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PAULA, EVE = (LocalKey(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2))
APPROVERS = {"paula": [fingerprint_of(PAULA.public_key)]}


def seal(folder, *, key=PAULA, approver="paula", now=NOW):
    return seal_policy(folder, author="adam", approver=approver, now=now, key=key)


@pytest.fixture
def folder(tmp_path):
    start_policy(tmp_path / "access")
    return tmp_path / "access"


def test_only_the_approvers_own_key_puts_a_policy_into_force(folder):
    seal(folder)
    followed = follow_folder(folder, approvers=APPROVERS)
    before, found = followed.current()
    assert (found.author, found.approver, found.key) == ("adam", "paula", *APPROVERS["paula"])
    policy = folder / "policy.csv"
    policy.write_text(policy.read_text() + "p, eve, *, **, *, allow\n")
    later = NOW + timedelta(hours=1)
    for key, approver, says in [
        (None, "paula", "not signed"),
        (EVE, "paula", "not signed by a key of 'paula'"),
        (EVE, "eve", "not signed by a key of 'eve'"),
        (PAULA, "eve", "not signed by a key of 'eve'"),
    ]:
        seal(folder, key=key, approver=approver, now=later)
        assert followed.current()[0] is before
        assert says in followed.refused
        with pytest.raises(VerificationError, match=says):
            follow_folder(folder, approvers=APPROVERS)
    seal(folder, now=later)
    assert followed.current()[0].decide("eve", "model:delete", "models/x")


def test_an_older_policy_does_not_come_back(folder):
    seal(folder)
    names = ("policy.csv", "seal.json")
    old = {name: (folder / name).read_text() for name in names}
    followed = follow_folder(folder, approvers=APPROVERS)
    policy = folder / "policy.csv"
    policy.write_text(policy.read_text() + "p, role:viewer, *, **, *, deny\n")
    seal(folder, now=NOW + timedelta(days=1))
    in_force, _ = followed.current()
    for name in names:
        (folder / name).write_text(old[name])
    assert followed.current()[0] is in_force
    assert "older" in followed.refused


def test_no_changed_character_of_a_signed_seal_is_read(folder):
    """Every field of the envelope and of the statement, changed one by one."""
    seal(folder)
    path = folder / "seal.json"
    data = path.read_text()
    assert read_seal(folder) is not None
    refused = 0
    for position in range(0, len(data) - 1, 3):
        changed = data[:position] + chr(ord(data[position]) ^ 1) + data[position + 1 :]
        path.write_text(changed)
        with pytest.raises((VerificationError, PolicyError)):
            read_seal(folder)
        refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    "change",
    [
        {"approver": "Adam "},
        {"approved": "2026-11-24"},
        {"approved": "yesterday"},
        {"digest": "md5:0"},
        {"author": None},
        {"payload": "", "payloadType": "x", "signatures": []},
    ],
)
def test_a_malformed_seal_is_not_read(change):
    content = json.loads(
        Seal(
            digest=Digest.of(b""), author="adam", approver="paula", approved=NOW.isoformat()
        ).to_text()
    )
    content.update(change)
    if content["author"] is None:
        del content["author"]
    with pytest.raises(AuditkitError):
        parse_seal(json.dumps(content))


def test_a_signed_statement_about_something_else_is_no_seal():
    from auditkit.canonical import canonical_bytes
    from auditkit.signing import dsse

    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": "0" * 64}}],
        "predicateType": "urn:auditkit:audit:v1",
        "predicate": {"author": "adam", "approver": "paula", "approved": NOW.isoformat()},
    }
    with pytest.raises(PolicyError):
        parse_seal(dsse.seal(canonical_bytes(statement), PAULA))


def test_versions_in_a_database_are_signed_and_followed(tmp_path):
    url = f"sqlite:///{tmp_path}/access.db"
    store, texts = SqlPolicyStore(url), read_texts(None)
    more = {**texts, "policy.csv": texts["policy.csv"] + "p, eve, *, **, *, allow\n"}

    def publish(content, key, hours):
        when = NOW + timedelta(hours=hours)
        return store.publish(content, author="adam", approver="paula", now=when, key=key)

    with pytest.raises(PolicyError):
        store.follow()
    publish(texts, PAULA, 0)
    followed = SqlPolicyStore(url).follow(approvers=APPROVERS)
    before, _ = followed.current()
    publish(more, EVE, 1)
    assert followed.current()[0] is before
    assert "not signed by a key" in followed.refused
    publish(more, PAULA, 2)
    assert followed.current()[0].decide("eve", "model:delete", "models/x")
    # A seal of one version does not stand for another.
    engine = create_engine(url)
    statement = (
        "UPDATE auditkit_access_policy SET seal = "
        "(SELECT seal FROM auditkit_access_policy WHERE version = 1) WHERE version = 3"
    )
    with engine.begin() as connection:
        connection.execute(text(statement))
    with pytest.raises(VerificationError, match="does not match it"):
        store.read()
    engine.dispose()
    store.close()
