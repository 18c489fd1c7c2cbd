"""Tokens of service accounts in a review: which there are, and when each was last used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from auditkit.access.login.tokens import Token
from auditkit.access.record.holders import day, table
from auditkit.access.record.log import LoggedEntry
from auditkit.access.record.logged import decisions_in
from auditkit.evidence import Table


def last_uses(entries: Iterable[LoggedEntry]) -> dict[str, datetime]:
    """When each token was last used, by its id, according to the log.

    Args:
        entries: The log.
    """
    return {
        str(decision["token"]): entry.time
        for entry in entries
        for decision in decisions_in(entry)
        if "token" in decision
    }


def tokens_table(
    tokens: Sequence[Token],
    used: Mapping[str, datetime] | None,
    *,
    now: datetime,
    unused_days: int = 90,
) -> Table:
    """Every token, with its state.

    Args:
        tokens: The tokens.
        used: When each was last used; None: the log was not read.
        now: The time.
        unused_days: After how many days without use a valid one counts as unused.
    """

    def state(token: Token) -> str:
        found = token.state(now)
        if found != "valid" or used is None:
            return found
        since = used.get(token.id, token.created)
        return "unused" if now - since > timedelta(days=unused_days) else found

    def last(token: Token) -> str:
        if used is None:
            return "not looked up"
        return day(used[token.id]) if token.id in used else "never"

    return table(
        "tokens",
        f"Tokens of service accounts; a valid one without use for {unused_days} days is unused",
        (
            "id", "account", "role", "domain", "created", "created_by", "expires", "state",
            "last_used",
        ),
        tuple(
            (
                token.id, token.account, token.role, token.domain, day(token.created),
                token.created_by, day(token.expires), state(token), last(token),
            )
            for token in tokens
        ),
    )  # fmt: skip
