"""veraPDF, the independent judge of PDF/A and PDF/UA.

It is a program called as `verapdf PROFILE FILE...`, which prints PASS or FAIL for each file. It
lies beside the repository, or where the environment variable VERAPDF says. What it fetches on first
use is kept in `.venv` for every test and every run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JUDGE = Path(os.environ.get("VERAPDF") or ROOT.parent / "shared" / "tools" / "verapdf")
_CACHE = ROOT / ".venv" / "verapdf"


def assert_conforms(profile: str, *files: Path) -> None:
    """Fails, with the clauses that were broken, unless the judge passes every file."""
    assert JUDGE.exists(), "veraPDF is missing: lay it at ../shared/tools/verapdf, or set VERAPDF"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first uses at once would fetch into each other
        done = subprocess.run(
            [JUDGE, profile, *files],
            env={**os.environ, "VERAPDF_CACHE": str(_CACHE)},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASS")]
    assert len(passed) == len(files) > 0, f"{profile}: {done.stdout}{done.stderr}"
    assert done.returncode == 0
