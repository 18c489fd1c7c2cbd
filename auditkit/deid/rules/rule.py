"""A rule, and the parts that rules are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple


class Needs(NamedTuple):
    """What a text must contain for a pattern to match: a cheap test before the pattern is tried.

    Attributes:
        digits: Least number of digits.
        parts: Lower-case strings, at least one of which the text contains; empty: no condition.
        run: Least number of digits in a row.
        words: Lower-case words, at least one of which the text contains; empty: no condition.
    """

    digits: int = 0
    parts: frozenset[str] = frozenset()
    run: int = 0
    words: frozenset[str] = frozenset()


class Features(NamedTuple):
    """What a text contains of everything that rules need; computed once for all of them."""

    digits: int
    parts: frozenset[str]
    run: int
    words: frozenset[str]

    def meet(self, needs: Needs) -> bool:
        """Whether a pattern with these needs may match."""
        return (
            self.digits >= needs.digits
            and self.run >= needs.run
            and not (needs.parts and self.parts.isdisjoint(needs.parts))
            and not (needs.words and self.words.isdisjoint(needs.words))
        )


_DIGITS: Final = re.compile(r"\d+")
_LETTERS: Final = re.compile(r"[a-z]+")


def features_of(text: str, parts: Iterable[str]) -> Features:
    """The features of a text.

    Args:
        text: Normalized.
        parts: All parts that any rule needs.
    """
    low = text.lower()
    runs = [len(run) for run in _DIGITS.findall(text)]
    return Features(
        digits=sum(runs),
        parts=frozenset(part for part in parts if part in low),
        run=max(runs, default=0),
        words=frozenset(_LETTERS.findall(low)),
    )


NO_NEEDS: Final = Needs()


def needs(digits: int = 0, parts: str = "", *, run: int = 0, words: str = "") -> Needs:
    """The needs of a rule; parts and words are lower-case, separated by `|`.

    Law: every match of the rule's pattern meets them (tests/unit/test_deid_prefilter.py).
    """
    return Needs(max(digits, run), _listed(parts), run, _listed(words))


def _listed(joined: str) -> frozenset[str]:
    return frozenset(joined.split("|")) if joined else frozenset()


@dataclass(frozen=True, slots=True)
class PatternRule:
    """A pattern for one form of one type of identifier, as Presidio's pattern recognizers.

    Attributes:
        name: The rule's name in a span's `source`.
        entity_type: One of `ENTITY_TYPES`.
        pattern: Matches the identifier; if it has a group `x`, that is the identifier.
        score: Score of a match.
        valid: Whether the bare characters are valid, such as a checksum; None: always.
        needs: What every text with a match contains. Testing it is ten times as fast as trying
            the pattern.
        unless: Matches the text before a match that is something else, up to its end.
    """

    name: str
    entity_type: str
    pattern: re.Pattern[str]
    score: float
    valid: Callable[[str], bool] | None = None
    needs: Needs = NO_NEEDS
    unless: re.Pattern[str] | None = None


def has_digit(bare: str) -> bool:
    """Whether the bare characters contain a digit, as a code does and a word does not."""
    return any(c.isdigit() for c in bare)


def phone(bare: str) -> bool:
    """Whether the number of digits is that of a telephone number."""
    return 7 <= len(bare) <= 15


ANY_CASE: Final = re.IGNORECASE
DIGIT_WORDS: Final = "one|two|three|four|five|six|seven|eight|nine"
# Capital letters of the scripts that have them, as the inside of a character class.
CAPITALS: Final = "A-Z" + "".join(
    chr(c) for c in (*range(0xC0, 0x530), *range(0x1E00, 0x1F00)) if chr(c).isupper()
)
# A cue, then "no.", "number", "#", "is" and the like, then the identifier.
LINK: Final = r"(?:[ \t]{0,3}(?:(?:id|no|nr|num|number|code|is|was|of|ending(?: in)?)\b\.?|[:#=().-])){0,4}[ \t]{0,3}"
CODE: Final = r"(?P<x>(?=[A-Z0-9./-]*\d)[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9])){2,24})\b"
# The same, or groups of digits after single blanks: `943 476 5919`, `QQ 12 34 56 C`.
CODE_GROUPED: Final = (
    r"(?P<x>[A-Z0-9]{1,3}(?: \d{2,6}){2,4}(?: [A-Z])?"
    r"|(?=[A-Z0-9./-]*\d)[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9])){2,24}(?: \d{3,6}){0,3})(?!\w)"
)
CODE_SPACED: Final = (
    r"(?P<x>(?=[A-Z0-9 ./-]{0,12}\d)[A-Z0-9]+(?:[ ./-](?=[A-Z]{0,4}\d)[A-Z0-9]+){0,6})\b"
)


def cued(
    name: str, entity_type: str, cues: str, *, needs: Needs, score: float = 0.9, code: str = CODE
) -> PatternRule:
    """A rule for a code after a cue, such as `MRN: 4471023`."""
    return PatternRule(
        name,
        entity_type,
        re.compile(rf"(?<![A-Z0-9])(?:{cues}){LINK}{code}", ANY_CASE),
        score,
        has_digit,
        needs,
    )
