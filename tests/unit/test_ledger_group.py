"""Batches: everyone is answered once, failures reach those whose commit failed, nobody hangs."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from auditkit.errors import LedgerError
from auditkit.ledger.store import group_commit
from auditkit.ledger.store.group_commit import GroupCommit


def slow(batches, seconds=0.002):
    def commit(items):
        time.sleep(seconds)  # As a disk does; other threads go on meanwhile.
        batches.append(list(items))
        return [item * 2 for item in items]

    return commit


def test_everyone_is_answered_and_commits_are_shared():
    batches = []
    group = GroupCommit(slow(batches))

    def work(writer):
        return [group.submit(writer * 1000 + n) == 2 * (writer * 1000 + n) for n in range(40)]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(done) for done in pool.map(work, range(8)))
    assert sorted(item for batch in batches for item in batch) == sorted(
        writer * 1000 + n for writer in range(8) for n in range(40)
    )
    assert len(batches) < 320 / 2


@pytest.mark.timeout(60)
def test_one_writer_alone_does_not_wait():
    group = GroupCommit(lambda items: items, longest_wait_s=60)  # to wait once would be too long
    for n in range(500):
        assert group.submit(n) == n


def test_a_failure_reaches_its_batch_and_no_other():
    def commit(items):
        time.sleep(0.002)
        if any(item % 7 == 0 for item in items):
            raise LedgerError("no room")
        return items

    group = GroupCommit(commit)

    def work(item):
        try:
            return group.submit(item) == item
        except LedgerError:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(1, 60)))
    assert all(found[n - 1] == "refused" for n in range(7, 60, 7))
    assert True in found
    assert group.submit(1) == 1


def test_an_interrupt_hits_its_thread_and_the_others_hear_of_it():
    started, release = threading.Event(), threading.Event()
    turn = []

    def commit(items):
        turn.append(list(items))
        if len(turn) == 1:
            started.set()
            release.wait(5)
            return items
        if len(turn) == 2:
            raise KeyboardInterrupt
        return items

    group = GroupCommit(commit)
    outcomes = {}

    def work(name):
        try:
            outcomes[name] = group.submit(name)
        except BaseException as error:  # noqa: BLE001
            outcomes[name] = type(error).__name__

    threads = [threading.Thread(target=work, args=("first",))]
    threads[0].start()
    started.wait(5)
    for name in ("a", "b", "c"):
        threads.append(threading.Thread(target=work, args=(name,)))
        threads[-1].start()
    while len(group.queue) < 3:
        time.sleep(0.001)
    release.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert outcomes["first"] == "first"
    assert sorted(outcomes[n] for n in "abc") == ["KeyboardInterrupt", "LedgerError", "LedgerError"]
    assert group.submit("next") == "next"


def test_who_leaves_the_line_does_not_stop_it(monkeypatch):
    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    group = GroupCommit(lambda items: items)
    with monkeypatch.context() as patch:  # this module's events, not every thread's
        own = SimpleNamespace(Event=Interrupted, Condition=threading.Condition)
        patch.setattr(group_commit, "threading", own)
        with pytest.raises(KeyboardInterrupt):
            group.submit(1)
    assert group.submit(2) == 2


def test_ctrl_c_ends_the_wait_of_the_main_thread_and_takes_its_item_back():
    started, release = threading.Event(), threading.Event()
    committed = []

    def commit(items):
        committed.extend(items)
        started.set()
        release.wait(20)
        return items

    group = GroupCommit(commit)
    leader = threading.Thread(target=group.submit, args=("first",))
    leader.start()
    started.wait(20)
    main = threading.main_thread()
    assert threading.current_thread() is main
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # A signal of the system's, which wakes the thread from its wait.
        ctrl_c = threading.Timer(0.2, signal.pthread_kill, (main.ident, signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the timer must not fire before
            ctrl_c.start()
            group.submit("taken back")
    finally:
        signal.signal(signal.SIGINT, handler)
    release.set()
    leader.join(20)
    assert group.submit("next") == "next"
    assert committed == ["first", "next"]
