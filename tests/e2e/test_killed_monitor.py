"""A monitor that dies by SIGKILL around its writes loses nothing, and does nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_monitor_that_is_killed_at_its_writes_ends_where_a_calm_one_does(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_monitor", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # each start finds what was acknowledged before
    found = json.loads((tmp_path / "found.json").read_text())
    calm, killed = found["calm"], found["killed"]
    assert found["kills"] >= 15
    assert killed["state"] == calm["state"]
    # Every entry of the calm one is there once, and no other; kills repeat nothing. (The days are
    # begun anew, so the log also notes that the clock was set back.)
    own = [e for e in killed["entries"] if e[0] != "ledger.clock-set-back"]
    assert Counter(map(json.dumps, own)) == Counter(map(json.dumps, calm["entries"]))
    kinds = Counter(kind for kind, _ in own)
    assert kinds["alert.opened"] == len(killed["state"]["alerts"]) == 2
    assert {"alert.cleared", "alert.reopened", "fallback.entered", "monitor.missed"} <= set(kinds)
    # A message may come again after a kill, then with the same id; none is missing.
    messages = {event["id"]: (event["type"], event["data"]["at"]) for event in killed["told"]}
    said = [(event["type"], event["data"]["at"]) for event in calm["told"]]
    assert sorted(messages.values()) == sorted(said)
