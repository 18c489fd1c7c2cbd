"""What measures are called, in sentences and in tables, and how each is computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionWords:
    """What becomes of cases, as a sentence says it: "cases approved".

    Attributes:
        favourable: Of cases that the model decides in favour of.
        unfavourable: Of all others.
    """

    favourable: str = "decided favourably"
    unfavourable: str = "decided unfavourably"

    def put_into(self, text: str) -> str:
        """A text of the glossary with these words in their places."""
        return text.replace("{favourable}", self.favourable).replace(
            "{unfavourable}", self.unfavourable
        )


NEUTRAL: Final = DecisionWords()

# Name of the measurement: (in words, definition).
MEASURES: Final[dict[str, tuple[str, str]]] = {
    "accuracy": ("Accuracy", "Share of decisions that agree with the outcome."),
    "additivity_residual": (
        "Additivity residual",
        "Largest absolute difference between a score and its base value plus contributions.",
    ),
    "adjusted_p_value": (
        "Adjusted p-value",
        "Probability of so large a difference by chance, allowing for all comparisons made (Holm).",
    ),
    "adverse_coverage": (
        "Coverage of reasons",
        "Share of what spoke against a case {unfavourable} that its listed reasons carry.",
    ),
    "allowed": ("Requests allowed", "Requests that the access policy allowed."),
    "alternative_balanced_accuracy": (
        "Balanced accuracy of the best alternative",
        "Balanced accuracy of the alternative with the highest smallest ratio.",
    ),
    "alternative_gain": (
        "Gain of the alternative",
        "Alternative ratio less the smallest ratio at the cut-off in use.",
    ),
    "alternative_ratio": (
        "Alternative ratio",
        "Largest smallest ratio among cut-offs that cost little balanced accuracy.",
    ),
    "artifact_files": ("Files of the model", "Files that make up the registered version."),
    "auc": (
        "Area under the ROC curve",
        "Probability that a favourable case scores higher than an unfavourable one, ties half.",
    ),
    "balanced_accuracy": (
        "Balanced accuracy",
        "Mean of the true positive rate and one minus the false positive rate.",
    ),
    "base_rate": ("Base rate", "Share of cases whose true outcome is favourable."),
    "brier": ("Brier score", "Mean squared difference between score and outcome."),
    "calibration_error": (
        "Calibration error",
        (
            "Mean absolute difference between scores and observed rates over bins of scores, "
            "weighted by cases."
        ),
    ),
    "calibration_gap": (
        "Calibration gap",
        "Observed share of favourable outcomes less the mean score.",
    ),
    "calibration_gap_difference": (
        "Difference in calibration gaps",
        "The group's calibration gap less the reference group's.",
    ),
    "category_impact_ratio": (
        "Impact ratio of the category",
        "Rate of the category over the highest rate of any that is not left out.",
    ),
    "columns_examined": ("Columns examined", "Columns that were searched for identifiers."),
    "decisions": ("Requests decided", "Requests on which the access policy decided."),
    "denials": (
        "Cases {unfavourable}",
        "Cases that the model decides against.",
    ),
    "deletion_gain": (
        "Deletion gain",
        (
            "How much faster the score falls when features are taken away in the order of their "
            "attributions than in random order."
        ),
    ),
    "denials_with_reasons": (
        "Share of cases {unfavourable} with reasons",
        "Cases {unfavourable} for which at least one reason was found.",
    ),
    "denied": ("Requests denied", "Requests that the access policy denied."),
    "digest_matches": (
        "Digest matches",
        "Whether the audited bytes have the digest of the registered version.",
    ),
    "equalized_odds_difference": (
        "Equalised odds difference",
        "The larger of the absolute differences in true and in false positive rates.",
    ),
    "fpr": (
        "False positive rate",
        "Share of favourable decisions among cases whose true outcome is unfavourable.",
    ),
    "fpr_difference": (
        "Difference in false positive rates",
        "A group's false positive rate less that of the group compared with.",
    ),
    "identifiers_found": ("Identifiers found", "Places where an identifier was recognised."),
    "identifiers_treated": ("Identifiers treated", "Places that were removed or replaced."),
    "impact_ratio": (
        "Impact ratio",
        "A group's selection rate divided by that of the group with the highest rate.",
    ),
    "insertion_gain": (
        "Insertion gain",
        (
            "How much faster the score rises when features are put in in the order of their "
            "attributions than in random order."
        ),
    ),
    "ks": (
        "Kolmogorov-Smirnov statistic",
        "Largest distance between the score distributions of the two outcomes.",
    ),
    "leaks": ("Identifiers that remain", "Identifiers recognised in the output."),
    "less_disparate_alternatives": (
        "Less disparate alternatives",
        "Candidates that lose little balanced accuracy and raise the smallest ratio.",
    ),
    "mean_abs_shap": (
        "Mean absolute SHAP value",
        "Mean over cases of the absolute contribution of a feature to the score.",
    ),
    "power": ("Power", "Probability that a sample of this size would show a ratio of four fifths."),
    "ppv": (
        "Positive predictive value",
        "Share of favourable outcomes among favourable decisions.",
    ),
    "ppv_difference": (
        "Difference in positive predictive values",
        "The group's positive predictive value less the reference group's.",
    ),
    "proxy_auc": (
        "Proxy strength",
        "Area under the ROC curve of a feature alone telling members of a group from others.",
    ),
    "rank": ("Rank by importance", "Place of a feature when features are ordered by importance."),
    "reference_rows": ("Reference rows", "Rows that attributions are relative to."),
    "selection_rate": ("Selection rate", "Share of cases {favourable}."),
    "selection_rate_difference": (
        "Difference in selection rates",
        "A group's selection rate less that of the group compared with.",
    ),
    "smallest_ratio": ("Smallest ratio", "Lowest selection rate of any group over the highest."),
    "sod_conflicts": (
        "Conflicts of duties",
        "People who may both make a change and approve it.",
    ),
    "standard_deviations": (
        "Standard deviations",
        "Difference in selection rates over its standard error in the pooled sample.",
    ),
    "top_agreement": (
        "Agreement of the first features",
        "Share of the most important features that stay so when the rows are resampled.",
    ),
    "tpr": (
        "True positive rate",
        "Share of favourable decisions among cases whose true outcome is favourable.",
    ),
    "tpr_difference": (
        "Difference in true positive rates",
        "A group's true positive rate less that of the group compared with.",
    ),
    "unknown_category": (
        "Unknown category",
        "Cases whose sex, or whose race or ethnicity, is unknown.",
    ),
    "unknown_share": ("Unknown group", "Share of cases whose group is not known."),
    "classes": ("Sets of rows alike", "Sets of rows with the same quasi-identifiers."),
    "classes_examined": ("Classes examined", "Classes of identifiers that were looked for."),
    "classes_present": ("Classes present", "Classes of which an identifier was found."),
    "classes_remaining": ("Classes remaining", "Classes of which one was left in the output."),
    "denials_on_protected": (
        "Cases {unfavourable} on a protected attribute",
        "Cases {unfavourable} with a protected attribute among their principal factors.",
    ),
    "journalist_risk": (
        "Journalist risk",
        "Largest chance of finding a person who is known to be in the population.",
    ),
    "k": (
        "Rows in the smallest set alike (k)",
        "Rows in the smallest set of rows with the same quasi-identifiers.",
    ),
    "l": (
        "Values in the least varied set (l)",
        "Fewest different values of an attribute in a set of rows alike.",
    ),
    "marketer_risk": (
        "Marketer risk",
        "Share of rows that guessing within their sets would name.",
    ),
    "precision": (
        "Precision",
        "Share of the letters and digits found that are part of a labelled identifier.",
    ),
    "prosecutor_risk": (
        "Prosecutor risk",
        "Largest chance of finding a person who is known to be in the table: one over k.",
    ),
    "recall": (
        "Recall",
        "Share of labelled identifiers of which every letter and digit was found.",
    ),
    "rows_at_risk": (
        "Share of rows in small sets",
        "Share of rows in sets smaller than the wanted k.",
    ),
    "sample_uniqueness": (
        "Share of unique rows",
        "Share of rows whose quasi-identifiers no other row of the table has.",
    ),
    "t": (
        "Largest distance of a set from all (t)",
        "Largest distance between an attribute's distribution in a set of rows alike and overall.",
    ),
    "stable_denials": (
        "Share of cases {unfavourable} with stable reasons",
        "Share of cases {unfavourable} whose reasons are principal in nearly every resample.",
    ),
    "breakglass_unreviewed": (
        "Uses of break-glass not reviewed",
        "Emergencies in which a rule was passed by, and that nobody else has reviewed yet.",
    ),
    "breakglass_uses": ("Uses of break-glass", "Emergencies in which a rule was passed by."),
    "policy_changes": ("Policy changes", "Versions of the access policy that came into force."),
    "promoters": ("Promoters", "Users whom the access policy lets promote a model."),
    "promotions": ("Promotions", "Moves of a protected alias or stage."),
    "self_approved_policy_changes": (
        "Self-approved policy changes",
        "Policy changes whose author and approver are one person.",
    ),
    "unused_grants": (
        "Unused grants",
        "Roles that somebody holds and through which nothing was allowed for long.",
    ),
    "users": ("Users", "Users to whom the access policy gives a role."),
}


# Of names that are not listed, as a check of one's own may have.
_ABBREVIATED: Final = {
    "auc": "area under the ROC curve",
    "fnr": "false negative rate",
    "fpr": "false positive rate",
    "ks": "Kolmogorov-Smirnov statistic",
    "npv": "negative predictive value",
    "ppv": "positive predictive value",
    "shap": "SHAP value",
    "tnr": "true negative rate",
    "tpr": "true positive rate",
}


def in_words(name: str, decision: DecisionWords = NEUTRAL) -> str:
    """A measure's name for people.

    Args:
        name: Of the measurement.
        decision: What the model's decisions are called.

    Example:
        >>> in_words("tpr_difference"), in_words("worst_tpr")
        ('Difference in true positive rates', 'Worst true positive rate')
    """
    if name in MEASURES:
        return decision.put_into(MEASURES[name][0])
    parts = name.replace(".", "_").split("_")
    words = " ".join(_ABBREVIATED.get(part, part) for part in parts)
    return words[:1].upper() + words[1:]


def explained(names: Iterable[str], decision: DecisionWords = NEUTRAL) -> list[tuple[str, str]]:
    """The entries of the glossary for some measures, in alphabetical order.

    Args:
        names: Of the measurements.
        decision: What the model's decisions are called.
    """
    known = (MEASURES[name] for name in set(names) if name in MEASURES)
    return sorted((decision.put_into(term), decision.put_into(told)) for term, told in known)


# Begin with a person's name, so they keep their capital.
_PROPER: Final = ("Brier", "Kolmogorov-Smirnov")


def in_sentence(words: str) -> str:
    """A measure's name where a sentence has begun.

    Example:
        >>> in_sentence("Adjusted p-value"), in_sentence("Brier score")
        ('adjusted p-value', 'Brier score')
    """
    if words.startswith(_PROPER) or words[1:2].isupper():
        return words
    return words[:1].lower() + words[1:]
