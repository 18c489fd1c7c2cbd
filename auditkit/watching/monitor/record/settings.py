"""monitor.yaml: what is watched, how often, who is told, and what may be done."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from auditkit.documents import Document, Text, parse_document
from auditkit.errors import PolicyError
from auditkit.files import read_text
from auditkit.notify.settings import MailSettings, ReceiverSettings
from auditkit.watching.monitor.record.facts import EVENTS

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_SECONDS: Final = {"hour": 3600, "day": 86_400, "week": 604_800}


class ModelSettings(Document):
    """The model that is watched.

    Attributes:
        name: Its name, as in the registry.
        version: Its version.
        digest: `sha256:...` of its files; a baseline of another model is refused. Empty: any.
    """

    name: Text
    version: str = ""
    digest: str = ""


class Schedule(Document):
    """How time is divided into windows, in UTC; weeks begin on Monday.

    Attributes:
        every: The length of a window.
        grace_hours: How long after its end a window without rows counts as missed.
        heartbeat_minutes: How often the log is told that the monitor ran and found nothing new.
    """

    every: Literal["hour", "day", "week"] = "day"
    grace_hours: float = Field(default=6, ge=0, le=1000)
    heartbeat_minutes: float = Field(default=60, ge=1, le=10_080)

    @property
    def seconds(self) -> int:
        """The length of a window."""
        return _SECONDS[self.every]


class Columns(Document):
    """What the columns of a batch are; all others that the baseline has are features.

    Attributes:
        time: When each row was decided; rows are then divided into windows by it.
        key: What names a row, so that labels can be matched with it later; kept as salted digests.
        score: The model's score or prediction.
        decided: The decision.
        label: The true outcome.
        groups: Attributes to compare groups by.
        version: What decided, as `Monitor.serving.version` says.
        reason: Why it did, as `Monitor.serving.reason` says. Rows of another version than the
            model's without a reason are then refused.
        personal: Features whose levels are personal; profiles hold them as salted digests.
        ignore: Columns of the baseline's table that are no features.
    """

    time: str = ""
    key: str = ""
    score: str = ""
    decided: str = ""
    label: str = ""
    groups: tuple[Text, ...] = ()
    version: str = ""
    reason: str = ""
    personal: tuple[Text, ...] = ()
    ignore: tuple[Text, ...] = ()


class AlertSettings(Document):
    """When an alert opens and when it is over.

    Attributes:
        for_windows: How many windows in a row must break a rule of the check.
        min_hours: How long these must last together, at least.
        clear_windows: How many windows in a row must be quiet before the alert is over.
        clear_at: A window is quiet if the numbers that broke are below this share of their
            tolerance, with their whole interval.
        cooldown_hours: How long after an alert was over, or closed, the check opens none.
    """

    for_windows: int = Field(default=1, ge=1, le=100)
    min_hours: float = Field(default=0, ge=0)
    clear_windows: int = Field(default=2, ge=1, le=100)
    clear_at: float = Field(default=0.8, gt=0, le=1)
    cooldown_hours: float = Field(default=24, ge=0)

    @property
    def cooldown(self) -> timedelta:
        """The time without a new alert."""
        return timedelta(hours=self.cooldown_hours)


class ChallengerSettings(Document):
    """How what a retraining made is judged before people are asked to approve it.

    Attributes:
        audit: An audit file with the model in use as `model` and the new one as `challenger`;
            the retraining's program may write it.
        policies: The policies that it must pass, instead of the audit file's own: that of the
            model, and one with margins of non-inferiority (rules about `comparison.*`).
        alias: The registry's alias whose promotion is requested if it passes; empty: none is.
    """

    audit: Text
    policies: tuple[Text, ...] = Field(min_length=1)
    alias: str = ""


class RetrainingSettings(Document):
    """When a retraining is asked for. What comes of it is approved by people, in the registry.

    Attributes:
        command: A program and its arguments, run once for each request; empty: receivers of
            `retraining.requested` are told, and nothing is run.
        minutes: How long the program may take.
        checks: Alerts of these checks ask for it.
        every_days: A request is also due so long after the last; 0: never.
        rows: A request is also due after so many rows since the last; 0: never.
        cooldown_days: How long after a request there is no other.
        budget: The most requests in `budget_days`.
        budget_days: See `budget`.
        min_labels: The least labels since the baseline.
        refuse_while: While an alert of one of these checks is open, the data are not fit for it.
        challenger: How what it made is judged. A baseline of a model that was not judged so, and
            promoted by a person, is then refused.
    """

    command: tuple[Text, ...] = ()
    minutes: float = Field(default=60, gt=0, le=1440)
    checks: tuple[Text, ...] = ("performance.tracked", "performance.estimated")
    every_days: float = Field(default=0, ge=0)
    rows: int = Field(default=0, ge=0)
    cooldown_days: float = Field(default=7, ge=0)
    budget: int = Field(default=4, ge=1)
    budget_days: float = Field(default=90, gt=0)
    min_labels: int = Field(default=0, ge=0)
    refuse_while: tuple[Text, ...] = ("drift.missingness", "monitoring.heartbeat")
    challenger: ChallengerSettings | None = None


class FallbackSettings(Document):
    """What serves while the model must not, as a circuit breaker.

    Attributes:
        order: What serves instead, the first at once, the next if that breaks a rule, too:
            for example `previous-approved`, the name of a simpler model, `rules`, `person`.
        checks: An open alert of one of these takes the model out.
        trial_windows: After the alert is over, the model serves on trial for so many windows before
            it is back.
    """

    order: tuple[Text, ...] = Field(min_length=1)
    checks: tuple[Text, ...] = ("performance.tracked",)
    trial_windows: int = Field(default=2, ge=1)


class MonitorSettings(Document):
    """What one monitor watches.

    Attributes:
        name: The monitor's name, under which its entries stand in the log.
        model: The model.
        policy: What must hold: a path, or the name of a policy that comes with auditkit.
        contract: The contract that batches must keep, a path; empty: none.
        log: The log, a path or URL. Default: the key store's own.
        store: The folder of the profiles, which are confidential.
        access: The folder of the access policy that says who may acknowledge, triage, close and
            silence (`model:approve` of the model). Empty: people are taken at their word.
        schedule: How time is divided into windows.
        columns: What the columns of a batch are.
        alerts: When an alert opens and when it is over.
        importance: The weight of each feature in the order of alerts. Default: from the baseline's
            explanations, else 1.
        notify: Who is told, by HTTP or a program.
        mail: Who is told by e-mail.
        retraining: When a retraining is asked for.
        fallback: What serves while the model must not.
    """

    name: _Name
    model: ModelSettings
    policy: Text = "starter-watch"
    contract: str = ""
    log: str = ""
    store: Text = "watch"
    access: str = ""
    schedule: Schedule = Schedule()
    columns: Columns = Columns()
    alerts: AlertSettings = AlertSettings()
    importance: dict[str, float] = Field(default_factory=dict)
    notify: tuple[ReceiverSettings, ...] = ()
    mail: tuple[MailSettings, ...] = ()
    retraining: RetrainingSettings | None = None
    fallback: FallbackSettings | None = None

    @model_validator(mode="after")
    def _events_are_known(self) -> Self:
        for on in [r.on for r in self.notify] + [m.on for m in self.mail]:
            if strange := sorted(set(on) - EVENTS):
                raise ValueError(
                    f"there is no event {strange[0]!r}; there are {', '.join(sorted(EVENTS))}"
                )
        return self


def read_settings(path: Path) -> MonitorSettings:
    """Reads monitor.yaml.

    Raises:
        PolicyError: If it cannot be read, or is wrong.
    """
    text = read_text(
        path, what="monitor's settings", kind=PolicyError,
        remedy="check the path, or write it with: auditkit watch init",
    )  # fmt: skip
    return parse_document(MonitorSettings, text, source=path.name)
