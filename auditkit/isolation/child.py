"""Our side of a child process: starts it, hands it bytes, and takes its answer or its end.

Why not `multiprocessing`: docs/adr/0033.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from signal import SIGKILL, SIGXCPU, strsignal
from threading import RLock
from time import monotonic
from typing import Any, Final

from auditkit.errors import AuditkitError
from auditkit.isolation.confinement import Limits
from auditkit.isolation.messages import unpack
from auditkit.isolation.server import UNCONFINED, WIDTH

_START_SECONDS: Final = 120.0  # for loading libraries, on a machine that is busy
_GRACE_SECONDS: Final = 10.0  # for the server to say that a job's time was up
_START: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from auditkit.isolation.server import serve; serve(sys.argv[1])"
)


class ChildError(AuditkitError):
    """A child process gave no answer."""


class ChildLimitError(ChildError):
    """What the process was given takes more time, memory or room than it was allowed."""


class ChildCrashError(ChildError):
    """The process came to an end over what it was given."""


class ChildUnavailableError(ChildError):
    """The process could not be started, or not be waited for: nothing is known about its input."""


class Child:
    """A module whose functions run in processes of their own, one for each call.

    Started with the first call, or by `start`; ends with this process. Calls from several threads
    follow one another.

    Args:
        module: The functions are called by their names in it; each takes bytes and returns bytes.
            It loads what they need, once.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = RLock()
        self._server: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.end)

    def start(self) -> None:
        """Starts the process and does not wait for it.

        Raises:
            ChildUnavailableError: If the system refuses.
        """
        with self._lock:
            if self._server is not None and self._server.poll() is None:
                return
            self.end()
            paths = [str(Path(path).absolute()) for path in sys.path]
            try:
                # Not in our group: a Ctrl-C is for us, who then end it.
                self._server = subprocess.Popen(  # noqa: S603 - of this Python, no input in it
                    [sys.executable, "-I", "-S", "-c", _START, self._module, *paths],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={},
                    start_new_session=True,
                    bufsize=0,
                )
            except OSError as error:
                raise _unavailable(f"could not be started ({error.strerror})") from error

    def call(self, function: str, data: bytes, *, limits: Limits) -> bytes:
        """Runs a function on bytes in a process of its own.

        Args:
            function: Its name in the module.
            data: What it is given.
            limits: What it may take.

        Raises:
            AuditkitError: What the function raised, if it is one of `auditkit.errors`.
            ChildLimitError: If it reached a limit.
            ChildCrashError: If it ended in any other way than by an answer.
            ChildUnavailableError: If it could not be started, or not be waited for.
        """
        with self._lock:
            try:
                return self._called(function, data, limits)
            except BaseException as error:
                if not isinstance(error, AuditkitError) or isinstance(error, ChildError):
                    self.end()  # a job that still runs, and its answer, are of no use any more
                raise

    def end(self) -> None:
        """Ends the process and what it runs, if it was started."""
        with self._lock:
            server, self._server, self._is_ready = self._server, None, False
            if server is None:
                return
            _close(server)
            try:
                server.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, SIGKILL)
                server.wait()

    def _forget(self) -> None:
        """In a process that forked off from ours: what was started is not its own."""
        if self._server is not None:
            _close(self._server)
            self._server.returncode = 0
        self._lock, self._server, self._is_ready = RLock(), None, False

    def _called(self, function: str, data: bytes, limits: Limits) -> bytes:
        self.start()
        assert self._server is not None
        if not self._is_ready:
            _, told = _reply(self._server, monotonic() + _START_SECONDS)
            if "failed" in told:
                raise _unavailable(f"could not load its libraries ({told['failed']})")
            self._is_ready = True
        call = {"function": function, "size": len(data), "limits": asdict(limits)}
        latest = monotonic() + limits.wall_seconds + _GRACE_SECONDS
        _write(self._server, json.dumps(call).encode() + b"\n", latest)
        _write(self._server, data, latest)
        answer, told = _reply(self._server, latest)
        _check_end(told, limits)
        return _opened(answer)


def _close(server: subprocess.Popen[bytes]) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.close()
    server.stdout.close()


def _write(server: subprocess.Popen[bytes], data: bytes, latest: float) -> None:
    assert server.stdin is not None
    stream, rest = server.stdin.fileno(), memoryview(data)
    os.set_blocking(stream, False)
    while rest:
        _wait(stream, select.POLLOUT, latest)
        try:
            rest = rest[os.write(stream, rest) :]
        except BrokenPipeError as error:
            raise _unavailable("ended before it was asked") from error


def _reply(server: subprocess.Popen[bytes], latest: float) -> tuple[bytes, Any]:
    """All that a job wrote, and what the server says of its end."""
    assert server.stdout is not None
    stream, parts = server.stdout.fileno(), list[bytes]()
    while size := int.from_bytes(_read(stream, WIDTH, latest)):
        parts.append(_read(stream, size, latest))
    line = b""
    while not line.endswith(b"\n"):
        line += _read(stream, 1, latest)
    return b"".join(parts), json.loads(line)


def _read(stream: int, size: int, latest: float) -> bytes:
    found = b""
    while len(found) < size:
        _wait(stream, select.POLLIN, latest)
        part = os.read(stream, size - len(found))
        if not part:
            raise _unavailable("ended")
        found += part
    return found


def _wait(stream: int, event: int, latest: float) -> None:
    poll = select.poll()  # takes descriptors of any number, which select does not
    poll.register(stream, event)
    if not poll.poll(max(0.0, 1000 * (latest - monotonic()))):
        raise _unavailable("does not answer")


def _check_end(told: dict[str, Any], limits: Limits) -> None:
    if told.get("code") == 0:
        return
    if told.get("code") == UNCONFINED:
        raise _unavailable("could not be confined")
    if "late" in told:
        raise _unavailable(f"did not come to its end within {limits.wall_seconds:g} seconds")
    if "large" in told:
        raise ChildLimitError(f"What it comes to is more than {limits.answer_bytes:,} bytes.")
    if told.get("signal") == SIGXCPU:
        raise ChildLimitError(f"It takes more than {limits.cpu_seconds} seconds of computing.")
    how = strsignal(told["signal"]) if "signal" in told else f"code {told['code']}"
    raise ChildCrashError(f"The process that worked on it came to an end ({how}).")


def _opened(answer: bytes) -> bytes:
    try:
        said, parts = unpack(answer)
        kind, error, words = said["kind"], said.get("error"), said.get("words")
        content = parts[0] if kind == "answer" else b""
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        raise ChildCrashError("The process that worked on it gave no answer.") from problem
    if kind == "answer":
        return content
    if kind == "memory":
        raise ChildLimitError("It takes more memory than it was allowed.")
    if kind == "refused":
        message, remedy = words
        raise _class_of(error)(message, remedy=remedy)
    raise ChildCrashError(f"It could not be worked on ({error}).")


def _class_of(name: str) -> type[AuditkitError]:
    """The error of `auditkit.errors` with a name; the root of all if there is none."""
    waiting = [AuditkitError]
    while waiting:
        one = waiting.pop()
        if one.__name__ == name and one.__module__ == AuditkitError.__module__:
            return one
        waiting += one.__subclasses__()
    return AuditkitError


def _unavailable(what: str) -> ChildUnavailableError:
    return ChildUnavailableError(
        f"The process that was to work on it {what}.",
        remedy="try again on a machine with free memory and computing time, and check that this "
        "Python starts by itself",
    )
