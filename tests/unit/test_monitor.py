"""The monitor: its state is a fold over the log, whatever dies in between; one alert a check."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import auditkit as ak
from auditkit.errors import AccessDeniedError, InputError, NothingToAuditError, PolicyError
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.fold import fold
from auditkit.watching.monitor.record.settings import MonitorSettings
from tests.support.small_monitor import BASE, POLICY, REFERENCE, SETTINGS, START, World, rows


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.monitor.close()


def test_an_alert_opens_once_and_is_over_after_two_quiet_windows(world: World) -> None:
    days = [world.day(shift) for shift in (0, 2, 2, 0, 0, 0)]
    assert days == [[], ["alert.opened"], [], [], ["alert.cleared"], []]
    (alert,) = world.monitor.alerts
    assert (alert.check, alert.breaches, alert.status) == ("drift.features", 2, "cleared")
    assert alert.worst["lower"] > 0.2
    assert alert.rank == pytest.approx(alert.worst["value"] / 0.2, abs=1e-5)


def test_what_comes_again_before_it_was_closed_is_the_same_alert(world: World) -> None:
    days = [world.day(shift) for shift in (2, 0, 0, 2)]
    assert days == [["alert.opened"], [], ["alert.cleared"], ["alert.reopened"]]
    assert len(world.monitor.state.alerts) == 1


@pytest.mark.parametrize(
    ("alerts", "days"),
    [
        (", for_windows: 2", [[], [], ["alert.opened"]]),
        (", min_hours: 72", [[], [], [], ["alert.opened"]]),
    ],
)
def test_an_alert_waits_for_windows_and_hours(
    tmp_path: Path, alerts: str, days: list[list[str]]
) -> None:
    world = World(tmp_path, alerts)
    found = [world.day(0)] + [world.day(2) for _ in days[1:]]
    assert found == days


def test_inside_the_band_nothing_flaps(world: World) -> None:
    """A number between the line at which it clears and its tolerance changes nothing."""
    world.day(2)
    changes = [world.day(0.3) for _ in range(3)]
    assert changes == [[], [], []]
    assert world.monitor.alerts[0].status == "open"


def test_cooldown(tmp_path: Path) -> None:
    world = World(tmp_path)
    text = (tmp_path / "monitor.yaml").read_text()
    (tmp_path / "monitor.yaml").write_text(text.replace("hours: 0", "hours: 47"))
    world.monitor = world.opened()
    days = [world.day(shift) for shift in (2, 0, 0, 2, 2)]
    assert days == [["alert.opened"], [], ["alert.cleared"], [], ["alert.reopened"]]


def test_a_window_without_rows_is_an_alert_and_its_late_rows_end_it(world: World) -> None:
    assert world.day(0) == []
    late = (world.now, rows(150, 77).drop(columns="bad"))
    assert world.day(None) == ["monitor.missed", "alert.opened"]
    (alert,) = world.monitor.alerts
    assert (alert.check, alert.severity) == ("monitoring.heartbeat", "high")
    day = (late[0].date(), late[0].date() + timedelta(days=1))
    world.monitor.observe(late[1], window=day)
    assert "alert.cleared" in world.day(0)


def test_a_monitor_that_slept_finds_all_that_it_missed(world: World) -> None:
    world.day(0)
    world.now += timedelta(days=30)
    (missed, *_) = world.monitor.step()
    assert missed.kind == facts.MISSED
    assert missed.payload["windows"] == 30
    assert missed.payload["window"] == ["2026-11-03T00:00:00Z", "2026-12-03T00:00:00Z"]
    assert world.monitor.state.missed == 30


def test_labels_count_in_the_window_of_the_decision(world: World) -> None:
    frame = rows(150, 1)
    world.monitor.observe(frame.drop(columns="bad"))
    world.now += timedelta(days=1)
    world.monitor.step()
    window = next(iter(world.monitor.state.windows.values()))
    assert window.results["performance.tracked"].outcome == "not_assessed"
    given = frame[["id", "bad"]].assign(bad=1 - (frame["score"] > 0.5))
    stranger = pd.DataFrame({"id": ["nobody"], "bad": [1]})
    taken = world.monitor.labels(pd.concat([given, stranger, given.head(3)]))
    assert (taken.matched, taken.unknown, taken.repeated) == (150, 1, 3)
    assert [s.kind for s in world.monitor.step()] == ["monitor.window", "alert.opened"]
    assert world.monitor.alerts[0].check == "performance.tracked"
    again = world.monitor.labels(given)
    assert (again.matched, again.repeated) == (0, 150)
    assert world.monitor.step() == ()


def test_people_handle_an_alert_and_the_log_says_who_and_when(world: World) -> None:
    world.day(2)
    alerts = world.monitor.alerts
    name = alerts[0].id
    with pytest.raises(InputError, match="came from"):
        alerts.close(name, by="ann")
    alerts.acknowledge(name, by="ann")
    alerts.acknowledge(name, by="ann")
    with pytest.raises(InputError, match="no cause"):
        alerts.triage(name, by="ann", cause="gremlins", decision="wait")
    alerts.triage(name, by="bob", cause="upstream", decision="the feed is repaired")
    alerts.close(name, by="bob", note="ticket 12")
    alerts.close(name, by="bob")
    assert len(world.monitor.alerts) == 0
    with pytest.raises(InputError, match="is closed"):
        alerts.acknowledge(name, by="ann")
    with pytest.raises(InputError, match="not known"):
        alerts.triage("A-0", by="ann", cause="data", decision="x")
    log = world.monitor._journal.log
    done = [e.payload for e in log.entries() if e.kind.startswith("alert.") and e.payload]
    assert [(p["actor"], p["check"]) for p in done] == [
        ("monitor", "drift.features"), ("ann", "drift.features"), ("bob", "drift.features"),
        ("bob", "drift.features"),
    ]  # fmt: skip
    for payload in done:
        assert {"model", "policy", "baseline", "evidence", "window", "rows", "actor", "at"} <= set(
            payload
        )
        assert payload["evidence"].startswith("sha256:")
    assert world.day(0) == []  # what was closed does not open again by itself


def test_a_silence_keeps_messages_back_and_its_end_brings_them(tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    program = tmp_path / "tell"
    program.write_text(f"#!/bin/sh\ncat >> {told}\necho >> {told}\n")
    program.chmod(0o700)
    more = "notify:\n  - {program: tell, on: [alert.opened, alert.reminded, alert.cleared]}\n"
    world = World(tmp_path, more=more)
    silence = world.monitor.alerts.silence
    with pytest.raises(InputError, match="would end"):
        silence("drift.features", by="ann", reason="move", until="2026-11-01")
    with pytest.raises(InputError, match="reason"):
        silence("drift.features", by="ann", reason=" ", until="2026-12-01")
    silence("drift.features", by="ann", reason="move of the warehouse", until="2026-11-04")
    assert world.day(2) == ["alert.opened"]
    assert not told.exists()
    assert world.day(2) == ["silence.ended", "alert.reminded"]
    (event,) = map(json.loads, told.read_text().split("\n")[:-1])
    assert event["type"] == "auditkit.watch.alert.reminded"
    assert event["data"]["alert"] == world.monitor.alerts[0].id
    world.monitor.step()
    assert told.read_text().count("\n") == 1  # nothing is told twice


def test_a_retraining_is_asked_for_once_within_its_guards_and_runs_once(tmp_path: Path) -> None:
    more = (
        "retraining: {checks: [drift.features], command: [/bin/sh, -c, 'echo x >> ran'],"
        " min_labels: 100}\n"
    )
    world = World(tmp_path, more=more)
    assert world.day(2) == ["alert.opened", "retraining.refused"]
    assert world.monitor.state.refused == {
        f"alert {world.monitor.alerts[0].id}": "fewer than 100 labels are known"
    }
    kinds = world.day(2, labels="right")
    assert kinds == ["retraining.requested", "retraining.started", "retraining.finished"]
    assert world.day(2) == []
    assert (tmp_path / "ran").read_text() == "x\n"
    assert world.monitor.state.requests[0].outcome == "done"


def test_a_fallback_is_entered_moves_on_and_is_left_after_a_trial(tmp_path: Path) -> None:
    more = "fallback: {order: [previous-approved, person], checks: [drift.features]}\n"
    world = World(tmp_path, more=more)
    assert world.monitor.serving.served_by == ""
    served = []
    for shift in (2, 2, 2, 0, 0, 0, 0):
        kinds = world.day(shift)
        now = world.monitor.serving
        served.append((now.served_by, now.on_trial, [k for k in kinds if "fallback" in k]))
    assert served == [
        ("previous-approved", False, ["fallback.entered"]),
        ("person", False, ["fallback.entered"]),
        ("person", False, []),
        ("person", False, []),
        ("", True, ["fallback.on-trial"]),
        ("", True, []),
        ("", False, ["fallback.left"]),
    ]


def test_bad_input_is_refused_clearly_and_loses_nothing(world: World) -> None:
    good = rows(150, 1).drop(columns="bad")
    observe = world.monitor.observe
    with pytest.raises(InputError, match="score"):
        observe(good.rename(columns={"score": "points"}))
    with pytest.raises(InputError, match="income"):
        observe(good.rename(columns={"income": "wage"}))
    with pytest.raises(NothingToAuditError):
        observe(good.head(0))
    with pytest.raises(InputError, match="none of the schedule"):
        observe(good, window=("2026-11-02T06:00:00", "2026-11-03T06:00:00"))
    with pytest.raises(InputError, match="none of the schedule"):
        observe(good, window=("2026-11-01", "2026-11-03"))
    with pytest.raises(InputError, match="future"):
        observe(good, window=("2026-11-03", "2026-11-04"))
    with pytest.raises(InputError, match="observed"):
        world.monitor.labels(pd.DataFrame({"id": ["x"], "bad": [1]}))
    assert world.monitor.state.refused_rows == 600
    observe(good)
    before = world.monitor.state.to_json()
    observe(good)  # the same rows again change nothing
    observe(good.sample(frac=1, random_state=0))
    assert world.monitor.state.to_json() == before
    observe(rows(20, 2).drop(columns="bad"))  # later rows of the window are added
    assert [w.rows for w in world.monitor.state.windows.values()] == [170]
    world.now -= timedelta(days=5)  # the clock is set back
    world.monitor.step()
    assert world.monitor.now == START + timedelta(hours=12)


def test_a_column_that_is_all_missing_is_never_met(world: World) -> None:
    frame = rows(150, 1).drop(columns="bad")
    world.monitor.observe(frame.assign(income=np.nan))
    world.now += timedelta(days=1)
    world.monitor.step()
    results = next(iter(world.monitor.state.windows.values())).results
    assert results["drift.features"].outcome != "pass"


def test_a_column_of_another_kind_is_an_exception_or_refused(world: World) -> None:
    policy = world.folder / "policy.yaml"
    policy.write_text(
        policy.read_text() + "  - {id: K, title: numbers, check: drift.missingness, measure: "
        "not_finite_change, at_most: 0.01, min_n: 50, severity: high, citation: test, why: test}\n"
    )
    world.monitor = world.opened()
    frame = rows(600, 1).drop(columns="bad")
    with pytest.raises(InputError, match="'income' holds times"):
        world.monitor.observe(frame.assign(income=[START] * 600))
    world.monitor.observe(frame.assign(income="low"))
    world.now += timedelta(days=1)
    assert "alert.opened" in [s.kind for s in world.monitor.step()]
    results = next(iter(world.monitor.state.windows.values())).results
    assert results["drift.missingness"].outcome == "fail"
    assert results["drift.features"].outcome == "not_assessed"
    assert world.monitor.state.refused_rows == 600


def test_a_new_level_that_is_a_name_is_counted_and_leaves_no_trace(tmp_path: Path) -> None:
    world = World(tmp_path)
    settings, policy = tmp_path / "monitor.yaml", tmp_path / "policy.yaml"
    settings.write_text(settings.read_text().replace("{key: id", "{personal: [clerk], key: id"))
    policy.write_text(
        policy.read_text() + "  - {id: U, title: new, check: drift.missingness, measure: "
        "unseen_share, at_most: 0.02, min_n: 50, severity: high, citation: test, why: test}\n"
    )
    world.monitor = world.opened()
    clerks = np.array(["Ann Lee", "Omar Haddad"])
    world.monitor.baseline(world.monitor.fit(REFERENCE.assign(clerk=clerks[np.arange(1000) % 2])))
    frame = rows(600, 1).drop(columns="bad").assign(clerk=clerks[np.arange(600) % 2])
    frame.loc[:99, "clerk"] = "Grace Kim"
    world.monitor.observe(frame)
    world.now += timedelta(days=1)
    assert "alert.opened" in [s.kind for s in world.monitor.step()]
    (alert,) = world.monitor.alerts
    assert alert.check == "drift.missingness"
    assert alert.worst["value"] == pytest.approx(100 / 600)
    world.monitor.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [n for n in (b"Ann Lee", b"Omar Haddad", b"Grace Kim") if n in data], path


def test_a_window_that_comes_again_late_is_judged_again_and_opens_nothing_twice(
    world: World,
) -> None:
    day = world.now.date()
    span = (day, day + timedelta(days=1))
    first, late = (rows(600, n, 2.0).drop(columns="bad") for n in (1, 50))
    world.monitor.observe(first, window=span)
    world.now += timedelta(days=3)
    kinds = [s.kind for s in world.monitor.step()]
    assert kinds.count("alert.opened") == 2  # of the shift, and of the two days without rows
    world.monitor.observe(late, window=span)
    world.monitor.observe(first, window=span)
    assert [s.kind for s in world.monitor.step()] == ["monitor.window"]
    window = next(iter(world.monitor.state.windows.values()))
    assert (window.rows, window.judged) == (1200, 2)
    world.now -= timedelta(days=2)  # the clock is set back: nothing happens before what is logged
    assert world.monitor.step() == ()
    assert world.monitor.now == START + timedelta(days=3, hours=12)


def test_a_baseline_of_another_model_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    text = (tmp_path / "monitor.yaml").read_text()
    digest = f"sha256:{'a' * 64}"
    (tmp_path / "monitor.yaml").write_text(text.replace('"3"', f'"3", digest: "{digest}"'))
    monitor = world.opened()
    with pytest.raises(InputError, match="which model"):
        monitor.baseline(BASE)
    other = ak.Profile.fit(REFERENCE[["income"]], digest=f"sha256:{'b' * 64}")
    with pytest.raises(InputError, match="another model"):
        monitor.baseline(other)


def test_without_a_baseline_nothing_is_observed(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "monitor.yaml").write_text(SETTINGS.format(alerts="", more=""))
    keys = ak.KeyStore(tmp_path / "keys")
    with ak.Monitor.open(tmp_path / "monitor.yaml", keys=keys, clock=lambda: START) as monitor:
        with pytest.raises(InputError, match="baseline"):
            monitor.observe(rows(10, 1))
        assert monitor.step() == ()


def test_rows_are_divided_by_their_times(tmp_path: Path) -> None:
    world = World(tmp_path)
    text = (tmp_path / "monitor.yaml").read_text()
    (tmp_path / "monitor.yaml").write_text(text.replace("{key: id", "{time: at, key: id"))
    monitor = world.opened()
    world.now = START + timedelta(days=3)
    frame = rows(300, 1).drop(columns="bad")
    frame["at"] = [f"2026-11-0{2 + i % 3}T10:00:00+02:00" for i in range(300)]
    days = [p.window[0][:10] for p in monitor.observe(frame) if p.window]
    assert days == ["2026-11-02", "2026-11-03", "2026-11-04"]
    with pytest.raises(InputError, match="readable time"):
        monitor.observe(frame.assign(at="yesterday"))


def test_the_access_policy_says_who_may(tmp_path: Path) -> None:
    from auditkit.resources import data_path

    folder = tmp_path / "access"
    folder.mkdir()
    for name in ("access.yaml", "model.conf", "policy.csv"):
        text = (data_path("policies") / "access" / name).read_text()
        more = "g, bob, role:reviewer, *\n" if name == "policy.csv" else ""
        (folder / name).write_text(text + more)
    world = World(tmp_path, more="access: access\n")
    world.day(2)
    with pytest.raises(AccessDeniedError):
        world.monitor.alerts.acknowledge(world.monitor.alerts[0].id, by="eve")
    world.monitor.alerts.acknowledge(world.monitor.alerts[0].id, by="bob")


def test_settings_name_events_that_there_are() -> None:
    program = {"program": "tell", "on": ["alert.openned"]}
    with pytest.raises(ValueError, match="no event 'alert"):
        MonitorSettings.model_validate({"name": "m", "model": {"name": "m"}, "notify": [program]})
    with pytest.raises(PolicyError):
        ak.Monitor.open("no-such-monitor.yaml")


class _KilledError(BaseException):
    """The process died here."""


class Killing(RuleBasedStateMachine):
    """Two monitors do the same; one is killed at any write, opened again, and does it again."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.count = getattr(type(self), "count", 0) + 1
        type(self).count = self.count
        more = (
            "retraining: {checks: [drift.features], cooldown_days: 3}\n"
            "fallback: {order: [previous-approved, person], checks: [drift.features]}\n"
        )
        folder = self.folder / str(self.count)
        folder.mkdir()
        self.calm = World(folder / "calm", more=more)
        self.killed = World(folder / "killed", more=more)

    def both(self, do: Callable[[World], Any], kill: tuple[int, bool]) -> None:
        do(self.calm)
        after, committed = kill
        writes = [0]
        log = self.killed.monitor._journal.log
        add, write = log.add, self.killed.monitor._journal.write

        def dying_add(*given: Any) -> Any:
            if writes[0] == after and not committed:
                raise _KilledError
            return add(*given)

        def dying_write(decide: Any) -> Any:
            found = write(decide)
            if found is not None:
                writes[0] += 1
                if writes[0] == after + 1 and committed:
                    raise _KilledError
            return found

        log.add = dying_add  # type: ignore[method-assign,assignment]
        self.killed.monitor._journal.write = dying_write  # type: ignore[method-assign]
        try:
            do(self.killed)
        except _KilledError:
            self.killed.monitor.close()
            self.killed.monitor = self.killed.opened()
            do(self.killed)
        else:
            del log.add
            del self.killed.monitor._journal.write

    kills = st.tuples(st.integers(0, 5), st.booleans())

    @rule(shift=st.sampled_from([0.0, 0.0, 2.0]), late=st.booleans(), kill=kills)
    def observe(self, shift: float, late: bool, kill: tuple[int, bool]) -> None:
        day = self.calm.now.date() - timedelta(days=int(late))
        frame = rows(120, day.toordinal() % 1000, shift).drop(columns="bad")
        self.both(lambda w: w.monitor.observe(frame, window=(day, day + timedelta(days=1))), kill)

    @rule(kill=kills)
    def step(self, kill: tuple[int, bool]) -> None:
        self.calm.now += timedelta(days=1)
        self.killed.now += timedelta(days=1)
        self.both(lambda w: w.monitor.step(), kill)

    @rule(kill=kills)
    def people(self, kill: tuple[int, bool]) -> None:
        names = [a.id for a in self.calm.monitor.alerts][:1]

        def do(world: World) -> None:
            for name in names:
                alerts = world.monitor.alerts
                if name not in {a.id for a in alerts}:
                    continue  # closed before it was killed
                alerts.acknowledge(name, by="ann")
                alerts.triage(name, by="ann", cause="data", decision="wait")
                alerts.close(name, by="ann")

        self.both(do, kill)

    @rule(days=st.integers(1, 3), kill=kills)
    def silence(self, days: int, kill: tuple[int, bool]) -> None:
        end = self.calm.now + timedelta(days=days)
        self.both(lambda w: w.monitor.alerts.silence("*", by="ann", reason="move", until=end), kill)

    @invariant()
    def the_same_is_known(self) -> None:
        if not hasattr(self, "calm"):
            return
        state = self.killed.monitor.state
        assert state.to_json() == self.calm.monitor.state.to_json()
        entries = list(self.killed.monitor._journal.log.entries())
        assert fold("pricing", entries).to_json() == state.to_json()
        checks = [a.check for a in state.standing]
        assert len(checks) == len(set(checks))
        opened = [e.payload["alert"] for e in entries if e.kind == facts.OPENED and e.payload]
        assert sorted(opened) == sorted(state.alerts)

    def teardown(self) -> None:
        for world in (getattr(self, "calm", None), getattr(self, "killed", None)):
            if world is not None:
                world.monitor.close()


