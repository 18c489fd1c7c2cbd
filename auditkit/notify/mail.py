"""Hands one event to people by e-mail (SMTP).

Laws:
    - An attempt ends: every step of the exchange has a time limit.
    - Nothing is sent in the open, except to this machine.
    - What an event holds goes into the body, as text, and never into a header.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from auditkit.errors import AuditkitError
from auditkit.files import read_text
from auditkit.notify.event import Event
from auditkit.notify.receivers import UndeliveredError
from auditkit.notify.settings import MailSettings

_STEP_SECONDS: Final = 5.0


class Mail:
    """People who are told by e-mail.

    Args:
        settings: The server and the addresses.
        folder: The folder that the password's file is named from.
    """

    def __init__(self, settings: MailSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def send(self, event: Event) -> None:
        """Sends an event.

        Raises:
            UndeliveredError: If the server did not take it.
        """
        message = message_of(event, self._settings)
        try:
            server = self._connected()
            try:
                server.send_message(message)
            finally:
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
        except AuditkitError as error:
            raise UndeliveredError(error.message) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise UndeliveredError(f"not sent ({type(error).__name__})") from error

    def _connected(self) -> smtplib.SMTP:
        at = self._settings
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if at.security == "tls":
            server = smtplib.SMTP_SSL(at.host, at.port, timeout=_STEP_SECONDS, context=context)
        else:
            server = smtplib.SMTP(at.host, at.port, timeout=_STEP_SECONDS)
        if at.security == "starttls":
            server.starttls(context=context)
        if at.user:
            path = self._folder / at.password_file
            server.login(at.user, read_text(path, what="password file").strip())
        return server


def message_of(event: Event, settings: MailSettings) -> EmailMessage:
    """An event as a message; its id tells a receiver whether it came before."""
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Date"] = format_datetime(event.time)
    message["Message-ID"] = f"<{event.id}@auditkit.invalid>"
    message["Subject"] = f"[auditkit] {event.type.removeprefix('auditkit.')}"
    message.set_content(json.dumps(event.data, indent=1, sort_keys=True))
    return message
