"""Whether features logged at the decision are those that training would compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from auditkit.canonical import digest_of
from auditkit.errors import InputError, NothingToAuditError
from auditkit.parameters import SHARE
from auditkit.tables.convert import table_digest, to_pandas
from auditkit.watching.profile.counting import as_numbers, as_texts
from auditkit.watching.profile.fitting import kind_of
from auditkit.watching.validation.result import Result, Validated, judged

_CHECK: Final = "skew.features"


def skew(
    logged: Any,
    recomputed: Any,
    *,
    key: str | Sequence[str],
    at_least: float = 0.99,
    relative: float = 1e-6,
) -> Validated:
    """Compares features of the same entities: as logged at the decision, and as computed again.

    Numbers are equal if they differ by at most `relative` of their size; two missing values are
    equal. The share of equal values is judged by its whole interval.

    Args:
        logged: What the service had, one row an entity.
        recomputed: What training would have had for the same entities, at that time.
        key: The columns that name an entity.
        at_least: The share of equal values that each feature needs.
        relative: The difference of two equal numbers.

    Raises:
        NothingToAuditError: If they share no entity.
        InputError: If a key is missing, or names an entity twice.
    """
    at_least = SHARE.read(at_least, name="at_least")
    one, other = to_pandas(logged, what="logged"), to_pandas(recomputed, what="recomputed")
    names = [key] if isinstance(key, str) else list(key)
    for what, frame in (("logged", one), ("recomputed", other)):
        if lacking := [n for n in names if n not in frame.columns]:
            raise InputError(f"{what} has no column {lacking[0]!r}.", remedy="name the key")
        if frame.duplicated(names).any():
            raise InputError(f"{what} has a key twice.", remedy="give one row for each entity")
    schemas = [
        digest_of("schema/v1", sorted((str(c), kind_of(f[c])) for c in f.columns if c not in names))
        for f in (one, other)
    ]
    differ = int(schemas[0] != schemas[1])
    results = [judged(_CHECK, "columns or kinds differ", differ, 1, severity="soft", of_rows=False)]
    features = [c for c in one.columns if c in other.columns and c not in names]
    places = one[names].astype(str).reset_index(names="_a").merge(
        other[names].astype(str).reset_index(names="_b"), on=names
    )  # fmt: skip
    if places.empty or not features:
        raise NothingToAuditError(
            "logged and recomputed share no entity, or no feature.",
            remedy="give rows of the same entities, with the same columns",
        )
    results.append(
        judged(_CHECK, "entities found again", len(places), len(one), at_least=True,
               tolerance=at_least, severity="soft", sampled=True)
    )  # fmt: skip
    for name in features:
        mine = one[name].iloc[places["_a"]].reset_index(drop=True)
        theirs = other[name].iloc[places["_b"]].reset_index(drop=True)
        results += _compared(name, mine, theirs, at_least, relative)
    return Validated(
        results=tuple(results),
        rows=len(places),
        digests={"logged": str(table_digest(one)), "recomputed": str(table_digest(other))},
    )


def _compared(
    name: str, mine: pd.Series[Any], theirs: pd.Series[Any], at_least: float, relative: float
) -> list[Result]:
    gone = mine.isna().to_numpy(), theirs.isna().to_numpy()
    if kind_of(mine) == kind_of(theirs) == "number" and mine.dtype.kind not in "mM":
        a, b = (as_numbers(column, what=name) for column in (mine, theirs))
        same = np.isclose(a, b, rtol=relative, atol=0, equal_nan=True)
        zeros = int(((a == 0) & (b != 0) & ~gone[1]).sum())
    else:
        codes, texts = as_texts(pd.concat([mine, theirs], ignore_index=True).astype(object))
        del texts
        same = codes[: len(mine)] == codes[len(mine) :]
        zeros = 0
    n = len(mine)
    tolerance = round(1 - at_least, 12)
    found = [
        judged(_CHECK, "equal", int(same.sum()), n, column=name, tolerance=at_least, at_least=True,
               sampled=True),
        judged(_CHECK, "missing in one only", int((gone[0] != gone[1]).sum()), n, column=name,
               tolerance=tolerance, sampled=True),
    ]  # fmt: skip
    if zeros:
        found.append(
            judged(_CHECK, "0 where there is a value", zeros, n, column=name, tolerance=tolerance,
                   severity="soft", sampled=True)
        )  # fmt: skip
    return found
