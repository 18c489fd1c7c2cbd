"""The checks, in the order in which a report shows them and evidence is numbered.

To add one: write `checks/<area>_<name>.py` with a `CHECK`, add it to the list below and its section
to docs/reference/checks.md, give it a test, and let a policy set a condition on it. A check of
another package needs none of this list: it is an entry point, see `auditkit.loading.checks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from auditkit.checks import (
    comparison_decisions,
    comparison_explanations,
    comparison_groups,
    comparison_performance,
    explanation_denials,
    explanation_faithfulness,
    explanation_global,
    explanation_proxies,
    explanation_stability,
    fairness_calibration,
    fairness_error_rates,
    fairness_local_law_144,
    fairness_multiclass,
    fairness_regression,
    fairness_selection_rates,
    fairness_significance,
    fairness_threshold_sweep,
    handed_over,
    performance_classification,
    performance_multiclass,
    performance_ranking,
    performance_regression,
)
from auditkit.checks.check import Check, NoParameters, NotApplicable, NotAssessed, Result
from auditkit.errors import InputError
from auditkit.glossary import collected

__all__ = [
    "CHECKS",
    "TERMS",
    "Check",
    "NoParameters",
    "NotApplicable",
    "NotAssessed",
    "Result",
    "find_check",
]

CHECKS: Final[tuple[Check[Any], ...]] = (
    *handed_over.PRIVACY,
    performance_classification.CHECK,
    performance_ranking.CHECK,
    performance_regression.CHECK,
    performance_multiclass.CHECK,
    fairness_selection_rates.CHECK,
    fairness_significance.CHECK,
    fairness_local_law_144.CHECK,
    fairness_error_rates.CHECK,
    fairness_calibration.CHECK,
    fairness_threshold_sweep.CHECK,
    fairness_regression.CHECK,
    fairness_multiclass.CHECK,
    handed_over.ALTERNATIVES,
    explanation_global.CHECK,
    explanation_stability.CHECK,
    explanation_faithfulness.CHECK,
    explanation_denials.CHECK,
    explanation_proxies.CHECK,
    comparison_performance.CHECK,
    comparison_groups.CHECK,
    comparison_decisions.CHECK,
    comparison_explanations.CHECK,
    handed_over.LINEAGE,
    *handed_over.ACCESS,
)

# What the measures of all these are called, and how each is computed.
TERMS: Final = collected((check.id, check.terms) for check in CHECKS)


def find_check(check_id: str, among: Sequence[Check[Any]] = CHECKS) -> Check[Any]:
    """The check of an id.

    Args:
        check_id: As "fairness.error_rates".
        among: Where to look. Default: the checks that come with auditkit.

    Raises:
        InputError: If there is none.
    """
    for check in among:
        if check.id == check_id:
            return check
    raise InputError(f"There is no check {check_id!r}.", remedy="'auditkit checks' lists them")
