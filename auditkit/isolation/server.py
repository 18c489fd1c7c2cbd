"""The process that has a module loaded, and forks for every call of one of its functions.

Forking a process that runs one thread and holds nothing of ours takes some milliseconds where
starting Python and loading a PDF library takes half a second. The forked one is confined and does
the job; this one carries its answer out, looks into nothing, and sees to its end.

Protocol:
    - A call comes in as one line of JSON and as many bytes as it says, which the job has in its
      memory when it forks off.
    - What the job writes goes out in pieces, each after its length; after the last one stand a
      length of zero and one line of JSON, which says how the job ended. By then it is gone, with
      all that it started.
    - The end of the input is the end of everything here.
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

from auditkit.errors import AuditkitError
from auditkit.isolation.confinement import Limits, confine
from auditkit.isolation.messages import pack

UNCONFINED: Final = 71  # with which a job ends that could not be confined
WIDTH: Final = 4  # bytes of a piece's length
_PIECE: Final = 1 << 16


def serve(module: str) -> None:
    """Answers calls on the standard streams until the input ends.

    Args:
        module: Whose functions may be called.
    """
    calls, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # whatever a library prints is no answer
        os.dup2(nothing, stream)
    try:
        loaded = import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side is to know it
        _send(answers, {"failed": f"{type(error).__name__}: {error}"})
        return
    # What is loaded by now is never looked through again, and so never copied in a fork.
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
    """A process that works on something, and where its answer comes out."""

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
    with suppress(OSError):  # the job does the same; whichever comes first
        os.setpgid(process, process)
    return _Job(process, reading, limits)


def _relay_answer(job: _Job, calls: int, answers: int) -> dict[str, Any]:
    """Passes on what a job writes, until it ends or has to; says how it ended."""
    latest, have, told = monotonic() + job.limits.wall_seconds, 0, dict[str, Any]()
    poll = select.poll()
    poll.register(job.answer, select.POLLIN)
    poll.register(calls, 0)  # nothing is said there during a job but that we are to end
    try:
        while not told:
            events = dict(poll.poll(max(0.0, 1000 * (latest - monotonic()))))
            if monotonic() >= latest:
                told = {"late": True}
            elif calls in events:
                raise EOFError
            elif piece := os.read(job.answer, _PIECE):
                have += len(piece)
                if have > job.limits.answer_bytes:
                    told = {"large": True}
                else:
                    _write(answers, len(piece).to_bytes(WIDTH) + piece)
            else:
                break
    finally:
        # One that ends anyway ends as it would have; so do all that it started.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(job.process, signal.SIGKILL)
        _, status = os.waitpid(job.process, 0)
        os.close(job.answer)
    code = os.waitstatus_to_exitcode(status)
    return told or ({"signal": -code} if code < 0 else {"code": code})


def _work(module: ModuleType, function: str, data: bytes, limits: Limits, writing: int) -> NoReturn:
    """Does one job in the forked process, and ends it."""
    code = UNCONFINED
    try:
        os.setpgid(0, 0)
        os.dup2(writing, 1)
        confine(limits)
        code = 1
        _write(1, _answer(module, function, data))
        code = 0
    finally:
        os._exit(code)


def _answer(module: ModuleType, function: str, data: bytes) -> bytes:
    try:
        return pack({"kind": "answer"}, [getattr(module, function)(data)])
    except AuditkitError as error:
        words = [error.message, error.remedy]
        return pack({"kind": "refused", "error": _class_name(error), "words": words})
    except MemoryError:
        return pack({"kind": "memory"})
    except Exception as error:  # noqa: BLE001 - hostile input ends in errors of any type
        return pack({"kind": "failed", "error": type(error).__name__})


def _class_name(error: AuditkitError) -> str:
    """The name of the first class of an error that both sides know."""
    return next(
        one.__name__ for one in type(error).__mro__ if one.__module__ == AuditkitError.__module__
    )


def _send(answers: int, content: dict[str, Any]) -> None:
    _write(answers, bytes(WIDTH) + json.dumps(content).encode() + b"\n")


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
