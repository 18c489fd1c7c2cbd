"""SHAP against the whole reference: auditkit beside shap, on one machine, one run.

    python tests/benchmarks/bench_attribution.py

Every time is the median of a few runs, model loaded, libraries imported and warm. What shap would
take for 2,000 rows is measured on fewer rows and scaled, as its time is linear in them; the table
says so. Only rows that both computed are compared, and the largest difference is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import shap
import xgboost
from sklearn.ensemble import RandomForestClassifier

from auditkit.measures.attribution.explain import explain
from auditkit.measures.attribution.explainer import Explainer


def tell(line: str) -> None:
    """One line of a table."""
    print(line, flush=True)


def table(rows: int, features: int = 20, seed: int = 0) -> pd.DataFrame:
    """Rows of independent normal features."""
    values = np.random.default_rng(seed).normal(size=(rows, features))
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(features)])


def label(rows: pd.DataFrame) -> Any:
    """An outcome with an interaction and noise."""
    noise = np.random.default_rng(9).normal(size=len(rows))
    return (rows.f0 + rows.f1 * rows.f2 + noise > 0).astype(int)


def boosted(trees: int = 100, depth: int = 6, features: int = 20) -> Any:
    """A fitted XGBoost classifier."""
    train = table(10_000, features, seed=1)
    return xgboost.XGBClassifier(n_estimators=trees, max_depth=depth).fit(train, label(train))


def seconds(work: Callable[[], Any], runs: int = 3) -> float:
    """The median time of a few runs."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def by_shap(model: Any, rows: pd.DataFrame, reference: pd.DataFrame) -> Any:
    """shap with every row of the reference."""
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    return shap.TreeExplainer(model, masker).shap_values(rows, check_additivity=False)


def beside_shap() -> None:
    """2,000 rows against 1,000, and 50,000 against 10,000."""
    model = boosted()
    rows, reference = table(50_000, seed=2), table(10_000, seed=3)
    few, some = rows.head(2_000), reference.head(1_000)
    sample = rows.head(100)
    explain(model, sample, reference=some)
    ours = seconds(lambda: explain(model, few, reference=some))
    theirs = seconds(lambda: by_shap(model, sample, some), runs=2)
    scaled = theirs * len(few) / len(sample)
    apart = np.abs(
        explain(model, sample, reference=some).values - by_shap(model, sample, some)
    ).max()
    tell("XGBoost, 100 trees of depth 6, 20 features")
    tell(f"  2,000 x 1,000    auditkit, with its checks  {ours:8.2f} s")
    tell(
        f"                   shap, whole reference      {scaled:8.2f} s"
        f"   ({len(sample)} rows x {len(few) // len(sample)})"
    )
    tell(
        f"                   ratio                      {scaled / ours:8.1f}"
        f"     largest difference {apart:.1e}"
    )
    ours = seconds(lambda: explain(model, rows, reference=reference))
    tell(f"  50,000 x 10,000  auditkit, with its checks  {ours:8.2f} s")


def growth() -> None:
    """How time grows, one thing at a time; seconds."""
    tell("Growth from 5,000 rows, 2,000 of reference, 100 trees of depth 6, 20 features")
    start = {"rows": 5_000, "reference": 2_000, "trees": 100, "depth": 6, "features": 20}
    steps: dict[str, tuple[int, ...]] = {
        "rows": (1_000, 5_000, 25_000),
        "reference": (500, 2_000, 8_000),
        "trees": (50, 100, 200),
        "depth": (3, 6, 8, 10, 12),
        "features": (10, 20, 40),
    }
    for name, values in steps.items():
        for value in values:
            at = {**start, name: value}
            model = boosted(at["trees"], at["depth"], at["features"])
            rows = table(at["rows"], at["features"], seed=2)
            reference = table(at["reference"], at["features"], seed=3)
            ours = seconds(lambda m=model, x=rows, r=reference: explain(m, x, reference=r), 2)
            tell(f"  {name:<10} {value:>7,}   auditkit {ours:7.2f}")


def deep_forest() -> None:
    """A forest whose trees grow as deep as they like, which shap takes hours for."""
    train = table(5_000, seed=1)
    model = RandomForestClassifier(50, random_state=0, n_jobs=2).fit(train, label(train))
    rows, reference = table(500, seed=2), table(500, seed=3)
    ours = seconds(lambda: explain(model, rows, reference=reference), 1)
    theirs = seconds(lambda: by_shap(model, rows.head(10), reference), 1) * 50
    tell("Random forest classifier, 50 trees of any depth, 500 x 500")
    tell(f"  auditkit {ours:.2f} s, shap {theirs:.2f} s (10 rows x 50), {theirs / ours:.1f} times")


def one_decision() -> None:
    """One row with its reasons, explainer at hand, beside shap's time for the same row."""
    model = boosted()
    rows, reference = table(300, seed=2), table(1_000, seed=3)
    explainer = Explainer(model, reference)
    explainer.explain(rows.head(1)).reasons(0)
    taken = []
    for i in range(len(rows)):
        row = rows.iloc[[i]]
        began = time.perf_counter()
        explainer.explain(row).reasons(0)
        taken.append(time.perf_counter() - began)
    masker = shap.maskers.Independent(reference, max_samples=len(reference))
    peer = shap.TreeExplainer(model, masker)
    theirs = [seconds(lambda i=i: peer.shap_values(rows.iloc[[i]]), 1) for i in range(50)]
    tell("One decision with its reasons, 1,000 rows of reference, explainer ready")
    tell(
        f"  auditkit median {1e3 * median(taken):.1f} ms, p99 {1e3 * np.quantile(taken, 0.99):.1f}"
        f" ms; shap median {1e3 * median(theirs):.1f} ms, p99 "
        f"{1e3 * np.quantile(theirs, 0.99):.1f} ms"
    )


def main() -> None:
    """Prints every table."""
    beside_shap()
    one_decision()
    deep_forest()
    growth()


if __name__ == "__main__":
    main()
