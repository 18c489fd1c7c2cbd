"""A workbook for examiners: every finding as a row, and a sheet that says what the rows are.

The file is written here, and not by a library, because a library writes the time into it: equal
statements give equal bytes. Text is stored as text, so that no cell is a formula.

Source: ECMA-376, Office Open XML, part 1 (SpreadsheetML); openpyxl reads it in the tests.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from auditkit.canonical import Digest
from auditkit.exports import csv
from auditkit.exports.source import Source, line
from auditkit.output.findings import COLUMNS, finding_rows

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
# The most characters of a cell.
_MOST: Final = 32_767

Cell = str | float | int | None


def write(source: Source) -> bytes:
    """Two sheets: "Read me" and "Findings"."""
    rows = finding_rows(source.rules, str(source.digest))
    data = "".join(f'<Override PartName="/xl/worksheets/sheet{i}.xml" '
                   f'ContentType="{_OFFICE}.worksheet+xml"/>' for i in (1, 2))  # fmt: skip
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_OFFICE}.sheet.main+xml"/>{data}'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        f'<Relationship Id="r2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>',
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:creator>auditkit</dc:creator>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{source.time}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{source.time}</dcterms:modified>'
        "</cp:coreProperties>",
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Read me" sheetId="1" r:id="r1"/>'
        '<sheet name="Findings" sheetId="2" r:id="r2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet2.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": _sheet(_read_me(source, len(rows)), widths=(26, 90)),
        "xl/worksheets/sheet2.xml": _sheet([COLUMNS, *rows], widths=(10, 14, 70), frozen=True),
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name)  # of 1980, whatever the time is
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, _HEAD + content)
    return written.getvalue()


def _read_me(source: Source, count: int) -> list[tuple[Cell, ...]]:
    model = source.model
    return [
        ("What the rows are", ("Every finding of one audit: each rule of its policy, and then each "
         "of its conditions, which is the rule on one group. Nothing is left out.")),
        ("Query", "all findings of the statement, in its order"),
        ("Rows", count),
        ("Model", f"{model['name']}, version {model['version']}"),
        ("Model artifact", model["digest"]),
        ("Policy", f"{source.policy['id']}, version {source.policy['version']}"),
        ("As of", source.predicate["as_of"] or "not stated"),
        ("Verdict", source.decision),
        ("Statement", str(source.digest)),
        ("findings.csv", f"{Digest.of(csv.write(source))}, the same rows as text"),
        ("How to check", ("'auditkit verify report.pdf' checks the statement that these rows are "
         "of; 'auditkit export' makes the same file from it again.")),
    ]  # fmt: skip


def _sheet(rows: Iterable[Sequence[Cell]], *, widths: Sequence[int], frozen: bool = False) -> str:
    view = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    columns = "".join(
        f'<col min="{i}" max="{i}" width="{width}" customWidth="1"/>'
        for i, width in enumerate(widths, start=1)
    )
    body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        f"{view if frozen else ''}</sheetView></sheetViews>"
        f"<cols>{columns}</cols><sheetData>{body}</sheetData></worksheet>"
    )


def _cell(value: Cell) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        text = line(value)[:_MOST]
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"
