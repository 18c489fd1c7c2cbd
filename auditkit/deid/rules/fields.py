"""Fields whose names identify their values: JSON, XML, `key=value` and delimited lines.

A field's name is read as a table's column name is (`field_names`), in camel case, snake case or
kebab case. Its value must look like what the name says: `{"name": "Linear Regression"}` and
`{"age": 71}` stay. What the name says is surer than the value's form: a card number has the form
of a device's, and `imei` says which it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from auditkit.deid.rules.code_names import TYPE_OF_CODE
from auditkit.deid.rules.column_forms import FULL, MUST_FIT, names_someone
from auditkit.deid.rules.dates import is_compact_date
from auditkit.deid.rules.field_names import SOMEBODY, name_words, proposals
from auditkit.deid.vocabulary.generalize import read_date
from auditkit.deid.vocabulary.spans import FIELD, Span
from auditkit.deid.vocabulary.word_lists import given_names, not_names

_KEY: Final = r"[A-Za-z_@][\w .:@-]{0,40}"
_QUOTED: Final = r'\\?"(?P<{0}1>[^"\\\n]{{1,200}})\\?"|\'(?P<{0}2>[^\'\n]{{1,200}})\''
# `"employeeId": "E4-58821"`, also in a list, escaped, or a bare number.
_MEMBER: Final = re.compile(
    rf"\\?[\"'](?P<key>{_KEY})\\?[\"'][ \t]{{0,3}}(?::|=>)\s{{0,3}}"
    rf"(?:(?P<list>\[[^\[\]{{}}]{{1,400}}\])|{_QUOTED.format('v')}|(?P<v3>-?\d[\w.+-]{{0,40}}))"
)
# `empid="EMP-48213"`, `user_id=u-448210`.
_ATTRIBUTE: Final = re.compile(
    rf"(?<![\w.:-])(?P<key>[A-Za-z_][\w.:-]{{1,40}})[ \t]?=[ \t]?(?:{_QUOTED.format('v')}"
    r"|(?P<v3>[^\s,;&\"'<>(){}\[\]|=]{2,80})(?![(\[=]))"
)
# `<empId>20931</empId>`, `<field name="empId">20931</field>`.
_ELEMENT: Final = re.compile(
    r"<(?P<tag>[A-Za-z_][\w.:-]{1,40})(?:\s[^<>]{0,200}?(?:name|key|id|field|code|label)=[\"'](?P<key>[^\"'<>]{2,40})[\"'][^<>]{0,200}|\s[^<>]{0,200})?>"
    r"\s{0,8}(?P<v1>[^<>]{1,200}?)\s{0,8}</"
)
# `patient-name: Joan Holt` with a key in a program's spelling.
_LINE: Final = re.compile(
    r"(?<![\w\"'.:/-])(?P<key>[A-Za-z]+(?:[_-][A-Za-z0-9]+|(?<=[a-z])[A-Z][a-z0-9]+){1,4}|[a-z]{2,3}id)[ \t]?:[ \t]+"
    r"(?P<v1>[^\s,;{}\[\]\"'<>|][^,;{}\[\]\"'<>|\n]{0,80})"
)
# `{"name": "empId", "value": "20931"}`.
_PAIR: Final = re.compile(
    r"\"(?:name|key|field|label|code|type|system)\"\s?:\s?\"(?P<key>[^\"\n]{2,40})\",\s{0,8}\"value\w{0,12}\"\s?:\s?(?:\"(?P<v1>[^\"\n]{1,200})\"|(?P<v3>-?\d[\d.]{0,40}))"
)
_SHAPES: Final = (
    (_MEMBER, ('":', "':", '" :', "' :", '"=>', '" =>', "'=>", "' =>")),
    (_PAIR, ('"value',)),
    (_ATTRIBUTE, ("=",)),
    (_ELEMENT, ("</",)),
    (_LINE, (":",)),
)
_STRINGS: Final = re.compile(r"[\"']([^\"'\n]{1,200})[\"']")
_SCORE: Final = 0.97
_SCORE_UNSURE: Final = 0.6
# Placeholders for a missing value, and names of data types.
_NO_VALUE_TEXT: Final = """
true false none null nil nan na n/a ok yes no failed unknown anonymous root admin guest system default
test string str text int integer number float double bool boolean varchar char object array list date
datetime timestamp required optional redacted name value type key id undefined
"""
_NO_VALUE: Final = frozenset(_NO_VALUE_TEXT.split())
# A version or a measure: `v2.3.1`, `-1.25e-3`, `11.2GB`.
_VERSION: Final = re.compile(
    r"v?[+-]?\d+(?:\.\d+){1,3}(?:e[+-]?\d+)?(?:-?(?:rc|beta|alpha|dev)\d*)?[a-z/%]{0,5}|\d+(?:[kmgt]i?b|ms|s|%)",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"#?[A-Za-z0-9]{1,36}(?:[-_.:/# ]{1,2}[A-Za-z0-9]{1,24}){0,6}")
_LOGIN: Final = re.compile(r"[A-Za-z0-9][\w.@\\-]{2,39}")
_NAME: Final = re.compile(r"[^\W\d_][\w'.\u2019-]*(?:,? ?[^\W\d_][\w'.\u2019-]*){0,4}")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_PHONE: Final = re.compile(r"\+?[\d ().x/-]{7,24}")
_COLUMN: Final = re.compile(r"[A-Za-z_#][\w .#/-]{0,39}|")
_FEW_DIGITS: Final = 4
_OLDEST_IN_THE_OPEN: Final = 89
_FAMILY: Final = frozenset({"first", "last", "middle", "family", "given"})


def match_fields(text: str) -> Iterator[Span]:
    """Values of fields whose names say that they are identifiers; spans may overlap.

    Args:
        text: Normalized.
    """
    for shape, parts in _SHAPES:
        if not any(part in text for part in parts):
            continue
        for match in shape.finditer(text):
            held = match.groupdict()
            name = held["key"] or held.get("tag") or ""
            if held.get("list"):
                start = match.start("list")
                for value in _STRINGS.finditer(held["list"]):
                    yield from _judged(name, value[1], start + value.start(1))
                continue
            group = next(g for g in ("v1", "v2", "v3") if held.get(g) is not None)
            yield from _judged(name, held[group], match.start(group))
    yield from _delimited(text)


def _delimited(text: str) -> Iterator[Span]:
    """Cells below a line of column names, in lines with the same number of separators."""
    if "\n" not in text:
        return
    names: list[str] = []
    separator = ""
    for line in re.finditer(r"[^\n]+", text):
        cells = _cells(line[0], separator) if names else []
        if names and len(cells) == len(names):
            for name, (a, b) in zip(names, cells, strict=True):
                yield from _judged(name, line[0][a:b], line.start() + a)
            continue
        separator = _separator(line[0])
        names = [line[0][a:b] for a, b in _cells(line[0], separator)] if separator else []


def _separator(line: str) -> str:
    """The separator of a line of column names, if one of them names an identifier; otherwise ""."""
    for separator in ",;\t|":
        if separator in line:
            names = [line[a:b] for a, b in _cells(line, separator)]
            if all(map(_COLUMN.fullmatch, names)) and any(map(_proposals, names)):
                return separator
    return ""


def _cells(line: str, separator: str) -> list[tuple[int, int]]:
    """Start and end of the cells of a line, without the quotes and blanks around them."""
    found = []
    for match in re.finditer(rf'(?:^|{re.escape(separator)})(\s*"[^"]*"\s*|[^{separator}]*)', line):
        cell = match[1]
        bare = cell.strip(" \t\r\"'")
        start = match.start(1) + (cell.index(bare) if bare else 0)
        found.append((start, start + len(bare)))
    return found


def _judged(name: str, value: str, start: int) -> Iterator[Span]:
    bare = value.strip()
    if not bare or bare.lower() in _NO_VALUE:
        return
    start += value.index(bare)
    for kind, words in _proposals(name):
        if _fits(kind, words, bare):
            held = "PERSON" if kind == SOMEBODY else kind
            score = _SCORE_UNSURE if words in {"name", "id"} else _SCORE
            yield Span(start, start + len(bare), held, score, FIELD)
            return


@lru_cache(maxsize=4096)
def _proposals(name: str) -> tuple[tuple[str, str], ...]:
    """The entity types that a field's name suggests, with the words that do; the likeliest first."""
    found = list(proposals(name))
    for word in reversed(name_words(name).split()):
        if word in TYPE_OF_CODE:
            kind, digits = TYPE_OF_CODE[word]
            found.append((kind, f"{digits} digits"))
            break
    return tuple(found)


