"""A real `mlflow server` on loopback with auditkit in front, for the end-to-end tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditkit.access.kept.folder import seal_policy
from auditkit.access.login.passwords import hash_password, write_users
from auditkit.access.policy.control import read_texts
from auditkit.ledger import Ledger, NoteSigner
from auditkit.registry.client import RegistryClient

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
USERS = {
    "ann": "trainer",
    "abe": "trainer",
    "rita": "reviewer",
    "rob": "reviewer",
    "mia": "release-manager",
    "max": "release-manager",
    "audrey": "auditor",
    "vic": "viewer",
    "adam": "admin",
    "paula": "policy-approver",
    "dora": "data-steward",
    "gus": "gate",
}
LOG_NAME = "auditkit.local/log"


class Workplace:
    """A folder with everything that a server needs.

    Args:
        folder: An empty folder.
        settings: Lines to add to the server's settings.
        access: Replaces the policy's settings file.
        extra_rules: Lines to add to the policy.
        store: The backend store's URI; a SQLite file unless given.
        policy: Where the server finds its policy; the folder unless given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: str = "",
        access: str | None = None,
        extra_rules: str = "",
        store: str | None = None,
        policy: str = "access",
    ) -> None:
        self.folder = folder
        self.tokens: dict[str, str] = {}
        self.store = store or f"sqlite:///{folder}/mlflow.db"
        (folder / "access").mkdir()
        texts = read_texts(None)
        texts["policy.csv"] += "".join(f"g, {u}, role:{r}, *\n" for u, r in USERS.items())
        texts["policy.csv"] += extra_rules
        if access is not None:
            texts["access.yaml"] = access
        for name, text in texts.items():
            (folder / "access" / name).write_text(text)
        self.seal()
        kept = hash_password(PASSWORD)
        write_users(
            folder / "users.json", dict.fromkeys([*USERS, "nobody", "dex", "rio", "roy"], kept)
        )
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "log.pem").write_bytes(pem)
        (folder / "server.yaml").write_text(
            f"access: {policy}\nlog: {{url: 'sqlite:///ledger.db', key: log.pem}}\n"
            "basic: {users: users.json}\n" + settings
        )
        _write_entry_points(folder / "site")

    def seal(self) -> None:
        seal_policy(self.folder / "access", author="adam", approver="paula", now=datetime.now(UTC))

    def edit_policy(self, old: str, new: str) -> None:
        path = self.folder / "access" / "policy.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def entries(self) -> list[Any]:
        pem = (self.folder / "log.pem").read_bytes()
        key = NoteSigner.from_pem(pem, name=LOG_NAME)
        with Ledger.open(f"sqlite:///{self.folder}/ledger.db", key=key.verifier) as log:
            return list(log.entries())

    def decisions(self) -> list[dict[str, Any]]:
        found = []
        for entry in self.entries():
            if entry.kind == "access.decision":
                found.append(entry.payload)
            elif entry.kind == "access.reads":
                found += entry.payload["decisions"]
        return found


class Server:
    """A running server."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def client(self, user: str) -> RegistryClient:
        return RegistryClient(self.url, user=user, password=PASSWORD)

    def call(self, user: str | None, method: str, path: str, **options: Any) -> requests.Response:
        auth = (user, PASSWORD) if user else None
        return requests.request(
            method, f"{self.url}{path}", auth=auth, timeout=60, allow_redirects=False, **options
        )

    def mlflow(self, user: str) -> Any:
        """MLflow's own client, which takes its user from the environment at each call."""
        os.environ.update(MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=PASSWORD)
        import mlflow

        return mlflow.MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)


def environment(workplace: Workplace) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{workplace.folder / 'site'}{os.pathsep}{ROOT}",
        "AUDITKIT_SERVER": str(workplace.folder / "server.yaml"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONWARNINGS": "ignore",
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def running(
    workplace: Workplace,
    *options: str,
    app: str = "auditkit",
    workers: int = 1,
    prefix: str = "",
    env: dict[str, str] | None = None,
    port: int = 0,
):
    """Starts a server, waits until it answers, and stops it."""
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers)]
    command += ["--backend-store-uri", workplace.store]
    command += ["--artifacts-destination", str(workplace.folder / "artifacts"), *options]
    if app:
        command += ["--app-name", app]
    if workers > 1 and not any(option.endswith("corn-opts") for option in options):
        # On a busy machine a worker that is still starting would be taken for hung and ended.
        command += ["--uvicorn-opts", "--timeout-worker-healthcheck 120"]
    log = (workplace.folder / "server.log").open("ab")
    process = subprocess.Popen(
        command,
        cwd=workplace.folder,
        env={**environment(workplace), **(env or {})},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    server = Server(f"http://127.0.0.1:{port}{prefix}", process)
    try:
        _wait(server, workplace)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=5)  # gunicorn waits for its threads
            except subprocess.TimeoutExpired:
                server.kill()
        log.close()


def _wait(server: Server, workplace: Workplace) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.3)
    tail = (workplace.folder / "server.log").read_text()[-3000:]
    raise AssertionError(f"the server did not start:\n{tail}")


def _write_entry_points(site: Path) -> None:
    """The entry points as pyproject.toml has them, for a tree that is not installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = site / "auditkit_under_test-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: auditkit-under-test\nVersion: 0\n")
    groups = project["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
