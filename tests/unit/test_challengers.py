"""What a retraining made: judged by every policy, requested by a machine, promoted by a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import auditkit as ak
from auditkit.errors import InputError, LedgerError
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.fold import fold
from tests.support.small_monitor import REFERENCE, World, rows

RULE = (
    "id: {id}\nversion: '1'\ntitle: A rule\nas_of: 2026-11-30\nrules:\n"
    "  - {{id: R-1, title: rule, check: {check}, measure: {measure}, at_least: {bound},"
    " severity: high, citation: test, why: test}}\n"
)
MORE = """\
retraining:
  checks: [drift.features]
  command: ["true"]
  challenger: {audit: challenger.yaml, policies: [own.yaml, margins.yaml], alias: champion}
fallback: {order: ["2", person], checks: [drift.features]}
"""


class Registry:
    """A registry that keeps what was requested of it, and an alias that a test moves."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.champion = ("3", "sha256:" + "0" * 64)
        self.down = False

    def request(self, model: str, version: str, *, alias: str) -> dict[str, Any]:
        if self.down:
            raise LedgerError("The registry cannot be reached.", remedy="start it")
        self.requests.append((model, version, alias))
        return {"request": f"P{len(self.requests)}"}

    def approved_digest(self, model: str, *, alias: str) -> tuple[str, str]:
        del model, alias
        return self.champion


class Watched(World):
    """A monitor whose retraining was done, after an alert and its fallback."""

    def __init__(self, folder: Path) -> None:
        self.registry = Registry()
        folder.mkdir(exist_ok=True)
        own = {"id": "own", "check": "performance.ranking", "measure": "auc", "bound": 0.6}
        margins = {
            "id": "margins", "check": "comparison.performance", "measure": "auc_change",
            "bound": -0.05,
        }  # fmt: skip
        (folder / "own.yaml").write_text(RULE.format(**own))
        (folder / "margins.yaml").write_text(RULE.format(**margins))
        super().__init__(folder, more=MORE)

    def opened(self) -> ak.Monitor:
        return ak.Monitor.open(
            self.folder / "monitor.yaml", keys=self.keys, clock=lambda: self.now,
            registry=self.registry,
        )  # fmt: skip


def fitted(*, backwards: bool = False, seed: int = 0) -> Any:
    frame = rows(1000, seed)
    labels = 1 - frame["bad"] if backwards else frame["bad"]
    return LogisticRegression().fit(frame[["income"]], labels)


HELD = rows(1000, 99)
CHAMPION = fitted()


def audits(challenger: Any, folder: Path, *, policies: tuple[str, ...] = ("own", "margins")) -> Any:
    inputs = {"data": HELD[["income"]], "labels": HELD["bad"], "version": "4", "log": None}
    return [
        ak.compare(CHAMPION, challenger, policy=folder / f"{name}.yaml", **inputs)
        for name in policies
    ]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    assert made.day(2)[-1] == facts.FINISHED
    yield made
    made.monitor.close()


def test_one_that_passes_is_requested_and_serves_when_a_person_says_so(world: Watched) -> None:
    monitor = world.monitor
    (request,) = monitor.challengers
    with pytest.raises(InputError, match="was not judged"):
        monitor.challengers.promoted(request, by="mia")
    with pytest.raises(InputError, match="no request"):
        monitor.challengers.judge("R-0", audits(fitted(seed=5), world.folder))
    found = audits(fitted(seed=5), world.folder)
    written = monitor.challengers.judge(request, found)
    assert [s.kind for s in written] == ["challenger.judged", "challenger.requested"]
    payload: Any = written[0].payload
    assert payload["outcome"] == "pass"
    assert payload["challenger"] == str(found[0].subject.digest)
    assert [a["statement"] for a in payload["audits"]] == [str(a.digest) for a in found]
    assert list(monitor.challengers) == []
    assert monitor.challengers.judge(request, found) == ()
    assert world.registry.requests == [("credit", "4", "champion")]

    with pytest.raises(InputError, match="No machine"):
        monitor.challengers.promoted(request, by="monitor")
    with pytest.raises(InputError, match="other files"):
        monitor.challengers.promoted(request, by="mia")
    assert monitor.serving.version == "2"
    world.registry.champion = ("4", str(found[0].subject.digest))
    monitor.challengers.promoted(request, by="mia")
    challenger = monitor.state.requests[0].challenger
    assert challenger is not None
    assert challenger.promoted_by == "mia"
    assert world.registry.requests == [("credit", "4", "champion")]


def test_one_that_is_worse_is_neither_requested_nor_promoted(world: Watched) -> None:
    monitor = world.monitor
    (request,) = monitor.challengers
    written = monitor.challengers.judge(request, audits(fitted(backwards=True), world.folder))
    assert [(s.kind, s.payload["outcome"]) for s in written] == [("challenger.judged", "fail")]
    assert world.registry.requests == []
    with pytest.raises(InputError, match="did not pass"):
        monitor.challengers.promoted(request, by="mia")


