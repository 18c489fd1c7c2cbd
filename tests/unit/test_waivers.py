"""Waivers: what two people signed counts as they signed it, and everything else is as none."""

from __future__ import annotations

import base64
import json
from datetime import date, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from auditkit.canonical import Digest, canonical_bytes
from auditkit.errors import InputError, PolicyError
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.glossary import Glossary
from auditkit.judgement.gate import Decision, decide, judge
from auditkit.judgement.waived import waive
from auditkit.policy import parse_policy
from auditkit.signing.dsse import cosign
from auditkit.waivers.consideration import MOST_BYTES, WaiverFile
from auditkit.waivers.record import Condition, Revocation, read_record
from tests.support.waivers import APPROVERS, BEGINS, ENDS, given, key, signed, waiver_for

TEXT = """
id: lending
version: "1"
title: T
as_of: 2026-11-22
rules:
  - {id: R1, title: Ratio, check: a.b, measure: ratio, at_least: 0.8, judge: value, severity: high,
     citation: c, why: w}
  - {id: R2, title: Gap, check: a.b, measure: gap, at_most: 0.1, judge: value, severity: low,
     citation: c, why: w}
"""
POLICY = parse_policy(TEXT + APPROVERS)
ARTIFACT = str(Digest.of(b"model"))
TODAY = date(2026, 12, 1)


def number(name, value, *group):
    return Measurement(name=name, value=value, n=100, unit="ratio", group=group)


A, B = ("race", "a"), ("race", "b")
NUMBERS = (
    number("ratio", 0.7, A), number("ratio", 0.6, B), number("ratio", 0.9, ("race", "c")),
    number("gap", 0.05, A),
)  # fmt: skip


def findings(*numbers, policy=POLICY, **changes):
    evidence = Evidence(
        id="E-0001", check="a.b", version="1", title="T", area="fairness", n=100,
        **{"measurements": numbers or NUMBERS, **changes},
    )  # fmt: skip
    return judge([evidence], policy, Glossary(terms={}))


FOUND = findings()
CONDITION_A, CONDITION_B = FOUND[0].conditions[:2]
HONEST = waiver_for(POLICY, [CONDITION_A, CONDITION_B], artifact=ARTIFACT)


def outcome(*files, found=FOUND, policy=POLICY, name="credit", artifact=ARTIFACT, today=TODAY):
    lifted, considered = waive(found, files, policy, name=name, artifact=artifact, today=today)
    return decide(lifted), considered, lifted


def refused(*files, **where):
    """The reason of the first file, which lifts nothing."""
    verdict, considered, lifted = outcome(*files, **where)
    assert verdict == decide(where.get("found", FOUND))
    assert lifted == where.get("found", FOUND)
    assert considered[0].lifts == considered[0].approvers == ()
    return considered[0].reason


def test_a_waiver_of_two_listed_people_lifts_what_it_was_given_for():
    verdict, (one,), lifted = outcome(given(HONEST, "ada", "bo"))
    assert verdict.decision is Decision.PASS
    assert verdict.waived == ("R1",)
    assert one.approvers == ("Bo Li",)
    assert set(one.lifts) == {FOUND[0].id, CONDITION_A.id, CONDITION_B.id}
    assert [f.outcome for f in lifted] == [f.outcome for f in FOUND]  # findings never change
    assert dict(lifted[0].waiver) == {
        "id": HONEST.id, "owner": "Ada Obi", "approver": "Bo Li", "reason": HONEST.reason,
        "expires": "2027-01-29",
    }  # fmt: skip


FORGED = {
    "one signature": (given(HONEST, "ada"), "only Ada Obi signed it: it takes two"),
    "one person, two keys": (given(HONEST, "ada", "ada-2"), "only Ada Obi signed it"),
    "second not listed": (given(HONEST, "ada", "eve"), "only Ada Obi signed it"),
    "owner did not sign": (given(HONEST, "bo", "cy"), "Its owner, Ada Obi, did not sign"),
    "nobody listed": (given(HONEST, "eve", "mallory"), "did not sign it with a key"),
    "another name of the owner": (
        given(HONEST.model_copy(update={"owner": "Eve"}), "ada", "bo"), "Its owner, Eve, did not",
    ),
    "other policy": (
        given(HONEST.model_copy(update={"policy": "other"}), "ada", "bo"), "another policy",
    ),
    "other digest": (
        given(HONEST.model_copy(update={"policy_digest": ARTIFACT}), "ada", "bo"),
        "another state of this one",
    ),
    "no such rule": (given(HONEST.model_copy(update={"rule": "R9"}), "ada", "bo"), "no rule R9"),
    "too long": (
        given(HONEST.model_copy(update={"expires": BEGINS + timedelta(days=90)}), "ada", "bo"),
        "for 91 days; the policy allows 90",
    ),
}  # fmt: skip


