"""A guarded server that may not start ends soon, says why, and does not try again and again."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from guarded_server import LOG_NAME, Workplace, environment

from auditkit.access.record.approvals import APPROVED
from auditkit.errors import AuditkitError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.serve.build import refuse_early

pytestmark = [pytest.mark.server, pytest.mark.slow]
APP = "auditkit.mlflow_guard:create_app"


def outcome(workplace: Workplace, *command: str, **variables: str) -> tuple[int, str]:
    """The exit code and the words of a server that is to end by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=workplace.folder,
        env={**environment(workplace), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        said, _ = process.communicate(timeout=30)
        raise AssertionError(f"it goes on:\n{said[-3000:]}") from None
    return process.returncode, said


def port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def test_mlflow_gives_up_before_it_starts_a_worker(tmp_path):
    workplace = Workplace(tmp_path)
    (tmp_path / "access" / "policy.csv").unlink()
    code, said = outcome(
        workplace, "mlflow", "server", "--port", port(), "--workers", "2",
        "--backend-store-uri", workplace.store, "--app-name", "auditkit",
    )  # fmt: skip
    assert code == 2
    told = "auditkit refuses to start: There is no access policy's file at"
    assert said.count(told) == 1
    assert "Traceback" not in said
    assert "parent process" not in said
    assert "Booting worker" not in said


def refused(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the same server would say, asked without starting it."""
    monkeypatch.chdir(workplace.folder)
    monkeypatch.setenv("AUDITKIT_SERVER", str(workplace.folder / "server.yaml"))
    with pytest.raises(AuditkitError) as error:
        refuse_early(composed=False)
    return str(error.value)


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("users.json", "The users' file 'users.json' cannot be read"),
        ("log.pem", "The log's key 'log.pem' cannot be read"),
    ],
)
def test_whatever_it_lacks_is_named(tmp_path, monkeypatch, lacking, told):
    workplace = Workplace(tmp_path)
    (tmp_path / lacking).unlink()
    assert refused(workplace, monkeypatch).startswith(told)


def test_a_log_into_which_somebody_wrote_an_approval_is_not_served(tmp_path, monkeypatch):
    workplace = Workplace(tmp_path)
    key = NoteSigner.from_pem((tmp_path / "log.pem").read_bytes(), name=LOG_NAME)
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", key=key) as log:
        log.append(kind=APPROVED, payload={"request": "r1", "user": "rita"})
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        forged = b'{"request":"r2","user":"rita"}'
        database.execute("UPDATE payload SET body = ?", (forged,))
    told = refused(workplace, monkeypatch)
    assert told.startswith("The payload of entry 0 is not what was logged")


# What only a worker can see: the same settings, with nobody to look at them beforehand.
@pytest.mark.parametrize(
    "server",
    [["uvicorn", "--factory", APP, "--port"], ["gunicorn", f"{APP}()", "--bind"]],
    ids=lambda command: command[0],
)
def test_the_first_worker_that_refuses_stops_its_supervisor(tmp_path, server):
    workplace = Workplace(tmp_path)
    (tmp_path / "server.yaml").write_text("access: [1\n")
    at = port() if server[0] == "uvicorn" else f"127.0.0.1:{port()}"
    workers = "2" if server[0] == "uvicorn" else "1"  # uvicorn starts one without a supervisor
    code, said = outcome(workplace, *server, at, "--workers", workers, _MLFLOW_SGI_NAME=server[0])
    # uvicorn's supervisor says 0 whatever became of its workers.
    assert code == (3 if server[0] == "gunicorn" else 0)
    assert "auditkit refuses to start: server.yaml is not valid YAML" in said
    assert "Traceback" not in said
