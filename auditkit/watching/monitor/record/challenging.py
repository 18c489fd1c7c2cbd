"""What a retraining made, from its audit to the day on which a person lets it serve.

Laws:
    - It passes only if it passes every policy that monitor.yaml names, and is compared there with
      the model in use by margins of non-inferiority. Its maker chooses neither.
    - A machine judges it and requests its promotion. That it serves is said by a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from auditkit.errors import InputError
from auditkit.judgement.gate import Decision
from auditkit.judgement.statement import Judgement
from auditkit.policy import Policy
from auditkit.watching.monitor.record import facts
from auditkit.watching.monitor.record.plan import Step, step
from auditkit.watching.monitor.record.settings import ChallengerSettings, MonitorSettings
from auditkit.watching.monitor.record.state import Challenger, Request, State

# From the best to the worst.
_VERDICTS = (Decision.PASS, Decision.INCOMPLETE, Decision.FAIL)


def waiting(state: State, wanted: ChallengerSettings | None) -> list[str]:
    """The requests whose program has made something that nobody has judged."""
    if wanted is None:
        return []
    return [r.id for r in state.requests if r.outcome == "done" and r.challenger is None]


def judged(
    state: State,
    request: str,
    audits: Sequence[Judgement],
    policies: Sequence[Policy],
    now: datetime,
) -> Step | None:
    """The entry for a challenger that was audited; None: it was judged before.

    Args:
        state: The monitor's state.
        request: The retraining that made it.
        audits: One by each policy.
        policies: Those that monitor.yaml names.
        now: The time.

    Raises:
        InputError: If the request is not known, an audit is missing, or they are not all of the
            same challenger beside the same champion.
    """
    if _request(state, request).challenger is not None:
        return None
    if not any(rule.check.startswith("comparison.") for p in policies for rule in p.rules):
        raise InputError(
            "No policy of `retraining.challenger` compares a challenger with the model in use.",
            remedy="add one with rules about comparison.*, for example starter-challenger",
        )
    given = {str(audit.policy.digest): audit for audit in audits}
    for policy in policies:
        if str(policy.digest) not in given:
            raise InputError(
                f"The challenger was not audited by the policy {policy.id}, as monitor.yaml names.",
                remedy="give an audit by each policy of `retraining.challenger`",
            )
    wanted = [given[str(policy.digest)] for policy in policies]
    subjects = {(a.subject.digest, a.subject.version) for a in wanted}
    champions = {a.subject.champion.digest if a.subject.champion else None for a in wanted}
    if len(subjects) > 1 or len(champions) > 1 or None in champions:
        raise InputError(
            "The audits are not all of one challenger beside one model in use.",
            remedy="make each with ak.compare, or with `challenger` in the audit file",
        )
    subject = wanted[0].subject
    assert subject.champion is not None
    in_use = state.model.get("digest")
    if in_use and in_use != str(subject.champion.digest):
        raise InputError(
            "The challenger was compared with another model than the one in use.",
            remedy="name the model in use as `model` in the audit file",
        )
    outcome = max((a.verdict.decision for a in wanted), key=_VERDICTS.index)
    return step(
        state, facts.CHALLENGED, at=now, rows=wanted[0].rows, evidence=str(wanted[0].digest),
        request=request, outcome=outcome.value, version=subject.version,
        challenger=str(subject.digest), champion=str(subject.champion.digest),
        audits=[
            {
                "policy": a.policy.id,
                "policy_digest": str(a.policy.digest),
                "decision": a.verdict.decision.value,
                "statement": str(a.digest),
            }
            for a in wanted
        ],
    )  # fmt: skip


def to_request(state: State, wanted: ChallengerSettings | None) -> list[tuple[str, Challenger]]:
    """The challengers that passed, and whose promotion is to be requested of the registry."""
    if wanted is None or not wanted.alias:
        return []
    found = [(r.id, r.challenger) for r in state.requests if r.challenger is not None]
    return [(name, c) for name, c in found if c.outcome == "pass" and not c.promotion]


def requested(state: State, request: str, promotion: str, alias: str, now: datetime) -> Step | None:
    """The entry for the registry's request; None: there is one."""
    found = _challenger(state, request)
    if found.promotion:
        return None
    return step(
        state, facts.ASKED, at=now, request=request, promotion=promotion, alias=alias,
        version=found.version, challenger=found.digest,
    )  # fmt: skip


def promoted(
    state: State, request: str, by: str, now: datetime, *, at_alias: str | None
) -> Step | None:
    """The entry for a challenger that serves from now on; None: it is there.

    Args:
        state: The monitor's state.
        request: The retraining that made it.
        by: The person who says so.
        now: The time.
        at_alias: The digest of the files that the registry's alias names; None: it is not asked.

    Raises:
        InputError: If the challenger was not judged, did not pass, or is not what the registry's
            alias names.
    """
    found = _challenger(state, request)
    if by == facts.MACHINE:
        raise InputError("No machine lets a challenger serve.", remedy="give a person's name")
    if found.promoted_at:
        return None
    if found.outcome != "pass":
        raise InputError(
            f"The challenger of {request} did not pass: {found.outcome}.",
            remedy="see its audits; train another, or change the policy under change control",
        )
    if at_alias is not None and at_alias != found.digest:
        raise InputError(
            f"The registry's alias names other files than the challenger of {request}.",
            remedy="have the challenger's promotion approved in the registry, and promote it",
        )
    return step(
        state, facts.PROMOTED, at=now, actor=by, request=request, version=found.version,
        challenger=found.digest,
    )  # fmt: skip


def require_promoted(state: State, settings: MonitorSettings, model: dict[str, Any]) -> None:
    """Refuses a baseline of another model that no person has promoted.

    Raises:
        InputError: If `retraining.challenger` is set, and nobody did.
    """
    if settings.retraining is None or settings.retraining.challenger is None:
        return
    if not state.baseline or model == state.model:
        return
    found = [r.challenger for r in state.requests if r.challenger and r.challenger.promoted_at]
    if not any((c.digest, c.version) == (model["digest"], model["version"]) for c in found):
        raise InputError(
            f"Nobody has promoted version {model['version'] or '?'} with these files.",
            remedy="after its approval say so with: auditkit watch promoted REQUEST --by NAME; "
            "fit the baseline with the digest of its files",
        )


def _request(state: State, request: str) -> Request:
    found = state.request_of(request)
    if found is None:
        known = ", ".join(r.id for r in state.requests) or "none"
        raise InputError(
            f"There is no request for retraining {request[:40]}.", remedy=f"requests: {known}"
        )
    return found


def _challenger(state: State, request: str) -> Challenger:
    found = _request(state, request).challenger
    if found is None:
        raise InputError(
            f"The challenger of {request} was not judged.",
            remedy="have it audited first: auditkit watch challenger",
        )
    return found
