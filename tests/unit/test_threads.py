"""Nothing of the process is touched: not by a name in the package, nor while eight threads work.

And a handful of rows is scored by one thread, whatever the model was told, and only for as long.
"""

from __future__ import annotations

import ast
import csv
import decimal
import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits

import auditkit as ak
from auditkit.deid import Deidentifier
from auditkit.measures.attribution.explainer import Explainer
from auditkit.model.threads import FEW_ROWS
from auditkit.report import render

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


def test_one_thread_is_lent_to_the_thread_that_scores_alone():
    scoring, seen = threading.Barrier(2), []

    def model(table: pd.DataFrame):
        if len(table) == 1:
            seen.append(max(pools()))
            scoring.wait()  # the other thread looks
            scoring.wait()
        return table.a

    HistGradientBoostingClassifier(max_iter=1).fit(ROWS, ROWS.a > 0)
    with threadpool_limits(limits=2, user_api="openmp"):
        explainer = Explainer(model, ROWS)
        with ThreadPoolExecutor(1) as other:
            work = other.submit(explainer.predict, ROWS.head(1))
            scoring.wait()
            assert (seen, max(pools())) == ([1], 2)
            scoring.wait()
            work.result()


# What belongs to the whole process, as the package would write it. An attribute counts whatever it
# is taken of: `warnings.catch_warnings` and `w.catch_warnings` alike.
PROCESS_WIDE = {
    "catch_warnings", "simplefilter", "filterwarnings", "showwarning", "resetwarnings",
    "redirect_stdout", "redirect_stderr", "dup2", "__stdout__", "__stderr__",
    "signal", "setitimer", "alarm", "pthread_sigmask", "set_wakeup_fd", "kill",
    "environ", "putenv", "unsetenv", "chdir", "fchdir", "umask", "setrlimit", "tzset",
    "field_size_limit", "setlocale", "setcontext", "getcontext", "localcontext",
    "setrecursionlimit", "setswitchinterval", "set_int_max_str_digits", "excepthook",
    "setdefaulttimeout", "settrace", "setprofile",
    "setLevel", "addHandler", "removeHandler", "addFilter", "basicConfig", "dictConfig",
    "captureWarnings", "disable",
    "rcParams", "rc_context", "rcdefaults", "pyplot", "ttflist", "addfont",
    "threadpool_limits", "set_option", "option_context", "set_config", "config_context",
    "set_num_threads", "default_rng_state",
}  # fmt: skip
STREAMS = {"stdout", "stderr"}
# Functions of numpy's and Python's one global generator.
GLOBAL_RANDOM = {"seed", "rand", "randn", "set_state", "setstate"}
# Where such a name may stand, and why.
ALLOWED = {
    ("cli", None): "the program, whose process it is",
    ("mlflow_guard", None): "the MLflow server's application, whose process it is",
    ("api.py", "environ"): "reads where a user's keys lie; writes nothing",
    ("watching/monitor/opening.py", "environ"): "reads where a user's keys lie; writes nothing",
    ("registry/models.py", "environ"): "MLflow's telemetry has no other switch before it sends",
    ("isolation/confinement.py", "setrlimit"): "limits the forked process that it runs in",
    ("isolation/layers.py", "setrlimit"): "limits the process of a model that it runs in",
    ("isolation/residence.py", "dup2"): "redirects the streams of that process",
    ("report/again.py", "disable"): "the collector of a child process that ends with one report",
    ("isolation/server.py", "dup2"): "redirects the streams of the child process that it runs in",
    ("model/threads.py", "limit"): "an OpenMP limit is the calling thread's; tested above",
}


