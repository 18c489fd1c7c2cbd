"""An access review: who may promote what and through which role, who did, and what looks wrong.

It reads only the policy in force and the log. About people it gives their user names, roles and
requests; it cannot know whether they still work here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditkit.access.login.tokens import Token
from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.duties import conflicts, overlaps
from auditkit.access.record.approvals import POLICY, PromotionState
from auditkit.access.record.holders import GROUP, day, grants, promoters, table, unused
from auditkit.access.record.log import READS, LoggedEntry
from auditkit.access.record.logged import decisions_in
from auditkit.access.record.moves import Emergency, Moved
from auditkit.access.record.token_use import tokens_table
from auditkit.checks import find_check
from auditkit.evidence import Cell, Evidence, Measurement, Table

_LIMITS: Final = (
    "CC6.1, CC6.3, CC8.1; 45 CFR 164.308(a)(3)-(4), 164.312(a)-(b). CC6.2 only in part: the log "
    "shows what was granted and used, not who joined or left; compare it with the list of "
    "employees."
)


@dataclass(frozen=True, kw_only=True)
class Review:
    """An access review of a period.

    Attributes:
        since: Its beginning; None: the beginning of the log.
        until: Its end.
        tables: Grants, promoters, moves, denials, unused grants, conflicts, break-glass and
            changes of policy, in this order.
        decisions: Number of decisions in the period.
        users: Number of users that the policy names.
        groups: Number of groups that the policy gives roles to.
        policy_digest: Digest of the policy in force.
        unused_days: After how many days without use a grant counts as unused.
        failed_logins: Requests in the period without a user or with a wrong password.
        logged_policy: Digest of the last policy put into force, by the log; empty if there is none.
    """

    since: datetime | None
    until: datetime
    tables: tuple[Table, ...]
    decisions: int
    users: int
    policy_digest: str
    unused_days: int
    failed_logins: int
    logged_policy: str
    groups: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes that explain the tables."""
        unnamed = (
            f"Requests in the period that named nobody or showed a wrong password: "
            f"{self.failed_logins}; "
            "the log does not keep the name that was tried."
        )
        notes = [_LIMITS, unnamed]
        if self.logged_policy and self.logged_policy != self.policy_digest:
            notes.append(
                f"By the log the policy {self.logged_policy} is in force, not the one that was "
                "handed over: who may, here, is not who may on the server."
            )
        return tuple(notes)

    def table(self, name: str) -> Table:
        """A table by its name, without the prefix `access_`."""
        return next(table for table in self.tables if table.name == f"access_{name}")

    def to_evidence(self) -> Evidence:
        """Evidence for the check `access.review`."""
        check = find_check("access.review")
        counted = "counted over the log's entries in the period"
        read = "read off the policy in force"
        rows = {table.name: table for table in self.tables}
        unreviewed = sum(1 for r in rows["access_breakglass"].column("reviewed_by") if not r)
        same = sum(
            1
            for author, approver in zip(
                rows["access_policy_changes"].column("author"),
                rows["access_policy_changes"].column("approver"),
                strict=True,
            )
            if author == approver
        )
        decisions, users, holders = self.decisions, self.users, self.users + self.groups

        def count(name: str, value: int, n: int, method: str) -> Measurement:
            return Measurement(name=name, value=value, n=n, unit="count", method=method)

        return check.evidence(
            parameters={
                "since": self.since.isoformat() if self.since else None,
                "until": self.until.isoformat(),
                "policy_digest": self.policy_digest,
                "unused_days": self.unused_days,
            },
            n=decisions,
            population="access decisions",
            measurements=(
                count("users", users, users, read),
                count("promoters", _distinct(rows["access_promoters"]), holders, read),
                count("denied", len(rows["access_denied"].rows), decisions, counted),
                count("promotions", len(rows["access_moves"].rows), decisions, counted),
                count(
                    "unused_grants",
                    len(rows["access_unused_grants"].rows),
                    len(rows["access_grants"].rows),
                    f"no allowed decision through the role for {self.unused_days} days",
                ),
                count("sod_conflicts", _distinct(rows["access_conflicts"]), holders, read),
                count("breakglass_uses", len(rows["access_breakglass"].rows), decisions, counted),
                count("breakglass_unreviewed", unreviewed, decisions, counted),
                count(
                    "policy_changes", len(rows["access_policy_changes"].rows), decisions, counted
                ),
                count("self_approved_policy_changes", same, decisions, counted),
            ),
            tables=self.tables,
            notes=self.notes,
        )


