"""Tells a load balancer whether requests can be served: `/readyz`, which asks for no user.

`/health` tells whether the process lives; this one answers 503, with the reason in words, while
every request would be refused or nothing could be approved.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError

PATH: Final = "/readyz"
_ENDPOINT: Final = "auditkit_readyz"


def problem(gate: Gate, approved: Path) -> str:
    """Why nothing can be served; empty if it can.

    Args:
        gate: The gate.
        approved: The folder of approved files.
    """
    try:
        gate.refuse_unready()
    except RefusedError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever it is, requests fail of it too
        return f"requests cannot be judged ({type(error).__name__})"
    if not approved.is_dir():
        return "the folder of approved files is missing"
    if not os.access(approved, os.R_OK | os.W_OK | os.X_OK):
        return "the folder of approved files cannot be written"
    return ""


def add_readiness(flask_app: Any, gate: Gate, *, approved: Path) -> None:
    """Adds the route; call it after the other hooks are in place, since it answers before them.

    Args:
        flask_app: The application.
        gate: The gate.
        approved: The folder of approved files.
    """

    def view() -> Any:
        from flask import Response

        why = problem(gate, approved)
        return Response(
            f"{why or 'OK'}\n",
            status=503 if why else 200,
            mimetype="text/plain",
            headers={"Cache-Control": "no-store"},
        )

    def answer() -> Any:
        from flask import request

        asked = request.endpoint == _ENDPOINT and request.method in ("GET", "HEAD")
        return view() if asked else None

    flask_app.add_url_rule(internals.prefixed(PATH), _ENDPOINT, view, methods=["GET"])
    # Before MLflow's own users are asked for, and before its workspace is looked for.
    flask_app.before_request_funcs.setdefault(None, []).insert(0, answer)
