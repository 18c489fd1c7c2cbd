"""Reads tables from files; every table file is read here.

CSV (UTF-8, first line names the columns), JSON Lines (one object a line; nested objects become
columns `a.b`, lists stay JSON text) and Parquet, by the file's ending, in batches, so that a file
may be larger than memory.

Laws:
    - Every cell of CSV and JSON Lines is text, unchanged: 007 stays 007. An empty cell of CSV and
      null are missing; words such as NA, None or n/a are not.
    - A duplicate column name or key is an error, and so are a row of another length and bytes
      that are not UTF-8.
    - Errors name the file, the row and the column, never a cell's value.
    - No setting of the process is changed; cells over the csv module's limit are read here.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from auditkit.documents import MAX_DEPTH
from auditkit.errors import InputError
from auditkit.files import require_file

_REMEDY: Final = "check the path; in an audit file it is relative to the file's folder"
BATCH_ROWS: Final = 20_000
_BATCH_BYTES: Final = 16_000_000
ENDINGS: Final = (".csv", ".jsonl", ".ndjson", ".parquet")
# Separators of other dialects, to name in the error.
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_FIELD: Final = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n][^,\r\n]*)?)(,|\r?\n|\r|\Z)')


def read_batches(path: Path, rows: int = BATCH_ROWS) -> Iterator[Any]:
    """A file's table in batches: pyarrow tables of at most some rows, fewer if cells are long.

    Args:
        path: The file.
        rows: Largest number of rows in a batch; no batch is empty.

    Raises:
        InputError: If the file cannot be read in the format of its ending; with the row and, if
            there is one, the column, never the value.
    """
    return (batch for batch in _batches(path, rows) if batch.num_rows)


def read_table(path: Path) -> Any:
    """A file's whole table as a pyarrow table; it may have no rows.

    Raises:
        InputError: As `read_batches`, or if the file names no columns.
    """
    import pyarrow as pa

    batches = list(_batches(path, BATCH_ROWS))
    if not batches:
        raise InputError(
            f"{path.name} is empty: it names no columns.", remedy="check that the file is whole"
        )
    return pa.concat_tables(batches)


def _batches(path: Path, rows: int) -> Iterator[Any]:
    """As `read_batches`, but a table without rows gives one empty batch."""
    read = {".csv": _csv_batches, ".parquet": _parquet_batches}.get(ending_of(path), _json_batches)
    require_file(path, what="table", remedy=_REMEDY)
    try:
        yield from read(path, rows)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read.", remedy="name a file you may read"
        ) from error


def _csv_batches(path: Path, rows: int) -> Iterator[Any]:
    # Bytes that are not UTF-8 are read as lone surrogates, to be reported by row and column.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        header: list[str] | None = None
        batch: list[list[str]] = []
        number = size = 0
        try:
            for cells in _records(file):
                if header is None:
                    header = cells
                    _check_header(path, header)
                    continue
                if not cells:
                    continue
                number += 1
                if cells == header and len(header) > 1:
                    raise InputError(
                        f"{path.name}, row {number}: the first line again.",
                        remedy="remove it, as where files were joined",
                    )
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
        if header is not None and (batch or not number):
            yield _table(path, header, batch, number - len(batch))


def _records(file: TextIO) -> Iterator[list[str]]:
    """The records of a CSV file, with cells of any length.

    The csv module refuses cells over 131,072 characters, a limit of the whole process. A record
    with such a cell is parsed here; the module continues after it.
    """
    lines_read: list[str] = []  # of the current record

    def lines() -> Iterator[str]:
        for line in file:
            lines_read.append(line)
            yield line

    source = lines()
    while True:
        try:
            for cells in csv.reader(source, strict=True):
                lines_read.clear()
                yield cells
        except csv.Error as error:
            if "limit" not in str(error):
                raise
            yield _long_record(lines_read, source)
            lines_read.clear()
        else:
            return


def _long_record(lines_read: list[str], source: Iterator[str]) -> list[str]:
    """The cells of a record, some of whose lines have been read.

    Raises:
        csv.Error: If it is not well-formed.
    """
    quotes = sum(line.count('"') for line in lines_read)
    while quotes % 2:
        line = next(source, None)
        if line is None:
            raise csv.Error("a quote is not closed")
        quotes += line.count('"')
    text = "".join(lines_read)
    cells: list[str] = []
    at = 0
    while True:
        found = _FIELD.match(text, at)
        if found is None:
            raise csv.Error("a quoted cell continues after its quote")
        quoted, plain, end = found.groups()
        cells.append(plain or "" if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end != ",":
            if at < len(text):
                raise csv.Error("a quote is not closed")
            return cells


def _check_header(path: Path, header: list[str]) -> None:
    if len(set(header)) != len(header):
        raise _twice(path)
    if not all(_is_text(name) for name in header):
        raise InputError(f"{path.name}: the first line is not UTF-8.", remedy="save it as UTF-8")
    other = next((word for sign, word in _SEPARATORS.items() if sign in header[0]), "")
    if len(header) == 1 and other:
        raise InputError(
            f"{path.name}: the cells are separated by {other}, not by commas.",
            remedy="save it with commas, and with points in decimal numbers",
        )


def _twice(path: Path) -> InputError:
    return InputError(f"{path.name} names two columns alike.", remedy="rename one")


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
                f"{path.name}, by line {number}: text that is not Unicode.",
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
                    f"{path.name}, line {number}: two keys give the same column.",
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
        raise ValueError("a key occurs twice")
    return found


def _no_number(name: str) -> None:
    raise ValueError(name)


def _flat(item: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, value in item.items():
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
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
            names = file.schema_arrow.names
            if len(set(names)) != len(names):
                raise _twice(path)
            groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            each = sum(g.total_byte_size for g in groups) // max(1, file.metadata.num_rows)
            fewer = max(1, min(rows, _BATCH_BYTES // max(1, each)))
            for batch in file.iter_batches(batch_size=fewer):
                yield pa.Table.from_batches([batch])
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table()
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path.name} is not a Parquet file that can be read.",
            remedy="check that the file is whole",
        ) from error


def ending_of(path: Path) -> str:
    """The ending of a table's file, which gives its format.

    Raises:
        InputError: If it is none of `ENDINGS`.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"{path.name}: tables are read and written as {', '.join(ENDINGS)}.",
            remedy="name a file with one of these endings",
        )
    return ending
