"""Runs an audit: case and policy in, judgement out.

    case --checks--> evidence --suppression--> evidence --rules--> findings --packs--> statuses
         --> verdict --canonical--> statement

Laws:
    - A check that crashes gives evidence with the outcome error; the others go on.
    - Evidence ids follow the explicit list of checks, not the order of running.
    - The statement holds everything that the report prints, or the digest of the table that does.
      The same case, policy, packs and day give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any, Final

from auditkit.checks import CHECKS, TERMS, Check
from auditkit.errors import AuditkitError, InputError, PolicyError
from auditkit.evidence import Evidence, Outcome, Term
from auditkit.glossary import Glossary, collected
from auditkit.judgement import small_cells
from auditkit.judgement.controls import ControlPack, assess
from auditkit.judgement.gate import decide, judge
from auditkit.judgement.progress import Progress, of_step
from auditkit.judgement.statement import MIN_SALT, Judgement
from auditkit.judgement.waived import waive
from auditkit.policy import Policy, PolicySource
from auditkit.subject import Case, Subject
from auditkit.waivers.consideration import WaiverFile
from auditkit.wording import DecisionWords


def examine(
    case: Case,
    policy: Policy,
    packs: Sequence[ControlPack],
    *,
    today: date | None,
    versions: Mapping[str, str],
    checks: Sequence[Check[Any]] = CHECKS,
    salt: bytes | None = None,
    source: PolicySource | None = None,
    waivers: Sequence[WaiverFile] = (),
    progress: Progress | None = None,
) -> Judgement:
    """Runs every check on a case and judges their evidence.

    Args:
        case: Validated inputs.
        policy: The rules to apply.
        packs: The control packs that the policy names.
        today: The day of the audit; waivers are judged by it. None: not stated, and none is in
            force.
        versions: Package versions to record.
        checks: In any order: ids follow `CHECKS`, and then those that are not packaged, as given.
        salt: For the commitment to the evidence before its small cells are suppressed. Default:
            it is derived from the rows.
        source: Where the policy is written down; None: it is not stated.
        waivers: The files of waivers; whether they count is found here.
        progress: Called before each check, and now and then in a long one.

    Raises:
        InputError: If two checks have one id, or define one measure differently.
        PolicyError: If the policy has a rule about a check that does not exist, or gives a check
            parameters or values that it does not take.
    """
    parameters = parameters_of(policy, checks)
    found: dict[str, Evidence] = {}
    read = {rule.check for rule in policy.rules}
    asked = [check for check in checks if check.asks(case) or check.id in read]
    for position, check in enumerate(asked):
        heard = case
        if progress is not None:
            progress(position, len(asked), check.title)
            heard = replace(case, tell=of_step(progress, position, len(asked), check.title))
        made = _run(check, heard, parameters[check.id])
        found[check.id] = replace(made, terms=_carried(check, policy.decision.words))
    ordered = sorted(found.values(), key=lambda e: _ORDER.get(e.check, len(_ORDER)))
    measured = tuple(replace(e, id=f"E-{i:04d}") for i, e in enumerate(ordered, start=1))
    evidence = small_cells.suppress(
        measured, small_cell=policy.small_cell, rows=case.rows, attributes=case.groups
    )
    salt = salt if salt is not None else small_cells.salt_of(case)
    findings, considered = waive(
        judge(evidence, policy, glossary_of(evidence, policy)),
        waivers,
        policy,
        name=case.subject.name,
        artifact=str(case.subject.digest),
        today=today,
    )
    return Judgement(
        subject=case.subject,
        datasets=case.datasets,
        rows=case.rows,
        policy=policy,
        packs=tuple(packs),
        evidence=evidence,
        findings=findings,
        controls=tuple(status for pack in packs for status in assess(findings, pack)),
        verdict=decide(findings),
        as_of=today,
        seed=case.seed,
        versions=versions,
        salt=salt,
        unsuppressed=small_cells.commitment(measured, salt),
        source=source,
        waivers=considered,
    )


def judged(
    evidence: tuple[Evidence, ...],
    policy: Policy,
    packs: Sequence[ControlPack],
    *,
    subject: Subject,
    rows: int,
    today: date | None,
    versions: Mapping[str, str],
) -> Judgement:
    """Judges evidence that no check made: counts, about no group of people.

    Args:
        evidence: With ids, and the words for its measures.
        policy: The rules to apply.
        packs: The control packs.
        subject: What it is about.
        rows: How many rows or entries were read for it.
        today: The day.
        versions: Package versions to record.
    """
    findings = judge(evidence, policy, glossary_of(evidence, policy))
    salt = bytes(MIN_SALT)  # nothing is suppressed, so nothing is hidden by it
    return Judgement(
        subject=subject,
        datasets=(),
        rows=rows,
        policy=policy,
        packs=tuple(packs),
        evidence=evidence,
        findings=findings,
        controls=tuple(status for pack in packs for status in assess(findings, pack)),
        verdict=decide(findings),
        as_of=today,
        seed=0,
        versions=versions,
        salt=salt,
        unsuppressed=small_cells.commitment(evidence, salt),
    )


def glossary_of(evidence: Sequence[Evidence], policy: Policy) -> Glossary:
    """The terms of the packaged checks, and those that evidence carries.

    Raises:
        InputError: If one of them is defined in two ways.
    """
    carried = ((e.check, e.terms) for e in evidence if e.terms)
    packaged = ((c.id, c.terms) for c in CHECKS)
    return Glossary(terms=collected((*packaged, *carried)), decision=policy.decision.words)


_ORDER: Final = {check.id: position for position, check in enumerate(CHECKS)}


def parameters_of(policy: Policy, checks: Sequence[Check[Any]] = CHECKS) -> dict[str, Any]:
    """The parameters of each check under a policy, by the check's id.

    Raises:
        InputError: If two checks have one id, or define one measure differently.
        PolicyError: As `examine`.
    """
    _refuse_two_of_one_id(checks)
    collected((c.id, c.terms) for c in (*CHECKS, *checks))
    _refuse_unknown_checks(policy, checks)
    return {c.id: c.parameters_with(policy.checks.get(c.id, {})) for c in checks}


def _run(check: Check[Any], case: Case, parameters: Any) -> Evidence:
    try:
        found = check.assess(case, parameters)
    except AuditkitError as error:
        reason = error.message
    except Exception as error:  # noqa: BLE001 - one check's crash is an outcome; the others go on
        # A foreign exception's text may quote the data, so only its type is kept.
        reason = f"the check stopped with {type(error).__name__}"
    else:
        if isinstance(found, Evidence) and found.check == check.id:
            return found
        of = f"evidence of {found.check}" if isinstance(found, Evidence) else "no evidence"
        reason = f"the check gave {of}"
    return check.evidence(outcome=Outcome.ERROR, reason=reason, parameters=asdict(parameters))


def _carried(check: Check[Any], decision: DecisionWords) -> dict[str, Term]:
    """The terms that evidence has to carry: those of checks that do not come with auditkit."""
    put = decision.put_into
    return {
        name: Term(put(term.words), put(term.definition))
        for name, term in check.terms.items()
        if name not in TERMS
    }


def _refuse_two_of_one_id(checks: Sequence[Check[Any]]) -> None:
    ids = [check.id for check in checks]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice is not None:
        raise InputError(
            f"Two checks have the id {twice!r}.", remedy="give each check once, under its own id"
        )


def _refuse_unknown_checks(policy: Policy, checks: Sequence[Check[Any]]) -> None:
    known = {check.id for check in checks}
    for rule in policy.rules:
        if rule.check not in known:
            raise PolicyError(
                f"Rule {rule.id} is about the check {rule.check!r}, which does not exist.",
                remedy="'auditkit checks' lists them",
            )
    for check_id in policy.checks:
        if check_id not in known:
            raise PolicyError(
                f"The policy gives parameters to the check {check_id!r}, which does not exist.",
                remedy="'auditkit checks' lists them",
            )
