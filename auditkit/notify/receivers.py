"""Hands one event to a receiver: an HTTP address, or a program.

Laws:
    - An attempt ends: every step has a time limit, and so has the whole of an HTTP exchange.
    - Redirects are not followed, no proxy is asked, and nothing of an answer but its status is
      read.
    - No message holds an address or a secret: a receiver has a name for that.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from auditkit.errors import AuditkitError
from auditkit.files import read_text
from auditkit.notify.event import MEDIA_TYPE, Event
from auditkit.notify.signature import parse_secrets, signed_headers

_STEP_SECONDS: Final = 5.0
ATTEMPT_SECONDS: Final = 10.0
_MAX_SECRETS: Final = 4096


class UndeliveredError(Exception):
    """A receiver did not take what was sent; the text says why, without addresses."""


class Webhook:
    """An HTTP address that events are posted to.

    Args:
        url: The address: https, or http to this machine.
        secret: The file of the secrets that sign what is sent; read at each attempt, so that a
            secret can be changed while the program runs.
        clock: The time, UTC.

    Raises:
        AuditkitError: If the file cannot be read, or holds something else.
    """

    def __init__(self, url: str, secret: Path, *, clock: Callable[[], datetime]) -> None:
        self._url = urlsplit(url)
        self._secret = secret
        self._clock = clock
        self._secrets()

    def send(self, event: Event) -> None:
        """Posts an event; any status but 2xx is a failure.

        Raises:
            UndeliveredError: If it was not taken.
        """
        body = event.to_bytes()
        try:
            secrets = self._secrets()
        except AuditkitError as error:
            raise UndeliveredError(error.message) from error
        headers = signed_headers(
            event.id, body, time_s=int(self._clock().timestamp()), secrets=secrets
        )
        status = self._post(body, {**headers, "content-type": MEDIA_TYPE})
        if not 200 <= status < 300:
            raise UndeliveredError(f"status {status}")

    def _secrets(self) -> tuple[bytes, ...]:
        text = read_text(self._secret, what="webhook's secret", limit=_MAX_SECRETS)
        return parse_secrets(text, source=self._secret.name)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(
                host, port, timeout=_STEP_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_STEP_SECONDS)
        # A receiver that answers a byte at a time keeps within the limit of every step.
        limit = threading.Timer(ATTEMPT_SECONDS, _cut, [connection])
        limit.daemon = True
        limit.start()
        query = f"?{self._url.query}" if self._url.query else ""
        try:
            connection.request("POST", f"{self._url.path or '/'}{query}", body, headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise UndeliveredError(f"no answer ({type(error).__name__})") from error
        finally:
            limit.cancel()
            connection.close()


class Program:
    """A program that is run for each event, with the event as JSON on its standard input.

    Args:
        path: The program.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, event: Event) -> None:
        """Runs the program; any exit code but 0 is a failure.

        Raises:
            UndeliveredError: If it failed, or could not be run.
        """
        run_program(str(self._path), event.to_bytes())


def run_program(program: str, data: bytes) -> None:
    """Runs a program with data on its standard input.

    Raises:
        UndeliveredError: If it cannot be run, does not end in time, or ends with another exit code
            than 0.
    """
    try:
        done = subprocess.run(  # noqa: S603 (named in the settings)
            [program],
            input=data,
            timeout=ATTEMPT_SECONDS,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UndeliveredError(f"not run ({type(error).__name__})") from error
    if done.returncode != 0:
        raise UndeliveredError(f"exit code {done.returncode}")


def _cut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
