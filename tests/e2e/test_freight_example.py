"""The freight example, as its reader runs it; its numbers are counted again from what it leaves."""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from xgboost import DMatrix

import auditkit as ak
from auditkit.ledger import Ledger
from auditkit.parameters import LOG_NAME
from auditkit.signing import KeyStore

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "freight" / "run.py"
TAKEN = ("price", "unwatched_price")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folder that one run leaves, and what it printed."""
    folder = tmp_path_factory.mktemp("freight")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, EXAMPLE], cwd=folder, capture_output=True, text=True, check=False,
        timeout=280, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 90
    sys.path.insert(0, str(EXAMPLE.parent))
    return folder / "out" / "freight", done.stdout.splitlines()


@pytest.fixture(scope="module")
def rows(told):
    with (told[0] / "quotes.csv").open() as file:
        return list(csv.DictReader(file))


def entries(out):
    keys = KeyStore(out / "keys")
    verifier = keys.log_signer(LOG_NAME).verifier
    with Ledger.open(f"sqlite:///{out}/log.db", key=verifier) as log:
        log.verify()
        return [(e.kind, e.payload) for e in log.entries()]


def absolute_error(rows):
    errors = [abs(float(r["predicted"]) - float(r["cost"])) for r in rows]
    return sum(errors) / len(errors)


@pytest.mark.slow
def test_every_line_says_that_the_clock_is_simulated(told):
    *lines, last = told[1]
    assert len(lines) > 30
    assert all("simulated clock" in line for line in lines)
    assert last.endswith("summary.json")


@pytest.mark.slow
def test_the_money_is_what_the_quotes_add_up_to(told, rows):
    earned = json.loads((told[0] / "summary.json").read_text())["earned"]
    totals = dict.fromkeys(TAKEN, 0.0)
    for row in rows:
        for name in TAKEN:
            if float(row[name]) <= float(row["limit"]):
                totals[name] += float(row[name]) - float(row["cost"])
    assert totals["price"] == pytest.approx(earned["watched"], abs=0.01)
    assert totals["unwatched_price"] == pytest.approx(earned["unwatched"], abs=0.01)
    assert earned["watched"] > 0 > earned["unwatched"]
    lost = f"{earned['watched'] - earned['unwatched']:,.0f} EUR are lost"
    assert any(lost in line for line in told[1])


@pytest.mark.slow
def test_the_price_without_a_monitor_is_that_of_version_2(told, rows):
    from market import FEATURES, MARGIN
    from xgboost import Booster

    model = Booster(model_file=told[0] / "2.json")
    for week in ("1", "12", "26"):
        mine = [r for r in rows if r["week"] == week]
        features = np.array([[float(r[f]) for f in FEATURES] for r in mine])
        predicted = model.predict(DMatrix(features, feature_names=FEATURES))
        prices = [float(r["unwatched_price"]) for r in mine]
        assert prices == pytest.approx(list(predicted * MARGIN), abs=0.02)


@pytest.mark.slow
def test_windows_and_decisions_are_those_of_the_quotes(told, rows):
    from market import OUTAGE_WEEK, WEEKS, start_of

    made = json.loads((told[0] / "period.json").read_text())
    weeks = Counter(int(r["week"]) for r in rows)
    assert [(w["from"], w["rows"]) for w in made["windows"]] == [
        (f"{start_of(week):%Y-%m-%dT%H:%M:%SZ}", weeks[week]) for week in range(1, WEEKS + 1)
    ]
    assert weeks[OUTAGE_WEEK] == 0
    naive = Counter((r["served_by"], r["served_because"]) for r in rows)
    counted = made["decisions"].items()
    assert {(by, why): n for by, reasons in counted for why, n in reasons.items()} == naive
    left = next(p for kind, p in entries(told[0]) if kind == "fallback.left")
    meanwhile = Counter(r["served_by"] for r in rows if r["served_because"])
    assert left["decisions"] == meanwhile
    assert list(meanwhile) == ["1", "rules", "3"]


@pytest.mark.slow
def test_the_alerts_are_those_that_the_errors_call_for(told, rows):
    """The errors of each week beside those of the rows that the baseline was made of."""
    from market import DRIFT_WEEK, FEATURES, OUTAGE_WEEK, SKEWED_WEEK, quotes
    from xgboost import Booster

    past = quotes(0, 12_000)[8000:]
    model = Booster(model_file=told[0] / "2.json")
    predicted = model.predict(DMatrix(past[FEATURES].to_numpy(float), feature_names=FEATURES))
    base = float(np.abs(predicted - past["cost"].to_numpy()).mean())
    ratios = {
        week: absolute_error([r for r in rows if int(r["week"]) == week]) / base
        for week in range(1, 12)
    }
    made = json.loads((told[0] / "period.json").read_text())
    broken = {
        check: [n for n, w in enumerate(made["windows"], 1) if check in w["broken"]]
        for check in ("performance.tracked", "drift.features")
    }
    assert broken["performance.tracked"] == [week for week, r in ratios.items() if r > 1.5]
    assert broken["performance.tracked"][0] == DRIFT_WEEK
    assert broken["drift.features"] == [SKEWED_WEEK]
    alerts = {a["check"]: a for a in made["alerts"]}
    assert set(alerts) == {"drift.features", "performance.tracked", "monitoring.heartbeat"}
    worst = alerts["performance.tracked"]["worst"]
    assert worst["value"] == pytest.approx(max(ratios.values()), rel=1e-4)
    assert made["windows"][OUTAGE_WEEK - 1]["outcome"] == "missed"
    same = int((quotes(SKEWED_WEEK)["lead_days"] == 0).sum())  # 0 hours are 0 days
    assert any(f"equal of lead_days: exception, {same} of 1,000" in line for line in told[1])


@pytest.mark.slow
def test_a_machine_asked_and_people_approved_and_promoted(told):
    story = [
        (kind, p.get("user") or p.get("actor"))
        for kind, p in entries(told[0])
        if kind.startswith(("retraining.", "challenger.", "promotion.", "fallback.", "gate."))
    ]
    assert story == [
        ("retraining.refused", "monitor"),
        ("fallback.entered", "monitor"),
        ("fallback.entered", "monitor"),
        ("retraining.requested", "monitor"),
        ("retraining.started", "monitor"),
        ("retraining.finished", "monitor"),
        ("gate.verdict", "ci"),
        ("gate.verdict", "ci"),
        ("challenger.judged", "monitor"),
        ("promotion.requested", "watch"),
        ("challenger.requested", "monitor"),
        ("promotion.approved", "rita"),
        ("promotion.claimed", "mia"),
        ("promotion.done", "mia"),
        ("challenger.promoted", "mia"),
        ("fallback.on-trial", "monitor"),
        ("fallback.left", "monitor"),
    ]


@pytest.mark.slow
def test_the_signed_report_counts_what_served_as_the_quotes_do(told, rows):
    statement = json.loads((told[0] / "period" / "statement.json").read_text())
    used = next(e for e in statement["predicate"]["evidence"] if e["check"] == "fallback.use")
    found = [(m["name"], dict(m["group"]), m["value"]) for m in used["measurements"]]
    decided = {(g["decided_by"], g["reason"]): v for n, g, v in found if n == "rows_decided"}
    assert decided == Counter((r["served_by"], r["served_because"] or "none") for r in rows)
    # By windows: a week begins some hours before Monday's move, under what served the week before.
    words = {("2", ""): "the model, version 2", ("3", ""): "the model, version 3"}
    by_week = {int(r["week"]): (r["served_by"], r["served_because"]) for r in rows}
    begun: Counter[str] = Counter()
    for week in by_week:
        by, why = by_week.get(week - 1, by_week.get(week - 2, ("2", "")))
        on_trial = "the model, version 3, on trial" if why.startswith("trial") else by
        begun[words.get((by, why), on_trial)] += 1000
    assert {g["served_by"]: v for n, g, v in found if n == "rows_served"} == begun
    assert sum(v for n, _, v in found if n == "share_served") == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["period", "monitor"])
def test_the_signed_reports_verify_and_say_that_the_clock_is_simulated(told, name):
    from auditkit.pdf.pages import page_texts

    report = (told[0] / name / "report.pdf").read_bytes()
    keys = KeyStore(told[0] / "keys")
    checked = ak.verify(report, trust=keys.trusted(), log_keys=keys.log_verifiers(LOG_NAME))
    assert checked.exit_code == 0
    assert "period-simulated-clock" in " ".join(page_texts(report)).replace("- ", "-")
