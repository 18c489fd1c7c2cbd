"""Compares two PDFs object by object: whether one holds what the other holds, and nothing else.

What a report may contain is not listed anywhere. It is what its new rendering contains: both files
are walked together, from the catalog down, and every entry of every dictionary has to be in both.
So a hidden layer, a script, another file or an invisible word differs without being known by name;
the names below only say it in words, and tell what no report has from what another library may do.

Laws:
    - Objects may be numbered, compressed and written otherwise. Streams are compared decompressed,
      what draws a page is compared operator by operator.
    - Nothing may be in the file that no object leads to, nor an earlier version of an object, but
      for what the signature changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NullObject,
    NumberObject,
    Reference,
    StreamObject,
)
from pyhanko.pdf_utils.misc import PdfReadError

from auditkit.pdf.drawn import OTHERS_POINTS
from auditkit.pdf.metadata import same_metadata
from auditkit.pdf.operators import operations, word
from auditkit.pdf.strict_reader import StrictReader

Where = tuple[str, ...]

# What no report has, whatever libraries drew it: the entry and its words.
NEVER: Final = {
    "/A": "an action",
    "/AA": "an action",
    "/OpenAction": "an action",
    "/JavaScript": "a script",
    "/JS": "a script",
    "/OCProperties": "layers that can be hidden",
    "/OC": "layers that can be hidden",
    "/Rotate": "a turned page",
    "/CropBox": "a page that is cut",
    "/AF": "an associated file that the statement does not name",
    "/EF": "a file that the statement does not name",
    "/EmbeddedFiles": "a file that the statement does not name",
    "/Collection": "a collection of files",
    "/Annots": "an annotation of its own",
    "/AP": "another appearance",
    "/ActualText": "other words for what is drawn",
    "/Alt": "other words for what is drawn",
    "/E": "other words for what is drawn",
    "/XFA": "a form",
    "/Encrypt": "encryption",
    "/XRefStm": "a second table of objects",
    "/SMask": "a mask of its own",
    "/Image": "a picture of its own",
    "/Perms": "permissions of its own",
    "/DSS": "validation data of its own",
}
# How a file is written, and what a signature says of its own place.
_WRITING: Final = {"/Length", "/Filter", "/DecodeParms", "/ByteRange"}
_TRAILER: Final = {
    *("/Root", "/Info", "/ID", "/Size", "/Prev", "/Type", "/W", "/Index"),
    *("/Filter", "/DecodeParms", "/Length"),
}
# What the program that saved a file says of itself.
_SAVED: Final = {("/Info", "/Producer"), ("/Info", "/ModDate"), ("/Root", "/Version")}
_FEW: Final = 100  # letters
_MOST: Final = 200  # differences that are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What one file has and the other has not.

    Attributes:
        words: What it is, as a sentence.
        never: Whether no report has it, whatever libraries drew it.
    """

    words: str
    never: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """How far two files may differ.

    Attributes:
        points: How far a coordinate may be off, in points.
        fonts: Whether other fonts, and other glyphs of them, may show the same words.
    """

    points: float
    fonts: bool


# Drawn by the same libraries, and written by another program, which may round.
SAME: Final = Allowed(points=0.001, fonts=False)
# Drawn by others: what is seen must be compared as well.
OTHERS: Final = Allowed(points=OTHERS_POINTS, fonts=True)


def differences(mine: StrictReader, theirs: StrictReader, allowed: Allowed) -> list[Difference]:
    """What a file holds otherwise than the one that it should be.

    Args:
        mine: The file as it should be.
        theirs: The file in question.
        allowed: How far they may differ.
    """
    walk = _Walk(theirs, allowed)
    found = list(walk.differences(mine))
    return found or list(_hidden(theirs, walk.reached))


