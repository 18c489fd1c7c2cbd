"""The glossary: names of measures, for sentences and tables, and how each is computed.

Every check declares the terms of its measures. The glossary of an audit collects them: those of the
checks that come with auditkit, and those that evidence of other checks carries.

Laws:
    - One name has one meaning: two checks that define it differently are refused.
    - A report prints only words for a measure that are in its statement or in this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auditkit.errors import InputError
from auditkit.wording import NEUTRAL, DecisionWords

if TYPE_CHECKING:
    from auditkit.evidence import Term


def collected(declared: Iterable[tuple[str, Mapping[str, Term]]]) -> dict[str, Term]:
    """The terms of some checks, by the name of the measure.

    Args:
        declared: The id and the terms of each check.

    Raises:
        InputError: If two checks define one name differently.
    """
    found: dict[str, tuple[str, Term]] = {}
    for check, terms in declared:
        for name, term in terms.items():
            first, meant = found.setdefault(name, (check, term))
            if meant != term:
                raise InputError(
                    f"The checks {first} and {check} define the measure {name!r} differently.",
                    remedy="give the measure of the check that you can change another name",
                )
    return {name: term for name, (_, term) in found.items()}


# The terms of every report that belong to no check, with their meanings.
GENERAL: Final = (
    (
        "Interval",
        "A range that, in repeated samples, covers the true value as often as its level says.",
    ),
    (
        "Met, exception, uncertain",
        (
            "The value, or the whole interval, keeps the bound; breaks it; or the interval "
            "contains the bound."
        ),
    ),
    (
        "Not tested, not applicable, error",
        (
            "No evidence was given; the question does not arise for this model; the check "
            "stopped. None of them counts as met."
        ),
    ),
)

# Words for measures without a term, which checks of other packages may have.
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


@dataclass(frozen=True, kw_only=True)
class Glossary:
    """The terms of one audit.

    Attributes:
        terms: The terms, by the name of the measure.
        decision: The words for the model's decisions.
    """

    terms: Mapping[str, Term]
    decision: DecisionWords = NEUTRAL

    def in_words(self, name: str) -> str:
        """A measure's name for people.

        Args:
            name: The measurement's name.

        Example:
            >>> Glossary(terms={}).in_words("worst_tpr")
            'Worst true positive rate'
        """
        if name in self.terms:
            return self.decision.put_into(self.terms[name].words)
        parts = name.replace(".", "_").split("_")
        words = " ".join(_ABBREVIATED.get(part, part) for part in parts)
        return words[:1].upper() + words[1:]

    def explained(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """The entries for some measures, words and definition, in alphabetical order.

        Args:
            names: The measurements' names.
        """
        known = (self.terms[name] for name in set(names) if name in self.terms)
        put = self.decision.put_into
        return sorted((put(term.words), put(term.definition)) for term in known)


# These begin with a person's name, so they keep the capital.
_PROPER: Final = ("Brier", "Kolmogorov-Smirnov", "R squared")


def in_sentence(words: str) -> str:
    """A measure's name inside a sentence.

    Example:
        >>> in_sentence("Adjusted p-value"), in_sentence("Brier score")
        ('adjusted p-value', 'Brier score')
    """
    if words.startswith(_PROPER) or words[1:2].isupper():
        return words
    return words[:1].lower() + words[1:]
