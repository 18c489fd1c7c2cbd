"""Traces every number to its origin: each document is read again before it is returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.errors import OutputError
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.figures.manifest import FORMAT, STATED, check_figures, tokens
from auditkit.report.figures.rules import ReadingRules
from auditkit.report.options import ReportOptions

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement


def figures_manifest(
    book: FigureLedger, options: ReportOptions, texts: Sequence[str]
) -> dict[str, Any]:
    """The content of figures.json: where each number comes from.

    Args:
        book: The figure ledger, which noted the numbers as they were printed.
        options: What the people behind the report state.
        texts: The text of each page.

    Raises:
        OutputError: If a number has no origin, or one that was noted is not on the pages.
    """
    seen = Counter(t for text in texts for t in tokens(text))
    listed = Counter(t for f in (*book.figures, *book.fixed) for t in tokens(f["text"]))
    before = {t for f in book.fixed for t in tokens(f["text"])}
    before |= {t for f in book.figures if "pointer" in f for t in tokens(f["text"])}
    fixed = list(book.fixed)
    rules = ReadingRules.today(f["text"] for f in (*book.figures, *book.fixed))
    in_templates = {t for phrase in rules.vocabulary for t in tokens(phrase)}
    for token, count in sorted(_beyond(seen, listed).items()):
        if token in in_templates:
            source = "template"
        elif token in before:
            source = "repeat"
        elif token.isdigit() and 1 <= int(token) <= len(texts):
            source = "page"
        else:
            raise OutputError(
                f"The report prints {token}, which has no origin in the evidence.",
                remedy="report this as a defect of auditkit",
            )
        fixed.append({"text": token, "source": source, "count": count})
    stated = {name: value for name, value in asdict(options).items() if name in STATED}
    return {
        "format": FORMAT,
        "rules": rules.to_json(),
        "figures": book.figures,
        "fixed": fixed,
        "stated": stated,
        "logged": options.logged,
        **({"exported": options.exported} if options.exported else {}),
    }


def verify_rendered(
    texts: Sequence[str],
    figures: Mapping[str, Any],
    judgement: Judgement,
    receipt: Mapping[str, Any] | None,
) -> None:
    """Reads the finished pages as a verifier will read them.

    Args:
        texts: The text of each page.
        figures: The result of `figures_manifest`.
        judgement: The audit.
        receipt: The log's receipt.

    Raises:
        OutputError: If a page does not agree with the statement.
    """
    problems = check_figures(
        texts,
        parse_json(canonical_bytes(figures)),
        parse_json(judgement.statement),
        {t.name: parse_json(t.to_bytes()) for t in judgement.tables},
        receipt=receipt,
    )
    if problems:
        raise OutputError(
            f"The report does not print what the statement says: {problems[0]}",
            remedy="report this as a defect of auditkit",
        )


def _beyond(seen: Counter[str], listed: Counter[str]) -> Counter[str]:
    """The numbers that the pages print more often than the ledger noted.

    Raises:
        OutputError: If a number that was noted is not on the pages.
    """
    lost = listed - seen
    if lost:
        raise OutputError(
            f"The pages of the report do not show {_some(lost)}, which they should.",
            remedy="report this as a defect of auditkit",
        )
    return seen - listed


def _some(found: Counter[str]) -> str:
    names = sorted(found)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
