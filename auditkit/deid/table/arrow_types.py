"""Arrow columns without what is no cell: metadata of fields, unused entries of a dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def without_metadata(data: Any) -> Any:
    """A column (`pa.ChunkedArray`) of the same values and no metadata at any depth."""
    bare = _bare(data.type)
    if pa.types.is_dictionary(data.type):
        return pa.chunked_array([_only_used(chunk) for chunk in data.chunks], data.type)
    return data if data.type.equals(bare, check_metadata=True) else data.cast(bare)


def _bare(kind: Any) -> Any:
    """The type with fields of the same names, without their metadata."""

    def field(one: Any) -> Any:
        return pa.field(one.name, _bare(one.type), one.nullable)

    if pa.types.is_struct(kind):
        return pa.struct([field(kind.field(i)) for i in range(kind.num_fields)])
    if pa.types.is_map(kind):
        return pa.map_(field(kind.key_field), field(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(field(kind.value_field), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(field(kind.value_field))
    if pa.types.is_list(kind):
        return pa.list_(field(kind.value_field))
    return kind


def _only_used(chunk: Any) -> Any:
    """A dictionary array with the entries that its rows have, in their order."""
    codes = chunk.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    used = np.unique(codes[codes >= 0])
    places = pa.array(np.searchsorted(used, codes), mask=codes < 0)
    indices = places.cast(chunk.type.index_type)
    return pa.DictionaryArray.from_arrays(
        indices, chunk.dictionary.take(pa.array(used)), ordered=chunk.type.ordered
    )
