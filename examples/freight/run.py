"""A pricing model over 26 weeks: it drifts, is taken out, trained again, judged, and put back.

Run it with `python examples/freight/run.py`. What it makes goes to out/freight/, anew each time.
The quotes are invented (market.py). All times are those of a simulated clock, and every line says
so. At the end the same weeks are priced without a monitor: the difference is what that costs.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from desk import Desk
from market import (
    BEGIN,
    FEATURES,
    MARGIN,
    OUTAGE_WEEK,
    SKEWED_WEEK,
    WEEKS,
    logged,
    profit,
    quotes,
    start_of,
)
from retrain import fitted
from xgboost import XGBRegressor

import auditkit as ak
from auditkit.api import run as run_audit
from auditkit.cli import run as auditkit
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.parameters import LOG_NAME
from auditkit.registry import artifact_digest
from auditkit.resources import data_path

HERE = Path(__file__).resolve().parent
OUT = Path("out/freight")
FILES = ("watch.yaml", "model.yaml", "margins.yaml", "challenger.yaml")


class Office:
    """The weeks of the pricing office, with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = BEGIN - timedelta(days=3)
        self.keys = ak.KeyStore(OUT / "keys")
        self.models: dict[str, Any] = {}
        self.files: dict[str, str] = {}
        self.known: list[pd.DataFrame] = []
        self.rate = 0.0
        self.log = ak.Ledger.open(
            f"sqlite:///{OUT}/log.db", key=self.keys.log_signer(LOG_NAME), clock=lambda: self.now
        )
        self.desk = Desk(self.log, self.files, lambda: self.now)

    def tell(self, text: str) -> None:
        """One line, with the time that it is in the story."""
        print(f"{self.now:%Y-%m-%d %H:%M} simulated clock  {text}")

    def add_model(self, version: str, model: Any) -> None:
        """A version and the digest of its file."""
        path = OUT / f"{version}.json"
        if not path.exists():
            model.save_model(path)
        self.models[version], self.files[version] = model, str(artifact_digest(path))

    def opened(self, version: str) -> ak.Monitor:
        """The monitor of a version, whose registry is in this process."""
        text = (HERE / "monitor.yaml").read_text()
        for name, value in (
            ('"2"', f'"{version}"'), ("DIGEST", f'"{self.files[version]}"'),
            ("PYTHON", sys.executable), ("RETRAIN", str(HERE / "retrain.py")),
        ):  # fmt: skip
            text = text.replace(name, value, 1)
        (OUT / "monitor.yaml").write_text(text)
        return ak.Monitor.open(
            OUT / "monitor.yaml", keys=self.keys, clock=lambda: self.now, registry=self.desk
        )

    def predicted(self, version: str, rows: pd.DataFrame) -> Any:
        """The cost that a version expects; `rules` is a tariff by last week's costs."""
        if version == "rules":
            return rows["distance_km"] * self.rate
        model = self.models[version]
        return model.predict(rows[model.feature_names_in_]).astype(float)


def main() -> int:
    """The story, with a monitor and without."""
    began = time.perf_counter()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    for name in FILES:
        shutil.copy(HERE / name, OUT)
    office = Office()
    past = quotes(0, 12_000)
    office.add_model("1", fitted(past[:2000], FEATURES[:2]))
    office.add_model("2", fitted(past[:8000], FEATURES))
    office.tell("version 2 is in use; version 1, which knows less, is the one before")
    decided = watched(office, past[8000:])
    reported(office)
    earned = compared(decided, office.models["2"])
    (OUT / "summary.json").write_text(json.dumps({"clock": "simulated", "earned": earned}))
    decided.to_csv(OUT / "quotes.csv", index=False)
    office.tell(f"all of it took {time.perf_counter() - began:.0f} s of real time")
    print(OUT / "summary.json")
    return 0