def _fits(kind: str, words: str, value: str) -> bool:
    """Whether a value fits the type that the field's name suggests."""
    if words.endswith(" digits"):
        return _is_code(value, int(words[0]))
    if kind in {SOMEBODY, "PERSON"}:
        certain = words in _FAMILY if kind == SOMEBODY else words != "name" and "user" not in words
        return bool(_NAME.fullmatch(value)) and (certain or _is_somebody(value))
    if kind == "ID" and words == "id":
        return _is_code(value, 1) and len(value) >= _FEW_DIGITS
    if kind == "ID" and words.startswith(("user", "login")):
        return bool(_LOGIN.fullmatch(value))
    if kind == "DEVICE" and words == "device":
        return _is_code(value, _FEW_DIGITS)
    return _FITS[kind](value) if kind in _FITS else _is_code(value, 1)


def _is_somebody(value: str) -> bool:
    """Whether a value is a name by itself: fields such as `name` and `owner` also name things."""
    words = value.split()
    if not words[0][0].isupper() or not names_someone(value):
        return False
    return len(words) > 1 or (value.lower() in given_names() and value.lower() not in not_names())


def _is_code(value: str, digits: int) -> bool:
    """Whether a value is a number or a code of three characters or more, not a version or measure."""
    if not _CODE.fullmatch(value) or _VERSION.fullmatch(value) or len(value) < 3:
        return False
    return sum(map(str.isdigit, value)) >= digits