def test_whatever_is_killed_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    Killing.folder = tmp_path
    run_state_machine_as_test(
        Killing,
        settings=settings(
            max_examples=6, stateful_step_count=12, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_every_window_is_in_one_of_two_periods_that_adjoin():
    """Also the last one, which is judged after the period, and windows that were missed across."""
    from auditkit.watching.monitor.record.period import period

    def entry(index, kind, at, begin, end, **more):
        payload = {"monitor": "m", "model": "m", "policy": "p", "baseline": "b", "evidence": "",
                   "window": [begin, end], "rows": 5, "actor": "machine", "at": at}  # fmt: skip
        payload |= more
        return SimpleNamespace(kind=kind, payload=payload, index=index)

    def day(number):
        return f"2026-{10 + (number - 1) // 31:02d}-{(number - 1) % 31 + 1:02d}T00:00:00Z"

    entries = [
        entry(n, "monitor.window", day(n + 1).replace("T00:00", "T00:05"), day(n), day(n + 1),
              outcome="pass", checks={}, revision=1)
        for n in range(1, 29)
    ]  # fmt: skip
    entries.append(entry(50, "monitor.missed", day(36), day(29), day(35), windows=6, last=day(34)))
    ends = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    october, november = (period("m", entries, a, b) for a, b in itertools.pairwise(ends))
    assert len([w for w in october.windows if not w["missed"]]) == 28
    assert [p.to_json()["missed"] for p in (october, november)] == [3, 3]
    assert november.windows[0]["from"] == ends[1]
