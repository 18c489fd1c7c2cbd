"""Group commit: writers that arrive while one commit waits for the disk share the next one.

One thread leads: it commits the items of all that wait. Before it commits, it briefly waits for
the writers of the last batch, which are about to submit again. Without this wait, batches of one
item and batches of all the others would alternate, and half the syncs would carry one entry.

Law: `submit` returns or raises only when the commit of its item is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from auditkit.errors import LedgerError

Item = TypeVar("Item")
Result = TypeVar("Result")

LONGEST_WAIT_S: Final = 0.002
_MAX_BATCH: Final = 1024


class _Waiting(Generic[Item, Result]):
    """One submitted item, and its result or error."""

    __slots__ = ("error", "item", "over", "result", "turn")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.over = False
        self.result: Result | None = None
        self.error: BaseException | None = None
        # Set when it is over, or when its thread is to commit the next batch.
        self.turn = threading.Event()


class GroupCommit(Generic[Item, Result]):
    """Commits items of many threads in batches.

    Args:
        commit: Commits a batch and returns a result for each item, in order. Called by one thread
            at a time.
        longest_wait_s: How long a commit waits for the writers of the last batch, in seconds.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        longest_wait_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._commit = commit
        self._longest_wait_s = longest_wait_s
        self._changed = threading.Condition()
        self.queue: list[_Waiting[Item, Result]] = []
        self._has_leader = False
        self._writers = 1

    def submit(self, item: Item) -> Result:
        """Commits an item together with others that wait, and returns its result.

        Raises:
            Exception: The error that the commit of its batch raised.
        """
        waiting: _Waiting[Item, Result] = _Waiting(item)
        with self._changed:
            self.queue.append(waiting)
            if self._has_leader:
                if len(self.queue) >= self._writers:
                    self._changed.notify()
            else:
                self._has_leader = True
                waiting.turn.set()
        try:
            waiting.turn.wait()
        except BaseException:  # An interrupt: take the item back, unless it is being committed.
            self._withdraw(waiting)
            raise
        if not waiting.over:
            self._lead()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.result is not None
        return waiting.result

    def _lead(self) -> None:
        """Commits one batch, and passes the lead on. The leader's own item is the batch's first."""
        deadline = time.monotonic() + self._longest_wait_s
        batch: list[_Waiting[Item, Result]] = []
        try:
            with self._changed:
                while len(self.queue) < self._writers:
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        break
                batch, self.queue = self.queue[:_MAX_BATCH], self.queue[_MAX_BATCH:]
            results = self._commit([waiting.item for waiting in batch])
            for waiting, result in zip(batch, results, strict=True):
                waiting.result = result
        except Exception as error:  # noqa: BLE001 - every waiting thread gets it
            for waiting in batch:
                waiting.error = error
        except BaseException:
            # Ctrl-C is for the thread that it hit; the others learn that their commit failed.
            for waiting in batch:
                waiting.error = LedgerError("The commit was interrupted.", remedy="append again")
            raise
        finally:
            with self._changed:
                self._writers = min(len(batch) + len(self.queue), _MAX_BATCH)
                for waiting in batch:
                    waiting.over = True
                    waiting.turn.set()
                self._pass_lead()

    def _withdraw(self, waiting: _Waiting[Item, Result]) -> None:
        with self._changed:
            if waiting in self.queue:
                self.queue.remove(waiting)
                if waiting.turn.is_set():
                    self._pass_lead()

    def _pass_lead(self) -> None:
        self._has_leader = bool(self.queue)
        if self._has_leader:
            self.queue[0].turn.set()
