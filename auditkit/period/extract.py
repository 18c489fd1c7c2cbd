"""A population as files: population.csv, population.xlsx, and ipe.json, which says what they are.

Information that an entity produces is worth to an examiner what can be shown of its completeness
and accuracy. So `ipe.json` holds the query, the source, the counts by two ways, the log's root, and
items traced both ways.

Laws:
    - The CSV follows from the log's entries and the period, and from nothing else.
    - All of it is read in one state of the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from auditkit.canonical import Json
from auditkit.errors import InputError, VerificationError
from auditkit.files import read_bytes, require_writable, whole_file, write_whole
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import Checkpoint
from auditkit.ledger.records.entry import Entry
from auditkit.ledger.store.tables import Session, as_entry
from auditkit.merkle import verify_inclusion
from auditkit.output.workbook import Sheet, write_workbook
from auditkit.period.kinds import POPULATIONS, columns_of, kinds_of
from auditkit.period.populations import Row, Seen, rows
from auditkit.period.window import Period, stamp
from auditkit.tables.cells import write_csv
from auditkit.version import __version__

CSV: Final = "population.csv"
XLSX: Final = "population.xlsx"
IPE: Final = "ipe.json"
TYPE: Final = "auditkit/population/v1"
# More rows than these are in the CSV alone: a workbook of them takes minutes to open.
MOST_IN_XLSX: Final = 100_000
_TRACED: Final = 5
_ROWS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Population:
    """A population that was written.

    Attributes:
        name: One of `POPULATIONS`.
        period: The period.
        count: The number of items.
        size: How many entries the log had.
        root: The log's root at that size, 64 hex digits.
        sha256: The digest of the CSV, 64 hex digits.
        remarks: What an examiner should know of it: gaps, destroyed payloads, a log that does not
            cover the period.
    """

    name: str
    period: Period
    count: int
    size: int
    root: str
    sha256: str
    remarks: tuple[str, ...]


def query_of(population: str, period: Period) -> str:
    """The query as SQL on the log's own tables: the entries that hold the population's items."""
    kinds = kinds_of(population)
    logged = f"e.time_ms >= {period.begin_ms} AND e.time_ms < {period.end_ms}"
    clauses = []
    for kind in kinds:
        clause = f"e.kind = '{kind.name}' AND {logged}"
        if kind.when:
            day = f"datetime(json_extract(CAST(p.body AS TEXT), '$.{kind.when}'))"
            begin, end = (f"datetime('{stamp(t)}')" for t in (period.begin, period.end))
            clause = f"e.kind = '{kind.name}' AND {day} >= {begin} AND {day} < {end}"
        clauses.append(f"({clause})")
    where = "\n   OR ".join(clauses) or "0"
    return (
        "SELECT e.idx, e.time_ms, e.kind, CAST(p.body AS TEXT)\n"
        "FROM entry e LEFT JOIN payload p ON p.idx = e.idx\n"
        f"WHERE {where}\nORDER BY e.idx"
    )


def write_population(
    log: LogReader, name: str, period: Period, folder: Path, *, at: datetime, by: str = ""
) -> Population:
    """Writes a population's CSV, workbook and `ipe.json`. An empty one, too.

    Args:
        log: The log. What it says is worth as much as its check: see `LogReader.verify`.
        name: One of `POPULATIONS`.
        period: The period.
        folder: Where to; it is made if it is not there.
        at: The time now.
        by: Who makes the extract; empty: not stated.

    Raises:
        InputError: If there is no such population.
        VerificationError: If a payload is not the one that was logged.
        OutputError: If a file cannot be written.
    """
    _need(name)
    require_writable(folder)
    columns, seen, traced = columns_of(name), Seen(), list[Row]()
    kept = list[Row]()
    with log.snapshot() as session:
        checkpoint, note = _checkpoint(session)
        with whole_file(folder / CSV) as file:
            sink = _Sink(file)

            def watched() -> Iterator[Sequence[str]]:
                yield columns
                for row in rows(_entries(session, name), name, period, seen):
                    if len(kept) < MOST_IN_XLSX:
                        kept.append(row)
                    if len(traced) < _TRACED:
                        traced.append(row)
                    yield row

            write_csv(sink, watched())
        facts = _facts(session, name, seen)
    digest = sink.sha256
    remarks = _remarks(facts, period, seen)
    query = query_of(name, period)
    ipe: dict[str, Json] = {
        "type": TYPE,
        "population": name,
        "holds": POPULATIONS[name],
        "period": period.to_json(),
        "system": log.origin,
        "query_text": query,
        "query_sha256": hashlib.sha256(query.encode()).hexdigest(),
        "filters": {"kinds": [kind.name for kind in kinds_of(name)]},
        "row_count": seen.rows,
        "columns": list(columns),
        "file": CSV,
        "file_sha256": digest,
        "first_index": seen.first,
        "last_index": seen.last,
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex(), "note": note},
        "completeness": facts,
        "remarks": list(remarks),
        "accuracy": [_trace(log, row, name, period) for row in traced],
        "does_not_show": (
            "That everything was logged. 'auditkit evidence completeness' compares the log with "
            "the registry. 'auditkit log verify' checks every entry of the log."
        ),
        "made_by": {"auditkit": __version__, "code_sha256": _code()},
        "run_by": by,
        "run_at": stamp(at),
    }
    _write_workbook(folder, ipe, kept)
    write_whole(folder / IPE, (json.dumps(ipe, indent=1, ensure_ascii=True) + "\n").encode())
    return Population(
        name=name,
        period=period,
        count=seen.rows,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        sha256=digest,
        remarks=remarks,
    )


def population_sha256(log: LogReader, name: str, period: Period, *, size: int) -> tuple[str, int]:
    """The digest of a population's CSV in the log's first `size` entries, and its items' number.

    Raises:
        InputError: If there is no such population.
        VerificationError: If a payload is not the one that was logged.
    """
    _need(name)
    sink, seen = _Sink(), Seen()
    with log.snapshot() as session:
        found = rows(_entries(session, name, size), name, period, seen)
        write_csv(sink, _with_head(columns_of(name), found))
    return sink.sha256, seen.rows


def read_ipe(csv: Path) -> dict[str, Any]:
    """The `ipe.json` beside a population's CSV.

    Raises:
        InputError: If it is not there, or is none.
    """
    remedy = (
        "keep population.csv and ipe.json in one folder, as 'auditkit evidence population' does"
    )
    data = read_bytes(csv.parent / IPE, what="ipe.json", remedy=remedy)
    try:
        found = json.loads(data)
        if found["type"] != TYPE or found["population"] not in POPULATIONS:
            raise ValueError(TYPE)  # noqa: TRY301
        period = Period.parse(found["period"]["from"], found["period"]["to"])
        sized = (int(found["checkpoint"]["size"]), str(found["file_sha256"]), found["row_count"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("ipe.json is not that of a population.", remedy=remedy) from error
    return {**found, "window": period, "size": sized[0]}


def _need(name: str) -> None:
    if name not in POPULATIONS:
        raise InputError(
            f"There is no population {name!r}.", remedy=f"name one of: {', '.join(POPULATIONS)}"
        )


def _with_head(columns: Sequence[str], found: Iterable[Row]) -> Iterator[Sequence[str]]:
    yield columns
    yield from found


def _entries(session: Session, name: str, end: int | None = None) -> Iterator[Entry]:
    kinds = [kind.name for kind in kinds_of(name)]
    for batch in session.stream_entries(kinds=kinds, end=end, rows=_ROWS):
        yield from map(as_entry, batch)


def _checkpoint(session: Session) -> tuple[Checkpoint, str]:
    note = session.head().note
    return Checkpoint.parse(note.partition("\n\n")[0] + "\n"), note


def _facts(session: Session, name: str, seen: Seen) -> dict[str, Json]:
    """What is known of the completeness, by two ways, and of the log's sequence."""
    size, counts = session.head().size, session.counts()
    ends = [session.entry(at).time for at in (0, size - 1)] if size else []
    counted = sum(counts.get(kind.name, 0) for kind in kinds_of(name))
    return {
        "entries_of_these_kinds_read": seen.read,
        "entries_of_these_kinds_counted_by_sql": counted,
        "entries_in_period": seen.in_period,
        "items": seen.rows,
        "items_without_payload": seen.destroyed,
        "entries_repeating_an_item": seen.repeated,
        "log_size": size,
        "log_entries": sum(counts.values()),
        "missing_indexes": size - sum(counts.values()),
        "log_begins": stamp(ends[0]) if ends else None,
        "log_ends": stamp(ends[1]) if ends else None,
        "clock_set_back": counts.get("ledger.clock-set-back", 0),
    }


