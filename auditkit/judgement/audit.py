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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

from auditkit.canonical import AUDIT_PREDICATE, STATEMENT_TYPE, Digest, Json, canonical_bytes
from auditkit.checks import CHECKS, TERMS, Check
from auditkit.errors import AuditkitError, InputError, PolicyError
from auditkit.evidence import SUPPRESSION_RULE, Evidence, Finding, Outcome, Table, Term
from auditkit.glossary import Glossary, collected
from auditkit.judgement import small_cells
from auditkit.judgement.again import made_by
from auditkit.judgement.controls import ControlPack, ControlStatus, assess
from auditkit.judgement.findings import every
from auditkit.judgement.gate import Verdict, decide, judge
from auditkit.policy import Policy, PolicySource
from auditkit.subject import Case, Dataset, Subject
from auditkit.wording import DecisionWords

# Called before each check with its position, the number of checks and its title.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Everything that an audit found, and the bytes that are signed.

    Attributes:
        subject: The model.
        datasets: The tables that were read.
        rows: The number of rows that were evaluated.
        policy: The rules that were applied.
        packs: The control packs it was assessed against.
        evidence: In the order of the ids, with small cells suppressed.
        findings: One for each rule, in the policy's order, each with those of its conditions.
        controls: One for each control, pack by pack.
        verdict: The gate's decision.
        as_of: The day of the audit; None: not stated, and no waiver was in force.
        seed: The seed of every random draw.
        versions: Version of auditkit and of every package that computed a number.
        salt: The salt of the commitment to the unsuppressed evidence. It goes into the bundle, not
            into the statement or the report.
        unsuppressed: The commitment: a salted digest of the evidence as the checks made it.
        source: Where the policy is written down; None: not stated.
    """

    subject: Subject
    datasets: tuple[Dataset, ...]
    rows: int
    policy: Policy
    packs: tuple[ControlPack, ...]
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    controls: tuple[ControlStatus, ...]
    verdict: Verdict
    as_of: date | None
    seed: int
    versions: Mapping[str, str]
    salt: bytes
    unsuppressed: Digest
    source: PolicySource | None = None

    def __hash__(self) -> int:
        """The hash of the statement, which holds everything."""
        return hash(self.digest)

    @cached_property
    def statement(self) -> bytes:
        """Canonical bytes of an in-toto statement whose subject is the model's digest."""
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {
                        "name": f"{self.subject.name}/{self.subject.version}",
                        "digest": {"sha256": self.subject.digest.hex},
                    }
                ],
                "predicateType": AUDIT_PREDICATE,
                "predicate": self._predicate(),
            }
        )

    @property
    def digest(self) -> Digest:
        """The digest of the statement: what is logged and printed."""
        return Digest.of(self.statement)

    @property
    def report_id(self) -> str:
        """A short name derived from the statement, for example `AK-9f2c41d0a1b7`."""
        return f"AK-{self.digest.hex[:12]}"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table of the evidence; they are kept beside the statement."""
        return tuple(table for evidence in self.evidence for table in evidence.tables)

    def evidence_of(self, check: str) -> Evidence | None:
        """The evidence of one check; None if the check was not part of the audit."""
        return next((e for e in self.evidence if e.check == check), None)

    @cached_property
    def glossary(self) -> Glossary:
        """The names of its measures: the packaged terms and those that its evidence carries."""
        return glossary_of(self.evidence, self.policy)

    @property
    def hidden(self) -> int:
        """The number of suppressed measurements, small cells and complementary ones."""
        return sum(bool(m.suppressed) for e in self.evidence for m in e.measurements)

    def counts(self) -> dict[Outcome, int]:
        """The number of rules by outcome: all six outcomes, zero included."""
        return {o: sum(f.outcome is o for f in self.findings) for o in Outcome}

    def _predicate(self) -> dict[str, Json]:
        policy: dict[str, Json] = {
            "digest": str(self.policy.digest),
            "content": self.policy.to_json(),
        }
        if self.source is not None:
            policy["source"] = self.source.to_json()
        return {
            "subject": self.subject.to_json(),
            "datasets": [d.to_json() for d in self.datasets],
            "rows": self.rows,
            "policy": policy,
            "packs": [pack.to_json() for pack in self.packs],
            "evidence": [e.to_json() | {"digest": str(e.digest)} for e in self.evidence],
            "suppression": {
                "small_cell": self.policy.small_cell,
                "rule": SUPPRESSION_RULE,
                "hidden": self.hidden,
                "unsuppressed": str(self.unsuppressed),
            },
            "findings": [f.to_json() for f in every(self.findings)],
            "controls": [c.to_json() for c in self.controls],
            "verdict": self.verdict.to_json(),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "seed": self.seed,
            "versions": dict(self.versions),
            "made_by": made_by(),
        }


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
    progress: Progress | None = None,
) -> Judgement:
    """Runs every check on a case and judges their evidence.

    Args:
        case: Validated inputs.
        policy: The rules to apply.
        packs: The control packs that the policy names.
        today: The day of the audit; waivers are judged by it. None: not stated.
        versions: Package versions to record.
        checks: In any order: ids follow `CHECKS`, and then those that are not packaged, as given.
        salt: For the commitment to the evidence before its small cells are suppressed. Default:
            it is derived from the rows.
        source: Where the policy is written down; None: it is not stated.
        progress: Called before each check.

    Raises:
        InputError: If two checks have one id, or define one measure differently.
        PolicyError: If the policy has a rule about a check that does not exist, or gives a check
            parameters or values that it does not take.
    """
    parameters = parameters_of(policy, checks)
    found: dict[str, Evidence] = {}
    read = {rule.check for rule in policy.rules}
    asked = [check for check in checks if case.task in check.tasks or check.id in read]
    for position, check in enumerate(asked):
        if progress is not None:
            progress(position, len(asked), check.title)
        made = _run(check, case, parameters[check.id])
        found[check.id] = replace(made, terms=_carried(check, policy.decision.words))
    ordered = sorted(found.values(), key=lambda e: _ORDER.get(e.check, len(_ORDER)))
    measured = tuple(replace(e, id=f"E-{i:04d}") for i, e in enumerate(ordered, start=1))
    evidence = small_cells.suppress(
        measured, small_cell=policy.small_cell, rows=case.rows, attributes=case.groups
    )
    salt = salt if salt is not None else small_cells.salt_of(case)
    findings = judge(evidence, policy, glossary_of(evidence, policy), today=today)
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
