"""The versions of the libraries that lay out and draw pages, on this machine."""

from __future__ import annotations

import ctypes
from importlib.metadata import version
from typing import Final

_PACKAGES: Final = ("weasyprint", "pydyf", "fonttools")
# How each system names the shared library.
_NAMES: Final = {
    "pango": ("libpango-1.0.so.0", "libpango-1.0.0.dylib", "libpango-1.0-0.dll"),
    "harfbuzz": ("libharfbuzz.so.0", "libharfbuzz.0.dylib", "libharfbuzz-0.dll"),
    "freetype": ("libfreetype.so.6", "libfreetype.6.dylib", "libfreetype-6.dll"),
}
UNKNOWN: Final = "unknown"


def made_with() -> dict[str, str]:
    """The version of each library, by its name; "unknown" if a shared library is not found."""
    return {
        "pango": _text("pango", "pango_version_string"),
        "harfbuzz": _text("harfbuzz", "hb_version_string"),
        "freetype": _freetype(),
        **{name: version(name) for name in _PACKAGES},
    }


def _library(name: str) -> ctypes.CDLL | None:
    for spelt in _NAMES[name]:
        try:
            return ctypes.CDLL(spelt)
        except OSError:
            continue
    return None


def _text(name: str, function: str) -> str:
    library = _library(name)
    if library is None:
        return UNKNOWN
    asked = getattr(library, function)
    asked.restype = ctypes.c_char_p
    return bytes(asked()).decode("ascii")


def _freetype() -> str:
    library = _library("freetype")
    handle, numbers = ctypes.c_void_p(), [ctypes.c_int() for _ in range(3)]
    if library is None or library.FT_Init_FreeType(ctypes.byref(handle)) != 0:
        return UNKNOWN
    library.FT_Library_Version(handle, *map(ctypes.byref, numbers))
    library.FT_Done_FreeType(handle)
    return ".".join(str(number.value) for number in numbers)