class _Walk:
    """Both files from the catalog down; each pair of objects once."""

    def __init__(self, theirs: StrictReader, allowed: Allowed) -> None:
        self._theirs = theirs
        self._allowed = allowed
        self._met: set[tuple[Reference, Reference]] = set()
        self._waiting: list[tuple[Any, Any, Where]] = []
        self.reached: set[Reference] = set()

    def differences(self, mine: StrictReader) -> Iterator[Difference]:
        """Each difference, until there are too many."""
        for key in sorted(set(self._theirs.trailer) - _TRAILER):
            yield _extra((key,))
        for key in ("/Root", "/Info"):
            pair = (_entry(mine.trailer, key), _entry(self._theirs.trailer, key))
            self._waiting.append((*pair, (key,)))
        count = 0
        while self._waiting and count < _MOST:
            for difference in self._compared(*self._waiting.pop()):
                count += 1
                yield difference

    def _compared(self, one: Any, other: Any, where: Where) -> Iterator[Difference]:
        if isinstance(other, IndirectObject):
            self.reached.add(other.reference)
            if isinstance(one, IndirectObject):
                pair = (one.reference, other.reference)
                if pair in self._met:
                    return
                self._met.add(pair)
        one, other = _resolved(one), _resolved(other)
        if isinstance(one, StreamObject) and isinstance(other, StreamObject):
            yield from self._streams(one, other, where)
        elif isinstance(one, StreamObject) or isinstance(other, StreamObject):
            yield _otherwise(where)
        elif isinstance(one, DictionaryObject) and isinstance(other, DictionaryObject):
            yield from self._entries(one, other, where)
        elif isinstance(one, ArrayObject) and isinstance(other, ArrayObject):
            yield from self._items(one, other, where)
        elif not self._same_value(one, other, where):
            yield _otherwise(where)

    def _entries(
        self, one: DictionaryObject, other: DictionaryObject, where: Where
    ) -> Iterator[Difference]:
        ours, found = _keys(one), _keys(other)
        is_page = _value(one, "/Type") == "/Page"
        if len(where) == 1:
            saved = {key for key in ours | found if (*where, key) in _SAVED}
            ours, found = ours - saved, found - saved
            yield from self._of_saving(other, sorted(saved & set(other)))
        for key in sorted(found - ours - _WRITING):
            yield _extra((*where, key))
        for key in sorted(ours - found - _WRITING):
            yield Difference(words=f"The file lacks {_place((*where, key))}.", never=False)
        for key in sorted(ours & found - _WRITING):
            if key == "/Contents" and is_page:
                self._reach(other.raw_get(key))
                yield from self._drawn(_parts(one[key]), _parts(other[key]), (*where, key))
            else:
                self._waiting.append((one.raw_get(key), other.raw_get(key), (*where, key)))

    def _of_saving(self, other: DictionaryObject, keys: Sequence[str]) -> Iterator[Difference]:
        """What a program says of itself is a few words."""
        for key in keys:
            self._reach(other.raw_get(key))
            said = _value(other, key)
            if not isinstance(said, str) or len(said) > _FEW:
                yield Difference(words=f"The file says too much as {key}.", never=True)

    def _reach(self, part: Any) -> None:
        """Notes the objects of a part whose content is compared as a whole."""
        if isinstance(part, IndirectObject):
            self.reached.add(part.reference)
        part = _resolved(part)
        if isinstance(part, ArrayObject):
            for at in range(len(part)):
                self._reach(part.raw_get(at))

    def _items(self, one: ArrayObject, other: ArrayObject, where: Where) -> Iterator[Difference]:
        if len(one) != len(other):
            if self._allowed.fonts and _is_of_font(where):
                return
            words = f"The file has {len(other):,} of {_place(where)}; {len(one):,} follow."
            never = len(other) > len(one) and where[-1] in NEVER
            yield Difference(words=words, never=never)
            return
        for at in range(len(one)):
            self._waiting.append((one.raw_get(at), other.raw_get(at), where))

    def _streams(
        self, one: StreamObject, other: StreamObject, where: Where
    ) -> Iterator[Difference]:
        yield from self._entries(one, other, where)
        if self._allowed.fonts and _is_of_font(where):
            return
        if one.data == other.data:
            return
        if where == ("/Root", "/Metadata"):
            if not same_metadata(one.data, other.data):
                yield _otherwise(where)
        elif _value(one, "/Subtype") == "/Form" or "/PatternType" in one:
            yield from self._drawn([one], [other], where)
        else:
            yield _otherwise(where)

    def _drawn(
        self, one: Sequence[StreamObject], other: Sequence[StreamObject], where: Where
    ) -> Iterator[Difference]:
        """Compares what draws: the operators and what they are given."""
        data = b"\n".join(part.data for part in one), b"\n".join(part.data for part in other)
        if data[0] == data[1]:
            return
        if len(data[1]) > 4 * len(data[0]) + 65536:
            yield Difference(words=f"{_place(where)} draws far more than follows.", never=False)
            return
        try:
            ours, found = operations(one), operations(other)
        except (PdfReadError, ValueError) as error:
            yield Difference(words=f"{_place(where)} cannot be read ({error}).", never=True)
            return
        known = {word(*operation) for operation in ours}
        for other_word in sorted({word(*operation) for operation in found} - known):
            yield Difference(words=f"{_place(where)} draws with {other_word}.", never=True)
        if len(ours) != len(found) or not all(
            a[0] == b[0] and self._same_given(*a, b[1]) for a, b in zip(ours, found, strict=True)
        ):
            yield _otherwise(where)

    def _same_given(self, operator: str, one: Sequence[Any], other: Sequence[Any]) -> bool:
        if self._allowed.fonts and operator in {"Tj", "TJ"}:
            return True
        return len(one) == len(other) and all(
            self._same_operand(a, b) for a, b in zip(one, other, strict=True)
        )

    def _same_operand(self, one: Any, other: Any) -> bool:
        if isinstance(one, ArrayObject) and isinstance(other, ArrayObject):
            return self._same_given("", list(one), list(other))
        if isinstance(one, DictionaryObject) and isinstance(other, DictionaryObject):
            return set(one) == set(other) and all(self._same_operand(one[k], other[k]) for k in one)
        return self._same_value(one, other, ())

    def _same_value(self, one: Any, other: Any, where: Where) -> bool:
        """Whether two numbers, names, strings, truth values or nulls are the same."""
        if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
            if self._allowed.fonts and _is_of_font(where):
                return True
            whole = isinstance(one, NumberObject) and isinstance(other, NumberObject)
            return one == other if whole else abs(float(one) - float(other)) <= self._allowed.points
        if isinstance(one, BooleanObject) and isinstance(other, BooleanObject):
            return bool(one) == bool(other)
        if isinstance(one, NullObject) or isinstance(other, NullObject):
            return isinstance(one, NullObject) and isinstance(other, NullObject)
        if isinstance(one, NameObject) or isinstance(other, NameObject):
            if self._allowed.fonts and _is_of_font(where):
                one, other = _without_tag(str(one)), _without_tag(str(other))
            return isinstance(one, str) and isinstance(other, str) and str(one) == str(other)
        return type(one) is type(other) and one == other


