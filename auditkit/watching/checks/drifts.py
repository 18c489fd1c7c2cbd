"""Drift of what goes in and what comes out: features, missing values, scores, decisions, labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from auditkit.measures.numbers.intervals import Estimate
from auditkit.watching.checks.question import (
    Group,
    Pair,
    Question,
    coarse,
    difference,
    estimate,
    folded,
    share,
)
from auditkit.watching.drift.cells import js_divergence, psi, tvd
from auditkit.watching.drift.distances import auc, ks, wasserstein
from auditkit.watching.profile.layout import Column
from auditkit.watching.profile.strata import Counts

_OF_CELLS: Final[dict[str, Callable[..., Estimate]]] = {
    "psi": psi, "js_divergence": js_divergence, "tvd": tvd,
}  # fmt: skip
_UNITS: Final = {
    "psi": "ratio", "js_divergence": "bits", "tvd": "proportion", "ks": "proportion",
    "wasserstein": "baseline spreads", "auc": "probability",
}  # fmt: skip


def features(pair: Pair, cells: int) -> Iterator[Question]:
    """`drift.features`: every feature's distribution."""
    for column in pair.base.layout.of_role("feature"):
        yield from _distribution(pair, column, cells, (("feature", column.name),))


def predictions(pair: Pair, cells: int) -> Iterator[Question]:
    """`drift.predictions`: the scores' distribution, and the share of favourable decisions."""
    for column in pair.base.layout.of_role("score"):
        yield from _distribution(pair, column, cells, ())
    found = pair.cells("decision", "decision")
    if found is not None and all(c[:2].sum() for c in found):
        yield _change("selection_rate_change", (), found[0][:2], found[1][:2], 1)


def labels(pair: Pair, cells: int) -> Iterator[Question]:
    """`drift.labels`: the true outcomes' distribution."""
    for column in pair.base.layout.of_role("label"):
        found = pair.cells(*column.key)
        # A label that is missing is one that is not known yet, which is no drift.
        if found is not None and found[1][: column.values].sum():
            yield from _distribution(pair, column, cells, (), known=True)


def missingness(pair: Pair, cells: int) -> Iterator[Question]:
    """`drift.missingness`: missing values, values that are no numbers, and new levels."""
    del cells
    for column in pair.base.layout.of_role("feature"):
        found = pair.cells(*column.key)
        assert found is not None
        before, after = found
        if not before.sum() or not after.sum():
            continue
        group = (("feature", column.name),)
        yield _change("missing_change", group, before, after, column.place_of("missing"))
        if column.kind == "number":
            at = column.place_of("not finite")
            yield _change("not_finite_change", group, before, after, at)
        else:
            at, m = column.place_of("unseen"), int(after.sum())

            def unseen(level: float, at: int = at, after: Counts = after, m: int = m) -> Estimate:
                return estimate(share(float(after[at]), m, level), m, level, "Wilson")

            yield Question(
                measure="unseen_share", group=group, n=m, unit="proportion", answer=unseen
            )


def _distribution(
    pair: Pair, column: Column, cells: int, group: Group, *, known: bool = False
) -> Iterator[Question]:
    found = pair.cells(*column.key)
    assert found is not None
    (before, after), values = found, column.values
    few_before, few_after = before, after
    if column.kind == "number":
        shorter = coarse(before[:values], after[:values], cells)
        few_before, few_after = (
            np.concatenate([few, whole[values:]])
            for few, whole in zip(shorter, (before, after), strict=True)
        )
    if known:
        few_before, few_after = before[:values], after[:values]
    for name, statistic in _OF_CELLS.items():
        yield Question(
            measure=name,
            group=group,
            n=int(few_after.sum()),
            unit=_UNITS[name],
            answer=lambda level, f=statistic: f(few_before, few_after, level=level),  # type: ignore[misc]
        )
    if column.kind != "number":
        return
    a, b = before[:values], after[:values]
    edges = pair.base.layout.edges[column.key]
    ordered: dict[str, Callable[[float], Estimate]] = {
        "ks": lambda level: ks(a, b, atoms=column.atoms, level=level),
        "wasserstein": lambda level: wasserstein(a, b, edges, atoms=column.atoms, level=level),
        "auc": lambda level: auc(a, b, level=level),
    }
    for name, answer in ordered.items():
        yield Question(measure=name, group=group, n=int(b.sum()), unit=_UNITS[name], answer=answer)


def _change(measure: str, group: Group, before: Counts, after: Counts, at: int) -> Question:
    """The size of the change of one cell's share."""
    n, m = int(before.sum()), int(after.sum())

    def answer(level: float) -> Estimate:
        one, other = share(float(after[at]), m, level), share(float(before[at]), n, level)
        return estimate(folded(*difference(one, other)), m, level, "MOVER, Wilson")

    return Question(measure=measure, group=group, n=m, unit="difference", answer=answer)
