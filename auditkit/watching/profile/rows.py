"""Rows as a profile counts them: features, and what is derived from scores, decisions and labels.

Derived are the outcome of each decision, the scores of each class, the errors of predicted numbers,
and each feature's share of an explanation.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from auditkit.canonical import check_name
from auditkit.errors import InputError
from auditkit.tables.columns import favourable_rows, group_columns, one_column
from auditkit.tables.convert import to_pandas
from auditkit.tables.pairing import refuse_other_rows
from auditkit.watching.profile.counting import (
    Array,
    Codes,
    as_numbers,
    as_texts,
    exact_sum,
    level_cells,
    number_cells,
)
from auditkit.watching.profile.layout import (
    DECIDED,
    OTHER_GROUP,
    OUTCOMES,
    TOO_LARGE,
    UNKNOWN_GROUP,
    Column,
    Layout,
)
from auditkit.watching.profile.strata import Stratum, Tallied

# About so many stretches of predictions have errors of their own.
STRETCHES: Final = 10
Task = Literal["classification", "regression", ""]


@dataclass(kw_only=True, slots=True)
class Rows:
    """Columns to count, each with the rows that it is about.

    Attributes:
        rows: How many rows were decided about; 0 for labels that came later.
        size: The length of every column.
        columns: By role and name, shape `(size,)`: doubles of a column of numbers, anything of a
            column of levels; cells that are none of these hold NaN or None.
        among: Which rows a column is about; a column that is not there is about all.
        groups: For each attribute the group of each row.
    """

    rows: int
    size: int
    columns: dict[tuple[str, str], Any] = field(default_factory=dict)
    among: dict[tuple[str, str], npt.NDArray[np.bool_]] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        layout: Layout,
        batch: Any,
        *,
        scores: Any,
        decided: Any,
        labels: Any,
        groups: Any,
        attributions: Any,
    ) -> Rows:
        """Rows to count over a layout; see `Profile.of`."""
        refuse_other_rows(
            {"batch": batch, "scores": scores, "decided": decided, "labels": labels,
             "groups": groups, "attributions": attributions}
        )  # fmt: skip
        frame = None if batch is None else to_pandas(batch, what="batch")
        if frame is None and labels is None:
            raise InputError(
                "There is nothing to count.", remedy="give batch, or labels that came later"
            )
        size = len(frame) if frame is not None else len(one_column(labels, what="labels"))
        found = cls(rows=0 if frame is None else size, size=size)
        if frame is not None:
            for column in layout.of_role("feature"):
                if column.name not in frame.columns:
                    raise _missing(column.name, frame.columns, layout)
                found.columns[column.key] = frame[column.name]
        found.take_outputs(layout.task, layout.favourable, layout.threshold, scores, decided)
        found.take_labels(layout.task, layout.favourable, labels)
        found.take_errors_by_score(layout.by_key.get(("score", "score")))
        if frame is None:  # the rows and what was decided about them were counted before
            for role in ("score", "decision"):
                found.columns.pop((role, role), None)
        found.take_attributions(attributions)
        found.take_groups(groups, layout.groups)
        known = layout.by_key
        found.columns = {key: values for key, values in found.columns.items() if key in known}
        return found

    def take_outputs(
        self, task: Task, favourable: str, threshold: float, scores: Any, decided: Any
    ) -> None:
        """Adds the columns of scores and decisions."""
        if scores is not None:
            given = one_column(scores, what="scores", rows=self.size, against="batch")
            self.columns["score", "score"] = as_numbers(given, what="scores")
        if decided is None and scores is not None and task == "classification":
            score = self.columns["score", "score"]
            with np.errstate(invalid="ignore"):
                decided = np.where(np.isfinite(score), score >= threshold, None)
            favourable = ""
        if decided is not None:
            self.columns["decision", "decision"] = self._favourable(
                decided, favourable, what="decided"
            )

    def take_labels(self, task: Task, favourable: str, labels: Any) -> None:
        """Adds the column of labels, and those that compare it with scores and decisions."""
        if labels is None or not task:
            return
        score = self.columns.get(("score", "score"))
        if task == "regression":
            given = one_column(labels, what="labels", rows=self.size, against="batch")
            label = as_numbers(given, what="labels")
            self.columns["label", "label"] = label
            if score is not None:
                with np.errstate(invalid="ignore"):
                    error = np.where(np.isinf(label), np.nan, label - score)
                self._put("error", error, ~np.isnan(error))
                self._put("absolute error", np.abs(error), ~np.isnan(error))
            return
        label = self._favourable(labels, favourable, what="labels")
        self.columns["label", "label"] = label
        known = ~pd.isna(label)
        truth = label == DECIDED[1]
        if score is not None:
            self._put("score of favourable", score, known & truth)
            self._put("score of other", score, known & ~truth)
        decision = self.columns.get(("decision", "decision"))
        if decision is not None:
            both = known & ~pd.isna(decision)
            place = 2 * truth + (decision == DECIDED[1])
            # By label, then by decision: see OUTCOMES.
            self._put("outcome", np.array(OUTCOMES, dtype=object)[place], both)

    def take_errors_by_score(self, score: Column | None) -> None:
        """Adds the absolute errors of each of about ten stretches of predictions."""
        error = self.columns.get(("absolute error", "absolute error"))
        if error is None or score is None:
            return
        predicted = self.columns["score", "score"]
        ends = [-np.inf, *score.edges[:: max(1, len(score.edges) // STRETCHES)], np.inf]
        for low, high in itertools.pairwise(ends):
            key = ("absolute error", f"score {low!r} to {high!r}")
            self.columns[key] = error
            self.among[key] = (predicted >= low) & (predicted < high) & ~np.isnan(error)

    def _put(self, role: str, values: Any, among: npt.NDArray[np.bool_]) -> None:
        self.columns[role, role] = values
        self.among[role, role] = among

    def _favourable(self, given: Any, favourable: str, *, what: str) -> npt.NDArray[Any]:
        """Each row's outcome as one of `DECIDED`; None where missing."""
        array = one_column(given, what=what, rows=self.size, against="batch")
        missing = pd.isna(array)
        found = np.full(self.size, None, dtype=object)
        if missing.all():
            return found
        rest = array[~missing]
        if favourable:
            codes, texts = as_texts(rest)
            rest = np.array([text == favourable for text in texts])[codes]
        elif rest.dtype == object:
            rest = pd.Series(rest).infer_objects().to_numpy()
        favoured = favourable_rows(rest, what=what, favourable=None)
        found[~missing] = np.array(DECIDED, dtype=object)[favoured.astype(int)]
        return found

    def take_attributions(self, attributions: Any) -> None:
        """Adds each feature's share of the absolute contributions to a row's score."""
        if attributions is None:
            return
        frame = to_pandas(attributions, what="attributions")
        if len(frame) != self.size:
            raise InputError(
                f"attributions has {len(frame):,} rows and batch has {self.size:,}.",
                remedy="give the same rows, in the same order",
            )
        sizes = np.abs(frame.to_numpy(dtype=np.float64))
        totals = sizes.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = sizes / totals[:, None]
        for name, share in zip(frame.columns, shares.T, strict=True):
            self.columns["attribution", name] = share
            self.among["attribution", name] = totals > 0

    def take_groups(self, groups: Any, known: Mapping[str, Sequence[str]] | None) -> None:
        """Adds the groups of the rows; those that the baseline does not name are one."""
        if groups is None:
            return
        for name, column in group_columns(groups, rows=self.size, against="batch").items():
            if known is not None and name not in known:
                continue
            codes, texts = as_texts(column)
            levels = texts if known is None else known[name]
            names = [t if t in levels else OTHER_GROUP for t in texts] + [UNKNOWN_GROUP]
            self.groups[name] = np.array(names, dtype=object)[codes]

    def tallied(self, layout: Layout, version: str, salt: bytes | None) -> dict[Stratum, Tallied]:
        """The counts of everyone and of each group."""
        check_name(version, what="The version")
        if not self.size:
            return {}
        members: list[tuple[Stratum, npt.NDArray[np.intp] | None]] = [(Stratum(version), None)]
        for attribute, column in self.groups.items():
            codes, names = pd.factorize(column)
            order = np.argsort(codes, kind="stable")
            ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
            members += [
                (Stratum(version, attribute, str(name)), rows)
                for name, rows in zip(names, np.split(order, ends), strict=True)
            ]
        counts = {s: np.zeros(layout.size, dtype=np.int64) for s, _ in members}
        sums = {s: [0] * (2 * len(layout.summed)) for s, _ in members}
        for key, values in self.columns.items():
            column, start = layout.by_key[key], layout.starts[key]
            numbers, codes = self._coded(layout, column, values, salt)
            among = self.among.get(key)
            for stratum, rows in members:
                own = slice(None) if rows is None else rows
                cells = codes[own] if among is None else codes[own][among[own]]
                counts[stratum][start : start + column.cells] = np.bincount(
                    cells, minlength=column.cells
                )
                if numbers is not None:
                    at = 2 * layout.summed[key]
                    held = numbers[own] if among is None else numbers[own][among[own]]
                    if counts[stratum][start + column.values : start + column.cells].any():
                        held = held[np.abs(held) < TOO_LARGE]
                    sums[stratum][at : at + 2] = exact_sum(held), exact_sum(held * held)
        found = {
            stratum: Tallied(
                rows=0 if not self.rows else self.size if own is None else len(own),
                cells=counts[stratum],
                sums=tuple(sums[stratum]),
            )
            for stratum, own in members
        }
        return dict(sorted(found.items()))

    def _coded(
        self, layout: Layout, column: Column, values: Any, salt: bytes | None
    ) -> tuple[Array | None, Codes]:
        if column.kind == "level":
            return None, level_cells(column, values, salt)
        numbers = as_numbers(values, what=f"The column {column.name!r}")
        return numbers, number_cells(layout.edges[column.key], numbers)


def _missing(name: str, columns: Any, layout: Layout) -> InputError:
    names = [c.name for c in layout.of_role("feature")]
    near = difflib.get_close_matches(name, [c for c in columns if c not in names], n=1)
    renamed = f"was it renamed to {near[0]!r}? " if near else ""
    return InputError(
        f"batch has no column {name!r}, which the baseline has.",
        remedy=f"{renamed}give the baseline's columns; if it is gone, give it as missing values",
    )
