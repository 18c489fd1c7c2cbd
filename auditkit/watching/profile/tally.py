"""Counts decisions one by one: cheap each time, and the same counts as of the rows together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import pandas as pd

from auditkit.errors import InputError
from auditkit.watching.profile.layout import Layout

_TOGETHER: Final = 512
_GIVEN: Final = ("scores", "decided", "labels")


class _Mergeable(Protocol):
    def __add__(self, other: Self, /) -> Self: ...


P = TypeVar("P", bound=_Mergeable)


class Tally(Generic[P]):
    """Adds decisions to a profile; rows wait until there are a few hundred, and are then counted.

    A row is kept in memory until then, and nowhere else. One thread at a time.

    Example:
        tally = base.tally(window=("2026-11-29", "2026-11-30"))
        tally.add({"income": 41, "age": 30}, score=0.7, groups={"sex": "f"})
        day = tally.profile()
    """

    def __init__(self, layout: Layout, counted: Callable[..., P]) -> None:
        self._names = [column.name for column in layout.of_role("feature")]
        self._groups = tuple(layout.groups)
        self._counted = counted
        self._total: P | None = None
        self._waiting: list[tuple[Any, ...]] = []

    def add(
        self,
        row: Mapping[str, Any] | Sequence[Any],
        *,
        score: float | None = None,
        decided: Any = None,
        label: Any = None,
        groups: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds one decision.

        Args:
            row: The features by name, or in the order of the baseline.
            score: Its score.
            decided: The decision.
            label: The true outcome, if it is known.
            groups: The group of each attribute.

        Raises:
            InputError: If the row lacks a feature.
        """
        if isinstance(row, Mapping):
            try:
                values = tuple([row[name] for name in self._names])
            except KeyError as error:
                raise self._lacking(error.args[0]) from None
        else:
            values = tuple(row)
            if len(values) != len(self._names):
                raise InputError(
                    f"The row has {len(values)} values; the baseline has {len(self._names)} "
                    "features.",
                    remedy="give each feature by its name",
                )
        mine = tuple([groups.get(name) for name in self._groups]) if groups else ()
        if not mine and self._groups:
            mine = (None,) * len(self._groups)
        self._waiting.append((*values, *mine, score, decided, label))
        if len(self._waiting) >= _TOGETHER:
            self._count()

    def profile(self) -> P:
        """The profile of every row that was added."""
        if self._waiting or self._total is None:
            self._count()
        assert self._total is not None
        return self._total

    def _count(self) -> None:
        features, groups = len(self._names), len(self._groups)
        columns: list[Any] = list(map(list, zip(*self._waiting, strict=True)))
        columns = columns or [[] for _ in range(features + groups + len(_GIVEN))]
        batch = pd.DataFrame(dict(zip(self._names, columns[:features], strict=True)))
        if not self._names:
            batch = pd.DataFrame(index=range(len(self._waiting)))
        rest = dict(zip(_GIVEN, columns[features + groups :], strict=True))
        given = {name: v for name, v in rest.items() if any(one is not None for one in v)}
        mine = dict(zip(self._groups, columns[features : features + groups], strict=True))
        found = self._counted(batch, **given, groups=mine or None)
        self._total = found if self._total is None else self._total + found
        self._waiting = []

    def _lacking(self, name: Any) -> InputError:
        return InputError(
            f"The row has no feature {name!r}.",
            remedy="give every feature of the baseline, None where it is missing",
        )
