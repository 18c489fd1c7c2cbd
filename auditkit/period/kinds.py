"""Every kind of entry that auditkit writes into a log, in one table.

What an examiner asks of a period is in populations: all changes, all decisions on access, all runs
of a gate. The table says of each kind which population it belongs to, who acted, when, and which
facts a row of the population holds. A new kind joins by one line.

Laws:
    - An entry is in at most one population. An item's id is "L" and the entry's index; where an
      entry holds several items, a point and the item's position in it follow: L18342.3.
    - What has no line here is in no population, and is counted as a kind of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# The populations, and what each holds.
POPULATIONS: Final[Mapping[str, str]] = {
    "changes": "Moves of protected aliases and stages, removals among them.",
    "access": "Decisions on access, failed log-ins, and data that were served or exported.",
    "grants": "Access policies put into force: who wrote and who approved them.",
    "reviews": "Uses of break-glass, their reviews, and reviews of access.",
    "gates": "Audits that ended, runs of the gate, and verdicts recorded on versions.",
    "deid": "De-identification runs.",
    "alerts": "Alerts and what was done about them, missed runs of monitors, a clock set back.",
    "waivers": "Waivers asked for, granted, refused and ended.",
    "disposals": "Payloads of the log that were destroyed, and disposals that people recorded.",
    "disclosures": "Disclosures that people recorded.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of entry.

    Attributes:
        name: The kind.
        what: What it records, in a few words.
        population: The population that it is an item of; empty: of none, it is context.
        who: The member of its payload that names who acted; empty: nobody did.
        fields: The members of its payload that a row holds, in this order.
        when: The member that says when it happened; empty: when it was logged.
        once: A member by which two entries tell of one item; the first counts. Empty: none does.
        parts: The member that lists its items; empty: the entry is one item.
    """

    name: str
    what: str
    population: str = ""
    who: str = ""
    fields: tuple[str, ...] = ()
    when: str = ""
    once: str = ""
    parts: str = ""


_MOVE: Final = ("model", "version", "kind", "name", "domain", "how", "artifact_digest", "request",
                "breakglass", "claim", "policy_digest", "settled")  # fmt: skip
_DECISION: Final = ("allowed", "asked", "domain", "endpoint", "method", "reason", "request",
                    "authenticated", "token", "groups", "policy_digest")  # fmt: skip
_WAIVER: Final = (
    "waiver",
    "rule",
    "owner",
    "policy",
    "policy_digest",
    "expires",
    "reason",
    "digest",
)
_ALERT: Final = (
    "monitor",
    "alert",
    "check",
    "severity",
    "cause",
    "decision",
    "note",
    "reason",
    "until",
    "serving",
    "request",
    "outcome",
    "version",
)

