"""The registry example, as its reader runs it: the story comes out as the README tells it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "registry" / "run.py"


@pytest.mark.server
def test_the_story_is_told_and_logged():
    # Whatever earlier tests in this process told MLflow: a server that is gone is waited for.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, EXAMPLE], capture_output=True, text=True, check=False, timeout=280,
        env={**own, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    outcomes = [word for row in rows for word in row if word in {"done", "refused"}]
    assert "".join(word[0] for word in outcomes) == "drdrdrdrdrdrdrd"  # done, refused, done, ...
    said = " ".join(done.stdout.split())
    for reason in (
        "no gate under the policy 'credit' has judged these files",
        "the last gate passed more than 30 days ago",
        "the statement is about other files",
        "these files belong to a version that was approved or promoted",
    ):
        assert reason in said
    assert "it is whole" in done.stderr
    assert "7 of them denials" in done.stderr
