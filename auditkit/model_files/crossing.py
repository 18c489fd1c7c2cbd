"""Values as bytes between two processes: JSON, and tables and arrays as Arrow.

What comes from the process of a model is read as from a stranger: no pickle, no types but those
below, sizes that fit, Arrow fully validated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.isolation.messages import pieces, unpack
from auditkit.measures.shapley.trees import Tree

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_NUMBERS: Final = "biuf"
_MAX_DIMENSIONS: Final = 3
_MAX_DEPTH: Final = 1000  # of a tree; a path is as long
_TREE_ARRAYS: Final = {
    "columns": "i8", "thresholds": "f8", "equal_left": "?", "missing_left": "?", "left": "i8",
    "right": "i8", "weights": "f8",
}  # fmt: skip


def packed(value: Any) -> bytes:
    """A value as bytes.

    Args:
        value: None, a number, text, a list or tuple, a mapping of texts, an array of numbers or
            texts, a dataframe, a pandas index or series, or a `Tree`; and those inside each other.

    Raises:
        TypeError: If it, or something in it, is of another kind.
    """
    return b"".join(in_pieces(value))


def in_pieces(value: Any) -> list[bytes]:
    """As `packed`, before the pieces are put together, which copies them."""
    parts: list[bytes] = []
    return pieces(_told(value, parts), parts)


def unpacked(message: bytes | memoryview, *, trusted: bool = False) -> Any:
    """Reads what `packed` wrote; a tuple comes back as a list.

    Args:
        message: The bytes.
        trusted: Whether they are from the caller of this process; else columns keep only those
            types that Arrow itself has.

    Raises:
        ValueError: If they are malformed, or do not fit together.
    """
    try:
        told, parts = unpack(memoryview(message))
        return _value(told, parts, trusted=trusted)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError("a malformed value") from error


def _told(value: Any, parts: list[bytes]) -> Any:
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set):
        return [_told(one, parts) for one in value]
    if isinstance(value, Tree):
        kept = {name: _told(getattr(value, name), parts) for name in _TREE_ARRAYS}
        levels = [[int(node), _told(known, parts)] for node, known in value.levels.items()]
        return {"tree": kept, "levels": levels}
    if isinstance(value, Mapping):
        pairs = [[_scalar(key), _told(one, parts)] for key, one in value.items()]
        return {"mapping": pairs}
    if isinstance(value, pd.DataFrame):
        return _told_frame(value, parts)
    if isinstance(value, pd.Index):
        return {"index": _told(value.to_numpy(), parts)}
    if isinstance(value, pd.Series):
        return _told_array(value.to_numpy(), parts)
    if isinstance(value, np.ndarray):
        return _told_array(value, parts)
    if hasattr(value, "toarray"):
        return _told(value.toarray(), parts)
    raise TypeError(f"a {type(value).__name__} does not cross")


def _told_array(array: NDArray[Any], parts: list[bytes]) -> dict[str, Any]:
    import pyarrow as pa

    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype.kind in _NUMBERS:
        column = pa.array(flat, from_pandas=False)
    else:
        values = [None if _is_missing(one) else _scalar(one) for one in flat]
        column = pa.array(values)
    parts.append(_ipc(pa.table({"v": column})))
    return {"array": len(parts) - 1, "shape": list(array.shape), "dtype": array.dtype.str}


def _scalar(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _told_frame(frame: pd.DataFrame, parts: list[bytes]) -> dict[str, Any]:
    import pyarrow as pa

    names = [_scalar(name) for name in frame.columns]
    dtypes = set(frame.dtypes)
    if dtypes == {np.dtype("float64")}:
        flat = np.ascontiguousarray(frame.to_numpy().T).reshape(-1)
        parts.append(_ipc(pa.table({"v": pa.array(flat, from_pandas=False)})))
        return {"block": len(parts) - 1, "names": names, "rows": len(frame)}
    try:
        numbered = frame.set_axis(range(frame.shape[1]), axis=1).reset_index(drop=True)
        numbered.columns = [str(i) for i in range(frame.shape[1])]
        table = pa.Table.from_pandas(numbered, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise TypeError("a column of mixed kinds does not cross") from error
    parts.append(_ipc(table))
    return {"frame": len(parts) - 1, "names": names, "rows": len(frame)}


def _ipc(table: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())  # type: ignore[return-value]


def _value(told: Any, parts: Any, *, trusted: bool) -> Any:
    if told is None or isinstance(told, bool | int | float | str):
        return told
    if isinstance(told, list):
        return [_value(one, parts, trusted=trusted) for one in told]
    if "tree" in told:
        return _tree(told, parts)
    if "mapping" in told:
        return {key: _value(one, parts, trusted=trusted) for key, one in told["mapping"]}
    if "index" in told:
        import pandas as pd

        return pd.Index(_value(told["index"], parts, trusted=trusted))
    if "array" in told:
        return _array(told, parts)
    return _frame(told, parts, trusted=trusted)


def _table(part: bytes) -> Any:
    import pyarrow as pa

    table = pa.ipc.open_stream(pa.py_buffer(part)).read_all()
    table.validate(full=True)
    return table


def _numbers(part: bytes, count: int) -> NDArray[Any]:
    """One column of numbers, none missing, of a known length."""
    table = _table(part)
    column = table.column(0)
    if table.num_columns != 1 or len(column) != count or column.null_count:
        raise ValueError("another number of values than told")
    array = np.asarray(column.to_numpy())
    if array.dtype.kind not in _NUMBERS:
        raise ValueError("values that are no numbers")
    return array


def _array(told: Any, parts: Any) -> NDArray[Any]:
    shape = tuple(told["shape"])
    if len(shape) > _MAX_DIMENSIONS or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("a shape that is none")
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    if np.dtype(told["dtype"]).kind in _NUMBERS:
        return _numbers(parts[told["array"]], count).reshape(shape)
    column = _table(parts[told["array"]]).column(0)
    if len(column) != count:
        raise ValueError("another number of values than told")
    values = np.empty(count, dtype=object)
    values[:] = column.to_pylist()
    return values.reshape(shape)


def _frame(told: Any, parts: Any, *, trusted: bool) -> pd.DataFrame:
    import pandas as pd

    names, rows = told["names"], told["rows"]
    if "block" in told:
        flat = _numbers(parts[told["block"]], rows * len(names)).astype(np.float64)
        return pd.DataFrame(np.array(flat).reshape(len(names), rows).T, columns=names, copy=False)
    table = _table(parts[told["frame"]])
    if table.num_rows != rows or table.num_columns != len(names):
        raise ValueError("another size than told")
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=not trusted)
    frame.columns = pd.Index(names)
    return frame


def _tree(told: Any, parts: Any) -> Tree:
    """A tree whose nodes are there once each, below the root; its arrays fit together."""
    kept = {}
    for name, kind in _TREE_ARRAYS.items():
        array = _array(told["tree"][name], parts)
        if array.ndim != 1 or array.dtype != np.dtype(kind):
            raise ValueError(f"a tree with other {name}")
        kept[name] = array
    nodes, leaves = len(kept["columns"]), len(kept["weights"])
    if any(len(kept[name]) != nodes for name in _TREE_ARRAYS if name != "weights"):
        raise ValueError("a tree with arrays of several lengths")
    if leaves != nodes + 1 or (kept["columns"] < 0).any():
        raise ValueError("a tree with another number of leaves")
    if not np.isfinite(kept["weights"]).all() or np.isnan(kept["thresholds"]).any():
        raise ValueError("a tree with numbers that are none")
    _refuse_other_than_a_tree(kept["left"], kept["right"], nodes, leaves)
    levels = {}
    for node, known in told["levels"]:
        array = _array(known, parts)
        if type(node) is not int or not 0 <= node < nodes or array.dtype != np.bool_:
            raise ValueError("levels of no node")
        levels[node] = array
    return Tree(**kept, levels=levels)


def _refuse_other_than_a_tree(
    left: NDArray[Any], right: NDArray[Any], nodes: int, leaves: int
) -> None:
    below = np.concatenate([left, right])
    inner, ends = below[below >= 0], ~below[below < 0]
    if nodes and (
        not np.array_equal(np.sort(inner), np.arange(1, nodes))
        or not np.array_equal(np.sort(ends), np.arange(leaves))
    ):
        raise ValueError("nodes that are named twice, or never")
    # Each has one parent; what a walk from the root reaches shows whether some make a circle.
    level, reached = np.arange(min(nodes, 1)), min(nodes, 1)
    for _ in range(_MAX_DEPTH):
        level = np.concatenate([left[level], right[level]])
        level = level[level >= 0]
        reached += len(level)
    if reached != nodes:
        raise ValueError("nodes in a circle, or too deep to be read")
