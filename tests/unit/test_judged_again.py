"""A verdict forged inside the tool: whatever is changed in a statement, it no longer follows."""

from __future__ import annotations

import copy
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.canonical import Digest, canonical_bytes, digest_of, parse_json
from auditkit.checks import TERMS
from auditkit.errors import UnverifiableError
from auditkit.evidence import Term
from auditkit.judgement.again import RULES, VERSIONS, judged_again
from auditkit.verification import ClaimState
from tests.fixtures.lending import judgement
from tests.support.small_report import (
    SIGNED_AT,
    attachments,
    signed_report,
    statement_bytes,
    unsigned_report,
)
from tests.support.verifying import verify
from tests.support.whole_report import whole_report

PREDICATE = parse_json(judgement().statement)["predicate"]
DERIVED = ("findings", "controls", "verdict", "packs", "waivers")


def leaves(part, path=()):
    """The place of every text, number, truth value and null."""
    if isinstance(part, dict | list):
        pairs = part.items() if isinstance(part, dict) else enumerate(part)
        return [place for key, inner in pairs for place in leaves(inner, (*path, key))]
    return [path]


def changed(value):
    """Another value that a forger might write."""
    if isinstance(value, bool) or value is None:
        return "x" if value is None else not value
    if isinstance(value, int | float):
        return value + 1
    other = {"fail": "pass", "uncertain": "pass", "not_assessed": "pass", "pass": "fail"}
    return other.get(value, value + "x")


def forged(path):
    predicate = copy.deepcopy(PREDICATE)
    part = predicate
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = changed(part[path[-1]])
    return predicate


def faults(predicate):
    """What is said against a predicate; a part that cannot be read counts."""
    try:
        return judged_again(predicate).differences
    except Exception as error:  # noqa: BLE001 - the claim turns any of them into false
        return (str(error),)


def test_what_the_audit_wrote_follows():
    judged = judged_again(PREDICATE)
    assert judged.differences == ()
    assert (judged.findings, judged.controls) == (11, 8)


@pytest.mark.parametrize("part", DERIVED)
def test_every_leaf_of_what_is_derived_is_compared(part):
    # The name of a file of waivers is a name, which nobody signs.
    places = [place for place in leaves(PREDICATE[part], (part,)) if place[-1] != "file"]
    assert len(places) > 2
    assert not [place for place in places if not faults(forged(place))]


@given(st.sampled_from(leaves(PREDICATE["policy"], ("policy",))))
def test_a_policy_changed_alone_does_not_have_its_digest(place):
    assert faults(forged(place))


@given(st.data())
def test_a_measurement_changed_with_its_evidence_digest_changes_the_finding_on_it(data):
    """Who changes the number that decides has to change the finding, the verdict and the pages."""
    finding = data.draw(st.sampled_from([f for f in PREDICATE["findings"] if f["key"]]))
    predicate = copy.deepcopy(PREDICATE)
    (evidence,) = (e for e in predicate["evidence"] if e["id"] == finding["evidence"])
    (number,) = (m for m in evidence["measurements"] if m["key"] == finding["key"])
    if number["value"] is None:
        return
    number |= {"value": number["value"] + 10.0, "lower": None, "upper": None}
    content = {k: v for k, v in evidence.items() if k not in {"id", "digest"}}
    evidence["digest"] = str(digest_of("evidence/v1", content))
    assert any(finding["rule"] in fault for fault in faults(predicate))


def test_the_words_of_these_rules_are_those_of_the_checks():
    """If this fails, findings read otherwise: make new rules, with words of their own."""
    kept = parse_json((files("auditkit.judgement") / VERSIONS[RULES].words).read_bytes())
    assert {name: Term(*term) for name, term in kept.items()} == TERMS


def test_a_condition_left_out_or_put_in_twice_is_noticed():
    for part in ("findings", "controls", "packs"):
        for change in (lambda rows: rows[:-1], lambda rows: [*rows, rows[0]]):
            assert faults(PREDICATE | {part: change(PREDICATE[part])}), part


