"""Policies in a real PostgreSQL server, and a guarded MLflow on one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from guarded_server import Workplace, running
from test_ledger_postgres import Server

from auditkit.errors import AccessDeniedError

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