def _is_day(value: str) -> bool:
    return read_date(value) is not None or is_compact_date(value)


def _is_phone(value: str) -> bool:
    return bool(_PHONE.fullmatch(value)) and 7 <= sum(map(str.isdigit, value)) <= 15


def _nothing(_: str) -> bool:
    return False


# Types that are not codes; types with a form of their own are left to the rules.
_FITS: Final[dict[str, Callable[[str], bool]]] = {
    "AGE": lambda v: bool(_NUMBER.fullmatch(v)) and float(v) > _OLDEST_IN_THE_OPEN,
    "BIRTH_DATE": _is_day,
    "DATE_TIME": _is_day,
    "PHONE_NUMBER": _is_phone,
    "FAX_NUMBER": _is_phone,
    "CREDIT_CARD": lambda v: bool(re.fullmatch(r"\d(?:[ -]?\d){11,18}", v)),
    "ZIP_CODE": lambda v: len(v) >= 5 and MUST_FIT["ZIP_CODE"](v),
    "ADDRESS": lambda v: " " in v and any(map(str.isalpha, v)),
    "CITY": lambda v: bool(_NAME.fullmatch(v)),
    "LOCATION": lambda v: _is_code(v, _FEW_DIGITS),
    "COORDINATES": FULL["COORDINATES"],
    "ORGANIZATION": lambda v: v[0].isupper() and bool(re.search(r"[a-z]{2}", v)),
    **dict.fromkeys(("EMAIL_ADDRESS", "URL", "IP_ADDRESS", "MAC_ADDRESS", "PHOTO"), _nothing),
}
