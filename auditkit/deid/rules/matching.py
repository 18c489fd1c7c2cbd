"""All rules, and the function that matches them against a text.

Patterns read normalized text. A rule either has a form of its own (an e-mail address) or needs a
cue: `MRN 4471023` is a medical record number because it says so. The named group `x`, if there is
one, is the identifier; the rest of the match is the cue and stays in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from auditkit.deid.rules import checksums
from auditkit.deid.rules.code_names import NAMED_CODE_RULES
from auditkit.deid.rules.codes import CODE_RULES
from auditkit.deid.rules.dates import DATE_RULES
from auditkit.deid.rules.fields import match_fields
from auditkit.deid.rules.numbers import NUMBER_RULES
from auditkit.deid.rules.places import PLACE_RULES
from auditkit.deid.rules.rule import ANY_CASE, PatternRule, features_of
from auditkit.deid.vocabulary.spans import Span

RULES: Final[tuple[PatternRule, ...]] = (
    *NUMBER_RULES,
    *NAMED_CODE_RULES,
    *PLACE_RULES,
    *DATE_RULES,
    *CODE_RULES,
)


PARTS: Final = frozenset().union(*(rule.needs.parts for rule in RULES))
# Characters before a match that may say that it is something else.
_BEFORE: Final = 24
# Groups that are cut off a number until its check digits agree.
_MAX_GROUPS: Final = 9
_FAX: Final = re.compile(r"(?:fax|facsimile)\W{0,12}(?:no|number|is|to)?\W{0,4}\Z", ANY_CASE)
_FAX_AFTER: Final = re.compile(r"[ \t]{0,2}[-(,]?[ \t]{0,2}fax\b", ANY_CASE)


def match_rules(text: str) -> Iterator[Span]:
    """Every match of every rule, and the values of telling fields; they may overlap.

    Args:
        text: Normalized.
    """
    features = features_of(text, PARTS)
    for rule in RULES:
        if not features.meet(rule.needs):
            continue
        for match in rule.pattern.finditer(text):
            start, end = match.span("x") if match.groupdict().get("x") else match.span()
            if rule.unless is not None and rule.unless.search(text, max(0, start - _BEFORE), start):
                continue
            if rule.valid is not None:
                end = _valid_end(text, start, end, rule.valid)
                if end == start:
                    continue
            entity_type = rule.entity_type
            if entity_type == "PHONE_NUMBER" and (
                _FAX.search(text, max(0, start - _BEFORE), start) or _FAX_AFTER.match(text, end)
            ):
                entity_type = "FAX_NUMBER"
            yield Span(start, end, entity_type, rule.score, rule.name)
    yield from match_fields(text)


def _valid_end(text: str, start: int, end: int, valid: Callable[[str], bool]) -> int:
    """End of the longest valid run of whole groups from `start`; `start` if none is valid.

    The text after a number with check digits may look like part of it: `... 1111 12/27`.
    """
    for _ in range(_MAX_GROUPS):
        if valid(checksums.bare(text[start:end])):
            return end
        gap = max(text.rfind(" ", start, end), text.rfind("-", start, end))
        if gap <= start:
            break
        end = gap
    return start
