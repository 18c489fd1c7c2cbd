"""Words for the numbers of watching, for sentences and glossaries."""

from __future__ import annotations

from typing import Final

from auditkit.evidence import Term

# The checks of watching, with their titles.
TITLES: Final = {
    "drift.features": "Drift of the features",
    "drift.missingness": "Missing and unseen values",
    "drift.predictions": "Drift of the predictions",
    "drift.labels": "Drift of the outcomes",
    "performance.tracked": "Performance, by labels",
    "performance.estimated": "Performance, estimated without labels",
    "fairness.drift": "Drift of the gaps between groups",
    "explanation.drift": "Drift of the explanations",
}

TERMS: Final[dict[str, Term]] = {
    "psi": Term(
        "Population stability index",
        "The sum over cells of (q - p) ln(q / p); p, q: shares of baseline and window, with "
        "half a row more in each cell.",
    ),
    "js_divergence": Term(
        "Jensen-Shannon divergence",
        "Half the relative entropies, in bits, of both distributions to their mean.",
    ),
    "tvd": Term(
        "Total variation distance",
        "Half the sum over cells of the difference of shares: the most that any set of cells "
        "changed.",
    ),
    "ks": Term(
        "Kolmogorov-Smirnov distance",
        "The largest difference of the shares below any number.",
    ),
    "wasserstein": Term(
        "Wasserstein distance",
        "The area between both cumulative distributions, in units of the baseline's "
        "interquartile range, or of its standard deviation if that is 0.",
    ),
    "auc": Term(
        "Chance of a larger number",
        "The chance that a row of the window has a larger number than one of the baseline; "
        "0.5: nothing changed.",
    ),
    "missing_change": Term(
        "Change of the share of missing values",
        "The size of the difference of the shares of missing values.",
    ),
    "not_finite_change": Term(
        "Change of the share of values that are no numbers",
        "The size of the difference of the shares of values that are not finite numbers.",
    ),
    "unseen_share": Term(
        "Share of new levels",
        "The share of rows with a level that the baseline did not have.",
    ),
    "selection_rate_change": Term(
        "Change of the selection rate",
        "The size of the difference of the shares of favourable decisions.",
    ),
    "selection_rate_gap_change": Term(
        "Change of the gap in selection rates",
        "The gap between a group's selection rate and everyone else's, in the window less in "
        "the baseline; its size.",
    ),
    "true_positive_rate_gap_change": Term(
        "Change of the gap in true positive rates",
        "The same of the shares of favourable decisions among favourable outcomes.",
    ),
    "false_positive_rate_gap_change": Term(
        "Change of the gap in false positive rates",
        "The same of the shares of favourable decisions among other outcomes.",
    ),
    "accuracy_loss": Term(
        "Loss of accuracy",
        "The share of right decisions in the baseline less in the window.",
    ),
    "auc_loss": Term(
        "Loss of area under the ROC curve",
        "The area under the ROC curve in the baseline less in the window.",
    ),
    "absolute_error_ratio": Term(
        "Ratio of absolute errors",
        "The mean absolute error in the window by that in the baseline.",
    ),
    "estimated_accuracy_loss": Term(
        "Estimated loss of accuracy",
        "CBPE: the mean chance of a right decision at the scores of the baseline less at "
        "those of the window. Assumes that labels depend on scores as before: blind to any "
        "change of that.",
    ),
    "estimated_auc_loss": Term(
        "Estimated loss of area under the ROC curve",
        "CBPE: the same of the area under the ROC curve, with the same assumption.",
    ),
    "estimated_absolute_error_ratio": Term(
        "Estimated ratio of absolute errors",
        "DLE by prediction: the baseline's mean absolute error at the window's predictions, "
        "by that at its own. Assumes that errors depend on predictions as before.",
    ),
    "share_change": Term(
        "Change of the share of an explanation",
        "The size of the difference of a feature's mean share of the absolute contributions.",
    ),
}
