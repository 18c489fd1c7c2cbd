"""Random texts that a pattern matches, made from the pattern itself.

Hypothesis's `from_regex` does the same and takes seconds a pattern; laws over a hundred patterns
want milliseconds. What is drawn is tried against the pattern, so a draw that lookarounds refuse
is dropped, never wrong.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from re import _constants as op
from re import _parser as parser
from typing import Any

_ANY = string.ascii_letters + string.digits + " .,:;-_/@#=()'\"\n"
_CATEGORIES = {
    op.CATEGORY_DIGIT: string.digits,
    op.CATEGORY_SPACE: " \n\t",
    op.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
}
_OPPOSITE = {
    op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT,
    op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE,
    op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
}


def matching(pattern: re.Pattern[str], draws: int, *, seed: int = 0) -> Iterator[re.Match[str]]:
    """Matches of a pattern in texts drawn from it; fewer than were drawn where it looks around."""
    rng = random.Random(seed)
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    for _ in range(draws):
        text = _drawn(tree, rng, {})
        if pattern.flags & re.IGNORECASE and rng.random() < 0.3:
            text = text.upper()
        if match := pattern.search(text):
            yield match


def _drawn(tree: Any, rng: random.Random, groups: dict[int, str]) -> str:
    return "".join(_one(kind, value, rng, groups) for kind, value in tree)


def _one(kind: Any, value: Any, rng: random.Random, groups: dict[int, str]) -> str:
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.NOT_LITERAL:
        return rng.choice(_ANY.replace(chr(value), ""))
    if kind is op.ANY:
        return rng.choice(_ANY)
    if kind is op.IN:
        return _member(value, rng)
    if kind is op.BRANCH:
        return _drawn(rng.choice(value[1]), rng, groups)
    if kind is op.SUBPATTERN:
        number, *_, inner = value
        groups[number] = _drawn(inner, rng, groups)
        return groups[number]
    if kind in {op.MAX_REPEAT, op.MIN_REPEAT}:
        least, most, inner = value
        # Mostly the fewest: what is needed shows in the shortest matches.
        times = least
        while times < most and rng.random() < 0.4:
            times += 1
        return "".join(_drawn(inner, rng, groups) for _ in range(times))
    if kind is op.GROUPREF:
        return groups.get(value, "")
    if kind is op.ASSERT and rng.random() < 0.5:
        return _drawn(value[1], rng, groups)
    return ""  # a place, or what must not stand there


def _member(parts: Any, rng: random.Random) -> str:
    if parts[0][0] is op.NEGATE:
        refused = "".join(map(_all, parts[1:]))
        return rng.choice([c for c in _ANY if c not in refused])
    return rng.choice(_all(rng.choice(parts)))


def _all(part: Any) -> str:
    kind, value = part
    if kind is op.LITERAL:
        return chr(value)
    if kind is op.RANGE:
        return "".join(map(chr, range(value[0], value[1] + 1)))
    if value in _OPPOSITE:
        return "".join(c for c in _ANY if c not in _CATEGORIES[_OPPOSITE[value]])
    return _CATEGORIES[value]