@pytest.mark.parametrize("which", FORGED)
def test_a_forged_waiver_is_as_none_and_the_reason_is_said(which):
    file, reason = FORGED[which]
    assert reason in refused(file)


@pytest.mark.parametrize(
    ("today", "counts"),
    [
        (BEGINS - timedelta(days=1), "begins on 2026-11-01"), (BEGINS, ""), (ENDS, ""),
        (ENDS + timedelta(days=1), "ended on 2027-01-29"), (None, "states no day"),
    ],
)  # fmt: skip
def test_a_waiver_is_in_force_on_its_days(today, counts):
    file = given(HONEST, "ada", "bo")
    if counts:
        assert counts in refused(file, today=today)
    else:
        assert outcome(file, today=today)[0].decision is Decision.PASS


def test_a_waiver_is_for_one_model_by_its_bytes_or_its_name():
    assert "another model" in refused(given(HONEST, "ada", "bo"), artifact=str(Digest.of(b"x")))
    named = HONEST.model_copy(update={"artifact": None, "model": "credit"})
    file = given(named, "ada", "bo")
    assert outcome(file, artifact=str(Digest.of(b"x")))[0].decision is Decision.PASS
    assert "another model, credit" in refused(file, name="debit")


def forged(change):
    """An honest envelope with its payload changed after it was signed."""
    envelope = json.loads(signed(HONEST, "ada", "bo"))
    content = json.loads(base64.b64decode(envelope["payload"]))
    change(content["predicate"])
    envelope["payload"] = base64.b64encode(canonical_bytes(content)).decode()
    return WaiverFile.of("w.json", json.dumps(envelope).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["conditions"][0].update(value=0.1),
        lambda p: p["conditions"][0].update(group=[["race", "c"]]),
        lambda p: p.update(expires="2030-01-01"),
        lambda p: p.update(owner="Bo Li"),
        lambda p: p.update(reason="another"),
        lambda p: p.update(rule="R2"),
    ],
)
def test_what_was_altered_after_signing_is_as_none(change):
    assert "altered" in refused(forged(change))


def test_a_signature_moved_from_another_waiver_is_as_none():
    other = json.loads(signed(HONEST.model_copy(update={"reason": "x"}), "ada", "bo"))
    mine = json.loads(signed(HONEST, "ada"))
    mine["signatures"].append(other["signatures"][1])
    assert "altered" in refused(WaiverFile.of("w", json.dumps(mine).encode()))


def test_what_cannot_be_read_is_as_none_and_is_not_kept():
    honest = signed(HONEST, "ada", "bo")
    twice = honest.replace(b'{"payload"', b'{"payload":"eA==","payload"', 1)
    payload = HONEST.payload.replace(b'"rule":', b'"rule":"R2","rule":', 1)
    inner = json.dumps(
        json.loads(honest) | {"payload": base64.b64encode(payload).decode()}
    ).encode()
    for content in (
        b"", b"[]", b"{}", b"name,age\nAnn,7\n", b"\xff\xfe", b"[" * 10_000, twice, inner,
        honest + b" " * MOST_BYTES,
        json.dumps({"payload": base64.b64encode(b"{}").decode()}).encode(),
        json.dumps({"payload": 7}).encode(),
    ):  # fmt: skip
        file = WaiverFile.of("w", content)
        assert file.envelope is None
        assert refused(file) == "It cannot be read as a waiver."


@pytest.mark.parametrize(
    "change",
    [
        {"requested": "2026-11-01T00:00:00"}, {"model": "credit"}, {"artifact": None}, {"more": 1},
        {"conditions": []}, {"expires": "2026-10-31"}, {"owner": ""}, {"reason": "a\nb"},
    ],
)  # fmt: skip
def test_a_record_has_one_form(change):
    content = json.loads(HONEST.payload)
    content["predicate"].update(change)
    with pytest.raises(InputError):
        read_record(canonical_bytes(content))
    assert read_record(HONEST.payload) == HONEST


