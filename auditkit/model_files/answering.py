"""The process that has a model from a file: loads it, and answers questions about it.

It runs confined. What it answers is read as what a stranger says; nothing here is a guard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from auditkit.isolation.messages import unpack
from auditkit.measures.shapley import catboost_trees, linear, tree_ensembles, treelite_trees
from auditkit.measures.shapley.feature_groups import unwrapped
from auditkit.model import categories, columns, refusals, tasks
from auditkit.model.output import ExplainedOutput, classes_of, explained_output
from auditkit.model.scoring import booster_predict
from auditkit.model.threads import OneThread
from auditkit.model_files.crossing import packed, unpacked
from auditkit.model_files.loaders import load_bytes
from auditkit.tables.fitted_columns import as_fitted, fitted_names

# shap would import it for its plots, and it would search for fonts and folders that are not here.
sys.modules.setdefault("matplotlib", None)  # type: ignore[arg-type]

# Methods that are called with rows, where the model has them.
METHODS: Final = ("predict_proba", "predict", "decision_function")
# Questions that have one answer here and elsewhere.
_SHARED: Final[dict[str, Callable[..., Any]]] = {
    question.__name__: question
    for question in (
        catboost_trees.catboost_trees,
        categories.fitted_categories,
        columns.columns_of_boosted_trees,
        columns.text_columns,
        linear.coefficients,
        refusals.encoded_categories,
        tasks.stated_task,
        tree_ensembles.numbers_as_fitted,
        tree_ensembles.values_by_shap,
        treelite_trees.treelite_trees,
    )
}


class _Part:
    """The model or a part of it, with what was found out about it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.threads = OneThread()
        self.given = as_fitted(model)
        self.outputs: dict[Any, ExplainedOutput] = {}
        self.encode: Callable[[Any], Any] | None = None
        self.predict = booster_predict(model)
        if self.predict is None and callable(model):
            self.predict = model

    def facts(self) -> dict[str, Any]:
        """What the other side knows of it without asking."""
        attributes: dict[str, Any] = {}
        if getattr(self.model, "classes_", None) is not None:
            attributes["classes_"] = classes_of(self.model)
        names = fitted_names(self.model)
        if names is not None:
            attributes["feature_names_in_"] = names
        return {
            "kind": type(self.model).__name__,
            "attributes": attributes,
            "methods": [name for name in METHODS if hasattr(self.model, name)],
            "scores": self.predict is not None,
        }

    def answer(self, question: str, values: list[Any], named: dict[str, Any]) -> Any:
        """The answer to a question."""
        if question in METHODS:
            return self._of_rows(lambda r: getattr(self.model, question)(self.given(r)), values[0])
        if question == "scores":
            assert self.predict is not None
            return self._of_rows(self.predict, values[0])
        if question == "explained":
            found = explained_output(self.model, of=values[0])
            self.outputs[values[0]] = found
            return [str(found.gives), found.column, found.sign, found.family,
                    found.asked is not None]  # fmt: skip
        if question == "summed":
            return self._of_rows(self.outputs[values[0]].predict, values[1])
        if question == "given":
            asked = self.outputs[values[0]].asked
            assert asked is not None
            return self._of_rows(asked, values[1])
        if question == "unwrapped":
            self.encode, inner = unwrapped(self.model)
            return (
                None if self.encode is None and inner is self.model else _kept(inner, self.encode)
            )
        if question == "encode":
            assert self.encode is not None
            return self._of_rows(self.encode, values[0])
        return _SHARED[question](self.model, *values, **named)

    def _of_rows(self, ask: Callable[[Any], Any], rows: Any) -> Any:
        with self.threads.for_few(len(rows)):
            return ask(rows)


_PARTS: Final[list[_Part]] = []


def load(data: bytes | memoryview) -> bytes:
    """Loads a model; the first call of all.

    Args:
        data: The format, what the caller trusts, and the bytes of the file.

    Returns:
        What is known of the model without asking.

    Raises:
        InputError: If it cannot be loaded.
    """
    told, parts = unpack(memoryview(data))
    model, listed = load_bytes(told["format"], bytes(parts[0]), trusted_types=told["trusted_types"])
    _kept(model, None)
    return packed({**_PARTS[0].facts(), "listed": listed})


def ask(data: bytes | memoryview) -> bytes:
    """Answers a question: its name, the number of the part that it is about, and values.

    Returns:
        The answer; or the name and text of the error that the model raised.
    """
    part, question, values, named = unpacked(data, trusted=True)
    try:
        return packed({"answer": _PARTS[part].answer(question, values, named)})
    except Exception as error:
        from auditkit.errors import AuditkitError

        if isinstance(error, AuditkitError | MemoryError):
            raise
        return packed({"raised": [type(error).__name__, str(error)[:1000]]})


def _kept(model: Any, encode: Callable[[Any], Any] | None) -> Any:
    _PARTS.append(_Part(model))
    return [len(_PARTS) - 1, encode is not None, _PARTS[-1].facts()]
