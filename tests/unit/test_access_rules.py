"""What Casbin drops in silence is an error here, and names the line."""

from __future__ import annotations

from unicodedata import category

import pytest

from auditkit.access import AccessControl, conflicts, evidence, parse_rules
from auditkit.access.policy.control import read_texts
from auditkit.access.policy.settings import parse_settings
from auditkit.access.policy.vocabulary import (
    alias_object,
    path_object,
    segment,
    stage_object,
    tag_objects,
)
from auditkit.errors import AccessDeniedError, NothingToAuditError, PolicyError

GOOD = "p, ann, *, models/**, model:read, allow\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("p2, ann, *, models/**, model:read, allow", "kind of rule 'p2'"),
        ("P, ann, *, models/**, model:read, allow", "kind of rule 'P'"),
        ("p, ann, *, models/**, model:read, Deny", "effect 'Deny'"),
        ("p, ann, *, models/**, model:read", "5 parts"),
        ("p, ann, *, models/**, model:read, allow, extra", "5 parts"),
        ("p, ann, *, models/**, model:promot, allow", "verb 'model:promot'"),
        ("p, ann, *, models/**, Model:*, allow", "verb 'Model:*'"),
        ("p, ann, *, */credit, model:read, allow", "begins with a wildcard"),
        ("p, ann, *, models/**/x, model:read, allow", "malformed"),
        ("p, ann, *, models/[ab], model:read, allow", "malformed"),
        ("p, ann, *, models/{a}, model:read, allow", "malformed"),
        ("p, ann, *, models//x, model:read, allow", "malformed"),
        ("p, ann, *, , model:read, allow", "malformed"),
        ("p, an:n, *, models/**, model:read, allow", "subject 'an:n'"),
        ("p, *, *, models/**, model:read, allow", "subject '*'"),
        ("p, ann, pro*, models/**, model:read, allow", "domain 'pro*'"),
        ("g, mallory, admin, *", "is not a role"),
        ("g, mallory, role:viewer", "3 parts"),
        ("g, mallory, role:admin, *, role:viewer, prod", "3 parts"),
        ("g, (mallory, role:x), *", "subject '(mallory'"),
    ],
)
def test_a_line_that_casbin_reads_otherwise_is_refused(line: str, says: str):
    with pytest.raises(PolicyError) as caught:
        parse_rules(GOOD + line)
    assert "line 2" in caught.value.message
    assert says in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "# nothing\n\n", "g, ann, role:x, *\n"])
def test_a_policy_without_rules_is_refused(text: str):
    with pytest.raises(PolicyError):
        parse_rules(text)


def test_writing_and_reading_a_policy_changes_nothing():
    rules = parse_rules(read_texts(None)["policy.csv"])
    again = parse_rules(rules.to_text())
    assert [r.tokens for r in again.rules] == [r.tokens for r in rules.rules]
    assert [g.tokens for g in again.grants] == [g.tokens for g in rules.grants]


def test_a_missing_file_or_another_matcher_is_refused(tmp_path):
    with pytest.raises(PolicyError, match=r"policy\.csv"):
        AccessControl.load(tmp_path)
    texts = read_texts(None)
    lenient = texts["model.conf"].replace(" && !some(where (p.eft == deny))", "")
    texts["policy.csv"] += "p, ann, *, models/x, model:read, allow\n"
    texts["policy.csv"] += "p, ann, *, models/x, model:read, deny\n"
    with pytest.raises(PolicyError, match="decides differently"):
        AccessControl.from_texts({**texts, "model.conf": lenient})
    with pytest.raises(PolicyError, match="cannot read the access model"):
        AccessControl.from_texts({**texts, "model.conf": "[request_definition]\nr = sub\n"})


def test_the_digest_covers_rules_and_settings():
    texts = read_texts(None)
    digest = AccessControl.from_texts(texts).policy_digest
    settings = {
        **texts,
        "access.yaml": texts["access.yaml"].replace("approvals: 1", "approvals: 2"),
    }
    rules = {**texts, "policy.csv": texts["policy.csv"] + GOOD}
    assert (
        len({digest, *(AccessControl.from_texts(t).policy_digest for t in (settings, rules))}) == 3
    )
    assert AccessControl.from_texts(texts).policy_digest == digest


def test_names_are_encoded_so_that_none_can_be_taken_for_another():
    names = [
        "a",
        "A",
        "a b",
        "a%20b",
        ".a",
        "%2Ea",
        "",
        "%empty",
        "a/b",
        "a,b",
        "a\n",
        "ä",
        "*",
        "~",
    ]
    assert len({segment(name) for name in names}) == len(names)
    assert alias_object("Credit", "ChamPion") == "models/Credit/aliases/champion"
    assert path_object("artifacts/1", "a//../b c") == "artifacts/1/a/%2E./b%20c"