KINDS: Final[tuple[Kind, ...]] = (
    # Changes, and what leads to them.
    Kind(name="promotion.done", what="a move of an alias or a stage", population="changes",
         who="user", fields=_MOVE, once="claim"),
    Kind(name="promotion.demoted", what="an alias or a stage was taken away", population="changes",
         who="user", fields=_MOVE),
    Kind(name="promotion.requested", what="a request for a move", who="user"),
    Kind(name="promotion.approved", what="an approval of a request", who="user"),
    Kind(name="promotion.rejected", what="a request rejected", who="user"),
    Kind(name="promotion.expired", what="a request that nobody used in time"),
    Kind(name="promotion.claimed", what="a move begun", who="user"),
    Kind(name="promotion.failed", what="a move that did not happen"),
    Kind(name="version.created", what="a version registered", who="user"),
    Kind(name="model.created", what="a model registered", who="user"),
    Kind(name="run.created", what="a run begun", who="user"),
    Kind(name="model.renamed", what="a model's new name"),
    Kind(name="description.changed", what="a description changed", who="user"),
    # Access.
    Kind(name="access.decision", what="a decision on a request", population="access", who="user",
         fields=_DECISION),
    Kind(name="access.reads", what="allowed reads and failed log-ins, several in one entry",
         population="access", who="user", fields=_DECISION, parts="decisions"),
    Kind(name="dataset.served", what="data sent to somebody", population="access", who="user",
         fields=("request", "dataset", "file", "digest", "bytes", "policy_digest")),
    Kind(name="data.exported", what="results written for another tool", population="access",
         who="by", fields=("what", "digest", "formats")),
    Kind(name="policy.activated", what="an access policy came into force", population="grants",
         who="approver", fields=("policy_digest", "author", "approver", "approved", "key")),
    # Reviews.
    Kind(name="breakglass.invoked", what="a use of break-glass", population="reviews", who="user",
         fields=("id", "object", "domain", "reason", "ticket", "valid_minutes", "review_hours")),
    Kind(name="breakglass.reviewed", what="its review", population="reviews", who="user",
         fields=("id", "outcome", "findings")),
    Kind(name="breakglass.overdue", what="nobody reviewed it in time", population="reviews",
         fields=("id",)),
    Kind(name="access.reviewed", what="a review of access, signed", population="reviews",
         who="by", fields=("scope", "findings", "digest")),
    # Gates and audits.
    Kind(name="audit.begun", what="an audit began"),
    Kind(name="audit.ended", what="an audit's verdict", population="gates",
         fields=("decision", "statement", "begun")),
    Kind(name="audit.statement", what="an audit's report"),
    Kind(name="gate.verdict", what="a verdict recorded on a version's files", population="gates",
         who="user", fields=("decision", "model", "version", "domain", "artifact_digest", "policy",
                             "policy_digest", "waived", "waivers_expire", "statement", "request")),
    Kind(name="gate.run", what="a run of the gate", population="gates", who="by",
         fields=("decision", "model", "version", "artifact_digest", "policy", "policy_digest",
                 "statement")),
    # De-identification.
    Kind(name="deid.run", what="a table de-identified", population="deid", who="by",
         fields=("mode", "plan", "input", "output", "rows", "columns", "identifiers", "k")),
    # Waivers.
    Kind(name="waiver.requested", what="a waiver asked for, signed by its owner",
         population="waivers", who="by", fields=_WAIVER),
    Kind(name="waiver.approved", what="its approval by somebody else", population="waivers",
         who="by", fields=_WAIVER),
    Kind(name="waiver.revoked", what="its end before its time", population="waivers", who="by",
         fields=_WAIVER),
    # Alerts and monitors.
    Kind(name="approved.changed", what="a copy of approved files had changed", population="alerts",
         fields=("artifact_digest", "source", "found")),
    Kind(name="notify.given-up", what="a receiver was not told", population="alerts",
         fields=("receiver", "entry", "tries", "problem")),
    Kind(name="ledger.clock-set-back", what="the clock was behind the log", population="alerts",
         fields=("clock_ms", "last_entry_ms")),
    *(
        Kind(name=name, what=what, population="alerts", who="actor", fields=_ALERT)
        for name, what in (
            ("alert.opened", "an alert"),
            ("alert.reminded", "a reminder of it"),
            ("alert.acknowledged", "somebody took it"),
            ("alert.triaged", "what it was found to be"),
            ("alert.cleared", "its cause is gone"),
            ("alert.closed", "it was closed"),
            ("alert.reopened", "it is open again"),
            ("silence.set", "alerts of a check are not sent for a while"),
            ("silence.ended", "they are sent again"),
            ("fallback.entered", "something else serves in place of the model"),
            ("fallback.on-trial", "the model serves again, on trial"),
            ("fallback.left", "the model is back"),
            ("retraining.requested", "a model is to be trained again"),
            ("retraining.refused", "a guard kept it from that"),
            ("retraining.finished", "what came of it"),
            ("challenger.judged", "what it made was audited beside the model in use"),
            ("challenger.requested", "its promotion was requested of the registry"),
            ("challenger.promoted", "a person said that it serves from then on"),
        )
    ),
    Kind(name="monitor.missed", what="a run of a monitor that is missing", population="alerts",
         fields=("monitor", "window", "windows")),
    Kind(name="monitor.not-told", what="nobody could be told", population="alerts",
         fields=("monitor", "alert", "reason")),
    Kind(name="monitor.refused", what="a batch that was refused", population="alerts",
         fields=("monitor", "reason")),
    Kind(name="monitor.baseline", what="a monitor's baseline"),
    Kind(name="monitor.observed", what="a batch that a monitor saw"),
    Kind(name="monitor.window", what="a window that a monitor judged"),
    Kind(name="monitor.labels", what="labels that came later"),
    Kind(name="monitor.heartbeat", what="a monitor is alive"),
    Kind(name="monitor.drill", what="an exercise with a made-up shift", who="actor"),
    # Disposals, disclosures, letters.
    Kind(name="ledger.payload-destroyed", what="payloads of the log destroyed",
         population="disposals", who="by", fields=("reason", "ranges", "before_due")),
    Kind(name="disposal.recorded", what="a disposal that no program did", population="disposals",
         who="by", when="date", fields=("date", "object", "method", "reason")),
    Kind(name="disclosure.recorded", what="a disclosure that no program did",
         population="disclosures", who="by", when="date",
         fields=("date", "recipient", "address", "what", "purpose")),
    Kind(name="letter.adverse_action", what="a letter on an adverse action"),
    # The log about itself.
    Kind(name="ledger.hold-placed", what="a legal hold", who="by"),
    Kind(name="ledger.hold-released", what="its release", who="by"),
    Kind(name="ledger.sealed", what="the last entry of a log"),
    Kind(name="ledger.continued", what="the first entry of the log that goes on from it"),
    Kind(name="log.created", what="a log made anew for a registry", who="by"),
    # About a period's evidence.
    Kind(name="exception.answered", what="management's response to an exception", who="by"),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Kind]] = {kind.name: kind for kind in KINDS}


def kinds_of(population: str) -> tuple[Kind, ...]:
    """The kinds whose entries are the items of a population."""
    return tuple(kind for kind in KINDS if kind.population == population)


def columns_of(population: str) -> tuple[str, ...]:
    """The columns of a population's table."""
    fields = dict.fromkeys(f for kind in kinds_of(population) for f in kind.fields)
    return ("item_id", "time", "kind", "who", *(_RENAMED.get(f, f) for f in fields), "payload")


# A move's own `kind` is that of its place, and `kind` the entry's.
_RENAMED: Final = {"kind": "place"}


def _asked(payload: Mapping[str, Any]) -> str:
    """What a request asked for: each verb and its object."""
    parts = payload.get("decisions") or (payload,)
    return "; ".join(f"{p.get('verb', '')} {p.get('object', '')}".strip() for p in parts)


# Fields that are made from other members.
DERIVED: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {"asked": _asked}
