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
inputs = pickle.load(open(sys.argv[1], "rb"))
began = time.perf_counter()
import auditkit as ak
from auditkit.api import LOG_NAME, default_keys
from auditkit.ledger import NoteSigner
audit = ak.run(ak.Inputs(**inputs), policy="lending")
judged = time.perf_counter()
path = Path(sys.argv[2]) / "report.pdf"
audit.report(path)
reported = time.perf_counter()
keys = default_keys()
log_key = keys.log_signer(LOG_NAME)
found = ak.verify(path.read_bytes(), trust=keys.trusted(), log_keys=[log_key.verifier])
verified = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([judged - began, reported - judged, verified - reported, verified - began,
                  peak / 2**20, found.exit_code]))
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
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    names = ("measure and judge", "log, render and sign", "verify", "the whole audit")
    print(f"\nOne audit, 1,190 rows, medians of {RUNS} runs")
    for position, name in enumerate(names):
        print(f"  {name:<24}{statistics.median(r[position] for r in runs):8.2f} s")
    print(f"  {'peak memory':<24}{statistics.median(r[4] for r in runs):8.2f} GiB")
    for name, code in (
        ("import auditkit", "import auditkit"),
        ("auditkit --help", "from auditkit.cli import run; run(['--help'])"),
    ):
        print(f"  {name:<24}{statistics.median(_seconds(code) for _ in range(5)):8.2f} s")


def _seconds(code: str) -> float:
    timed = (
        f"import sys, time; began = time.perf_counter(); {code}; "
        "print(time.perf_counter() - began, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stderr.splitlines()[-1])


if __name__ == "__main__":
    main()
