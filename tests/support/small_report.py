"""A report of one page, made in a fraction of a second. It lacks the numbers of a whole one."""

from __future__ import annotations

import functools
import html
from datetime import UTC, datetime

from auditkit.canonical import (
    AUDIT_PREDICATE,
    STATEMENT_TYPE,
    Digest,
    canonical_bytes,
    parse_json,
)
from auditkit.evidence import Evidence, Measurement, Table
from auditkit.judgement.audit import glossary_of
from auditkit.judgement.gate import decide, judge
from auditkit.judgement.statement import Judgement
from auditkit.policy import parse_policy
from auditkit.signing import Signer
from auditkit.subject import Subject

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


POLICY = parse_policy("""
id: small
version: "1"
title: One condition
as_of: 2026-11-22
rules:
  - {id: S-1, title: Selection rate, check: fairness.selection_rates, measure: selection_rate,
     at_least: 0.4, judge: value, severity: low, citation: in-house, why: to have one}
""")


def small_judgement() -> Judgement:
    """A whole audit with `EVIDENCE` alone."""
    evidence = (EVIDENCE,)
    findings = judge(evidence, POLICY, glossary_of(evidence, POLICY))
    return Judgement(
        subject=Subject(name="m", version="1", digest=MODEL),
        datasets=(),
        rows=100,
        policy=POLICY,
        packs=(),
        evidence=evidence,
        findings=findings,
        controls=(),
        verdict=decide(findings),
        as_of=None,
        seed=0,
        versions={},
        salt=bytes(16),
        unsuppressed=Digest.of(b""),
    )


def predicate() -> dict:
    """What a whole audit states about `EVIDENCE`."""
    return parse_json(small_judgement().statement)["predicate"]


def statement_bytes(**changes) -> bytes:
    """A statement with the parts that every audit's has."""
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": "m/1", "digest": {"sha256": MODEL.hex}}],
            "predicateType": AUDIT_PREDICATE,
            "predicate": predicate() | changes,
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


def unsigned_report(
    files: dict[str, bytes], *, signer: Signer | None = None, text: str = ""
) -> bytes:
    """A PDF that prints the statement's digest and who signs it, and carries files."""
    import pikepdf

    if signer is not None:
        text += f"<p style='font-size:6pt'>{html.escape(signer.name)} {signer.fingerprint}"
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
    return signer.sign_pdf(unsigned_report(files, signer=signer), at=SIGNED_AT)


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
