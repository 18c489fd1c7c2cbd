"""The hospital example, as a reader runs it: one command, both modes, no name left."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from auditkit.deid import Plan
from auditkit.evidence import Evidence

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_example_runs_in_both_modes_and_leaves_no_identifier(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "hospital" / "run.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(ROOT / "examples" / "hospital"))
    from patients import hospital

    people, _ = hospital()
    out = tmp_path / "out" / "hospital"
    for mode in ("safe-harbor", "expert"):
        released = pd.read_csv(out / mode / "visits.csv", dtype=str)
        text = (out / mode / "visits.csv").read_text() + "".join(
            p.read_text() for p in (out / mode).glob("*.json")
        )
        assert len(released) == len(people) == 400
        for column in ("patient_name", "mrn", "phone", "email"):
            assert not [value for value in people[column] if value in text]
        assert Plan.from_yaml((out / mode / "plan.yaml").read_text()).mode == mode
        leaks = Evidence.from_file((out / mode / "privacy.leaks.json").read_bytes())
        assert leaks.measurement("leaks").value == 0
    assert (pd.read_csv(out / "safe-harbor" / "visits.csv")["visit_date"] < 2027).all()
    recall = Evidence.from_file((out / "privacy.recall.json").read_bytes())
    assert recall.measurement("recall").lower > 0.95
    assert (out / "vault.key").stat().st_mode & 0o077 == 0
