r"""Cells of CSV files, written so that no program executes them.

Names of columns, groups and files come from others. A spreadsheet runs a cell that begins like a
formula, a terminal executes escapes, and bidirectional controls display text in another order.

Laws:
    - Numbers stay numbers, and text that is a number is unchanged: -0.43 is not a formula.
    - Text that a spreadsheet could take for a formula begins with an apostrophe.
    - Control characters and lone surrogates become escapes; line breaks and tabs are kept.
    - The rule does not depend on the installed Unicode version: equal cells give equal bytes.
    - Files for programs are written `exact`: every value reads back unchanged.

Example:
    >>> cell("=1+1"), cell(-0.43), cell("-0.43"), cell("a\x1b[31m")
    ("'=1+1", '-0.43', '-0.43', 'a\\u001b[31m')
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from auditkit.canonical import HIDING

# Spaces and what spreadsheets skip, then a sign in any width; or a tab or line break at the start.
_FORMULA: Final = re.compile(
    "[\t\r\n]|[\\s\u200b-\u200f\u2060\ufeff]*"
    "[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]"
)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
_CONTROLS: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{HIDING}]")
# How a cell may begin that needs care, after the comma before it.
_CARE: Final = re.compile(",[ =+@-]")
# A field with one of these is quoted; the semicolon separates cells where the comma is decimal.
_QUOTED: Final = re.compile('[",;\t\r\n]')


class Writable(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Writes a text."""


def printable(text: str) -> str:
    r"""A text with escapes for what controls, hides or reorders text; `\n` and `\t` are kept."""
    return _CONTROLS.sub(_escape, text)


def line(text: str) -> str:
    """Foreign text on one line, with escapes for what controls, hides or reorders text."""
    flat = printable(text.replace("\n", " ").replace("\t", " "))
    return flat.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")  # no characters of XML


def cell(value: object) -> str:
    """A value as a harmless cell; None is empty."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.match(text):
        text = "'" + text
    return printable(text)


def write_csv(file: Writable, rows: Iterable[Sequence[object]], *, exact: bool = False) -> None:
    r"""Writes rows as CSV (RFC 4180).

    Args:
        file: A file opened with `newline=""`, or whatever else text can be written to.
        rows: Of cells; the first is the header.
        exact: For programs: values unchanged, lines end with `\n`. Otherwise for spreadsheets.
    """
    write, end = (_exact, "\n") if exact else (cell, "\r\n")
    for row in rows:
        plain = None if exact else _plain(row)
        if plain is not None:
            file.write(plain + end)
            continue
        fields = [_field(write(value)) for value in row]
        file.write((",".join(fields) if fields != [""] else '""') + end)


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as a CSV file in UTF-8 for spreadsheets; see `write_csv`."""
    written = io.StringIO(newline="")
    write_csv(written, rows)
    return written.getvalue().encode("utf-8")


def _plain(row: Sequence[object]) -> str | None:
    """A row of texts of which no cell needs care, as most are in long tables; None for others."""
    try:
        joined = ",".join(row)  # type: ignore[arg-type]
    except TypeError:
        return None
    is_plain = (
        joined.isascii()
        and joined.isprintable()
        and '"' not in joined
        and ";" not in joined
        and joined.count(",") == len(row) - 1 > 0
        and not _CARE.search("," + joined)
    )
    return joined if is_plain else None


def _exact(value: object) -> str:
    return "" if value is None else str(value)


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\r" if code == 13 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
