"""The checks, in the order in which a report shows them and evidence is numbered.

To add one: write `checks/<area>_<name>.py` with a `run` function and a `CHECK`, add it to the list
below, give it a test, and let a policy set a condition on it.
"""

from __future__ import annotations

from typing import Final

from auditkit.checks import (
    access_decisions,
    access_review,
    explanation_denials,
    explanation_faithfulness,
    explanation_global,
    explanation_proxies,
    explanation_stability,
    fairness_alternatives,
    fairness_calibration,
    fairness_error_rates,
    fairness_local_law_144,
    fairness_selection_rates,
    fairness_significance,
    fairness_threshold_sweep,
    lineage_model,
    performance_classification,
    performance_ranking,
    privacy_disclosure_risk,
    privacy_identifiers,
    privacy_leaks,
    privacy_recall,
    privacy_safe_harbor_table,
)
from auditkit.checks._check import Check

__all__ = ["CHECKS", "Check", "find_check"]

CHECKS: Final[tuple[Check, ...]] = (
    privacy_identifiers.CHECK,
    privacy_leaks.CHECK,
    privacy_recall.CHECK,
    privacy_disclosure_risk.CHECK,
    privacy_safe_harbor_table.CHECK,
    performance_classification.CHECK,
    performance_ranking.CHECK,
    fairness_selection_rates.CHECK,
    fairness_significance.CHECK,
    fairness_local_law_144.CHECK,
    fairness_error_rates.CHECK,
    fairness_calibration.CHECK,
    fairness_threshold_sweep.CHECK,
    fairness_alternatives.CHECK,
    explanation_global.CHECK,
    explanation_stability.CHECK,
    explanation_faithfulness.CHECK,
    explanation_denials.CHECK,
    explanation_proxies.CHECK,
    lineage_model.CHECK,
    access_decisions.CHECK,
    access_review.CHECK,
)


def find_check(check_id: str) -> Check | None:
    """The check of an id; None if there is none."""
    return next((check for check in CHECKS if check.id == check_id), None)
