"""A monitor's entries in a log: read checked, and written one after another."""

from __future__ import annotations

from collections.abc import Callable

from auditkit.ledger.keep.tail import LogTail
from auditkit.ledger.log import Ledger
from auditkit.ledger.records.entry import item
from auditkit.watching.monitor.record.fold import add
from auditkit.watching.monitor.record.plan import Step
from auditkit.watching.monitor.record.state import State


class Journal:
    """The entries of one monitor.

    Laws:
        - An entry is decided on while nobody else can write, from all entries before it. So of two
          processes that want the same only one writes it.
        - When `write` returns, the entry is durable.

    Args:
        log: The log, open for writing.
        name: The monitor's name.
    """

    def __init__(self, log: Ledger, name: str) -> None:
        self.log = log
        self._state = State(name)
        self._tail = LogTail(log)

    @property
    def state(self) -> State:
        """The state after all entries that the log holds now; it is not to be changed.

        Raises:
            VerificationError: If an entry is not as it was logged.
        """
        while entries := self._tail.read():
            for entry in entries:
                add(self._state, entry)
        return self._state

    def write(self, decide: Callable[[State], Step | None]) -> Step | None:
        """Writes what is decided on by the present state; None: nothing is.

        Raises:
            LedgerError: If the log cannot be written; the entry is then logged whole or not at all.
        """
        with self.log.writing() as session:
            step = decide(self.state)
            if step is not None:
                self.log.add(session, [item(step.kind, step.payload, "standard")])
        return step
