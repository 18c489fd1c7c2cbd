"""What a profile counts: columns, each with its cells, frozen when the baseline is fitted.

A column of numbers has the edges e0 < e1 < ... < ek and the cells

    (-inf, e0)  [e0, e1)  ...  [ek, inf)   missing   not finite

and a column of levels has one cell a level, then `other` (known at the baseline, and too rare to
be named), `unseen` (not known at the baseline) and missing.

Laws:
    - Profiles merge, and are compared, only if their layouts are equal.
    - No edge and no level rests on fewer than `small_cell` rows of the baseline.
    - Levels of columns that are personal are written as digests with a salt; the layout holds the
      digest of the salt, not the salt.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from auditkit.canonical import Digest, Json, digest_of
from auditkit.errors import InputError

Role = Literal[
    "feature", "score", "score of favourable", "score of other", "decision", "label",
    "outcome", "error", "absolute error", "attribution",
]  # fmt: skip

# The cells after those of values: what a column of each kind can hold besides.
AFTER: Final = {"number": ("missing", "not finite"), "level": ("other", "unseen", "missing")}
# Favourable is the last: True sorts after False.
DECIDED: Final = ("unfavourable", "favourable")
OUTCOMES: Final = (
    "true unfavourable", "false favourable", "false unfavourable", "true favourable",
)  # fmt: skip
# A group that the baseline does not name, and a row without one.
OTHER_GROUP, UNKNOWN_GROUP = "(other)", "(unknown)"
# A number of at least this size counts as not finite: its square would not be.
TOO_LARGE: Final = 1e150
MIN_SALT: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One thing that is counted.

    Attributes:
        name: The column's name; unique within its role.
        role: What it is to the model.
        kind: "number" or "level".
        edges: Of numbers, ascending.
        atoms: Whether every number of the baseline is an edge, as with numbers of children.
        levels: Of levels, in their order; digests if the column is personal.
        rare: Digests of levels that the baseline knew and that are too rare to be named.
        personal: Whether its levels are digests.
        closed: Whether the baseline had no level but these, so that any other is unseen.
    """

    name: str
    role: Role
    kind: Literal["number", "level"]
    edges: tuple[float, ...] = ()
    atoms: bool = False
    levels: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    personal: bool = False
    closed: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """Role and name."""
        return self.role, self.name

    @property
    def values(self) -> int:
        """The number of cells of values, which come first."""
        return len(self.edges) + 1 if self.kind == "number" else len(self.levels)

    @property
    def cells(self) -> int:
        """The number of all cells."""
        return self.values + len(AFTER[self.kind])

    def place_of(self, cell: str) -> int:
        """The position of `missing`, `not finite`, `other` or `unseen`."""
        return self.values + AFTER[self.kind].index(cell)

    def to_json(self) -> dict[str, Json]:
        """Every field, in the layout's JSON."""
        return {f.name: _listed(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Column:
        """The column that `to_json` wrote."""
        tuples = {name: tuple(content[name]) for name in ("levels", "rare")}
        edges = tuple(map(float, content["edges"]))
        return cls(**{**content, **tuples, "edges": edges})


def _listed(value: Any) -> Json:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All columns of a profile, and what else two profiles must agree on.

    Attributes:
        columns: In the order of their cells.
        task: "classification", "regression", or empty if the baseline had no labels.
        favourable: The label value that is good for the person, as text; empty: 1 or True.
        threshold: A score of at least this is a favourable decision, if no decision is given.
        groups: For each attribute its groups that are counted; empty: none.
        small_cell: No edge, level or group rests on fewer rows, and no smaller count leaves.
        model: The digest of the model; empty if none was given.
        version: The version of the model that rows are counted under if none is stated.
        salt: The digest of the salt; empty if no column is personal.
    """

    columns: tuple[Column, ...]
    task: Literal["classification", "regression", ""] = ""
    favourable: str = ""
    threshold: float = 0.5
    groups: Mapping[str, tuple[str, ...]]
    small_cell: int = 11
    model: str = ""
    version: str = ""
    salt: str = ""

    def __hash__(self) -> int:
        """The hash of the digest."""
        return hash(self.digest)

    @cached_property
    def digest(self) -> Digest:
        """The digest of everything: equal layouts have equal digests."""
        return digest_of("profile-layout/v1", self.to_json())

    @cached_property
    def starts(self) -> dict[tuple[str, str], int]:
        """The position of each column's first cell, by role and name."""
        found, at = {}, 0
        for column in self.columns:
            found[column.key] = at
            at += column.cells
        return found

    @cached_property
    def size(self) -> int:
        """The number of cells of all columns."""
        return sum(column.cells for column in self.columns)

    @cached_property
    def by_key(self) -> dict[tuple[str, str], Column]:
        """Each column, by role and name."""
        return {column.key: column for column in self.columns}

    @cached_property
    def edges(self) -> dict[tuple[str, str], npt.NDArray[np.float64]]:
        """The edges of each column of numbers, as an array."""
        return {c.key: np.array(c.edges) for c in self.columns if c.kind == "number"}

    @cached_property
    def summed(self) -> dict[tuple[str, str], int]:
        """The position of each column of numbers among those that are summed."""
        return {c.key: i for i, c in enumerate(c for c in self.columns if c.kind == "number")}

    def of_role(self, role: Role) -> tuple[Column, ...]:
        """The columns of a role, in order."""
        return tuple(column for column in self.columns if column.role == role)

    def to_json(self) -> dict[str, Json]:
        """The JSON inside a profile."""
        content: dict[str, Json] = {f.name: _listed(getattr(self, f.name)) for f in fields(self)}
        content["columns"] = [column.to_json() for column in self.columns]
        content["groups"] = {name: list(levels) for name, levels in self.groups.items()}
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Layout:
        """The layout that `to_json` wrote."""
        columns = tuple(Column.from_json(column) for column in content["columns"])
        groups = {name: tuple(levels) for name, levels in content["groups"].items()}
        return cls(**{**content, "columns": columns, "groups": groups})


def salted(salt: bytes, column: str, level: str) -> str:
    """A level of a personal column as 16 hexadecimal digits of its HMAC-SHA256."""
    text = f"{column}\0{level}".encode("utf-8", "surrogatepass")
    return hmac.new(salt, text, hashlib.sha256).hexdigest()[:16]


def salt_digest(salt: bytes) -> str:
    """The digest of a salt, which tells whether two salts are one.

    Raises:
        InputError: If the salt is shorter than `MIN_SALT` bytes, so that it could be guessed.
    """
    if len(salt) < MIN_SALT:
        raise InputError(
            f"The salt has {len(salt)} bytes.",
            remedy=f"give at least {MIN_SALT}, as secrets.token_bytes({MIN_SALT}) makes them",
        )
    return str(Digest.of(b"auditkit/profile-salt/v1\0" + salt))
