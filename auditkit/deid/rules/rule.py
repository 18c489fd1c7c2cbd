"""What a rule is, and the parts that rules are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple


class Needs(NamedTuple):
    """What a text must hold before a pattern is worth a try.

    Attributes:
        digits: The fewest digits.
        parts: Lower-case strings, one of which it holds; none: any text will do.
        run: The fewest digits in a row.
        words: Lower-case words, one of which it holds with no letter beside; none: as for parts.
    """

    digits: int = 0
    parts: frozenset[str] = frozenset()
    run: int = 0
    words: frozenset[str] = frozenset()


class Held(NamedTuple):
    """What a text holds of all that rules need; looked up once for all of them."""

    digits: int
    parts: frozenset[str]
    run: int
    words: frozenset[str]

    def meets(self, needs: Needs) -> bool:
        """Whether a pattern with these needs may match."""
        return (
            self.digits >= needs.digits
            and self.run >= needs.run
            and not (needs.parts and self.parts.isdisjoint(needs.parts))
            and not (needs.words and self.words.isdisjoint(needs.words))
        )


_DIGITS: Final = re.compile(r"\d+")
_LETTERS: Final = re.compile(r"[a-z]+")


def held_in(text: str, parts: Iterable[str]) -> Held:
    """What a text holds.

    Args:
        text: Folded.
        parts: Those that any rule needs.
    """
    low = text.lower()
    runs = [len(run) for run in _DIGITS.findall(text)]
    return Held(
        digits=sum(runs),
        parts=frozenset(part for part in parts if part in low),
        run=max(runs, default=0),
        words=frozenset(_LETTERS.findall(low)),
    )


NO_NEEDS: Final = Needs()


def needs(digits: int = 0, parts: str = "", *, run: int = 0, words: str = "") -> Needs:
    """The needs of a rule; parts and words are lower-case and stand between `|`.

    Law: what the rule's pattern matches holds them (tests/unit/test_deid_looks.py).
    """
    return Needs(max(digits, run), _listed(parts), run, _listed(words))


def _listed(joined: str) -> frozenset[str]:
    return frozenset(joined.split("|")) if joined else frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of one kind of identifier.

    Attributes:
        name: Names the rule in a span's source.
        kind: What it finds.
        pattern: Matches it; group `x` is the identifier, if there is such a group.
        score: Score of a match.
        valid: Says whether the bare characters can be one; None: any match is.
        needs: What every text with a match holds; looking for it is ten times as fast as trying
            the pattern.
        unless: Matches the end of what stands before a match that is something else.
    """

    name: str
    kind: str
    pattern: re.Pattern[str]
    score: float
    valid: Callable[[str], bool] | None = None
    needs: Needs = NO_NEEDS
    unless: re.Pattern[str] | None = None


def has_digit(bare: str) -> bool:
    """Whether the bare characters hold a digit: a code does, a word does not."""
    return any(c.isdigit() for c in bare)


def phone(bare: str) -> bool:
    """Whether there are as many digits as telephone numbers have."""
    return 7 <= len(bare) <= 15


ANY_CASE: Final = re.IGNORECASE
DIGIT_WORDS: Final = "one|two|three|four|five|six|seven|eight|nine"
# Capital letters of scripts in which names are written with them, as the inside of a class.
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
    name: str, kind: str, cues: str, *, needs: Needs, score: float = 0.9, code: str = CODE
) -> Rule:
    """A rule for a code that follows a cue, as `MRN: 4471023`."""
    return Rule(
        name,
        kind,
        re.compile(rf"(?<![A-Z0-9])(?:{cues}){LINK}{code}", ANY_CASE),
        score,
        has_digit,
        needs,
    )
