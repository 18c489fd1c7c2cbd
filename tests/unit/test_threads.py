"""A handful of rows is scored by one thread, whatever the model was told, and only for as long."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from auditkit.measures.explainer import Explainer
from auditkit.measures.threads import FEW_ROWS

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(FEW_ROWS + 1, 2)), columns=["a", "b"])


def pools() -> set[int]:
    """How many threads the pools of OpenMP hold."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}


@pytest.mark.parametrize(("rows", "threads", "jobs"), [(1, 1, 1), (FEW_ROWS + 1, 2, 2)])
def test_how_many_threads_score(rows, threads, jobs):
    seen = []

    def model(table: pd.DataFrame):
        backend, _ = joblib.parallel.get_active_backend()
        seen.append((len(table), max(pools()), backend.effective_n_jobs(2)))
        return table.a + table.b

    HistGradientBoostingClassifier(max_iter=1).fit(ROWS, ROWS.a > 0)  # loads OpenMP
    with threadpool_limits(limits=2, user_api="openmp"):
        explainer = Explainer(model, ROWS)
        del seen[:]
        explainer.predict(ROWS.head(rows))
        assert seen == [(rows, threads, jobs)]
        assert max(pools()) == 2
