"""`auditkit watch report --output`: a monitor's period as a signed report, and counted again."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.cli import run
from tests.support.small_monitor import World

SHIFTS = (0, 0, 2, 2, 0, None, None, None, 0, 0)
FALLBACK = "fallback: {order: [rules], checks: [drift.features]}\n"


def report(folder: Path, begin: str, end: str, output: Path) -> int:
    asked = ["--monitor", str(folder / "monitor.yaml"), "--output", str(output)]
    return run(["watch", "report", "--from", begin, "--to", end, *asked])


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A monitor after ten days: drift, a fallback, three days without runs; the report."""
    folder = tmp_path_factory.mktemp("watch-report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDITKIT_KEYS", str(folder / "keys"))
        world = World(folder, more=FALLBACK)
        for shift in SHIFTS:
            if shift is None:
                world.now += timedelta(days=1)
            else:
                world.day(shift, labels="right")
        world.monitor.close()
        code = report(folder, "2026-11-01", "2026-11-12", folder / "out")
    return folder, code


@pytest.fixture(autouse=True)
def _keys(reported, monkeypatch):
    monkeypatch.setenv("AUDITKIT_KEYS", str(reported[0] / "keys"))


def evidence(folder: Path, check: str):
    predicate = parse_json((folder / "out" / "statement.json").read_bytes())["predicate"]
    (found,) = (e for e in predicate["evidence"] if e["check"] == check)
    return {m["key"].partition("[")[0]: m["value"] for m in found["measurements"]}


def again(folder: Path, report: Path, *more: str) -> int:
    return run(["period", "reperform", str(report), "--log", str(folder / "log.db"), *more])


def stored(folder: Path) -> list[str]:
    return ["--store", str(folder / "watch"), "--watch-policy", str(folder / "policy.yaml")]


def test_it_says_what_happened_and_is_verified_as_any_report(reported, capsys):
    folder, code = reported
    assert code == 10
    found = evidence(folder, "monitoring.operation")
    assert (found["judged_windows"], found["missed_windows"]) == (7, 3)
    assert found["breached_windows"] == 2
    served = evidence(folder, "fallback.use")
    assert (served["fallback_moves"], served["unexplained_moves"]) == (1, 0)
    capsys.readouterr()
    assert run(["verify", str(folder / "out" / "report.pdf"), "--json"]) == 0
    claims = {c["id"]: c["state"] for c in json.loads(capsys.readouterr().out)["claims"]}
    for claim in ("signature", "statement", "verdict", "pages", "numbers", "log"):
        assert claims.get(claim, "true") == "true", claim
    pages = "".join(p.extract_text() for p in pypdf.PdfReader(folder / "out/report.pdf").pages)
    assert "Operation of the monitors" in pages
    assert "<html" in (folder / "out" / "report.html").read_text()


def test_its_conditions_are_those_of_the_policy_on_what_it_has(reported):
    predicate = parse_json((reported[0] / "out" / "statement.json").read_bytes())["predicate"]
    rules = {f["rule"]: f["outcome"] for f in predicate["findings"] if f["group"] is None}
    assert {r for r, outcome in rules.items() if outcome == "fail"} >= {"OP-6", "OP-7"}
    assert {"OP-10", "OP-11"} <= {r for r, outcome in rules.items() if outcome == "pass"}
    assert not {"OP-1", "OP-2", "OP-5"} & set(rules)  # on changes and the registry


def test_log_and_profiles_give_it_again(reported, capsys):
    folder, _ = reported
    assert again(folder, folder / "out" / "report.pdf", *stored(folder)) == 0
    assert "7 windows judged again from profiles." in capsys.readouterr().err
    assert again(folder, folder / "out" / "report.pdf") == 0
    assert "Left out: monitoring.numbers" in capsys.readouterr().err


@pytest.mark.parametrize("check", ["monitoring.operation", "fallback.use", "monitoring.numbers"])
def test_a_forged_number_is_noticed(reported, tmp_path, check, capsys):
    folder, _ = reported
    statement = parse_json((folder / "out" / "statement.json").read_bytes())
    for one in statement["predicate"]["evidence"]:
        if one["check"] == check:
            one["measurements"][0]["value"] += 1
    (tmp_path / "forged.json").write_bytes(canonical_bytes(statement))
    assert again(folder, tmp_path / "forged.json", *stored(folder)) == 12
    assert check in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["evidence", "profiles"])
def test_a_changed_or_lost_file_of_the_store_is_noticed(reported, tmp_path, kind):
    folder, _ = reported
    shutil.copytree(folder / "watch", tmp_path / "watch")
    store = ["--store", str(tmp_path / "watch"), "--watch-policy", str(folder / "policy.yaml")]
    file = max((tmp_path / "watch" / kind).iterdir(), key=lambda p: p.name)
    content = file.read_bytes()
    changed = content.replace(b'"rows":600', b'"rows":601')
    if changed == content:
        changed = content.replace(b"1", b"2", 1)
    file.write_bytes(changed)
    assert again(folder, folder / "out" / "report.pdf", *store) in (2, 12)
    file.unlink()
    assert again(folder, folder / "out" / "report.pdf", *store) == 2


def test_a_period_before_the_monitor_is_not_tested(reported, tmp_path):
    assert report(reported[0], "2025-01-01", "2025-02-01", tmp_path / "out") == 10
    predicate = parse_json((tmp_path / "out" / "statement.json").read_bytes())["predicate"]
    outcomes = {e["check"]: e["outcome"] for e in predicate["evidence"]}
    assert outcomes == {"monitoring.operation": "not_assessed", "fallback.use": "not_assessed",
                        "period.log": "pass", "monitoring.numbers": "not_assessed"}  # fmt: skip
    assert again(reported[0], tmp_path / "out" / "report.pdf", *stored(reported[0])) == 0


def test_a_store_that_is_not_there_is_told(reported, tmp_path):
    folder, _ = reported
    missing = str(tmp_path / "none")
    assert again(folder, folder / "out" / "report.pdf", "--store", missing) == 2
    assert not (tmp_path / "none").exists()


def test_its_charts_say_in_words_what_was_planted(reported):
    html = (reported[0] / "out" / "report.html").read_text()
    assert "judged: 0, 1, 2, 3, 4, 8, 9; broke a rule: 2, 3; missed: 5, 6, 7;" in html
    assert html.count(", broke the rule") == 2
    assert "worst value by window; tolerance at most 0.2" in html
