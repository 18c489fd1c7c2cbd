"""Streams of entries, as lines of JSON: to an open stream, a file, or syslog.

A line carries the log's name and the entry's index, so that whoever gathers them sees what is
missing. A line may come twice, after a failure; the index says so.

RFC 5424 writes a message of syslog; RFC 6587, 3.4.1, how several follow each other over TCP.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from auditkit.files import write_all
from auditkit.ledger.keep.tail import entry_line
from auditkit.ledger.records.entry import Entry
from auditkit.notify.receivers import UndeliveredError
from auditkit.notify.settings import syslog_address

Sink = Callable[[Sequence[Entry]], None]

# Facility "log audit" (13), severity "informational" (6).
_PRIORITY: Final = 13 * 8 + 6
_MAX_DATAGRAM: Final = 60_000
_MAX_MESSAGE_ID: Final = 32
_STEP_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 2.0


def stream_sink(origin: str, stream: BinaryIO) -> Sink:
    """Writes lines to an open stream, each with one call.

    Args:
        origin: The log's name.
        stream: The stream.
    """

    def send(entries: Sequence[Entry]) -> None:
        with _translated():
            for entry in entries:
                stream.write(entry_line(origin, entry))
                stream.flush()

    return send


def file_sink(origin: str, path: Path) -> Sink:
    """Adds lines to a file, synced to the disk. It is opened each time, so it may be moved away.

    Args:
        origin: The log's name.
        path: The file; it is made if it does not exist.
    """

    def send(entries: Sequence[Entry]) -> None:
        with _translated():
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o640), "r+b", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                # What a killed process began to write must not spoil the next line.
                torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
                lines = b"".join(entry_line(origin, entry) for entry in entries)
                write_all(file.fileno(), b"\n" + lines if torn else lines)
                os.fsync(file.fileno())

    return send


def syslog_sink(origin: str, url: str, *, host: str) -> Sink:
    """Sends lines to a syslog server.

    Over UDP and a socket of this machine each line is a datagram, and whether it arrived is
    unknown. A line that is too long for one goes without its payload.

    Args:
        origin: The log's name.
        url: The server, see `syslog_address`.
        host: This machine's name.
    """
    kind, place, port = syslog_address(url)

    def message(entry: Entry) -> bytes:
        return syslog_message(origin, entry, host=host)

    def datagrams(entries: Sequence[Entry]) -> None:
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        target: str | tuple[str, int] = place
        if kind == "udp":
            family, *_, target = socket.getaddrinfo(place, port, type=socket.SOCK_DGRAM)[0]  # type: ignore[assignment]
        with socket.socket(family, socket.SOCK_DGRAM) as out:
            out.settimeout(_STEP_SECONDS)
            out.connect(target)
            for entry in entries:
                data = message(entry)
                if len(data) > _MAX_DATAGRAM:
                    data = message(replace(entry, salt=None, body=None))
                out.send(data)

    def connected(entries: Sequence[Entry]) -> None:
        with socket.create_connection((place, port), timeout=_STEP_SECONDS) as out:
            for entry in entries:
                data = message(entry)
                out.sendall(b"%d %s" % (len(data), data))
            # A server that closes in turn has read to the end; one that never does is believed.
            out.shutdown(socket.SHUT_WR)
            out.settimeout(_CLOSE_SECONDS)
            try:
                while out.recv(1024):
                    pass
            except TimeoutError:
                return

    def send(entries: Sequence[Entry]) -> None:
        with _translated():
            (connected if kind == "tcp" else datagrams)(entries)

    return send


def syslog_message(origin: str, entry: Entry, *, host: str) -> bytes:
    """An entry as a message of RFC 5424; the entry's kind is its id."""
    time = entry.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = entry.kind[:_MAX_MESSAGE_ID]
    head = f"<{_PRIORITY}>1 {time} {_printable(host)} auditkit - {kind} - "
    return head.encode() + entry_line(origin, entry).rstrip(b"\n")


def _printable(host: str) -> str:
    name = "".join(c for c in host if "!" <= c <= "~")[:255]
    return name or "-"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        raise UndeliveredError(os.strerror(number) if number else type(error).__name__) from error
