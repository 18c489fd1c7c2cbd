"""Serves training data that MLflow does not: files below one folder, each read decided and logged.

    GET /api/auditkit/1.0/datasets/<dataset>[/<file>]     dataset:read on datasets/<dataset>

Laws:
    - Before the first byte is sent, the log durably holds who reads which file, and its digest.
    - Nothing outside the folder is opened: no `..`, and no symbolic link on the way.
    - A name is the one in the folder, letter for letter, also where the file system would take
      another spelling for it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from auditkit.access.policy.vocabulary import dataset_object, segment
from auditkit.canonical import Json
from auditkit.errors import LedgerError
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.endpoints import Planner
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.serve.flask_hooks import refusal_response
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError, unlogged

SERVED: Final = "dataset.served"
DIGEST_HEADER: Final = "X-Auditkit-Digest"
_CHUNK_BYTES: Final = 1024 * 1024


def add_datasets(flask_app: Any, gate: Gate, *, root: Path) -> dict[str, Planner]:
    """Adds the route to a Flask application.

    Args:
        flask_app: The application.
        gate: The gate; its hooks are in front of this route as well.
        root: The folder; each entry in it is a dataset, a file or a folder of files.

    Returns:
        The route's plan, by the name of its endpoint.
    """

    def view(path: str) -> Any:
        from flask import Response, g, stream_with_context

        opened = open_below(root, path)
        if opened is None:
            message = "there is no such dataset, or no such file in it"
            return refusal_response(RefusedError(404, "RESOURCE_DOES_NOT_EXIST", message))
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
        try:
            _log(gate, g.auditkit_admission, path, digest, size)
        except LedgerError:
            opened.close()
            return refusal_response(unlogged())
        opened.seek(0)
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
            DIGEST_HEADER: f"sha256:{digest}",
        }
        answer = Response(
            stream_with_context(_chunks(opened, size)),
            mimetype="application/octet-stream",
            headers=headers,
        )
        answer.call_on_close(opened.close)
        return answer

    url = internals.prefixed("/api/auditkit/1.0/datasets/<path:path>")
    flask_app.add_url_rule(url, "auditkit_datasets", view, methods=["GET"])
    return {"auditkit_datasets": _plan}


def open_below(root: Path, path: str) -> BufferedReader | None:
    """Opens a regular file below a folder; None if no file has exactly that name."""
    *folders, name = path.split("/")
    try:
        with ExitStack() as stack:
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, folder)
            for part in folders:
                folder = _step(folder, part, os.O_DIRECTORY)
                stack.callback(os.close, folder)
            # Opening without waiting: a pipe that nobody writes to would block.
            file = _step(folder, name, os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file).st_mode):
        return os.fdopen(file, "rb")
    os.close(file)
    return None


def _step(folder: int, name: str, kind: int) -> int:
    """Opens an entry of an opened folder; a listed name is never `..` or a path."""
    if name not in os.listdir(folder):
        raise FileNotFoundError
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=folder)


def _plan(ask: RequestContext) -> RequestPlan:
    name = ask.path_values["path"].split("/")[0]
    return RequestPlan(needs=(RequiredPermission("dataset:read", dataset_object(name)),))


def _log(gate: Gate, admission: Admission, path: str, digest: str, size: int) -> None:
    name, _, file = path.partition("/")
    payload: dict[str, Json] = {
        "request": admission.id,
        "user": segment(admission.caller.user),
        "dataset": segment(name),
        "file": "/".join(segment(part) for part in file.split("/")) if file else "",
        "digest": f"sha256:{digest}",
        "bytes": size,
        "policy_digest": str(admission.access.policy_digest),
    }
    gate.recorder.now(SERVED, payload)


def _chunks(opened: BufferedReader, size: int) -> Iterator[bytes]:
    """The bytes that were hashed; what was added to the file since is left out."""
    left = size
    while left and (chunk := opened.read(min(left, _CHUNK_BYTES))):
        left -= len(chunk)
        yield chunk
