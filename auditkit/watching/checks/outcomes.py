"""What came of the decisions: performance with and without labels, fairness, explanations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from auditkit.measures.numbers.intervals import Estimate
from auditkit.measures.numbers.suppression import Equation, hidden_cells
from auditkit.watching.checks.question import (
    Pair,
    Question,
    Triple,
    coarse,
    difference,
    estimate,
    folded,
    share,
    with_error,
)
from auditkit.watching.drift.distances import auc
from auditkit.watching.profile.profile import Profile
from auditkit.watching.profile.strata import Counts
from auditkit.watching.profile.summary import moments

# The numerator and the denominator of a rate among the cells of outcomes: see OUTCOMES.
_RATES: Final = {"true_positive_rate": ((3,), (2, 3)), "false_positive_rate": ((1,), (0, 1))}
# Cells of scores that an estimate without labels is calibrated on.
_CALIBRATED: Final = 20


def tracked(pair: Pair) -> Iterator[Question]:
    """`performance.tracked`: what the model lost against the baseline, by labels."""
    if (decided := pair.cells("outcome", "outcome")) and all(c[:4].any() for c in decided):
        yield _accuracy_loss(decided[0][:4], decided[1][:4])
    by_class = [pair.cells(f"score of {c}", f"score of {c}") for c in ("other", "favourable")]
    known = [c for c in by_class if c is not None]
    if len(known) == 2 and all(c.any() for both in known for c in both):
        yield _auc_loss(known[0], known[1])
    errors = pair.cells("absolute error", "absolute error")
    if errors is not None and all(c.any() for c in errors):
        yield _absolute_error_ratio(pair, int(errors[0].sum()), int(errors[1].sum()))


def _accuracy_loss(before: Counts, after: Counts) -> Question:
    m = int(after.sum())

    def answer(level: float) -> Estimate:
        was, now = (share(float(c[0] + c[3]), float(c.sum()), level) for c in (before, after))
        return estimate(difference(was, now), m, level, "MOVER, Wilson")

    return Question(measure="accuracy_loss", n=m, unit="difference", answer=answer)


def _auc_loss(others: tuple[Counts, Counts], favourable: tuple[Counts, Counts]) -> Question:
    m = int(others[1].sum() + favourable[1].sum())

    def answer(level: float) -> Estimate:
        was, now = (auc(others[i], favourable[i], level=level) for i in (0, 1))
        return _lost(was, now, m, level)

    return Question(measure="auc_loss", n=m, unit="difference", answer=answer)


def _absolute_error_ratio(pair: Pair, n: int, m: int) -> Question:
    sums = pair.sums("absolute error", "absolute error")

    def answer(level: float) -> Estimate:
        means = []
        for size, of in ((n, sums[0]), (m, sums[1])):
            mean, sd = moments(size, *of)
            means.append((mean, (sd or 0.0) / math.sqrt(size)))
        return _ratio(means[1], means[0], m, level)

    return Question(measure="absolute_error_ratio", n=m, unit="ratio", answer=answer)


def estimated(pair: Pair) -> Iterator[Question]:
    """`performance.estimated`: the same without labels, if labels depend on scores as before."""
    scores = pair.cells("score", "score")
    if scores is None or not all(c.sum() for c in scores):
        return
    m = int(scores[1].sum())
    values = pair.base.layout.by_key["score", "score"].values
    after = scores[1][:values]
    classes = [pair.cells(f"score of {c}", f"score of {c}") for c in ("other", "favourable")]
    if classes[0] is not None and classes[1] is not None:
        bad, good = (c[0][:values] for c in classes if c is not None)
        if bad.sum() and good.sum() and after.sum():
            edges = pair.base.layout.edges["score", "score"]
            decided = np.concatenate([[False], edges >= pair.base.layout.threshold])
            yield Question(
                measure="estimated_accuracy_loss", n=m, unit="difference",
                answer=lambda level: _accuracy(bad, good, after, decided, level),
            )  # fmt: skip
            yield Question(
                measure="estimated_auc_loss", n=m, unit="difference",
                answer=lambda level: _ranking(bad, good, after, level),
            )  # fmt: skip
    by_score = [c for c in pair.base.layout.of_role("absolute error") if c.name != c.role]
    if by_score:
        counts = np.array([_both(pair, c.key) for c in by_score])
        yield Question(
            measure="estimated_absolute_error_ratio", n=m, unit="ratio",
            answer=lambda level: _error_ratio(pair, by_score, counts, level),
        )  # fmt: skip


def fairness(base: Profile, window: Profile) -> Iterator[Question]:
    """`fairness.drift`: how each group's gap to everyone else has changed."""
    everyone = Pair.of(base, window)
    hidden = _small_groups(base, window)
    for attribute, groups in base.layout.groups.items():
        for group in groups:
            mine = Pair.of(base, window, attribute, group)
            n = mine.after.rows
            named = ((attribute, group),)
            why = "fewer people than small_cell" if (attribute, group) in hidden else ""
            for name, cells in _group_rates(everyone, mine):
                if not all(c[1] for c in cells) and not why:
                    continue
                yield Question(
                    measure=f"{name}_gap_change", group=named, n=n, unit="difference",
                    answer=lambda level, c=cells, n=n: _gap_change(c, n, level),  # type: ignore[misc]
                    suppressed=why,
                )  # fmt: skip


