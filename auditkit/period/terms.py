"""Words for what is counted of a period, and which check counts what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditkit.evidence import Term

TERMS: Final[dict[str, Term]] = {
    "changes": Term("Changes", "Moves of protected aliases and stages in the period."),
    "changes_with_exceptions": Term(
        "Changes with an exception", "Changes that lack an attribute which they should have."
    ),
    "exceptions": Term("Exceptions", "Changes that lack this attribute."),
    "open_tests": Term("Open", "Changes of which the log cannot yet tell this attribute."),
    "items": Term("Items", "Items of a population in the period."),
    "entries": Term("Entries in the period", "Entries of the log that were written in the period."),
    "destructions": Term(
        "Destructions", "Entries that record that contents of the log were destroyed."
    ),
    "clock_set_back": Term(
        "Clock set back", "Entries that record that the log's clock was behind the one before."
    ),
    "uncovered_ends": Term(
        "Uncovered ends", "Ends of the period, of two, that the log does not reach."
    ),
    "gaps": Term("Gaps", "What the log and the registry do not agree on."),
}
# The measures of each check.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "period.changes": ("changes", "changes_with_exceptions", "exceptions", "open_tests"),
    "period.populations": ("items",),
    "period.log": ("entries", "destructions", "clock_set_back", "uncovered_ends"),
    "period.registry": ("gaps",),
}


def terms_of(check: str) -> dict[str, Term]:
    """The words for the measures of a check."""
    return {name: TERMS[name] for name in COUNTED[check]}
