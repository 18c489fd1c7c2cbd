"""The ledger of a report's figures: formats numbers, and notes each one that is printed.

A template prints a `TracedText` like any other text, and only then is it noted. So the list holds
what is on the page, in reading order, as often as it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from auditkit.evidence import Evidence, Finding, Measurement, Table
from auditkit.glossary import in_sentence
from auditkit.report.figures.manifest import Digits, tokens, written
from auditkit.report.typeset.text import LIMIT, shown
from auditkit.wording import exact, percentage

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement

_DIGITS: Final = {"brier": 3, "calibration_error": 3, "recall": 3}
_MAX_DIGITS: Final = 4
_LONG_WORD: Final = 18
_OF_NUMBERS: Final = frozenset("0123456789.,\u2212")
_MAX_IN_A_ROW: Final = 40
_ENDLESS: Final = re.compile(rf"\d{{{_MAX_IN_A_ROW},}}")
# Units whose values are never whole numbers, although JSON may have 1 for 1.0.
_SHARES: Final = frozenset({"proportion", "probability"})
# Values of groups that need their attribute's name: `other` race, or `high` income.
_MUTE: Final = frozenset({"true", "false", "none", "other", "high"})


class TracedText:
    """A text with an address, noted when it is printed."""

    def __init__(
        self, text: str, record: Mapping[str, Any] | None, book: FigureLedger, *, origin: str = ""
    ) -> None:
        self.text = text
        self._record = record
        self._book = book
        self._origin = origin

    def __html__(self) -> Markup:
        """The text as markup; notes that it was printed. On a screen it names its origin."""
        self.note()
        if self._origin and self._book.screen:
            return Markup('<span class="traced" title="{}">{}</span>').format(
                self._origin, _breakable(self.text)
            )
        return _breakable(self.text)

    def __str__(self) -> str:
        """The text; for descriptions that are not on the page."""
        return self.text

    def note(self) -> None:
        """Notes that the text was printed."""
        if self._record is not None:
            self._book.note({"text": self.text, **self._record})


class Line:
    """Several texts in a row."""

    def __init__(self, *parts: str | TracedText | Line) -> None:
        self.parts = parts

    def __html__(self) -> Markup:
        """The texts as markup."""
        return Markup("").join(
            _breakable(part) if isinstance(part, str) else escape(part) for part in self.parts
        )

    def __str__(self) -> str:
        """The texts; for descriptions that are not on the page."""
        return "".join(str(part) for part in self.parts)

    def note(self) -> None:
        """Notes that the texts were printed."""
        for part in self.parts:
            if not isinstance(part, str):
                part.note()


Text = str | TracedText | Line


def joined(separator: str, parts: Iterable[Text]) -> Line:
    """Texts with a separator between them."""
    row: list[Text] = []
    for part in parts:
        row += [separator, part] if row else [part]
    return Line(*row)


class FigureLedger:
    """Hands out the numbers and quotations of one report.

    Args:
        judgement: The audit.
        screen: Whether numbers carry their origin, for a screen.
    """

    def __init__(self, judgement: Judgement, *, screen: bool = False) -> None:
        self.judgement = judgement
        self.screen = screen
        self._small = judgement.policy.small_cell
        self.decision = judgement.policy.decision.words
        self.glossary = judgement.glossary
        self.figures: list[dict[str, Any]] = []
        self.fixed: list[dict[str, Any]] = []

    def note(self, record: Mapping[str, Any]) -> None:
        """Lists a text that was printed."""
        (self.fixed if "source" in record else self.figures).append(dict(record))

    # Figures

    def value(
        self,
        evidence: Evidence,
        of: Measurement,
        field: str = "value",
        *,
        digits: Digits = "auto",
        threshold: float | None = None,
    ) -> TracedText:
        """A measurement's value, or an end of its interval.

        Args:
            evidence: The evidence with its id.
            of: One of its measurements.
            field: "value", "lower", "upper" or "level".
            digits: Decimals; "auto": by the measurement.
            threshold: Rounding keeps the value on its side of this.
        """
        number = getattr(of, field)
        if of.suppressed:
            return TracedText("suppressed", None, self)
        if number is None:
            return TracedText("not estimable", None, self)
        places: Digits = _places(of, number) if digits == "auto" else digits
        text = written(number, digits=places, threshold=threshold)
        return TracedText(
            text,
            {
                "evidence": evidence.id,
                "key": of.key,
                "field": field,
                "digits": places,
                "threshold": threshold,
            },
            self,
            origin=shown(f"{evidence.id}, {of.key}, {field}: {number!r}"),
        )

    def interval(
        self, evidence: Evidence, of: Measurement, *, threshold: float | None = None
    ) -> Line:
        """A value with its interval: `0.86 (0.82 to 0.89)`."""
        value = self.value(evidence, of, threshold=threshold)
        if of.lower is None or of.value is None:
            return Line(value)
        low = self.value(evidence, of, "lower", threshold=threshold)
        high = self.value(evidence, of, "upper", threshold=threshold)
        return Line(value, " (", low, " to ", high, ")")

    def n(self, evidence: Evidence, of: Measurement | None = None) -> TracedText:
        """The number of rows behind a measurement, or behind the whole evidence."""
        holder: Measurement | Evidence = evidence if of is None else of
        record: dict[str, Any] = {
            "evidence": evidence.id,
            "key": None if of is None else of.key,
            "field": "n",
            "digits": None,
            "threshold": None,
        }
        if holder.n is not None:
            return TracedText(f"{holder.n:,}", record, self)
        if of is not None and of.suppressed == "small":
            return TracedText(f"< {self._small}", record | {"below": self._small}, self)
        return TracedText("\u2013", None, self)

    def percent(self, evidence: Evidence, of: Measurement, field: str = "level") -> TracedText:
        """A proportion as a percentage with all its decimals: `95%`, `99.9%`."""
        number = getattr(of, field)
        text = percentage(number)
        return TracedText(
            text,
            {
                "evidence": evidence.id,
                "key": of.key,
                "field": field,
                "digits": len(text.partition(".")[2].rstrip("%")),
                "threshold": None,
                "percent": True,
            },
            self,
        )

    def cell(
        self,
        evidence: Evidence,
        table: Table,
        row: int,
        column: str,
        *,
        digits: Digits = 2,
        share: bool = False,
    ) -> TracedText:
        """A cell of a table: text as it is, whole numbers without decimals.

        Args:
            evidence: The evidence with its id.
            table: One of its tables.
            row: Counted from 0.
            column: Its name.
            digits: Decimals of a number that is not whole.
            share: Whether whole numbers get decimals too; in JSON a share of 1.0 is 1.
        """
        value = table.rows[row][table.columns.index(column)]
        if value is None:
            return TracedText("\u2013", None, self)
        if isinstance(value, bool):
            return TracedText("yes" if value else "no", None, self)
        places = None if isinstance(value, int) and not share else digits
        text = written(value, digits=places)
        if not tokens(text):
            return TracedText(text, None, self)
        return TracedText(
            text,
            {
                "evidence": evidence.id,
                "table": table.name,
                "row": row,
                "column": column,
                "digits": places,
            },
            self,
        )

    def fact(self, *pointer: str | int, value: float | str, digits: Digits = None) -> TracedText:
        """A value of the statement that is not a measurement.

        Args:
            pointer: Its place in the predicate.
            value: The value there.
            digits: Decimals; None: a whole number.
        """
        text = written(value, digits=digits)
        record = {"evidence": None, "pointer": list(pointer), "digits": digits, "threshold": None}
        return TracedText(text, record if tokens(text) else None, self)

    def parameter(self, value: Any, *pointer: str | int) -> Text:
        """A parameter of a check in words: a number, a text, or a list or mapping of them.

        Args:
            value: The value in the statement.
            pointer: Its place in the predicate.
        """
        if value is None or isinstance(value, bool):
            return {None: "none", True: "yes", False: "no"}[value]
        if isinstance(value, int | float | str):
            return self.fact(
                *pointer, value=value, digits="exact" if isinstance(value, float) else None
            )
        if isinstance(value, Mapping):
            items: list[Text] = [
                Line(self.quote(str(k)), " ", self.parameter(v, *pointer, str(k)))
                for k, v in sorted(value.items())
            ]
        else:
            items = [self.parameter(v, *pointer, i) for i, v in enumerate(value)]
        return joined(", ", items) if items else "none"

    # Fixed texts

    def quote(
        self, text: str, *, source: str = "statement", limit: int = LIMIT, whole: bool = False
    ) -> TracedText:
        """A string of the statement, word for word, cut to a number of characters.

        Args:
            text: The string.
            source: Where it is from.
            limit: The most characters.
            whole: Whether to keep a number too long for a table's line; a number does not break.
        """
        endless = None if whole else _ENDLESS.search(text)
        if endless is not None:
            limit = min(limit, endless.start() + _MAX_IN_A_ROW)
        visible = shown(text, limit=limit)
        return TracedText(visible, {"source": source} if tokens(visible) else None, self)

    def plain(self, text: str) -> TracedText:
        """A text without a number."""
        return TracedText(text, None, self)

    def words(self, name: str, *, limit: int = LIMIT) -> TracedText:
        """A name of a column or group: without underscores, unless it holds a number."""
        quoted = self.quote(name, limit=limit)
        return quoted if tokens(quoted.text) else self.plain(quoted.text.replace("_", " "))

    def heading(self, name: str) -> TracedText:
        """A name at the head of a column."""
        words = self.words(name)
        if tokens(words.text):
            return words
        return self.plain(words.text[:1].upper() + words.text[1:])

    def measure(self, name: str, *, inside: bool = False) -> TracedText:
        """A measure's name in words.

        Args:
            name: The measurement's name.
            inside: Whether it is inside a sentence.
        """
        words = self.glossary.in_words(name)
        visible = shown(words)
        if tokens(visible):  # quoted from the statement: its words for the measure, or the name
            return self.quote(words if name in self.glossary.terms else name)
        return self.plain(in_sentence(visible) if inside else visible)

    def measures(self, names: Sequence[str]) -> Line:
        """A list of measures: `Smallest ratio and alternative ratio`."""
        *first, last = (self.measure(n, inside=bool(i)) for i, n in enumerate(names))
        return Line(joined(", ", first), " and ", last) if first else Line(last)

    def stated(self, text: str, *, limit: int = 180) -> TracedText:
        """A text that the people behind the report stated, cut to a few lines."""
        return self.quote(text, source="stated", limit=limit)

    def digest(self, text: str) -> TracedText:
        """A digest, the beginning of one, or the report's id."""
        return self.quote(text.removeprefix("sha256:"), source="digest")

    def receipt(self, text: str) -> TracedText:
        """A string or number of the receipt."""
        return self.quote(text, source="receipt")

    def logged(self, count: int) -> TracedText:
        """A number of audits that was counted in the log."""
        return TracedText(f"{count:,}", {"source": "logged"}, self)

    def exported(self, digest: str) -> TracedText:
        """The digest of a file that was exported with the report."""
        return self.quote(digest.removeprefix("sha256:"), source="exported", whole=True)

    def numbering(self, text: str) -> TracedText:
        """The number of a section."""
        return TracedText(text, {"source": "number"}, self)

    def count(self, of: str, total: int, **where: str) -> TracedText:
        """The number of entries in one of the statement's lists that have certain values."""
        return TracedText(f"{total:,}", {"source": "count", "of": of, "where": where}, self)

    def threshold(self, index: int, finding: Finding) -> Line:
        """The bound of a finding: `≥ 0.8`."""
        sign = "≥ " if finding.operator == ">=" else "≤ "
        text = exact(finding.threshold)
        where = ("findings", index, "threshold")
        if isinstance(finding.threshold, int):
            return Line(sign, self.fact(*where, value=finding.threshold))
        assert text
        return Line(sign, self.fact(*where, value=finding.threshold, digits="exact"))

    def group(self, pairs: Sequence[tuple[str, str]], *, limit: int = LIMIT) -> Line:
        """A group in words: `African American, single`; cut part by part if it is too long."""
        length = sum(len(name) + len(value) + 3 for name, value in pairs)
        each = LIMIT if length <= limit else max(4, limit // (2 * len(pairs)) - 2)
        return joined(
            ", ",
            (
                self.words(value, limit=min(LIMIT, 2 * each))
                if _speaks_for_itself(value)
                else Line(self.words(name, limit=each), " ", self.words(value, limit=each))
                for name, value in pairs
            ),
        )


def _speaks_for_itself(value: str) -> bool:
    """Whether a group's value is clear without the attribute's name."""
    return len(value) > 3 and value[0].isalpha() and value.casefold() not in _MUTE


def _breakable(text: str) -> Markup:
    """Markup that lets very long words break, but never inside a number."""
    if len(text) <= _LONG_WORD:
        return escape(text)
    pieces: list[str | Markup] = []
    run = 0
    for before, character in pairwise(f" {text}"):
        run = 0 if character == " " else run + 1
        if run > _LONG_WORD and not (before in _OF_NUMBERS and character in _OF_NUMBERS):
            pieces.append(Markup("<wbr>"))
            run = 0
        pieces.append(character)
    return Markup("").join(pieces)


def _places(of: Measurement, number: float) -> Digits:
    """Decimals: the same for a value and its interval, and enough that none reads as zero."""
    if isinstance(number, int) and of.unit not in _SHARES:
        return None
    fewest = _DIGITS.get(of.name, 2)
    sizes = [abs(v) for v in (of.value, of.lower, of.upper) if v]
    for places in range(fewest, _MAX_DIGITS + 1):
        if all(size >= 0.5 * 10.0**-places for size in sizes):
            return places
    return fewest
