"""Loads skops files with a list of what they may name; in the confined process alone.

A skops file is an archive of arrays and a tree of types, without code. Its library makes objects of
the types that it trusts; here each must be one that a model may name, too.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from auditkit.errors import InputError
from auditkit.model_files.allowed_names import refuse_others, trusted_names

SCHEMA: Final = "schema.json"
_MAX_RATIO, _MAX_BYTES, _SMALL = 200, 4 << 30, 1 << 24
_MAX_SCHEMA: Final = 1 << 28
_MEMBER: Final = re.compile(r"(schema\.json|[0-9a-f-]+(\.npy|\.npz|\.bin)?)\Z")
# Functions of numbers, which skops trusts by these modules: log1p in a transformer.
_SIMPLE: Final = {"numpy", "scipy.special"}


def load_skops(data: bytes, *, trusted_types: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """The object that a skops file holds, and what it names.

    Args:
        data: The file's bytes.
        trusted_types: What else it may name, as `module:name`.

    Raises:
        InputError: If it names something that is not known, is malformed, or too large when it is
            decompressed.
    """
    from skops.io import loads

    trusted = trusted_names(trusted_types)
    named = sorted(set(_named(_schema(data))))
    refuse_others(named, trusted, what="The skops file")
    try:
        # With another type in the tree than those found above, skops refuses.
        loaded = loads(data, trusted=[f"{module}.{name}" for module, name in named])
        return loaded, tuple(f"{m}.{n}" for m, n in named)
    except MemoryError:
        raise
    except Exception as error:
        raise _unread(type(error).__name__) from error


def _schema(data: bytes) -> Any:
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            names = [one.filename for one in members]
            most = min(_MAX_BYTES, max(_SMALL, _MAX_RATIO * len(data)))
            if sum(one.file_size for one in members) > most:
                raise InputError(
                    f"The file decompresses to more than {most:,} bytes.",
                    remedy="save the model without compression, if it is so large",
                )
            odd = [one for one in members if one.compress_type not in (ZIP_STORED, ZIP_DEFLATED)]
            if len(set(names)) < len(names) or odd or not all(map(_MEMBER.match, names)):
                raise _unread("members that skops does not write")
            if archive.getinfo(SCHEMA).file_size > _MAX_SCHEMA:
                raise _unread("a schema that is too large")
            for one in members:  # checks every sum; a wrong one is an error
                archive.open(one).read()
            return json.loads(archive.read(SCHEMA))
    except (BadZipFile, LookupError, ValueError, OSError, RecursionError, RuntimeError) as error:
        raise _unread(type(error).__name__) from error


def _named(tree: Any) -> Iterator[tuple[str, str]]:
    """Every module and name in a schema, wherever it stands."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        if not isinstance(one, dict):
            continue
        waiting += one.values()
        for module, name in (("__module__", "__class__"), ("module_path", "function")):
            if module in one or name in one:
                found = str(one.get(module)), str(one.get(name))
                if not (found[0] in _SIMPLE and one.get("__loader__") == "FunctionNode"):
                    yield found


def _unread(why: str) -> InputError:
    return InputError(
        f"The file is not one that skops can read here: {why}.",
        remedy="save it again: skops.io.dump(model, 'model.skops')",
    )
