"""The audits that a log holds: begun, ended, reported, and how many are of one subject.

An audit leaves an entry before anything is measured, one with its verdict, and one for each report.
So whoever runs it again until it passes is seen to: the earlier ones are counted, by name, by the
digest of the model and by that of the evaluation data.

Laws:
    - What was begun and never ended is an audit too: it has no verdict.
    - A report whose beginning is not in this log counts as an audit.
    - An audit whose payload was destroyed is counted apart: nobody can tell what it was of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditkit.canonical import Json
from auditkit.errors import VerificationError
from auditkit.ledger import Entry
from auditkit.ledger.reader import LogReader

BEGUN: Final = "audit.begun"
ENDED: Final = "audit.ended"
STATEMENT: Final = "audit.statement"

# By which facts two audits are of one subject.
SAME: Final = ("name", "model", "data")
DECISIONS: Final = ("pass", "fail", "incomplete")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedAudit:
    """An audit, as far as a log tells.

    Attributes:
        index: The index of its first entry.
        time: When that was logged.
        name: The model's name; empty: not known, as is every text below.
        version: The model's version.
        model: The digest of the model.
        data: The digest of the rows to evaluate.
        policy: The digest of the policy.
        decision: "pass", "fail" or "incomplete"; empty: it was begun and did not end.
        statement: The digest of its statement.
        reports: The indexes of the entries of its reports.
        supersedes: The digest of the statement that the newest of them supersedes.
    """

    index: int
    time: datetime
    name: str = ""
    version: str = ""
    model: str = ""
    data: str = ""
    policy: str = ""
    decision: str = ""
    statement: str = ""
    reports: tuple[int, ...] = ()
    supersedes: str = ""

    @property
    def report_id(self) -> str:
        """The short name of its reports; empty before it ended."""
        return f"AK-{self.statement.removeprefix('sha256:')[:12]}" if self.statement else ""

    def same(self, other: LoggedAudit) -> tuple[str, ...]:
        """By which facts it is of the same subject as another: some of `SAME`."""
        mine, theirs = ({s: getattr(one, s) for s in SAME} for one in (self, other))
        return tuple(fact for fact in SAME if mine[fact] and mine[fact] == theirs[fact])

    def to_json(self) -> dict[str, Json]:
        """As commands print it."""
        return {
            "index": self.index,
            "time": self.time.isoformat(),
            "name": self.name,
            "version": self.version,
            "model": self.model,
            "data": self.data,
            "policy": self.policy,
            "decision": self.decision or None,
            "statement": self.statement or None,
            "report": self.report_id or None,
            "reports": list(self.reports),
            "supersedes": self.supersedes or None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedAudits:
    """The audits in the first entries of a log.

    Attributes:
        size: How many entries.
        audits: In the order of their first entries.
        unknown: How many audits there are besides, of which the payload was destroyed.
    """

    size: int
    audits: tuple[LoggedAudit, ...]
    unknown: int

    def reported_in(self, index: int) -> LoggedAudit:
        """The audit of which an entry records a report.

        Raises:
            VerificationError: If the entry records no report that can be read.
        """
        found = next((a for a in self.audits if index in a.reports), None)
        if found is None:
            raise VerificationError(f"Entry {index} of the log records no report.")
        return found

    def like(self, one: LoggedAudit) -> tuple[LoggedAudit, ...]:
        """The audits of the same subject by any fact, this one among them."""
        return tuple(a for a in self.audits if a.same(one))

    def counted(self, one: LoggedAudit) -> dict[str, Json]:
        """How many audits are of the same subject, by each fact, and with which verdict.

        Returns:
            `size`, `unknown`, and of each of `SAME` the number of `audits`, of each decision, and
            of those that were `unended`.
        """
        counts: dict[str, Json] = {"size": self.size, "unknown": self.unknown}
        for fact in SAME:
            found = [a.decision for a in self.audits if fact in a.same(one)]
            counts[fact] = {
                "audits": len(found),
                **{decision: found.count(decision) for decision in DECISIONS},
                "unended": found.count(""),
            }
        return counts


def logged_audits(log: LogReader, *, size: int | None = None) -> LoggedAudits:
    """The audits of a log.

    Args:
        log: The log. What it says is worth as much as its check: see `LogReader.verify`.
        size: Only those that its first entries tell of. Default: all.
    """
    from auditkit.access.record.verdicts import VERDICT  # loads what verifying need not

    end = log.size if size is None else size

    def entries(kind: str) -> Iterator[tuple[Entry, Mapping[str, Any] | None]]:
        return ((e, e.payload) for e in log.entries(kind=kind) if e.index < end)

    found: dict[int, LoggedAudit] = {}
    unknown = 0
    for entry, payload in entries(BEGUN):
        if payload is None:
            unknown += 1
        else:
            found[entry.index] = _told(entry, payload)
    for _, payload in entries(ENDED):
        begun = found.get(payload["begun"]) if payload else None
        if payload and begun:
            found[begun.index] = replace(
                begun, decision=payload["decision"], statement=payload["statement"]
            )
    verdicts = {p["statement"]: p for _, p in entries(VERDICT) if p}
    for entry, payload in entries(STATEMENT):
        if payload is None:
            unknown += 1
            continue
        audit = found.get(payload.get("begun", -1))
        if audit is None:
            audit = _told(entry, payload)
            verdict = verdicts.get(audit.statement, {})
            audit = replace(
                audit,
                model=audit.model or verdict.get("artifact_digest", ""),
                policy=audit.policy or verdict.get("policy_digest", ""),
                decision=audit.decision or verdict.get("decision", ""),
            )
        found[audit.index] = replace(
            audit,
            reports=(*audit.reports, entry.index),
            supersedes=payload.get("supersedes", ""),
        )
    ordered = sorted(found.values(), key=lambda a: a.index)
    return LoggedAudits(size=end, audits=tuple(ordered), unknown=unknown)


def _told(entry: Entry, payload: Mapping[str, Any]) -> LoggedAudit:
    """What an entry tells of its audit. Those of earlier versions have only its subject."""
    name, _, version = str(payload.get("subject", "")).rpartition("/")
    return LoggedAudit(
        index=entry.index,
        time=entry.time,
        name=str(payload.get("name", name)),
        version=str(payload.get("version", version)),
        model=str(payload.get("model", "")),
        data=str(payload.get("data", "")),
        policy=str(payload.get("policy", "")),
        decision=str(payload.get("decision", "")),
        statement=str(payload.get("statement", "")),
    )
