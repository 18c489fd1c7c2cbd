"""Sections on decisions between several classes: overall, and by group."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.evidence import Evidence
from auditkit.report.blocks.kinds import Block
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.fairness import forest_of
from auditkit.report.sections.generic import measurements, rows


def overall(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Each class against the rest, the macro means, and which classes are taken for which."""
    return [
        *_forest(
            book,
            evidence,
            "class_recall",
            "Of the cases of each class, how many are decided as it.",
            "How to read it: further right more of the class is found. ",
        ),
        *measurements(book, evidence, evidence.measurements),
        *(rows(book, evidence, table) for table in evidence.tables),
    ]


def by_group(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """How often decisions are right for each group, and the shares of each class."""
    return [
        *_forest(
            book,
            evidence,
            "accuracy",
            "How often decisions are right, for each group.",
            "How to read it: where intervals overlap widely, the data show no clear difference "
            "between groups. ",
        ),
        *_forest(
            book,
            evidence,
            "class_selection_rate",
            "The share of each group that is decided as each class.",
            "How to read it: compare the groups of one class with each other. ",
        ),
        *measurements(book, evidence, evidence.measurements),
    ]


def _forest(book: FigureLedger, evidence: Evidence, name: str, title: str, how: str) -> list[Block]:
    found = [m for m in evidence.named(name) if m.group and m.value is not None]
    if not found or len(found) > _MOST:
        return []
    measure = str(book.measure(name))
    return [
        forest_of(
            book,
            evidence,
            found,
            title=title,
            measure=measure,
            axis_label=measure,
            how=how,
            eid=book.quote(evidence.id),
        )
    ]


# More rows than this are no drawing that can be read.
_MOST = 36
