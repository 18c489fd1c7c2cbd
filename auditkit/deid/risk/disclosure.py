"""Disclosure risk of a table: k-anonymity, l-diversity, t-closeness.

Rows with the same quasi-identifiers form an equivalence class of size f. Whoever knows that a
person is in the table, and their quasi-identifiers, picks the right row with probability 1/f.

    k                 smallest f (Sweeney 2002)
    prosecutor risk   highest 1/f; its mean over rows is classes / n
    journalist risk   highest 1/F, F the size of the class in the population sampled from
    marketer risk     expected share of rows re-identified: mean of 1/F (El Emam 2013)
    l                 fewest distinct sensitive values in a class (Machanavajjhala 2007)
    t                 largest distance of a class's sensitive values from the table's (Li 2007)

k does not measure what is learnt without picking a row: if a class has one diagnosis, it is known
for all members; l and t measure that. A missing quasi-identifier counts as a value.

Arrays in, frozen results out. Codes are integers from 0, one for each distinct value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError, NothingToAuditError

if TYPE_CHECKING:
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]

_LARGEST: Final = 2**62
# Ranges of class sizes in a report: 1, 2, 3-4, 5-10, 11-20, 21-50, 51-100, more.
SIZES: Final = ((1, 1), (2, 2), (3, 4), (5, 10), (11, 20), (21, 50), (51, 100), (101, None))
_MAX_CHOICES: Final = 200_000


@dataclass(frozen=True, kw_only=True)
class DisclosureRisk:
    """Risk of a table, from its quasi-identifiers.

    Attributes:
        rows: Number of rows, n.
        classes: Number of equivalence classes.
        k: Size of the smallest equivalence class.
        unique: Share of rows in classes of one, in [0, 1].
        prosecutor: Highest risk of a row, 1/k.
        mean_risk: Mean of 1/f over rows.
        at_risk: Share of rows in classes smaller than `wanted_k`.
        journalist: Highest 1/F; None without a population.
        marketer: Mean of 1/F over rows; without a population F is f.
        histogram: For each range of `SIZES` the number of classes and of rows.
    """

    rows: int
    classes: int
    k: int
    unique: float
    prosecutor: float
    mean_risk: float
    at_risk: float
    journalist: float | None
    marketer: float
    histogram: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """Distribution of a sensitive attribute within the equivalence classes.

    Attributes:
        l: Fewest distinct values in a class.
        entropy_l: exp of the lowest entropy of a class; at most `l`.
        t: Largest distance between a class's distribution and the table's, in [0, 1]: earth
            mover's over ranks for numbers, half the sum of differences for categories. None if
            the attribute has one value only.
    """

    l: int  # noqa: E741 -- the literature's name
    entropy_l: float
    t: float | None


def codes_of(values: Any) -> Codes:
    """Codes of a column's distinct values; a missing one is a value too.

    Args:
        values: An array or a pandas series, shape `(rows,)`.
    """
    import pandas as pd

    array = values if hasattr(values, "dtype") else np.asarray(values, object)
    codes, _ = pd.factorize(array, use_na_sentinel=False)
    return np.asarray(codes, np.int64)


def equivalence_classes(columns: Sequence[Codes]) -> Codes:
    """The equivalence class of each row: rows with equal codes in every column.

    Args:
        columns: Codes of each quasi-identifier, shape `(rows,)`, at least one.

    Raises:
        InputError: If there is no column.
        NothingToAuditError: If there are no rows.
    """
    if not columns:
        raise InputError("No quasi-identifiers are named.", remedy="name at least one column")
    if columns[0].size == 0:
        raise NothingToAuditError("The table has no rows.")
    combined = columns[0]
    width = int(combined.max()) + 1
    for column in columns[1:]:
        more = int(column.max()) + 1
        if width * more > _LARGEST:
            combined = codes_of(combined)
            width = int(combined.max()) + 1
        combined = combined * more + column
        width *= more
    return _dense(combined, width)


def equivalence_classes_in_population(
    columns: Sequence[Codes], population: Sequence[Codes]
) -> tuple[Codes, Codes]:
    """The equivalence class of each row of a sample, and each class's size in the population.

    Args:
        columns: Codes of each quasi-identifier in the sample, shape `(rows,)`.
        population: The same columns of the population, under the same codes, shape `(people,)`.

    Returns:
        Classes, shape `(rows,)`, and their sizes in the population, shape `(classes,)`, as
        `disclosure_risk` takes them.
    """
    rows = columns[0].size
    both = equivalence_classes(
        [np.concatenate(pair) for pair in zip(columns, population, strict=True)]
    )
    people = np.bincount(both[rows:], minlength=int(both.max()) + 1)
    present, classes = np.unique(both[:rows], return_inverse=True)
    return classes.astype(np.int64), people[present]


def disclosure_risk(
    classes: Codes, *, wanted_k: int = 2, population: Codes | None = None
) -> DisclosureRisk:
    """Risk of the rows of a table.

    Args:
        classes: The class of each row, as `equivalence_classes` gives it, shape `(n,)`, n >= 1.
        wanted_k: Rows in classes smaller than this are at risk; >= 1.
        population: For each class its number of people in the population, shape `(classes,)`,
            at least the number of its rows.

    Raises:
        InputError: If a class has more rows than people in the population.
    """
    sizes = np.bincount(classes)
    n = int(sizes.sum())
    hidden_among = sizes if population is None else np.asarray(population)
    if population is not None and (hidden_among < sizes).any():
        raise InputError("A class has more rows than the population has people in it.")
    histogram = []
    for low, high in SIZES:
        inside = (sizes >= low) & (sizes <= (high or n))
        histogram.append((int(inside.sum()), int(sizes[inside].sum())))
    return DisclosureRisk(
        rows=n,
        classes=int(sizes.size),
        k=int(sizes.min()),
        unique=float(sizes[sizes == 1].sum() / n),
        prosecutor=float(1 / sizes.min()),
        mean_risk=float(sizes.size / n),
        at_risk=float(sizes[sizes < wanted_k].sum() / n),
        journalist=None if population is None else float((1 / hidden_among).max()),
        marketer=float((sizes / hidden_among).sum() / n),
        histogram=tuple(histogram),
    )


def diversity(classes: Codes, sensitive: Any, *, ordered: bool) -> Diversity:
    """l-diversity and t-closeness of a sensitive attribute.

    Args:
        classes: The class of each row, shape `(n,)`.
        sensitive: The attribute's values, shape `(n,)`; numbers if `ordered`, none missing.
        ordered: Whether values are numbers, whose distance is that of their ranks.
    """
    codes, m = _ranks(sensitive) if ordered else _distinct(codes_of(sensitive))
    sizes = np.bincount(classes)
    pairs, counts = _count_keys(classes * m + codes, sizes.size * m)
    owner, value = np.divmod(pairs, m)
    share = counts / sizes[owner]
    entropy = -np.bincount(owner, share * np.log(share))
    overall = np.bincount(codes, minlength=m) / codes.size
    if m == 1:
        distance = None
    elif ordered:
        distance = _earth_mover(owner, value, share, overall)
    else:
        # Half the sum of absolute differences is the sum of the positive ones.
        excess = np.bincount(owner, np.maximum(share - overall[value], 0))
        distance = float(excess.max())
    return Diversity(
        l=int(np.bincount(owner).min()), entropy_l=float(np.exp(entropy.min())), t=distance
    )


@dataclass(frozen=True, kw_only=True)
class Generalization:
    """A level of generalization for every quasi-identifier.

    Attributes:
        levels: Column to level; 0: unchanged.
        k: Size of the smallest class kept.
        suppressed: Share of rows to suppress to reach it, in [0, 1].
        information_lost: Mean over columns of the share of entropy lost, in [0, 1].
    """

    levels: Mapping[str, int]
    k: int
    suppressed: float
    information_lost: float


def cheapest_levels(
    levels: Mapping[str, Sequence[Codes]], *, wanted_k: int, max_suppressed: float = 0.0
) -> Generalization | None:
    """The levels that reach a wanted k and lose the least information.

    Args:
        levels: For each column its codes at each level, from unchanged to most general; each level
            is a function of the first.
        wanted_k: Smallest class size to reach, >= 1.
        max_suppressed: Share of rows that may be suppressed, in [0, 1).

    Returns:
        The best levels; None if none reach k.

    Raises:
        InputError: If there are more than 200,000 choices.
    """
    names = list(levels)
    choices = int(np.prod([len(levels[name]) for name in names]))
    if choices > _MAX_CHOICES:
        raise InputError(
            f"There are {choices:,} ways to generalize.", remedy="give fewer levels or columns"
        )
    # One row represents all rows of its class at level 0.
    base = equivalence_classes([levels[name][0] for name in names])
    weight = np.bincount(base)
    first = np.full(weight.size, -1, np.int64)
    first[base[::-1]] = np.arange(base.size - 1, -1, -1)
    lost = {name: _entropy_lost(levels[name]) for name in names}
    ordered = sorted(
        product(*(range(len(levels[name])) for name in names)),
        key=lambda node: (sum(lost[n][i] for n, i in zip(names, node, strict=True)), node),
    )
    for node in ordered:
        columns = [levels[name][level][first] for name, level in zip(names, node, strict=True)]
        sizes = np.bincount(equivalence_classes(columns), weight).astype(np.int64)
        kept = sizes[sizes >= wanted_k]
        suppressed = 1 - float(kept.sum()) / base.size
        if kept.size and suppressed <= max_suppressed:
            chosen = dict(zip(names, node, strict=True))
            return Generalization(
                levels=chosen,
                k=int(kept.min()),
                suppressed=suppressed,
                information_lost=float(np.mean([lost[n][i] for n, i in chosen.items()])),
            )
    return None


def _distinct(codes: Codes) -> tuple[Codes, int]:
    return codes, int(codes.max()) + 1


def _ranks(values: Any) -> tuple[Codes, int]:
    """For each number the rank of its value among the distinct ones, and how many those are."""
    import pandas as pd

    codes, distinct = pd.factorize(np.asarray(values), use_na_sentinel=False)
    rank = np.empty(len(distinct), np.int64)
    rank[np.argsort(distinct)] = np.arange(len(distinct))
    return rank[codes], len(distinct)


def _count_keys(keys: Codes, width: int) -> tuple[Codes, Codes]:
    """The distinct keys in order, each with the number of times it occurs."""
    if width <= 4 * keys.size + 1024:
        counts = np.bincount(keys)
        present = np.flatnonzero(counts)
        return present, counts[present]
    return np.unique(keys, return_counts=True)


def _dense(combined: Codes, width: int) -> Codes:
    if width <= 4 * combined.size + 1024:
        used = np.zeros(width, np.bool_)
        used[combined] = True
        return (np.cumsum(used) - 1)[combined]
    return codes_of(combined)


def _entropy_lost(levels: Sequence[Codes]) -> list[float]:
    entropies = []
    for codes in levels:
        share = np.bincount(codes) / codes.size
        share = share[share > 0]
        entropies.append(float(-(share * np.log(share)).sum()))
    if entropies[0] == 0:
        return [0.0] * len(entropies)
    return [1 - entropy / entropies[0] for entropy in entropies]


def _earth_mover(
    owner: Codes, value: Codes, share: npt.NDArray[np.float64], overall: npt.NDArray[np.float64]
) -> float:
    """Largest over classes of the mean, over ranks, of |F_class - F|.

    F_class is constant between the values of a class, so each stretch is summed at once: F is
    sorted, so the sum of |c - F| over a stretch is two differences of running sums.
    """
    m = overall.size
    cumulative = np.cumsum(overall)
    running = np.concatenate([[0.0], np.cumsum(cumulative)])
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    last = np.append(starts[1:], owner.size) - 1
    total = np.cumsum(share)
    before = np.concatenate([[0.0], total])[starts]
    height = total - np.repeat(before, np.diff(np.append(starts, owner.size)))
    end = np.append(value[1:], m)
    end[last] = m
    cross = np.clip(np.searchsorted(cumulative, height, side="right"), value, end)
    stretch = (
        (cross - value) * height
        - (running[cross] - running[value])
        + (running[end] - running[cross])
        - (end - cross) * height
    )
    moved = np.bincount(owner, stretch) + running[value[starts]]
    return float(max(0.0, moved.max()) / (m - 1))
