"""The gate as a function, for a pipeline in Python: it returns the verdict, or stops the pipeline.

    python examples/ci/gate.py audit.yaml

`auditkit gate` runs in a process of its own, as it would in a shell. Its exit code is the verdict.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class GateError(RuntimeError):
    """The audit did not pass. Its message names the rules that stand in the way."""


def gate(audit_file: str, *, against: str | None = None) -> dict[str, Any]:
    """Runs an audit.

    Args:
        audit_file: The audit file.
        against: An earlier statement.json; the gate then fails, too, if anything got worse.

    Returns:
        The verdict with every finding, as `auditkit gate --json` prints it.

    Raises:
        GateError: If the verdict is not "pass", or the audit cannot run.
    """
    command = [sys.executable, "-m", "auditkit", "gate", audit_file, "--json"]
    command += ["--against", against] if against else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 10, 11}:
        raise GateError(done.stderr.strip() or f"auditkit ended with {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    if done.returncode != 0:
        raise GateError(" ".join(found["verdict"]["reasons"]))
    return found


if __name__ == "__main__":
    print(gate(sys.argv[1])["verdict"]["decision"])
