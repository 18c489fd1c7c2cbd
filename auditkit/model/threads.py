"""Scores a few rows on one thread.

Starting a thread pool, or joblib's queue, takes longer than scoring a row; on a busy machine the
slowest call takes a hundred times as long. The numbers are the same.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from joblib import parallel_config
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Iterator

# Up to this many rows are scored on one thread.
FEW_ROWS: Final = 64


class OneThread:
    """Limits libraries to one thread each, whatever the model's settings.

    Finding the libraries takes milliseconds, so make one object, after the model is loaded.

    Law: only the thread that scores is limited. OpenMP's number of threads and joblib's backend are
    settings of the calling thread; the BLAS pools belong to the process and are left alone.
    """

    def __init__(self) -> None:
        self._pools: Final = ThreadpoolController()

    @contextlib.contextmanager
    def for_few(self, rows: int) -> Iterator[None]:
        """Limits to one thread for at most `FEW_ROWS` rows; otherwise changes nothing."""
        if rows > FEW_ROWS:
            yield
            return
        with self._pools.limit(limits=1, user_api="openmp"), parallel_config("sequential"):
            yield
