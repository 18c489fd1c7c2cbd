"""MLflow's server with auditkit in front of every route.

    AUDITKIT_SERVER=server.yaml mlflow server --app-name auditkit ...

`create_app` is the standalone application: auditkit authenticates and decides.
`create_composed_app` keeps MLflow's own users and permissions and adds auditkit's veto, which
binds its admins too.

Both refuse to start without a settings file, a sealed policy, a log that can be written, or when
MLflow has grown a route that changes something and that the endpoint tables do not know.

What no server plugin can stop: whoever has the database's or the bucket's credentials, runs
`mlflow gc` or restarts the server without `--app-name`; a presigned URL once it is out; consumers
that load a version by its number instead of the alias.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

from auditkit.errors import AuditkitError


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
    from auditkit.access.mlflow_app.build import build

    try:
        return build(composed=composed)
    except AuditkitError as error:
        _stop_supervisor()
        # The worker ends here; whoever runs the server reads this line, not a traceback.
        raise SystemExit(f"auditkit refuses to start: {error}") from None


def _stop_supervisor() -> None:
    """Ends uvicorn's supervisor, which would start workers that refuse again and again.

    Its first worker speaks for the server's start. A worker that it starts later, in the place of
    one that died, refuses for itself alone: the others go on.
    """
    if multiprocessing.parent_process() is None:
        return
    if multiprocessing.current_process().name.endswith("Process-1"):
        os.kill(os.getppid(), signal.SIGTERM)
