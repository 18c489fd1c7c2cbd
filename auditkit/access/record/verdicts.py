"""Gate verdicts in the log: the evidence that a promotion may require.

`auditkit run` logs its verdict in a log of its own (`verdict_payload`). What a promotion counts is
in the log of the server that guards the registry, recorded there through its own route with the
right `gate:record` (`statement_payload`).

Laws:
    - A verdict counts only if it names a request that was admitted with `gate:record` on its model,
      and one request records one verdict. An entry that somebody else appended does not count.
    - It counts for the model that it was recorded for, and for the bytes that it names.
    - A statement is as old as its audit. Recording it again makes it no newer, and none is newer
      than the end of the day that it says it was made for.
    - What is logged follows from the signed statement, not from the request that brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from auditkit.access.policy.settings import EvidenceRequirement
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, model_object
from auditkit.canonical import Digest, Json

VERDICT: Final = "gate.verdict"
RECORD: Final = "gate:record"
# How many of a statement's figures are logged with its verdict.
_MAX_FIGURES: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number of an audit: the one that decided a rule, or one about everybody.

    Attributes:
        id: The rule's id, or `check measure`.
        title: The rule's title, or the measure's name in words.
        value: The number; None if there was none, or it is suppressed.
        lower: Lower end of its interval.
        upper: Upper end of its interval.
        outcome: The rule's outcome; empty for a number that no rule is about.
    """

    id: str
    title: str
    value: float | None
    lower: float | None = None
    upper: float | None = None
    outcome: str = ""

    def to_json(self) -> dict[str, Json]:
        """The JSON in the log."""
        return {
            "id": self.id,
            "title": self.title,
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "outcome": self.outcome,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedVerdict:
    """A gate's verdict in the log.

    Attributes:
        artifact_digest: Digest of the model's files, `sha256:...`.
        policy: Id of the audit policy.
        decision: "pass", "fail" or "incomplete".
        time: When it was logged.
        waived_until: The first day on which a waiver that it used is expired; None: no waiver.
        made: When it was made, as far as the log can tell: when it was logged, or the end of the
            audit's day if that is earlier.
        domain: The workspace of the model that it was recorded for.
        model: That model's name.
        version: That version's number.
        user: Who recorded it.
        statement: Digest of the signed statement.
        policy_digest: Digest of the audit policy.
        signed_by: Fingerprints of the keys that signed the statement.
        figures: Key figures of the audit, by the id of the rule or the measure.
    """

    artifact_digest: str
    policy: str
    decision: str
    time: datetime
    waived_until: date | None
    made: datetime
    domain: str = DEFAULT_DOMAIN
    model: str = ""
    version: str = ""
    user: str = ""
    statement: str = ""
    policy_digest: str = ""
    signed_by: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


class RecordedVerdicts:
    """The verdicts that count, of those in a log."""

    def __init__(self) -> None:
        self.counted: list[LoggedVerdict] = []
        self._admitted: dict[str, dict[str, Any]] = {}
        self._known: set[tuple[str, str, str]] = set()

    def decided(self, payload: Mapping[str, Any]) -> None:
        """Applies a decision: a request that may record a verdict, or that was taken back."""
        number = str(payload.get("request"))
        self._admitted.pop(number, None)
        parts = payload.get("decisions") or ()
        for part in parts if payload.get("allowed") else ():
            if part.get("verb") == RECORD and part.get("allowed"):
                self._admitted[number] = {**payload, "object": part.get("object")}

    def ended(self, number: str) -> None:
        """Applies the end of a request, which records nothing any more."""
        self._admitted.pop(number, None)

    def recorded(self, payload: Mapping[str, Any], time: datetime) -> None:
        """Applies a verdict, if a request that was admitted has brought it."""
        admitted = self._admitted.pop(str(payload.get("request")), None)
        verdict = verdict_from(payload, time)
        if (
            admitted is None
            or admitted["object"] != model_object(verdict.model)
            or str(admitted.get("domain", DEFAULT_DOMAIN)) != verdict.domain
            or admitted.get("user") != verdict.user
        ):
            return
        # The same statement again is no newer evidence.
        known = (verdict.domain, verdict.model, verdict.statement)
        if known not in self._known:
            self._known.add(known)
            self.counted.append(verdict)

    def renamed(self, domain: str, old: str, new: str) -> None:
        """Verdicts are kept under a model's new name."""
        for verdict in [v for v in self.counted if (v.domain, v.model) == (domain, old)]:
            known = (domain, new, verdict.statement)
            if known not in self._known:
                self._known.add(known)
                self.counted.append(replace(verdict, model=new))

    def on(self, model: str, domain: str) -> list[LoggedVerdict]:
        """The verdicts on the versions of a model, in the order of the log."""
        return [v for v in self.counted if (v.model, v.domain) == (model, domain)]


def verdict_payload(
    *,
    artifact_digest: str,
    policy: str,
    policy_digest: str,
    decision: str,
    waived: Mapping[str, str],
    statement: str,
) -> dict[str, Json]:
    """The payload of a `gate.verdict` entry.

    Args:
        artifact_digest: Digest of the audited model's files, `sha256:...`.
        policy: Id of the policy that the gate applied.
        policy_digest: Its digest.
        decision: The verdict's decision.
        waived: The last day of each waived rule's waiver, by the rule's id.
        statement: Digest of the statement, `sha256:...`.
    """
    return {
        "artifact_digest": artifact_digest,
        "policy": policy,
        "policy_digest": policy_digest,
        "decision": decision,
        "waived": list(waived),
        "waivers_expire": sorted(waived.values()),
        "statement": statement,
    }


def statement_payload(
    statement: Mapping[str, Any],
    digest: Digest,
    signed_by: Sequence[str],
    in_words: Callable[[str], str],
) -> dict[str, Json]:
    """The payload of an entry for a signed statement that was judged again.

    Args:
        statement: The statement of an audit.
        digest: Its digest.
        signed_by: Fingerprints of the keys that signed it.
        in_words: The name of a measure for people.
    """
    predicate = statement["predicate"]
    verdict = predicate["verdict"]
    return {
        **verdict_payload(
            artifact_digest=str(predicate["subject"]["digest"]),
            policy=str(predicate["policy"]["content"]["id"]),
            policy_digest=str(predicate["policy"]["digest"]),
            decision=str(verdict["decision"]),
            waived={
                str(finding["rule"]): str(finding["waiver"]["expires"])
                for finding in predicate["findings"]
                if finding.get("group") is None and finding["rule"] in verdict["waived"]
            },
            statement=str(digest),
        ),
        "as_of": predicate["as_of"],
        "signed_by": list(signed_by),
        "figures": [figure.to_json() for figure in _figures(predicate, in_words)],
    }


def _figures(predicate: Mapping[str, Any], in_words: Callable[[str], str]) -> list[Figure]:
    """The number that decided each rule, and then how well the model does with everybody."""
    found = [
        Figure(
            id=finding["rule"],
            title=finding["title"],
            value=finding["value"],
            lower=finding["lower"],
            upper=finding["upper"],
            outcome=finding["outcome"],
        )
        for finding in predicate["findings"]
        if finding.get("group") is None  # the rule's own, not that of one of its conditions
    ]
    found += [
        Figure(
            id=f"{evidence['check']} {number['key']}",
            title=in_words(number["name"]),
            value=number["value"],
            lower=number["lower"],
            upper=number["upper"],
        )
        for evidence in predicate["evidence"]
        if evidence["area"] == "performance"
        for number in evidence["measurements"]
        if not number["group"]
    ]
    return found[:_MAX_FIGURES]


def verdict_from(payload: Mapping[str, Any], time: datetime) -> LoggedVerdict:
    """Reads what `verdict_payload` or `statement_payload` made."""
    expiries = sorted(str(day) for day in payload.get("waivers_expire", ()))
    return LoggedVerdict(
        artifact_digest=str(payload.get("artifact_digest")),
        policy=str(payload.get("policy")),
        decision=str(payload.get("decision")),
        time=time,
        waived_until=date.fromisoformat(expiries[0]) if expiries else None,
        made=min(time, _end_of(payload.get("as_of"), time)),
        domain=str(payload.get("domain", DEFAULT_DOMAIN)),
        model=str(payload.get("model", "")),
        version=str(payload.get("version", "")),
        user=str(payload.get("user", "")),
        statement=str(payload.get("statement", "")),
        policy_digest=str(payload.get("policy_digest", "")),
        signed_by=tuple(str(key) for key in payload.get("signed_by", ())),
        figures=tuple(Figure(**figure) for figure in payload.get("figures", ())),
    )


def _end_of(day: str | None, otherwise: datetime) -> datetime:
    """The end of an audit's day; a given time if it states none."""
    if not day or date.fromisoformat(day) >= otherwise.date():
        return otherwise
    return datetime.combine(date.fromisoformat(day), time.min, UTC) + timedelta(days=1)


def missing_evidence(
    verdicts: Sequence[LoggedVerdict],
    requirement: EvidenceRequirement,
    artifact_digest: str,
    now: datetime,
) -> str | None:
    """Why the evidence that a promotion requires is missing; None if it is there.

    The last verdict on these files under this policy decides: a failure after a pass counts.

    Args:
        verdicts: Verdicts on the model's versions, in the order of the log.
        requirement: The requirement.
        artifact_digest: Digest of the files to be promoted.
        now: The time.
    """
    policy = requirement.policy
    found = [v for v in verdicts if v.artifact_digest == artifact_digest and v.policy == policy]
    if not found:
        return f"no gate under the policy {policy!r} has judged these files"
    if requirement.policy_digest:
        found = [v for v in found if v.policy_digest == requirement.policy_digest]
    if not found:
        return f"no gate has judged these files under the {policy!r} that the access policy names"
    if requirement.signers:
        found = [v for v in found if set(v.signed_by) & set(requirement.signers)]
    if not found:
        return f"no gate under {policy!r} whose key the access policy names has judged these files"
    last = max(reversed(found), key=lambda v: v.made)  # of equals the last in the log
    if last.decision != "pass":
        return f"the last gate under {policy!r} decided: {last.decision}"
    if now - last.made > timedelta(days=requirement.max_age_days):
        return f"the last gate passed more than {requirement.max_age_days} days ago"
    if last.waived_until is not None and now.date() > last.waived_until:
        return "a waiver that the last gate used has expired"
    return None
