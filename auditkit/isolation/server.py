"""The process that has a module loaded, and forks for every call of one of its functions.

Forking this process, which has one thread and no data of the caller, takes some milliseconds;
starting Python and loading a PDF library takes half a second. The fork is confined and does the
job; this process relays its answer without reading it, and makes sure that it ends.

Protocol:
    - A call is one line of JSON and as many bytes as it says. The job inherits them in memory.
    - The answer is sent in pieces, each after its length. After the last piece come a length of
      zero and one line of JSON, which says how the job ended. By then the job is gone, with every
      process it started.
    - At the end of the input, everything ends.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from time import monotonic
from types import ModuleType
from typing import Any, Final, NoReturn

from auditkit.files import write_all
from auditkit.isolation import seccomp
from auditkit.isolation.confinement import Limits, confine
from auditkit.isolation.outcomes import outcome

UNCONFINED: Final = 71  # exit code of a job that could not be confined
WIDTH: Final = 4  # bytes of a piece's length
_PIECE: Final = 1 << 16


def serve(module: str) -> None:
    """Answers calls on the standard streams until the input ends.

    Args:
        module: Whose functions may be called.
    """
    calls, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # nothing that a library prints may end up in an answer
        os.dup2(nothing, stream)
    try:
        loaded = import_module(module)
    except Exception as error:  # noqa: BLE001 - the caller must learn of any error
        _send(answers, {"failed": f"{type(error).__name__}: {error}"})
        return
    # The garbage collector ignores objects loaded so far, so forks do not copy their pages.
    gc.collect()
    gc.freeze()
    _send(answers, {"ready": True})
    with suppress(BrokenPipeError, EOFError), open(calls, "rb", closefd=False) as lines:
        while line := lines.readline():
            call = json.loads(line)
            job = _start_job(loaded, call, lines.read(call["size"]))
            _send(answers, _relay_answer(job, calls, answers))


@dataclass(frozen=True, slots=True)
class _Job:
    """A running job: its process, and the pipe with its answer."""

    process: int
    answer: int
    limits: Limits


def _start_job(module: ModuleType, call: dict[str, Any], data: bytes) -> _Job:
    limits = Limits(**call["limits"])
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _work(module, call["function"], data, limits, writing)
    os.close(writing)
    with suppress(OSError):  # the job does the same; whichever is first
        os.setpgid(process, process)
    return _Job(process, reading, limits)


def _relay_answer(job: _Job, calls: int, answers: int) -> dict[str, Any]:
    """Relays a job's answer until it ends or reaches a limit; returns how it ended."""
    latest, have, ended = monotonic() + job.limits.wall_seconds, 0, dict[str, Any]()
    poll = select.poll()
    poll.register(job.answer, select.POLLIN)
    poll.register(calls, 0)  # during a job, only the end of the input can happen here
    try:
        while not ended:
            events = dict(poll.poll(max(0.0, 1000 * (latest - monotonic()))))
            if monotonic() >= latest:
                ended = {"late": True}
            elif calls in events:
                raise EOFError
            elif piece := os.read(job.answer, _PIECE):
                have += len(piece)
                if have > job.limits.answer_bytes:
                    ended = {"large": True}
                else:
                    write_all(answers, len(piece).to_bytes(WIDTH) + piece)
            else:
                break
    finally:
        # A job that has ended is not affected; processes that it started are ended too.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(job.process, signal.SIGKILL)
        _, status = os.waitpid(job.process, 0)
        os.close(job.answer)
    code = os.waitstatus_to_exitcode(status)
    return ended or ({"signal": -code} if code < 0 else {"code": code})


def _work(module: ModuleType, function: str, data: bytes, limits: Limits, writing: int) -> NoReturn:
    """Does one job in the forked process, and ends it."""
    code = UNCONFINED
    try:
        os.setpgid(0, 0)
        os.dup2(writing, 1)
        confine(limits)
        if not limits.file_bytes:  # who writes files has names of files to change
            with suppress(AttributeError, OSError):
                seccomp.install(no_writing=True)
        code = 1
        write_all(1, outcome(module, function, data))
        code = 0
    finally:
        os._exit(code)


def _send(answers: int, content: dict[str, Any]) -> None:
    write_all(answers, bytes(WIDTH) + json.dumps(content).encode() + b"\n")
