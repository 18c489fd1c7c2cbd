"""A sample of a population that anybody can draw again with `sha256sum` and `sort`.

The key of an item is the SHA-256 of `SEED:ITEM_ID`, without a line break; the items with the
smallest keys are the sample. The seed is the root of a checkpoint, as 64 hex digits. If that
checkpoint is later than the population, nobody could choose the sample by choosing the population.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditkit.canonical import Json
from auditkit.errors import InputError, VerificationError
from auditkit.files import read_bytes, write_whole
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.checkpoint import Checkpoint
from auditkit.ledger.records.receipt import Receipt, verify_receipt
from auditkit.merkle import range_root
from auditkit.period.extract import index_of, population_sha256, read_ipe
from auditkit.tables.cells import csv_bytes

TYPE: Final = "auditkit/sample/v1"
BY_SEED: Final = "entity-selected, by a seed that follows from the log"
BY_LIST: Final = "as listed by the examiner"
_CSV_BYTES: Final = 4 * 2**30
_SEED: Final = re.compile(r"checkpoint:([0-9]{1,15})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seed:
    """A checkpoint's root.

    Attributes:
        size: The checkpoint's size.
        root: Its root, 64 hex digits.
        published: Whether the log keeps the checkpoint, signed; else its root was computed.
    """

    size: int
    root: str
    published: bool


def key_of(seed: str, item: str) -> str:
    """An item's key: the SHA-256 of `SEED:ITEM_ID`, 64 hex digits."""
    return hashlib.sha256(f"{seed}:{item}".encode()).hexdigest()


def drawn(items: Sequence[str], seed: str, n: int) -> list[str]:
    """The `n` items with the smallest keys, in the order of their keys; all if there are fewer.

    Raises:
        InputError: If `n` is below 1.
    """
    if n < 1:
        raise InputError("A sample has at least one item.", remedy="give --n 25")
    return sorted(items, key=lambda item: key_of(seed, item))[:n]


def seed_of(log: LogReader, text: str) -> Seed:
    """The seed that `checkpoint:18342` names.

    Raises:
        InputError: If it names no checkpoint, or one that the log has not reached.
    """
    found = _SEED.fullmatch(text)
    size = int(found[1]) if found else 0
    if not size:
        raise InputError(
            "The seed names no checkpoint.", remedy="write --seed-from checkpoint:18342"
        )
    with log.reading() as session:
        head = session.head()
        if size > head.size:
            raise InputError(
                f"The log has {head.size:,} entries, and no checkpoint of {size:,}.",
                remedy="name a checkpoint of at most that size",
            )
        note = session.checkpoint(size) or (head.note if size == head.size else None)
        if note is None:
            return Seed(size=size, root=range_root(0, size, session.nodes).hex(), published=False)
    root = Checkpoint.parse(note.partition("\n\n")[0] + "\n").root
    return Seed(size=size, root=root.hex(), published=True)


