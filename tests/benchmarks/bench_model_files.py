"""What it costs to keep a model in a process of its own: the start, and every crossing.

Run: python -m tests.benchmarks.bench_model_files
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from auditkit.errors import InputError
from auditkit.loading import load_model

ROWS, COLUMNS, TRIES = 100_000, 20, 7


def seconds(work):
    """The least time of several tries; the first, which prepares, does not count."""
    work()
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def loaded(path):
    try:
        return load_model(path)
    except InputError as error:
        digest = error.remedy.partition("{model: ")[2].partition("}")[0]
        return load_model(path, expect=digest)


def main():
    """Prints the times in milliseconds, in process and apart."""
    from sklearn.linear_model import LogisticRegression
    from xgboost import XGBClassifier

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(ROWS, COLUMNS)), columns=[f"c{i}" for i in range(COLUMNS)])
    labels = (rows["c0"] + rows["c1"] ** 2 > rng.normal(size=ROWS)).astype(int)
    few = rows[:5000]
    with tempfile.TemporaryDirectory() as folder:
        trees = XGBClassifier(n_estimators=300, max_depth=6).fit(few, labels[:5000])
        trees.save_model(Path(folder) / "trees.ubj")
        linear = LogisticRegression().fit(few, labels[:5000])
        joblib.dump(linear, Path(folder) / "linear.joblib")
        for name, model, libraries in (
            ("trees.ubj", trees, "numpy, pandas, pyarrow, scipy.stats, xgboost"),
            ("linear.joblib", linear, "numpy, pandas, pyarrow, scipy.stats, sklearn, joblib"),
        ):
            path = Path(folder) / name
            imports = seconds(
                lambda: subprocess.run([sys.executable, "-c", f"import {libraries}"], check=True)  # noqa: B023
            )
            start = seconds(lambda: loaded(path).close())  # noqa: B023
            apart = loaded(path)
            here, there = (
                seconds(lambda: m.predict_proba(rows))  # noqa: B023
                for m in (model, apart)
            )
            assert np.array_equal(apart.predict_proba(rows), model.predict_proba(rows))
            print(
                f"{name}: start {1000 * start:.0f} ms, of it imports {1000 * imports:.0f}; "
                f"{ROWS:,} x {COLUMNS}: {1000 * here:.0f} ms here, {1000 * there:.0f} ms apart "
                f"({1000 * (there - here):+.0f} ms, {100 * (there / here - 1):+.0f} %) "
                f"[{', '.join(apart.confinement.layers)}]"
            )
            apart.close()


if __name__ == "__main__":
    main()
