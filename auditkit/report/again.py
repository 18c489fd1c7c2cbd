"""Renders a report's pages again from its attachments; runs only in a child process.

Whoever holds the key can sign any pages. The pages of a report follow from what is attached to it,
so they are made anew and compared: byte for byte, and if that fails, as they are drawn.
`auditkit.verification.pages` calls `compare`.
"""

from __future__ import annotations

from typing import Any, Final

# Loaded once, and not in each process that forks off.
import jinja2 as _templates  # noqa: F401
import pypdfium2
import weasyprint as _pages  # noqa: F401

from auditkit.canonical import parse_json
from auditkit.isolation.messages import pack, unpack
from auditkit.judgement.restored import restored
from auditkit.report.options import ReportOptions
from auditkit.report.render import render
from auditkit.report.typeset.libraries import made_with
from auditkit.signing.pdf import is_certification_of

# Dots per point of the pictures that are compared: 144 dots an inch.
_SCALE: Final = 2


def compare(message: bytes) -> bytes:
    """Renders anew and compares.

    Args:
        message: Packed: the names of the attachments; the certified PDF, then the attachments.

    Returns:
        Packed: `same`, whether every byte follows; else `pages`, where pages are drawn otherwise,
        in words; and `made_with`, the versions of the libraries that drew here.
    """
    names, (certified, *contents) = unpack(message)
    files = dict(zip(names, contents, strict=True))
    rows = {
        name.removeprefix("table-").removesuffix(".json"): parse_json(content)["rows"]
        for name, content in files.items()
        if name.startswith("table-") and name.endswith(".json")
    }
    stated = parse_json(files["render.json"])
    unsigned = render(
        restored(files["statement.json"], rows),
        receipt=parse_json(files["receipt.json"]) if "receipt.json" in files else None,
        envelope=files.get("statement.dsse.json"),
        options=ReportOptions(**stated["options"]),
        made=stated["made_with"],
    )
    found: dict[str, Any] = {"made_with": made_with()}
    found["same"] = certified.startswith(unsigned) and is_certification_of(unsigned, certified)
    if not found["same"]:
        found["pages"] = _drawn_otherwise(unsigned, certified)
    return pack(found)


def _drawn_otherwise(one: bytes, other: bytes) -> str:
    """The first difference between two PDFs as they are drawn, in words; empty: none."""
    mine, theirs = pypdfium2.PdfDocument(one), pypdfium2.PdfDocument(other)
    if len(mine) != len(theirs):
        return f"The file has {len(theirs)} pages; {len(mine)} follow."
    for number in range(len(mine)):
        a, b = mine[number], theirs[number]
        if a.get_size() != b.get_size() or a.get_rotation() != b.get_rotation():
            return f"Page {number + 1} has another size, or is turned."
        if a.get_textpage().get_text_range() != b.get_textpage().get_text_range():
            return f"Page {number + 1} has other words than those that follow."
        pictures = [bytes(page.render(scale=_SCALE).buffer) for page in (a, b)]
        if pictures[0] != pictures[1]:
            return f"Page {number + 1} is drawn otherwise than it follows."
    return ""
