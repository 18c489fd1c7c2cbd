"""Keeps models from sharing out a handful of rows among threads.

Waking a pool of threads, and joblib's queue, take longer than a row does; where the processors are
busy the slowest call takes a hundred times as long. The numbers are the same either way.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from joblib import parallel_config
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Iterator

# So few rows are scored by one thread.
FEW_ROWS: Final = 64


class OneThread:
    """Lends libraries one thread each, whatever the model was told to use.

    Finding the libraries takes milliseconds, so one is made once, after the model was loaded.

    Law: only the thread that scores is held to it. How many threads OpenMP starts is a setting of
    the thread that starts them, and joblib's backend is too; the pools of BLAS, which are the
    whole process's, are left alone.
    """

    def __init__(self) -> None:
        self._pools: Final = ThreadpoolController()

    @contextlib.contextmanager
    def for_few(self, rows: int) -> Iterator[None]:
        """One thread while so few rows are scored; for more, nothing is changed."""
        if rows > FEW_ROWS:
            yield
            return
        with self._pools.limit(limits=1, user_api="openmp"), parallel_config("sequential"):
            yield
