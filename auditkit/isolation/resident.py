"""The caller's side of a process that keeps what it loads, and answers until it is ended."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import sys
import sysconfig
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, distribution
from json import dumps, loads
from pathlib import Path
from signal import SIGKILL, SIGXCPU, strsignal
from threading import Event, RLock, Thread
from time import monotonic
from typing import Final

from auditkit.isolation.confinement import Limits
from auditkit.isolation.errors import (
    ChildCrashError,
    ChildLimitError,
    ChildUnavailableError,
    unavailable,
)
from auditkit.isolation.outcomes import opened
from auditkit.isolation.pipes import Wait, close, is_ready, read, until, write

_START_SECONDS: Final = 120.0  # for loading libraries, on a machine that is busy
# A process is idle if it waits at most of the looks at it in this time. One that works either runs,
# waits for a processor or for a disk at any moment, however busy the machine is.
_IDLE_SECONDS, _IDLE_SHARE = 5.0, 0.5
_LOOK_SECONDS: Final = 0.25
# Time that any call ends in, besides a multiple of its computing time.
_LONGEST_SECONDS, _LONGEST_TIMES = 60.0, 10
_WIDTH: Final = 8  # bytes of a message's length
_SHARED_BYTES: Final = 1 << 18  # from this size on, input is in shared memory
_ENVELOPE: Final = 1 << 12  # bytes of what an outcome adds to an answer
_SET_PIPE_SIZE, _PIPE_BYTES = 1031, 1 << 20  # of Linux; the size that anybody may ask for

_HOME: Final = str(Path(__file__).parents[1].resolve())
# auditkit alone is found by its place: what lies beside it is not to be read.
_START: Final = (
    "import sys, importlib.util as u; home, *sys.path[:] = sys.argv[2:]; "
    "s = u.spec_from_file_location('auditkit', home + '/__init__.py', "
    "submodule_search_locations=[home]); m = u.module_from_spec(s); "
    "sys.modules['auditkit'] = m; s.loader.exec_module(m); "
    "from auditkit.isolation.residence import stay; stay(sys.argv[1])"
)
# Libraries of the system, which others load, and how many processors there are.
_SYSTEM: Final = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
    "/opt/homebrew/lib", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/nix/store",
    "/usr/share/zoneinfo", "/sys/devices/system/cpu", "/sys/fs/cgroup/cpu.max", "/dev/null",
    "/proc/self",
)  # fmt: skip


class Resident:
    """A module in a confined process of its own, whose functions keep what they load.

    The first call starts it, or `start`. It ends with `end`, with this object or this process, at a
    limit, and when it crashes; it is not started again then, because what it kept is lost.

    Args:
        module: Its name. Each of its functions takes bytes and returns bytes. It is loaded after
            the process is confined.
        needs: Names of packages that it imports, besides those that they need; where they are
            installed may be read.
        readable: What else may be read, with what is below it.
        path: Folders to import from, among what may be read.
        limits: Its limits; `cpu_seconds` are those of its whole life.
    """

    def __init__(
        self,
        module: str,
        *,
        limits: Limits,
        needs: Sequence[str] = (),
        readable: Sequence[Path] = (),
        path: Sequence[Path] = (),
    ) -> None:
        self._module, self._limits = module, limits
        folders = [*_packages(needs), *map(str, path)]
        self._path = folders
        self._readable = [_HOME, *folders, *_interpreter(), *_SYSTEM, *map(str, readable)]
        self._lock = RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._over, self._why = Event(), ""
        self._layers: tuple[str, ...] | None = None
        self._shared = -1
        self._ended: weakref.finalize[..., Resident] | None = None
        _RESIDENTS.add(self)

    def start(self) -> None:
        """Starts the process without waiting for it.

        Raises:
            ChildUnavailableError: If the system refuses, or it has ended before.
        """
        with self._lock:
            if self._over.is_set():
                raise unavailable(f"has ended{self._why}")
            if self._process is not None:
                return
            started, over = Event(), self._over
            self._shared = _memory()
            found = list[subprocess.Popen[bytes] | OSError]()
            command, passed = self._command(), () if self._shared < 0 else (self._shared,)

            def hold() -> None:
                # The kernel ends the process when this thread ends, and so with this process.
                try:
                    found.append(_spawned(command, passed))
                except OSError as error:
                    found.append(error)
                started.set()
                over.wait()

            Thread(target=hold, name="auditkit-resident", daemon=True).start()
            started.wait()
            if isinstance(found[0], OSError):
                self._over.set()
                raise unavailable(f"could not be started ({found[0].strerror})")
            self._process = found[0]
            self._ended = weakref.finalize(self, _end, found[0], over, passed)
            told = {
                "limits": asdict(self._limits),
                "shared": self._shared,
                "readable": [str(Path(one).absolute()) for one in self._readable],
            }
            write(self._process.stdin, dumps(told).encode() + b"\n", self._startup())

    @property
    def process(self) -> int | None:
        """The number of the process; None: it is not running."""
        return None if self._process is None else self._process.pid

    def layers(self) -> tuple[str, ...]:
        """What confines the process; see `auditkit.isolation.layers`.

        Raises:
            ChildUnavailableError: If it could not be started or confined.
        """
        with self._lock:
            self.start()
            if self._layers is None:
                try:
                    report = loads(self._answer(1 << 16, self._startup()))
                except ChildUnavailableError:
                    self.end()
                    raise
                if "failed" in report:
                    self.end()
                    raise unavailable(f"could not load its libraries ({report['failed']})")
                self._layers = tuple(map(str, report["layers"]))
            return self._layers

    def call(
        self,
        function: str,
        data: bytes | Sequence[bytes],
        *,
        cpu_seconds: float,
        answer_bytes: int,
    ) -> bytes:
        """Calls a function.

        Args:
            function: Its name in the module.
            data: Its input; or the pieces of it.
            cpu_seconds: Computing time for this call. If the process does nothing for some seconds,
                it is ended too.
            answer_bytes: Size of the answer.

        Raises:
            AuditkitError: The error that the function raised, if it is one of `auditkit.errors`.
            ChildLimitError: If it reached a limit.
            ChildCrashError: If it ended without an answer.
            ChildUnavailableError: If the process could not be started, or has ended before.
        """
        with self._lock:
            self.layers()
            assert self._process is not None
            latest = _cpu_seconds(self._process.pid) + cpu_seconds
            watch = _Watch(self._process.pid, latest, cpu_seconds)
            pieces = [data] if isinstance(data, bytes) else data
            size = sum(len(piece) for piece in pieces)
            shared = size >= _SHARED_BYTES and self._share(pieces)
            how = b"s" if shared else b"p"
            try:
                head = size.to_bytes(_WIDTH) + how + function.encode() + b"\n"
                write(self._process.stdin, head, watch)
                for piece in () if shared else pieces:
                    write(self._process.stdin, piece, watch)
                answer = self._answer(answer_bytes + _ENVELOPE, watch)
            except ChildUnavailableError as error:
                if watch.is_idle:
                    self._stop(", because it did nothing for long")
                    raise ChildLimitError(
                        f"It waits for {_IDLE_SECONDS:g} seconds instead of computing."
                    ) from error
                raise self._how_it_ended() from error
            except BaseException:
                self._stop(", because an answer was lost")
                raise
            return opened(answer)

    def end(self) -> None:
        """Ends the process."""
        with self._lock:
            self._process = None
            self._over.set()
            if self._ended is not None:
                self._ended()

    def _share(self, pieces: Sequence[bytes]) -> bool:
        """Writes pieces into the memory that both have; False: there is none."""
        place = 0
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    # Not by a map of it: the other side may shorten it at any time.
                    written = os.pwrite(self._shared, rest, place)
                    rest, place = rest[written:], place + written
        except OSError:
            return False
        return True

    def _stop(self, why: str) -> None:
        self._why = why
        self.end()

    def forget(self) -> None:
        """In a fork of this process: forgets the child, which belongs to the parent."""
        if self._process is not None:
            close(self._process.stdin, self._process.stdout)
            self._process.returncode = 0
        if self._ended is not None:
            self._ended.detach()
        self._lock, self._process, self._why = RLock(), None, ": it belongs to another process"
        self._over.set()

    def _command(self) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", _START, self._module, _HOME, *self._path]

    def _startup(self) -> Wait:
        return until(monotonic() + _START_SECONDS)

    def _answer(self, most: int, wait: Wait) -> bytes:
        assert self._process is not None
        size = int.from_bytes(read(self._process.stdout, _WIDTH, wait))
        if size > most:
            raise ChildLimitError(f"Its answer is larger than {most:,} bytes.")
        return read(self._process.stdout, size, wait)

    def _how_it_ended(self) -> ChildCrashError | ChildLimitError:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        code = self._process.returncode
        self._stop(", because it crashed")
        if code == -SIGXCPU:
            return ChildLimitError("It takes more computing time than allowed.")
        how = "it does not answer" if code is None else _words(code)
        return ChildCrashError(f"The process that worked on it crashed ({how}).")


class _Watch:
    """Waits for a process as long as it works, up to some computing time."""

    def __init__(self, process: int, latest: float, allowed: float) -> None:
        self._process, self._latest, self._allowed = process, latest, allowed
        self._end = monotonic() + _LONGEST_SECONDS + _LONGEST_TIMES * allowed
        self._looks = deque[bool](maxlen=round(_IDLE_SECONDS / _LOOK_SECONDS))
        self.is_idle = False

    def __call__(self, stream: int, event: int) -> None:
        while not is_ready(stream, event, _LOOK_SECONDS):
            if _cpu_seconds(self._process) > self._latest:
                raise ChildLimitError(
                    f"It takes more than {self._allowed:.0f} seconds of computing."
                )
            self._looks.append(_works(self._process))
            looks = len(self._looks)
            if looks == self._looks.maxlen and sum(self._looks) < _IDLE_SHARE * looks:
                self.is_idle = True
                raise unavailable("does nothing")
            if monotonic() > self._end:
                raise ChildLimitError("It takes too long.")


def _memory() -> int:
    """A file in memory, for large inputs, which crosses a pipe slowly; -1: the system has none."""
    with suppress(AttributeError, OSError):
        return os.memfd_create("input")
    return -1


def _spawned(command: Sequence[str], passed: Sequence[int]) -> subprocess.Popen[bytes]:
    # In another group: Ctrl-C reaches only this process, which then ends that one.
    process = subprocess.Popen(  # noqa: S603 - of this Python, no input in it
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        start_new_session=True,
        pass_fds=passed,
        bufsize=0,
    )
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), _SET_PIPE_SIZE, _PIPE_BYTES)
    return process


def _end(process: subprocess.Popen[bytes], over: Event, shared: Sequence[int]) -> None:
    """Ends a process, with every other of its group."""
    over.set()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, SIGKILL)
    process.wait()
    close(process.stdin, process.stdout)
    for place in shared:
        os.close(place)


def _forget_all() -> None:
    for resident in list(_RESIDENTS):
        resident.forget()


_RESIDENTS: Final = weakref.WeakSet[Resident]()
os.register_at_fork(after_in_child=_forget_all)


def _words(code: int) -> str:
    return str(strsignal(-code)) if code < 0 else f"code {code}"


def _cpu_seconds(process: int) -> float:
    """The computing time of a process and its threads so far; where that is not told, the time."""
    try:
        found = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return monotonic()
    return (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")


def _works(process: int) -> bool:
    """Whether a thread of a process runs, or waits for a processor or a disk; or nobody tells."""
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            if (thread / "stat").read_text().rpartition(")")[2].split()[0] in "RD":
                return True
    except OSError:
        return True
    return False


def _interpreter() -> list[str]:
    """The folders of the standard library."""
    kept = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_prefix})
    compiled = Path(kept["platstdlib"]) / "lib-dynload"
    zipped = f"{sys.base_prefix}/lib/python{sys.version_info[0]}{sys.version_info[1]}.zip"
    shared = sysconfig.get_config_var("LIBDIR")
    return [kept["stdlib"], kept["platstdlib"], str(compiled), zipped, *filter(None, [shared])]


def _packages(names: Sequence[str]) -> list[str]:
    """Where to import from: the standard library's folders and those that hold packages."""
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    for name in names:
        with suppress(PackageNotFoundError):
            installed.append(str(distribution(name).locate_file("")))
        found = importlib.util.find_spec(name)
        if found is not None and found.origin:
            folder = Path(found.origin).parent
            installed.append(str(folder.parent if found.submodule_search_locations else folder))
    return list(dict.fromkeys([*_interpreter()[:3], *installed]))
