"""The rules by which a report's texts were written, needed to read them again.

Templates are reworded, fonts exchanged, limits moved. A report is verified by the rules that it
was written by, so it contains them: as `rules` in `figures.json`, under its signature. Reports of
the first version have none; theirs are kept in `rules_1.json`, which is never changed.

The audited party may have written a report's rules. So none of them is trusted; each is bounded
(`ReadingRules.of`) so that it cannot make a false number pass:

    - `vocabulary`: only names of standards, such as "SHA-256", and a number counts only as often as
      such a name is on the pages (`figures`).
    - `plain`: an unescaped character is visible, runs from left to right, and is not a digit.
    - `limit`, `marks`: a quotation is not cut so short that a finding loses its numbers.
    - `outcomes`: only adds to those that occur, which are counted in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

from auditkit.canonical import Json, parse_json
from auditkit.errors import UnverifiableError, VerificationError
from auditkit.evidence import SEVEREST_FIRST
from auditkit.report.figures.vocabulary import VOCABULARY, is_standard
from auditkit.report.typeset.text import LIMIT, MAX_MARKS, is_drawn, is_visible, shown

VERSION: Final = "2"
_MAX_PHRASES: Final = 50
_MAX_OUTCOMES: Final = 20
_MAX_PLAIN: Final = 5000
_LIMITS: Final = range(LIMIT, 10_001)
_MARKS: Final = range(9)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingRules:
    """How the texts of one report were written.

    Attributes:
        version: The rules' version. In the first the templates' numbers are bare tokens.
        vocabulary: The templates' own texts that hold numbers.
        limit: The most characters of a quotation.
        marks: The most combining marks in a row.
        plain: The characters beyond ASCII that are printed unescaped.
        outcomes: The outcomes that are counted on the pages, including those that do not occur.
    """

    version: str
    vocabulary: tuple[str, ...]
    limit: int
    marks: int
    plain: frozenset[str] = field(repr=False)
    outcomes: tuple[str, ...]

    @classmethod
    def today(cls, texts: Iterable[str]) -> Self:
        """The rules by which this version writes.

        Args:
            texts: What was printed.
        """
        beyond = {c for text in texts for c in text if not c.isascii()}
        return cls(
            version=VERSION,
            vocabulary=VOCABULARY,
            limit=LIMIT,
            marks=MAX_MARKS,
            plain=frozenset(c for c in beyond if is_drawn(c)),
            outcomes=tuple(outcome.value for outcome in SEVEREST_FIRST),
        )

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> ReadingRules:
        """The rules that a report was written by.

        Args:
            figures: Its `figures.json`.

        Raises:
            UnverifiableError: If they are of a later version.
            VerificationError: If they allow more than any report's rules allow.
            KeyError, TypeError, AttributeError: If they are not rules.
        """
        form = figures["format"]
        if form == 1:
            return _first()
        rules = figures["rules"]
        version = rules["version"]
        if form != 2 or version != VERSION:
            later = str(version).isdecimal() and int(version) > int(VERSION)
            kind = UnverifiableError if later or form in range(3, 1000) else VerificationError
            raise kind(
                f"figures.json is of the unknown format {form}, rules {version}.",
                remedy="verify the report with a newer version of auditkit",
            )
        found = _as_rules(rules)
        for phrase in found.vocabulary:
            if not is_standard(phrase):
                raise VerificationError(
                    f"The report's own rules take {shown(phrase, limit=80)!r} for a text of the "
                    "templates."
                )
        digits = any(c.isdecimal() or not is_visible(c) or c.isascii() for c in found.plain)
        if digits or found.limit not in _LIMITS or found.marks not in _MARKS:
            raise VerificationError("The report's own rules hide what other reports show.")
        return found

    def to_json(self) -> dict[str, Json]:
        """The content of `rules` in `figures.json`."""
        return {
            "version": self.version,
            "vocabulary": list(self.vocabulary),
            "limit": self.limit,
            "marks": self.marks,
            "plain": "".join(sorted(self.plain)),
            "outcomes": list(self.outcomes),
        }

    def shown(self, text: str) -> str:
        """Foreign text as printed under these rules."""
        return shown(text, limit=self.limit, marks=self.marks, plain=self.plain)


def _as_rules(content: Mapping[str, Any]) -> ReadingRules:
    vocabulary, outcomes, plain = content["vocabulary"], content["outcomes"], content["plain"]
    numbers = (content["limit"], content["marks"])
    texts = (content["version"], plain, *vocabulary, *outcomes)
    if (
        len(vocabulary) > _MAX_PHRASES
        or len(outcomes) > _MAX_OUTCOMES
        or len(plain) > _MAX_PLAIN
        or not all(isinstance(text, str) for text in texts)
        or not all(type(one) is int for one in numbers)
    ):
        raise TypeError("no rules")
    return ReadingRules(
        version=content["version"],
        vocabulary=tuple(vocabulary),
        limit=content["limit"],
        marks=content["marks"],
        plain=frozenset(plain),
        outcomes=tuple(outcomes),
    )


@cache
def _first() -> ReadingRules:
    """The rules of the first version, whose reports do not carry them."""
    return _as_rules(parse_json((files("auditkit.report.figures") / "rules_1.json").read_bytes()))
