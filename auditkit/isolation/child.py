"""The caller's side of a child process: start it, send it bytes, read its answer or its end.

Why not `multiprocessing`: docs/adr/0033.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from signal import SIGKILL, SIGXCPU, strsignal
from threading import RLock
from time import monotonic
from typing import Any, Final

from auditkit.errors import AuditkitError
from auditkit.isolation.confinement import Limits
from auditkit.isolation.errors import (
    ChildCrashError,
    ChildError,
    ChildLimitError,
    ChildUnavailableError,
    unavailable,
)
from auditkit.isolation.outcomes import opened
from auditkit.isolation.pipes import Wait, close, read, until, write
from auditkit.isolation.server import UNCONFINED, WIDTH

_START_SECONDS: Final = 120.0  # for loading libraries, on a machine that is busy
_GRACE_SECONDS: Final = 10.0  # for the server to say that a job's time was up
_START: Final = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from auditkit.isolation.server import serve; serve(sys.argv[1])"
)


class Child:
    """A module whose functions run in child processes, one for each call.

    Started by the first call or by `start`; ends with this process. Calls from several threads
    follow one another.

    Args:
        module: Its name. Each of its functions takes bytes and returns bytes. The module is loaded
            once.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = RLock()
        self.server: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.end)

    def start(self) -> None:
        """Starts the process without waiting for it.

        Raises:
            ChildUnavailableError: If the system refuses.
        """
        with self._lock:
            if self.server is not None and self.server.poll() is None:
                return
            self.end()
            paths = [str(Path(path).absolute()) for path in sys.path]
            try:
                # In another group: Ctrl-C reaches only this process, which then ends that one.
                self.server = subprocess.Popen(  # noqa: S603 - of this Python, no input in it
                    [sys.executable, "-I", "-S", "-c", _START, self._module, *paths],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={},
                    start_new_session=True,
                    bufsize=0,
                )
            except OSError as error:
                raise unavailable(f"could not be started ({error.strerror})") from error

    def call(self, function: str, data: bytes, *, limits: Limits) -> bytes:
        """Runs a function on bytes in a new process.

        Args:
            function: Its name in the module.
            data: Its input.
            limits: Its limits.

        Raises:
            AuditkitError: The error that the function raised, if it is one of `auditkit.errors`.
            ChildLimitError: If it reached a limit.
            ChildCrashError: If it ended without an answer.
            ChildUnavailableError: If the process could not be started, or did not answer.
        """
        with self._lock:
            try:
                return self._called(function, data, limits)
            except BaseException as error:
                if not isinstance(error, AuditkitError) or isinstance(error, ChildError):
                    self.end()  # a running job and its answer are no longer needed
                raise

    def end(self) -> None:
        """Ends the process and its job, if it was started."""
        with self._lock:
            server, self.server = self.server, None
            was_ready, self._is_ready = self._is_ready, False
            if server is None:
                return
            close(server.stdin, server.stdout)
            try:
                # One that is still loading has no job, and would load to the end first.
                server.wait(_GRACE_SECONDS if was_ready else 0.0)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, SIGKILL)
                server.wait()

    def _forget(self) -> None:
        """In a fork of this process: forgets the child, which belongs to the parent."""
        if self.server is not None:
            close(self.server.stdin, self.server.stdout)
            self.server.returncode = 0
        self._lock, self.server, self._is_ready = RLock(), None, False

    def _called(self, function: str, data: bytes, limits: Limits) -> bytes:
        self.start()
        assert self.server is not None
        if not self._is_ready:
            _, report = _reply(self.server, until(monotonic() + _START_SECONDS))
            if "failed" in report:
                raise unavailable(f"could not load its libraries ({report['failed']})")
            self._is_ready = True
        call = {"function": function, "size": len(data), "limits": asdict(limits)}
        wait = until(monotonic() + limits.wall_seconds + _GRACE_SECONDS)
        write(self.server.stdin, json.dumps(call).encode() + b"\n", wait)
        write(self.server.stdin, data, wait)
        answer, report = _reply(self.server, wait)
        _check_end(report, limits)
        return opened(answer)


@cache
def shared(module: str) -> Child:
    """The one child process for a module that several callers use, so that it is loaded once."""
    return Child(module)


def get_ready(*modules: str) -> None:
    """Starts loading modules in their shared child processes, without waiting for them."""
    for module in modules:
        with suppress(ChildUnavailableError):  # the first call raises it again
            shared(module).start()


def _reply(server: subprocess.Popen[bytes], wait: Wait) -> tuple[bytes, Any]:
    """A job's whole answer, and the server's report of how it ended."""
    parts = list[bytes]()
    while size := int.from_bytes(read(server.stdout, WIDTH, wait)):
        parts.append(read(server.stdout, size, wait))
    line = b""
    while not line.endswith(b"\n"):
        line += read(server.stdout, 1, wait)
    return b"".join(parts), json.loads(line)


def _check_end(report: dict[str, Any], limits: Limits) -> None:
    if report.get("code") == 0:
        return
    if report.get("code") == UNCONFINED:
        raise unavailable("could not be confined")
    if "late" in report:
        raise unavailable(f"did not end within {limits.wall_seconds:g} seconds")
    if "large" in report:
        raise ChildLimitError(f"Its content is larger than {limits.answer_bytes:,} bytes.")
    if report.get("signal") == SIGXCPU:
        raise ChildLimitError(f"It takes more than {limits.cpu_seconds} seconds of computing.")
    how = strsignal(report["signal"]) if "signal" in report else f"code {report['code']}"
    raise ChildCrashError(f"The process that worked on it crashed ({how}).")
