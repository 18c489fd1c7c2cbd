"""A job's limits, and the one place that confines its process to them.

Only the standard library is imported here, all of it before the confinement.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one job.

    Attributes:
        cpu_seconds: Computing time. Unlike wall time, it does not depend on the machine's load.
        wall_seconds: Time after which the job is ended in any case.
        memory_bytes: Address space, the loaded libraries included (some 300 MB).
        answer_bytes: Size of the answer.
        open_files: Number of descriptors open at once.
        file_bytes: Size of a file that it may write; 0: it may write none.
    """

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int
    answer_bytes: int
    open_files: int = 32
    file_bytes: int = 0


def confine(limits: Limits, *, keep: Sequence[int] = ()) -> None:
    """Takes from this process, for good, everything that a job does not need.

    It keeps only the standard descriptors, which lead to its answer and to the null device.

    Args:
        limits: The job's limits.
        keep: Descriptors from 3 on, without a gap, that stay open too.

    Raises:
        OSError: If the system refuses a limit; the job must not run then.
        ValueError: Likewise.
    """
    os.closerange(3 + len(keep), os.sysconf("SC_OPEN_MAX"))
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
