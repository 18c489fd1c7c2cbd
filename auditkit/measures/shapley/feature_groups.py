"""From the columns a person knows to the columns a model was fitted on, and back.

A pipeline encodes before its model sees anything. What switches together must be one player: all
columns that an encoder makes of one source column. Which those are is found by looking: each source
column is shuffled, and the encoded columns that change belong to it. Whether that account is
complete is then tested directly, on rows mixed at random from two others: encoding the mixture must
give the mixture of the encodings. Where it does not, as after a PCA, the pipeline is explained as
one function of its source columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.measures.shapley.mixtures import mixed
from auditkit.model.elsewhere import Elsewhere
from auditkit.tables.fitted_columns import as_fitted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_PROBED_ROWS: Final = 2_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoding:
    """What stands before a model.

    Attributes:
        encode: Maps a table of source columns to what the model takes.
        owners: For each encoded column the number of the source column that it is made of.
    """

    encode: Callable[[pd.DataFrame], Any]
    owners: tuple[int, ...]


def unwrapped(model: Any) -> tuple[Callable[[pd.DataFrame], Any] | None, Any]:
    """The encoder of a scikit-learn pipeline, if it has one, and the model at its end.

    A fitted search is taken for the best estimator that it found.
    """
    if isinstance(model, Elsewhere):
        return model.unwrapped()
    found = getattr(model, "best_estimator_", None)
    if found is not None:
        return unwrapped(found)
    if type(model).__name__ == "Pipeline" and hasattr(model, "steps"):
        if len(model.steps) == 1:
            return unwrapped(model.steps[-1][1])
        before = model[:-1]
        given = as_fitted(before)
        return lambda rows: before.transform(given(rows)), model.steps[-1][1]
    return None, model


def encoding(
    encode: Callable[[pd.DataFrame], Any], table: pd.DataFrame, *, seed: int
) -> Encoding | None:
    """Which encoded column is made of which source column; None if some are made of several.

    Args:
        encode: The encoder.
        table: Rows to find it out with.
        seed: Seeds the shuffles and mixtures.
    """
    rng = np.random.default_rng(seed)
    if len(table) > _PROBED_ROWS:
        table = table.iloc[np.sort(rng.choice(len(table), _PROBED_ROWS, replace=False))]
    whole = dense(encode(table))
    owners = np.full(whole.shape[1], -1)
    for number, name in enumerate(table.columns):
        shuffled = table.copy()
        shuffled[name] = table[name].take(rng.permutation(len(table))).set_axis(table.index)
        changed = _differs(dense(encode(shuffled)), whole).any(axis=0)
        if (owners[changed] >= 0).any():
            return None
        owners[changed] = number
    # What nothing changed is constant; it carries nothing, whomever it belongs to.
    owners = np.maximum(owners, 0)
    other = rng.permutation(len(table))
    taken = rng.random((len(table), table.shape[1])) < 0.5
    mixture = mixed(table, table.iloc[other], taken)
    expected = np.where(taken[:, owners], whole, whole[other])
    if _differs(dense(encode(mixture)), expected).any():
        return None
    return Encoding(encode=encode, owners=tuple(int(o) for o in owners))


def grouping(
    columns: Sequence[str], groups: Mapping[str, Sequence[str]] | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The players' names, and for each column the number of its player.

    Args:
        columns: Every column.
        groups: Columns that are explained as one, by the name of the group; the others stand alone.

    Raises:
        InputError: If a group names a column that is not there or is in two groups.
    """
    group_of: dict[str, str] = {}
    for group, members in (groups or {}).items():
        for name in members:
            if name not in columns or name in group_of:
                what = "is in two groups" if name in group_of else "is not in data"
                raise InputError(
                    f"The column {name!r} of the group {group!r} {what}.",
                    remedy="give each column at most once",
                )
            group_of[name] = group
    names = list(dict.fromkeys(group_of.get(c, c) for c in columns))
    return tuple(names), tuple(names.index(group_of.get(c, c)) for c in columns)


def dense(encoded: Any) -> NDArray[Any]:
    """What a model takes as an array of two dimensions."""
    if hasattr(encoded, "toarray"):
        encoded = encoded.toarray()
    if hasattr(encoded, "to_numpy"):
        encoded = encoded.to_numpy()
    array = np.asarray(encoded)
    return array if array.ndim == 2 else array.reshape(len(array), -1)


def _differs(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        both_missing = (one != one) & (other != other)  # noqa: PLR0124, NaN alone differs from itself
        result: NDArray[np.bool_] = (one != other) & ~both_missing
    return result
