"""Contracts: what a table has to be like, proposed from the training data and edited by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import pandas as pd
import yaml
from pydantic import Field, model_validator

from auditkit.canonical import Digest, digest_of
from auditkit.documents import Document, Text, parse_document
from auditkit.errors import InputError, PolicyError
from auditkit.files import read_text
from auditkit.tables.convert import to_pandas
from auditkit.watching.profile.counting import as_numbers, as_texts
from auditkit.watching.profile.fitting import kind_of

_MOST_LEVELS: Final = 50
_FEWEST: Final = 11


class ContractColumn(Document):
    """What one column has to be like.

    Attributes:
        kind: "number", "level" (text, categories, booleans) or "time".
        most_missing: The share of values that may be missing, from 0 to 1.
        at_least: The least number.
        at_most: The greatest number.
        levels: The only levels; empty: any.
        median: The median of the training data; with it a change of unit is noticed.
        constant: Whether it may have one value only.
        severity: "hard" refuses rows that break it; "soft" warns.
    """

    kind: Literal["number", "level", "time"]
    most_missing: float = Field(default=0.0, ge=0, le=1)
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    levels: tuple[str, ...] = ()
    median: float | None = Field(default=None, allow_inf_nan=False)
    constant: bool = False
    severity: Literal["hard", "soft"] = "hard"


class ContractRule(Document):
    """A rule between two columns, row by row; rows where either is missing keep it.

    Attributes:
        id: Unique in the contract.
        left: A column.
        operator: How the two compare.
        right: Another column.
        severity: "hard" refuses rows that break it; "soft" warns.
    """

    id: Text
    left: Text
    operator: Literal["<", "<=", "==", "!=", ">=", ">"]
    right: Text
    severity: Literal["hard", "soft"] = "hard"


class Contract(Document):
    """What a table has to be like.

    Attributes:
        id: Short name.
        version: Its version.
        columns: Each column by its name; at least one.
        key: The columns that together name a row once; empty: rows have no key.
        time: The column with each row's time; empty: none.
        rules: Rules between columns.
        extra: Whether columns that are not named here are refused, warned of, or ignored.
    """

    id: Text
    version: Text
    columns: Mapping[str, ContractColumn] = Field(min_length=1)
    key: tuple[str, ...] = ()
    time: str = ""
    rules: tuple[ContractRule, ...] = ()
    extra: Literal["hard", "soft", "ignore"] = "soft"

    @model_validator(mode="after")
    def _named(self) -> Self:
        named = [*self.key, *filter(None, [self.time]), *(r.left for r in self.rules),
                 *(r.right for r in self.rules)]  # fmt: skip
        if unknown := [name for name in named if name not in self.columns]:
            raise ValueError(f"the column {unknown[0]!r} is used and is not among columns")
        return self

    @property
    def digest(self) -> Digest:
        """The digest of everything in it."""
        return digest_of("contract/v1", self.model_dump(mode="json"))

    @classmethod
    def read(cls, contract: str | Path | Contract) -> Contract:
        """Reads a contract from its file.

        Raises:
            PolicyError: If it is not there, or wrong.
        """
        if isinstance(contract, Contract):
            return contract
        path = Path(contract)
        remedy = "make one: auditkit validate DATA --contract FILE --propose"
        text = read_text(path, what="contract", kind=PolicyError, remedy=remedy)
        return parse_document(Contract, text, source=path.name)

    @classmethod
    def propose(
        cls, table: Any, *, name: str = "data", key: Sequence[str] = (), time: str = ""
    ) -> Contract:
        """A contract that the training data keep, to be edited by people.

        Ranges are the data's, widened on both sides by their width; levels are those of at least
        11 rows, if there are at most 50; the share of missing values is that of the data and 5
        points. A key has neither range nor levels.

        Args:
            table: The training data: any common table.
            name: The contract's id.
            key: The columns that together name a row once.
            time: The column with each row's time.

        Raises:
            InputError: If the table has no rows, or lacks a column that is named.
        """
        frame = to_pandas(table, what="table")
        if not len(frame):
            raise InputError("The table has no rows.", remedy="give the training data")
        columns = {c: _proposed(frame[c], is_time=c == time) for c in frame.columns}
        for part in key:  # numbers of cases grow, and have no unit
            if part in columns:
                columns[part] = ContractColumn(kind=columns[part].kind)
        for used in (*key, *filter(None, [time])):
            if used not in columns:
                raise InputError(f"table has no column {used!r}.", remedy="name one of its columns")
        return cls(id=name, version="1", columns=columns, key=tuple(key), time=time)

    def to_yaml(self) -> str:
        """The text of its file."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _proposed(column: pd.Series[Any], *, is_time: bool) -> ContractColumn:
    most = float(np.ceil(100 * (float(column.isna().mean()) + 0.05)) / 100)
    missing = min(1.0, most) if column.isna().any() else 0.0
    if is_time or column.dtype.kind in "mM":
        return ContractColumn(kind="time", most_missing=missing)
    if kind_of(column) == "number":
        values = as_numbers(column, what="a column")
        finite = values[np.isfinite(values)]
        if not len(finite):
            return ContractColumn(kind="number", most_missing=1.0)
        low, high = float(finite.min()), float(finite.max())
        room = high - low
        floor = 0.0 if low >= 0 else _short(low - room)
        return ContractColumn(
            kind="number", most_missing=missing, at_least=floor, at_most=_short(high + room),
            median=_short(float(np.median(finite))), constant=low == high,
        )  # fmt: skip
    codes, texts = as_texts(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    common = sorted(t for t, c in zip(texts, counts, strict=True) if c >= _FEWEST)
    named = len(common) == len(texts) and len(texts) <= _MOST_LEVELS
    return ContractColumn(
        kind="level", most_missing=missing, levels=tuple(common) if named else (),
        constant=len(texts) == 1,
    )  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.3g}")
