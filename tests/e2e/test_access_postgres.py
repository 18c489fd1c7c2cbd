"""Policies in a real PostgreSQL server, and a guarded MLflow on one."""

from __future__ import annotations

import shutil
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import EVIDENCE
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from guarded_server import USERS, Workplace, running
from test_gate_verdicts import AUDIT, GOOD, POLICY, ROWS, log_model
from test_ledger_postgres import Server

from auditkit.access.kept.database import SqlPolicyStore
from auditkit.access.login.tokens import new_token, write_tokens
from auditkit.access.policy.control import read_texts
from auditkit.cli import run
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


class Followed:
    """A signed policy in PostgreSQL."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.store = SqlPolicyStore(url)
        self.key = LocalKey(Ed25519PrivateKey.generate())
        self.fingerprint = fingerprint_of(self.key.public_key)
        self.texts = read_texts(folder)

    def publish(self, more: str = "", *, signed: bool = True) -> None:
        """Publishes the policy with more rules, by its author and approver."""
        texts = {**self.texts, "policy.csv": self.texts["policy.csv"] + more}
        key = self.key if signed else None
        self.store.publish(texts, author="adam", approver="paula", key=key, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def served(postgres, tmp_path_factory):
    """Two workers whose models and whose policy are in PostgreSQL, and all of theirs."""
    folder, url = tmp_path_factory.mktemp("served"), database(postgres, "followed")
    access = read_texts(None)["access.yaml"].replace("promotions:\n", EVIDENCE)
    workplace = Workplace(folder, store=database(postgres, "mlflow"), policy=url, access=access)
    policy = Followed(url, folder / "access")
    with (folder / "server.yaml").open("a") as settings:
        settings.write(f"approvers: {{paula: ['{policy.fingerprint}']}}\ntokens: tokens.json\n")
    now, kept = datetime.now(UTC), {}
    for user in ("ann", "gus", "mia"):
        expires = now + timedelta(days=1)
        text, token = new_token(user, USERS[user], "*", expires=expires, now=now, by="adam")
        workplace.tokens[user], kept[token.id] = text, token
    write_tokens(folder / "tokens.json", kept)
    policy.publish()
    with running(workplace, workers=2) as server:
        yield server, workplace, policy
    policy.store.close()


def test_a_policy_in_postgresql(postgres):
    exercise(database(postgres, "access"))


def test_mlflow_on_postgresql_is_guarded_the_same(served):
    from test_access_mlflow_failures import make_version

    server, _, _ = served
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


def test_from_log_model_to_champion_with_tokens(served, tmp_path, monkeypatch, capsys):
    """A pipeline has tokens alone, and MLflow's own clients; the approval is a person's."""
    import mlflow
    import mlflow.xgboost

    server, workplace, _ = served
    name = "evidence-tokens"

    def as_token(user: str) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", workplace.tokens[user])
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)

    as_token("ann")
    log_model(server, name)
    as_token("ann")  # MLflow's client has unset the address
    assert run(["registry", "request", name, "1", "--alias", "champion"]) == 0
    number = capsys.readouterr().out.split()[-1]
    as_token("mia")
    client = mlflow.MlflowClient(tracking_uri=server.url, registry_uri=server.url)
    with pytest.raises(mlflow.exceptions.MlflowException, match="has judged these files"):
        client.set_registered_model_alias(name, "champion", "1")

    (tmp_path / "lending.yaml").write_text(POLICY)
    (tmp_path / "audit.yaml").write_text(AUDIT.replace("NAME", name))
    ROWS.assign(good=GOOD).to_csv(tmp_path / "rows.csv", index=False)
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    as_token("gus")
    command = ["run", str(tmp_path / "audit.yaml"), "-o", str(tmp_path / "audit"), "--record"]
    assert run(command) == 0, capsys.readouterr().err
    server.client("rita").approve(number)
    as_token("mia")
    client.set_registered_model_alias(name, "champion", "1")
    as_token("ann")
    mlflow.set_tracking_uri(server.url)
    try:
        loaded = mlflow.xgboost.load_model(f"models:/{name}@champion")
    finally:
        mlflow.set_tracking_uri(None)
    assert loaded.predict(ROWS).shape == (len(ROWS),)
    [move] = server.client("vic").history(name)["moves"]
    assert (move["user"], move["how"], move["version"]) == ("mia", "promoted", "1")
    told = [d for d in workplace.decisions() if d.get("token")]
    assert {d["user"] for d in told} == {"ann", "gus", "mia"}


def test_workers_follow_a_signed_policy_in_postgresql(served):
    server, workplace, policy = served
    search = "/api/2.0/mlflow/registered-models/search"

    def answers() -> set[int]:
        return {server.call("vic", "GET", search).status_code for _ in range(12)}

    def sealed() -> list[str]:
        return [e.payload["key"] for e in workplace.entries() if e.kind == "policy.activated"]

    assert answers() == {200}
    before, nothing = sealed(), "p, vic, *, **, *, deny\n"
    policy.publish(nothing, signed=False)
    assert answers() == {200}
    policy.publish(nothing)
    assert answers() == {403}
    policy.publish()
    assert answers() == {200}
    assert sealed() == [*before, policy.fingerprint, policy.fingerprint]
    assert set(before) == {policy.fingerprint}


def test_two_servers_share_models_log_and_copies(postgres, tmp_path):
    """What one of them approved is approved, pinned and served at the other at once."""
    from test_access_mlflow_failures import API, make_version

    workplace = Workplace(tmp_path, store=database(postgres, "shared_models"))
    log = database(postgres, "shared_log").replace("+psycopg", "")
    settings = tmp_path / "server.yaml"
    settings.write_text(settings.read_text().replace("sqlite:///ledger.db", log))
    with running(workplace) as one, running(workplace) as other:
        make_version(one, "credit")
        asked = one.client("abe").request("credit", "1", alias="champion")
        other.client("rita").approve(asked["request"])
        found = other.call("ann", "GET", f"{API}/model-versions/get?name=credit&version=1").json()
        source = found["model_version"]["source"].removeprefix("mlflow-artifacts:/")
        file = f"/api/2.0/mlflow-artifacts/artifacts/{source}/w"
        assert one.call("ann", "PUT", file, data=b"another").status_code == 403
        # One approval, two promotions at once: the log knows which came first.
        said = []

        def promote(server) -> None:
            body = {"model": "credit", "version": "1", "alias": "champion"}
            answer = server.call("mia", "POST", "/api/auditkit/1.0/promote", json=body)
            said.append(answer.status_code)

        threads = [threading.Thread(target=promote, args=(server,)) for server in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        said.sort()
        assert said[0] == 200
        assert said[1] in (403, 409)
        for server in (one, other):
            assert server.client("vic").approved_digest("credit", alias="champion")[0] == "1"
            assert server.call("ann", "GET", file).content == b"credit"
            moves = server.client("vic").history("credit")["moves"]
            assert [move["version"] for move in moves] == ["1"]