def explanations(pair: Pair) -> Iterator[Question]:
    """`explanation.drift`: how each feature's mean share of the explanations has changed."""
    for column in pair.base.layout.of_role("attribution"):
        found = pair.cells(*column.key)
        assert found is not None
        n, m = (int(c[: column.values].sum()) for c in found)
        if min(n, m) < 2:
            continue
        one, other = pair.sums(*column.key)

        def change(level: float, n: int = n, m: int = m, one: Any = one, other: Any = other) -> Any:
            (mean, sd), (now, spread) = moments(n, *one), moments(m, *other)
            error = math.sqrt((sd or 0.0) ** 2 / n + (spread or 0.0) ** 2 / m)
            found = folded(*with_error(now - mean, error, level))
            return estimate(found, m, level, "Wald")

        yield Question(
            measure="share_change", group=(("feature", column.name),), n=m, unit="difference",
            answer=change,
        )  # fmt: skip


def errors(profile: Profile) -> tuple[int, int]:
    """How many decisions have a label, and how many of these are wrong: for a `RateTest`."""
    column = profile.layout.by_key.get(("outcome", "outcome"))
    if column is None:
        return 0, 0
    at = profile.layout.starts[column.key]
    cells = profile.total().cells[at : at + column.values]
    return int(cells.sum()), int(cells[1] + cells[2])


def label_share(window: Profile) -> tuple[int, int]:
    """How many labels of the window's rows are known, and how many rows there are."""
    layout, total = window.layout, window.total()
    column = layout.by_key.get(("label", "label"))
    if column is None:
        return 0, total.rows
    at = layout.starts[column.key]
    return int(total.cells[at : at + column.values].sum()), total.rows


def _lost(one: Estimate, other: Estimate, m: int, level: float) -> Estimate:
    ends = [(e.value, e.lower, e.upper) for e in (one, other)]
    if any(v is None for triple in ends for v in triple):
        return Estimate.undefined(m, one.reason or other.reason or "not estimable")
    return estimate(difference(ends[0], ends[1]), m, level, "MOVER, DeLong")  # type: ignore[arg-type]


def _ratio(top: tuple[float, float], bottom: tuple[float, float], m: int, level: float) -> Estimate:
    """A ratio of two positive means, each with its standard error, on the log scale."""
    if top[0] <= 0 or bottom[0] <= 0:
        return Estimate.undefined(m, "an error of 0")
    error = math.hypot(top[1] / top[0], bottom[1] / bottom[0])
    found = with_error(math.log(top[0] / bottom[0]), error, level)
    return estimate(tuple(map(math.exp, found)), m, level, "delta, log")  # type: ignore[arg-type]


def _calibrated(bad: Counts, good: Counts, after: Counts) -> tuple[Any, Any, Any]:
    """The baseline's rows, chance of the favourable outcome, and window's rows, a cell each."""
    _, many = coarse(bad + good, good, _CALIBRATED)
    rows, now = coarse(bad + good, after, _CALIBRATED)
    return rows.astype(float), (many + 0.5) / (rows + 1), now.astype(float)


def _accuracy(bad: Counts, good: Counts, after: Counts, decided: Any, level: float) -> Estimate:
    """CBPE: the mean chance of being right, in the window less in the baseline."""
    right, error2, p, q = [], 0.0, [], []
    n, m = float((bad + good).sum()), float(after.sum())
    for side in (False, True):
        own = decided == side
        rows, chance, now = _calibrated(bad[own], good[own], after[own])
        right += list(chance if side else 1 - chance)
        p += list(rows / n)
        q += list(now / m)
        error2 += float(((now / m - rows / n) ** 2 * chance * (1 - chance) / (rows + 1)).sum())
    value, before, now = (np.array(x) for x in (right, p, q))
    spread = (_spread(value, before) / n) + (_spread(value, now) / m)
    loss = float(((before - now) * value).sum())
    found = with_error(loss, math.sqrt(spread + error2), level)
    return estimate(found, int(m), level, "CBPE, Wald")


