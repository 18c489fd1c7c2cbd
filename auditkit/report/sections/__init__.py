"""How each check's evidence is shown. A check without an entry gets the plain form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from auditkit.evidence import Evidence, Outcome
from auditkit.report.blocks.kinds import Block, Prose
from auditkit.report.figures.figure_ledger import FigureLedger, Line
from auditkit.report.sections import (
    comparison,
    explanation,
    fairness,
    generic,
    monitoring,
    performance,
    predicted,
    privacy,
    scores,
    several_classes,
    tables,
)

Shown = Callable[[FigureLedger, Evidence], Sequence[Block]]

_SHOWN: Final[dict[str, Shown]] = {
    "fairness.selection_rates": fairness.selection_rates,
    "fairness.error_rates": fairness.error_rates,
    "fairness.calibration": scores.by_group,
    "fairness.threshold_sweep": scores.cut_offs,
    "fairness.alternatives": scores.alternatives,
    "performance.ranking": performance.ranking,
    "performance.regression": predicted.overall,
    "performance.multiclass": several_classes.overall,
    "fairness.multiclass": several_classes.by_group,
    "fairness.regression": predicted.by_group,
    "comparison.performance": comparison.overall,
    "comparison.groups": comparison.by_group,
    "explanation.global": explanation.overall,
    "explanation.denials": explanation.denials,
    "privacy.identifiers": tables.identifiers,
    "privacy.recall": privacy.recall,
    "privacy.disclosure_risk": privacy.disclosure_risk,
    "privacy.safe_harbor_table": privacy.eighteen_classes,
    "access.decisions": tables.decisions,
    "lineage.model": tables.artifacts,
    "monitoring.operation": monitoring.operation,
    "monitoring.numbers": monitoring.numbers,
}


def blocks_of(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The blocks that show one evidence."""
    if evidence.outcome is not Outcome.PASS:
        return (
            Prose(
                text=Line(
                    evidence.outcome.words[:1].upper() + evidence.outcome.words[1:],
                    ": ",
                    book.quote(evidence.reason),
                    ".",
                )
            ),
        )
    return _SHOWN.get(evidence.check, generic.plain)(book, evidence)
