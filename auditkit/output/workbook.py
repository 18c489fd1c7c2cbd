"""Workbooks for spreadsheets (XLSX), written row by row.

The file is written here, and not by a library, because a library writes the time into it: equal
rows give equal bytes. Text is stored as text, so that no cell is a formula.

Source: ECMA-376, Office Open XML, part 1 (SpreadsheetML); openpyxl reads it in the tests.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

from auditkit.tables.cells import line

MOST_ROWS: Final = 1_048_576
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# The most characters of a cell.
_MOST: Final = 32_767

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet.

    Attributes:
        name: Its name.
        rows: Its rows, at most `MOST_ROWS`; read once.
        widths: Widths of its first columns, in characters.
        is_table: Whether the first row is a header, which stays when one scrolls.
    """

    name: str
    rows: Iterable[Sequence[Cell]]
    widths: Sequence[int] = ()
    is_table: bool = False


def write_workbook(file: IO[bytes], sheets: Sequence[Sheet], *, time: str) -> None:
    """Writes a workbook.

    Args:
        file: Where to.
        sheets: Its sheets.
        time: When it was made, as ISO 8601 with `Z`: it stands in the file.
    """
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_OFFICE}.sheet.main+xml"/>'
        + "".join(f'<Override PartName="/xl/worksheets/sheet{i}.xml" '
                  f'ContentType="{_OFFICE}.worksheet+xml"/>' for i in numbers)
        + '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        f'<Relationship Id="r2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:creator>auditkit</dc:creator>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{time}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{time}</dcterms:modified>'
        "</cp:coreProperties>",
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        + "".join(f'<sheet name={quoteattr(sheet.name)} sheetId="{i}" r:id="r{i}"/>'
                  for i, sheet in zip(numbers, sheets, strict=True))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(f'<Relationship Id="r{i}" Type="{_RELATIONS}/worksheet" '
                  f'Target="worksheets/sheet{i}.xml"/>' for i in numbers)
        + "</Relationships>",
    }  # fmt: skip
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name, content in parts.items():
            with packed.open(_entry(name), "w") as part:
                part.write((_HEAD + content).encode())
        for i, sheet in zip(numbers, sheets, strict=True):
            with packed.open(_entry(f"xl/worksheets/sheet{i}.xml"), "w") as part:
                _write_sheet(part, sheet)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, whatever the time is
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _write_sheet(part: IO[bytes], sheet: Sheet) -> None:
    view = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    columns = "".join(
        f'<col min="{i}" max="{i}" width="{width}" customWidth="1"/>'
        for i, width in enumerate(sheet.widths, start=1)
    )
    part.write(
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        f"{view if sheet.is_table else ''}</sheetView></sheetViews>"
        f"{f'<cols>{columns}</cols>' if columns else ''}<sheetData>".encode()
    )
    for row in sheet.rows:
        part.write(f"<row>{''.join(map(_cell, row))}</row>".encode())
    part.write(b"</sheetData></worksheet>")


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, str):
        text = line(value)[:_MOST]
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"
