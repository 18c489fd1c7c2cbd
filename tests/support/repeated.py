"""How often a law is tried: some times in the suite, many times in the soak.

Tests marked `repeated` ask `times`; `tests/soak/soak_laws.py` runs them at their full length.
"""

from __future__ import annotations

import math
import os
from typing import Final

IN_SOAK: Final = os.environ.get("AUDITKIT_TEST_SOAK") == "1"


def times(suite: int, soak: int) -> int:
    """The number of tries."""
    return soak if IN_SOAK else suite


def between(low: float, share: float, high: float, *, tries: int) -> bool:
    """Whether a share of intervals that covered lies between bounds, which are those of the soak.

    From the fewer tries of the suite, a share of 0.95 errs by more: by two standard errors here.
    """
    slack = 0.0 if IN_SOAK else 2 * math.sqrt(0.95 * 0.05 / tries)
    return low - slack <= share <= high + slack
