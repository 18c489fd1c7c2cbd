"""`auditkit validate` and `auditkit splits`: a table against a contract, test against training."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import print_rows, say
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.watching.validation.result import Validated

_COLUMNS = ("outcome", "severity", "question", "column", "count", "n")

_Missing = Annotated[
    str,
    typer.Option("--missing", metavar="WORDS", help="Words that mean a missing value, as NA,n/a."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")]
_Key = Annotated[
    str, typer.Option("--key", metavar="COLUMNS", help="The columns that name a row or a person.")
]


def validate(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="The table: CSV, JSON Lines or Parquet.")
    ],
    contract: Annotated[
        Path, typer.Option("--contract", metavar="FILE", help="The contract's YAML file.")
    ],
    propose: Annotated[
        bool,
        typer.Option(
            "--propose", help="Write the contract from this table, to be edited; judge nothing."
        ),
    ] = False,
    key: _Key = "",
    time: Annotated[
        str,
        typer.Option(
            "--time", metavar="COLUMN", help="With --propose: the column with each row's time."
        ),
    ] = "",
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="Rows later than this, UTC, lie in the future. Default: now.",
        ),
    ] = None,
    missing: _Missing = "",
    as_json: _Json = False,
) -> None:
    """Validate a table against a contract: columns, kinds, ranges, levels, keys, times.

    Exit: 0 kept; 10 a hard rule is broken; 11 a soft one, or uncertain; 3 there are no rows.

    Example: auditkit validate day.csv --contract contract.yaml
    """  # fmt: skip
    from auditkit.files import write_whole
    from auditkit.loading.files import load_table
    from auditkit.resources import schema_line
    from auditkit.watching.validation.contract import Contract
    from auditkit.watching.validation.result import SMALL_CELL
    from auditkit.watching.validation.validate import exit_code
    from auditkit.watching.validation.validate import validate as validated

    table = load_table(data, missing=_words(missing))
    if propose:
        if contract.exists():
            raise InputError(f"{contract} exists.", remedy="name another file, or remove it")
        made = Contract.propose(table, name=data.stem, key=_words(key), time=time)
        text = schema_line("contract", contract.parent) + made.to_yaml()
        write_whole(contract, text.encode())
        say(f"Wrote {contract} from {len(table):,} rows. Read it, and edit what is not so.")
        return
    found = validated(table, contract=contract, as_of=as_of or datetime.now(tz=UTC))
    _print(found, as_json=as_json)
    count = found.refused_rows
    few = f"fewer than {SMALL_CELL}" if 0 < count < SMALL_CELL else f"{count:,}"
    say(f"{few} of {found.rows:,} rows break a hard rule.")
    raise typer.Exit(exit_code(found))


def splits(
    train: Annotated[Path, typer.Argument(metavar="TRAIN", help="The training table.")],
    test: Annotated[Path, typer.Argument(metavar="TEST", help="The test table.")],
    key: _Key = "",
    household: Annotated[
        str,
        typer.Option(
            "--household", metavar="COLUMNS", help="The columns that a household or firm shares."
        ),
    ] = "",
    time: Annotated[
        str,
        typer.Option("--time", metavar="COLUMN", help="The column with the time of each decision."),
    ] = "",
    label: Annotated[
        str,
        typer.Option(
            "--label", metavar="COLUMN", help="The column with the outcome, to look for leakage."
        ),
    ] = "",
    missing: _Missing = "",
    as_json: _Json = False,
) -> None:
    """Look for what training and test share, and for features that give the answer away.

    Exit: 0 apart; 10 not; 11 near duplicates, or not tested; 3 there are no rows.

    Example: auditkit splits train.csv test.csv --key id --time decided_at --label bad
    """
    from auditkit.loading.files import load_table
    from auditkit.watching.validation.splits import splits as compared
    from auditkit.watching.validation.validate import exit_code

    tables = [load_table(path, missing=_words(missing)) for path in (train, test)]
    found = compared(*tables, key=_words(key), household=_words(household), time=time, label=label)
    _print(found, as_json=as_json)
    raise typer.Exit(exit_code(found))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _print(found: Validated, *, as_json: bool) -> None:
    rows = [
        (
            r.outcome.words, r.severity, r.question, r.column,
            ("few" if not as_json else None) if r.is_small else r.count, r.n,
        )
        for r in found.results
    ]  # fmt: skip
    print_rows(_COLUMNS, rows, as_json=as_json)
    met = sum(row[0] == "met" for row in rows)
    say(f"{met} of {len(rows)} questions are met: {found.outcome.words}.")
    for result in found.findings[:5]:
        say(f"  {result.statement}")