def named(tree: ast.AST) -> set[str]:
    """The process-wide things that a module names."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in PROCESS_WIDE or (node.attr in STREAMS and of == "sys"):
                found.add(node.attr)
            if node.attr in GLOBAL_RANDOM and ast.unparse(node.value) in {"random", "np.random"}:
                found.add(f"random.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            found |= {a.name for a in node.names if a.name in PROCESS_WIDE}
            found |= {"pyplot"} if node.module == "matplotlib.pyplot" else set()
        elif isinstance(node, ast.Import):
            found |= {"pyplot" for a in node.names if a.name == "matplotlib.pyplot"}
    return found


def is_allowed(path: str, name: str) -> bool:
    """Whether a name may stand in a module, by the list above."""
    return any(path.startswith(where) and (what is None or what == name) for where, what in ALLOWED)


def test_the_package_names_nothing_of_the_process():
    package = Path(ak.__file__).parent
    paths = [p for p in package.rglob("*.py") if "_data" not in p.parts]
    assert len(paths) > 200
    found = [
        f"{where} names {name}"
        for path in paths
        for name in sorted(named(ast.parse(path.read_text())))
        if not is_allowed(where := path.relative_to(package).as_posix(), name)
    ]
    assert not found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import warnings as w\nwith w.catch_warnings(): pass", "catch_warnings"),
        ("from contextlib import redirect_stdout", "redirect_stdout"),
        ("import os\nos.environ['A'] = 'b'", "environ"),
        ("import sys\nsys.stderr = None", "stderr"),
        ("import matplotlib.pyplot as plt", "pyplot"),
        ("import numpy as np\nnp.random.seed(0)", "random.seed"),
        ("import csv\ncsv.field_size_limit(9)", "field_size_limit"),
        ("import logging\nlogging.getLogger('x').setLevel(10)", "setLevel"),
    ],
)
def test_the_walk_finds_such_names(text, name):
    assert named(ast.parse(text)) == {name}
    assert not is_allowed("measures/explainer.py", name)


def process_state() -> dict[str, object]:
    """Everything of the process that a library could leave changed.

    But for the filters of warnings: pandas and scikit-learn set and restore them in every call, on
    whatever thread, which Python does not make safe. None of ours does, by the walk above, and none
    of matplotlib's that is called.
    """
    import matplotlib as mpl

    loggers = {
        name: (logger.level, logger.disabled, logger.propagate, tuple(map(id, logger.handlers)))
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    handled = [s for s in signal.valid_signals() if s not in {signal.SIGKILL, signal.SIGSTOP}]
    return {
        "streams": (id(sys.stdout), id(sys.stderr), id(sys.stdin)),
        "descriptors": tuple(Path(f"/proc/self/fd/{fd}").readlink() for fd in (0, 1, 2)),
        "signals": [signal.getsignal(s) for s in handled],
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "warnings": id(warnings.showwarning),
        "matplotlib's warnings": [f for f in warnings.filters if "Formatter" in str(f[1])],
        "loggers": loggers,
        "root logger": (logging.root.level, logging.root.manager.disable),
        "csv": csv.field_size_limit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "decimal": str(decimal.getcontext()),
        "numpy errors": np.geterr(),
        "numpy's numbers": str(np.random.get_state()),  # noqa: NPY002 - the one that is not used
        "Python's numbers": random.getstate(),
        "timeout": socket.getdefaulttimeout(),
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "collector": (gc.isenabled(), gc.get_threshold()),
        "excepthook": id(sys.excepthook),
        "matplotlib": dict(mpl.rcParams),
        "threads": tuple(p["num_threads"] for p in threadpool_info()),
        "pandas": pd.get_option("display.max_rows"),
    }


@pytest.mark.slow
def test_eight_threads_leave_the_process_as_it_was_and_give_what_one_gives(tmp_path):
    import xgboost

    rng = np.random.default_rng(1)
    rows = pd.DataFrame(rng.normal(size=(240, 3)), columns=list("abc"))
    labels = (rows.a + rows.b > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1).fit(rows, labels)
    forest = HistGradientBoostingClassifier(max_iter=5).fit(rows, labels)
    groups = pd.DataFrame({"sex": rng.choice(["f", "m"], 240)})
    reader = Deidentifier(model=False)
    note = "Ann Lee called on 12 March 2020 about MRN 4711223."

    def explained() -> bytes:
        found = [ak.explain(m, rows.head(70), reference=rows) for m in (model, forest)]
        asked = ak.explain(lambda t: t.a * t.b, rows.head(3), reference=rows)
        return b"".join(e.values.tobytes() for e in (*found, asked))

    def audited() -> bytes:
        inputs = ak.Inputs(
            model=model, data=rows, labels=labels, groups=groups, reference=rows.head(60)
        )
        audit = ak.run(inputs, policy="starter", today=date(2026, 11, 24))
        return audit.statement + audit.report_id.encode()

    def drawn() -> bytes:
        e = ak.explain(model, rows.head(70), reference=rows)
        charts = [e.plot(kind).svg for kind in ("bar", "beeswarm")]
        return "".join([*charts, e.plot("waterfall", row=3).svg]).encode()

    def reported() -> bytes:
        return render(judgement)

    def redacted() -> bytes:
        return reader.redact(note).encode()

    inputs = ak.Inputs(data=rows, labels=labels, scores=model.predict_proba(rows)[:, 1])
    judgement = ak.run(inputs, policy="starter", today=date(2026, 11, 24))
    work = [explained, audited, drawn, reported, redacted, explained, redacted, drawn]
    alone = [one() for one in work]  # also imports whatever is imported late
    before = process_state()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: one(), work))
    after = process_state()
    assert {k: v for k, v in after.items() if before[k] != v} == {}
    assert together == alone
