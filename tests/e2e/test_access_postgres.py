"""Policies in a real PostgreSQL server, and a guarded MLflow on one."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from guarded_server import Workplace, running
from test_ledger_postgres import Server

from auditkit.access.control import read_texts
from auditkit.access.sql import SqlPolicyStore
from auditkit.errors import AccessDeniedError
from auditkit.signing.private_keys import LocalKey, fingerprint_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from test_access_sql import exercise

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def postgres():
    started = Server()
    yield started
    started.stop("immediate")
    shutil.rmtree(started.folder)


def database(postgres: Server, name: str) -> str:
    import psycopg

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name).replace("postgresql:", "postgresql+psycopg:")


def test_a_policy_in_postgresql(postgres):
    exercise(database(postgres, "access"))


def test_mlflow_on_postgresql_is_guarded_the_same(postgres, tmp_path):
    from test_access_mlflow_failures import make_version

    workplace = Workplace(tmp_path, store=database(postgres, "mlflow"))
    with running(workplace, workers=2) as server:
        make_version(server, "credit")
        ann, mia = server.client("abe"), server.client("mia")
        with pytest.raises(AccessDeniedError, match="nobody has asked"):
            mia.promote("credit", "1", alias="champion")
        asked = ann.request("credit", "1", alias="champion")
        with pytest.raises(AccessDeniedError):
            server.client("ann").approve(asked["request"])
        server.client("rita").approve(asked["request"])
        mia.promote("credit", "1", alias="champion")
        assert server.client("vic").approved_digest("credit", alias="champion")[0] == "1"


def test_four_workers_follow_a_signed_policy_in_postgresql(postgres, tmp_path):
    url = database(postgres, "followed")
    key = LocalKey(Ed25519PrivateKey.generate())
    signed = {"author": "adam", "approver": "paula", "key": key}
    settings = f"approvers: {{paula: ['{fingerprint_of(key.public_key)}']}}\n"
    workplace = Workplace(tmp_path, policy=url, settings=settings)
    store = SqlPolicyStore(url)
    texts = read_texts(tmp_path / "access")
    store.publish(texts, now=datetime.now(UTC), **signed)
    search = "/api/2.0/mlflow/registered-models/search"
    with running(workplace, workers=4) as server:

        def answers() -> set[int]:
            return {server.call("vic", "GET", search).status_code for _ in range(12)}

        assert answers() == {200}
        texts["policy.csv"] += "p, vic, *, **, *, deny\n"
        unsigned = {**signed, "key": None}
        store.publish(texts, now=datetime.now(UTC), **unsigned)
        assert answers() == {200}
        store.publish(texts, now=datetime.now(UTC), **signed)
        assert answers() == {403}
    sealed = [e.payload for e in workplace.entries() if e.kind == "policy.activated"]
    assert [p["key"] for p in sealed] == [fingerprint_of(key.public_key)] * 2
    store.close()
