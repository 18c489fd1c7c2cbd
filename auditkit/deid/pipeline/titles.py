"""Titles of columns and indexes: they leave with the table and are printed in plans and evidence.

A title cannot be treated: plans refer to columns by it. One that identifies somebody stops the run;
the error names its position, never its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.deid.pipeline.leaks import titles_with_identifiers
from auditkit.deid.planning.columns import examine_column
from auditkit.deid.planning.strays import find_by_form
from auditkit.deid.planning.treatments import LIMITED_MAY_KEEP
from auditkit.deid.rules.checksums import card, npi, ssn
from auditkit.deid.rules.field_names import name_words
from auditkit.deid.table.column import Column
from auditkit.deid.table.frames import titles_of
from auditkit.deid.vocabulary.entity_types import ENTITY_TYPES
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier
    from auditkit.deid.pipeline.free_text import LinkedValues

_SURE: Final = frozenset({"EMAIL_ADDRESS", "US_SSN", "PHONE_NUMBER", "CREDIT_CARD"})

# Types that titles without a name can be recognised as.
_UNNAMED: Final = frozenset({"PERSON", "DATE_TIME"})


def refuse_identifying_titles(
    table: Any, linked: Sequence[LinkedValues], deidentifier: Deidentifier, *, dates_stay: bool
) -> None:
    """Refuses a table whose titles identify somebody.

    Args:
        table: The table as `frames.flat` gives it.
        linked: For each row the types and values of its identifier columns.
        deidentifier: Finds identifiers in texts.
        dates_stay: Whether the plan's mode lets dates and places stay.

    Raises:
        InputError: Naming the position of the column, from 1, or the level of the titles.
    """
    titles = titles_of(table)
    stays = LIMITED_MAY_KEEP if dates_stay else frozenset()
    words = [name_words(title) if "@" not in title else title for title in titles]
    wrong = titles_with_identifiers(words, linked) | {
        i for i, title in enumerate(titles, 1) if _is_number(title)
    }
    # A date beside words is the date of a column, such as a report's, not of a person.
    wrong |= {i + 1 for i, kind in find_by_form(titles).items() if kind != "DATE_TIME"}
    for position, spans in enumerate(deidentifier.find_by_rules(words), 1):
        if any(span.kind in _SURE for span in spans):
            wrong |= {position}
    columns = table.shape[1]
    for position in sorted(wrong):
        what = f"The name of column {position}" if position <= columns else "A name of the index"
        raise InputError(
            f"{what} holds an identifier.",
            remedy="rename the column, in the table and in the plan",
        )
    for name, level in _levels(table):
        entity_type = examine_column(_column(name, level)).kind
        if entity_type in (ENTITY_TYPES if name else _UNNAMED) and entity_type not in stays:
            raise InputError(
                "The names of the columns are themselves identifiers, as they are where a table "
                "was spread out by person or date.",
                remedy="reshape it: one row for each, with its name in a column of its own",
            )


def _is_number(title: str) -> bool:
    digits = title.strip()
    return digits.isdigit() and any(valid(digits) for valid in (ssn, card, npi))


def _levels(table: Any) -> list[tuple[str, list[str]]]:
    """The titles of each level, with the name of the level."""
    columns = table.columns
    if not hasattr(columns, "nlevels"):
        return [("", titles_of(table))]
    return [
        ("" if name is None else str(name), [str(t) for t in columns.get_level_values(i).unique()])
        for i, name in enumerate(columns.names)
    ]


def _column(name: str, titles: Sequence[str]) -> Column:
    values = tuple(dict.fromkeys(titles))
    return Column(
        name=name, values=values, codes=np.arange(len(values)), numeric=False, temporal=False
    )
