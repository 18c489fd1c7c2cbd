"""What a child process may take, and the one place where the rest is taken from it.

Only the standard library is loaded here, and all of it before the confinement.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one job may take.

    Attributes:
        cpu_seconds: Of computing time. A slow or busy machine does not change what fits.
        wall_seconds: Until it is ended whatever it does.
        memory_bytes: Of address space, the loaded libraries included (some 300 MB).
        answer_bytes: Of its answer, as it is written.
        open_files: Descriptors that may be open at once.
        file_bytes: Length of a file that it may write; 0: it writes none.
    """

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int
    answer_bytes: int
    open_files: int = 32
    file_bytes: int = 0


def confine(limits: Limits) -> None:
    """Takes from this process, for good, what a job has no need of.

    Of its descriptors it keeps the standard ones, which lead to its answer and to nothing.

    Args:
        limits: What is left to it.

    Raises:
        OSError: If the system does not grant the confinement; the job is not to run then.
        ValueError: Likewise.
    """
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    # The first makes the system send SIGXCPU, by which we know; at the second it sends SIGKILL.
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)


def _limit(which: int, most: int, at_the_latest: int | None = None) -> None:
    """Sets a limit that the process cannot raise again, and keeps one that is lower already."""
    _, former = resource.getrlimit(which)
    hard = most if at_the_latest is None else at_the_latest
    if former != resource.RLIM_INFINITY:
        most, hard = min(most, former), min(hard, former)
    resource.setrlimit(which, (most, hard))
