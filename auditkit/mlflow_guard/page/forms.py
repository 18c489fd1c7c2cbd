"""Forms: each carries a token that only this site can make, for one user and one action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from auditkit.access.login.authentication import Caller
from auditkit.mlflow_guard.page.seals import Seals
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied

_LASTS: Final = timedelta(hours=1)
_PURPOSE: Final = "form"
_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """Whose form it is.

    Attributes:
        caller: The user.
        session: The id of their session; empty: they came without one.
    """

    caller: Caller
    session: str = ""

    def content(self, action: str) -> dict[str, str]:
        """What a token for an action says."""
        return {
            "user": self.caller.user,
            "method": self.caller.method,
            "session": self.session,
            "action": action,
        }


def form_token(seals: Seals, signed: Signed, action: str) -> str:
    """The token for a form.

    Args:
        seals: Seals it.
        signed: Whose form it is.
        action: What it does, and to what: its path.
    """
    return seals.seal(_PURPOSE, signed.content(action), lasts=_LASTS)


def read_form(request: Any, seals: Seals, signed: Signed, action: str) -> dict[str, str]:
    """The fields of a form that was sent, without its token.

    Args:
        request: The Flask request.
        seals: Opens its token.
        signed: Who sends it.
        action: What the request would do: its path.

    Raises:
        RefusedError: If its token is missing, has ended, or is another user's, session's or
            action's.
    """
    if (request.content_length or 0) > _MAX_BYTES:
        raise RefusedError(413, "INVALID_PARAMETER_VALUE", "the form is too large")
    fields = {name: str(value).replace("\r\n", "\n") for name, value in request.form.items()}
    found = seals.opened(_PURPOSE, fields.pop("token", ""))
    if found != signed.content(action):
        raise denied(
            "this form was not made here for you, or it was open for more than an hour; open its "
            "page again"
        )
    return fields
