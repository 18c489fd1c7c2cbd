"""Statements forged inside the tool, which renders and signs them with the trusted key.

The tool is made to write what its owner wants: each part of a judgement is replaced before the
statement, the pages and the signature are made of it, so that they agree with one another.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from auditkit.canonical import Digest, digest_of
from auditkit.evidence import Outcome, Term
from auditkit.judgement.audit import glossary_of
from auditkit.judgement.controls import assess, parse_pack
from auditkit.judgement.gate import Decision, decide, judge
from auditkit.judgement.statement import Judgement
from auditkit.policy import parse_policy
from auditkit.reperformance import Agreement, compare_judged, compare_numbers
from auditkit.report import ReportOptions, render
from auditkit.verification import ClaimState
from tests.support.forging import honest
from tests.support.small_report import EVIDENCE, SIGNED_AT, small_judgement
from tests.support.verifying import verify

PACK = """
id: own
title: Rules of this house
as_of: 2026-11-22
author: A. Author
controls:
  - {id: O-1, citation: in-house, requirement: Waiting is short., checks: [acme.waiting],
     basis: primary, strength: partial}
"""
POLICY = """
id: own
version: "1"
title: Two conditions
as_of: 2026-11-22
controls: [own]
rules:
  - {id: S-1, title: Selection rate, check: fairness.selection_rates, measure: selection_rate,
     at_least: 0.6, judge: value, severity: low, citation: in-house, why: to have one}
  - {id: W-1, title: Waiting, check: acme.waiting, measure: waiting,
     at_most: 3, judge: value, severity: high, citation: in-house, why: to have another}
