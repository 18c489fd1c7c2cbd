"""The values that a measure can have: a threshold outside them decides nothing."""

from __future__ import annotations

import math
from typing import Final

# Shares, rates and chances.
_PARTS: Final = (
    "accuracy adjusted_p_value adverse_coverage alternative_balanced_accuracy auc "
    "balanced_accuracy base_rate calibration_error class_auc class_precision class_recall "
    "class_selection_rate decisions_changed denials_with_reasons detectable_ratio "
    "digest_matches equalized_odds_difference explained_share fpr interval_coverage "
    "journalist_risk ks macro_f1 macro_precision macro_recall marketer_risk mcnemar_p power ppv "
    "precision prosecutor_risk proxy_auc recall sample_uniqueness selection_rate "
    "stable_denials t top_agreement tpr unknown_share js_divergence tvd missing_share "
    "unseen_share"
)
# Differences of two of these.
_DIFFERENCES: Final = (
    "accuracy_change accuracy_difference alternative_gain auc_change balanced_accuracy_change "
    "brier_change calibration_gap calibration_gap_difference class_recall_difference "
    "class_selection_rate_difference fpr_change fpr_difference interval_coverage_difference "
    "macro_recall_change macro_recall_difference ppv_change ppv_difference "
    "selection_rate_change selection_rate_difference tpr_change tpr_difference weight_change"
)
# Counts, ratios, sizes: anything from 0 on.
_SIZES: Final = (
    "additivity_residual allowed alternative_ratio artifact_files attribution_change "
    "breakglass_unreviewed breakglass_uses brier category_impact_ratio classes classes_examined "
    "classes_present classes_remaining columns_examined decisions denials denials_on_protected "
    "denied evaluations flipped_ratio identifiers_found identifiers_treated impact_ratio "
    "interval_width k l leaks less_disparate_alternatives log_loss mae mae_ratio mean_abs_shap "
    "newly_favourable newly_unfavourable policy_changes promoters promotions rank reference_rows "
    "rmse rows_at_risk scaled_residual self_approved_policy_changes smallest_ratio "
    "sod_conflicts standard_error unknown_category unused_grants users psi ks_distance "
    "wasserstein changes changes_with_exceptions exceptions open_tests items entries destructions "
    "clock_set_back uncovered_ends gaps"
)
_ENDS: Final = {
    **dict.fromkeys(_PARTS.split(), (0.0, 1.0)),
    **dict.fromkeys(_DIFFERENCES.split(), (-1.0, 1.0)),
    **dict.fromkeys(_SIZES.split(), (0.0, math.inf)),
    "proxy_auc": (0.5, 1.0),
    "r2": (-math.inf, 1.0),
    "rank": (1.0, math.inf),
}


def range_of(measure: str) -> tuple[float, float]:
    """The least and the greatest value of a measure; infinite where there is none or it is unknown.

    Args:
        measure: Its name in a policy.
    """
    return _ENDS.get(measure, (-math.inf, math.inf))