def test_a_waiver_for_one_group_is_not_for_another():
    only_a = given(waiver_for(POLICY, [CONDITION_A], artifact=ARTIFACT), "ada", "bo")
    verdict, (one,), lifted = outcome(only_a)
    assert verdict.decision is Decision.FAIL
    assert one.lifts == (CONDITION_A.id,)
    assert lifted[0].waiver is None
    assert "race b" in verdict.reasons[0]  # what still stands, not the worst
    for_c = HONEST.model_copy(
        update={"conditions": (Condition(group=(("race", "z"),), outcome="fail", value=0.1),)}
    )
    verdict, (one,), _ = outcome(given(for_c, "ada", "bo"))
    assert verdict == decide(FOUND)
    assert one.reason == "The audit has no such condition: race=z."


@pytest.mark.parametrize(
    ("ratio_b", "decision", "said"),
    [
        (0.6, Decision.PASS, ""), (0.61, Decision.PASS, ""),
        (0.5999, Decision.FAIL, "R1 race=b is worse"),
        (0.85, Decision.PASS, "R1 race=b needs none"),
    ],
)  # fmt: skip
def test_a_worse_value_is_not_covered(ratio_b, decision, said):
    found = findings(NUMBERS[0], number("ratio", ratio_b, B), *NUMBERS[2:])
    verdict, (one,), _ = outcome(given(HONEST, "ada", "bo"), found=found)
    assert verdict.decision is decision
    assert said in one.reason
    assert bool(said) == bool(one.reason)


def test_worse_is_higher_where_the_bound_is_from_above():
    def of(value):
        return findings(*NUMBERS[2:3], number("gap", value, A))

    waiver = waiver_for(POLICY, of(0.2)[1].conditions, artifact=ARTIFACT)
    file = given(waiver, "bo", "ada")
    assert outcome(file, found=of(0.19))[0].decision is Decision.PASS
    assert outcome(file, found=of(0.21))[0].decision is Decision.FAIL


def test_a_group_that_fails_only_now_is_not_covered():
    found = findings(*NUMBERS[:2], number("ratio", 0.79, ("race", "c")), NUMBERS[3])
    verdict, _, lifted = outcome(given(HONEST, "ada", "bo"), found=found)
    assert verdict.decision is Decision.FAIL
    assert verdict.waived == ()
    assert "race c" in verdict.reasons[0]
    assert [c.waiver is not None for c in lifted[0].conditions] == [True, True, False]


def test_missing_evidence_can_be_waived_and_a_crash_cannot():
    missing = judge([], POLICY, Glossary(terms={}))
    rule = waiver_for(POLICY, [missing[0]], artifact=ARTIFACT)
    other = waiver_for(POLICY, [missing[1]], artifact=ARTIFACT)
    files = given(rule, "ada", "bo"), given(other, "ada", "bo", name="x")
    assert outcome(*files, found=missing)[0].decision is Decision.PASS
    crashed = findings(outcome=Outcome.ERROR, reason="it broke", measurements=())
    verdict, (one, _), _ = outcome(*files, found=crashed)
    assert verdict.decision is Decision.INCOMPLETE
    assert "in error" in one.reason
    # Numbers that came later are not what it was given for.
    verdict, (one, _), _ = outcome(*files)
    assert verdict == decide(FOUND)
    assert "each needs a waiver" in one.reason


def test_a_rule_is_waived_until_the_first_of_its_waivers_ends():
    early = waiver_for(POLICY, [CONDITION_A], artifact=ARTIFACT, expires=date(2026, 12, 24))
    late = waiver_for(POLICY, [CONDITION_B], artifact=ARTIFACT)
    both = given(early, "ada", "bo"), given(late, "ada", "bo", name="x")
    verdict, _, lifted = outcome(*both)
    assert verdict.decision is Decision.PASS
    assert lifted[0].waiver["expires"] == "2026-12-24"
    assert [c.waiver["expires"] for c in lifted[0].conditions[:2]] == ["2026-12-24", "2027-01-29"]
    # Of two for one condition the longer counts, and the other says so.
    _, considered, lifted = outcome(*both, given(HONEST, "ada", "bo", name="y"))
    assert lifted[0].waiver["expires"] == "2027-01-29"
    assert considered[0].reason == "Another waiver lifts the same for longer."


