"""Redacts the free text of tables: linked values first, then rules and models, until none is found.

A row's own values are replaced before the models read, which makes most notes the same; each
distinct remainder is read once, however many rows have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from auditkit.deid.transform.linked_values import find_linked, index_text, value_words
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES
from auditkit.deid.vocabulary.spans import Span, merged, replaced

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier

# `<PERSON>`; `<PERSON:0>` where a surrogate will be filled in.
PLACEHOLDER: Final = re.compile(rf"<(?:{'|'.join(ENTITY_TYPES)})(?::(\d+))?>")
# After a full stop, before a capital; not after an initial or a title.
_SENTENCE: Final = re.compile(r"(?<=[a-z0-9>)]{3}[.!?]) +(?=[A-Z<])")
_MAX_ROUNDS: Final = 4
_MAX_CACHED: Final = 200_000

# The types and values of a row's identifier columns.
LinkedValues = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """Texts without their identifiers.

    Attributes:
        texts: One per input; None where the input was None.
        masked: The same with placeholders instead of surrogates; this is what is searched again.
        found: Number of identifiers by type, over all texts.
    """

    texts: tuple[str | None, ...]
    masked: tuple[str | None, ...]
    found: Counter[str]


class NoteRedactor:
    """Finds and replaces identifiers in notes; reads each distinct sentence of a run once.

    The same sentence always gets the same findings, so sentences that were read in one round of
    redaction are not read again when the output is searched, nor in the next batch of a file.

    Args:
        deidentifier: Finds identifiers.
    """

    def __init__(self, deidentifier: Deidentifier) -> None:
        self.deidentifier = deidentifier
        self._spans_by_sentence: dict[str, list[Span]] = {}

    def redact(
        self,
        texts: Sequence[str | None],
        linked: Sequence[LinkedValues],
        invented: Mapping[tuple[str, str], str] = MappingProxyType({}),
        *,
        whole: Mapping[str, str] = MappingProxyType({}),
    ) -> Redacted:
        """Replaces every identifier in some texts by its type, such as `<PERSON>`.

        Args:
            texts: One per row.
            linked: For each row the types and values of its identifier columns.
            invented: Surrogates, by type and value, of columns that get surrogates: where a note
                names a row's own value, it gets the same surrogate, or the same part of a name.
            whole: Texts that are identifiers, with their type: replaced whole if nothing in them
                was found.
        """
        found: Counter[str] = Counter()
        masked: list[str | None] = []
        filled: list[list[str]] = []
        distinct = list({text: None for text in texts if text})
        by_rules = dict(zip(distinct, self.deidentifier.find_by_rules(distinct), strict=True))
        for text, values in zip(texts, linked, strict=True):
            fills: list[str] = []
            filled.append(fills)
            if not text:
                masked.append(text)
                continue
            spans = by_rules[text]
            if values:
                own = find_linked(index_text(text), values)
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
        clean, counts_by_text = self._redact_until_clean(list(times))
        for text, counts in counts_by_text.items():
            for entity_type, count in counts.items():
                found[entity_type] += count * times[text]
        searched = tuple(clean[text] if text else text for text in masked)
        return Redacted(
            texts=tuple(
                _filled(text, fills) if text and fills else text
                for text, fills in zip(searched, filled, strict=True)
            ),
            masked=searched,
            found=found,
        )

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """The identifiers in each text, outside its placeholders; read sentence by sentence."""
        parts = [_sentences(text) for text in texts]
        sentences = list(
            {text[a:b]: None for text, ends in zip(texts, parts, strict=True) for a, b in ends}
        )
        spans_of = dict(zip(sentences, self._find_in_sentences(sentences), strict=True))
        return [
            [
                part
                for a, b in ends
                for span in spans_of[text[a:b]]
                for part in _outside_placeholders(span.over(span.start + a, span.end + a), text)
            ]
            for text, ends in zip(texts, parts, strict=True)
        ]

    def _find_in_sentences(self, sentences: Sequence[str]) -> list[list[Span]]:
        """The identifiers in each sentence: in order, without overlap."""
        cache = self._spans_by_sentence
        new = [s for s in dict.fromkeys(sentences) if s not in cache]
        if len(cache) + len(new) > _MAX_CACHED:
            cache.clear()
            new = list(dict.fromkeys(sentences))
        cache.update(zip(new, self.deidentifier.find(new), strict=True))
        return [cache[s] for s in sentences]

    def _redact_until_clean(
        self, texts: list[str]
    ) -> tuple[dict[str, str], dict[str, Counter[str]]]:
        """Redacts texts repeatedly: once a name is gone, a model may see the next."""
        clean = {text: text for text in texts}
        counts: dict[str, Counter[str]] = {text: Counter() for text in texts}
        unfinished = texts
        for _ in range(_MAX_ROUNDS):
            changed = []
            spans_of = self.find([clean[t] for t in unfinished])
            for text, spans in zip(unfinished, spans_of, strict=True):
                if spans:
                    clean[text] = replaced(clean[text], spans, _placeholder)
                    counts[text].update(span.kind for span in spans)
                    changed.append(text)
            unfinished = changed
            if not unfinished:
                break
        return clean, counts


def _sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of the sentences of a text; a line break alone does not end one."""
    ends = [m.start() for m in _SENTENCE.finditer(text)]
    return list(zip([0, *ends], [*ends, len(text)], strict=True))


def _outside_placeholders(span: Span, text: str) -> list[Span]:
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
    """A substitute that puts numbered placeholders for the values and collects what fills them."""
    read = index_text(text)
    mine = [(value, span) for value in values for span in find_linked(read, [value])]

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
    """The part of a surrogate name for a part of the name, in the same order."""
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
