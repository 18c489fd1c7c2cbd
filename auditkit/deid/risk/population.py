"""The quasi-identifiers of the population that a table was drawn from, for the journalist risk.

Whoever knows that somebody is in the population, but not whether in the table, finds them with
probability 1/F, F the size of their equivalence class in the population.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.treatments import Treatment
from auditkit.deid.table.column import Column
from auditkit.deid.transform.operators import Keys, treated_values
from auditkit.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

_SAME_FOR_ALL: Final = frozenset(
    {Treatment.KEEP, Treatment.YEAR, Treatment.AGE, Treatment.ZIP3, Treatment.BAND}
)


@dataclass(frozen=True, kw_only=True)
class Population:
    """Everybody that a row could be.

    Attributes:
        columns: Its quasi-identifiers before any treatment.
        rows: Number of people.
    """

    columns: Mapping[str, Column]
    rows: int

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> Population:
        """From the columns of a table.

        Raises:
            InputError: If it has no rows.
        """
        rows = next((column.codes.size for column in columns.values()), 0)
        if not rows:
            raise InputError("The population has no rows.", remedy="give one row a person")
        return cls(columns=columns, rows=rows)

    def codes(self, plan: TablePlan, output: Mapping[str, Column]) -> list[npt.NDArray[np.int64]]:
        """Its quasi-identifiers, treated as the plan treats them, under the output's codes plus 1.

        Values that the output does not have get codes of their own.

        Raises:
            InputError: If a column is missing, or its treatment is random or keyed, so that
                the two cannot be compared.
        """
        made = []
        for name in plan.quasi_identifiers:
            if name not in output:
                continue
            entry = plan[name]
            if name not in self.columns:
                raise InputError(
                    f"The population lacks the quasi-identifier {name!r}.",
                    remedy="add the column, or take it out of the plan's quasi_identifiers",
                )
            if entry.treatment not in _SAME_FOR_ALL:
                raise InputError(
                    f"Column {name!r} is treated by {entry.treatment.value!r}: no population can "
                    "be compared by it.",
                    remedy="generalize it, or take it out of the plan's quasi_identifiers",
                )
            column = self.columns[name]
            values: list[str | None] = list(column.values)
            if entry.treatment is not Treatment.KEEP:
                values = treated_values(entry, column.values, as_of=plan.as_of, keys=Keys())
            code_of: dict[str | None, int] = {v: i for i, v in enumerate(output[name].values)}
            code_of[None] = -1
            place = np.array([code_of.setdefault(v, len(code_of) - 1) for v in values] + [-1])
            made.append(place[column.codes] + 1)
        return made
