"""Fairness by group next to fairlearn's MetricFrame: times, ratios of medians, and memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score, precision_score

from auditkit.measures.fairness.comparison import Fairness, fairness

ROWS, BOOTSTRAP_ROWS, MEMORY_ROWS = 1_000_000, 100_000, 10_000_000
REPLICATES, TIMED_REPLICATES = 1000, 20
METRICS = {
    "accuracy": accuracy_score,
    "selection_rate": selection_rate,
    "tpr": true_positive_rate,
    "fpr": false_positive_rate,
    "ppv": precision_score,
}


def case(rows: int) -> tuple[Any, Any, pd.DataFrame]:
    """Labels, decisions and three attributes with 2 x 5 x 3 = 30 intersections."""
    rng = np.random.default_rng(0)
    attributes = {"sex": ["f", "m"], "race": list("abcde"), "age": ["young", "middle", "old"]}
    groups = pd.DataFrame({name: rng.choice(values, rows) for name, values in attributes.items()})
    return rng.random(rows) < 0.4, rng.random(rows) < 0.5, groups


def median_seconds(work: Callable[[], Any], runs: int) -> float:
    """The median of several runs."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def peak_mib_beyond_input() -> float:
    """Peak resident memory of one call beyond what was held before it, in a process of its own."""
    labels, decisions, groups = case(MEMORY_ROWS)
    fairness(labels[:1000], decisions[:1000], groups=groups[:1000], depth=3)  # loads what is lazy
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is held now
    before = _status("VmRSS")
    _everything(fairness(labels, decisions, groups=groups, depth=3, metrics=tuple(METRICS)))
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise RuntimeError(field)


def _everything(result: Fairness) -> None:
    _ = result.by_group, result.disparities, result.bands()


def main() -> None:
    """Prints the table."""
    labels, decisions, groups = case(ROWS)

    def theirs(rows: int, **options: Any) -> Any:
        return MetricFrame(
            metrics=METRICS,
            y_true=labels[:rows],
            y_pred=decisions[:rows],
            sensitive_features=groups[:rows],
            **options,
        ).by_group

    def ours(rows: int) -> Fairness:
        return fairness(
            labels[:rows],
            decisions[:rows],
            groups=groups[:rows],
            depth=3,
            metrics=tuple(METRICS),
            replicates=REPLICATES,
        )

    ours(1000)
    print(f"{'what':58}{'fairlearn':>14}{'auditkit':>12}{'ratio':>10}")
    slow = median_seconds(lambda: theirs(ROWS), 3)
    fast = median_seconds(lambda: ours(ROWS).by_group, 7)
    _line(f"{ROWS:,} rows, 30 intersections, 5 metrics", f"{slow:.1f} s", fast, slow / fast)
    few = {"n_boot": TIMED_REPLICATES, "ci_quantiles": [0.025, 0.975], "random_state": 0}
    start = time.perf_counter()
    theirs(BOOTSTRAP_ROWS, **few)
    slow = (time.perf_counter() - start) * REPLICATES / TIMED_REPLICATES
    fast = median_seconds(lambda: _everything(ours(BOOTSTRAP_ROWS)), 7)
    what = f"{BOOTSTRAP_ROWS:,} rows, {REPLICATES:,} replicates, largest gaps and bands"
    _line(what, f"{slow:,.0f} s *", fast, slow / fast)
    print(f"* {TIMED_REPLICATES} replicates were timed, the rest is extrapolated")
    command = "import bench_fairness as b; print(b.peak_mib_beyond_input())"
    peak = subprocess.run(
        [sys.executable, "-c", command],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"memory beyond the input at {MEMORY_ROWS:,} rows: {float(peak.stdout):.0f} MiB")


def _line(what: str, slow: str, fast: float, ratio: float) -> None:
    print(f"{what:58}{slow:>14}{fast * 1000:>9.0f} ms{ratio:>9,.0f}x", flush=True)


if __name__ == "__main__":
    main()
