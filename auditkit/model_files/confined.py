"""A model in a confined process, from this side: it looks like an estimator and asks that one."""

from __future__ import annotations

import shutil
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.isolation import ChildCrashError, ChildError, ChildLimitError, Limits, Resident
from auditkit.isolation.layers import is_strict
from auditkit.isolation.messages import pieces
from auditkit.model.elsewhere import Elsewhere, RaisedElsewhereError
from auditkit.model_files.crossing import in_pieces, unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from auditkit.model_files.formats import Format

_MODULE: Final = "auditkit.model_files.answering"
# Of the libraries and a model's own working memory; a large model takes several times its file.
_MEMORY_BYTES, _MEMORY_A_BYTE = 6 << 30, 12
_LIFE_CPU_SECONDS: Final = 8 * 3600
# Computing time: for loading or for rows, for each row, for another question, and for each byte of
# the file.
CPU_SECONDS, _CPU_A_ROW, _CPU_A_QUESTION, _CPU_A_BYTE = 5.0, 0.005, 8.0, 1e-6
_ANSWER_BYTES, _ANSWER_A_ROW = 1 << 20, 1 << 13
_TREES: Final = {"treelite_trees", "catboost_trees", "values_by_shap"}
_TREES_A_BYTE: Final = 24
# Rows that are asked about again, to see whether the answer is the same.
_ASKED_AGAIN: Final = 16
_ROWS_AT_ONCE: Final = 200_000
_METHODS: Final = frozenset({"predict_proba", "predict", "decision_function"})
_OF_ROWS: Final = _METHODS | {"scores", "summed", "given", "encode"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Confinement:
    """How a model from a file was loaded: what the evidence says of it.

    Attributes:
        format: The name of its format.
        kind: The format's class: "A", "B" or "C".
        isolation: What was asked for, "default" or "strict".
        layers: What confined its process.
        listed: What the file names of other code, for example `sklearn.pipeline.Pipeline`.
        signer: Who signed it; empty: nobody was asked for.
    """

    format: str
    kind: str
    isolation: str
    layers: tuple[str, ...]
    listed: tuple[str, ...] = ()
    signer: str = ""


class AskedAgain:
    """Asks about a few rows again, at ever longer intervals: the answer must be the same."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[int, Any, Any]] = {}
        self._lock = threading.RLock()

    def compare(self, name: str, rows: Any, answer: Any, ask: Callable[[Any], Any]) -> None:
        """Counts a question, and asks it again if it is time for it.

        Args:
            name: Of the question.
            rows: What it was asked about.
            answer: What was answered.
            ask: Asks it about rows.

        Raises:
            InputError: If the answer is another one.
        """
        with self._lock:
            count, kept, first = self._answers.get(name, (0, None, None))
            count += 1
            if kept is None:
                kept, first = _head(rows, _ASKED_AGAIN), _head(answer, _ASKED_AGAIN)
            self._answers[name] = (count, kept, first)
        if count & (count - 1) or not len(kept):
            return
        if not _alike(first, ask(kept)):
            raise InputError(
                "The model gives other answers when it is asked about the same rows again.",
                remedy="audit a model whose answers depend on the row alone: fix its random seed, "
                "and take out what counts or remembers",
            )


@dataclass
class ModelProcess:
    """What the parts of a model share."""

    resident: Resident
    digest: Digest
    size: int
    again: AskedAgain = field(default_factory=AskedAgain)


class ConfinedModel(Elsewhere):
    """A model that was loaded from a file, in a process of its own.

    Attributes:
        confinement: How it was loaded.
        file_digest: Of the bytes of its one file, as `sha256sum` gives it; None: it has several.
    """

    confinement: Confinement
    file_digest: Digest | None = None

    def __init__(
        self, process: ModelProcess, part: int, facts: Any, confinement: Confinement
    ) -> None:
        self._process, self._part = process, part
        self._kind = _name(facts["kind"])
        self._attributes = {
            name: _checked_attribute(value)
            for name, value in facts["attributes"].items()
            if name in {"classes_", "feature_names_in_"}
        }
        self._methods = frozenset(facts["methods"]) & _METHODS
        self._has_scores = facts["scores"] is True
        self.confinement = confinement

    def __repr__(self) -> str:
        """Its class there, and what confines it."""
        return f"<{self._kind} in a process of its own: {', '.join(self.confinement.layers)}>"

    def __getattr__(self, name: str) -> Any:
        """What the model has of an estimator's attributes and methods."""
        if not name.startswith("__") and "_methods" in self.__dict__:
            if name in self._attributes:
                return self._attributes[name]
            if name in self._methods:
                return lambda rows: self.ask(name, rows)
        raise AttributeError(name)

    @property
    def digest(self) -> Digest:
        """The digest of the files that it came from."""
        return self._process.digest

    @property
    def has_scores(self) -> bool:
        """Whether it gives one score a row, without naming classes."""
        return self._has_scores

    def close(self) -> None:
        """Ends its process; it also ends with the last model that is in it, and with this one."""
        self._process.resident.end()

    def unwrapped(self) -> tuple[Callable[[Any], Any] | None, Elsewhere]:
        """The encoder before it, if it has one, and the model at its end."""
        found = self.ask("unwrapped")
        if found is None:
            return None, self
        part, has_encoder, facts = found
        inner = ConfinedModel(self._process, int(part), facts, self.confinement)
        return (lambda rows: self.ask("encode", rows)) if has_encoder else None, inner

    def ask(self, question: str, *values: Any, **named: Any) -> Any:
        """Asks a question about the model where it is.

        Raises:
            RaisedElsewhereError: If the model raises an error.
            InputError: If its process ends, gives no answer, or one that cannot be.
        """
        if question not in _OF_ROWS:
            return self._asked(question, values, named, rows=0)
        *others, rows = values
        answers = [
            self._of_rows(question, others, part)
            for part in _parts(rows, _ROWS_AT_ONCE)
        ]  # fmt: skip
        answer = answers[0] if len(answers) == 1 else _joined(answers)
        self._process.again.compare(
            f"{self._part} {question} {others!r}",
            rows,
            answer,
            lambda kept: self._of_rows(question, others, kept),
        )
        return answer

    def _of_rows(self, question: str, others: Sequence[Any], rows: Any) -> Any:
        answer = self._asked(question, (*others, rows), {}, rows=len(rows))
        if not hasattr(answer, "shape") or answer.ndim == 0 or len(answer) != len(rows):
            shape = getattr(answer, "shape", "no rows")
            raise InputError(
                f"The model gives an answer of {_size(shape)} for {len(rows):,} rows.",
                remedy="it must give one score for each row, or one for each class",
            )
        return answer

    def _asked(
        self, question: str, values: Sequence[Any], named: dict[str, Any], *, rows: int
    ) -> Any:
        process = self._process
        trees = question in _TREES
        try:
            data = in_pieces([self._part, question, list(values), named])
        except TypeError as error:
            raise InputError(
                f"The rows cannot be handed to the model: {error}.",
                remedy="give each column one kind of values: numbers, texts, categories or dates",
            ) from error
        most = _ANSWER_BYTES + _ANSWER_A_ROW * rows + (_TREES_A_BYTE * process.size if trees else 0)
        per_byte = _CPU_A_BYTE * process.size * (10 if trees else 1)
        try:
            answer = process.resident.call(
                "ask",
                data,
                cpu_seconds=(CPU_SECONDS if rows else _CPU_A_QUESTION)
                + _CPU_A_ROW * rows
                + per_byte,
                answer_bytes=most,
            )
        except ChildError as error:
            raise gave_no_answer(error, "scores") from error
        found = _read(answer)
        if "raised" in found:
            kind, message = found["raised"]
            raise RaisedElsewhereError(_name(kind), str(message)[:1000])
        return found["answer"]


def confined(
    data: bytes,
    form: Format,
    *,
    digest: Digest,
    isolation: str,
    trusted_types: Sequence[str] = (),
    folder: Path | None = None,
) -> ConfinedModel:
    """Loads a model in a process of its own.

    Args:
        data: The bytes of its file.
        form: What they are.
        digest: The digest of its files.
        isolation: "default", or "strict" to refuse a kernel without the layers for it.
        trusted_types: Names, `module:name`, that a pickle may hold besides the known ones.
        folder: A private folder that the process may read; it is removed when the process ends.

    Raises:
        InputError: If it cannot be loaded, or its process cannot be confined as asked.
    """
    limits = Limits(
        cpu_seconds=_LIFE_CPU_SECONDS,
        wall_seconds=0,
        memory_bytes=_MEMORY_BYTES + _MEMORY_A_BYTE * len(data),
        answer_bytes=0,
        open_files=256,
        file_bytes=1 << 30,
    )
    resident = Resident(
        _MODULE,
        limits=limits,
        needs=("numpy", "pandas", "pyarrow", "scipy", "sklearn", "treelite", "shap", *form.needs),
        readable=() if folder is None else (folder,),
    )
    if folder is not None:
        weakref.finalize(resident, shutil.rmtree, folder, ignore_errors=True)
    try:
        layers = resident.layers()
        _refuse_less(layers, isolation)
        told = {"format": form.name, "trusted_types": list(trusted_types)}
        answer = resident.call(
            "load",
            pieces(told, [data]),
            cpu_seconds=CPU_SECONDS + _CPU_A_BYTE * len(data),
            answer_bytes=1 << 24,
        )
        facts = _read(answer)
        confinement = Confinement(
            format=form.name,
            kind=form.kind,
            isolation=isolation,
            layers=layers,
            listed=tuple(_name(one) for one in facts["listed"]),
        )
        process = ModelProcess(resident, digest, len(data))
        return ConfinedModel(process, 0, facts, confinement)
    except BaseException as error:
        resident.end()
        if isinstance(error, ChildError):
            raise gave_no_answer(error, "loads") from error
        if isinstance(error, KeyError | TypeError | AttributeError):
            raise gave_no_answer(ChildCrashError("It gave no answer."), "loads") from error
        raise


def _refuse_less(layers: Sequence[str], isolation: str) -> None:
    if isolation != "strict" or is_strict(layers):
        return
    raise InputError(
        f"The model's process is confined by {', '.join(layers)} alone.",
        remedy="run it on Linux 5.13 or later with Landlock and seccomp, or leave out "
        "isolation: strict",
    )


def gave_no_answer(error: ChildError, doing: str) -> InputError:
    """The error for a model whose process ended, or was ended."""
    remedy: str | None
    if isinstance(error, ChildLimitError):
        what, remedy = "was stopped", "make it smaller or faster, or audit its scores: scores:"
    elif isinstance(error, ChildCrashError):
        what, remedy = "has ended", "save the model again with the library's present version"
    else:
        what, remedy = "cannot be used", error.remedy
    return InputError(f"The process that {doing} the model {what}. {error.message}", remedy=remedy)


def _read(answer: bytes) -> Any:
    try:
        found = unpacked(answer)
    except ValueError as error:
        raise _unread() from error
    if not isinstance(found, dict):
        raise _unread()
    return found


def _unread() -> InputError:
    return InputError(
        "The model's process gives an answer that cannot be read.",
        remedy="save the model again with the library's present version",
    )


def _name(value: Any) -> str:
    """A name from the other process, short and without anything but a name's characters."""
    text = str(value)[:200]
    return "".join(c if c.isalnum() or c in "_.:" else "?" for c in text)


def _checked_attribute(value: Any) -> Any:
    values = list(value)
    if len(values) > 1_000_000 or not all(isinstance(v, bool | int | float | str) for v in values):
        raise TypeError
    return values


def _size(shape: Any) -> str:
    return f"shape {tuple(shape)}" if isinstance(shape, tuple) else str(shape)


def _parts(rows: Any, most: int) -> list[Any]:
    if len(rows) <= most:
        return [rows]
    places = range(0, len(rows), most)
    if hasattr(rows, "iloc"):
        return [rows.iloc[i : i + most] for i in places]
    return [rows[i : i + most] for i in places]


def _joined(answers: list[Any]) -> Any:
    if hasattr(answers[0], "iloc"):
        import pandas as pd

        return pd.concat(answers, ignore_index=True)
    return np.concatenate(answers)


def _head(table: Any, count: int) -> Any:
    return table.iloc[:count].copy() if hasattr(table, "iloc") else np.array(table[:count])


def _alike(one: Any, other: Any) -> bool:
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        return bool(np.allclose(first, second, rtol=1e-5, atol=1e-8, equal_nan=True))
    return bool((first == second).all() or _same_texts(first, second))


def _same_texts(one: Any, other: Any) -> bool:
    return [str(v) for v in one.reshape(-1)] == [str(v) for v in other.reshape(-1)]
