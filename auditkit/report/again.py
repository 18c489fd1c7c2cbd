"""Renders a report again from its attachments; runs only in a child process.

The pages of a report follow from what is attached to it. Whoever makes a report has it rendered
here while doing other work (`auditkit.report.renderer`). Whoever verifies one has it made anew and
compared (`auditkit.verification.pages`), since the holder of the key can sign any pages.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

# Loaded once, and not in each process that forks off.
import fontTools.varLib.instancer as _fonts  # noqa: F401
import jinja2 as _templates  # noqa: F401
import pypdfium2 as _texts  # noqa: F401
import segno as _codes  # noqa: F401
import weasyprint as _pages  # noqa: F401

from auditkit.canonical import parse_json
from auditkit.isolation.messages import pack, unpack
from auditkit.judgement.restored import restored
from auditkit.judgement.statement import Judgement
from auditkit.report.options import ReportOptions
from auditkit.report.typeset.libraries import made_with
from auditkit.report.versions import Pages, pages_of


def again(message: bytes) -> bytes:
    """Renders a report from its attachments.

    Args:
        message: Packed: the names of the attachments; then the attachments.

    Returns:
        Packed: the versions of the libraries that drew here; the unsigned PDF.
    """
    # This process ends with the one report; looking for what could be freed takes a tenth longer.
    gc.disable()
    files = _files(message)
    judgement, receipt, options, stated = _made_of(files)
    unsigned = _version_of(files).report(
        judgement,
        receipt=receipt,
        envelope=files.get("statement.dsse.json"),
        options=options,
        made=stated["made_with"],
    )
    return pack(made_with(), [unsigned])


def copy_again(message: bytes) -> bytes:
    """Renders a report's HTML copy from the PDF's attachments; takes and returns the same."""
    files = _files(message)
    judgement, receipt, options, _ = _made_of(files)
    copy = _version_of(files).copy(judgement, receipt=receipt, options=options)
    return pack(made_with(), [copy])


def _files(message: bytes) -> dict[str, bytes]:
    names, contents = unpack(message)
    return dict(zip(names, contents, strict=True))


def _version_of(files: Mapping[str, bytes]) -> Pages:
    return pages_of(parse_json(files["statement.json"])["predicate"])


def _made_of(
    files: Mapping[str, bytes],
) -> tuple[Judgement, Any, ReportOptions, Mapping[str, Any]]:
    """The judgement, the receipt, what people stated, and all that `render.json` says."""
    rows = {
        name.removeprefix("table-").removesuffix(".json"): parse_json(content)["rows"]
        for name, content in files.items()
        if name.startswith("table-") and name.endswith(".json")
    }
    receipt = parse_json(files["receipt.json"]) if "receipt.json" in files else None
    stated = parse_json(files["render.json"])
    options = ReportOptions(**stated["options"])
    return restored(files["statement.json"], rows), receipt, options, stated