def watched(office: Office, held: pd.DataFrame) -> pd.DataFrame:
    """The weeks with a monitor: every quote with what priced it, and why."""
    monitor = office.opened("2")
    base = held.assign(predicted=office.predicted("2", held)).drop(columns="limit")
    monitor.baseline(profile_of(monitor, base), start=BEGIN.date())
    failed = [r["what"] for r in monitor.drill(by="ann") if r["outcome"] != "done"]
    office.tell(f"drill of alert, fallback and recovery: {failed or 'every step would be done'}")
    decided = []
    for week in range(1, WEEKS + 1):
        office.now = start_of(week) + timedelta(hours=8)
        if week != OUTAGE_WEEK:
            decided.append(priced(office, monitor, week))
        office.now = start_of(week + 1) + timedelta(hours=6)
        settle(office, monitor, decided[-1] if week != OUTAGE_WEEK else None)
        monitor = acted(office, monitor, week)
    monitor.close()
    return pd.concat(decided, ignore_index=True)


def profile_of(monitor: ak.Monitor, rows: pd.DataFrame) -> ak.Profile:
    """The baseline of a model, of rows that it was not fitted on."""
    return monitor.fit(rows.assign(at="", served_by="", served_because=""))


def priced(office: Office, monitor: ak.Monitor, week: int) -> pd.DataFrame:
    """A week's quotes, priced by what the monitor says is to serve; each says by what and why."""
    frame = quotes(week)
    serving = monitor.serving
    frame["week"], frame["at"] = week, (start_of(week) + timedelta(days=2)).isoformat()
    frame["served_by"], frame["served_because"] = serving.version, serving.reason
    frame["predicted"] = office.predicted(serving.version, logged(frame, week)).round(2)
    frame["price"] = (frame["predicted"] * MARGIN).round(2)
    return frame


def settle(office: Office, monitor: ak.Monitor, frame: pd.DataFrame | None) -> None:
    """On Monday the last week's quotes and costs reach the monitor; it takes its steps."""
    if frame is not None:
        seen = frame.drop(columns=["price", "limit", "cost", "week"])
        seen[FEATURES] = logged(frame, int(frame["week"].iloc[0]))[FEATURES]
        monitor.observe(seen)
        monitor.labels(frame[["quote", "cost"]])
        office.known.append(frame)
        office.rate = float(frame["cost"].sum() / frame["distance_km"].sum())
    prepare_retraining(office)
    for written in monitor.step():
        if written.kind not in ("monitor.window", "retraining.started"):
            said = [written.payload.get(k) for k in ("check", "outcome", "serving", "reason")]
            missed = [f"{n} week" for n in [written.payload.get("windows")] if n]
            office.tell(f"{written.kind}: {', '.join(str(s) for s in (*said, *missed) if s)}")


def prepare_retraining(office: Office) -> None:
    """The last three weeks: two thirds to train on, one third to judge by, kept apart."""
    if len(office.known) >= 3:
        rows = pd.concat(office.known[-3:])
        held = rows["quote"].str[-1].isin(["0", "3", "6", "9"])
        for name, part in (("train", rows[~held]), ("held", rows[held])):
            part[[*FEATURES, "cost"]].to_csv(OUT / f"{name}.csv", index=False)


def acted(office: Office, monitor: ak.Monitor, week: int) -> ak.Monitor:
    """What people do with alerts and challengers on that Monday."""
    office.now += timedelta(minutes=30)
    if week == SKEWED_WEEK:
        compared_features(office, week)
    for alert in monitor.alerts:
        if not alert.triaged_at:
            cause, decision = {
                "drift.features": ("upstream", "lead_days came in hours: the feed is mended"),
                "monitoring.heartbeat": ("upstream", "the service was down: it is up again"),
                "performance.tracked": ("concept", "costs rose: fall back, and train again"),
            }[alert.check]
            monitor.alerts.acknowledge(alert.id, by="ann")
            monitor.alerts.triage(alert.id, by="ann", cause=cause, decision=decision)
            office.tell(f"ann triages {alert.id}, {alert.check}: {cause}; {decision}")
        elif alert.cleared_at:
            monitor.alerts.close(alert.id, by="ann")
            office.tell(f"ann closes {alert.id}, {alert.check}")
    for request in monitor.challengers:
        judge(office, monitor, request)
        monitor = promote(office, monitor, request)
    return monitor


def compared_features(office: Office, week: int) -> None:
    """Each feature as the service logged it, and as the orders' system has it."""
    frame = quotes(week)
    found = ak.skew(logged(frame, week), frame[["quote", *FEATURES]], key="quote")
    broken = [f.statement for f in found.findings if f.outcome is ak.Outcome.FAIL]
    office.tell(f"skew between serving and training: {'; '.join(broken)}")


