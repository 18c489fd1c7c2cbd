"""Chooses how a model is explained, once, and explains rows with it.

    trees   -> their paths; else shap with the whole reference
    linear  -> coefficients
    pipeline of an encoder and one of these -> the same, encoded columns of one source as one player
    anything else, and whatever does not add up -> every coalition, or sampled permutations

Law: whatever the way, its values must add up to the model's own output on every row, and on rows
that are mixed of those and the reference, which is what coalitions score. A way that fails there
is not used; the next one is, and the method says which it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.errors import InputError
from auditkit.measures.attribution.reasons import typical_values
from auditkit.measures.attribution.result import Attribution
from auditkit.measures.shapley import linear
from auditkit.measures.shapley import tree_ensembles as trees
from auditkit.measures.shapley.feature_groups import dense, encoding, grouping, unwrapped
from auditkit.measures.shapley.mixtures import alike, mixtures, special_values
from auditkit.measures.shapley.sampled import (
    LEAST_PAIRS,
    SampledValues,
    cost_of_pair,
    sampled_attribution,
)
from auditkit.model.output import adds_up, explained_output
from auditkit.model.refusals import outputs_of
from auditkit.model.threads import FEW_ROWS, OneThread
from auditkit.parameters import COUNT, Parameter
from auditkit.tables.convert import table_digest, to_pandas
from auditkit.tables.fitted_columns import refuse_other_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from auditkit.model.output import ExplainedOutput

    # Encoded rows to values; None where this way does not work.
    Values = Callable[[Any], NDArray[np.float64] | None]

# Rows that tell a scale, and reference rows for ways that take long with all of them.
_FEW: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """One way to explain rows.

    Attributes:
        method: How it is called.
        values: Against the whole reference.
        block_values: Encoded rows, and the number of the block of each reference row, to values
            against each block, shape `(blocks, rows, players)`.
        sums: Encoded rows to what their values add up to, where that takes less time.
        against: Against another reference, where the whole takes long; None: it does not.
    """

    method: str
    values: Values
    block_values: Callable[[Any, NDArray[np.int64]], NDArray[np.float64] | None]
    sums: Callable[[Any], NDArray[np.float64]] | None = None
    against: Callable[[Any], Values] | None = None


PAIRS: Final = COUNT.of(64)
# Without an end: blocks of a reference count on from the seed of an audit.
SEED_OF_PART: Final = Parameter(default=0, at_least=0)


class Explainer:
    """A model with a reference, ready to explain rows.

    Args:
        model: As for `explain`.
        reference: At least one row; all of it is used.
        target_class: The class to explain; default: the second of two.
        unit: "log-odds", "probability" or "output"; default: the scale it adds up on.
        feature_groups: Columns that are explained as one, by the group's name.
        permutation_pairs: Pairs of permutations a row, where the model can only be sampled.
        seed: Seeds every random draw.
        like: An explainer of the same model that has explained rows like those to come, against a
            reference that holds this one. What it found is not asked again: which ways add up, and
            the model's trees.

    Raises:
        InputError: If the reference is empty, the model cannot score it, or a number is out of its
            range.
    """

    def __init__(
        self,
        model: Any,
        reference: Any,
        *,
        target_class: Any = None,
        unit: str | None = None,
        feature_groups: Mapping[str, Sequence[str]] | None = None,
        permutation_pairs: int = 64,
        seed: int = 0,
        like: Explainer | None = None,
    ) -> None:
        permutation_pairs = PAIRS.read(permutation_pairs, name="permutation_pairs")
        seed = SEED_OF_PART.read(seed, name="seed")
        self._reference: Final = _some_rows(to_pandas(reference, what="reference"), "reference")
        self._columns: Final = tuple(str(c) for c in self._reference.columns)
        self._names, self._players = grouping(self._columns, feature_groups)
        self._pairs, self._seed = permutation_pairs, seed
        self._whole = model
        self._encode, self._model = unwrapped(model)
        if self._encode is None:
            refuse_other_columns(self._model, self._columns, what="reference")
        self._output = _output_of(self._model, target_class)
        self._threads: Final = OneThread()
        predicted = self.predict(self._reference)
        few = self._encoded(self._reference.iloc[_spread(len(self._reference), _FEW)])
        self._output, self._unit = self._output.on_scale(unit, few)
        self._predicted = predicted if unit is None else self.predict(self._reference)
        self._base = float(self._predicted.mean())
        self._digest = table_digest(self._reference)
        self._typical = typical_values(_grouped(self._reference, self._names, self._players))
        self._like = like
        self._trees: trees.TreeExplanation | None = None
        self._ways: list[_Way] | None = None
        self._held: set[str] = set()
        # Which columns had zeros, and missing values, in what the ways were tested on.
        self._tested = special_values(self._reference).any(axis=1)

    def explain(
        self,
        data: Any,
        *,
        evaluations: int | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> Attribution:
        """Explains rows.

        Args:
            data: At least one row, with the reference's columns.
            evaluations: About how many rows the model may be asked to score, where it can only be
                sampled; None: as many as `permutation_pairs` takes.
            tell: Is called now and then with the share that is done, in (0, 1].

        Raises:
            InputError: If it is empty, lacks a column, or the model cannot score it.
        """
        return self.in_blocks(data, None, evaluations=evaluations, tell=tell)[0]

    def affords(self, data: Any, evaluations: int) -> int:
        """How many of some rows can be explained with so many evaluations of the model; at least 1.

        All of them, where the values are exact by a formula.

        Args:
            data: As for `explain`.
            evaluations: How many rows the model may be asked to score.

        Raises:
            InputError: As for `explain`.
        """
        given = self._same_columns(_some_rows(to_pandas(data, what="data"), "data"))
        rows, _ = alike(given, self._reference)
        if next(self._ways_for(rows, self._encoded(rows)), None) is not None:
            return len(rows)
        return min(len(rows), max(1, evaluations // (LEAST_PAIRS * cost_of_pair(len(self._names)))))

    def in_blocks(
        self,
        data: Any,
        blocks: NDArray[np.int64] | None,
        *,
        evaluations: int | None = None,
        tell: Callable[[float], None] | None = None,
    ) -> tuple[Attribution, NDArray[np.float64]]:
        """Explains rows against the reference, and against each block of it by itself.

        An interventional attribution is a mean over the reference: that against the whole is the
        mean of those against the blocks, weighed by their rows. Where the model is sampled, both
        are from the same evaluations.

        Args:
            data: As for `explain`.
            blocks: For each row of the reference the number of its block; each from 0 on has one.
                None: one block.
            evaluations: As for `explain`.
            tell: As for `explain`.

        Returns:
            The attribution, and values relative to each block, shape `(blocks, rows, players)`.

        Raises:
            InputError: As for `explain`.
        """
        given = self._same_columns(_some_rows(to_pandas(data, what="data"), "data"))
        rows, _ = alike(given, self._reference)
        outputs = self.predict(rows)
        estimate = self._estimate(rows, outputs, blocks, evaluations, tell)
        attribution = Attribution(
            values=estimate.values,
            base=self._base,
            outputs=outputs,
            unit=self._unit,
            method=estimate.method,
            standard_errors=estimate.standard_errors,
            evaluations=estimate.evaluations,
            reference_digest=self._digest,
            reference_rows=len(self._reference),
            feature_names=self._names,
            typical=self._typical,
            data=_grouped(given, self._names, self._players),
            seed=self._seed,
        )
        return attribution, estimate.of_blocks

    def _estimate(
        self,
        rows: pd.DataFrame,
        outputs: NDArray[np.float64],
        blocks: NDArray[np.int64] | None,
        evaluations: int | None,
        tell: Callable[[float], None] | None,
    ) -> SampledValues:
        encoded = self._encoded(rows)
        of = np.zeros(len(self._reference), dtype=np.int64) if blocks is None else blocks
        share = np.bincount(of) / len(of)
        bases = np.bincount(of, self._predicted) / np.bincount(of)
        for way in self._ways_for(rows, encoded):
            if blocks is None:
                whole = way.values(encoded)
                values = None if whole is None else whole[None]
            else:
                values = way.block_values(encoded, blocks)
            if values is None or not all(
                adds_up(of_block, outputs, base)
                for of_block, base in zip(values, bases, strict=True)
            ):
                continue
            return SampledValues(
                values=values[0] if blocks is None else np.tensordot(share, values, axes=1),
                of_blocks=values,
                standard_errors=None,
                evaluations=0,
                method=way.method,
            )
        estimate = sampled_attribution(
            self._predict,
            rows,
            self._reference,
            self._players,
            outputs=outputs,
            bases=bases,
            blocks=of,
            pairs=self._pairs,
            seed=self._seed,
            evaluations=evaluations,
            tell=tell,
        )
        if not adds_up(estimate.values, outputs, self._base):
            raise InputError(
                "The attributions do not add up to the model's output.",
                remedy="check that the model gives the same output for the same row every time",
            )
        return estimate

    def _ways_for(self, rows: pd.DataFrame, encoded: Any) -> Iterator[_Way]:
        """The ways that add up on mixtures of these rows and the reference, the fastest first.

        They are tested again where rows are many, or hold a zero or a missing value in a column
        that had none so far; none is tested before it is needed.
        """
        special = special_values(rows).any(axis=1)
        if self._ways is None:
            self._ways = self._prepare(rows, encoded)
            if self._like is not None:  # tested with the same rows, against the whole reference
                self._held = {way.method for way in self._ways}
        elif len(rows) > FEW_ROWS or (special & ~self._tested).any():
            self._held = set()
        self._tested = self._tested | special
        mixture: tuple[Any, NDArray[np.float64]] | None = None
        for way in tuple(self._ways):
            if way.method not in self._held:
                if mixture is None:
                    both = mixtures(rows, self._reference, seed=self._seed)
                    mixture = self._encoded(both), self.predict(both)
                if not self._holds(way, *mixture):
                    self._ways.remove(way)
                    continue
                self._held.add(way.method)
            yield way

    def _holds(self, way: _Way, mixture: Any, outputs: NDArray[np.float64]) -> bool:
        base = self._base
        if way.sums is not None:
            return adds_up(way.sums(mixture)[:, None], outputs, base)
        if way.against is None:
            values = way.values(mixture)
        else:
            few = self._reference.iloc[_spread(len(self._reference), _FEW)]
            values = way.against(self._encoded(few))(mixture)
            base = float(self.predict(few).mean())
        return values is not None and adds_up(values, outputs, base)

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """The output that is explained, of rows with the reference's columns."""
        return outputs_of(
            self._whole, self._predict, rows, reference=self._reference, what="output"
        )

    def _prepare(self, rows: pd.DataFrame, encoded: Any) -> list[_Way]:
        """The ways that read the model itself, the fastest first; none for a mere function."""
        family = self._output.family
        if family == "callable":
            return []
        players: Sequence[int] = self._players
        if self._encode is not None:
            of_encoded = self._players_of_encoded(rows)
            if of_encoded is None:
                return []
            players = of_encoded
        reference = self._encoded(self._reference)
        if family == "linear":
            background = dense(reference).astype(np.float64)

            def by_coefficients(
                encoded: Any, background: NDArray[np.float64] = background
            ) -> NDArray[np.float64]:
                return linear.linear_attribution(
                    self._model,
                    self._output,
                    dense(encoded).astype(np.float64),
                    background,
                    players,
                    count=len(self._names),
                )

            def in_blocks(encoded: Any, blocks: NDArray[np.int64]) -> NDArray[np.float64]:
                parts = [background[blocks == b] for b in range(int(blocks.max()) + 1)]
                return np.array([by_coefficients(encoded, part) for part in parts])

            return [_Way(method=linear.METHOD, values=by_coefficients, block_values=in_blocks)]
        ways: list[_Way] = []
        self._trees = self._read_trees(reference, players, encoded)
        if self._trees is not None:
            read = self._trees
            note = (
                "" if read.compared else " (not compared with shap, which refuses or misreads it)"
            )
            method = trees.METHOD + note
            ways.append(
                _Way(
                    method=method,
                    values=read.values,
                    block_values=lambda encoded, blocks: read.block_values(
                        encoded, reference, blocks
                    ),
                    sums=read.outputs,
                )
            )
        if self._encode is None and len(self._names) == len(self._columns):

            def by_shap(reference: Any) -> Values:
                return lambda e: trees.shap_values(self._model, self._output, e, reference)

            def shap_in_blocks(
                encoded: Any, blocks: NDArray[np.int64]
            ) -> NDArray[np.float64] | None:
                parts = [_rows_of(reference, blocks == b) for b in range(int(blocks.max()) + 1)]
                values = [by_shap(part)(encoded) for part in parts]
                return None if any(v is None for v in values) else np.array(values)

            ways.append(
                _Way(
                    method=trees.BY_SHAP,
                    values=by_shap(reference),
                    block_values=shap_in_blocks,
                    against=by_shap,
                )
            )
        if self._like is None:
            return ways
        methods = {way.method for way in self._like._ways or ()}  # noqa: SLF001 - of its kind
        return [way for way in ways if way.method in methods]

    def _read_trees(
        self, reference: Any, players: Sequence[int], encoded: Any
    ) -> trees.TreeExplanation | None:
        if self._like is not None:
            read = self._like._trees  # noqa: SLF001 - of its kind
            return None if read is None else read.relative_to(reference)
        return trees.prepared_trees(
            self._model,
            self._output,
            reference,
            players,
            count=len(self._names),
            sample=encoded,
        )

    def _players_of_encoded(self, rows: pd.DataFrame) -> tuple[int, ...] | None:
        import pandas as pd

        assert self._encode is not None
        both = pd.concat(alike(rows, self._reference), ignore_index=True)
        found = encoding(self._encode, both, seed=self._seed)
        return None if found is None else tuple(self._players[owner] for owner in found.owners)

    def _predict(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        with self._threads.for_few(len(rows)):
            return self._output.predict(self._encoded(rows))

    def _encoded(self, rows: pd.DataFrame) -> Any:
        return rows if self._encode is None else self._encode(rows)

    def _same_columns(self, rows: pd.DataFrame) -> pd.DataFrame:
        if tuple(str(c) for c in rows.columns) != self._columns:
            raise InputError(
                "data and reference differ in their columns or in the order of them.",
                remedy="give both with the same columns in the same order",
            )
        return rows


def _rows_of(table: Any, which: NDArray[np.bool_]) -> Any:
    return table.loc[which] if hasattr(table, "loc") else table[which]


def _spread(rows: int, count: int) -> NDArray[np.int64]:
    """Positions of at most so many rows, spread over a table."""
    return np.arange(rows)[:: max(1, rows // count)][:count]


def _some_rows(table: pd.DataFrame, what: str) -> pd.DataFrame:
    if len(table) == 0:
        raise InputError(f"{what} has no rows.", remedy="give at least one")
    return table


def _output_of(model: Any, of: Any) -> ExplainedOutput:
    try:
        return explained_output(model, of=of)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"The {type(model).__name__} cannot be read: {type(error).__name__}.",
            remedy="give a fitted model, read with the version of its library that saved it",
        ) from error


def _grouped(rows: pd.DataFrame, names: tuple[str, ...], players: tuple[int, ...]) -> pd.DataFrame:
    """The rows with one column a player; a group's value names those of its members."""
    import pandas as pd

    if len(names) == rows.shape[1]:
        return rows
    columns: dict[str, Any] = {}
    for number, name in enumerate(names):
        members = [c for c, p in zip(rows.columns, players, strict=True) if p == number]
        if members == [name]:
            columns[name] = rows[name]
            continue
        texts = [[f"{m}={v}" for v in rows[m]] for m in members]
        columns[name] = [", ".join(parts) for parts in zip(*texts, strict=True)]
    return pd.DataFrame(columns)
