"""A process that sends every entry of a log to an HTTP address, until it is killed.

python courier.py LOG-URL PUBLIC-KEY ADDRESS SECRET-FILE LEASE-SECONDS
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditkit.ledger import Ledger, NoteVerifier
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.followers import Followers
from auditkit.notify.courier import Courier, Delivery, Outbox
from auditkit.notify.event import Event
from auditkit.notify.receivers import Webhook


def event(entry: Any) -> Event | None:
    """An event of each entry of a test."""
    if entry.kind != "test.entry":
        return None
    return Event(
        id=f"{entry.index}-{entry.commitment.hex()[:16]}",
        source="example.com/audit",
        type="auditkit.test.entry",
        time=entry.time,
        data={"index": entry.index, **entry.payload},
    )


def outbox(url: str, key: NoteVerifier) -> Outbox:
    """The outbox of a log."""
    return Outbox(
        lambda: Ledger.open(url, key=key),
        lambda: Followers(open_database(url, lock_timeout_s=5)),
    )


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def main() -> None:
    """Sends for ever."""
    url, key, address, secret, lease = sys.argv[1:]
    webhook = Webhook(address, Path(secret), clock=now)
    delivery = Delivery(
        name="hook",
        prepare=event,
        send=lambda events: [webhook.send(one) for one in events],
        begin=0,
        first_pause_s=0.05,
    )
    courier = Courier(
        delivery, outbox(url, NoteVerifier.parse(key)), clock=now, lease_s=float(lease)
    )
    courier.start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
