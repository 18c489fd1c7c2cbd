"""The layers that a process puts between itself and the rest of the machine, where there are such.

Laws:
    - They are put up before a library is loaded: threads inherit them from the first one.
    - What is in force is told by its name, and nothing else is: who needs a layer looks for it.
    - None needs root, a program beside Python, or a setting of the machine.
"""

from __future__ import annotations

import ctypes
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from auditkit.isolation import landlock, seccomp
from auditkit.isolation.confinement import Limits, confine

LIMITS: Final = "limits"
NAMESPACES: Final = "namespaces"
LANDLOCK: Final = "landlock"  # and the version of its interface
SECCOMP: Final = "seccomp"

_NEW_USER: Final = 0x10000000
# What it sees of its own: network, names of hosts, queues, mounts.
_NEW: Final = 0x40000000 | 0x04000000 | 0x08000000 | 0x00020000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_CAPABILITY_VERSION: Final = 0x20080522
_MANY_PROCESSES: Final = 4096


def is_strict(layers: Sequence[str]) -> bool:
    """Whether layers keep files, programs, processes and the network away, each by the kernel."""
    names = {layer.rstrip("0123456789") for layer in layers}
    return {LANDLOCK, SECCOMP, LIMITS} <= names


def put_up(limits: Limits, *, readable: Sequence[str], keep: Sequence[int] = ()) -> list[str]:
    """Takes from this process what it does not need; it must have one thread yet.

    Args:
        limits: Its limits.
        readable: Folders and files that it may read.
        keep: Descriptors that stay open; see `confine`.

    Returns:
        The names of the layers in force.

    Raises:
        OSError: If the system refuses a limit; the process must not go on then.
        ValueError: Likewise.
    """
    end_with_the_parent()
    confine(limits, keep=keep)
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    many = _MANY_PROCESSES if most == resource.RLIM_INFINITY else min(most, _MANY_PROCESSES)
    resource.setrlimit(resource.RLIMIT_NPROC, (many, many))
    layers = [LIMITS]
    with suppress(AttributeError, OSError):
        layers += [NAMESPACES] if _own_namespaces() else []
        number = landlock.restrict(readable)
        layers += [f"{LANDLOCK}{number}"] if number else []
        layers += [SECCOMP] if seccomp.install(no_writing=not number) else []
    return layers


def end_with_the_parent() -> None:
    """Has the kernel end this process when the thread that started it ends."""
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _own_namespaces() -> bool:
    """A network, a host's name and a table of mounts of its own, and no capability over them."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_USER | _NEW):
        return False
    for capability in range(64):
        if library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    return bool(library.capset(head, none) == 0)
