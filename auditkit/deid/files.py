"""Tables in files, larger than memory: read, treated and written a batch at a time.

CSV (UTF-8, first line names the columns), JSON Lines (one object a line; nested objects become
columns `a.b`, lists stay JSON text) and Parquet, by the file's ending. The output is written to a
temporary file beside its place, and takes its place when it is whole and holds no leak: after an
error, a crash or Ctrl-C there is nothing there.

Identifiers of other rows are searched for within a batch; those of a cell's own row always.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from auditkit.cells import write_csv
from auditkit.deid.accounting import Run, evidence_of
from auditkit.deid.applying import leaked, treat
from auditkit.deid.cell_texts import cell_text, is_nested
from auditkit.deid.detector import Deidentifier
from auditkit.deid.frames import Column, flat, read_columns
from auditkit.deid.gathering import Gathering
from auditkit.deid.leaks import Leaks
from auditkit.deid.notes import Reader
from auditkit.deid.plan import Plan
from auditkit.deid.population import Population
from auditkit.deid.treating import Keys
from auditkit.documents import MOST_DEPTH
from auditkit.errors import InputError, NothingToAuditError
from auditkit.evidence import Evidence
from auditkit.files import whole_file

BATCH_ROWS: Final = 20_000
_BATCH_BYTES: Final = 16_000_000
_LONGEST_CELL: Final = 2**31 - 1
_ENDINGS: Final = (".csv", ".jsonl", ".ndjson", ".parquet")


def read_batches(path: Path, rows: int = BATCH_ROWS) -> Iterator[Any]:
    """A file's table as pyarrow tables of at most some rows each, fewer where cells are long.

    Raises:
        InputError: If the file cannot be read as what its ending says; the row is named, and the
            column where there is one, never the value.
    """
    read = {".csv": _csv_batches, ".parquet": _parquet_batches}.get(_ending(path), _json_batches)
    try:
        yield from read(path, rows)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read.", remedy="name a file you may read"
        ) from error


def propose_for_file(path: Path, **options: Any) -> Plan:
    """A plan for a file, from its first batch. Options are those of `Plan.propose`.

    Raises:
        NothingToAuditError: If the file has no rows.
    """
    for batch in read_batches(path):
        return Plan.propose(batch, **options)
    raise NothingToAuditError(f"{path.name} has no rows.")


def gather(path: Path, names: Sequence[str]) -> dict[str, Column]:
    """Some columns of a file, whole.

    Raises:
        InputError: If the file lacks one of them.
    """
    kept = Gathering(names)
    for batch in map(flat, read_batches(path)):
        lacking = [name for name in names if name not in batch.column_names]
        if lacking:
            raise InputError(
                f"{path.name} lacks {', '.join(map(repr, lacking))}.",
                remedy="name columns of the table",
            )
        kept.add(read_columns(batch.select(list(names))))
    return kept.columns()


def apply_to_file(
    plan: Plan,
    source: Path,
    target: Path,
    *,
    keys: Keys,
    deidentifier: Deidentifier,
    recall: Evidence | None = None,
    population: Population | None = None,
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
        progress: Called with the number of rows done so far.

    Raises:
        InputError: If a row cannot be read, or the columns are not the plan's.
        VerificationError: If identifiers remain.
        OutputError: If the output cannot be written.
    """
    _ending(target)
    if source.resolve() == target.resolve():
        raise InputError("Source and output are the same file.", remedy="name another output")
    whole = _Whole(plan)
    reader = Reader(deidentifier)
    with whole_file(target) as file:
        with ExitStack() as stack:
            write: _Writer | None = None
            for batch in read_batches(source):
                clean, run = treat(plan, batch, keys=keys, reader=reader)
                if run.leaks.total:
                    raise leaked(run.leaks)
                write = write or _writer(file, _ending(target), stack)
                write(clean)
                whole.add(run)
                progress(whole.rows)
        if write is None:
            raise NothingToAuditError(f"{source.name} has no rows.")
        return evidence_of(replace(whole.run(deidentifier), recall=recall, population=population))


