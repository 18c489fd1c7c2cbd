"""The prefilter of rules skips no rule that matches: the naive reference tries every rule."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from auditkit.deid.rules.checksums import bare
from auditkit.deid.rules.matching import PARTS, RULES, match_rules
from auditkit.deid.rules.names import ANNOUNCED
from auditkit.deid.rules.rule import features_of, needs
from auditkit.deid.vocabulary.normalization import normalize
from tests.support.pattern_samples import matching
from tests.support.personal_texts import texts_of

STREETS = """
Hauptstrasse 5|Bahnhofstraße 12a|Goethestr. 3|Drottninggatan 8|Storgata 4|Nyvägen 9
Kongensveien 2|Skolevej 31|Vestergade 6|Ahornweg 7|Beethovenlaan 14|Dorpsstraat 1|Langgasse 20
Marienplatz 8|Mannerheimintie 10|Kirkkokatu 3|Lindenallee 44|Rosenallée 3|Skogsstigen 5
Rembrandtplein 9|Kurfürstendamm 3|Prins Hendrikkade 33|Coolsingel 4|Laugavegurbraut 6
ul. Polna 4|Via Roma 12|viale Europa 3|14 rue de la Paix|Calle Mayor 5|c/ Luna 2|Rua das Flores 30
Plaza Mayor 1|Piazza Navona 6|chemin du Lac 8|Avda. Diagonal 9|av. Foch 3|R. Augusta 100
"""
TEXTS = [normalize(x.text).text for kind in ("clinical", "business", "disguised")
         for x in texts_of(kind, 0, 120, seed=23)]  # fmt: skip
TEXTS += STREETS.strip().replace("\n", "|").split("|")


@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_the_prefilter_skips_no_rule_that_matches(change):
    tried = 0
    for text in map(change, TEXTS):
        found = {span.source for span in match_rules(text)}
        matching = {rule.name for rule in RULES if _matches(rule, text)}
        assert matching <= found, text
        tried += len(matching)
    assert tried > 500


def _matches(rule, text):
    for match in rule.pattern.finditer(text):
        written = match.groupdict().get("x") or match.group()
        if rule.valid is None or rule.valid(bare(written)):
            return True
    return False


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_match_of_a_pattern_meets_its_needs(rule):
    """On texts made from the pattern itself, so that no part of it goes untried."""
    matches = list(matching(rule.pattern, 600))
    assert len(matches) >= 20
    for match in matches:
        written = match.groupdict().get("x") or match.group()
        if rule.valid is None or rule.valid(bare(written)):
            assert holds(rule, match.string), match.string


def test_the_law_of_needs_can_fail():
    corner = next(rule for rule in RULES if rule.name == "corner")
    with pytest.raises(AssertionError):
        test_every_match_of_a_pattern_meets_its_needs(replace(corner, needs=needs(0, "corner of")))


def holds(rule, text):
    """As `Features.meet`, written naively."""
    low, need = text.lower(), rule.needs
    letters = "".join(c if c in string.ascii_lowercase else " " for c in low).split()
    longest = max(map(len, "".join(c if c.isdecimal() else " " for c in text).split()), default=0)
    assert features_of(text, PARTS).meet(need) == (
        sum(map(str.isdecimal, text)) >= need.digits
        and longest >= need.run
        and (not need.parts or any(part in low for part in need.parts))
        and (not need.words or any(word in letters for word in need.words))
    )
    return features_of(text, PARTS).meet(need)


@pytest.mark.parametrize("announced", ANNOUNCED, ids=lambda a: f"{a[-1]} {a[1]!r}")
def test_the_prefilter_skips_no_cue_of_a_name_that_matches(announced):
    pattern, parts, *_ = announced
    matched = [text for text in TEXTS if pattern.search(text)]
    assert all(any(part in text for part in parts) for text in matched)
