"""What one audit costs: the mortgage example from its inputs to a verified report.

Each run is a process of its own. The training data are prepared before the clock starts; imports
count, as they do for whoever runs an audit.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RUNS = 3

ONE = """
import sys, json, pickle, resource, time
from pathlib import Path
laps, last = {}, time.perf_counter()
def lap(name):
    global last
    laps[name] = laps.get(name, 0.0) + time.perf_counter() - last
    last = time.perf_counter()
inputs = pickle.load(open(sys.argv[1], "rb"))
import auditkit as ak
import auditkit.loading.checks, auditkit.report
from auditkit.api import LOG_NAME, default_keys
lap("import")
auditkit.report.get_ready()
audit = ak.run(ak.Inputs(**inputs), policy="lending")
lap("measure and judge")
path = Path(sys.argv[2]) / "report.pdf"
steps = ["import"]
def step(_position, _count, name):
    if steps[-1] in ("log", "pages", "signature"):
        lap(steps[-1])
    steps.append(name)
last = time.perf_counter()
audit.report(path, log=str(path.with_name("log.db")), progress=step)
lap(steps[-1])
laps["the whole audit"] = sum(laps.values())
keys = default_keys()
asked = dict(trust=keys.trusted(), log_keys=keys.log_verifiers(LOG_NAME))
last = time.perf_counter()
found = ak.verify(path.read_bytes(), **asked)
lap("verify")
ak.verify(path.read_bytes(), **asked, render=False)
lap("verify without rendering")
from auditkit.report.typeset.pdf import Paper
def timed(function, name):
    def wrapped(*given, **named):
        global last
        last = time.perf_counter()
        done = function(*given, **named)
        lap(name)
        return done
    return wrapped
Paper.__init__ = timed(Paper.__init__, "  of the pages: layout")
Paper.write = timed(Paper.write, "  of the pages: drawing")
auditkit.report.render(audit)
laps["peak memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([laps, found.exit_code]))
"""

PREPARE = """
import pickle, sys
sys.path.insert(0, sys.argv[2])
import pandas as pd, people, run
table, _ = people.with_people(pd.read_csv(run.HERE / "data" / "hmda_boston_1990.csv"))
train, test, model, threshold = run.fit(table)
features = list(run.FEATURES.values())
pickle.dump(dict(model=model, data=test[features], labels=test["approved"],
                 groups=test[["race", "marital_status"]], reference=train[features],
                 threshold=threshold, name="mortgage"), open(sys.argv[1], "wb"))
"""


def main() -> None:
    """Prints seconds and memory, medians of several runs."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.pickle"
        example = str(ROOT / "examples" / "lending")
        subprocess.run([sys.executable, "-c", PREPARE, str(inputs), example], check=True)
        runs = []
        for number in range(RUNS):
            out = Path(folder) / str(number)
            done = subprocess.run(
                [sys.executable, "-c", ONE, str(inputs), str(out)],
                check=True,
                capture_output=True,
                text=True,
            )
            laps, _ = json.loads(done.stdout.splitlines()[-1])
            runs.append(laps)
    print(f"\nOne audit, 1,190 rows, medians of {RUNS} runs")
    for name in runs[0]:
        unit = "GiB" if name == "peak memory" else "s"
        print(f"  {name:<28}{statistics.median(run[name] for run in runs):8.2f} {unit}")
    for name, code in (
        ("import auditkit", "import auditkit"),
        ("auditkit --help", "from auditkit.cli import run; run(['--help'])"),
    ):
        print(f"  {name:<28}{statistics.median(_seconds(code) for _ in range(5)):8.2f} s")


def _seconds(code: str) -> float:
    timed = (
        f"import sys, time; began = time.perf_counter(); {code}; "
        "print(time.perf_counter() - began, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stderr.splitlines()[-1])


if __name__ == "__main__":
    main()
