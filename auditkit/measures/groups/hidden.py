"""Hides numbers of groups from which a small number of people could be inferred.

A number of a group has a count of people as its denominator: its members, those with a favourable
label, those selected. The count is shown as its `n`. If it is small, or another small count would
follow from it by subtraction, the number is hidden with it; `suppression` decides which.

Laws:
    - A reader is assumed to know the number of rows, and that groups of the same attributes sum to
      everyone, or to the group that they divide.
    - If a group's members are hidden, none of its numbers is shown; nor is anything relative to a
      hidden number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.measures.groups.membership import Partition, is_unknown
from auditkit.measures.numbers.suppression import Equation, hidden_cells

Mask = npt.NDArray[np.bool_]
# A kind of count, and the position of the group; -1: everyone.
Count = tuple[str, int]
# The count that contains the denominators of all numbers of a group.
MEMBERS: Final = "row"


def hidden_groups(
    partition: Partition,
    counts: Mapping[str, npt.NDArray[np.int64]],
    *,
    small_cell: int,
    sums: Sequence[tuple[str, tuple[str, ...]]] = (),
) -> dict[str, Mask]:
    """For each kind of count, the groups whose numbers with this denominator are hidden.

    Args:
        partition: The groups.
        counts: People by kind, `MEMBERS` among them, each of shape `(groups,)`.
        small_cell: Counts of 1 to `small_cell` - 1 are small.
        sums: Kinds that are sums of other kinds within each group.

    Returns:
        Masks of shape `(groups,)`; a group hidden in `MEMBERS` is hidden in every kind.
    """
    everyone = next(iter(partition.combinations().values()))
    number: dict[Count, int] = {
        **{(kind, i): int(n) for kind, by_group in counts.items() for i, n in enumerate(by_group)},
        **{(kind, -1): int(by_group[everyone].sum()) for kind, by_group in counts.items()},
    }
    equations = [
        Equation(total=(kind, whole), parts=tuple((kind, part) for part in parts))
        for whole, parts in _divisions(partition)
        for kind in counts
    ]
    equations += [
        Equation(total=(total, i), parts=tuple((part, i) for part in parts))
        for total, parts in sums
        for i in range(-1, len(partition.groups))
    ]
    unknown = [i for i, group in enumerate(partition.groups) if is_unknown(group)]
    found = hidden_cells(
        number,
        equations,
        small_cell=small_cell,
        fixed={(MEMBERS, -1)},
        rank=lambda cell: 0 if cell[1] in unknown else 2 if cell[0] == MEMBERS else 1,
        whole=lambda cell: None if cell[0] == MEMBERS else (MEMBERS, cell[1]),
    )
    return {
        kind: np.array([(kind, i) in found for i in range(len(partition.groups))])
        for kind in counts
    }


def relative(hidden: Mask, reference: npt.NDArray[np.intp]) -> Mask:
    """The groups whose own number or whose reference's number is hidden."""
    return np.asarray(hidden | ((reference >= 0) & hidden[reference]))


def veiled(frame: pd.DataFrame, hidden: Mapping[str, Mask], **texts: str) -> pd.DataFrame:
    """A frame with NaN for hidden numbers, and a column `suppressed`.

    Args:
        frame: Rows of numbers.
        hidden: For each column of numbers the hidden rows, shape `(rows,)`.
        texts: The value of a column of text in rows with anything hidden.
    """
    anything = np.logical_or.reduce(list(hidden.values()))
    columns: dict[str, object] = {str(name): frame[name] for name in frame}
    columns |= {name: frame[name].astype(float).mask(mask) for name, mask in hidden.items()}
    columns |= {name: np.where(anything, text, frame[name]) for name, text in texts.items()}
    return pd.DataFrame(columns | {"suppressed": anything})


def _divisions(partition: Partition) -> Iterator[tuple[int, list[int]]]:
    """Each group, -1 for everyone, with the groups of one more attribute that divide it."""
    place = {group: i for i, group in enumerate(partition.groups)}
    for positions in partition.combinations().values():
        for out in range(len(partition.groups[positions[0]])):
            parts: dict[int, list[int]] = {}
            for i in positions:
                group = partition.groups[i]
                parts.setdefault(place.get(group[:out] + group[out + 1 :], -1), []).append(i)
            yield from parts.items()
