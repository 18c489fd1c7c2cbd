"""Error rates of watching with many draws: minutes, run by hand.

python -m tests.soak.soak_watch
"""

# ruff: noqa: T201 - it is run by hand, and prints

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

import auditkit as ak
from auditkit.watching.drift.cells import psi
from tests.unit.test_concept_drift import alarms
from tests.unit.test_drift_statistics import normal_shares


def main(draws: int = 5000, months: int = 40) -> None:
    """Prints coverage of PSI's interval, false alarms of e-processes, and of months of days."""
    draw = np.random.default_rng(0)
    edges = stats.norm.ppf(np.arange(1, 10) / 10)
    for shift in (0.0, 0.1, 0.22, 0.5):
        p, q = normal_shares(edges, 0), normal_shares(edges, shift)
        true = float(((q - p) * np.log(q / p)).sum())
        for n, m in ((500, 500), (2000, 300), (10_000, 10_000)):
            found = [psi(draw.multinomial(n, p), draw.multinomial(m, q)) for _ in range(draws)]
            covered = np.mean([e.lower <= true + 1e-12 <= e.upper for e in found])  # type: ignore[operator]
            print(f"PSI, shift {shift}, {n} and {m} rows: covers {covered:.3f}")
    for rows in (1000, 2000, 5000, 20_000):
        wrong = np.mean([day > 0 for day in alarms(2000, 0.2, rows, rows=rows)])
        print(f"e-process, baseline of {rows} rows: {wrong:.4f} of runs alarm")
    names = [f"x{i}" for i in range(300)]
    base = ak.Profile.fit(pd.DataFrame(draw.normal(size=(20_000, 300)), columns=names))
    loud = 0
    for _ in range(months):
        days = (pd.DataFrame(draw.normal(size=(2000, 300)), columns=names) for _ in range(30))
        loud += any(ak.watch(base, base.of(day)).alerts for day in days)
    print(f"{loud} of {months} months of 30 clean days with 300 features have an alert")


if __name__ == "__main__":
    main()
