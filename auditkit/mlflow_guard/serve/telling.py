"""Tells others what the log records: the receivers and the stream that the settings name."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from auditkit.access.record.approvals import PromotionState
from auditkit.canonical import Json
from auditkit.errors import AuditkitError, PolicyError
from auditkit.ledger import Entry, Ledger
from auditkit.ledger.store.databases import open_database
from auditkit.ledger.store.followers import Followers
from auditkit.mlflow_guard.guard.events import event_of
from auditkit.mlflow_guard.guard.expiry import log_expiries
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.serve.settings import ServerSettings
from auditkit.notify.courier import Courier, Delivery, Outbox
from auditkit.notify.event import Event
from auditkit.notify.receivers import Program, Webhook
from auditkit.notify.settings import ReceiverSettings, StreamSettings
from auditkit.notify.sinks import Sink, file_sink, stream_sink, syslog_sink

_logger: Final = logging.getLogger("auditkit.notify")
GIVEN_UP: Final = "notify.given-up"
_LOOK_SECONDS: Final = 30.0
_LOCK_SECONDS: Final = 5.0
_STREAM_LINES: Final = 1000


def refuse_receivers(settings: ServerSettings, clock: Callable[[], datetime]) -> None:
    """Refuses receivers that share a name, or whose secret cannot be read.

    Args:
        settings: The server's settings.
        clock: The time, UTC.

    Raises:
        AuditkitError: If the server may not start with them.
    """
    titles = Counter([one.title for one in settings.notify])
    titles.update(stream.title for stream in _streams(settings))
    twice = [title for title, count in titles.items() if count > 1]
    if twice:
        raise PolicyError(
            f"Two receivers in the server's settings are called {twice[0]}.",
            remedy="give each a name of its own: 'name: pager'",
        )
    for receiver in settings.notify:
        if receiver.url:
            Webhook(receiver.url, Path(receiver.secret), clock=clock)


def start_telling(settings: ServerSettings, gate: Gate, open_log: Callable[[], Ledger]) -> None:
    """Starts a courier for each receiver and for the stream, and looks what has expired.

    Args:
        settings: The server's settings.
        gate: The gate.
        open_log: Opens the log.

    Raises:
        AuditkitError: If they may not start.
    """
    threading.Thread(target=_look, args=[gate], name="auditkit-expiry", daemon=True).start()
    if not settings.notify and settings.stream is None:
        return
    refuse_receivers(settings, gate.clock)
    outbox = Outbox(
        open_log, lambda: Followers(open_database(settings.log.url, lock_timeout_s=_LOCK_SECONDS))
    )
    log, _ = outbox.opened()
    couriers: list[Courier[Any]] = [
        Courier(_told(receiver, gate, log.origin), outbox, clock=gate.clock)
        for receiver in settings.notify
    ]
    couriers += [
        Courier(_streamed(stream, log.origin), outbox, clock=gate.clock)
        for stream in _streams(settings)
    ]
    for courier in couriers:
        courier.start()


def _streams(settings: ServerSettings) -> tuple[StreamSettings, ...]:
    return (settings.stream,) if settings.stream is not None else ()


def _told(receiver: ReceiverSettings, gate: Gate, origin: str) -> Delivery[Event]:
    title, wanted = receiver.title, frozenset(receiver.on)
    send_one = (
        Webhook(receiver.url, Path(receiver.secret), clock=gate.clock).send
        if receiver.url
        else Program(Path(receiver.program)).send
    )

    def book() -> PromotionState:
        with gate.promotions.lock:
            return gate.promotions.book()

    def prepare(entry: Entry) -> Event | None:
        return event_of(entry, origin, wanted, book)

    def given_up(entry: Entry, tries: int, why: str) -> None:
        facts: dict[str, Json] = {
            "receiver": title,
            "entry": entry.index,
            "tries": tries,
            "problem": why,
        }
        gate.recorder.now(GIVEN_UP, facts)

    def send(events: Sequence[Event]) -> None:
        for event in events:
            send_one(event)

    return Delivery(
        name=title,
        prepare=prepare,
        send=send,
        gives_up=timedelta(days=receiver.give_up_days),
        given_up=given_up,
    )


def _streamed(stream: StreamSettings, origin: str) -> Delivery[Entry]:
    return Delivery(
        name=stream.title,
        prepare=lambda entry: entry,
        send=_sink(stream, origin),
        most=_STREAM_LINES,
        begin=0,
    )


def _sink(stream: StreamSettings, origin: str) -> Sink:
    if stream.file:
        return file_sink(origin, Path(stream.file))
    if stream.syslog:
        return syslog_sink(origin, stream.syslog, host=socket.gethostname())
    return stream_sink(origin, sys.stdout.buffer)


def _look(gate: Gate) -> None:
    """Looks for ever what has expired."""
    pause = threading.Event()
    while not pause.wait(_LOOK_SECONDS):
        try:
            log_expiries(gate)
        except Exception as error:  # noqa: BLE001 - the next look may work
            why = error.message if isinstance(error, AuditkitError) else type(error).__name__
            _logger.warning("nobody could look what has expired: %s", why)