"""
# A check of another package, whose terms travel with its evidence.
WAITING = replace(
    EVIDENCE,
    id="E-0002",
    check="acme.waiting",
    title="Waiting",
    measurements=(replace(EVIDENCE.measurements[0], name="waiting", value=2.0),),
    tables=(),
    terms={"waiting": Term(words="waiting time", definition="The mean wait.")},
)


class Forged(Judgement):
    """A judgement whose statement says something else; `change` is set on the instance."""

    def _predicate(self):
        predicate = super()._predicate()
        getattr(self, "change", lambda _: None)(predicate)
        return predicate


def judged(evidence=(EVIDENCE, WAITING), policy=POLICY) -> Forged:
    """What honestly follows: the first condition fails, the second is met."""
    small, rules, pack = small_judgement(), parse_policy(policy), parse_pack(PACK)
    findings = judge(evidence, rules, glossary_of(evidence, rules))
    fields = {name: getattr(small, name) for name in small.__dataclass_fields__}
    return Forged(
        **fields
        | {
            "policy": rules,
            "packs": (pack,),
            "evidence": evidence,
            "findings": findings,
            "controls": assess(findings, pack),
            "verdict": decide(findings),
        }
    )


def saying(change):
    made = judged()
    object.__setattr__(made, "change", change)
    return made


def with_outcomes(made=None):
    """Every condition is met, the verdict follows from that."""
    made = made or judged()
    findings = tuple(
        replace(
            f,
            outcome=Outcome.PASS,
            exceptions=(),
            conditions=tuple(replace(c, outcome=Outcome.PASS, exceptions=()) for c in f.conditions),
        )
        for f in made.findings
    )
    return replace(made, findings=findings, verdict=decide(findings))


def with_verdict():
    made = judged()
    return replace(
        made, verdict=replace(made.verdict, decision=Decision.PASS, reasons=("All met.",))
    )


def with_ids():
    made = judged()
    first, *rest = made.findings
    return replace(made, findings=(replace(first, id="F-AAAAAAAAAAAA"), *rest))


def with_control():
    made = judged()
    return replace(made, controls=(replace(made.controls[0], outcome=Outcome.NOT_APPLICABLE),))


def without_control():
    return replace(judged(), controls=())


def with_pack():
    """The findings speak to another requirement than the pack says."""
    made = judged()
    (pack,) = made.packs
    (control,) = pack.controls
    other = pack.model_copy(
        update={"controls": (control.model_copy(update={"checks": (EVIDENCE.check,)}),)}
    )
    return replace(made, packs=(other,))


def with_waiver():
    """The condition that failed is excused in the finding; nobody signed that."""
    made = judged()
    excused = {"owner": "A. Owner", "reason": "It is fine.", "expires": "2027-01-01"}
    failed = next(f for f in made.findings if f.outcome is Outcome.FAIL)

    def change(predicate):
        for finding in predicate["findings"]:
            if finding["rule"] == failed.rule:
                finding["waiver"] = excused

    object.__setattr__(made, "change", change)
    return made


def with_waived_verdict():
    """The verdict names the condition among those that were waived, and passes."""
    made = judged()
    failed = next(f for f in made.findings if f.outcome is Outcome.FAIL)
    return replace(
        made, verdict=replace(made.verdict, decision=Decision.PASS, waived=(failed.rule,))
    )


def with_threshold():
    """The content of the policy is milder; its digest is that of the one that was agreed on."""
    milder = judged(policy=POLICY.replace("0.6", "0.4"))
    agreed = str(judged().policy.digest)
    object.__setattr__(
        milder, "change", lambda predicate: predicate["policy"].__setitem__("digest", agreed)
    )
    return milder


def with_fewer_rows(predicate):
    predicate["suppression"]["hidden"] += 3


def with_measurement(predicate):
    """The number changes and the digest of its evidence with it; the finding stays."""
    evidence = predicate["evidence"][1]
    evidence["measurements"][0]["value"] = 9.0
    content = {k: v for k, v in evidence.items() if k not in {"id", "digest"}}
    evidence["digest"] = str(digest_of("evidence/v1", content))


def with_wrong_digest(predicate):
    predicate["evidence"][1]["digest"] = str(Digest.of(b"x"))


def with_other_table(predicate):
    predicate["evidence"][0]["tables"][0]["digest"] = str(Digest.of(b"x"))
    evidence = predicate["evidence"][0]
    content = {k: v for k, v in evidence.items() if k not in {"id", "digest"}}
    evidence["digest"] = str(digest_of("evidence/v1", content))


FORGED = {
    "outcomes": (with_outcomes, "verdict"),
    "verdict": (with_verdict, "verdict"),
    "finding ids": (with_ids, "verdict"),
    "control": (with_control, "verdict"),
    "control left out": (without_control, "verdict"),
    "pack": (with_pack, "verdict"),
    "waiver": (with_waiver, "verdict"),
    "waived verdict": (with_waived_verdict, "verdict"),
    "threshold": (with_threshold, "verdict"),
    "suppressed": (lambda: saying(with_fewer_rows), "verdict"),
    "measurement": (lambda: saying(with_measurement), "verdict"),
    "digest of evidence": (lambda: saying(with_wrong_digest), "statement"),
    "digest of a table": (lambda: saying(with_other_table), "attachments"),
}
VERSIONS = {
    "none": lambda p: p.pop("made_by"),
    "older": lambda p: p["made_by"].update(rules=0),
    "later": lambda p: p["made_by"].update(rules=99),
    "later pages": lambda p: p["made_by"].update(templates=99),
    "no pages": lambda p: p["made_by"].pop("templates"),
    "another format": lambda p: p["made_by"].update(statement=1),
}


@pytest.fixture(autouse=True)
def _without_its_own_check(monkeypatch):
    """Who forges inside the tool takes out the check by which it refuses false pages."""
    monkeypatch.setattr(sys.modules["auditkit.report.render"], "verify_rendered", lambda *_: None)


def signed(made):
    """The report that the tool renders of a judgement, signed with the trusted key."""
    key = honest().signer
    unsigned = render(
        made,
        envelope=key.sign_statement(made.statement),
        options=ReportOptions(signer=key.name, fingerprint=key.fingerprint),
    )
    return key.sign_pdf(unsigned, at=SIGNED_AT)


def checked(made, **options):
    return verify(signed(made), trust=honest().trust, **options)


def test_the_honest_report_of_a_check_and_a_pack_of_ones_own_is_true():
    found = checked(judged(), render=True)
    assert found.broken == ()
    for claim in ("statement", "envelope", "attachments", "verdict", "numbers", "pages"):
        assert found.claim(claim).state is ClaimState.TRUE, found.claim(claim)


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_in_a_statement_is_false(name):
    forge, claim = FORGED[name]
    found = checked(forge())
    assert found.claim("signature").state is ClaimState.TRUE
    assert found.claim(claim).state is ClaimState.FALSE, found.claim(claim)
    assert found.exit_code == 12


@pytest.mark.parametrize("name", VERSIONS)
def test_a_forged_verdict_that_names_another_version_is_never_accepted_by_default(name):
    made = with_outcomes()
    object.__setattr__(made, "change", VERSIONS[name])
    found = checked(made, render=True)
    assert found.claim("verdict").state is not ClaimState.TRUE
    assert found.exit_code in {11, 12}


def test_what_another_release_with_these_rules_made_is_judged_and_drawn_again():
    """Only the package's own version differs: a report of last year stays true."""
    made = judged()
    object.__setattr__(made, "change", lambda p: p["made_by"].update(auditkit="0.0.9"))
    found = checked(made, render=True)
    for claim in ("verdict", "pages"):
        assert found.claim(claim).state is ClaimState.TRUE, found.claim(claim)


def test_a_measurement_that_the_data_do_not_give_is_seen_only_when_it_is_measured_again():
    """All follows from the number; only the data tell."""
    better = replace(EVIDENCE, measurements=(replace(EVIDENCE.measurements[0], value=0.7),))
    forged, honestly = judged((better, WAITING)), judged()
    assert not checked(forged).broken
    sides = [{"predicate": made._predicate()} for made in (forged, honestly)]
    numbers = compare_numbers(*sides)
    assert [c.key for c in numbers if c.agreement is Agreement.DIFFERENT]
    assert {one.what for one in compare_judged(*sides)} >= {"verdict", "finding S-1"}
