"""What the settings of a program say of those who are told."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator

from auditkit.documents import Document, Text

_SYSLOG: Final = {"udp": 514, "tcp": 601, "unix": None}


class ReceiverSettings(Document):
    """Who is told of events: an HTTP address or a program.

    Attributes:
        url: The address that events are posted to: https, or http to this machine.
        secret: The file with the secrets that sign what is posted, one a line: `whsec_` and the
            base64 of 24 to 64 random bytes. With two lines, what is sent carries two signatures.
        program: A program to run for each event instead, with the event as JSON on its standard
            input; any exit code but 0 is a failure.
        on: The events to send.
        name: The receiver's name among those that follow the log. Default: from the address or the
            program.
        give_up_days: After how many days of failures an event is given up, and the next is sent.
    """

    url: str = ""
    secret: str = ""
    program: str = ""
    on: tuple[Text, ...] = Field(min_length=1)
    name: str = ""
    give_up_days: int = Field(default=3, ge=1, le=30)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.url) == bool(self.program):
            raise ValueError("give either url or program")
        if bool(self.url) != bool(self.secret):
            raise ValueError("a url needs a secret, and a program has none")
        if self.url:
            _check_address(_split(self.url))
        return self

    @property
    def title(self) -> str:
        """Its name, without what an address may hold of secrets."""
        if self.name:
            return self.name
        if self.program:
            return self.program.rstrip("/").rpartition("/")[2]
        return f"{_split(self.url).hostname}-{hashlib.sha256(self.url.encode()).hexdigest()[:8]}"


class MailSettings(Document):
    """Who is told by e-mail (SMTP).

    Attributes:
        host: The mail server.
        port: Its port.
        security: `starttls` or `tls`; `none` only to this machine.
        user: The account's name; empty: none is needed.
        password_file: The file with its password.
        sender: The address that it is from.
        to: The addresses that it goes to.
        on: The events to send.
    """

    host: Text
    port: int = Field(default=587, ge=1, le=65_535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: str = ""
    sender: Text
    to: tuple[Text, ...] = Field(min_length=1)
    on: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if self.security == "none" and self.host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("mail without encryption is for this machine: write starttls or tls")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("give user and password_file, or neither")
        return self

    @property
    def title(self) -> str:
        """Its name among those that follow the log."""
        return f"mail to {hashlib.sha256(','.join(self.to).encode()).hexdigest()[:8]}"


class StreamSettings(Document):
    """Where every entry of the log is sent as a line of JSON.

    Attributes:
        to: `stdout`: the server's standard output.
        file: A file that lines are added to.
        syslog: A syslog server, as RFC 5424 writes it: `udp://host:514`, `tcp://host:601` or
            `unix:///dev/log`.
    """

    to: Literal["", "stdout"] = ""
    file: str = ""
    syslog: str = ""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if [bool(self.to), bool(self.file), bool(self.syslog)].count(True) != 1:
            raise ValueError("give one of to, file and syslog")
        if self.syslog:
            syslog_address(self.syslog)
        return self

    @property
    def title(self) -> str:
        """Its name among those that follow the log."""
        where = self.file.rpartition("/")[2] or self.syslog.partition("://")[2] or self.to
        return f"stream to {where}"


def syslog_address(url: str) -> tuple[str, str, int]:
    """Transport, host or path, and port of a syslog server; the port of a path is 0.

    Raises:
        ValueError: If it is none.
    """
    parts = _split(url)
    if parts.scheme not in _SYSLOG or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("write syslog as udp://host:514, tcp://host:601 or unix:///dev/log")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.strip("/"):
            raise ValueError("write the path of the socket: unix:///dev/log")
        return parts.scheme, parts.path, 0
    if not parts.hostname or parts.path.strip("/"):
        raise ValueError("write syslog as udp://host:514, tcp://host:601 or unix:///dev/log")
    return parts.scheme, parts.hostname, parts.port or _SYSLOG[parts.scheme] or 0


def _check_address(parts: SplitResult) -> None:
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("write url like https://hooks.example.com/registry")
    if "@" in parts.netloc:
        raise ValueError("write no user or password in url: the signature says who sends")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ValueError("http is for this machine (127.0.0.1, ::1, localhost): write https")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str) -> SplitResult:
    """An address in parts; a wrong port is an error here, not at the first attempt."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("an address holds no spaces, and only ASCII")
    parts = urlsplit(url)
    _ = parts.port
    return parts
