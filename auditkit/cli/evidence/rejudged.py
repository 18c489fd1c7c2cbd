"""What a monitor's windows were judged by in a report's period, read and computed again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.ledger.reader import LogReader
    from auditkit.watching.monitor.judgements import Recomputed


def rejudged(log: LogReader, statement: Mapping[str, Any], folder: Path, policy: str) -> Recomputed:
    """Reads the judgements of a report's windows, and makes them again from the stored profiles.

    Args:
        log: The log.
        statement: The report's statement.
        folder: The monitor's store.
        policy: The policy of watching.

    Raises:
        InputError: If it is not the report of one monitor, or the store lacks a file.
        VerificationError: If a file is not what was logged.
    """
    from auditkit.period.recounted import monitor_of
    from auditkit.watching.monitor.judgements import recomputed
    from auditkit.watching.monitor.record.facts import KINDS, text_of
    from auditkit.watching.monitor.record.period import period as watched_in
    from auditkit.watching.monitor.store import Store
    from auditkit.watching.policy import load_watch_policy

    monitor, period = monitor_of(statement)
    if not monitor or not folder.is_dir():
        raise InputError(
            f"There is no folder at {folder}."
            if monitor
            else "The report is of no single monitor.",
            remedy="give the monitor's store with the report that 'auditkit watch report' made",
        )
    size = int(statement["predicate"]["rows"])
    entries = list(log.entries(kind=KINDS, end=size))
    found = watched_in(monitor, entries, text_of(period.begin), text_of(period.end))
    return recomputed(found.windows, entries, Store(folder), load_watch_policy(policy))
