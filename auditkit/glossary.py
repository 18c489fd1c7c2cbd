"""What measures are called, in sentences and in tables, and how each is computed.

Every check declares the terms of its measures beside it. The glossary of an audit collects them:
those of the checks that come with auditkit, and those that evidence of other checks carries.

Laws:
    - One name has one meaning: two checks that declare it otherwise are refused.
    - A report prints no word for a measure that is not in its statement or in this package.
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
        declared: For each check its id and its terms.

    Raises:
        InputError: If two checks mean different things by one name.
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


# Terms of every report, which belong to no check: each with its meaning.
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


@dataclass(frozen=True, kw_only=True)
class Glossary:
    """The terms of one audit.

    Attributes:
        terms: By the name of the measure.
        decision: What the model's decisions are called.
    """

    terms: Mapping[str, Term]
    decision: DecisionWords = NEUTRAL

    def in_words(self, name: str) -> str:
        """A measure's name for people.

        Args:
            name: Of the measurement.

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
            names: Of the measurements.
        """
        known = (self.terms[name] for name in set(names) if name in self.terms)
        put = self.decision.put_into
        return sorted((put(term.words), put(term.definition)) for term in known)


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
