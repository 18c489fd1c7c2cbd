"""Sessions of those who signed in at the identity provider: a sealed cookie, and nothing stored."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Final

from auditkit.access.login.authentication import Caller
from auditkit.mlflow_guard.page.browser import Cookie
from auditkit.mlflow_guard.page.forms import Signed
from auditkit.mlflow_guard.page.seals import Seals

LASTS: Final = timedelta(hours=8)
_PURPOSE: Final = "session"


class Sessions:
    """Begins, reads and ends sessions.

    Args:
        seals: Seals the cookies.
        secure: Whether the site is reached by HTTPS.
    """

    def __init__(self, seals: Seals, *, secure: bool) -> None:
        self._seals = seals
        self._cookie = Cookie("auditkit_session", secure=secure)

    def begin(self, response: Any, caller: Caller) -> None:
        """Begins a session with a response.

        Raises:
            ValueError: If what is known of the caller is too long for a cookie.
        """
        content = {
            "id": secrets.token_hex(8),
            "user": caller.user,
            "groups": list(caller.groups),
        }
        sealed = self._seals.seal(_PURPOSE, content, lasts=LASTS)
        self._cookie.write(response, sealed, seconds=int(LASTS.total_seconds()))

    def read(self, request: Any) -> Signed | None:
        """Whose session a request belongs to; None if it has none that is good."""
        found = self._seals.opened(_PURPOSE, self._cookie.read(request))
        if found is None:
            return None
        groups = tuple(str(group) for group in found["groups"])
        caller = Caller(str(found["user"]), "oidc", groups)
        return Signed(caller=caller, session=str(found["id"]))

    def end(self, response: Any) -> None:
        """Ends the session with a response."""
        self._cookie.write(response, "", seconds=0)