OUTER = [c for c in map(chr, range(0x11000)) if c.isspace() or category(c) in ("Cc", "Cf")]


def test_space_and_what_does_not_show_make_no_other_name():
    assert {" ", "\n", "\x00", "\xa0", "\u2003", "\u200b", "\u3000", "\ufeff"} <= set(OUTER)
    for c in OUTER:
        for spelt in (f"{c}Champion", f"champion{c}", f"{c} CHAMPION {c}\n"):
            assert alias_object("m", spelt) == "models/m/aliases/champion"
            assert stage_object("m", spelt) == "models/m/stages/champion"
            assert tag_objects("m", spelt) == ("models/m/tags/champion",)
    # Space inside is part of a name.
    assert tag_objects("m", " a b ") == ("models/m/tags/a%20b",)


def test_a_tag_that_some_databases_take_for_another_needs_both():
    plain = "models/m/tags/validation_status"
    wide, dotted = "\uff56alidation_status", "VAL\u0130DATION_STATUS"
    for spelt in ("validàtion_status", "vaĺidatìon_status\n", wide, dotted):
        assert plain in tag_objects("m", spelt), spelt
    assert tag_objects("m", "über") == ("models/m/tags/%C3%BCber", "models/m/tags/uber")
    assert tag_objects("m", "validation_status") == (plain,)
    access = with_users("ann, role:trainer")
    for key in (" validation_status", "Validation_Status\n", "validàtion_status"):
        needs = [access.decide("ann", "model:tag", obj) for obj in tag_objects("m", key)]
        assert not all(needs), key
    assert all(access.decide("ann", "model:tag", obj) for obj in tag_objects("m", "über"))


def with_users(*grants: str) -> AccessControl:
    texts = read_texts(None)
    texts["policy.csv"] += "".join(f"g, {grant}, *\n" for grant in grants)
    return AccessControl.from_texts(texts)


def test_conflicts_of_duties_are_found_through_roles():
    assert conflicts(AccessControl.load().snapshot) == ()
    access = with_users("ann, role:trainer", "mia, role:release-manager", "bob, role:lead")
    assert conflicts(access.snapshot) == ()
    access = with_users("bob, role:lead", "role:lead, role:trainer", "role:lead, role:reviewer")
    found = {(c.user, c.verbs) for c in conflicts(access.snapshot)}
    assert found == {
        ("bob", ("model:register", "model:approve")),
        ("bob", ("model:request", "model:approve")),
    }
    access = with_users("bob, role:trainer", "bob, role:gate")
    assert {c.verbs for c in conflicts(access.snapshot)} == {("model:register", "gate:record")}


def test_decisions_become_evidence():
    access = with_users("ann, role:trainer", "mia, role:release-manager")
    champion = "models/credit/aliases/champion"
    decisions = [access.decide(user, "model:promote", champion) for user in ("ann", "mia", "eve")]
    made = evidence(decisions, access)
    values = {m.name: m.value for m in made.measurements}
    assert values == {"decisions": 3, "allowed": 1, "denied": 2, "sod_conflicts": 0}
    assert made.table("access_decisions").column("decision") == ("denied", "allowed", "denied")
    assert evidence(decisions).measurement("sod_conflicts").value is None
    with pytest.raises(NothingToAuditError):
        evidence([])
    with pytest.raises(AccessDeniedError, match="no rule allows it"):
        access.require("ann", "model:promote", champion)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("models: My Model, aliases: [champion]", "a space as %20"),
        ("models: 'credit-[ab]', aliases: [champion]", "no wildcard but"),
        ("aliases: ['champ?']", "letters, digits"),
        ("stages: [prod]", "staging or production"),
    ],
)
def test_a_promotion_that_would_protect_nothing_is_refused(setting: str, says: str):
    with pytest.raises(PolicyError, match=says):
        parse_settings(f"id: x\nversion: '1'\ntitle: x\npromotions: [{{{setting}}}]\n")


def test_patterns_of_aliases_protect_in_any_case():
    text = "id: x\nversion: '1'\ntitle: x\npromotions: [{models: 'credit*', aliases: [Prod*]}]\n"
    settings = parse_settings(text)
    for model, alias, protected in [
        ("Credit-eu", "PROD-eu", True),
        ("credit", "prod", True),
        ("fraud", "prod", False),
        ("credit", "preprod", False),
    ]:
        found = settings.promotion(model, kind="alias", name=alias)
        assert (found is not None) == protected, (model, alias)
