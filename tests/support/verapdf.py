"""veraPDF, the independent judge of PDF/A and PDF/UA.

`.ci/setup test` sets it up in `.venv/verapdf`. Where the environment variable VERAPDF names a
program, that is called instead: `verapdf PROFILE FILE...` prints PASS or FAIL for each file.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / ".venv" / "verapdf"


def assert_conforms(profile: str, *files: Path) -> None:
    """Fails, with the clauses that were broken, unless the judge passes every file."""
    own = os.environ.get("VERAPDF")
    assert own or (_FOLDER / "stamp").exists(), "veraPDF is missing: run .ci/setup test"
    # For a minute's work the best compiler, and threads that collect, cost more than they save.
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"]
    java = ["java", *quick, "-cp", f"{_FOLDER}/*:{_FOLDER}/classes", "Vera", profile]
    done = subprocess.run(
        [own, profile, *files] if own else java,
        input="".join(f"{file}\n" for file in files),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASS")]
    assert len(passed) == len(files) > 0, f"{profile}: {done.stdout}{done.stderr}"
    assert done.returncode == 0
