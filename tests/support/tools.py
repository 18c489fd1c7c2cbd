"""Other people's programs that `.ci/setup test` puts into `.venv/tools`."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / ".venv" / "tools"
_PLACES = {
    "sarif-multitool": "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool",
}


def called(name: str, *arguments: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    """Runs a program; gives its exit code and all that it printed."""
    program = _FOLDER / _PLACES.get(name, f"bin/{name}")
    assert program.is_file(), f"{name} is missing; '.ci/setup test' installs it"
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr
