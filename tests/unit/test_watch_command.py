"""`auditkit watch`: from the first file to the report of a period, by exit codes and output."""

from __future__ import annotations

import csv
import io
import json
import socketserver
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from auditkit.cli import run
from auditkit.notify.event import Event
from auditkit.notify.mail import Mail
from auditkit.notify.receivers import UndeliveredError
from auditkit.notify.settings import MailSettings

INIT: Final = [
    "watch", "init", "--model", "credit", "--score", "score", "--label", "bad", "--key", "id",
    "--groups", "sex",
]  # fmt: skip


def rows(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    income = draw.normal(shift, 1, n).round(3)
    score = (1 / (1 + np.exp(-income))).round(4)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "income": income,
            "sex": draw.choice(["f", "m"], n),
            "town": draw.choice(["Aldham", "Bures"], n),
            "score": score,
            "bad": (draw.random(n) < score).astype(int),
        }
    )


def test_from_the_first_file_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [f"{today - timedelta(days=n):%Y-%m-%d}" for n in (2, 1, 0)]
    rows(20_000, 0).to_csv("audited.csv", index=False)
    for name, shift in (("quiet", 0.0), ("moved", 1.0)):
        frame = rows(4000, len(name) + int(shift), shift)
        frame.drop(columns="bad").to_csv(f"{name}.csv", index=False)
        frame[["id", "bad"]].to_csv(f"{name}-labels.csv", index=False)

    assert run(["watch", "run"]) == 2  # there are no settings yet
    assert run(INIT) == 0
    assert run(INIT) == 2  # it is not written over
    text = Path("monitor.yaml").read_text()
    Path("monitor.yaml").write_text(
        text.replace("grace_hours: 6", "grace_hours: 48")
        + "fallback: {order: [rules], checks: [drift.features]}\n"
    )
    assert run(["watch", "run"]) == 3  # nothing was judged
    assert run(["watch", "baseline", "audited.csv", "--start", days[0]]) == 0
    assert "Features: income, town." in capsys.readouterr().err

    assert run(["watch", "run", "quiet.csv", "--window", days[0], days[1]]) == 0
    assert "waits for labels" in capsys.readouterr().err
    assert run(["watch", "labels", "quiet-labels.csv"]) == 0
    assert "4,000 labels taken" in capsys.readouterr().err
    assert run(["watch", "run"]) == 0
    assert run(["watch", "run", "moved.csv", "--window", days[1], days[2]]) == 10
    assert run(["watch", "run", "moved.csv", "--window", days[0], days[2]]) == 2
    capsys.readouterr()

    name = _handled(capsys, today)
    _reported(capsys, name, days[0], f"{today + timedelta(days=1):%Y-%m-%d}")


def _handled(capsys: Any, today: datetime) -> str:
    assert run(["watch", "status", "--json"]) == 10
    state = json.loads(capsys.readouterr().out)
    assert state["fallback"]["serving"] == "rules"
    name = next(a["id"] for a in state["alerts"].values() if a["check"] == "drift.features")
    by = ["--by", "ann"]
    assert run(["watch", "close", name, *by]) == 2
    assert run(["watch", "ack", name, *by]) == 0
    assert "taken at your word" in capsys.readouterr().err
    cause = ["--cause", "upstream", "--decision", "mend the feed"]
    assert run(["watch", "triage", name, *by, *cause]) == 0
    assert run(["watch", "close", name, *by, "--note", "ticket 7"]) == 0
    until = f"{today + timedelta(days=9):%Y-%m-%d}"
    assert run(["watch", "silence", "*", *by, "--reason", "move", "--until", until]) == 0
    return str(name)


