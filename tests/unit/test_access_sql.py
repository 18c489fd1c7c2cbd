"""Policies in a database: whole, versioned, and noticed when somebody writes past the store."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, text

from auditkit.access.kept.database import SqlPolicyStore
from auditkit.access.policy.control import AccessControl, read_texts
from auditkit.errors import AccessDeniedError, PolicyError, VerificationError

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


def test_the_superseded_distribution_is_not_installed():
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("casbin")