def _spread(values: Any, shares: Any) -> float:
    mean = float((values * shares).sum())
    return float(((values - mean) ** 2 * shares).sum())


def _ranking(bad: Counts, good: Counts, after: Counts, level: float) -> Estimate:
    rows, chance, now = _calibrated(bad, good, after)
    before = auc(_whole(rows * (1 - chance)), _whole(rows * chance), level=level)
    later = auc(_whole(now * (1 - chance)), _whole(now * chance), level=level)
    return _lost(before, later, int(after.sum()), level)


def _whole(expected: Any) -> Counts:
    return np.asarray(np.round(expected), dtype=np.int64)


def _both(pair: Pair, key: tuple[str, str]) -> tuple[int, int]:
    """The baseline's rows with an error in a stretch of scores, and the window's rows there."""
    found = pair.cells(*key)
    assert found is not None
    column = pair.base.layout.by_key[key]
    low, high = (float(end) for end in column.name.removeprefix("score ").split(" to "))
    scores = pair.cells("score", "score")
    assert scores is not None
    edges = pair.base.layout.edges["score", "score"]
    starts = np.concatenate([[-math.inf], edges])
    own = (starts >= low) & (starts < high)
    return int(found[0][0]), int(scores[1][: len(own)][own].sum())


def _error_ratio(pair: Pair, columns: Any, counts: Any, level: float) -> Estimate:
    """DLE: the mean of each stretch's absolute error, weighed by where the window's scores are."""
    held = [i for i in range(len(columns)) if counts[i, 0] > 1]
    m = int(counts[held, 1].sum())
    if not held or not m:
        return Estimate.undefined(m, "no error is known near these scores")
    stretches = [moments(int(counts[i, 0]), *pair.sums(*columns[i].key)[0]) for i in held]
    means = np.array([mean for mean, _ in stretches])
    errors = np.array([sd or 0.0 for _, sd in stretches]) / np.sqrt(counts[held, 0])
    before, now = (counts[held, i] / counts[held, i].sum() for i in (0, 1))
    base, value = float((before * means).sum()), float((now * means).sum())
    own = math.sqrt(float(((now * errors) ** 2).sum()) + _spread(means, now) / m)
    other = math.sqrt(float(((before * errors) ** 2).sum()))
    return _ratio((value, own), (base, other), m, level)


def _group_rates(everyone: Pair, mine: Pair) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """For each rate: of the group and the rest, in the baseline and the window, x and n."""
    for role, rates in (("decision", {"selection_rate": ((1,), (0, 1))}), ("outcome", _RATES)):
        all_cells, own = everyone.cells(role, role), mine.cells(role, role)
        if all_cells is None or own is None:
            continue
        for name, (top, bottom) in rates.items():
            found = [
                (int(cells[list(top)].sum()), int(cells[list(bottom)].sum()))
                for whole, part in zip(all_cells, own, strict=True)
                for cells in (part, whole - part)
            ]
            yield name, found


def _gap_change(cells: list[tuple[int, int]], n: int, level: float) -> Estimate:
    own, rest, own_now, rest_now = (share(x, of, level) for x, of in cells)
    before: Triple = difference(own, rest)
    now: Triple = difference(own_now, rest_now)
    return estimate(folded(*difference(now, before)), n, level, "MOVER, Wilson")


def _small_groups(base: Profile, window: Profile) -> set[tuple[str, str]]:
    """The groups whose numbers of people do not leave: small, or needed to hide a small one."""
    hidden: set[tuple[str, str]] = set()
    for profile in (base, window):
        counts: dict[tuple[str, str], int] = {("", ""): profile.total().rows}
        parts: dict[str, list[tuple[str, str]]] = {}
        for stratum, tallied in profile.strata.items():
            if stratum.attribute:
                key = (stratum.attribute, stratum.group)
                counts[key] = counts.get(key, 0) + tallied.rows
                parts.setdefault(stratum.attribute, [])
                if key not in parts[stratum.attribute]:
                    parts[stratum.attribute].append(key)
        equations = [Equation(total=("", ""), parts=tuple(p)) for p in parts.values()]
        hidden |= set(
            hidden_cells(counts, equations, small_cell=base.layout.small_cell, fixed={("", "")})
        )
    return hidden
