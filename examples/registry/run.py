"""The whole promotion story against a guarded MLflow server on this machine, in one command.

    python examples/registry/run.py

It makes a policy, users, a log and a server in a temporary folder, and prints who asked for what,
and what the server said. A trainer logs a model with MLflow's own client; a pipeline audits it;
`champion` moves only to the bytes that passed, lately. It needs two extras:
pip install 'auditkit-ml[mlflow,xgboost]'
"""

from __future__ import annotations

import io
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import requests
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from auditkit.access import AccessControl
from auditkit.access.kept.folder import seal_policy, start_policy
from auditkit.access.login.passwords import hash_password, write_users
from auditkit.access.record.review import review
from auditkit.canonical import Digest
from auditkit.cli.shared.console import quiet_mlflow, step
from auditkit.errors import AuditkitError, InputError
from auditkit.ledger import Ledger
from auditkit.registry import ModelRegistry
from auditkit.registry.client import RegistryClient
from auditkit.registry.models import import_mlflow
from auditkit.signing import KeyStore

PASSWORD = secrets.token_urlsafe(16)
ROLES = {
    "ann": "trainer",
    "ci": "gate",
    "rita": "reviewer",
    "mia": "release-manager",
    "audrey": "auditor",
    "adam": "admin",
    "paula": "policy-approver",
}
LOG_NAME = "auditkit.local/log"
DATA = Path(__file__).resolve().parents[1] / "lending" / "data" / "hmda_boston_1990.csv"
FEATURES = ["pirat", "hirat", "lvrat", "chist", "mhist"]
# What the alias champion asks for, beside an approval.
EVIDENCE = (
    "    valid_hours: 72\n",
    "    valid_hours: 72\n    evidence: {policy: credit, max_age_days: 30}\n",
)
POLICY = """\
id: credit
version: "1"
title: What must hold before a credit model is deployed
as_of: 2026-11-30
rules:
  - id: PE-1
    title: The model ranks acceptably
    check: performance.ranking
    measure: auc
    at_least: 0.6
    severity: high
    citation: house rule
    why: A model that ranks no better decides nothing.
  - id: FA-1
    title: Selection rates by group
    check: fairness.selection_rates
    measure: impact_ratio
    at_least: 0.7
    min_n: 30
    severity: high
    citation: house rule
    why: A large difference calls for a look.
"""
AUDIT = """\
model: models:/credit/1
data: test.csv
label: approved
groups: [afam]
policy: ./credit.yaml
"""


def prepare(folder: Path) -> None:
    """Everything that a guarded server needs."""
    settings = start_policy(folder / "access") / "access.yaml"
    settings.write_text(settings.read_text().replace(*EVIDENCE))
    policy = folder / "access" / "policy.csv"
    grants = "".join(f"g, {user}, role:{role}, *\n" for user, role in ROLES.items())
    policy.write_text(policy.read_text() + grants)
    seal_policy(folder / "access", author="adam", approver="paula", now=datetime.now(UTC))
    write_users(folder / "users.json", dict.fromkeys(ROLES, hash_password(PASSWORD)))
    make_keys(folder / "keys")
    (folder / "server.yaml").write_text(
        "access: access\nlog: {url: 'sqlite:///ledger.db', key: keys}\nbasic: {users: users.json}\n"
    )


def prepare_gate(folder: Path) -> pd.DataFrame:
    """What the pipeline keeps beside the training code: rows, the policy, and an audit file.

    Returns:
        The rows to train on.
    """
    table = pd.read_csv(DATA)
    table["approved"] = (table["deny"] == "no").astype(int)
    folder.mkdir()
    table[1400:][[*FEATURES, "approved", "afam"]].to_csv(folder / "test.csv", index=False)
    (folder / "credit.yaml").write_text(POLICY)
    (folder / "audit.yaml").write_text(AUDIT)
    return table[:1400]


