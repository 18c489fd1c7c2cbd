"""MLflow's server with auditkit in front of every route.

    AUDITKIT_SERVER=server.yaml mlflow server --app-name auditkit ...

`create_app` is the standalone application: auditkit authenticates and decides.
`create_composed_app` keeps MLflow's own users and permissions and adds auditkit's veto, which
binds its admins too.

Both refuse to start without a settings file, a sealed policy and a log that can be written, or if
MLflow has a new route that changes something and is not in the endpoint tables.

MLflow's command line imports this module before it starts a server: what is wrong by then ends it
with exit code 2. What only a worker can see ends the worker, and the first worker also stops its
supervisor. (MLflow's command line then exits with 0, whatever happened to its server.)

No server plugin can stop somebody who has the database's or the bucket's credentials, runs
`mlflow gc`, or restarts the server without `--app-name`; nor a presigned URL that was handed out;
nor consumers that load a version by its number instead of the alias, or read the bucket themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from auditkit.errors import AuditkitError

# uvicorn and gunicorn take this exit code to mean that a worker would fail again.
_STARTUP_FAILED: Final = 3
_BAD_INPUT: Final = 2


def create_app() -> Any:
    """Makes the standalone application; MLflow's server calls it in each worker.

    Raises:
        SystemExit: If it may not start; the message says what to do.
    """
    return _built(composed=False)


def create_composed_app() -> Any:
    """Makes the application on top of MLflow's own basic authentication.

    Raises:
        SystemExit: If it may not start; the message says what to do.
    """
    return _built(composed=True)


def _built(*, composed: bool) -> Any:
    from auditkit.mlflow_guard.serve.build import build

    try:
        return build(composed=composed)
    except AuditkitError as error:
        # The operator reads this line instead of a traceback.
        _say(error)
        raise SystemExit(_ended()) from None


def _say(error: AuditkitError) -> None:
    sys.stderr.write(f"auditkit refuses to start: {error}\n")
    sys.stderr.flush()


def _ended() -> int:
    """The exit code of a worker that refuses to start; stops a supervisor that would restart it.

    If the first worker refuses, the server does not start. A later one, which replaces a worker
    that died, refuses only for itself: the others keep running.
    """
    if multiprocessing.parent_process() is not None:
        if not multiprocessing.current_process().name.endswith("Process-1"):
            return 1
        # Releases of uvicorn before July 2026 do not know the exit code.
        os.kill(os.getppid(), signal.SIGTERM)
    elif (gunicorn := sys.modules.get("gunicorn.arbiter")) and gunicorn.Arbiter.WORKERS:
        # A forked worker sees the workers that were started before it.
        return 1
    return _STARTUP_FAILED


def _in_command_line() -> bool:
    """Whether this is `mlflow server` before it starts workers, for which it sets a variable."""
    program = Path(sys.argv[0]).parts[-2:]
    return "mlflow" in program and "server" in sys.argv and "_MLFLOW_SGI_NAME" not in os.environ


def _refuse_early() -> None:
    from auditkit.mlflow_guard.serve.build import refuse_early

    composed = any("auditkit-composed" in argument for argument in sys.argv)
    try:
        refuse_early(composed=composed)
    except AuditkitError as error:
        _say(error)
        raise SystemExit(_BAD_INPUT) from None


if _in_command_line():
    _refuse_early()
