"""Policies in a database: whole, versioned, and noticed when somebody writes past the store."""

from __future__ import annotations

import importlib.metadata
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text

from auditkit.access.kept.database import SqlPolicyStore
from auditkit.access.policy.control import AccessControl, read_texts
from auditkit.database import SharedConnection, connect
from auditkit.errors import AccessDeniedError, InputError, PolicyError, VerificationError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def exercise(url: str) -> None:
    """What holds on any database."""
    store = SqlPolicyStore(url)
    texts = read_texts(None)
    with pytest.raises(PolicyError, match="no such version"):
        store.load()
    with pytest.raises(AccessDeniedError):
        store.publish(texts, author="adam", approver="Adam", now=NOW)
    assert store.publish(texts, author="adam", approver="paula", now=NOW) == 1
    second = {**texts, "policy.csv": texts["policy.csv"] + "g, ann, role:trainer, *\n"}
    assert store.publish(second, author="adam", approver="paula", now=NOW) == 2
    for version, expected in [(1, texts), (2, second), (None, second)]:
        loaded, file = store.load(version), AccessControl.from_texts(expected)
        assert loaded.policy_digest == file.policy_digest
        for user in ("ann", "eve"):
            asked = (user, "model:register", "models/credit")
            assert loaded.decide(*asked).allowed == file.decide(*asked).allowed
    assert [(v.version, v.author, v.approver) for v in store.history()] == [
        (1, "adam", "paula"),
        (2, "adam", "paula"),
    ]
    bad = {**texts, "policy.csv": texts["policy.csv"] + "g, mallory, admin, prod\n"}
    with pytest.raises(PolicyError, match="line"):
        store.publish(bad, author="adam", approver="paula", now=NOW)
    # Past the store: a rule added, a rule changed, a version taken out of the middle.
    engine = create_engine(url)
    for statement, version in [
        ("UPDATE auditkit_access_rule SET v0 = 'eve' WHERE version = 2 AND kind = 'g'", 2),
        ("UPDATE auditkit_access_policy SET author = 'eve' WHERE version = 1", 1),
        (
            "INSERT INTO auditkit_access_rule VALUES (1, 999, 'g', 'm', 'role:a', '*', '', '')",
            1,
        ),
    ]:
        with engine.begin() as connection:
            connection.execute(text(statement))
        with pytest.raises(VerificationError, match="not what was approved"):
            store.load(version)
    store.close()
    engine.dispose()


def test_a_policy_in_sqlite(tmp_path):
    exercise(f"sqlite:///{tmp_path}/access.db")


def test_of_two_publishers_at_once_both_are_kept_one_after_the_other(tmp_path):
    url, texts, found = f"sqlite:///{tmp_path}/access.db", read_texts(None), []

    def publish(name):
        store = SqlPolicyStore(url)
        found.extend(store.publish(texts, author=name, approver="paula", now=NOW) for _ in range(5))
        store.close()

    threads = [threading.Thread(target=publish, args=(name,)) for name in ("adam", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 11))
    store = SqlPolicyStore(url)
    assert [store.load(version.version) for version in store.history()]
    store.close()


def test_a_connection_that_died_is_opened_again(tmp_path):
    opened = []

    def opens():
        connection = connect(
            f"sqlite:///{tmp_path}/x.db", "list", error=InputError, write=True, lock_timeout_s=1
        )
        opened.append(connection)
        return connection

    shared = SharedConnection(opens)
    assert shared.read(lambda c: c.query("SELECT 1")) == [(1,)]
    opened[0].close()
    assert shared.read(lambda c: c.query("SELECT 2")) == [(2,)]
    assert len(opened) == 2
    with pytest.raises(InputError, match="list"):
        shared.read(lambda c: c.query("SELECT no FROM nothing"))
    shared.close()


def test_the_superseded_distribution_is_not_installed():
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("casbin")
