"""What a monitor knows; a fold over its entries in the log makes it (`fold`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from auditkit.canonical import Json

# How many windows the state remembers; older ones are in the log.
_REMEMBERED: Final = 400


@dataclass(slots=True)
class Result:
    """What a window says of one check.

    Attributes:
        outcome: The worst outcome of the check's rules.
        broken: The numbers that broke a rule, the most important first.
        loud: Numbers of the check's alert that are not below the line at which it is over.
    """

    outcome: str
    broken: list[dict[str, Any]] = field(default_factory=list)
    loud: list[str] = field(default_factory=list)

    @property
    def tested(self) -> bool:
        """Whether the window had enough rows to say something."""
        return self.outcome not in ("not_assessed", "error")

    @property
    def breach(self) -> bool:
        """Whether a rule is broken."""
        return self.outcome == "fail"


@dataclass(slots=True)
class WindowState:
    """A window: what came of it, and what it was judged.

    Attributes:
        start: Its start, included.
        end: Its end, not included.
        parts: Digests of the profiles of its rows.
        rows: Its rows.
        labels: Digests of the profiles of labels that came later.
        labelled: How many labels came later.
        judged: Of how many profiles the last judgement is; 0: it was not judged.
        outcome: The worst outcome.
        results: By check.
        evidence: The digest of the last judgement.
        served: By what decided, and by why it did: how many rows. Empty: it is not recorded.
    """

    start: str
    end: str
    parts: list[str] = field(default_factory=list)
    rows: int = 0
    labels: list[str] = field(default_factory=list)
    labelled: int = 0
    judged: int = 0
    outcome: str = ""
    results: dict[str, Result] = field(default_factory=dict)
    evidence: str = ""
    served: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """How many profiles there are of it."""
        return len(self.parts) + len(self.labels)


@dataclass(slots=True)
class Alert:
    """A rule is broken, and somebody is to look.

    Attributes:
        id: Its name.
        check: The check whose rules are broken.
        severity: The highest of the rules' severities.
        rank: Importance times effect of the worst number, by which alerts are ordered.
        numbers: The numbers that broke a rule while it was open.
        worst: The first of them, with its value, interval and tolerance.
        first: The start of the window that opened it.
        last: The start of the last window that broke a rule.
        breaches: How many windows did.
        opened_at: When it opened.
        cleared_at: When it was over; empty: it is not.
        reopened: How often it began again before it was closed.
        silenced: Whether a silence keeps it from being sent.
        of_former_model: Whether it broke under a model that has been replaced, and not since.
        acknowledged_at: When somebody took it; empty: nobody.
        acknowledged_by: Who.
        triaged_at: When somebody found the cause; empty: nobody.
        triaged_by: Who.
        cause: The cause found.
        decision: What is to be done.
        closed_at: When it was closed; empty: it is not.
        closed_by: Who closed it.
        notes: What people wrote.
    """

    id: str
    check: str
    severity: str
    rank: float
    numbers: list[str]
    worst: dict[str, Any]
    first: str
    last: str
    opened_at: str
    breaches: int = 1
    cleared_at: str = ""
    reopened: int = 0
    silenced: bool = False
    of_former_model: bool = False
    acknowledged_at: str = ""
    acknowledged_by: str = ""
    triaged_at: str = ""
    triaged_by: str = ""
    cause: str = ""
    decision: str = ""
    closed_at: str = ""
    closed_by: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def firing(self) -> bool:
        """Whether it is neither over nor closed."""
        return not self.cleared_at and not self.closed_at

    @property
    def status(self) -> str:
        """Closed, cleared, triaged, acknowledged or open."""
        marks = (
            ("closed", self.closed_at), ("cleared", self.cleared_at), ("triaged", self.triaged_at),
            ("acknowledged", self.acknowledged_at),
        )  # fmt: skip
        return next((word for word, at in marks if at), "open")


@dataclass(slots=True)
class Silence:
    """Somebody wants no messages about a check until a time, and says why."""

    id: str
    check: str
    reason: str
    by: str
    until: str
    ended_at: str = ""


@dataclass(slots=True)
class Challenger:
    """What a retraining made, and what became of it.

    Attributes:
        outcome: "pass", "fail" or "incomplete": the worst verdict on it.
        digest: The digest of its files.
        version: Its version.
        judged_at: When it was judged.
        promotion: The registry's request for its promotion; empty: there is none.
        promoted_at: When a person said that it serves from then on; empty: nobody did.
        promoted_by: Who.
    """

    outcome: str
    digest: str
    version: str
    judged_at: str
    promotion: str = ""
    promoted_at: str = ""
    promoted_by: str = ""


@dataclass(slots=True)
class Request:
    """A retraining that was asked for."""

    id: str
    trigger: str
    at: str
    rows: int
    started_at: str = ""
    finished_at: str = ""
    outcome: str = ""
    challenger: Challenger | None = None


@dataclass(slots=True)
class Breaker:
    """What serves: the model, on trial or not, or something else.

    Attributes:
        position: "closed": the model serves; "open": something else does; "half-open": the model
            serves on trial.
        serving: What serves; empty: the model.
        reason: The alert that it was entered for.
        since: The start of the last window that was known when it moved.
        moved_at: When it moved last.
        entered_at: When something else began to serve; empty: nothing else does.
        decisions: By what decided: the rows since then that came with a reason.
    """

    position: str = "closed"
    serving: str = ""
    reason: str = ""
    since: str = ""
    moved_at: str = ""
    entered_at: str = ""
    decisions: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """All that a monitor knows.

    Attributes:
        name: The monitor.
        model: The name and version of its model, and its digest.
        baseline: The digest of the baseline's profile; empty: it has none.
        policy: The digest of the policy of the last judgement.
        seconds: The length of a window.
        next_slot: The start of the first window that is neither judged nor missed.
        windows: By start, in order.
        alerts: By id, in the order in which they opened.
        covered: For each check, the start of the last window that its last alert has dealt with.
        silences: By id.
        requests: Of retraining, in order.
        refused: Triggers of retraining that were refused, and why.
        fallback: What serves.
        rows: All rows since the baseline.
        labels: All labels since the baseline.
        missed: How many windows were missed.
        refused_rows: How many rows were refused, and are in no window.
        last_at: When the last entry happened.
        unreadable: How many entries' payloads were destroyed.
    """

    name: str
    model: dict[str, Json] = field(default_factory=dict)
    baseline: str = ""
    policy: str = ""
    seconds: int = 86_400
    next_slot: str = ""
    windows: dict[str, WindowState] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    covered: dict[str, str] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    fallback: Breaker = field(default_factory=Breaker)
    rows: int = 0
    labels: int = 0
    missed: int = 0
    refused_rows: int = 0
    last_at: str = ""
    unreadable: int = 0

    def to_json(self) -> dict[str, Json]:
        """Everything."""
        return asdict(self)

    def alert_of(self, check: str) -> Alert | None:
        """The check's alert that is not closed; None: there is none."""
        return next((a for a in self.alerts.values() if a.check == check and not a.closed_at), None)

    @property
    def standing(self) -> list[Alert]:
        """The alerts that are not closed: those that are not over first, then by rank."""
        alerts = [a for a in self.alerts.values() if not a.closed_at]
        return sorted(alerts, key=lambda a: (not a.firing, -a.rank, a.id))

    def request_of(self, request: str) -> Request | None:
        """The retraining that was asked for under a name; None: none was."""
        return next((r for r in self.requests if r.id == request), None)

    def history(self, check: str) -> list[tuple[str, Result]]:
        """The check's result in each window that tested it, in order."""
        found = ((start, w.results.get(check)) for start, w in self.windows.items())
        return [(start, r) for start, r in found if r is not None and r.tested]

    def silence_of(self, check: str, at: str) -> Silence | None:
        """The silence that a check is under."""
        held = (s for s in self.silences.values() if s.check in ("*", check) and not s.ended_at)
        return next((s for s in held if at < s.until), None)

    def window_of(self, start: str, end: str) -> WindowState:
        """A window, new if it was not known; one before all that are remembered is forgotten."""
        if start not in self.windows:
            self.windows[start] = WindowState(start, end)
            self.windows = dict(sorted(self.windows.items())[-_REMEMBERED:])
        return self.windows.get(start) or WindowState(start, end)
