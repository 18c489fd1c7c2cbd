"""Landlock: a process gives up every file but those that it names, for good and for its threads.

Source: Linux, Documentation/userspace-api/landlock.rst. What each version of the interface covers
is there; version 4 added TCP, version 6 signals and abstract sockets. None covers UDP.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the calls, alike on every machine
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
# By version: how many rights of files there are.
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_LATEST_FILE_RIGHTS: Final = 16
_TCP: Final = 0b11
_SCOPES: Final = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _Rule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's interface; 0: it has none."""
    try:
        found = ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)
    except (AttributeError, OSError):
        return 0
    return max(0, int(found))


def restrict(readable: Iterable[str]) -> int:
    """Gives up every file, folder and TCP port but files to read.

    Args:
        readable: Folders and files to read, with what is below them; what is missing is left out.

    Returns:
        The version that is in force; 0: none is.
    """
    known = version()
    if not known:
        return 0
    library = ctypes.CDLL(None, use_errno=True)
    asked = _Ruleset(
        (1 << _FILE_RIGHTS.get(known, _LATEST_FILE_RIGHTS)) - 1,
        _TCP if known >= 4 else 0,
        _SCOPES if known >= 6 else 0,
    )
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    rules = library.syscall(_CREATE, ctypes.byref(asked), ctypes.c_size_t(size), 0)
    if rules < 0:
        return 0
    try:
        for path in readable:
            _allow(library, rules, path)
        if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            return 0
        return known if library.syscall(_RESTRICT, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow(library: ctypes.CDLL, rules: int, path: str) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
        rule = _Rule(_READ_FILE | (_READ_FOLDER if is_folder else 0), place)
        library.syscall(_ADD, rules, _BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
