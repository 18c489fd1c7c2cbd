"""Free text of tables: known values first, then forms and models, until nothing more is found.

A row's own values are taken out before the models read, which makes most notes alike; each distinct
remainder is read once, however many rows have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from auditkit.deid.transform.linked_values import read_text, spans_of_known, value_words
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES
from auditkit.deid.vocabulary.spans import Span, merged, replaced

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier

# `<PERSON>`; `<PERSON:0>` where an invented value will stand.
PLACEHOLDER: Final = re.compile(rf"<(?:{'|'.join(ENTITY_TYPES)})(?::(\d+))?>")
# After a full stop, before a capital; not after an initial or a title.
_SENTENCE: Final = re.compile(r"(?<=[a-z0-9>)]{3}[.!?]) +(?=[A-Z<])")
_ROUNDS: Final = 4
_REMEMBERED: Final = 200_000

Known = tuple[tuple[str, str], ...]


class Reader:
    """A deidentifier that reads each distinct sentence of a run once.

    The same reader says the same of the same sentence, so what the rounds of redaction have read
    is not read anew when the output is searched, nor in the next batch of a file.

    Args:
        deidentifier: Finds identifiers.
    """

    def __init__(self, deidentifier: Deidentifier) -> None:
        self.deidentifier = deidentifier
        self._found: dict[str, list[Span]] = {}

    def find(self, sentences: Sequence[str]) -> list[list[Span]]:
        """The identifiers in each sentence: in order, without overlap."""
        new = [s for s in dict.fromkeys(sentences) if s not in self._found]
        if len(self._found) + len(new) > _REMEMBERED:
            self._found.clear()
            new = list(dict.fromkeys(sentences))
        self._found.update(zip(new, self.deidentifier.find(new), strict=True))
        return [self._found[s] for s in sentences]


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """Texts without their identifiers.

    Attributes:
        texts: One per input; None where the input was None.
        masked: The same with placeholders where invented values stand: what is searched again.
        found: Number of identifiers by kind, over all texts.
    """

    texts: tuple[str | None, ...]
    masked: tuple[str | None, ...]
    found: Counter[str]


def redact_free_text(
    texts: Sequence[str | None],
    known: Sequence[Known],
    reader: Reader,
    invented: Mapping[tuple[str, str], str] = MappingProxyType({}),
    *,
    whole: Mapping[str, str] = MappingProxyType({}),
) -> Redacted:
    """Replaces every identifier in some texts by its kind, as `<PERSON>`.

    Args:
        texts: One per row.
        known: For each row the kinds and values of its identifier columns.
        reader: Finds what is not known.
        invented: For kinds and values whose column gets surrogates, the surrogate: where a note
            names a row's own value, it gets the same one, and of a name the same part.
        whole: Texts that are identifiers, with their kind: replaced whole if nothing else was.
    """
    found: Counter[str] = Counter()
    masked: list[str | None] = []
    filled: list[list[str]] = []
    distinct = list({text: None for text in texts if text})
    forms = dict(zip(distinct, reader.deidentifier.find_by_rules(distinct), strict=True))
    for text, values in zip(texts, known, strict=True):
        fills: list[str] = []
        filled.append(fills)
        if not text:
            masked.append(text)
            continue
        spans = forms[text]
        if values:
            own = spans_of_known(read_text(text), values)
            spans = merged([*own, *spans], text) if own else spans
        found.update(span.kind for span in spans)
        own_invented = [value for value in values if value in invented]
        put = _filling(text, own_invented, invented, fills) if own_invented else _placeholder
        if not spans and text in whole:
            found[whole[text]] += 1
            masked.append(f"<{whole[text]}>")
            continue
        masked.append(replaced(text, spans, put) if spans else text)
    times = Counter(text for text in masked if text)
    clean, kinds = _until_nothing(list(times), reader)
    for text, counted in kinds.items():
        for kind, count in counted.items():
            found[kind] += count * times[text]
    searched = tuple(clean[text] if text else text for text in masked)
    return Redacted(
        texts=tuple(_filled(t, f) if t and f else t for t, f in zip(searched, filled, strict=True)),
        masked=searched,
        found=found,
    )


def identifiers_in(texts: Sequence[str], reader: Reader) -> list[list[Span]]:
    """What a detector finds in texts, sentence by sentence, beside their placeholders."""
    parts = [_sentences(text) for text in texts]
    sentences = list(
        {text[a:b]: None for text, ends in zip(texts, parts, strict=True) for a, b in ends}
    )
    found = dict(zip(sentences, reader.find(sentences), strict=True))
    return [
        [
            rest
            for a, b in ends
            for span in found[text[a:b]]
            for rest in _beside(replace(span, start=span.start + a, end=span.end + a), text)
        ]
        for text, ends in zip(texts, parts, strict=True)
    ]


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text stand; a line break alone ends none."""
    ends = [m.start() for m in _SENTENCE.finditer(text)]
    return list(zip([0, *ends], [*ends, len(text)], strict=True))