def judge(office: Office, monitor: ak.Monitor, request: str) -> None:
    """Audits the challenger by both policies; the registry is asked if it passes."""
    model = XGBRegressor()
    model.load_model(OUT / "3.json")
    office.add_model("3", model)
    inputs = inputs_of(read_audit_file(OUT / "challenger.yaml"), OUT)
    wanted = monitor.challengers
    today = office.now.date()
    audits = [run_audit(inputs, policy=p, today=today, log=monitor.log) for p in wanted.policies]
    for audit in audits:
        office.desk.record("3", audit)
    for written in wanted.judge(request, audits):
        said = written.payload.get("outcome") or f"request {written.payload['promotion']}"
        office.tell(f"{written.kind}: version 3, {said}")


def promote(office: Office, monitor: ak.Monitor, request: str) -> ak.Monitor:
    """People approve and promote; the new version gets its baseline, and serves on trial."""
    found = monitor.state.request_of(request)
    assert found is not None
    assert found.challenger is not None
    try:
        office.desk.promote("freight", "3", alias="champion", by="mia")
    except ak.AuditkitError as error:
        office.tell(f"mia asks too early: {error.message}")
    office.desk.approve(found.challenger.promotion, by="rita")
    office.desk.promote("freight", "3", alias="champion", by="mia")
    monitor.challengers.promoted(request, by="mia")
    office.tell("rita approves, mia promotes version 3")
    monitor.close()
    monitor = office.opened("3")
    rows = pd.read_csv(OUT / "held.csv")
    rows = rows.assign(predicted=office.predicted("3", rows), quote="")
    monitor.baseline(profile_of(monitor, rows), start=office.now.date())
    for written in monitor.step():
        office.tell(f"{written.kind}: version {monitor.serving.version}")
    return monitor


def reported(office: Office) -> None:
    """What happened in the half year, from the log alone: as JSON, and as a signed report."""
    end = start_of(WEEKS + 1) + timedelta(days=1)
    with office.opened("3") as monitor:
        made: Any = monitor.period(BEGIN, end).to_json()
    (OUT / "period.json").write_text(json.dumps(made, indent=1))
    detect = made["hours"]["detect"]["median"]
    office.tell(f"half the alerts were open {detect:g} hours after their window began")
    for version, reasons in made["decisions"].items():
        for reason, n in reasons.items():
            office.tell(f"priced by {version} ({reason or 'in use'}): {n:,}")
    policy = (data_path("policies") / "period.yaml").read_text()
    (OUT / "period.yaml").write_text(policy.replace("id: period", "id: period-simulated-clock"))
    weeks = ["--from", f"{BEGIN:%Y-%m-%d}", "--to", f"{start_of(WEEKS + 1):%Y-%m-%d}"]
    weeks += ["--policy", f"{OUT}/period.yaml"]
    log = ["--log", f"{OUT}/log.db", "--keys", f"{OUT}/keys"]
    os.environ["AUDITKIT_KEYS"] = f"{OUT}/keys"
    for name, command in (
        ("period", ["period", "report", *weeks, *log]),
        ("monitor", ["watch", "report", *weeks, "--monitor", f"{OUT}/monitor.yaml"]),
    ):
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            code = auditkit([*command, "--output", f"{OUT}/{name}"])
        office.tell(f"a signed report: {OUT}/{name}/report.pdf (exit code {code})")


def compared(decided: pd.DataFrame, model: Any) -> dict[str, float]:
    """What was earned, and what would have been with version 2 throughout."""
    alone = []
    for week, frame in decided.groupby("week"):
        rows = logged(frame, int(str(week)))[FEATURES]
        alone.append(pd.Series(model.predict(rows).astype(float), index=frame.index).round(2))
    decided["unwatched_price"] = (pd.concat(alone) * MARGIN).round(2)
    prices = {"watched": decided["price"], "unwatched": decided["unwatched_price"]}
    earned = {name: profit(price, decided) for name, price in prices.items()}
    for name, value in earned.items():
        print(f"simulated clock, 26 weeks, {name}: {value:,.0f} EUR")
    lost = earned["watched"] - earned["unwatched"]
    print(f"simulated clock, 26 weeks: without the monitor {lost:,.0f} EUR are lost")
    return {name: round(value, 2) for name, value in earned.items()}


if __name__ == "__main__":
    sys.exit(main())