def test_who_trains_chooses_neither_policy_nor_model_in_use(world: Watched) -> None:
    monitor, folder = world.monitor, world.folder
    (request,) = monitor.challengers
    with pytest.raises(InputError, match="policy margins"):
        monitor.challengers.judge(request, audits(fitted(), folder, policies=("own",)))
    text = (folder / "margins.yaml").read_text()
    (folder / "lax.yaml").write_text(text.replace("-0.05", "-0.9"))
    with pytest.raises(InputError, match="policy margins"):
        monitor.challengers.judge(request, audits(fitted(), folder, policies=("own", "lax")))
    one, other = audits(fitted(), folder), audits(fitted(seed=5), folder)
    with pytest.raises(InputError, match="one challenger"):
        monitor.challengers.judge(request, [one[0], other[1]])
    alone = ak.run(
        ak.Inputs(model=fitted(), data=HELD[["income"]], labels=HELD["bad"]),
        policy=folder / "own.yaml", log=None,
    )  # fmt: skip
    with pytest.raises(InputError, match="one challenger"):
        monitor.challengers.judge(request, [alone, one[1]])
    settings = (folder / "monitor.yaml").read_text()
    (folder / "monitor.yaml").write_text(settings.replace("own.yaml, margins.yaml", "own.yaml"))
    with world.opened() as lax, pytest.raises(InputError, match="compares"):
        lax.challengers.judge(request, one)
    assert monitor.state.requests[0].challenger is None


def test_a_registry_that_is_down_is_asked_again(world: Watched) -> None:
    (request,) = world.monitor.challengers
    world.registry.down = True
    with pytest.raises(LedgerError):
        world.monitor.challengers.judge(request, audits(fitted(seed=5), world.folder))
    world.registry.down = False
    with world.opened() as later:
        assert "challenger.requested" in [s.kind for s in later.step()]
        assert later.step() == ()
    assert world.registry.requests == [("credit", "4", "champion")]


def test_a_promoted_model_serves_on_trial_and_its_recovery_is_an_entry(world: Watched) -> None:
    monitor, folder = world.monitor, world.folder
    (request,) = monitor.challengers
    found = audits(fitted(seed=5), folder)
    monitor.challengers.judge(request, found)
    digest = str(found[0].subject.digest)
    moved = rows(8000, 7, 2.0)
    base = ak.Profile.fit(
        moved[["income"]], scores=moved["score"], labels=moved["bad"], digest=digest
    )
    settings = folder / "monitor.yaml"
    text = settings.read_text().replace('version: "3"', f'version: "4", digest: "{digest}"')
    settings.write_text(text)
    with world.opened() as unapproved, pytest.raises(InputError, match="Nobody has promoted"):
        unapproved.baseline(base)
    world.registry.champion = ("4", digest)
    monitor.challengers.promoted(request, by="mia")
    world.monitor = world.opened()
    world.monitor.baseline(base)
    world.monitor.step()
    serving = world.monitor.serving
    alert = world.monitor.alerts[0]
    assert (serving.version, serving.on_trial) == ("4", True)
    assert serving.reason == f"trial after alert {alert.id}"
    days = [world.day(2) for _ in range(3)]
    assert [k for day in days for k in day] == ["alert.cleared", "fallback.left"]
    left = [e.payload for e in world.monitor.log.entries() if e.kind == "fallback.left"]
    assert left[0]["entered_at"] == "2026-11-03T12:00:00Z"
    assert world.monitor.state.fallback.position == "closed"


def test_a_promoted_model_that_breaks_is_taken_out_again(world: Watched) -> None:
    (request,) = world.monitor.challengers
    found = audits(fitted(seed=5), world.folder)
    world.monitor.challengers.judge(request, found)
    digest = str(found[0].subject.digest)
    world.registry.champion = ("4", digest)
    world.monitor.challengers.promoted(request, by="mia")
    settings = world.folder / "monitor.yaml"
    settings.write_text(
        settings.read_text().replace('version: "3"', f'version: "4", digest: "{digest}"')
    )
    world.monitor = world.opened()
    world.monitor.baseline(
        ak.Profile.fit(REFERENCE[["income"]], scores=REFERENCE["score"],
                       labels=REFERENCE["bad"], digest=digest)
    )  # fmt: skip
    world.monitor.step()
    assert world.monitor.serving.on_trial
    world.day(2)
    assert world.monitor.serving.served_by == "2"


def test_every_decision_says_what_made_it_and_why(tmp_path: Path) -> None:
    world = World(tmp_path, more="fallback: {order: ['2'], checks: [drift.features]}\n")
    settings = tmp_path / "monitor.yaml"
    settings.write_text(
        settings.read_text().replace("{key: id", "{version: by, reason: why, key: id")
    )
    world.monitor = world.opened()
    naive: Counter[tuple[str, str]] = Counter()
    entered = ""
    for day, shift in enumerate((0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0), start=1):
        serving = world.monitor.serving
        frame = rows(600, day, shift).drop(columns="bad")
        frame["by"], frame["why"] = serving.version, serving.reason
        for wrong in (frame.assign(by=np.nan), frame.assign(by="9", why="")):
            with pytest.raises(InputError, match="rows"):
                world.monitor.observe(wrong)
        world.monitor.observe(frame)
        naive.update(zip(frame["by"], frame["why"], strict=True))
        entered = entered or serving.reason
        world.now += timedelta(days=1)
        world.monitor.step()
    made = world.monitor.period(world.now - timedelta(days=30), world.now)
    counted = {(by, why): n for by, reasons in made.decisions.items() for why, n in reasons.items()}
    assert counted == dict(naive)
    assert counted["2", entered] == 1800
    (left,) = [e.payload for e in world.monitor.log.entries() if e.kind == "fallback.left"]
    assert left["decisions"] == {
        by: sum(n for (b, why), n in naive.items() if b == by and why) for by in ("2", "3")
    }
    entries = list(world.monitor.log.entries())
    assert fold("pricing", entries).to_json() == world.monitor.state.to_json()


def test_without_settings_nothing_is_judged(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert len(world.monitor.challengers) == 0
    with pytest.raises(InputError, match="how a challenger is judged"):
        world.monitor.challengers.judge("R-0", [])
