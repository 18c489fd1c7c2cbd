"""Spans: where identifiers are in a text, and how findings that touch are merged.

Offsets count Unicode code points, half-open: `text[start:end]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from auditkit.deid.vocabulary.entity_types import class_of


@dataclass(frozen=True, slots=True)
class Span:
    """One identifier in a text.

    Attributes:
        start: Offset of its first character.
        end: Offset past its last character, > start.
        kind: Its entity type, one of `ENTITY_TYPES`.
        score: The recognizer's score in (0, 1]; not a probability.
        source: The recognizer's name, or "known" for a value of the same row.
    """

    start: int
    end: int
    kind: str
    score: float
    source: str

    def over(self, start: int, end: int) -> Span:
        """The same finding over another range; five times as fast as `dataclasses.replace`."""
        if start == self.start and end == self.end:
            return self
        return Span(start, end, self.kind, self.score, self.source)


# The only characters between two parts of one address.
IN_ADDRESS: Final = re.compile(r"[\s,.;>#/|\-\u2013]{0,6}\Z")
# The source of a field's value whose name says what it is.
FIELD: Final = "field"
_MODELS: Final = ("model:", "SpacyRecognizer")
_IN_NAME: Final = re.compile(r"(?:[ \t]{1,2}(?:[A-Z]\.?[ \t])?|-|\u2010|'|\u2019|\. ?)\Z")


def merged(spans: Iterable[Span], text: str) -> list[Span]:
    """Spans without overlap, in order, parts of one address or name joined.

    Overlapping spans become their union, so that nothing any recognizer found stays visible. The
    union has the type of the span with the highest score; if scores are equal, of the longest.
    """
    ordered = sorted(spans, key=lambda s: (s.start, -s.end, s.kind, s.source))
    together: list[Span] = []
    for span in ordered:
        if together and span.start < together[-1].end:
            together[-1] = _union(together[-1], span)
        else:
            together.append(span)
    joined: list[Span] = []
    for span in together:
        if joined and _one_thing(joined[-1], span, text):
            joined[-1] = _union(joined[-1], span)
        else:
            joined.append(span)
    return joined


def _union(first: Span, second: Span) -> Span:
    best = max(first, second, key=lambda s: (_by_form(s), s.score, s.end - s.start))
    return best.over(first.start, max(first.end, second.end))


def _by_form(span: Span) -> bool:
    """Whether the source is a rule, a field's name or a known value: surer than a model."""
    if span.kind in {"PERSON", "ORGANIZATION"}:
        return span.source == FIELD
    return not span.source.startswith(_MODELS)


def _one_thing(first: Span, second: Span, text: str) -> bool:
    between = text[first.end : second.start]
    if class_of(first.kind) == class_of(second.kind) == "B":
        return bool(IN_ADDRESS.match(between))
    if not first.kind == second.kind == "PERSON" or not _IN_NAME.match(between):
        return False
    # A full stop joins an initial to its name; after a word it ends a sentence.
    return "." not in between or text[first.end - 2 : first.end - 1] in {"", " ", "."}


def replaced(text: str, spans: Iterable[Span], substitute: Callable[[Span, str], str]) -> str:
    """A text with each span's characters substituted.

    Args:
        text: Any text.
        spans: Without overlap, in order, as `merged` gives them.
        substitute: Called with a span and the characters that it covers.
    """
    parts: list[str] = []
    done = 0
    for span in spans:
        parts.append(text[done : span.start])
        parts.append(substitute(span, text[span.start : span.end]))
        done = span.end
    parts.append(text[done:])
    return "".join(parts)
