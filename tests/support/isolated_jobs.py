"""Jobs for tests/unit/test_isolation.py: what a good and a hostile one may try."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

from auditkit.errors import VerificationError

print("a library may print while it loads")  # noqa: T201


class ChangedError(VerificationError):
    """A kind of its own, which the other side does not know."""


def reverse(data):
    return data[::-1]


def surroundings(data):
    held = [str(p.readlink()) for p in Path("/proc/self/fd").iterdir() if p.is_symlink()]
    return json.dumps({"environment": dict(os.environ), "descriptors": held}).encode()


def write_file(data):
    path = Path(data.decode())
    try:
        with path.open("wb") as file:
            file.write(b"x" * 100)
    except OSError as error:
        return str(error.errno).encode()
    return b"written"


def reach_out(data):
    """Tries the network and other programs; the errors by name."""
    tried = {
        "network": lambda: socket.create_connection(("127.0.0.1", int(data)), timeout=5),
        "program": lambda: os.execv("/bin/true", ["true"]),
        "process": os.fork,
        "name": lambda: Path("/tmp/auditkit-job").mkdir(),
    }
    found = {}
    for what, attempt in tried.items():
        try:
            attempt()
            found[what] = "done"
        except OSError as error:
            found[what] = type(error).__name__
    return json.dumps(found).encode()


def turn_for_ever(data):
    while True:
        pass


def wait_for_ever(data):
    time.sleep(1000)


def take_memory(data):
    return bytes(8 << 30)


def answer_much(data):
    return bytes(int(data))


def segfault(data):
    signal.raise_signal(signal.SIGSEGV)


def exit_early(data):
    os._exit(int(data))


def say_nothing(data):
    os.close(1)
    time.sleep(1000)


def say_nonsense(data):
    os.write(1, data)
    os._exit(0)


def fail(data):
    raise ValueError(data)


def refuse(data):
    raise ChangedError(data.decode(), remedy="look again")


def leave_one_behind(data):
    process = os.fork()
    if process == 0:
        os.close(1)
        time.sleep(1000)
    return str(process).encode()


def hold_the_answer(data):
    """One that is left behind and keeps the answer open."""
    if os.fork() == 0:
        time.sleep(1000)
    return b"said"
