"""The log entry of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from auditkit.canonical import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRequest:
    """One request, as its log entry records it. A field that is None is left out.

    Attributes:
        time: When it was judged, UTC.
        user: Who asked; empty: nobody was named.
        endpoint: The endpoint's name.
        allowed: Whether it was admitted.
        reason: Why it was not; empty if it was.
        request: Its id, to which its outcome refers.
        authenticated: How the user was authenticated.
        method: The HTTP method.
        domain: The workspace.
        policy_digest: The digest of the policy it was judged by.
        decisions: The decision on each permission, see `AccessDecision.part`.
        writes: The files of models that it writes, if any.
        groups: The caller's groups that gave a role, if any.
        token: The id of the token that was used, if any.
        only: The role and the domain that the token is restricted to.
    """

    time: datetime
    user: str
    endpoint: str
    allowed: bool
    reason: str
    request: str | None = None
    authenticated: str | None = None
    method: str | None = None
    domain: str | None = None
    policy_digest: str | None = None
    decisions: Sequence[Json] | None = None
    writes: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    token: str | None = None
    only: tuple[str, str] | None = None

    def to_json(self) -> dict[str, Json]:
        """The entry's payload."""
        payload: dict[str, Json] = {"time": self.time.isoformat()}
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is not None:
                payload[field.name] = list(value) if isinstance(value, tuple) else value
        return payload
