"""What a killed server left begun is settled once, by what the registry says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from auditkit.access.record.approvals import APPROVED, CLAIMED, DONE, FAILED, REQUESTED
from auditkit.mlflow_guard.guard.expiry import log_expiries
from auditkit.mlflow_guard.guard.promotions import Promotions
from auditkit.mlflow_guard.upstream.refusals import RefusedError

START = datetime(2026, 11, 1, tzinfo=UTC)
MOVE = {"model": "credit", "version": "7", "kind": "alias", "name": "champion", "user": "mia"}


@dataclass(frozen=True)
class Logged:
    index: int
    kind: str
    time: datetime
    payload: dict[str, Any]


@dataclass
class Log:
    """A log in memory that several workers share; its time is the clock's."""

    now: datetime = START
    kept: list[Logged] = field(default_factory=list)

    def entries(self, *, begin: int = 0) -> list[Logged]:
        return self.kept[begin:]

    def write(self, kind: str, payload: dict[str, Any]) -> None:
        self.kept.append(Logged(len(self.kept), kind, self.now, payload))

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.kept]


class Registry:
    """Aliases of the one model."""

    def __init__(self) -> None:
        self.at: dict[str, str] = {}

    def aliases(self, _: str, version: str) -> list[str]:
        return [alias for alias, at in self.at.items() if at == version]


def worker(log: Log, registry: Registry) -> Promotions:
    recorder: Any = SimpleNamespace(entries=lambda begin: log.entries(begin=begin), now=log.write)
    stores: Any = registry
    return Promotions(recorder, stores, clock=lambda: log.now)


def test_a_move_that_happened_is_done_and_is_told_once():
    log, registry = Log(), Registry()
    first, second = worker(log, registry), worker(log, registry)
    claim = first.begin(MOVE)
    registry.at["Champion"] = "7"
    second.settle()
    first.settle()
    assert log.kinds() == [CLAIMED, DONE]
    # The first worker was alive after all, and reports.
    log.write(DONE, {**MOVE, "how": "promoted", "claim": claim})
    assert [(m.target.version, m.user) for m in second.book().moves] == [("7", "mia")]


def test_a_move_that_did_not_happen_has_failed_a_minute_later():
    log, registry = Log(), Registry()
    log.write(REQUESTED, {**MOVE, "id": "r1", "user": "ann", "artifact_digest": "sha256:a"})
    log.write(APPROVED, {"request": "r1", "user": "rita"})
    here = worker(log, registry)
    here.begin({**MOVE, "request": "r1"})
    here.settle()  # it may be on its way in another worker
    assert here.book().requests["r1"].state() == "begun"
    log.now += timedelta(seconds=61)
    here.settle()
    here.settle()
    assert log.kinds()[2:] == [CLAIMED, FAILED]
    assert here.book().requests["r1"].state() == "failed"
    assert here.book().moves == []


@pytest.mark.parametrize(("points", "ended"), [("7", DONE), ("6", FAILED)])
def test_a_killed_move_is_settled_by_the_other_live_server_as_time_passes(points, ended):
    log, registry = Log(), Registry()
    worker(log, registry).begin(MOVE)
    registry.at["champion"] = points
    access: Any = SimpleNamespace(settings=None)
    policy: Any = SimpleNamespace(current=lambda: (access, None))
    other = worker(log, registry)
    gate: Any = SimpleNamespace(
        policy=policy, promotions=other, clock=lambda: log.now, recorder=other.recorder
    )
    log.now += timedelta(seconds=59)
    log_expiries(gate)
    assert log.kinds() == [CLAIMED]  # the first may be about to end it
    log.now += timedelta(seconds=2)
    log_expiries(gate)
    log_expiries(gate)
    assert log.kinds() == [CLAIMED, ended]
    assert not other.book().begun


def test_an_approval_is_claimed_by_one_of_two_workers():
    log, registry = Log(), Registry()
    log.write(REQUESTED, {**MOVE, "id": "r1", "user": "ann"})
    first, second = worker(log, registry), worker(log, registry)
    first.begin({**MOVE, "request": "r1"})
    with pytest.raises(RefusedError, match="used meanwhile"):
        second.begin({**MOVE, "request": "r1", "user": "max"})
    assert first.book().requests["r1"].claimed_by == "mia"
