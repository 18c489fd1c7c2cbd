"""Adverse-action letters: one page to one applicant, from the evidence of the denial.

Laws:
    - It reads only the evidence of `explanation.denials` and the wording.
    - A letter is held back, with the reason, if the row was not denied, has no reason, has a reason
      that is not stable in resamples or is a protected attribute, or if nobody has reviewed the
      wording. A draft says on its face that it is one.
    - It is the only document of auditkit that is addressed to a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.canonical import Digest
from auditkit.errors import InputError, OutputError
from auditkit.report.typeset.pdf import Paper
from auditkit.resources import data_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from auditkit.canonical import Json
    from auditkit.evidence import Evidence
    from auditkit.report.letters.texts import LetterTexts


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One letter, not yet signed.

    Attributes:
        row: The row of the evaluated table, counted from 0.
        reasons: The principal reasons, in words, the largest contribution first.
        unmapped: The number of them that have no wording.
        draft: Why it is a draft; empty: it is not.
        pdf: One page, PDF/A-3a.
        record: The log's payload: how the reasons were computed, without the applicant.
    """

    row: int
    reasons: tuple[str, ...]
    unmapped: int
    draft: str
    pdf: bytes
    record: dict[str, Json]


def denied_rows(evidence: Evidence) -> tuple[int, ...]:
    """The rows that have reasons, in ascending order."""
    return tuple(sorted({int(r[0]) for r in _reasons(evidence)}))


def held_back(evidence: Evidence, row: int, texts: LetterTexts) -> str:
    """Why a row's letter must not be sent; empty if it may.

    Args:
        evidence: The evidence of `explanation.denials`.
        row: The row, counted from 0.
        texts: The wording.
    """
    reasons = _of_row(evidence, row)
    if any(r["protected_principal"] for r in reasons):
        return "a protected attribute is among the principal factors"
    unstable = sum(not r["stable"] for r in reasons)
    if unstable:
        return f"{unstable} of {len(reasons)} reasons are not stable in resamples of the reference"
    if not texts.reviewed:
        return f"nobody has reviewed the wording {texts.id!r}"
    return ""


def write_letter(
    evidence: Evidence,
    row: int,
    texts: LetterTexts,
    *,
    day: date,
    addressee: Sequence[str] = (),
    reference: str = "",
    draft: bool = False,
    page_size: str = "Letter",
) -> Letter:
    """Lays out the letter to one applicant.

    Args:
        evidence: The evidence of `explanation.denials`.
        row: The row, counted from 0.
        texts: The wording.
        day: The day of the letter.
        addressee: The lines of name and address.
        reference: The application's number; empty: the row's.
        draft: Whether to write a letter that must be held back, as a draft.
        page_size: "A4" or "Letter".

    Raises:
        InputError: If the row has no reasons, or the letter must be held back.
        OutputError: If it does not fit on one page.
    """
    rows = _of_row(evidence, row)
    stop = held_back(evidence, row, texts)
    if stop and not draft:
        raise InputError(
            f"The letter for row {row:,} is held back: {stop}.",
            remedy="have a person decide; --draft shows what it would say",
        )
    wordings = [texts.reason(r["feature"], r["value"], r["reference_value"]) for r in rows]
    reasons = tuple(dict.fromkeys(text for text, _ in wordings))
    unmapped = sum(not mapped for _, mapped in wordings)
    record: dict[str, Json] = {
        "evidence": str(evidence.digest),
        "check": f"{evidence.check} {evidence.version}",
        "row": row,
        "words": str(texts.digest),
        "reasons": len(reasons),
        "other": unmapped,
        "draft": stop,
        **{
            name: evidence.parameters[name]
            for name in ("method", "unit", "population", "reference", "reference_rows", "seed")
        },
    }
    html = _template().render(
        texts=texts,
        reasons=reasons,
        day=f"{day:%B} {day.day}, {day.year}",
        addressee=[line for line in addressee if line],
        reference=reference or f"row {row}",
        draft=stop,
        evidence=evidence.digest.short,
        population=evidence.parameters["relative_to"],
    )
    identifier = bytes.fromhex(Digest.of(html.encode()).hex)[:16]
    paper = Paper(html, {}, page_size=page_size, day=day, identifier=identifier, style="letter.css")
    if paper.pages != 1:
        raise OutputError(
            f"The letter for row {row:,} needs {paper.pages} pages; it must fit on one.",
            remedy="shorten the wording of the reasons or the notice",
        )
    return Letter(
        row=row, reasons=reasons, unmapped=unmapped, draft=stop, pdf=paper.write(()), record=record
    )


def _reasons(evidence: Evidence) -> tuple[tuple[Any, ...], ...]:
    try:
        return evidence.table("denial_reasons").rows
    except KeyError as error:
        raise InputError(
            f"There are no reasons for denials: {evidence.reason or 'nothing was assessed'}.",
            remedy="give a model and a reference in audit.yaml",
        ) from error


def _of_row(evidence: Evidence, row: int) -> list[dict[str, Any]]:
    found = [r for r in _reasons(evidence) if r[0] == row]
    if not found:
        raise InputError(
            f"Row {row:,} has no reasons: it was not denied, or no factor can be named.",
            remedy="rows are counted from 0; --all writes a letter for every row that has reasons",
        )
    columns = evidence.table("denial_reasons").columns
    return [dict(zip(columns, r, strict=True)) for r in found]


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(data_path("report_templates")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("letter.html.j2")
