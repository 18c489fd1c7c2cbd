"""Tables in files, larger than memory: read, treated and written a batch at a time.

CSV (UTF-8, first line names the columns), JSON Lines (one object a line; nested objects become
columns `a.b`, lists stay JSON text) and Parquet, by the file's ending. The output is written to a
temporary file and renamed when it is complete and has no leak: after an error, a crash or Ctrl-C
there is no output file.

Identifiers of other rows are searched for within a batch; those of a cell's own row always.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from auditkit.deid.detect.detector import Deidentifier
from auditkit.deid.pipeline.apply import leak_error, treat_table
from auditkit.deid.pipeline.evidence import Run, evidence_of
from auditkit.deid.pipeline.free_text import NoteRedactor
from auditkit.deid.pipeline.leaks import Leaks
from auditkit.deid.pipeline.plan import Plan
from auditkit.deid.planning.plan import TablePlan
from auditkit.deid.risk.population import Population
from auditkit.deid.table.cell_texts import cell_text, is_nested
from auditkit.deid.table.column import Column
from auditkit.deid.table.column_buffer import ColumnBuffer
from auditkit.deid.table.frames import flat, read_columns
from auditkit.deid.transform.operators import Keys
from auditkit.errors import InputError, NothingToAuditError
from auditkit.evidence import Evidence
from auditkit.files import whole_file
from auditkit.tables.cells import write_csv
from auditkit.tables.reading import BATCH_ROWS, ending_of, read_batches


def propose_for_file(path: Path, *, batch_rows: int = BATCH_ROWS, **options: Any) -> Plan:
    """A plan for a file, from its first batch.

    Args:
        path: The file.
        batch_rows: Largest number of rows in a batch.
        options: Those of `Plan.propose`.

    Raises:
        NothingToAuditError: If the file has no rows.
    """
    for batch in read_batches(path, batch_rows):
        return Plan.propose(batch, **options)
    raise NothingToAuditError(f"{path.name} has no rows.")


def read_whole_columns(path: Path, names: Sequence[str]) -> dict[str, Column]:
    """All rows of some columns of a file.

    Raises:
        InputError: If the file lacks one of them.
    """
    kept = ColumnBuffer(names)
    for batch in map(flat, read_batches(path)):
        missing = [name for name in names if name not in batch.column_names]
        if missing:
            raise InputError(
                f"{path.name} lacks {', '.join(map(repr, missing))}.",
                remedy="name columns of the table",
            )
        kept.add(read_columns(batch.select(list(names))))
    return kept.columns()


def apply_to_file(
    plan: TablePlan,
    source: Path,
    target: Path,
    *,
    keys: Keys,
    deidentifier: Deidentifier,
    recall: Evidence | None = None,
    population: Population | None = None,
    batch_rows: int = BATCH_ROWS,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Evidence, ...]:
    """De-identifies a file into another; see `Plan.apply`.

    Args:
        plan: Must have exactly the file's columns.
        source: The table.
        target: Where the output goes, in any of the three formats; replaced if it is there.
        keys: For treatments that need any.
        deidentifier: Reads free text.
        recall: As for `Plan.apply`.
        population: As for `Plan.apply`.
        batch_rows: Largest number of rows treated at a time.
        progress: Called with the number of rows done so far.

    Raises:
        InputError: If a row cannot be read, or the columns are not the plan's.
        VerificationError: If identifiers remain.
        OutputError: If the output cannot be written.
    """
    ending_of(target)
    if source.resolve() == target.resolve():
        raise InputError("Source and output are the same file.", remedy="name another output")
    total = _Total(plan)
    redactor = NoteRedactor(deidentifier)
    with whole_file(target) as file:
        with ExitStack() as stack:
            write: _Writer | None = None
            for batch in read_batches(source, batch_rows):
                clean, run = treat_table(plan, batch, keys=keys, redactor=redactor)
                if run.leaks.total:
                    raise leak_error(run.leaks)
                write = write or _writer(file, ending_of(target), stack)
                write(clean)
                total.add(run)
                progress(total.rows)
        if write is None:
            raise NothingToAuditError(f"{source.name} has no rows.")
        return evidence_of(total.run(), deidentifier, recall=recall, population=population)


class _Total:
    """The runs of a file's batches, added up."""

    def __init__(self, plan: TablePlan) -> None:
        self._plan = plan
        self.rows = 0
        self._found: dict[str, Counter[str]] = {}
        self._by_class: Counter[str] = Counter()
        self._cells = 0
        self._kept = ColumnBuffer(dict.fromkeys((*plan.quasi_identifiers, *plan.sensitive)))

    def add(self, run: Run) -> None:
        self.rows += run.rows
        self._cells += run.leaks.cells
        for letter, count in run.leaks.by_class.items():
            self._by_class[letter] += count
        for name, counts in run.found.items():
            self._found.setdefault(name, Counter()).update(counts)
        self._kept.add(run.output)

    def run(self) -> Run:
        leaks = Leaks(by_class=self._by_class, by_column={}, cells=self._cells)
        return Run(
            plan=self._plan, found=self._found, leaks=leaks,
            rows=self.rows, output=self._kept.columns(),
        )  # fmt: skip


class _Writer(Protocol):
    def __call__(self, table: Any, /) -> None: ...


def _writer(file: BinaryIO, ending: str, stack: ExitStack) -> _Writer:
    if ending == ".parquet":
        return _parquet_writer(file, stack)
    text = stack.enter_context(TextIOWrapper(file, encoding="utf-8", newline=""))
    if ending == ".csv":
        started = False

        def write_rows(table: Any) -> None:
            nonlocal started
            if not started:
                write_csv(text, [table.column_names], exact=True)
                started = True
            columns = [map(_csv_cell, column.to_pylist()) for column in table.columns]
            write_csv(text, zip(*columns, strict=True), exact=True)

        return write_rows

    def write_json(table: Any) -> None:
        text.writelines(
            json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in table.to_pylist()
        )

    return write_json


def _csv_cell(value: Any) -> Any:
    """Lists and bytes as text; the writer knows the rest."""
    return cell_text(value) if is_nested(value) or isinstance(value, bytes) else value


def _parquet_writer(file: BinaryIO, stack: ExitStack) -> _Writer:
    import pyarrow.parquet as pq

    writers: list[Any] = []

    def write(table: Any) -> None:
        if not writers:
            writers.append(stack.enter_context(pq.ParquetWriter(file, table.schema)))
        writers[0].write_table(table)

    return write
