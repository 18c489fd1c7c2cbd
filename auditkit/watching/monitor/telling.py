"""Tells receivers what the monitor's log records, as far as it gets in one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from auditkit.ledger import Entry, Ledger
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.followers import Followers
from auditkit.notify.courier import Courier, Delivery, Outbox
from auditkit.notify.event import Event
from auditkit.notify.mail import Mail
from auditkit.notify.receivers import Program, Webhook
from auditkit.notify.settings import MailSettings, ReceiverSettings
from auditkit.watching.monitor.journal import Journal
from auditkit.watching.monitor.record import facts, plan
from auditkit.watching.monitor.record.settings import MonitorSettings

_LOCK_SECONDS: Final = 5.0
_TYPE: Final = "auditkit.watch."


@dataclass(frozen=True, kw_only=True, slots=True)
class Couriers:
    """Those who tell receivers, and the table of how far they got; None: nobody is to be told."""

    couriers: tuple[Courier[Event], ...] = ()
    followers: Followers | None = None


def couriers(
    settings: MonitorSettings,
    folder: Path,
    url: str,
    journal: Journal,
    clock: Callable[[], datetime],
) -> Couriers:
    """One courier for each receiver. A new receiver is told of what is logged from now on.

    Args:
        settings: Who is told of what.
        folder: The folder that files in the settings are named from.
        url: The log's URL.
        journal: The monitor's entries.
        clock: The time, UTC.

    Raises:
        AuditkitError: If the log or a secret cannot be used.
    """
    receivers: tuple[Any, ...] = (*settings.notify, *settings.mail)
    if not receivers or not url:
        return Couriers()
    followers = Followers(open_database(url, lock_timeout_s=_LOCK_SECONDS))
    outbox = Outbox(lambda: journal.log, lambda: followers)
    try:
        found = tuple(
            Courier(_delivery(one, settings.name, folder, journal, clock), outbox, clock=clock)
            for one in receivers
        )
    except BaseException:
        followers.close()
        raise
    return Couriers(couriers=found, followers=followers)


def send(those: Couriers) -> None:
    """Sends every receiver what waits for it, until it fails; the rest is sent in a later step."""
    try:
        for courier in those.couriers:
            while courier.step():
                pass
    finally:
        if those.followers is not None:
            those.followers.close()


def sender(
    receiver: ReceiverSettings | MailSettings, folder: Path, clock: Callable[[], datetime]
) -> Callable[[Event], None]:
    """What sends an event to a receiver."""
    if isinstance(receiver, MailSettings):
        return Mail(receiver, folder).send
    if receiver.url:
        return Webhook(receiver.url, folder / receiver.secret, clock=clock).send
    return Program(folder / receiver.program).send


def event_of(entry: Entry, log: Ledger, name: str, wanted: frozenset[str]) -> Event | None:
    """What a receiver is sent of an entry; None: nothing.

    An alert under a silence is not sent; it is when the silence is over, as `alert.reminded`.
    """
    if entry.kind not in wanted or entry.kind not in facts.EVENTS:
        return None
    payload = entry.payload
    if payload is None or payload.get("monitor") != name or payload.get("silenced") is True:
        return None
    return event(f"{log.origin.replace('.', '-').replace('/', '-')}-{entry.index}", entry, payload)


def event(identity: str, entry: Entry, payload: Mapping[str, Any]) -> Event:
    """An entry as an event."""
    return Event(
        id=identity,
        source=f"/watch/{payload['monitor']}",
        type=_TYPE + entry.kind,
        time=entry.time,
        data={"entry": entry.index, **payload},
    )


def _delivery(
    receiver: ReceiverSettings | MailSettings,
    name: str,
    folder: Path,
    journal: Journal,
    clock: Callable[[], datetime],
) -> Delivery[Event]:
    title, wanted = f"watch {name}: {receiver.title}", frozenset(receiver.on)
    send_one = sender(receiver, folder, clock)

    def send(events: Sequence[Event]) -> None:
        for one in events:
            send_one(one)

    def given_up(entry: Entry, tries: int, why: str) -> None:
        journal.write(
            lambda state: plan.step(
                state, facts.NOT_TOLD, at=clock(), receiver=title, entry=entry.index, tries=tries,
                problem=why,
            )
        )  # fmt: skip

    days = receiver.give_up_days if isinstance(receiver, ReceiverSettings) else 3
    return Delivery(
        name=title,
        prepare=lambda entry: event_of(entry, journal.log, name, wanted),
        send=send,
        gives_up=timedelta(days=days),
        given_up=given_up,
    )
