"""A monitor of one feature in a folder, with a clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import auditkit as ak
from auditkit.watching.monitor.monitor import Monitor
from auditkit.watching.monitor.record import facts

POLICY = """\
id: tiny
version: "1"
title: Two rules
as_of: 2026-12-01
windows: 1
rules:
  - {id: F, title: features, check: drift.features, measure: ks, at_most: 0.2, min_n: 50,
     severity: medium, citation: test, why: test}
  - {id: P, title: right, check: performance.tracked, measure: accuracy_loss, at_most: 0.1,
     min_n: 50, severity: high, citation: test, why: test}
"""
SETTINGS = """\
name: pricing
model: {{name: credit, version: "3"}}
policy: policy.yaml
log: log.db
schedule: {{grace_hours: 1}}
columns: {{key: id, score: score, label: bad}}
alerts: {{cooldown_hours: 0{alerts}}}
{more}"""
START = datetime(2026, 11, 2, tzinfo=UTC)


def rows(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    income = draw.normal(shift, 1, n)
    score = 1 / (1 + np.exp(-2 * income))
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "income": income,
            "score": score,
            "bad": (draw.random(n) < score).astype(int),
        }
    )


REFERENCE = rows(1000, 0)
BASE = ak.Profile.fit(
    REFERENCE[["income"]], scores=REFERENCE["score"], labels=REFERENCE["bad"]
)  # fmt: skip


class World:
    """A folder with a monitor, and a clock."""

    def __init__(self, folder: Path, alerts: str = "", more: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "monitor.yaml").write_text(SETTINGS.format(alerts=alerts, more=more))
        self.folder, self.keys = folder, ak.KeyStore(folder / "keys")
        self.now = START + timedelta(hours=12)
        self.monitor = self.opened()
        self.monitor.baseline(BASE)

    def opened(self) -> Monitor:
        return Monitor.open(self.folder / "monitor.yaml", keys=self.keys, clock=lambda: self.now)

    def day(self, shift: float | None, *, labels: str = "") -> list[str]:
        """One day: its rows (None: there are none), then a step on the next day."""
        seed = (self.now - START).days + 1
        frame = rows(600, seed, shift or 0.0)
        if shift is not None:
            self.monitor.observe(frame.drop(columns="bad"))
        if labels:
            frame["bad"] = 1 - frame["bad"] if labels == "wrong" else frame["bad"]
            self.monitor.labels(frame[["id", "bad"]])
        self.now += timedelta(days=1)
        return [s.kind for s in self.monitor.step() if s.kind != facts.WINDOW]
