"""A process that keeps a model has nothing of ours, can do nothing else, and always ends."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auditkit.isolation import (
    ChildCrashError,
    ChildError,
    ChildLimitError,
    ChildUnavailableError,
    Limits,
    Resident,
    seccomp,
)
from auditkit.isolation.layers import is_strict

MODULE = "tests.support.resident_jobs"
HERE = Path(__file__).parents[2]
LIMITS = Limits(
    cpu_seconds=600, wall_seconds=0, memory_bytes=2 << 30, answer_bytes=0, open_files=64
)


def made(module=MODULE):
    return Resident(module, limits=LIMITS, path=[HERE])


@pytest.fixture(scope="module")
def shared():
    resident = made()
    yield resident
    resident.end()


@pytest.fixture
def fresh():
    resident = made()
    yield resident
    resident.end()


def call(resident, function, data=b"", cpu_seconds=5.0, answer_bytes=1 << 20):
    return resident.call(function, data, cpu_seconds=cpu_seconds, answer_bytes=answer_bytes)


def gone(process, tries=40):
    for _ in range(tries):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_it_keeps_what_it_was_given_and_answers(shared):
    assert [call(shared, "keep", b"x") for _ in range(3)] == [b"1", b"2", b"3"]
    data = os.urandom(3_000_000)
    assert call(shared, "reverse", data, answer_bytes=len(data)) == data[::-1]
    assert call(shared, "threads") == b"4"
    assert set(json.loads(call(shared, "surroundings"))) <= {"LC_CTYPE"}


def test_what_it_may_not_do_is_refused_by_the_system(shared, tmp_path):
    if not is_strict(shared.layers()):
        pytest.skip(f"this kernel has only {shared.layers()}")
    secret = tmp_path / "key.pem"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = {
            "folder": str(tmp_path), "secret": str(secret), "parent": os.getpid(),
            "port": server.getsockname()[1],
        }  # fmt: skip
        assert json.loads(call(shared, "attempts", json.dumps(told).encode())) == []
    assert [p.name for p in tmp_path.iterdir()] == ["key.pem"]
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    ("function", "data", "error", "message"),
    [
        ("turn_for_ever", b"", ChildLimitError, "more than 1 seconds of computing"),
        ("wait_for_ever", b"", ChildLimitError, "instead of computing"),
        ("answer_much", b"2000000", ChildLimitError, "larger than"),
        ("lie_about_the_size", b"", ChildLimitError, "larger than"),
        ("segfault", b"", ChildCrashError, "Segmentation fault"),
        ("leave", b"", ChildCrashError, "code 3"),
    ],
)
def test_what_ends_it_is_a_clear_error_and_nothing_stays(fresh, function, data, error, message):
    fresh.layers()
    process = fresh.process
    began = time.monotonic()
    with pytest.raises(error, match=message):
        call(fresh, function, data, cpu_seconds=1.0)
    assert time.monotonic() - began < 10
    assert gone(process)
    with pytest.raises(ChildUnavailableError, match="has ended"):
        call(fresh, "reverse", b"ab")


def test_what_fails_in_it_does_not_end_it(shared):
    with pytest.raises(ChildLimitError, match="more memory"):
        call(shared, "take_memory")
    with pytest.raises(ChildCrashError, match=r"\(ValueError\)") as raised:
        call(shared, "fail", b"a name")
    assert "a name" not in str(raised.value)
    assert call(shared, "reverse", b"ab") == b"ba"


def test_a_module_that_does_not_load_is_a_clear_error():
    with pytest.raises(ChildError, match="ModuleNotFoundError"):
        call(made("tests.support.no_such_module"), "reverse")


def test_it_ends_with_its_object():
    resident = made()
    resident.layers()
    process = resident.process
    assert not gone(process, tries=1)
    del resident
    gc.collect()
    assert gone(process)


SCRIPT = f"""
import os, sys
from pathlib import Path
from auditkit.isolation import Limits
from auditkit.isolation import Resident
resident = Resident({MODULE!r}, limits=Limits(cpu_seconds=60, wall_seconds=0, memory_bytes=1 << 31,
                    answer_bytes=0, open_files=64), path=[Path({str(HERE)!r})])
resident.layers()
print(resident.process, flush=True)
resident.call("turn_for_ever", b"", cpu_seconds=60, answer_bytes=1)
"""


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_whoever_waits_for_it(way):
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=os.environ | {"PYTHONPATH": str(HERE)},
    )  # fmt: skip
    child = int(process.stdout.readline())
    process.send_signal(way)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert gone(child)


def test_the_filter_is_well_formed_on_every_machine():
    """Every instruction's jumps stay inside, and the last is reached: the kernel's own rules."""
    for machine in ("x86_64", "aarch64"):
        for no_writing in (False, True):
            code = seccomp.program(machine, 1, no_writing=no_writing)
            assert len(code) % 8 == 0
            count = len(code) // 8
            for place in range(count):
                kind, yes, no = code[8 * place], code[8 * place + 2], code[8 * place + 3]
                assert kind == 6 or place + 1 + max(yes, no) < count
            assert code[-8] == 6
    assert not seccomp.is_known("mips")


def test_only_layers_of_the_kernel_that_keep_all_away_are_strict():
    assert is_strict(["limits", "landlock4", "seccomp"])
    assert not is_strict(["limits", "namespaces", "landlock7"])
    assert not is_strict(["limits", "namespaces", "seccomp"])
    assert not is_strict([])