def revoked(by="Bo Li", *keys, of=HONEST, name="w.revoked.json"):
    record = Revocation(
        waiver=str(of.digest), by=by, reason="It is not.", revoked=date(2026, 11, 30)
    )
    return given(record, *(keys or ("bo",)), name=name)


def test_any_of_the_listed_revokes_and_nobody_else():
    honest = given(HONEST, "ada", "bo")
    assert "Bo Li revoked it on 2026-11-30: It is not." in refused(honest, revoked())
    assert "Cy Day revoked it" in refused(honest, revoked("Cy Day", "cy"))
    for wrong in (revoked("Eve", "eve"), revoked("Bo Li", "eve"), revoked("Bo Li", "cy")):
        verdict, (_, said), _ = outcome(honest, wrong)
        assert verdict.decision is Decision.PASS
        assert "It revokes nothing" in said.reason
    other = waiver_for(POLICY, [CONDITION_A], artifact=ARTIFACT)
    assert outcome(honest, revoked(of=other))[0].decision is Decision.PASS


def test_a_policy_that_lists_nobody_has_no_waivers():
    bare = parse_policy(TEXT)
    file = given(waiver_for(bare, [CONDITION_A], artifact=ARTIFACT), "ada", "bo")
    assert "lists nobody" in refused(file, policy=bare)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("waivers: [{rule: R1}]", "renew each one with 'auditkit waiver request RULE'"),
        (APPROVERS.partition("], ")[0] + "]}", "list at least two"),
        (APPROVERS.replace("Bo Li", "ada obi "), "under two names"),
        (APPROVERS.replace("Bo Li: [", "Bo Li: [], Al By: ["), "without a key"),
        (APPROVERS + "waiver_days: 0", "greater than or equal to 1"),
    ],
)
def test_a_policy_says_who_may_sign(line, message):
    with pytest.raises(PolicyError) as caught:
        parse_policy(TEXT + line)
    assert message in caught.value.message


def test_one_key_is_of_one_person():
    one = APPROVERS.split("[")[2].partition("]")[0]
    with pytest.raises(PolicyError, match="one key is listed twice"):
        parse_policy(TEXT + APPROVERS.replace("Cy Day: [", f"Cy Day: [{one}, "))


def test_the_digest_of_a_policy_commits_to_who_may_sign():
    assert parse_policy(TEXT).digest != POLICY.digest
    assert "waiver_approvers" not in parse_policy(TEXT).to_json()
    assert parse_policy(TEXT + APPROVERS + "waiver_days: 30").digest != POLICY.digest


@for_all(st.integers(min_value=0), st.integers(0, 7))
def test_no_bit_of_a_waiver_can_change(position, bit):
    content = bytearray(signed(HONEST, "ada", "bo"))
    content[position % len(content)] ^= 1 << bit
    verdict, (one,), _ = outcome(WaiverFile.of("w", bytes(content)))
    assert verdict == decide(FOUND)
    assert one.waiver is None


@for_all(st.lists(st.sampled_from(["ada", "ada-2", "bo", "cy", "eve"]), min_size=1, max_size=5))
def test_it_counts_exactly_if_its_owner_and_another_listed_person_signed(keys):
    """Against the sets of people, told another way."""
    people = {"ada": "A", "ada-2": "A", "bo": "B", "cy": "C"}
    signers = {people[k] for k in keys if k in people}
    counts = "A" in signers and len(signers) > 1
    verdict, _, _ = outcome(given(HONEST, *keys))
    assert (verdict.decision is Decision.PASS) == counts


def test_the_order_of_files_and_of_attributes_does_not_matter():
    two = (("sex", "f"), ("race", "a"))
    numbers = [number("ratio", 0.7, *two), NUMBERS[3]]
    turned = [number("ratio", 0.7, *reversed(two)), NUMBERS[3]]
    waiver = waiver_for(POLICY, findings(*numbers)[0].conditions, artifact=ARTIFACT)
    files = given(waiver, "ada", "bo"), given(HONEST, "ada", "bo", name="a")
    assert outcome(*files, found=findings(*turned))[0].decision is Decision.PASS
    assert outcome(*files)[1] == outcome(*reversed(files))[1]


def test_signing_again_changes_nothing():
    once = signed(HONEST, "ada", "bo")
    assert cosign(once, key("bo")) == once