def review(
    access: AccessControl,
    entries: Iterable[LoggedEntry],
    *,
    now: datetime,
    since: datetime | None = None,
    unused_days: int = 90,
    tokens: Sequence[Token] | None = None,
) -> Review:
    """Makes an access review.

    Args:
        access: The policy in force.
        entries: The log, from its beginning.
        now: The time.
        since: When tables of events begin; None: with the log.
        unused_days: A grant not used for this many days is listed.
        tokens: Tokens of service accounts; None: they are left out.
    """
    book = PromotionState()
    denied: list[tuple[Cell, ...]] = []
    changes: list[tuple[Cell, ...]] = []
    used: dict[tuple[str, str], datetime] = {}
    used_tokens: dict[str, datetime] = {}
    decisions = failed_logins = 0
    for entry in entries:
        book.read([entry])
        if entry.payload is None:
            continue
        if entry.kind == POLICY and _within(entry.time, since):
            p = entry.payload
            changes.append(
                (
                    day(entry.time),
                    *(str(p.get(k, "")) for k in ("policy_digest", "author", "approver", "key")),
                )
            )
        if entry.kind == READS and _within(entry.time, since):
            failed_logins += sum(d.get("user") == "" for d in entry.payload["decisions"])
        for decision in decisions_in(entry):
            inside = _within(entry.time, since)
            decisions += inside
            for part in decision.get("decisions", ()):
                if part["allowed"] and part["rule"]:
                    for who in (decision["user"], *_group_names(decision)):
                        used[str(who), part["rule"].split(", ")[1]] = entry.time
            if "token" in decision:
                used_tokens[str(decision["token"])] = entry.time
            if inside and not decision.get("allowed", True) and decision.get("user"):
                denied.append(_denied(decision, entry.time))
    found = conflicts(access.snapshot, access.settings)
    tables: tuple[Table, ...] = (
        grants(access),
        promoters(access),
        table(
            "moves",
            "Who moved a protected alias or stage",
            (
                "time",
                "user",
                "how",
                "domain",
                "model",
                "version",
                "alias_or_stage",
                "asked_by",
                "approved_by",
                "artifact_digest",
            ),
            tuple(_move(m, book) for m in book.moves if _within(m.time, since)),
        ),
        table(
            "denied",
            "Attempts that were denied",
            ("time", "user", "asked_for", "reason"),
            tuple(denied),
        ),
        unused(access, used, now, unused_days),
        table(
            "conflicts",
            "Who could do both halves of what takes two",
            ("user", "domain", "conflict"),
            tuple((c.user, c.domain, str(c)) for c in found),
        ),
        table(
            "breakglass",
            "Emergencies",
            (
                *("time", "user", "object", "ticket", "reason"),
                *("review_due", "reviewed_by", "outcome", "findings"),
            ),
            tuple(
                (
                    day(e.invoked),
                    e.user,
                    e.object,
                    e.ticket,
                    e.reason,
                    _due(e, now),
                    e.reviewed_by,
                    e.outcome,
                    e.findings,
                )
                for e in book.emergencies.values()
                if _within(e.invoked, since)
            ),
        ),
        table(
            "policy_changes",
            "Policies that came into force",
            ("time", "policy_digest", "author", "approver", "signed_by_key"),
            tuple(changes),
        ),
    )
    if access.settings.groups:
        tables += (_overlaps(access),)
    if tokens is not None:
        tables += (tokens_table(tokens, used_tokens, now=now, unused_days=unused_days),)
    return Review(
        since=since,
        until=now,
        tables=tables,
        decisions=decisions,
        users=len(access.rules.users),
        groups=len(access.settings.groups),
        policy_digest=str(access.policy_digest),
        unused_days=unused_days,
        failed_logins=failed_logins,
        logged_policy=book.policy,
    )


def _overlaps(access: AccessControl) -> Table:
    found = overlaps(access.snapshot, access.settings)
    return table(
        "overlaps",
        "What takes two, and one person in both groups could do; each request is held to two",
        ("groups", "domain", "conflict"),
        tuple((c.user, c.domain, str(c)) for c in found),
    )


def _group_names(decision: dict[str, Any]) -> list[str]:
    return [f"{GROUP}{group}" for group in decision.get("groups", ())]


def _denied(decision: dict[str, Any], time: datetime) -> tuple[Cell, ...]:
    needs = decision.get("decisions") or ()
    need = next((part for part in needs if not part["allowed"]), needs[0] if needs else None)
    # Of an unclassified request, only the server's endpoint is known.
    asked_for = f"{need['verb']} {need['object']}" if need else str(decision.get("endpoint", ""))
    return day(time), str(decision["user"]), asked_for, str(decision.get("reason", ""))


def _move(move: Moved, book: PromotionState) -> tuple[Cell, ...]:
    """A move, with its requester and its approvers if it needed an approval."""
    request = book.requests.get(move.request)
    return (
        day(move.time),
        move.user,
        move.how,
        move.target.domain,
        move.target.model,
        move.target.version,
        move.target.name,
        request.requester if request else "",
        ", ".join(sorted(request.approvals)) if request else "",
        move.artifact_digest,
    )


def _due(emergency: Emergency, now: datetime) -> str:
    late = not emergency.reviewed_by and now > emergency.review_by
    return day(emergency.review_by) + (" (overdue)" if late else "")


def _distinct(found: Table) -> int:
    return len(set(found.column("user")))


def _within(time: datetime, since: datetime | None) -> bool:
    return since is None or time >= since
