"""Tokens, groups and wrong passwords on a real server, with MLflow's own client."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from contextlib import chdir, redirect_stdout
from typing import Any

import pytest
import requests
from guarded_server import LOG_NAME, PASSWORD, ROOT, Workplace, running

from auditkit.access.policy.control import read_texts
from auditkit.cli import run
from auditkit.errors import AccessDeniedError
from auditkit.ledger import NoteSigner
from auditkit.registry.client import RegistryClient
from tests.support.issuer import Issuer

pytestmark = pytest.mark.server
API = "/api/2.0/mlflow"
AUDITKIT = "/api/auditkit/1.0"
CHAMPION = f"{AUDITKIT}/check?verb=model:promote&object=models/credit/aliases/champion"
GROUPS = """groups:
  ml-release: release-manager
  ml-team-a: {role: trainer, domain: team-a}
"""
RULES = (
    "g, ci-train, role:trainer, team-a\n"
    "g, ci-all, role:trainer, *\n"
    "g, ci-all, role:reviewer, *\n"
    "p, adam, *, **, server:*, allow\n"
)
# What a CI job does, with nothing but MLflow's variables.
TRAINING = """
import os
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

mlflow.set_experiment("nightly")
with mlflow.start_run() as run:
    mlflow.log_metric("auc", 0.8)
    mlflow.log_text("weights", "model/weights.txt")
client = MlflowClient()
client.create_registered_model("credit")
version = client.create_model_version("credit", f"{run.info.artifact_uri}/model", run.info.run_id)
print(version.version)
try:
    client.set_registered_model_alias("credit", "champion", version.version)
except MlflowException as error:
    print(error)
os.environ["MLFLOW_WORKSPACE"] = "team-b"
try:
    MlflowClient().search_experiments()
except MlflowException as error:
    print(error)
"""


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    issuer = Issuer()
    issuer.add_key("one")
    workplace = Workplace(
        tmp_path_factory.mktemp("accounts"),
        settings=(
            "tokens: tokens.json\n"
            "proxy: {header: X-Forwarded-User, peers: [127.0.0.1], "
            "groups_header: X-Forwarded-Groups}\n"
            f"oidc: {{issuer: '{issuer.url}', audience: mlflow, groups_claim: groups}}\n"
        ),
        access=read_texts(None)["access.yaml"] + GROUPS,
        extra_rules=RULES,
    )
    tokens = {
        "ci-train": access(workplace, "token", "create", "ci-train", "--role", "trainer",
                           "--domain", "team-a", "--expires", "30d"),
        "ci-all": access(workplace, "token", "create", "ci-all", "--role", "reviewer"),
    }  # fmt: skip
    options = ["--enable-workspaces", "--uvicorn-opts", "--no-proxy-headers"]
    with running(workplace, *options) as server:
        for name in ("team-a", "team-b"):
            made = server.call("adam", "POST", "/api/3.0/mlflow/workspaces", json={"name": name})
            assert made.ok, made.text
        yield server, workplace, issuer, tokens
    issuer.close()


def access(workplace: Workplace, *command: str) -> str:
    """What a command prints, run in the workplace's folder."""
    said = io.StringIO()
    with chdir(workplace.folder), redirect_stdout(said):
        assert run(["access", *command]) == 0
    return said.getvalue().strip()


def send(server, method: str, path: str, **options) -> requests.Response:
    """A request with just these headers, as no client of ours would send it."""
    return requests.request(method, f"{server.url}{path}", timeout=60, **options)


def decisions_of(workplace: Workplace, *users: str, reason: str = "") -> list[dict[str, Any]]:
    """What is logged of some users, "" of a log-in; reads and refused log-ins within a second."""
    time.sleep(1.2)
    found = [d for d in workplace.decisions() if d.get("user") in users]
    return [d for d in found if not reason or d["reason"] == reason]


def log_options(workplace: Workplace) -> list[str]:
    key = NoteSigner.from_pem((workplace.folder / "log.pem").read_bytes(), name=LOG_NAME)
    return ["--log", "ledger.db", "--key", str(key.verifier)]