_NUMBERS: Final = (NumberObject, FloatObject)
# Every part of a font has one of these on its way.
_FONT: Final = {"/Font", "/DescendantFonts", "/FontDescriptor", "/ToUnicode"}


def _is_of_font(where: Where) -> bool:
    return not _FONT.isdisjoint(where)


def _without_tag(name: str) -> str:
    """A font's name without the six letters that tell its subsets apart."""
    head, plus, rest = name.partition("+")
    return rest if plus and len(head) == len("/ABCDEF") else name


def _resolved(part: Any) -> Any:
    indirect: Any = part  # the library's call has no types
    return indirect.get_object() if isinstance(part, IndirectObject) else part


def _entry(holder: Any, key: str) -> Any:
    return holder.raw_get(key) if key in holder else NullObject()


def _value(holder: DictionaryObject, key: str) -> Any:
    return _resolved(_entry(holder, key))


def _keys(holder: DictionaryObject) -> set[str]:
    """The entries that say something: null is the same as none."""
    return {str(key) for key in holder if not isinstance(_value(holder, key), NullObject)}


def _parts(contents: Any) -> list[StreamObject]:
    """A page's content, which may be in several streams."""
    parts = contents if isinstance(contents, ArrayObject) else [contents]
    return [_resolved(part) for part in parts]


def _extra(where: Where) -> Difference:
    words = next((NEVER[key] for key in reversed(where) if key in NEVER), None)
    if words is None:
        return Difference(
            words=f"The file has {_place(where)}, which does not follow.", never=False
        )
    return Difference(words=f"The file has {words} ({_place(where)}).", never=True)


def _otherwise(where: Where) -> Difference:
    return Difference(words=f"{_place(where)} is not what follows.", never=where[-1] in NEVER)


def _place(where: Where) -> str:
    """An entry by its way from the catalog, the repeated steps of a tree left out."""
    steps = [key for at, key in enumerate(where) if key not in where[:at]]
    return "".join(steps[:1] + steps[-3:] if len(steps) > 4 else steps)


def _hidden(theirs: Any, reached: set[Reference]) -> Iterator[Difference]:
    """Objects that nothing leads to, and earlier versions of objects."""
    last = theirs.xrefs.total_revisions - 1
    seen: set[Reference] = set()
    for revision in range(last + 1):
        own = theirs.xrefs.explicit_refs_in_revision(revision)
        if revision < last and own & seen:
            yield Difference(words="The file holds an earlier version of itself.", never=True)
        seen |= own
    for reference in sorted(seen - reached, key=lambda r: r.idnum):
        part: Any = theirs.get_object(reference)
        kind = _value(part, "/Type") if isinstance(part, DictionaryObject) else None
        harmless = not isinstance(part, DictionaryObject | ArrayObject | str | bytes)
        if harmless or kind in {"/XRef", "/ObjStm"} or _is_linearization(part):
            continue
        yield Difference(words="The file holds something that nothing leads to.", never=True)


def _is_linearization(part: Any) -> bool:
    """Whether it is the table by which a file is read over a network, or its hints."""
    keys = set(part)
    return "/Linearized" in keys or keys <= {"/Filter", "/Length", "/O", "/S", "/DecodeParms"}
