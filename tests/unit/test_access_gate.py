"""Of a write and an approval of the same files, in whatever workers, the later is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access import AccessControl
from auditkit.access.login.authentication import Caller
from auditkit.access.policy.rules import AccessRule, AccessRules, Grant
from auditkit.access.record.approvals import APPROVED, DECISION, POLICY, REQUESTED
from auditkit.access.record.log import Recorder
from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.refusals import RefusedError

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FILES = "1/run/artifacts/model"
MOVE = {"model": "credit", "version": "7", "kind": "alias", "name": "champion", "source": FILES}
ACCESS = AccessControl(
    AccessRules(
        (AccessRule("role:trainer", "*", "artifacts/**", "artifact:write", "allow", 1),),
        (Grant("tom", "role:trainer", "*"),),
    )
)


class Workers:
    """Two workers of one server, each with its own connection to the one log."""

    def __init__(self, folder: Path) -> None:
        url, key = f"sqlite:///{folder / 'log.db'}", NoteSigner.generate("test.local/log")
        self.log = Ledger.open(url, key=key)
        self.log.append(kind=POLICY, payload={"policy_digest": str(ACCESS.policy_digest)})
        policy: Any = SimpleNamespace(current=lambda: (ACCESS, None))
        stores: Any = SimpleNamespace(protected_sources=lambda _: set())
        self.recorders = [Recorder(lambda: Ledger.open(url, key=key)) for _ in range(2)]
        self.gates = [Gate(policy, r, stores, clock=lambda: NOW) for r in self.recorders]
        for gate in self.gates:
            gate.promotions.book()

    def write(self, worker: int, path: str = f"{FILES}/w.bin") -> None:
        need = RequiredPermission("artifact:write", f"artifacts/{path}")
        plan = RequestPlan(needs=(need,), mutates=True, writes=(path,))
        self.gates[worker].admit(
            Caller("tom", "basic"), plan, endpoint="upload", domain="default", method="PUT"
        )

    def approve(self, worker: int) -> bool:
        """Whether the approval counts, as the server tells: by the log up to its entry."""
        recorder, promotions = self.recorders[worker], self.gates[worker].promotions
        recorder.now(REQUESTED, {**MOVE, "id": "r1", "user": "ann"})
        recorder.now(APPROVED, {"request": "r1", "user": "rita"})
        return bool(promotions.book().requests["r1"].approvals)

    def decisions(self) -> list[dict[str, Any]]:
        return [e.payload for e in self.log.entries(kind=DECISION) if e.payload is not None]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    for recorder in made.recorders:
        recorder.close()
        recorder.log.close()
    made.log.close()


def test_a_write_after_an_approval_here_is_denied_as_such(workers: Workers):
    assert workers.approve(0)
    with pytest.raises(RefusedError, match="approved or promoted"):
        workers.write(0)
    assert [d["allowed"] for d in workers.decisions()] == [False]


def test_a_write_after_an_approval_in_another_worker_is_taken_back_before_it_begins(
    workers: Workers,
):
    assert workers.approve(1)
    with pytest.raises(RefusedError, match="approved or promoted"):
        workers.write(0)
    let, taken_back = workers.decisions()
    assert let["allowed"]
    assert not taken_back["allowed"]
    assert "approved or promoted" in taken_back["reason"]
    assert let["request"] == taken_back["request"]
    # Nobody waits for it to end.
    for gate in workers.gates:
        assert gate.promotions.book().writing(FILES, NOW) is None
    workers.write(0, "1/other/artifacts/model/w.bin")


@pytest.mark.parametrize("where", [0, 1])
def test_an_approval_after_a_write_that_has_not_ended_does_not_count(workers: Workers, where: int):
    workers.write(0)
    assert not workers.approve(where)


def test_a_plan_that_writes_mutates():
    with pytest.raises(ValueError, match="mutates"):
        RequestPlan(needs=(RequiredPermission("artifact:write", "artifacts/x"),), writes=("x",))