def test_a_ci_job_trains_in_its_workspace_with_its_token_alone(accounts):
    server, workplace, _, tokens = accounts
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    env |= {
        "MLFLOW_TRACKING_URI": server.url,
        "MLFLOW_TRACKING_TOKEN": tokens["ci-train"],
        "MLFLOW_WORKSPACE": "team-a",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", TRAINING],
        env=env,
        cwd=workplace.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    version, *refusals = [
        line for line in done.stdout.splitlines() if line.isdigit() or "may not" in line
    ]
    assert version == "1"
    assert "ci-train may not model:promote" in refusals[0]
    assert "no rule allows it" in refusals[1]
    logged = decisions_of(workplace, "ci-train")
    assert {d["authenticated"] for d in logged} == {"token"}
    assert {tuple(d["only"]) for d in logged} == {("role:trainer", "team-a")}
    # auditkit reads the same variables, and asks for what the job made.
    command = [sys.executable, "-m", "auditkit", "registry", "request", "credit", "1"]
    asked = subprocess.run(
        [*command, "--alias", "champion"], env=env, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    rows = json.loads(access(workplace, "token", "list", "--json", *log_options(workplace)))
    (row,) = [row for row in rows if row["account"] == "ci-train"]
    assert {d["token"] for d in logged} == {row["id"]}
    assert row["last_used"] > row["created"]


def test_a_token_is_shown_in_either_header_and_its_account_alone(accounts):
    server, _, _, tokens = accounts
    path, token = f"{API}/registered-models/search", tokens["ci-all"]
    for auth, headers, status in [
        (None, {"Authorization": f"Bearer {token}"}, 200),
        (("ci-all", token), {}, 200),
        (("", token), {}, 200),
        (("ann", token), {}, 401),
        (None, {"Authorization": f"Bearer {token[:-1]}"}, 401),
        # Whoever shows a token is held to it, whatever the proxy says.
        (None, {"Authorization": f"Bearer {token[:-1]}", "X-Forwarded-User": "ann"}, 401),
    ]:
        found = send(server, "GET", path, auth=auth, headers=headers)
        assert found.status_code == status, (auth, headers, found.text)


def test_the_registrys_client_takes_a_token_and_approves_nothing_with_it(accounts):
    server, _, _, tokens = accounts
    client = RegistryClient(server.url, token=tokens["ci-all"])
    assert client.history()["moves"] == []
    # ann's version, with abe's request, which the account may approve by its password.
    source = server.mlflow("ann")
    run = source.create_run("0")
    source.log_text(run.info.run_id, "w", "model/w.txt")
    source.create_registered_model("loans")
    source.create_model_version("loans", f"{run.info.artifact_uri}/model", run.info.run_id)
    asked = server.client("abe").request("loans", "1", alias="champion")["request"]
    for act in (
        lambda: client.approve(asked),
        lambda: client.reject(asked, reason="no"),
        lambda: client.break_glass("loans", alias="champion", reason="r", ticket="T"),
    ):
        with pytest.raises(AccessDeniedError, match="it takes a person"):
            act()
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_TRACKING")}
    env |= {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_TRACKING_TOKEN": tokens["ci-all"]}
    done = subprocess.run(
        [sys.executable, "-m", "auditkit", "registry", "history", "loans"],
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, asked in done.stdout) == (0, True), done.stderr
    assert server.client("rita").approve(asked)["approvals"] == ["rita"]


def test_a_group_gives_a_role_by_header_and_by_claim(accounts):
    server, workplace, issuer, _ = accounts

    def by_header(groups: str, **headers: str):
        sent = {"X-Forwarded-User": "eve", "X-Forwarded-Groups": groups, **headers}
        return send(server, "GET", CHAMPION, headers=sent)

    def by_claim(groups: object):
        token = issuer.token("one", sub="zoe", groups=groups)
        return send(server, "GET", CHAMPION, headers={"Authorization": f"Bearer {token}"})

    for found in (by_header("staff, ml-release"), by_claim(["staff", "ml-release"])):
        assert found.ok, found.text
        assert found.json()["allowed"] is True
        assert "role:release-manager" in found.json()["reason"]
    for found in (by_header("staff"), by_header(""), by_claim(["staff"]), by_claim(None)):
        assert found.status_code == 403, found.text
    assert by_claim([7]).status_code == 401
    # The group's role holds in its workspace alone.
    for where, status in (("team-a", 200), ("team-b", 403)):
        found = by_header("ml-team-a", **{"X-MLFLOW-WORKSPACE": where})
        assert found.status_code == status, found.text
    # A client's header beside the proxy's is no group, however it is written.
    repeated = {"X-Forwarded-User": "eve", "X-Forwarded-Groups": "staff"}
    for name in ("X_Forwarded_Groups", "X-Forwarded_Groups"):
        found = send(server, "GET", CHAMPION, headers={**repeated, name: "ml-release"})
        assert found.status_code == 403, name
    named = [d for d in decisions_of(workplace, "eve", "zoe") if d["allowed"]]
    assert {tuple(d["groups"]) for d in named} == {("ml-release",), ("ml-team-a",)}
    shown = access(workplace, "review", "--tokens", "tokens.json", *log_options(workplace))
    assert "group:ml-release > role:release-manager" in shown
    assert "Tokens of service accounts" in shown


def test_wrong_passwords_keep_nobody_else_out(accounts):
    server, workplace, _, _ = accounts
    path, here = f"{API}/registered-models/search", {"X-Forwarded-For": "198.51.100.7"}

    def log_in(user: str, password: str, headers: dict[str, str] = here):
        return send(server, "GET", path, auth=(user, password), headers=headers)

    answers = [log_in(f"invented{n}", "a wrong password").status_code for n in range(32)]
    assert answers == [401] * 32
    assert log_in("vic", PASSWORD).status_code == 200  # for the first time, at that address
    # Who is wrong there again has to wait, and longer each time; elsewhere, not yet.
    log_in("invented1", "a wrong password")
    found = log_in("invented1", "a wrong password")
    assert (found.status_code, found.headers["Retry-After"]) in ((429, "1"), (429, "2"))
    assert log_in("invented1", "wrong", {"X-Forwarded-For": "198.51.100.8"}).status_code == 401
    assert decisions_of(workplace, "", reason="too many wrong passwords")


def test_a_revoked_token_is_refused_at_once_and_the_log_says_why(accounts):
    server, workplace, _, _ = accounts
    token = access(workplace, "token", "create", "ci-all", "--role", "trainer")
    rows = json.loads(access(workplace, "token", "list", "--json"))
    number = rows[-1]["id"]
    client = RegistryClient(server.url, token=token)  # of a server that was running before it
    assert client.history()["requests"] is not None
    access(workplace, "token", "revoke", number)
    with pytest.raises(AccessDeniedError, match=f"The token {number} was revoked"):
        client.history()
    assert decisions_of(workplace, "", reason=f"The token {number} was revoked")
