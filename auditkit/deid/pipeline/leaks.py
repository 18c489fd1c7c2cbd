"""Searches the output of de-identification for what should have gone.

Each output cell is searched for every identifier of its own row, whole, as digits and by its
parts, and for the whole identifiers of all other rows; cells that were kept or redacted, for what
has an identifier's form; texts are read by the detector again. What the search finds is counted by
class. It cannot find a paraphrase, nor what it does not recognise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditkit.deid.pipeline.free_text import PLACEHOLDER, Known, Reader, identifiers_in
from auditkit.deid.planning.strays import in_texts
from auditkit.deid.transform.linked_values import (
    Text,
    digits_of,
    read_text,
    spans_of_known,
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


def search(
    output: Mapping[str, Sequence[str | None]],
    known: Sequence[Known],
    *,
    texts: frozenset[str],
    looked_for: frozenset[str],
    reader: Reader | None,
    shifted: frozenset[str] = frozenset(),
    invented: frozenset[str] = frozenset(),
    by_form: frozenset[str] = frozenset(),
    stays: frozenset[str] = frozenset(),
) -> Leaks:
    """Searches output columns.

    Args:
        output: Cells of each column to search, as text.
        known: For each row the kinds and values of its identifier columns before.
        texts: The columns of free text, which the detector reads again.
        looked_for: Letters of the classes that identifiers of the input belong to.
        reader: Reads free text again; None if there is none.
        shifted: Columns whose dates were moved. No date of a row stands there as it was, but
            2025-04-03 may be where 2025-03-04 was, which reads alike with day and month swapped.
        invented: Columns of surrogates, which are drawn so that they are nobody's of the column:
            only whole identifiers are searched for there, for a street may be named like a person.
        by_form: Columns whose cells are searched for what has an identifier's form, too.
        stays: Kinds that may stay where only their form is known.
    """
    everyone = _whole_values(known)
    by_class: Counter[str] = Counter(dict.fromkeys(sorted(looked_for), 0))
    by_column: Counter[str] = Counter()
    cells = 0
    for name, column in output.items():
        read = {cell: _readable(cell, everyone) for cell in set(column) if cell}
        for cell, values in zip(column, known, strict=True):
            if not cell:
                continue
            cells += 1
            text, others = read[cell]
            if text is None:
                continue
            own = () if name in invented else values
            if name in shifted:
                own = tuple(v for v in values if class_of(v[0]) != _DATES)
            found = {(s.start, s.end): class_of(s.kind) for s in spans_of_known(text, own)}
            if found or others:
                letters = (others | found).values()
                by_class.update(letters)
                by_column[name] += len(letters)
        if name in by_form:
            times = Counter(cell for cell in column if cell)
            distinct = [PLACEHOLDER.sub(" ", cell) for cell in times]
            counts = list(times.values())
            for position, kind in in_texts(distinct).items():
                if kind not in stays:
                    by_class[class_of(kind)] += counts[position]
                    by_column[name] += counts[position]
        if name in texts and reader is not None:
            times = Counter(cell for cell in column if cell)
            distinct = list(times)
            for cell, spans in zip(distinct, identifiers_in(distinct, reader), strict=True):
                by_class.update({class_of(s.kind): times[cell] for s in spans})
                by_column[name] += len(spans) * times[cell]
    return Leaks(by_class=by_class, by_column=by_column, cells=cells)


def in_names(names: Sequence[str], known: Sequence[Known]) -> frozenset[int]:
    """Positions, from 1, of the texts that hold a whole identifier of any row."""
    everyone = _whole_values(known)
    return frozenset(i for i, name in enumerate(names, 1) if _readable(name, everyone)[1])


def _readable(
    cell: str, everyone: Mapping[tuple[str, ...], str]
) -> tuple[Text | None, dict[tuple[int, int], str]]:
    """A cell without its placeholders, and where whole identifiers of any row stand in it."""
    blank = PLACEHOLDER.sub(lambda m: " " * len(m.group()), cell)
    if not blank.strip():
        return None, {}
    text = read_text(blank)
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


def _whole_values(known: Sequence[Known]) -> dict[tuple[str, ...], str]:
    """Values that identify by themselves: two words or more, or six digits or more."""
    whole: dict[tuple[str, ...], str] = {}
    for kind, value in {pair for row in known for pair in row}:
        words = value_words(value)
        digits = digits_of(value)
        if kind in {"BIRTH_DATE", "DATE_TIME", "CITY", "LOCATION", "ORGANIZATION"}:
            continue
        if 2 <= len(words) <= 4:
            whole[words] = kind
        if len(digits) >= 7:
            whole[digits,] = kind
    return whole
