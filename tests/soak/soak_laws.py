"""The laws that the suite tries some times, tried many times: simulated coverage, changed bytes.

Usage: python tests/soak/soak_laws.py [what pytest takes, such as -k coverage]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Runs the tests marked `repeated` at their full length."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "repeated", "--timeout", "3000"]
    environment = os.environ | {"AUDITKIT_TEST_SOAK": "1"}
    done = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, env=environment, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
