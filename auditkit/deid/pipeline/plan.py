"""A plan that can be applied."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Self

from auditkit.deid.pipeline.apply import apply_plan
from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.planning.treatments import Mode

if TYPE_CHECKING:
    from auditkit.deid.detect.detector import Deidentifier
    from auditkit.deid.pipeline.apply import DeidentifiedTable
    from auditkit.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Plan(TablePlan):
    """What is to be done with each column of a table; the fields are those of `TablePlan`."""

    @classmethod
    def propose(
        cls, table: Any, *, mode: Mode | str = Mode.SAFE_HARBOR, as_of: date | None = None
    ) -> Self:
        """A plan for a table, from its columns' names and values.

        Args:
            table: A pandas or polars DataFrame, a pyarrow Table or a DuckDB relation; an index is a
                column by its name, and a record one for each of its fields, `a.b`.
            mode: The rule to follow.
            as_of: When the table is released. Default: today, UTC.

        Raises:
            InputError: If the table is of no known kind, or the mode is unknown.
        """
        return super().propose(table, mode=mode, as_of=as_of or datetime.now(UTC).date())

    def apply(
        self,
        table: Any,
        *,
        keys: Any = None,
        deidentifier: Deidentifier | None = None,
        recall: Evidence | None = None,
        population: Any = None,
    ) -> DeidentifiedTable:
        """De-identifies a table, searches the output again, and makes the evidence.

        Args:
            table: With exactly the plan's columns, as for `propose`. It is not changed.
            keys: A `Keys`, for the treatments that need any.
            deidentifier: Finds identifiers in free text. Default: a new one.
            recall: What `detect.recall.evaluate` measured with the same deidentifier, for the table
                of the eighteen classes; without it that table says "not measured".
            population: A table with the quasi-identifiers, untreated, of everybody that a row
                could be, one row a person; for the journalist risk, which is not estimable
                without.

        Returns:
            The table, of the kind that came in (from DuckDB: a pyarrow Table), and the evidence.

        Raises:
            InputError: If the columns are not the plan's.
            VerificationError: If identifiers remain that no entry of the plan accepts.
        """
        return apply_plan(
            self, table, keys=keys, deidentifier=deidentifier, recall=recall, population=population
        )
