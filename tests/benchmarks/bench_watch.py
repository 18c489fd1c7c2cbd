"""Speed of watching: counting, comparing, merging, one decision; run it by itself.

python -m tests.benchmarks.bench_watch
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import auditkit as ak


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Prints how long some work takes, and the most memory so far."""
    began = time.perf_counter()
    found = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {time.perf_counter() - began:.2f} s, peak {peak:,.0f} MB")
    return found


def table(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """Normal numbers."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        draw.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)]
    )


def main() -> None:
    """Runs every benchmark."""
    base, day = ak.Profile.fit(table(100_000, 20, 0)), table(100_000, 20, 1)
    timed("watch 100,000 x 20", lambda: ak.watch(base, base.of(day)))
    timed("again", lambda: ak.watch(base, base.of(day)))
    hours = [base.of(day.iloc[i * 50 : i * 50 + 50].reset_index(drop=True)) for i in range(720)]
    timed("merge 720 hours", lambda: sum(hours))
    tally, rows = base.tally(), day.iloc[:5000].to_dict("records")
    timed("tally 5,000 decisions", lambda: [tally.add(row) for row in rows])
    wide = ak.Profile.fit(table(20_000, 100, 0))
    batches = (table(20_000, 100, i) for i in range(5))
    timed("stream 5 x 20,000 x 100, made on the way", lambda: sum(wide.of(b) for b in batches))


if __name__ == "__main__":
    main()