class _Whole:
    """What the batches of a file come to together."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.rows = 0
        self._found: dict[str, Counter[str]] = {}
        self._by_class: Counter[str] = Counter()
        self._cells = 0
        self._kept = Gathering(dict.fromkeys((*plan.quasi_identifiers, *plan.sensitive)))

    def add(self, run: Run) -> None:
        self.rows += run.rows
        self._cells += run.leaks.cells
        for letter, count in run.leaks.by_class.items():
            self._by_class[letter] += count
        for name, counts in run.found.items():
            self._found.setdefault(name, Counter()).update(counts)
        self._kept.add(run.output)

    def run(self, reader: Deidentifier) -> Run:
        leaks = Leaks(by_class=self._by_class, by_column={}, cells=self._cells)
        return Run(
            plan=self._plan, found=self._found, leaks=leaks,
            rows=self.rows, output=self._kept.columns(), reader=reader,
        )  # fmt: skip


def _csv_batches(path: Path, rows: int) -> Iterator[Any]:
    # Bytes that are not UTF-8 come through as lone surrogates, to be found by row and column.
    # The module's limit of 131,072 characters a cell is for the whole process; notes are longer.
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] | None = None
        batch: list[list[str]] = []
        number = size = 0
        try:
            for cells in reader:
                if header is None:
                    header = cells
                    _check_header(path, header)
                    continue
                if not cells:
                    continue
                number += 1
                if len(cells) != len(header):
                    raise InputError(
                        f"{path.name}, row {number}: {len(cells)} cells, expected {len(header)}.",
                        remedy="quote cells that hold commas or line breaks",
                    )
                batch.append(cells)
                size += sum(map(len, cells))
                if len(batch) == rows or size > _BATCH_BYTES:
                    yield _table(path, header, batch, number - len(batch))
                    batch, size = [], 0
        except csv.Error as error:
            raise InputError(
                f"{path.name}, after row {number}: not well-formed CSV.",
                remedy="close every quote, and quote cells that hold quotes",
            ) from error
        if batch and header is not None:
            yield _table(path, header, batch, number - len(batch))


def _check_header(path: Path, header: list[str]) -> None:
    if len(set(header)) != len(header):
        raise InputError(f"{path.name} names two columns alike.", remedy="rename one")
    if not all(_is_text(name) for name in header):
        raise InputError(f"{path.name}: the first line is not UTF-8.", remedy="save it as UTF-8")


def _table(path: Path, header: list[str], batch: list[list[str]], before: int) -> Any:
    import pyarrow as pa

    columns = []
    for position, name in enumerate(header):
        cells = [row[position] or None for row in batch]
        try:
            columns.append(pa.array(cells, pa.string()))
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            bad = next(i for i, cell in enumerate(cells, before + 1) if not _is_text(cell or ""))
            raise InputError(
                f"{path.name}, row {bad}, column {name!r}: not UTF-8.", remedy="save it as UTF-8"
            ) from error
    return pa.table(columns, names=header)


def _is_text(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= c <= "\udfff" for c in cell)


def _json_batches(path: Path, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    names: list[str] | None = None
    batch: list[dict[str, Any]] = []
    size = number = 0

    def table() -> Any:
        assert names is not None
        try:
            return pa.table(
                {n: pa.array([_cell(r.get(n)) for r in batch], pa.string()) for n in names}
            )
        except UnicodeEncodeError as error:
            raise InputError(
                f"{path.name}, by line {number}: text that is no Unicode.",
                remedy="save it as UTF-8",
            ) from error

    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
            except (ValueError, RecursionError) as error:
                raise InputError(
                    f"{path.name}, line {number}: not JSON in UTF-8.", remedy="one object a line"
                ) from error
            if not isinstance(item, dict):
                raise InputError(f"{path.name}, line {number}: not an object.")
            cells = list(_flat(item))
            row = dict(cells)
            if len(row) < len(cells):
                raise InputError(
                    f"{path.name}, line {number}: two keys come to the same column.",
                    remedy="a nested key is named a.b: rename the key that has a dot",
                )
            names = names or list(row)
            if new := set(row) - set(names):
                raise InputError(
                    f"{path.name}, line {number}: {len(new)} keys the first line does not have.",
                    remedy="give the first line every key, with null where there is no value",
                )
            batch.append(row)
            size += len(line)
            if len(batch) == rows or size > _BATCH_BYTES:
                yield table()
                batch, size = [], 0
        if batch:
            yield table()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _flat(item: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, value in item.items():
        if isinstance(value, dict) and value and depth < MOST_DEPTH:
            yield from _flat(value, f"{prefix}{key}.", depth + 1)
        else:
            yield prefix + key, value


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _parquet_batches(path: Path, rows: int) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            each = sum(g.total_byte_size for g in groups) // max(1, file.metadata.num_rows)
            fewer = max(1, min(rows, _BATCH_BYTES // max(1, each)))
            for batch in file.iter_batches(batch_size=fewer):
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        raise InputError(f"{path.name} is not a Parquet file.") from error


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


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(
            f"{path.name}: tables are read and written as {', '.join(_ENDINGS)}.",
            remedy="name a file with one of these endings",
        )
    return ending