def test_a_waiver_taken_out_of_a_statement_or_put_into_it_is_noticed():
    ended, alone, good = PREDICATE["waivers"]
    assert (good["lifts"] != [], ended["lifts"], alone["lifts"]) == (True, [], [])
    assert judged_again(PREDICATE).waivers == 1
    assert faults({k: v for k, v in PREDICATE.items() if k != "waivers"})
    bare = judged_again(PREDICATE | {"waivers": [ended, alone]})
    assert bare.waivers == 0
    assert any("PF-2" in fault for fault in bare.differences)
    assert any("verdict" in fault for fault in bare.differences)


def test_hidden_numbers_are_counted():
    suppression = PREDICATE["suppression"]
    assert faults(PREDICATE | {"suppression": suppression | {"hidden": suppression["hidden"] + 1}})


@pytest.mark.parametrize("made_by", [None, {}, {"rules": 0}, {"rules": 99}, {"rules": "1"}])
def test_an_earlier_or_unknown_version_could_not_be_checked(made_by):
    predicate = {k: v for k, v in PREDICATE.items() if k != "made_by"}
    predicate |= {"made_by": made_by} if made_by is not None else {}
    with pytest.raises(UnverifiableError):
        judged_again(predicate)


def check(data, **options):
    whole = whole_report()
    return verify(data, trust=whole.trust, log_keys=[whole.log_key], **options)


def test_a_report_signed_with_the_trusted_key_whose_verdict_is_forged_is_false():
    whole = whole_report()
    honest = check(signed_report(whole.signer))
    assert honest.claim("verdict").state is ClaimState.TRUE
    forgery = signed_report(whole.signer, verdict={"decision": "pass", "reasons": [], "waived": []})
    found = check(forgery)
    assert found.claim("signer").state is found.claim("envelope").state is ClaimState.TRUE
    assert found.claim("verdict").state is ClaimState.FALSE
    assert found.exit_code == 12


@pytest.mark.parametrize("accept_older", [False, True])
def test_a_forger_gains_nothing_by_naming_another_version(accept_older):
    whole = whole_report()
    verdict = {"decision": "pass", "reasons": [], "waived": []}
    data = signed_report(whole.signer, verdict=verdict, made_by={"rules": 99, "statement": 2})
    found = check(data, accept_older=accept_older)
    assert found.claim("verdict").state is ClaimState.UNCHECKED
    assert found.claim("verdict").asked  # a later version is not an older one
    assert found.exit_code != 0


def test_the_statement_of_a_whole_audit_is_canonical_when_it_is_read_again():
    assert canonical_bytes(parse_json(judgement().statement)) == judgement().statement
    assert judgement().digest == Digest.of(judgement().statement)


def test_who_must_have_signed_is_pinned_by_name_or_fingerprint():
    whole = whole_report()
    data = signed_report(whole.signer)
    for pinned in (whole.signer.name, whole.signer.fingerprint):
        assert check(data, signer=pinned).claim("signer").state is ClaimState.TRUE
    for pinned in ("somebody else", "sha256:" + "0" * 64, ""):
        found = check(data, signer=pinned)
        assert found.claim("signer").state is ClaimState.FALSE
        assert found.exit_code == 12
    assert "Nobody in particular" in check(data).claim("signer").reason


def test_pages_that_name_another_signer_are_false():
    whole = whole_report()
    printed = f"<p>{whole.signer.name} {whole.signer.fingerprint}"
    options = {"signer": "somebody else", "fingerprint": whole.signer.fingerprint}
    other = {"render.json": canonical_bytes({"options": options})}
    for text, more in (
        ("", {}),
        (f"<p>{whole.signer.name} sha256:{'0' * 64}", {}),
        (printed, other),
        (printed, {"render.json": b"[]"}),
    ):
        files = attachments(whole.signer, statement_bytes()) | more
        data = whole.signer.sign_pdf(unsigned_report(files, text=text), at=SIGNED_AT)
        found = check(data).claim("named")
        assert found.state is ClaimState.FALSE, found.reason