def draw_sample(
    log: LogReader,
    population: Path,
    folder: Path,
    *,
    n: int | None = None,
    seed: str = "",
    items: Sequence[str] = (),
) -> dict[str, Any]:
    """Draws a sample of a population, and writes sample.csv and sample.json with its proofs.

    Args:
        log: The log that the population is of.
        population: Its CSV, with `ipe.json` beside it.
        folder: Where to write.
        n: How many items, with a seed.
        seed: `checkpoint:SIZE`.
        items: The examiner's own, instead of a seed.

    Returns:
        What sample.json holds.

    Raises:
        InputError: If there is neither a seed nor a list, or an item is not in the population.
        VerificationError: If the CSV is not what `ipe.json` says, or not what the log gives.
    """
    if bool(seed) == bool(items):
        raise InputError(
            "A sample is drawn by a seed or by a list.", remedy="give --seed-from, or --items"
        )
    columns, rows, ipe = read_population(log, population)
    chosen: list[str]
    given: dict[str, Json]
    if items:
        chosen = list(dict.fromkeys(items))
        lacking = [item for item in chosen if item not in rows]
        if lacking:
            raise InputError(
                f"{len(lacking)} of the items are not in the population.",
                remedy="name items as the first column of population.csv does",
            )
        given = {"selected": BY_LIST, "seed": None}
    else:
        found = seed_of(log, seed)
        chosen = drawn(list(rows), found.root, 25 if n is None else n)
        given = {
            "selected": BY_SEED,
            "seed": found.root,
            "seed_checkpoint": found.size,
            "seed_published": found.published,
            "seed_after_population": found.size > ipe["size"],
        }
    receipts = {index: log.prove(index) for index in sorted({index_of(i) for i in chosen})}
    sample: dict[str, Any] = {
        "type": TYPE,
        "population": ipe["population"],
        "period": ipe["period"],
        "population_sha256": ipe["file_sha256"],
        "population_count": len(rows),
        "population_checkpoint": ipe["size"],
        "method": "key: SHA-256 of SEED:ITEM_ID, no newline; ascending; the first n",
        "n": len(chosen),
        **given,
        "items": [
            {
                "item_id": item,
                "key": key_of(str(given["seed"]), item) if given["seed"] else None,
                "ledger_index": index_of(item),
            }
            for item in chosen
        ],
        "receipts": [receipt.to_json() for receipt in receipts.values()],
    }
    write_whole(folder / "sample.csv", csv_bytes([columns, *(rows[item] for item in chosen)]))
    write_whole(folder / "sample.json", (json.dumps(sample, indent=1) + "\n").encode())
    return sample


def check_sample(log: LogReader, population: Path, sample: Path) -> dict[str, Any]:
    """Checks a sample that was drawn before: its population, its items, and their proofs.

    Raises:
        InputError: If the file is no sample.
        VerificationError: If the population has changed since, the seed gives other items, or a
            proof is wrong.
    """
    try:
        found = json.loads(read_bytes(sample, what="sample", limit=_CSV_BYTES))
        if found["type"] != TYPE:
            raise ValueError(TYPE)  # noqa: TRY301
        items = [str(one["item_id"]) for one in found["items"]]
        was, seed = str(found["population_sha256"]), found["seed"]
        receipts = [Receipt.from_json(one) for one in found["receipts"]]
        checkpoint = int(found["seed_checkpoint"]) if seed else 0
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("The file is no sample.", remedy="give a sample.json") from error
    data = read_bytes(population, what="population", limit=_CSV_BYTES)
    if hashlib.sha256(data).hexdigest() != was:
        raise VerificationError(
            "The population has changed since the sample was drawn.",
            remedy="draw a new sample, or restore the population",
        )
    _, rows, _ = read_population(log, population)
    if seed:
        root = seed_of(log, f"checkpoint:{checkpoint}").root
        if root != seed or drawn(list(rows), root, max(1, len(items))) != items:
            raise VerificationError("The seed does not give the items of the sample.")
    proved = set()
    for receipt in receipts:
        verify_receipt(receipt, log.verifiers)
        proved.add(receipt.index)
    if {index_of(item) for item in items} - proved or not set(items) <= rows.keys():
        raise VerificationError("The sample holds items that are not proved or not there.")
    return dict(found)


def read_population(
    log: LogReader, population: Path
) -> tuple[list[str], dict[str, list[str]], dict[str, Any]]:
    """A population's columns, its rows by their ids, and what `ipe.json` says.

    Raises:
        VerificationError: If the CSV is not what `ipe.json` says, or not what the log gives.
    """
    ipe = read_ipe(population)
    data = read_bytes(population, what="population", limit=_CSV_BYTES)
    wrong = "draw samples from the files that 'auditkit evidence population' wrote, unchanged"
    if hashlib.sha256(data).hexdigest() != ipe["file_sha256"]:
        raise VerificationError(
            "The population is not the one that its ipe.json describes.", remedy=wrong
        )
    if ipe["size"] > log.size:
        raise VerificationError(
            "The population is of a longer log than this one.", remedy="name the log that it is of"
        )
    again, _ = population_sha256(log, ipe["population"], ipe["window"], size=ipe["size"])
    if again != ipe["file_sha256"]:
        raise VerificationError("The log does not give this population.", remedy=wrong)
    columns, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    return columns, {row[0]: row for row in rows}, ipe