def _remarks(facts: dict[str, Json], period: Period, seen: Seen) -> tuple[str, ...]:
    found = []
    begins, ends = facts["log_begins"], facts["log_ends"]
    if begins is None:
        found.append("The log is empty: it says nothing about the period.")
    elif str(begins) >= stamp(period.end):
        found.append(f"The log begins on {begins}, after the period: it says nothing about it.")
    elif str(begins) > stamp(period.begin):
        found.append(f"The log begins on {begins}, after the period's beginning.")
    if ends is not None and str(ends) < stamp(period.end):
        found.append(f"The log's last entry is of {ends}, before the period's end.")
    if not seen.rows:
        found.append("The population is empty: the query found no item.")
    if facts["entries_of_these_kinds_read"] != facts["entries_of_these_kinds_counted_by_sql"]:
        found.append("The two counts of entries differ: the log's tables are not consistent.")
    if facts["missing_indexes"]:
        found.append(f"The log lacks {facts['missing_indexes']} of its entries.")
    if seen.destroyed:
        found.append(f"{seen.destroyed:,} items have no payload that can be read.")
    if facts["clock_set_back"]:
        found.append(f"The log's clock was set back {facts['clock_set_back']} times.")
    return tuple(found)


def _trace(log: LogReader, row: Row, name: str, period: Period) -> dict[str, Json]:
    """One item, traced from its row to the log's root, and from the entry back to the row."""
    index = index_of(row[0])
    receipt = log.prove(index)
    checkpoint = Checkpoint.parse(receipt.checkpoint.partition("\n\n")[0] + "\n")
    leaf = receipt.entry.leaf_hash()
    verify_inclusion(leaf, index, checkpoint.size, receipt.proof, checkpoint.root)
    if row not in list(rows([receipt.entry], name, period)):
        raise VerificationError(f"Entry {index} of the log does not give the item {row[0]}.")
    return {
        "item_id": row[0],
        "ledger_index": index,
        "leaf_sha256": leaf.hex(),
        "row_to_entry": "the entry is included under the checkpoint",
        "entry_to_row": "the entry's payload gives the same row",
    }


