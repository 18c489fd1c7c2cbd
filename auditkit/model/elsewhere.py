"""A model that is in another process, and the questions that are asked there.

Whoever asks need not know where a model is: a question whose answer is data is marked by `asked`,
and goes to the model's process if the model is not here.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from auditkit.canonical import Digest

P = ParamSpec("P")
T = TypeVar("T")


class Elsewhere(ABC):
    """A model in another process.

    It has the attributes and methods of an estimator that the model has: `classes_`,
    `feature_names_in_`, `predict_proba`.
    """

    @abstractmethod
    def ask(self, question: str, *values: Any, **named: Any) -> Any:
        """Asks a question about the model where it is.

        Args:
            question: Its name.
            values: What else it is about, as data.
            named: The same, by its name.

        Raises:
            RaisedElsewhereError: If the model raises an error.
            AuditkitError: If its process gives no answer.
        """

    @property
    @abstractmethod
    def digest(self) -> Digest:
        """The digest of the files that it came from."""

    @property
    @abstractmethod
    def has_scores(self) -> bool:
        """Whether it gives one score a row, without naming classes."""

    @abstractmethod
    def unwrapped(self) -> tuple[Callable[[Any], Any] | None, Elsewhere]:
        """The encoder before it, if it has one, and the model at its end."""


class RaisedElsewhereError(Exception):
    """An error that a model raised in its process.

    Attributes:
        kind: The name of the error's class there.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def kind_of(error: Exception) -> str:
    """The name of an error's class, wherever it was raised."""
    return error.kind if isinstance(error, RaisedElsewhereError) else type(error).__name__


def asked(question: Callable[P, T]) -> Callable[P, T]:
    """Marks a function of a model, whose other arguments and answer are data."""

    @functools.wraps(question)
    def ask(*values: P.args, **named: P.kwargs) -> T:
        model = values[0] if values else None
        if isinstance(model, Elsewhere):
            answer: T = model.ask(question.__name__, *values[1:], **named)
            return answer
        return question(*values, **named)

    return ask