def _until_nothing(
    texts: list[str], reader: Reader
) -> tuple[dict[str, str], dict[str, Counter[str]]]:
    """Redacts texts again and again: with one name gone, a model may see the next."""
    clean = {text: text for text in texts}
    kinds: dict[str, Counter[str]] = {text: Counter() for text in texts}
    open_texts = texts
    for _ in range(_ROUNDS):
        found = identifiers_in([clean[t] for t in open_texts], reader)
        still = []
        for text, spans in zip(open_texts, found, strict=True):
            if spans:
                clean[text] = replaced(clean[text], spans, _placeholder)
                kinds[text].update(span.kind for span in spans)
                still.append(text)
        open_texts = still
        if not open_texts:
            break
    return clean, kinds


def _beside(span: Span, text: str) -> list[Span]:
    """The parts of a span that are not placeholders, where they hold a letter or a digit."""
    rest = []
    start = span.start
    for match in PLACEHOLDER.finditer(text, max(0, span.start - 20), min(len(text), span.end + 20)):
        if match.end() <= start or match.start() >= span.end:
            continue
        rest.append((start, match.start()))
        start = match.end()
    rest.append((start, span.end))
    return [
        Span(a, b, span.kind, span.score, span.source)
        for a, b in rest
        if a < b and any(c.isalnum() for c in text[a:b])
    ]


def _filling(
    text: str,
    values: Sequence[tuple[str, str]],
    invented: Mapping[tuple[str, str], str],
    fills: list[str],
) -> Callable[[Span, str], str]:
    """Puts numbered placeholders where one of the values stands, and notes what fills them."""
    read = read_text(text)
    mine = [(value, span) for value in values for span in spans_of_known(read, [value])]

    def put(span: Span, covered: str) -> str:
        named = {v for v, s in mine if span.start <= s.start and s.end <= span.end}
        if len(named) != 1:
            return _placeholder(span, covered)
        value = named.pop()
        new = _same_part(value, invented[value], covered)
        if new not in fills:
            fills.append(new)
        return f"<{span.kind}:{fills.index(new)}>"

    return put


def _same_part(value: tuple[str, str], surrogate: str, covered: str) -> str:
    """The part of a surrogate name that stands where this part of the name stood, in its order."""
    kind, name = value
    parts, own = surrogate.split(), value_words(name)
    words = [word for word in value_words(covered) if word in own]
    if kind == "PERSON" and words and len(own) > 1 and len(parts) > 1:
        family_first = words[0] == own[-1]
        if len(words) == 1:
            surrogate = parts[-1] if family_first else parts[0]
        elif family_first and "," in covered:
            surrogate = f"{parts[-1]}, {' '.join(parts[:-1])}"
    if covered.isupper() and len(covered) > 1:
        surrogate = surrogate.upper()
    return surrogate + covered[-2:] if covered.endswith(("'s", "\u2019s")) else surrogate


def _filled(text: str, fills: Sequence[str]) -> str:
    def fill(match: re.Match[str]) -> str:
        number = int(match[1]) if match[1] else len(fills)
        return fills[number] if number < len(fills) else match.group()

    return PLACEHOLDER.sub(fill, text)


def _placeholder(span: Span, _: str) -> str:
    return f"<{span.kind}>"
