"""How much the explanations of an audit may cost, where a model can only be sampled.

Law: evidence names evaluations of the model, not seconds: another machine does the same with them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.parameters import COUNT, Parameter

if TYPE_CHECKING:
    from auditkit.subject import Case

SECONDS: Final = Parameter(default=60.0, above=0, at_most=1e6)
EVALUATIONS: Final = COUNT.of(1_000_000)
_KINDS: Final = {"seconds": SECONDS, "evaluations": EVALUATIONS}
# The model is timed on more and more rows, until they take so long.
_LONG_ENOUGH: Final = 0.1
_MOST_ROWS: Final = 100_000


def within_budget(case: Case, explain: Mapping[str, float] | None) -> Case:
    """A case with the budget of its explanations.

    Args:
        case: What is audited.
        explain: `{"seconds": 60}` or `{"evaluations": 1_000_000}`; None: there is none.

    Raises:
        InputError: If it is anything else.
    """
    if explain is None:
        return case
    if len(explain) != 1 or not set(explain) <= set(_KINDS):
        raise InputError(
            f"explain has {', '.join(map(repr, sorted(explain))) or 'nothing'}.",
            remedy='give one of {"seconds": 60} and {"evaluations": 1000000}',
        )
    ((kind, given),) = explain.items()
    value = _KINDS[kind].read(given, name=f"explain: {kind}")
    if case.score is None or case.reference is None:
        return case
    return replace(
        case, evaluations=value if kind == "evaluations" else int(value * _rate(case)) or 1
    )


def _rate(case: Case) -> float:
    """Rows that the model scores a second, when asked for many at once."""
    assert case.score is not None
    count = min(case.rows, 1000)
    while True:
        rows = case.features.iloc[np.arange(count) % case.rows].reset_index(drop=True)
        began = time.perf_counter()
        case.score(rows)
        took = time.perf_counter() - began
        if took >= _LONG_ENOUGH or count >= _MOST_ROWS:
            return count / max(took, 1e-9)
        count = min(count * 10, _MOST_ROWS)