def make_keys(folder: Path) -> None:
    """A key store with a key for the log, as `auditkit keys init` makes it."""
    command = [sys.executable, "-m", "auditkit", "keys", "init", "--keys", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The server, once it answers."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "auditkit"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    # On a busy machine a worker that is still starting would be taken for hung and ended.
    command += ["--uvicorn-opts", "--timeout-worker-healthcheck 120"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        "AUDITKIT_SERVER": str(folder / "server.yaml"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=2):
            return process, url
        if process.poll() is not None:
            break
        time.sleep(0.3)
    raise SystemExit("The server did not start:\n" + (folder / "server.log").read_text()[-2000:])


class Story:
    """Runs steps as one user or another, and keeps what came of them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: list[tuple[str, str, str, str]] = []

    def client(self, user: str) -> RegistryClient:
        """A client of the guarded server, as a user."""
        return RegistryClient(self.url, user=user, password=PASSWORD)

    def mlflow(self, user: str) -> Any:
        """MLflow's own client, as a user."""
        os.environ.update(MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=PASSWORD)
        return import_mlflow().MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def step(self, user: str, what: str, act: Callable[[], Any]) -> Any:
        """One row of the table."""
        try:
            result = act()
        except Exception as error:  # noqa: BLE001 - MLflow's client, whatever it raises
            self.rows.append((user, what, "refused", reason_of(error)))
            return None
        self.rows.append((user, what, "done", ""))
        return result


def reason_of(error: Exception) -> str:
    """What the server said."""
    if isinstance(error, AuditkitError):
        said = error.message
    elif isinstance(error, requests.HTTPError) and error.response is not None:
        said = error.response.json()["message"]
    else:
        said = str(error)
    return said.removeprefix("Denied: ").removeprefix("PERMISSION_DENIED: ").splitlines()[0]


def log_model(story: Story, rows: pd.DataFrame, trees: int) -> None:
    """What a trainer does: MLflow's own `log_model`, which registers a new version."""
    story.mlflow("ann")
    import mlflow.xgboost
    from xgboost import XGBClassifier

    mlflow.set_tracking_uri(story.url)
    model = XGBClassifier(n_estimators=trees, max_depth=3, random_state=0)
    model.fit(rows[FEATURES], rows["approved"])
    with redirect_stderr(io.StringIO()), mlflow.start_run():
        mlflow.xgboost.log_model(
            model, name="model", registered_model_name="credit", pip_requirements=["xgboost"]
        )


def pipeline(story: Story, folder: Path, *arguments: str) -> None:
    """One command of the pipeline, which asks the registry under its own name.

    Raises:
        InputError: With what the command said, if it failed.
    """
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": story.url,
        "MLFLOW_TRACKING_USERNAME": "ci",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "AUDITKIT_KEYS": str(folder.parent / "ci-keys"),
    }
    command = [sys.executable, "-m", "auditkit", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        raise InputError(said[0].removeprefix("Error: ") if said else done.stderr)


def tell(folder: Path, url: str) -> Story:
    """The story."""
    story = Story(url)
    gate = folder / "gate"
    rows = prepare_gate(gate)
    run = ("run", "audit.yaml", "--record", "--output")
    long_ago = (datetime.now(UTC) - timedelta(days=60)).date().isoformat()

    story.step("ann", "logs credit 1 with log_model", lambda: log_model(story, rows, 30))
    if story.rows[-1][2] != "done":  # the rest of the story is about this version
        raise SystemExit(f"The server refused the first step: {story.rows[-1][3]}")
    story.step(
        "ann",
        "sets champion with MLflow's client",
        lambda: story.mlflow("ann").set_registered_model_alias("credit", "champion", "1"),
    )
    ann, rita, mia = (story.client(user) for user in ("ann", "rita", "mia"))
    asked = story.step("ann", "asks for it", lambda: ann.request("credit", "1", alias="champion"))
    story.step("ann", "approves her own request", lambda: ann.approve(asked["request"]))
    story.step("rita", "approves it", lambda: rita.approve(asked["request"]))

    def promote() -> None:
        mia.promote("credit", "1", alias="champion")

    story.step("mia", "promotes credit 1, no gate passed", promote)
    story.step(
        "ci",
        "records an audit of two months ago",
        lambda: pipeline(story, gate, *run, "old", "--today", long_ago),
    )
    story.step("mia", "promotes credit 1, the gate too old", promote)
    story.step("ann", "logs credit 2, other bytes", lambda: log_model(story, rows, 31))
    story.step(
        "ci",
        "records that audit on credit 2",
        lambda: pipeline(
            story, gate, *("registry", "record", "old", "--model", "credit", "--version", "2")
        ),
    )
    story.step("ci", "audits credit 1 and records it", lambda: pipeline(story, gate, *run, "new"))
    logged = story.mlflow("ann").get_model_version("credit", "1").source.rpartition("/")[2]
    story.step(
        "ann",
        "writes over the approved files",
        lambda: story.mlflow("ann").log_model_artifact(logged, str(gate / "test.csv")),
    )
    story.step("mia", "promotes credit 1, gate passed", promote)
    story.step("mia", "promotes it again", promote)

    def load() -> None:
        version, digest = story.client("audrey").approved_digest("credit", alias="champion")
        story.mlflow("rita")
        (folder / "loaded").mkdir()
        ModelRegistry(url).load("credit", version, folder / "loaded", expected=Digest.parse(digest))

    story.step("rita", "loads credit@champion, checked", load)
    return story


def main() -> None:
    """Prepares, starts, tells, reviews, stops."""
    quiet_mlflow()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step("Make a policy, seven users, and the log's key"):
            prepare(folder)
        with step("Start the guarded server") as result:
            process, url = start(folder)
            result.append(url)
        try:
            with step("Ask it for what may and what may not be"):
                story = tell(folder, url)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
        with step("Verify the log and read it") as result:
            signer = KeyStore(folder / "keys").log_signer(LOG_NAME)
            with Ledger.open(f"sqlite:///{folder}/ledger.db", key=signer.verifier) as log:
                log.verify()
                access = AccessControl.load(folder / "access")
                found = review(access, log.entries(), now=datetime.now(UTC))
            denied = len(found.table("denied").rows)
            result.append(f"it is whole: {found.decisions} decisions, {denied} of them denials")
        table = Table("Who", "Does what", "", "What the server said", box=SIMPLE_HEAD)
        for row in story.rows:
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    main()
