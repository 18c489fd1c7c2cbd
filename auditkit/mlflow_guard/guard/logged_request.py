"""What the log says of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from auditkit.canonical import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRequest:
    """One request, as its entry in the log says it. What is None is not said.

    Attributes:
        time: When it was judged, UTC.
        user: Who asked; empty: nobody was named.
        endpoint: What was asked, by the endpoint's name.
        allowed: Whether it was let through.
        reason: Why not; empty if it was.
        request: Its number, by which its outcome refers to it.
        authenticated: How the user was made sure of.
        method: Of HTTP.
        domain: The workspace.
        policy_digest: Of the policy it was judged by.
        decisions: Each need that was decided, see `Decision.part`.
        writes: What it writes, if it writes files of models.
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

    def to_json(self) -> dict[str, Json]:
        """The entry's payload."""
        said: dict[str, Json] = {"time": self.time.isoformat()}
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value is not None:
                said[field.name] = list(value) if isinstance(value, tuple) else value
        return said
