"""The process of a `Resident`: confined first, then loaded, then asked until its input ends.

Nothing but the standard library is imported before the confinement, and one thread runs: whatever
a library starts is confined likewise.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Final

from auditkit.isolation.confinement import Limits
from auditkit.isolation.layers import put_up
from auditkit.isolation.outcomes import outcome

_WIDTH: Final = 8


def stay(module: str) -> None:
    """Confines this process as its first line of input says, and answers calls until the end.

    Args:
        module: Whose functions may be called.
    """
    calls, answers = os.fdopen(0, "rb", closefd=False), 3
    told = json.loads(calls.readline())
    os.dup2(1, answers)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # nothing that a library prints may end up in an answer
    if nothing > answers:
        os.close(nothing)
    layers = put_up(Limits(**told["limits"]), readable=told["readable"], keep=(answers,))
    try:
        loaded = import_module(module)
    except Exception as error:  # noqa: BLE001 - the caller must learn of any error
        _send(answers, json.dumps({"failed": f"{type(error).__name__}: {error}"[:500]}).encode())
        return
    _send(answers, json.dumps({"layers": layers}).encode())
    while head := calls.read(_WIDTH):
        function = calls.readline().decode().rstrip("\n")
        _send(answers, outcome(loaded, function, calls.read(int.from_bytes(head))))


def _send(answers: int, data: bytes) -> None:
    for piece in (len(data).to_bytes(_WIDTH), data):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(answers, rest) :]
