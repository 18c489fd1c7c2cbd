"""A job in a child process has its bytes and nothing else, and ends whatever it does."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditkit.errors import AuditkitError, VerificationError
from auditkit.isolation import (
    Child,
    ChildCrashError,
    ChildError,
    ChildLimitError,
    ChildUnavailableError,
    Limits,
    seccomp,
)

MODULE = "tests.support.isolated_jobs"
LIMITS = Limits(cpu_seconds=20, wall_seconds=60.0, memory_bytes=1 << 30, answer_bytes=1 << 20)


@pytest.fixture(scope="module")
def child():
    child = Child(MODULE)
    yield child
    child.end()


def limits(**changed):
    return Limits(**{name: getattr(LIMITS, name) for name in Limits.__slots__} | changed)


def gone(process: int) -> bool:
    """Whether a process has ended, reaped or not."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("size", [0, 1, 100_000, 1_000_000])
def test_bytes_go_in_and_come_out(child, size):
    data = os.urandom(size)
    assert child.call("reverse", data, limits=LIMITS) == data[::-1]


def test_a_job_has_nothing_of_ours(child, monkeypatch, tmp_path):
    monkeypatch.setenv("AUDITKIT_SECRET", "secret")
    child.end()
    with (tmp_path / "open").open("w"):
        found = json.loads(child.call("surroundings", b"", limits=LIMITS))
    assert set(found["environment"]) <= {"LC_CTYPE"}  # which Python sets itself
    kinds = sorted(name.split(":")[0].split("/fd")[0] for name in found["descriptors"])
    assert [kind for kind in kinds if not kind.startswith("/proc/")] == [
        "/dev/null", "/dev/null", "pipe",
    ]  # fmt: skip


def test_a_job_writes_no_file(child, tmp_path):
    path = tmp_path / "file"
    filtered = seccomp.is_known(os.uname().machine)
    denied = errno.EPERM if filtered else errno.EFBIG
    assert child.call("write_file", str(path).encode(), limits=LIMITS) == b"%d" % denied
    assert not path.exists() or path.stat().st_size == 0
    more = limits(file_bytes=1000)
    assert child.call("write_file", str(path).encode(), limits=more) == b"written"


@pytest.mark.skipif(not seccomp.is_known(os.uname().machine), reason="no filter for this machine")
def test_a_job_reaches_nothing(child):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1]).encode()
        found = json.loads(child.call("reach_out", port, limits=LIMITS))
    assert found == dict.fromkeys(["network", "program", "process", "name"], "PermissionError")


@pytest.mark.parametrize(
    ("function", "data", "changed", "error", "message"),
    [
        ("turn_for_ever", b"", {"cpu_seconds": 1}, ChildLimitError, "more than 1 seconds"),
        ("take_memory", b"", {}, ChildLimitError, "more memory"),
        ("answer_much", b"2000000", {}, ChildLimitError, "larger than 1,048,576 bytes"),
        ("wait_for_ever", b"", {"wall_seconds": 0.3}, ChildUnavailableError, "within 0.3 seconds"),
        (
            "hold_the_answer",
            b"",
            {"wall_seconds": 0.3, "file_bytes": 1},
            ChildUnavailableError,
            "0.3 seconds",
        ),
        ("segfault", b"", {}, ChildCrashError, "Segmentation fault"),
        ("exit_early", b"3", {}, ChildCrashError, "code 3"),
        ("exit_early", b"0", {}, ChildCrashError, "gave no answer"),
        ("say_nothing", b"", {}, ChildCrashError, "crashed"),
        ("say_nonsense", b"\0" * 7, {}, ChildCrashError, "gave no answer"),
        ("say_nonsense", b"\0" * 7 + b"\2[]" + b"x" * 9, {}, ChildCrashError, "gave no answer"),
        ("fail", b"a name", {}, ChildCrashError, r"\(ValueError\)"),
        ("absent", b"", {}, ChildCrashError, "AttributeError"),
    ],
)
def test_what_a_job_may_not_do_ends_it_with_a_clear_error(  # noqa: PLR0917 - columns of a table
    child, function, data, changed, error, message
):
    began = time.monotonic()
    with pytest.raises(error, match=message) as raised:
        child.call(function, data, limits=limits(**changed))
    assert time.monotonic() - began < 15
    assert "a name" not in str(raised.value)
    assert child.call("reverse", b"ab", limits=LIMITS) == b"ba", "the next one is not harmed"


def test_errors_of_ours_come_through_as_what_they_are(child):
    with pytest.raises(VerificationError, match="The file was changed") as raised:
        child.call("refuse", b"The file was changed.", limits=LIMITS)
    assert type(raised.value) is VerificationError
    assert raised.value.remedy == "look again"


def test_nobody_is_left_behind(child):
    process = int(child.call("leave_one_behind", b"", limits=limits(file_bytes=1)))
    assert gone(process)


def test_calls_of_several_threads_do_not_mix(child):
    texts = [b"%d" % i * 1000 for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: child.call("reverse", text, limits=LIMITS), texts))
    assert found == [text[::-1] for text in texts]


def test_a_module_that_does_not_load_is_a_clear_error():
    with pytest.raises(ChildUnavailableError, match="ModuleNotFoundError") as raised:
        Child("tests.support.no_such_module").call("reverse", b"", limits=LIMITS)
    assert raised.value.remedy


def test_a_python_that_does_not_start_is_a_clear_error(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ChildUnavailableError, match="could not be started"):
        Child(MODULE).call("reverse", b"", limits=LIMITS)
    assert issubclass(ChildUnavailableError, ChildError)
    assert issubclass(ChildError, AuditkitError)


SCRIPT = f"""
import os, sys
from auditkit.isolation import Child, Limits
child = Child({MODULE!r})
limits = Limits(cpu_seconds=20, wall_seconds=60.0, memory_bytes=1 << 30, answer_bytes=1 << 20)
child.call("reverse", b"", limits=limits)
"""


def started(script):
    """A process of its own that runs a script and prints one line."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT + script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_job_ends_with_whoever_waits_for_it(way):
    process, line = started(
        "print(child.server.pid, flush=True)\nchild.call('wait_for_ever', b'', limits=limits)\n"
    )
    server = int(line)
    for _ in range(100):
        jobs = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        if jobs:
            break
        time.sleep(0.05)
    process.send_signal(way)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert jobs
    assert gone(int(jobs[0]))
    assert gone(server)


def test_a_process_that_forks_off_from_ours_has_children_of_its_own():
    process, line = started(
        "before = child.server.pid\n"
        "if os.fork() == 0:\n"
        "    said = child.call('reverse', b'ab', limits=limits)\n"
        "    print(said == b'ba' and child.server.pid != before, flush=True)\n"
        "    child.end()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "assert child.call('reverse', b'ab', limits=limits) == b'ba'\n"
        "assert child.server.pid == before\n"
    )
    _, errors = process.communicate(timeout=20)
    assert line == "True", errors
    assert process.returncode == 0, errors
    assert errors == ""
