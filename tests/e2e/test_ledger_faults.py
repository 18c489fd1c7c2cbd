"""The log under kills, failing system calls, a full disk and many processes. Long: `make soak`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "soak"))
from soak_ledger import KEY, Place, full_disk, injected, kill_rounds, many_processes

from auditkit.errors import LedgerError
from auditkit.ledger import Ledger


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_killed_at_any_moment(place):
    assert kill_rounds(place, 12) >= 12


def test_many_processes_one_order(place):
    assert many_processes(place, 8, 50) == 8 * 50 + 1


def test_a_full_disk(place):
    # Room for less than the tables, for a few entries, and for some hundred.
    assert full_disk(place, [20_000, 90_000, 250_000]) == 3


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
def test_failing_system_calls(place, fault):
    assert shutil.which("strace"), "the fault tests need strace: apt-get install strace"
    runs, hurt = injected(place, [fault], calls=["fdatasync", "pwrite64"], step=3, most=20)
    assert runs >= 4
    assert hurt >= 2


def test_a_forked_process_does_not_write_with_its_parents_connection(place):
    with Ledger.open(place.url, key=KEY) as log:
        log.append(kind="test.entry", payload={})
        child = os.fork()
        if child == 0:
            try:
                log.append(kind="test.entry", payload={})
            except LedgerError as error:
                os._exit(7 if "forked" in str(error) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        log.append(kind="test.entry", payload={})
        assert log.verify().size == 2


def test_a_writer_that_hangs_is_named_and_not_waited_for(place):
    with (
        Ledger.open(place.url, key=KEY) as holder,
        Ledger.open(place.url, key=KEY, lock_timeout_s=0.2) as log,
    ):
        with holder.writing(), pytest.raises(LedgerError, match=r"held the log for 0\.2 seconds"):
            log.append(kind="test.entry", payload={})
        log.append(kind="test.entry", payload={})
        assert log.verify().size == 1