def _reported(capsys: Any, name: str, first: str, last: str) -> None:
    span = ["--from", first, "--to", last]
    capsys.readouterr()
    assert run(["watch", "report", *span, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [w["outcome"] for w in report["windows"]] == ["pass", "fail"]
    closed = next(a for a in report["alerts"] if a["alert"] == name)
    assert (closed["status"], closed["closed_by"], closed["cause"]) == ("closed", "ann", "upstream")
    assert report["hours"]["acknowledge"]["n"] == 1
    assert report["hours"]["detect"]["median"] >= 24
    assert [m["move"] for m in report["fallback"]] == ["fallback.entered"]
    assert run(["watch", "report", *span, "--csv"]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [w["rows"] for w in table] == ["4000", "4000"]
    assert run(["watch", "report", *span]) == 0
    assert run(["watch", "report", "--from", "2020-01-01", "--to", "2020-02-01"]) == 3
    assert run(["watch", "report", "--from", "2020-02-01", "--to", "2020-02-01"]) == 2


def test_a_drill_sends_and_rehearses_and_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    rows(500, 0).to_csv("audited.csv", index=False)
    assert run([*INIT, "--monitor", "monitor.yaml"]) == 0
    with Path("monitor.yaml").open("a") as file:
        file.write(
            "fallback: {order: [rules]}\nnotify:\n"
            "  - {program: /bin/true, on: [alert.opened]}\n"
            "  - {program: /bin/false, on: [alert.opened]}\n"
        )
    assert run(["watch", "drill", "--by", "ann"]) == 2  # there is no baseline
    assert run(["watch", "baseline", "audited.csv"]) == 0
    capsys.readouterr()
    assert run(["watch", "drill", "--by", "ann", "--json"]) == 10
    steps = {r["step"]: r["outcome"] for r in json.loads(capsys.readouterr().out)}
    assert steps == {
        "an alert of performance.tracked would open": "done",
        "rules would serve": "done",
        "the model would serve again, on trial": "done",
        "the model would be back": "done",
        "true takes a message": "done",
        "false takes a message": "no: exit code 1",
    }
    assert run(["watch", "status", "--json"]) == 3
    state = json.loads(capsys.readouterr().out)
    assert (state["alerts"], state["fallback"]["position"]) == ({}, "closed")


CHALLENGER: Final = """\
model: model.json
challenger: new.json
version: "4"
data: held.csv
label: bad
policy: own.yaml
"""
POLICY: Final = """\
id: {id}
version: "1"
title: One rule
as_of: 2026-11-30
rules:
  - {{id: R-1, title: rule, check: {check}, measure: {measure}, at_least: {bound}, severity: high,
     citation: test, why: test}}
"""
RETRAINING: Final = """\
retraining:
  checks: [drift.features]
  command: [{program}]
  challenger: {{audit: challenger.yaml, policies: [own.yaml, margins.yaml]}}
"""


@pytest.mark.parametrize("outcome", ["pass", "fail"])
def test_what_a_retraining_made_is_audited_by_the_run_that_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, outcome: str
) -> None:
    from xgboost import XGBClassifier

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    frame = rows(4000, 0)
    frame.to_csv("audited.csv", index=False)
    rows(2000, 9)[["income", "bad"]].to_csv("held.csv", index=False)
    for name, sign in (("model.json", 1), ("new.json", -1 if outcome == "fail" else 1)):
        model = XGBClassifier(n_estimators=5 + len(name), max_depth=2)
        model.fit(sign * frame[["income"]], frame["bad"]).save_model(name)
    Path("challenger.yaml").write_text(CHALLENGER)
    own = {"id": "own", "check": "performance.ranking", "measure": "auc", "bound": 0.6}
    margins = {
        "id": "margins", "check": "comparison.performance", "measure": "auc_change", "bound": -0.1
    }  # fmt: skip
    Path("own.yaml").write_text(POLICY.format(**own))
    Path("margins.yaml").write_text(POLICY.format(**margins))
    assert run([*INIT, "--monitor", "monitor.yaml"]) == 0
    with Path("monitor.yaml").open("a") as file:
        file.write(RETRAINING.format(program="/bin/true"))
    assert run(["watch", "baseline", "audited.csv"]) == 0
    day = datetime.now(UTC).date() - timedelta(days=1)
    days = [f"{day}", f"{day + timedelta(days=1)}"]
    assert run(["watch", "baseline", "audited.csv", "--start", days[0]]) == 0
    rows(4000, 5, 1.0).to_csv("moved.csv", index=False)
    assert run(["watch", "challenger"]) == 3  # nothing was made
    capsys.readouterr()
    assert run(["watch", "run", "moved.csv", "--window", *days]) == 10
    assert f"challenger.judged: {outcome}" in capsys.readouterr().err
    assert run(["watch", "status", "--json"]) == 10
    (request,) = json.loads(capsys.readouterr().out)["requests"]
    assert request["challenger"]["outcome"] == outcome
    assert run(["watch", "challenger"]) == 3  # it was judged
    assert run(["watch", "challenger", "R-0"]) == 2
    assert run(["watch", "promoted", request["id"], "--by", "mia"]) == (
        0 if outcome == "pass" else 2
    )


class _Server(socketserver.StreamRequestHandler):
    """As much of SMTP as takes one message."""

    taken: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            word = line.split(":")[0].upper()
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.taken.append(b"".join(lines).decode())
            if word == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"550 no\r\n" if "nobody@" in line else b"250 yes\r\n")


def test_people_are_told_by_mail() -> None:
    _Server.taken = []
    event = Event(
        id="log-7", source="/watch/credit", type="auditkit.watch.alert.opened",
        time=datetime(2026, 12, 1, tzinfo=UTC), data={"check": "drift.features\nBcc: x@y"},
    )  # fmt: skip
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given: dict[str, Any] = {
            "host": "127.0.0.1", "port": server.server_address[1], "security": "none",
            "sender": "watch@example.com", "to": ["ann@example.com"], "on": ["alert.opened"],
        }  # fmt: skip
        Mail(MailSettings.model_validate(given), Path()).send(event)
        with pytest.raises(UndeliveredError):
            Mail(MailSettings.model_validate(given | {"to": ["nobody@example.com"]}), Path()).send(
                event
            )
        server.shutdown()
    (message,) = _Server.taken
    head, _, body = message.replace("\r\n", "\n").partition("\n\n")
    assert "Subject: [auditkit] watch.alert.opened" in head
    assert "Message-ID: <log-7@auditkit.invalid>" in head
    assert "Bcc" not in head
    assert json.loads(body) == event.data
    with pytest.raises(UndeliveredError):
        Mail(MailSettings.model_validate(given), Path()).send(event)  # nobody listens
    with pytest.raises(ValueError, match="encryption"):
        MailSettings.model_validate(given | {"host": "mail.example.com"})
