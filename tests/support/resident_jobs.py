"""Jobs for tests/unit/test_resident.py: what a model that was made to do harm may try."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path

KEPT = []


def keep(data):
    KEPT.append(bytes(data))
    return b"%d" % len(KEPT)


def reverse(data):
    return bytes(data)[::-1]


def _raw(number, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    if library.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dialled:
        dialled.sendto(b"x", ("127.0.0.1", port))


def attempts(data):
    """Tries everything; returns what was not refused by the system."""
    told = json.loads(bytes(data))
    folder, secret, port = Path(told["folder"]), told["secret"], told["port"]
    parent = os.getppid() or told["parent"]
    tries = {
        "read a file": lambda: Path(secret).read_bytes(),
        "read the passwords": lambda: Path("/etc/passwd").read_bytes(),
        "list a folder": lambda: list(folder.iterdir()),
        "read the parent's environment": lambda: Path(
            f"/proc/{told['parent']}/environ"
        ).read_bytes(),
        "read the parent's memory": lambda: Path(f"/proc/{told['parent']}/mem").read_bytes(),
        "write a file": lambda: (folder / "written").write_bytes(b"x"),
        "append to a file": lambda: os.open(secret, os.O_APPEND | os.O_WRONLY),
        "write to the temporary folder": lambda: Path("/tmp/auditkit-hostile").write_bytes(b"x"),
        "make a folder": (folder / "made").mkdir,
        "make a link": lambda: (folder / "link").symlink_to(secret),
        "remove a file": lambda: Path(secret).unlink(),
        "rename a file": lambda: Path(secret).rename(folder / "renamed"),
        "change a mode": lambda: Path(secret).chmod(0o777),
        "change a time": lambda: os.utime(secret),
        "make shared memory": lambda: shared_memory.SharedMemory(create=True, size=100),
        "fork": os.fork,
        "start a program": lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        "start a shell": _shell,
        "replace itself": lambda: os.execv("/bin/true", ["true"]),
        "signal the parent": lambda: os.kill(told["parent"], 0),
        "signal its group": lambda: os.killpg(0, 0),
        "leave its group": os.setsid,
        "dial by TCP": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "dial by UDP": lambda: _udp(port),
        "make a pair of sockets": socket.socketpair,
        "look up a name": lambda: (
            socket.getaddrinfo("localhost", 80, socket.AF_INET) and _udp(port)
        ),
        "trace the parent": lambda: _raw(101, 16, told["parent"], 0, 0),
        "new namespaces": lambda: _raw(272, 0x10000000),
        "raise its limits": lambda: __import__("resource").setrlimit(
            __import__("resource").RLIMIT_AS, (1 << 50, 1 << 50)
        ),
        "outlive the parent": lambda: _raw(157, 1, 0, 0, 0, 0),
    }
    done = []
    for name, attempt in tries.items():
        try:
            attempt()
        except (OSError, ValueError):
            continue
        done.append(name)
    assert parent >= 0
    return json.dumps(done).encode()


def _shell():
    if os.system("true"):
        raise OSError


def surroundings(data):
    return json.dumps(dict(os.environ)).encode()


def threads(data):
    found = []
    some = [threading.Thread(target=found.append, args=(i,)) for i in range(4)]
    for one in some:
        one.start()
    for one in some:
        one.join()
    return b"%d" % len(found)


def turn_for_ever(data):
    while True:
        pass


def wait_for_ever(data):
    time.sleep(1000)


def take_memory(data):
    return bytes(1 << 40)


def answer_much(data):
    return bytes(int(bytes(data)))


def segfault(data):
    signal.raise_signal(signal.SIGSEGV)


def leave(data):
    os._exit(3)


def fail(data):
    raise ValueError(bytes(data).decode())


def lie_about_the_size(data):
    os.write(3, (1 << 50).to_bytes(8))
    time.sleep(1000)
