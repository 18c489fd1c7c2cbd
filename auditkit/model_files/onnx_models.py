"""ONNX models: checked, loaded and asked; in the confined process alone.

The graph is read first: a tensor that lies in another file is refused, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from auditkit.errors import InputError

_LABELS: Final = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")
_REMEDY: Final = "save it in one file: onnx.save(model, 'model.onnx'), without external data"
_FLOATS: Final = {"tensor(float)": np.float32, "tensor(double)": np.float64}
_WHOLE: Final = {
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
}  # fmt: skip
_MAX_DEPTH: Final = 32


class OnnxModel:
    """A model that gives one number a row, as a function from a table.

    Attributes:
        feature_names_in_: The columns that it takes; None: it takes one array.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._inputs = session.get_inputs()
        self._outputs = [one.name for one in session.get_outputs()]
        names = [one.name for one in self._inputs]
        self.feature_names_in_ = np.array(names, dtype=object) if len(names) > 1 else None

    def __call__(self, rows: Any) -> Any:
        """One number for each row, or several."""
        found = np.asarray(self._asked(rows)[0])
        return found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found

    def _asked(self, rows: Any) -> list[Any]:
        return list(self._session.run(self._outputs, self._given(rows)))

    def _given(self, rows: Any) -> dict[str, Any]:
        if len(self._inputs) == 1:
            only = self._inputs[0]
            return {only.name: _column(np.asarray(rows), only.type)}
        return {
            one.name: _column(rows[one.name].to_numpy().reshape(-1, 1), one.type)
            for one in self._inputs
        }


class OnnxClassifier(OnnxModel):
    """A model that gives the chances of classes.

    Attributes:
        classes_: The classes, in the order of their chances.
    """

    def __init__(self, session: Any, classes: list[Any], chances: int) -> None:
        super().__init__(session)
        self.classes_, self._chances = np.array(classes), chances

    __call__ = None  # type: ignore[assignment] # it is an estimator, not a function

    def predict_proba(self, rows: Any) -> Any:
        """The chances of the classes, shape `(rows, classes)`."""
        found = self._asked(rows)[self._chances]
        if isinstance(found, list):  # one mapping a row, as converters write it
            return np.array([[one[name] for name in self.classes_.tolist()] for one in found])
        chances = np.asarray(found, dtype=np.float64)
        if chances.ndim == 2 and chances.shape[1] == len(self.classes_):
            return chances
        first = chances.reshape(len(chances), -1)
        return np.column_stack([1 - first[:, 0], first[:, 0]])

    def predict(self, rows: Any) -> Any:
        """The class of the largest chance, shape `(rows,)`."""
        return self.classes_[self.predict_proba(rows).argmax(axis=1)]


def load_onnx(data: bytes) -> tuple[Any, tuple[str, ...]]:
    """A model, and the operators of its graph.

    Raises:
        InputError: If it is malformed, needs other files, or cannot be run.
    """
    import onnx
    import onnxruntime

    try:
        model = onnx.load_model_from_string(data)
        nodes = list(_nodes(model))
        _refuse_other_files(model, nodes)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        listed = sorted({f"{node.domain or 'ai.onnx'}:{node.op_type}" for node in nodes})
        return _wrapped(session, nodes), tuple(listed)
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"The file is not an ONNX model that can be run here: {type(error).__name__}.",
            remedy="convert it again, with operators of ONNX's own domains",
        ) from error


def _wrapped(session: Any, nodes: list[Any]) -> OnnxModel:
    classes = next(
        (
            [one.decode() if isinstance(one, bytes) else one for one in found]
            for node in nodes
            for attribute in node.attribute
            if attribute.name in _LABELS and (found := [*attribute.ints, *attribute.strings])
        ),
        None,
    )
    outputs = session.get_outputs()
    chances = [
        i for i, one in enumerate(outputs)
        if one.type in _FLOATS or one.type.startswith(("seq(map(", "sequence(map"))
    ]  # fmt: skip
    if not chances:
        raise InputError(
            "The ONNX model gives no numbers.", remedy="convert it with its probabilities"
        )
    if classes is not None and len(classes) > 1:
        return OnnxClassifier(session, classes, chances[-1])
    width = outputs[chances[0]].shape[-1:] if len(outputs[chances[0]].shape) == 2 else [1]
    if len(outputs) == 1 and isinstance(width[0], int) and width[0] > 1:
        return OnnxClassifier(session, list(range(width[0])), chances[0])
    return OnnxModel(session)


def _column(values: Any, kind: str) -> Any:
    if kind == "tensor(string)":
        return np.array([["" if v is None else str(v) for v in row] for row in values], object)
    return np.ascontiguousarray(values, dtype=(_FLOATS | _WHOLE)[kind])


def _nodes(model: Any) -> Iterator[Any]:
    """Every operator, of the graph, of the graphs in it, and of functions."""
    waiting = [(model.graph, 0), *((function, 0) for function in model.functions)]
    while waiting:
        graph, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise InputError("The ONNX model nests graphs too deep.", remedy="convert it again")
        for node in graph.node:
            yield node
            for attribute in node.attribute:
                inner = [attribute.g] if attribute.HasField("g") else []
                waiting += [(one, depth + 1) for one in (*inner, *attribute.graphs)]


def _refuse_other_files(model: Any, nodes: list[Any]) -> None:
    graphs = [model.graph]
    tensors: list[Any] = []
    for node in nodes:
        for attribute in node.attribute:
            graphs += [attribute.g] if attribute.HasField("g") else []
            graphs += attribute.graphs
            tensors += [attribute.t, *attribute.tensors, *_halves(attribute.sparse_tensors)]
            tensors += _halves([attribute.sparse_tensor])
    for graph in graphs:
        tensors += [*graph.initializer, *_halves(graph.sparse_initializer)]
    if any(one.external_data or one.data_location == one.EXTERNAL for one in tensors):
        raise InputError("The ONNX model keeps numbers in other files.", remedy=_REMEDY)
    if model.training_info or model.graph.quantization_annotation:
        raise InputError(
            "The ONNX model holds more than a graph to score with.", remedy="convert it again"
        )


def _halves(sparse: Any) -> list[Any]:
    return [half for one in sparse for half in (one.values, one.indices)]
