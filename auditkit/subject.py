"""What is audited: a model, the rows it is judged on, and who made which decision about whom.

`Inputs` is what a caller has: dataframes of any common kind, a fitted model. `Case` is what the
checks read: the same, validated once and laid out as NumPy arrays. Only `auditkit.loading` makes
a `Case`; past that point no check asks whether a column exists or a label is missing.

Laws:
    - Rows keep their order and their number; nothing is dropped without an error.
    - `True` in `Case.labels` and `Case.decisions` always means the outcome that is favourable to
      the person (approved), whatever the table calls it.
    - The texts of `Inputs` and `Case` name columns and count rows, and never show values.
    - A `Case` names every table it came from, with a digest of its contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from auditkit.canonical import Digest, Json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from auditkit.evidence import Evidence

T = TypeVar("T")


class Task(StrEnum):
    """What a model predicts."""

    BINARY = "binary"
    """One of two outcomes, one of which is good for the person."""
    CLASSES = "classes"
    """One of several classes."""
    NUMBER = "number"
    """A number, in the unit of the labels."""

    @property
    def words(self) -> str:
        """What the model does, as the end of a sentence."""
        return {
            Task.BINARY: "decides between two outcomes",
            Task.CLASSES: "decides between several classes",
            Task.NUMBER: "predicts numbers",
        }[self]


# The version of a model that is in no registry, or has none stated.
UNREGISTERED: Final = "unregistered"
_MAX_NAMES: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """The version of a registered model that was audited.

    Attributes:
        registry: The registry's address, without credentials.
        name: Its name there.
        version: The version's number, as text.
    """

    registry: str
    name: str
    version: str

    @property
    def uri(self) -> str:
        """How an audit file names it: `models:/credit/7`."""
        return f"models:/{self.name}/{self.version}"

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {"registry": self.registry, "name": self.name, "version": self.version}


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """Where a model ran, and how it came there.

    Attributes:
        sandbox: What confined its process: "landlock7", "seccomp", "namespaces", "limits". The one
            entry "none (caller's object)": it ran in the audit's own process.
        format: The format of its file; empty: it was handed over as an object.
        kind: The format's class: "A" data that was validated first, "B" data for a native parser,
            "C" code by design, which the audit demanded by its digest; "served": another program
            was asked.
        isolation: What was demanded of the sandbox, "default" or "strict".
        names: What a pickle names of other code, for example "sklearn.pipeline.Pipeline".
    """

    sandbox: tuple[str, ...]
    format: str = ""
    kind: str = ""
    isolation: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Loading:
        """Reads what `to_json` wrote."""
        return cls(
            sandbox=tuple(content["sandbox"]),
            format=content.get("format", ""),
            kind=content.get("class", ""),
            isolation=content.get("isolation", ""),
            names=tuple(content.get("names", ())),
        )

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        stated: dict[str, Json] = {"sandbox": list(self.sandbox)}
        if self.format:
            stated |= {"format": self.format, "class": self.kind, "isolation": self.isolation}
            stated["names"] = list(self.names)
        return stated


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The model that an audit is about.

    Attributes:
        name: The model's name in its registry, or a name given by the caller.
        version: Its version, as text; "unregistered" if it has none.
        digest: The digest of its artifacts. It is the subject of the signed statement.
        purpose: What the model decides, in one line; empty if not stated.
        owner: Who is accountable for it; empty if not stated.
        registered: Where its files were fetched from; None: not from a registry.
        loading: Where the model ran; None: there was none, or it is not stated.
        champion: The model that it is compared with on the same rows; None: none.
        period: The ends of the period, UTC, the second one not in it, if this is no model but a
            log: then `name` is the log's, and `digest` its root; empty: it is a model.
    """

    name: str
    version: str
    digest: Digest
    purpose: str = ""
    owner: str = ""
    registered: RegisteredModel | None = None
    loading: Loading | None = None
    champion: Subject | None = None
    period: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement; where it is registered only if it is."""
        stated: dict[str, Json] = {
            "name": self.name,
            "version": self.version,
            "digest": str(self.digest),
            "purpose": self.purpose,
            "owner": self.owner,
        }
        if self.registered is not None:
            stated["registered"] = self.registered.to_json()
        if self.loading is not None:
            stated["loading"] = self.loading.to_json()
        if self.champion is not None:
            stated["champion"] = self.champion.to_json()
        if self.period:
            stated["period"] = list(self.period)
        return stated


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """One table that an audit read.

    Attributes:
        name: The table's name, for example a file name without its folder.
        role: "evaluation", "reference" or "raw".
        rows: The number of rows.
        columns: The number of columns.
        digest: The digest of the contents: column names, types and values, in order.
    """

    name: str
    role: str
    rows: int
    columns: int
    digest: Digest

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {
            "name": self.name,
            "role": self.role,
            "rows": self.rows,
            "columns": self.columns,
            "digest": str(self.digest),
        }


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Inputs:
    """Everything an audit reads.

    Rows are paired by their position. If data, labels, groups, scores and predictions have pandas
    indexes, the indexes must be equal; see `auditkit.tables.pairing`.

    Args:
        model: A fitted estimator: anything with `predict_proba` or `predict`, an XGBoost booster,
            or a callable that maps a table to scores. None if `scores` or `predictions` are given;
            checks that need a model are then not assessed.
        data: The features, one row per case: pandas, polars, pyarrow, a DuckDB relation, or a
            two-dimensional array.
        labels: The true outcomes, shape `(n,)`, none missing: two distinct values, classes, or
            finite numbers. None: they are not known, and what needs them is not assessed.
        groups: The attributes to compare groups by, one column each; a table or a mapping of
            column name to values. May be None: fairness is then not assessed.
        reference: The rows that explanations are relative to, usually the training data; the same
            columns as `data`. None: explanations are not assessed.
        favourable: The label value that is good for the person. Must be given when the labels
            are not 0/1 or booleans, whose favourable value is 1.
        scores: Scores of the favourable outcome in [0, 1], shape `(n,)`, instead of the model's.
        predictions: Decisions already made, shape `(n,)`, values as in `labels`.
        threshold: A case is decided favourably when its score is at least this. Default: 0.5; for
            numbers none, and nothing is decided.
        task: What the model predicts: "binary", "classes" or "number". Default: found from model
            and labels.
        label_values: The model's value for each value of the labels, such as
            `{"good": 1, "bad": 0}`, where labels are words that the model does not know.
        intervals: For numbers, the model's own intervals: a table of two columns, lower and upper
            ends.
        name: The model's name. Default: the type of the model.
        version: The model's version in its registry.
        digest: `sha256:...` of the model's artifacts. Default: computed from the model.
        purpose: What the model decides, in one line.
        owner: Who is accountable for the model.
        evidence: Evidence made before the audit: de-identification, training, access decisions.
        seed: Seeds every random draw of the audit.
        registered: The version of a registered model that `model` was fetched from, if it was.
        explain: How much explanations may cost where the model can only be sampled: seconds, such
            as `{"seconds": 60}`, or how many rows the model may be asked to score,
            `{"evaluations": 1_000_000}`. Seconds are turned into evaluations by timing the model
            once, and the evidence names these. Default: 64 pairs of permutations a row.
        champion: The inputs of the model in use, which `model` is to replace: the audit compares
            both on the same rows. Only its own `model`, `digest`, `name`, `version` and
            `registered` are read. See `ak.compare`.

    Raises:
        InputError: From `auditkit.loading.prepare`, which validates inputs before any use.
    """

    model: Any = None
    data: Any
    labels: Any = None
    groups: Any = None
    reference: Any = None
    favourable: Any = None
    scores: Any = None
    predictions: Any = None
    threshold: float | None = None
    task: str | None = None
    label_values: Mapping[Any, Any] | None = None
    intervals: Any = None
    name: str | None = None
    version: str = UNREGISTERED
    digest: str | None = None
    purpose: str = ""
    owner: str = ""
    evidence: Sequence[Evidence] = ()
    seed: int = 0
    registered: RegisteredModel | None = None
    champion: Inputs | None = None
    explain: Mapping[str, float] | None = None

    def __repr__(self) -> str:
        """The shapes, types and column names of what was given; no value of any row."""
        tables = ("data", "labels", "groups", "reference", "scores", "predictions")
        given = {name: getattr(self, name) for name in tables}
        parts = [f"{name}={_shape(v)}" for name, v in given.items() if v is not None]
        parts += [f"task={self.task!r}"] if self.task is not None else []
        if self.model is not None:
            parts.insert(0, f"model={_kind(self.model)}")
        if self.champion is not None:
            parts.insert(1, f"champion={_kind(self.champion.model)}")
        if self.evidence:
            parts.append(f"evidence={len(self.evidence)}")
        parts += [f"threshold={self.threshold!r}"] if self.threshold is not None else []
        return f"Inputs({', '.join([*parts, f'seed={self.seed!r}'])})"


def _kind(value: Any) -> str:
    """The type's name, or the name of a function."""
    named: str = getattr(value, "__name__", "") or type(value).__name__
    return named


