"""Loads pickles and joblib files with a list of what they may name; in the confined process alone.

A pickle is a program that calls what it names. It is run twice: first with stand-ins for all that
it names, which do nothing, to list the names; then, if each is on the list, as it is. Whatever is
not on the list is refused by its name, and there is no list of what is forbidden.

Law: every byte of the file is read, and nothing may follow the pickle.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from auditkit.errors import InputError
from auditkit.model_files.allowed_names import is_allowed, refuse_others, trusted_names
from auditkit.model_files.formats import compression_of, is_pickle

# A file may be as many times larger when it is decompressed, and as large.
_MAX_RATIO, _MAX_BYTES = 200, 4 << 30
_SMALL: Final = 1 << 24

_WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# They say how long an array is, so that what follows it can be read.
_SHAPES: Final = {("numpy", "dtype"), ("numpy", "ndarray")}


def load_pickle(data: bytes, *, trusted_types: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """The object that a pickle holds, and what it names.

    Args:
        data: A pickle as `pickle` or `joblib` writes it, compressed or not.
        trusted_types: What else it may name, as `module:name`.

    Raises:
        InputError: If it names something that is not known, is malformed, too large when it is
            decompressed, or followed by other bytes.
    """
    trusted = trusted_names(trusted_types)
    whole = _decompressed(data)
    if not is_pickle(whole):
        raise InputError(
            "The file is not a pickle of protocol 2 or later.",
            remedy="save it again: joblib.dump(model, 'model.joblib')",
        )
    named: dict[tuple[str, str], None] = {}

    def stand_in(module: str, name: str) -> Any:
        named.setdefault((module, name))
        if (module, name) in _SHAPES:
            return getattr(import_module(module), name)
        return _array_wrapper(stand_in) if (module, name) == _WRAPPER else _StandIn

    _run(whole, stand_in)
    refuse_others(named, trusted, what="The pickle")

    def find(module: str, name: str) -> Any:
        if not is_allowed(module, name, trusted):
            raise InputError(
                f"The pickle names {module}:{name} only when it is loaded.",
                remedy="do not use this file",
            )
        found = getattr(import_module(module), name)
        return _array_wrapper(find) if (module, name) == _WRAPPER else found

    return _run(whole, find), tuple(f"{m}.{n}" for m, n in sorted(named))


class _StandIn:
    """What stands for a class or a function while names are listed: it takes all, does nothing."""

    def __new__(cls, *_given: Any, **_named: Any) -> _StandIn:  # noqa: PYI034 - it stands for any
        return object.__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *_given: Any, **_named: Any) -> _StandIn:
        return _StandIn()

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    def add(self, item: Any) -> None:
        pass

    def update(self, items: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _run(data: bytes, find: Callable[[str, str], Any]) -> Any:
    file = io.BytesIO(data)
    try:
        reader = _unpickler(file, find)
        found = reader.load()
        frame = reader._unframer.current_frame  # noqa: SLF001 - Python's own reader, in Python
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"The pickle cannot be read: {type(error).__name__}.",
            remedy="load it with the versions that wrote it, and save it again",
        ) from error
    rest = len(data) - file.tell() + (0 if frame is None else len(frame.read()))
    if rest:
        raise InputError(
            f"{rest:,} bytes follow the pickle, which nobody would read.",
            remedy="save the model again; do not use this file",
        )
    return found


def _unpickler(file: io.BytesIO, find: Callable[[str, str], Any]) -> Any:
    """Joblib's reader, which reads plain pickles too, with the names found by us."""
    from joblib.numpy_pickle import NumpyUnpickler

    class Listed(NumpyUnpickler):  # type: ignore[misc] # joblib has no types
        def find_class(self, module: str, name: str) -> Any:
            # protocol 2 has the names of Python 2
            return find("builtins" if module == "__builtin__" else module, name)

        def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002 - none is known
            raise pickle.UnpicklingError("a reference to something outside of the file")

    # extension codes are names, too, of a registry that this process does not have
    return Listed("", file, ensure_native_byte_order=False)


def _array_wrapper(find: Callable[[str, str], Any]) -> Any:
    """Joblib's wrapper of an array, whose arrays of objects are pickles inside the pickle."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    class Wrapper(NumpyArrayWrapper):  # type: ignore[misc] # joblib has no types
        def read_array(self, unpickler: Any, *given: Any, **named: Any) -> Any:
            if self.dtype.hasobject:
                return _unpickler(unpickler.file_handle, find).load()
            return super().read_array(unpickler, *given, **named)

    return Wrapper


def _decompressed(data: bytes) -> bytes:
    """The bytes of a compressed joblib file, up to a size; others as they are."""
    how = compression_of(data)
    if not how:
        return data
    most = min(_MAX_BYTES, max(_SMALL, _MAX_RATIO * len(data)))
    try:
        with _OPENERS[how](io.BytesIO(data)) as file:
            whole: bytes = file.read(most + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"The file begins as {how}, and cannot be decompressed.", remedy="copy it again"
        ) from error
    if len(whole) > most:
        raise InputError(
            f"The file decompresses to more than {most:,} bytes.",
            remedy="save the model without compression, if it is so large",
        )
    if compression_of(whole):
        raise InputError(
            "The file is compressed within a compressed file.", remedy="decompress it once"
        )
    return whole


def _zlib(file: io.BytesIO) -> Any:
    from joblib.compressor import BinaryZlibFile

    return BinaryZlibFile(file, "rb")


_OPENERS: Final[dict[str, Callable[[io.BytesIO], Any]]] = {
    "zlib": _zlib,
    "gzip": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
}
