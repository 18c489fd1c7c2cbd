"""Puts a report together: pages, numbers, attachments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import canonical_bytes
from auditkit.errors import OutputError
from auditkit.output.spreadsheet import table_csv
from auditkit.pdf.attachments import MAX_FILE
from auditkit.pdf.pages import page_texts
from auditkit.report.html import Drawings, to_html
from auditkit.report.options import ReportOptions
from auditkit.report.page import Page
from auditkit.report.tracing import figures_manifest, verify_rendered
from auditkit.report.typeset.libraries import made_with
from auditkit.report.typeset.pdf import Attached, Paper
from auditkit.resources import offline_script

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement


def render(
    judgement: Judgement,
    *,
    receipt: Mapping[str, Any] | None = None,
    envelope: bytes | None = None,
    options: ReportOptions | None = None,
    made: Mapping[str, str] | None = None,
) -> bytes:
    """The report as a PDF that is not yet signed.

    Args:
        judgement: The audit.
        receipt: The log's receipt for the statement; None: it was not logged.
        envelope: The DSSE envelope around the statement; None: it was not signed.
        options: What the people behind the report state, and the paper.
        made: The versions to state of the libraries that draw; None: those that do.

    Returns:
        A PDF/A-3a and PDF/UA-1 file; the same bytes for the same arguments.

    Raises:
        OutputError: If a number on the pages cannot be traced to the statement.
    """
    chosen = options or ReportOptions()
    page, paper = _laid_out(judgement, chosen, receipt)
    texts = paper.texts()
    figures = figures_manifest(page.book, chosen, texts)
    stated = rendering(chosen, made if made is not None else made_with())
    attached = _attached(judgement, figures, receipt, envelope, stated)
    large = next((one.name for one in attached if len(one.content) > MAX_FILE), None)
    if large is not None:
        raise OutputError(
            f"The attachment {large!r} is larger than {MAX_FILE:,} bytes, so nobody could verify "
            "the report.",
            remedy="have the check give a smaller table, or the policy fewer groups",
        )
    written = paper.write(attached)
    verify_rendered(page_texts(written), figures, judgement, receipt)
    return written


def rendering(options: ReportOptions, made: Mapping[str, str]) -> bytes:
    """The file `render.json`: what the pages follow from besides the other attachments.

    Args:
        options: What people stated, and the paper.
        made: The versions of the libraries that draw.
    """
    stated = asdict(options)
    if not stated["exported"]:  # so that reports made before it was stated keep their bytes
        del stated["exported"]
    return canonical_bytes({"options": stated, "made_with": dict(made)})


# How many exceptions to show on page one: the most that fit on it.
_ROOM: Final = (5, 3, 1)


def _laid_out(
    judgement: Judgement, options: ReportOptions, receipt: Mapping[str, Any] | None
) -> tuple[Page, Paper]:
    """The report with the most exceptions that fit on page one.

    The whole is laid out once. That page is tried alone before, which takes a twentieth of it.
    """

    def tried(room: int, *, fits: bool = True, whole: bool = True) -> tuple[Page, Paper]:
        page = Page(judgement, options, receipt, room=room, fits=fits)
        drawings = Drawings()
        html = to_html(page, drawings, whole=whole)
        paper = Paper(
            html,
            drawings.files,
            page_size=options.page_size,
            day=judgement.as_of,
            identifier=bytes.fromhex(judgement.digest.hex)[:16],
        )
        return page, paper

    fitting = next((room for room in _ROOM if tried(room, whole=False)[1].pages == 1), None)
    return tried(fitting or _ROOM[-1], fits=fitting is not None)


def _attached(
    judgement: Judgement,
    figures: Mapping[str, Any],
    receipt: Mapping[str, Any] | None,
    envelope: bytes | None,
    stated: bytes,
) -> list[Attached]:
    files = [
        Attached(
            name="statement.json",
            content=judgement.statement,
            relationship="Source",
            description="The statement: everything that was found, at full precision",
        ),
        Attached(
            name="figures.json",
            content=canonical_bytes(figures),
            relationship="Data",
            description="Every number on the pages, with its address in the statement",
        ),
        Attached(
            name="render.json",
            content=stated,
            relationship="Supplement",
            description="What people stated, and by which libraries the pages were drawn",
        ),
    ]
    if envelope is not None:
        files.append(
            Attached(
                name="statement.dsse.json",
                content=envelope,
                relationship="Source",
                description="The statement in a signed DSSE envelope",
            )
        )
    if receipt is not None:
        files.append(
            Attached(
                name="receipt.json",
                content=canonical_bytes(receipt),
                relationship="Supplement",
                description="The log's receipt: inclusion proof and signed checkpoint",
            )
        )
    for table in judgement.tables:
        files += [
            Attached(
                name=f"table-{table.name}.json",
                content=table.to_bytes(),
                relationship="Data",
                description=f"Table {table.name}, as the statement's digest commits to it",
            ),
            Attached(
                name=f"table-{table.name}.csv",
                content=table_csv(table.to_bytes()),
                relationship="Alternative",
                description=f"Table {table.name}, for spreadsheets",
            ),
        ]
    return [
        *files,
        Attached(
            name="verify_offline.py",
            content=offline_script(),
            relationship="Supplement",
            description="Checks the attachments with Python and its cryptography package alone",
        ),
    ]
