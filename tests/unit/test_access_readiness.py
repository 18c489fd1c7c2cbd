"""`/readyz` tells whether requests can be served, and why not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import flask
import pytest

from auditkit.errors import InputError, LedgerError
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.serve.readiness import add_readiness


@pytest.fixture
def server(tmp_path):
    """A gate with parts that can be broken, behind an application that asks for a user."""
    (tmp_path / "approved").mkdir()
    parts: Any = SimpleNamespace(folder=tmp_path / "approved", policy=None, log=None, ready=True)

    def current(**_: Any) -> Any:
        if parts.policy:
            raise parts.policy
        return SimpleNamespace(policy_digest="sha256:p"), None

    gate: Any = Gate.__new__(Gate)
    gate.policy = SimpleNamespace(current=current)
    gate.recorder = parts
    gate.promotions = SimpleNamespace(policy="sha256:p")
    flask_app = flask.Flask("ready")
    flask_app.before_request(lambda: ("who are you", 401))
    add_readiness(flask_app, gate, approved=parts.folder)
    parts.get = flask_app.test_client().get
    return parts


def test_it_is_ready_and_asks_for_no_user(server):
    answer = server.get("/readyz")
    assert (answer.status_code, answer.text) == (200, "OK\n")
    assert server.get("/other").status_code == 401
    # Only this address is answered before a user is asked for.
    assert server.get("/readyz/x").status_code == 401


def _forget_policy(parts: Any) -> None:
    parts.policy = InputError("gone")


def _lose_log(parts: Any) -> None:
    parts.ready = False


def _lose_log_and_policy(parts: Any) -> None:
    parts.policy = LedgerError("gone")


def _break(parts: Any) -> None:
    parts.policy = ZeroDivisionError("secret")


def _remove_folder(parts: Any) -> None:
    parts.folder.rmdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_forget_policy, "policy cannot be read"),
        (_lose_log, "log"),
        (_lose_log_and_policy, "log"),
        (_break, "ZeroDivisionError"),
        (_remove_folder, "approved files is missing"),
    ],
)
def test_it_says_why_nothing_can_be_served(server, spoil, reason):
    spoil(server)
    answer = server.get("/readyz")
    assert answer.status_code == 503
    assert reason in answer.text
    assert "secret" not in answer.text


def test_it_is_not_ready_while_the_folder_cannot_be_written(server, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written" in server.get("/readyz").text
