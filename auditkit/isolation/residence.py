"""The process of a `Resident`: confined first, then loaded, then asked until its input ends.

Nothing but the standard library is imported before the confinement, and one thread runs: whatever
a library starts is confined likewise.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
from importlib import import_module
from typing import Final

from auditkit.files import write_all
from auditkit.isolation.confinement import Limits
from auditkit.isolation.layers import put_up
from auditkit.isolation.outcomes import outcome

_WIDTH: Final = 8
_SHARED: Final = 4


def stay(module: str) -> None:
    """Confines this process as its first line of input says, and answers calls until the end.

    Args:
        module: Whose functions may be called.
    """
    calls, answers = os.fdopen(0, "rb", closefd=False), _SHARED - 1
    told = json.loads(calls.readline())
    shared = -1 if told["shared"] < 0 else fcntl.fcntl(told["shared"], fcntl.F_DUPFD, _SHARED + 1)
    os.dup2(1, answers)
    if shared >= 0:
        os.dup2(shared, _SHARED)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # nothing that a library prints may end up in an answer
    layers = put_up(Limits(**told["limits"]), readable=told["readable"], keep=(answers, _SHARED))
    try:
        loaded = import_module(module)
    except Exception as error:  # noqa: BLE001 - the caller must learn of any error
        _send(answers, json.dumps({"failed": f"{type(error).__name__}: {error}"[:500]}).encode())
        return
    _send(answers, json.dumps({"layers": layers}).encode())
    while head := calls.read(_WIDTH):
        how, function = calls.read(1), calls.readline().decode().rstrip("\n")
        size = int.from_bytes(head)
        if how == b"s":
            data = memoryview(mmap.mmap(_SHARED, size, prot=mmap.PROT_READ))
        else:
            data = memoryview(calls.read(size))
        _send(answers, outcome(loaded, function, data))


def _send(answers: int, data: bytes) -> None:
    write_all(answers, len(data).to_bytes(_WIDTH))
    write_all(answers, data)