def _shape(value: Any) -> str:
    """How many rows, and the columns' names: `DataFrame of 300 rows (age, income)`."""
    if isinstance(value, Mapping):
        return f"{_kind(value)} ({_few(value)})"
    if hasattr(value, "collect"):  # a lazy table, whose size is unknown until it is read
        return type(value).__name__
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple):
        shape = (len(value),) if isinstance(value, Sequence) else ()
    rows = f" of {shape[0]:,} rows" if shape and isinstance(shape[0], int) else ""
    columns = getattr(value, "column_names", None) or getattr(value, "columns", None)
    if columns is None:
        wide = f", {shape[1]:,} columns" if len(shape) > 1 else ""
        return f"{type(value).__name__}{rows}{wide}"
    return f"{type(value).__name__}{rows} ({_few(columns)})"


def _few(names: Iterable[Any]) -> str:
    """The first names of columns, and how many more there are."""
    all_names = [str(name) for name in names]
    more = len(all_names) - _MAX_NAMES
    return ", ".join(all_names[:_MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """Predicted numbers, and the true ones.

    Attributes:
        predicted: Shape `(n,)`, in the unit of the labels.
        truth: The true numbers, shape `(n,)`; None: they are not known.
        lower: Lower ends of the model's own intervals, shape `(n,)`; None: it gives none.
        upper: Upper ends.
    """

    predicted: npt.NDArray[np.float64]
    truth: npt.NDArray[np.float64] | None = None
    lower: npt.NDArray[np.float64] | None = None
    upper: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """Decided classes, and the true ones, as positions in `names`.

    Attributes:
        names: The classes as texts, in the model's order.
        decided: Shape `(n,)`.
        truth: The true classes, shape `(n,)`; None: they are not known.
        chances: Of each class, shape `(n, classes)`; None: only decisions are known.
    """

    names: tuple[str, ...]
    decided: npt.NDArray[np.intp]
    truth: npt.NDArray[np.intp] | None = None
    chances: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Case:
    """Validated inputs, as the checks read them.

    Attributes:
        subject: The model.
        datasets: Every table that was read, with its digest.
        features: The evaluation rows, `n` by the number of features.
        labels: True where the true outcome is favourable, shape `(n,)`; None if the outcomes are
            not known, or none is favourable.
        decisions: True where the model decides favourably, shape `(n,)`; None if nothing is
            decided.
        scores: Score of the favourable outcome in [0, 1], shape `(n,)`; None if only decisions
            were given.
        groups: For each attribute the group of each row as text, shape `(n,)`; an unknown group
            is "(unknown)".
        reference: Rows that explanations are relative to; None if not given.
        model: The fitted model as given; None if there is none.
        score: Maps a table with the features' columns to scores of the favourable outcome,
            shape `(rows,)`; None if there is no model.
        scored_class: The class of the model that the score is of; None: the model has no classes.
        is_mirrored: Whether the score is one minus what the model gives.
        threshold: The cut-off on `scores`; NaN if there is none.
        evidence: Evidence made before the audit.
        seed: For every random draw.
        task: What the model predicts.
        numbers: What is predicted where that is numbers; otherwise None.
        classes: What is decided where that is several classes; otherwise None.
        champion: The same case of the model in use, which this one is to replace; None: none.
        evaluations: About how many rows the model may be asked to score for its explanations, where
            it can only be sampled; None: as many as the sampling takes by default.
        tell: Is told the share of a long computation that is done, in (0, 1].
    """

    subject: Subject
    datasets: tuple[Dataset, ...]
    features: pd.DataFrame
    labels: npt.NDArray[np.bool_] | None
    decisions: npt.NDArray[np.bool_] | None
    scores: npt.NDArray[np.float64] | None
    groups: Mapping[str, npt.NDArray[np.str_]]
    reference: pd.DataFrame | None
    model: Any
    score: Callable[[pd.DataFrame], npt.NDArray[np.float64]] | None
    threshold: float
    evidence: tuple[Evidence, ...]
    seed: int
    scored_class: Any = None
    is_mirrored: bool = False
    task: Task = Task.BINARY
    numbers: Numbers | None = None
    classes: Classes | None = None
    champion: Case | None = None
    evaluations: int | None = None
    tell: Callable[[float], None] | None = None
    _computed: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        """The model's name, the number of rows and the columns."""
        columns = _few(self.features.columns)
        return f"Case({self.subject.name!r}, {self.rows:,} rows ({columns}))"

    @property
    def rows(self) -> int:
        """The number of rows that are evaluated."""
        return len(self.features)

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """Computes a pure result that several checks share, on first use.

        Args:
            name: Names the result and everything that it depends on beside this case.
            compute: A pure function of this case.
        """
        if name not in self._computed:
            self._computed[name] = compute()
        result: T = self._computed[name]
        return result