def index_of(item: str) -> int:
    """The index of the entry that holds an item.

    Raises:
        InputError: If it is no item's id.
    """
    number, _, part = item[1:].partition(".")
    is_id = item[:1] == "L" and number.isascii() and number.isdigit() and len(number) < 16
    if not is_id or (part and not (part.isascii() and part.isdigit())):
        raise InputError(
            "That is not the id of an item.", remedy="items are named like L18342, or L18342.3"
        )
    return int(number)


def _write_workbook(folder: Path, ipe: dict[str, Any], kept: list[Row]) -> None:
    count, columns = ipe["row_count"], ipe["columns"]
    many = count > len(kept)
    about = [
        ("What the rows are", ipe["holds"]),
        ("Population", ipe["population"]),
        ("From", ipe["period"]["from"]),
        ("To, not included", ipe["period"]["to"]),
        ("Time zone", "UTC"),
        ("Items", count),
        ("Rows here", f"the first {len(kept):,}; all are in {CSV}" if many else "all of them"),
        ("Log", ipe["system"]),
        ("Log's entries", ipe["checkpoint"]["size"]),
        ("Log's root", ipe["checkpoint"]["root"]),
        (f"SHA-256 of {CSV}", ipe["file_sha256"]),
        ("Query", ipe["query_text"]),
        *(("Remark", text) for text in ipe["remarks"]),
        ("How to check", f"{IPE} holds all of this, and items traced both ways."),
    ]
    with whole_file(folder / XLSX) as file:
        write_workbook(
            file,
            [
                Sheet("Read me", about, widths=(26, 90)),
                Sheet("Items", [columns, *kept], widths=(12, 22, 20, 16), is_table=True),
            ],
            time=ipe["period"]["to"],
        )


def _code() -> str:
    """The digest of the code that reads populations."""
    here = Path(__file__).parent
    files = sorted(here.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class _Sink:
    """Text that is hashed as UTF-8, and written to a file if there is one."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file, self._hashed = file, hashlib.sha256()

    def write(self, text: str) -> None:
        data = text.encode()
        self._hashed.update(data)
        if self._file is not None:
            self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._hashed.hexdigest()
