"""A report of one page, made in a fraction of a second. It lacks the numbers of a whole one."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from auditkit.canonical import AUDIT_PREDICATE, STATEMENT_TYPE, Digest, canonical_bytes
from auditkit.evidence import Evidence, Measurement, Table
from auditkit.signing import Signer

SIGNED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = Digest.of(b"model")

TABLE = Table(name="rates", title="Rates", columns=("group", "rate"), rows=(("a", 0.5),))
EVIDENCE = Evidence(
    id="E-0001",
    check="fairness.selection_rates",
    version="1",
    title="Selection rates",
    area="fairness",
    n=100,
    measurements=(Measurement(name="selection_rate", value=0.5, n=100),),
    tables=(TABLE,),
)


def statement_bytes(**changes) -> bytes:
    """A statement with the parts that every audit's has."""
    predicate = {
        "subject": {"name": "m", "version": "1", "digest": str(MODEL)},
        "evidence": [EVIDENCE.to_json() | {"digest": str(EVIDENCE.digest)}],
    }
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": "m/1", "digest": {"sha256": MODEL.hex}}],
            "predicateType": AUDIT_PREDICATE,
            "predicate": predicate | changes,
        }
    )


def attachments(signer: Signer, statement: bytes) -> dict[str, bytes]:
    """The files of a report, but for the receipt."""
    return {
        "statement.json": statement,
        "statement.dsse.json": signer.sign_statement(statement),
        "figures.json": canonical_bytes({"format": 1, "figures": [], "fixed": []}),
        "table-rates.json": TABLE.to_bytes(),
    }


def unsigned_report(files: dict[str, bytes], *, text: str = "") -> bytes:
    """A PDF that prints the statement's digest and carries files."""
    import pikepdf

    with pikepdf.open(_page(Digest.of(files["statement.json"]).hex, text)) as pdf:
        for name, content in files.items():
            pdf.attachments[name] = pikepdf.AttachedFileSpec(
                pdf, content, filename=name, mime_type="application/json"
            )
        return saved(pdf)


def saved(pdf) -> bytes:
    """A pikepdf document as bytes."""
    from io import BytesIO

    out = BytesIO()
    pdf.save(out, deterministic_id=True, object_stream_mode=_no_object_streams())
    return out.getvalue()


def signed_report(signer: Signer, **changes) -> bytes:
    """A whole report, signed."""
    files = attachments(signer, statement_bytes(**changes))
    return signer.sign_pdf(unsigned_report(files), at=SIGNED_AT)


@functools.cache
def _page_bytes(digest: str, text: str) -> bytes:
    from weasyprint import HTML

    return HTML(
        string=f"<html lang=en><title>r</title><p>{text}<p style='font-size:6pt'>{digest}</html>"
    ).write_pdf()


def _page(digest: str, text: str):
    from io import BytesIO

    return BytesIO(_page_bytes(digest, text))


def _no_object_streams():
    import pikepdf

    return pikepdf.ObjectStreamMode.disable
