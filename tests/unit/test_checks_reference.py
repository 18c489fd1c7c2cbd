"""The reference of checks says of each what the check says of itself."""

from __future__ import annotations

import inspect
import re

import pytest
import yaml

from auditkit.checks import CHECKS
from auditkit.checks.check import NoParameters
from auditkit.policy import parse_policy
from auditkit.wording import NEUTRAL
from tests.support.documents import DOCS

PAGE = (DOCS / "reference" / "checks.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
HEAD = 'id: t\nversion: "1"\ntitle: t\nas_of: 2026-11-22\n'


def section(check) -> str:
    """A check's section in one line."""
    return " ".join(SECTIONS[check.id].split())


def meanings(check) -> dict[str, str]:
    """What a check's docstring says of each parameter."""
    text = inspect.getdoc(check.parameters)
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def test_every_check_has_a_section_in_its_order():
    assert [title for title in SECTIONS if "." in title] == [check.id for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_section_says_what_the_check_says(check):
    for text in (check.title, check.measures, check.misleads, check.source, "*Not tested:* "):
        assert text in section(check)
    for name, term in check.terms.items():
        words, definition = map(NEUTRAL.put_into, term)
        assert f"| `{name}` | {words} | {definition} |" in section(check)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_section_names_every_parameter_with_its_range_default_and_meaning(check):
    if check.parameters is NoParameters:
        assert "It has no parameters." in section(check)
    for name, p in check.declared.items():
        assert f"| `{name}` | {p.wanted} | `{p.default}` | {meanings(check)[name]} |" in (
            section(check)
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.id)
def test_a_section_shows_a_rule_that_a_policy_can_have(check):
    (block,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[check.id], re.DOTALL)
    (rule,) = parse_policy(HEAD + block).rules
    assert rule.check == check.id
    assert rule.measure in check.terms


def test_the_parameters_that_the_page_shows_are_taken():
    (block,) = re.findall(r"```yaml\n(checks:.*?)```", PAGE, re.DOTALL)
    for check_id, chosen in yaml.safe_load(block)["checks"].items():
        (check,) = (c for c in CHECKS if c.id == check_id)
        assert check.parameters_with(chosen)
