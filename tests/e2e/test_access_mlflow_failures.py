"""The guarded server when things go wrong: killed, without a log, with a changing policy."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, suppress

import pytest
import requests
from guarded_server import PASSWORD, Workplace, running

from auditkit.errors import AccessDeniedError

pytestmark = [pytest.mark.server, pytest.mark.slow]
API = "/api/2.0/mlflow"
FREE = """
id: free
version: "1"
title: Aliases that anybody may move
promotions:
  - {models: "*", aliases: [canary-0, canary-1], approvals: 0}
"""


def make_version(server, name: str) -> None:
    body = {"name": name}
    server.call("ann", "POST", f"{API}/registered-models/create", json=body).raise_for_status()
    experiments = f"{API}/experiments"
    made = server.call("ann", "POST", f"{experiments}/create", json={"name": name}).json()
    run = server.call(
        "ann", "POST", f"{API}/runs/create", json={"experiment_id": made["experiment_id"]}
    ).json()["run"]["info"]
    path = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/model/w"
    server.call("ann", "PUT", url, data=name.encode()).raise_for_status()
    body = {"name": name, "source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    server.call("ann", "POST", f"{API}/model-versions/create", json=body).raise_for_status()


def test_without_a_log_nothing_is_done(tmp_path):
    workplace = Workplace(tmp_path)
    with running(workplace, workers=2) as server:
        body = {"name": "before"}
        create = f"{API}/registered-models/create"
        assert server.call("ann", "POST", create, json=body).status_code == 200
        # Somebody holds the log's database and does not let go.
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            assert server.call("ann", "POST", create, json={"name": "during"}).status_code == 503
            search = f"{API}/registered-models/search"
            time.sleep(2.5)  # each worker finds out by itself
            for _ in range(4):  # whichever answers
                assert server.call("vic", "GET", search).status_code == 503
            holder.execute("ROLLBACK")
        eventually(server, "after")
        # Somebody moves the log away under the running server, and later puts it back.
        away = tmp_path / "away"
        away.mkdir()
        moved = list(tmp_path.glob("ledger.db*"))
        for path in moved:
            path.rename(away / path.name)
        for _ in range(4):
            assert server.call("ann", "POST", create, json={"name": "lost"}).status_code == 503
        assert not (tmp_path / "ledger.db").exists()
        for path in moved:
            (away / path.name).rename(path)
        eventually(server, "again")
        names = [m["name"] for m in server.call("vic", "GET", search).json()["registered_models"]]
        assert names == ["after", "again", "before"]
    (tmp_path / "approved" / ("0" * 64)).mkdir(parents=True, exist_ok=True)
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(AssertionError, match="new-log"), running(workplace):
        pass


def eventually(server, name: str) -> None:
    """Registers a model once the server has found its log again."""
    until = time.monotonic() + 60
    while True:
        body = {"name": name}
        answer = server.call("ann", "POST", f"{API}/registered-models/create", json=body)
        if answer.status_code == 200:
            return
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < until
        time.sleep(0.5)


def test_killed_in_the_middle_it_happened_and_is_logged_or_it_did_not(tmp_path):
    workplace = Workplace(tmp_path, access=FREE)
    for number, delay in enumerate([0.003, 0.015, None]):
        with running(workplace) as server:
            if number == 0:
                make_version(server, "credit")
            got = server.call("mia", "GET", f"{API}/registered-models/get?name=credit").json()
            moved = {a["alias"] for a in got["registered_model"].get("aliases", ())}
            decided = {
                n["object"].rpartition("/")[2]
                for d in workplace.decisions()
                if d.get("endpoint") == "_set_registered_model_alias" and d["allowed"]
                for n in d["decisions"]
            }
            assert moved <= decided
            # What the server before this one did not live to report is settled: it happened.
            done = {m["name"] for m in server.client("mia").history("credit")["moves"]}
            assert moved == done
            if delay is not None:
                thread = threading.Thread(target=move, args=(server, f"canary-{number}"))
                thread.start()
                time.sleep(delay)
                server.kill()
                thread.join()


def move(server, alias: str) -> None:
    body = {"name": "credit", "alias": alias, "version": "1"}
    with suppress(requests.RequestException):
        server.call("mia", "POST", f"{API}/registered-models/alias", json=body)


def test_workers_follow_a_policy_and_no_request_sees_half_of_it(guarded):
    server, workplace = guarded
    search = f"{server.url}{API}/registered-models/search"
    stop, bad = threading.Event(), []

    def ask() -> None:
        with requests.Session() as session:
            session.auth = ("vic", PASSWORD)
            while not stop.is_set():
                status = session.get(search, timeout=30).status_code
                if status != 200:
                    bad.append(status)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    a, b = "followed-a", "followed-b"
    for number in range(5):
        old, new = (a, b) if number % 2 == 0 else (b, a)
        workplace.edit_policy(f"models/{old}, model:delete", f"models/{new}, model:delete")
        time.sleep(0.1)
        workplace.seal()
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert bad == []
    delete = f"{API}/registered-models/delete"
    for _ in range(8):  # whichever worker answers
        assert server.call("vic", "DELETE", delete, json={"name": b}).status_code == 404
        assert server.call("vic", "DELETE", delete, json={"name": a}).status_code == 403
    sealed = [e for e in workplace.entries() if e.kind == "policy.activated"]
    assert len(sealed) >= 2
    assert {(e.payload["author"], e.payload["approver"]) for e in sealed} == {("adam", "paula")}


def test_composed_mode_vetoes_mlflows_own_admin(tmp_path):
    workplace = Workplace(tmp_path)
    (tmp_path / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{tmp_path}/auth.db\n"
        f"admin_username = root\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    env = {
        "MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of the test",
        "MLFLOW_AUTH_ADMIN_USERNAME": "root",
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
    }
    with running(workplace, app="auditkit-composed", env=env) as server:
        create = f"{API}/registered-models/create"
        assert server.call(None, "POST", create, json={"name": "x"}).status_code == 401
        # MLflow lets its admin do anything; the policy does not know him.
        refused = server.call("root", "POST", create, json={"name": "x"})
        assert refused.status_code == 403
        assert "no rule allows it" in refused.text
        ready = server.call(None, "GET", "/readyz")
        assert (ready.status_code, ready.text) == (200, "OK\n")
        (tmp_path / "approved").rename(tmp_path / "away")
        ready = server.call(None, "GET", "/readyz")
        assert (ready.status_code, server.call(None, "GET", "/health").status_code) == (503, 200)
        assert "folder of approved files is missing" in ready.text
        (tmp_path / "away").rename(tmp_path / "approved")
        for path in ("/v1/traces", "/api/3.0/mlflow/mcp-servers"):
            assert server.call("root", "POST", path, json={}).status_code == 403
            assert server.call(None, "POST", path, json={}).status_code == 401
    assert [d["user"] for d in workplace.decisions() if d["user"]] == ["root"] * 3


def test_composed_mode_has_users(tmp_path):
    """MLflow's admin, whom the policy makes one too, makes users; they see to themselves."""
    workplace = Workplace(tmp_path)
    env = {
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret of the test",
        "MLFLOW_AUTH_ADMIN_USERNAME": "adam",
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
    }
    users = f"{API}/users"
    with running(workplace, app="auditkit-composed", env=env) as server:
        for name in ("vic", "nobody"):
            new = {"username": name, "password": PASSWORD}
            assert server.call(None, "POST", f"{users}/create", json=new).status_code == 401
            assert server.call("adam", "POST", f"{users}/create", json=new).status_code == 200
        assert server.call("vic", "GET", f"{users}/current").json()["user"]["username"] == "vic"
        assert server.call("vic", "GET", f"{users}/get?username=vic").status_code == 200
        assert server.call("vic", "GET", f"{users}/get?username=adam").status_code == 403
        # To the policy she is nobody.
        assert server.call("nobody", "GET", f"{users}/current").status_code == 403
        # What auditkit adds is for everybody whom its policy allows, not for MLflow's admin alone.
        for path in ("/api/auditkit/1.0/history", "/auditkit"):
            assert server.call(None, "GET", path).status_code == 401
            assert server.call("nobody", "GET", path).status_code == 403
            shown = server.call("vic", "GET", path)
            assert shown.status_code == 200, shown.text
        promote_with_mlflows_users(server)
        mine = {"username": "vic", "password": "another of twelve", "current_password": PASSWORD}
        other = {**mine, "username": "nobody"}
        changed = f"{users}/update-password"
        assert server.call("vic", "PATCH", changed, json=other).status_code == 403
        assert server.call("vic", "PATCH", changed, json=mine).status_code == 200
        assert server.call("vic", "GET", f"{users}/current").status_code == 401
        assert server.call("adam", "DELETE", f"{users}/delete", json={"username": "vic"}).ok


