"""Searches the output of de-identification for identifiers that remain.

Each output cell is searched for every identifier of its own row, whole, as digits and by its
parts, and for the whole identifiers of all other rows. Rules search the cells that were kept or
redacted, and the detector reads texts again. Findings are counted by class. A paraphrase cannot be
found, nor what the detector does not recognise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditkit.deid.pipeline.free_text import PLACEHOLDER, LinkedValues, NoteRedactor
from auditkit.deid.planning.strays import find_by_form
from auditkit.deid.transform.linked_values import (
    IndexedText,
    digits_of,
    find_linked,
    index_text,
    value_words,
)
from auditkit.deid.vocabulary.entity_types import class_of

_DATES: Final = "C"


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """Identifiers that remain.

    Attributes:
        by_class: Number by Safe Harbor letter, zero included for every class looked for.
        by_column: Number by column of the output.
        cells: Number of cells searched.
    """

    by_class: Mapping[str, int]
    by_column: Mapping[str, int]
    cells: int

    @property
    def total(self) -> int:
        """Number of all."""
        return sum(self.by_class.values())


def find_leaks(
    output: Mapping[str, Sequence[str | None]],
    linked: Sequence[LinkedValues],
    *,
    texts: frozenset[str],
    looked_for: frozenset[str],
    redactor: NoteRedactor | None,
    shifted: frozenset[str] = frozenset(),
    invented: frozenset[str] = frozenset(),
    by_form: frozenset[str] = frozenset(),
    stays: frozenset[str] = frozenset(),
) -> Leaks:
    """Searches output columns.

    Args:
        output: Cells of each column to search, as text.
        linked: For each row the types and values of its identifier columns in the input.
        texts: The columns of free text, which the detector reads again.
        looked_for: Letters of the classes that identifiers of the input belong to.
        redactor: Reads free text again; None if there is none.
        shifted: Columns whose dates were moved. No date of a row is unchanged, but 2025-04-03 may
            be where 2025-03-04 was, which looks the same with day and month swapped.
        invented: Columns of surrogates, which are drawn so that no row of the column has them. Only
            whole identifiers are searched for there: a street may be named like a person.
        by_form: Columns whose cells rules search too.
        stays: Types that may stay in columns searched by rules.
    """
    everyone = _whole_values(linked)
    by_class: Counter[str] = Counter(dict.fromkeys(sorted(looked_for), 0))
    by_column: Counter[str] = Counter()
    cells = 0
    for name, column in output.items():
        read = {cell: _readable(cell, everyone) for cell in set(column) if cell}
        for cell, values in zip(column, linked, strict=True):
            if not cell:
                continue
            cells += 1
            text, others = read[cell]
            if text is None:
                continue
            own = () if name in invented else values
            if name in shifted:
                own = tuple(v for v in values if class_of(v[0]) != _DATES)
            found = {(s.start, s.end): class_of(s.kind) for s in find_linked(text, own)}
            if found or others:
                letters = (others | found).values()
                by_class.update(letters)
                by_column[name] += len(letters)
        if name in by_form:
            times = Counter(cell for cell in column if cell)
            distinct = [PLACEHOLDER.sub(" ", cell) for cell in times]
            counts = list(times.values())
            for position, kind in find_by_form(distinct).items():
                if kind not in stays:
                    by_class[class_of(kind)] += counts[position]
                    by_column[name] += counts[position]
        if name in texts and redactor is not None:
            times = Counter(cell for cell in column if cell)
            distinct = list(times)
            for cell, spans in zip(distinct, redactor.find(distinct), strict=True):
                by_class.update({class_of(s.kind): times[cell] for s in spans})
                by_column[name] += len(spans) * times[cell]
    return Leaks(by_class=by_class, by_column=by_column, cells=cells)


def titles_with_identifiers(
    titles: Sequence[str], linked: Sequence[LinkedValues]
) -> frozenset[int]:
    """Positions, from 1, of the texts that hold a whole identifier of any row."""
    everyone = _whole_values(linked)
    return frozenset(i for i, title in enumerate(titles, 1) if _readable(title, everyone)[1])


def _readable(
    cell: str, everyone: Mapping[tuple[str, ...], str]
) -> tuple[IndexedText | None, dict[tuple[int, int], str]]:
    """A cell without its placeholders, and the places of whole identifiers of any row in it."""
    blank = PLACEHOLDER.sub(lambda m: " " * len(m.group()), cell)
    if not blank.strip():
        return None, {}
    text = index_text(blank)
    found: dict[tuple[int, int], str] = {}
    for i in range(len(text.words)):
        for width in range(1, min(5, len(text.words) - i + 1)):
            kind = everyone.get(text.words[i : i + width])
            if kind is not None:
                place = (text.places[i][0], text.places[i + width - 1][1])
                found.setdefault(place, class_of(kind))
    for digits, start, end in text.runs:
        kind = everyone.get((digits,))
        if kind is not None:
            found.setdefault((start, end), class_of(kind))
    return text, found


def _whole_values(linked: Sequence[LinkedValues]) -> dict[tuple[str, ...], str]:
    """Values that identify by themselves: two words or more, or six digits or more."""
    whole: dict[tuple[str, ...], str] = {}
    for kind, value in {pair for row in linked for pair in row}:
        words = value_words(value)
        digits = digits_of(value)
        if kind in {"BIRTH_DATE", "DATE_TIME", "CITY", "LOCATION", "ORGANIZATION"}:
            continue
        if 2 <= len(words) <= 4:
            whole[words] = kind
        if len(digits) >= 7:
            whole[digits,] = kind
    return whole