def promote_with_mlflows_users(server):
    """What works in composed mode, and that MLflow's own routes need MLflow's permission too."""
    for name in ("ann", "abe", "rita", "mia", "gus"):
        new = {"username": name, "password": PASSWORD}
        assert server.call("adam", "POST", f"{API}/users/create", json=new).status_code == 200
    make_version(server, "credit")
    asked = server.client("abe").request("credit", "1", alias="champion")
    alias = {"name": "credit", "version": "1", "alias": "champion"}
    refused = server.call("mia", "POST", f"{API}/registered-models/alias", json=alias)
    assert refused.status_code == 403
    assert "nobody" not in refused.text  # MLflow's own refusal came first
    with pytest.raises(AccessDeniedError, match="0 of 1 approvals"):
        server.client("mia").promote("credit", "1", alias="champion")
    server.client("rita").approve(asked["request"])
    server.client("mia").promote("credit", "1", alias="champion")
    found = server.mlflow("rita").get_model_version_by_alias("credit", "champion")
    assert (str(found.version), server.client("vic").history("credit")["moves"][0]["user"]) == (
        "1",
        "mia",
    )
    served = "/model-versions/get-artifact?name=credit&version=1&path=w"
    assert server.call("rita", "GET", served).content == b"credit"
    # What it has no use for.
    bearer = {"Authorization": f"Bearer akt_{'a' * 49}"}
    assert server.call(None, "GET", f"{API}/users/current", headers=bearer).status_code == 401
