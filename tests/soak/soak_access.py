"""Decisions against plain pycasbin's, and the reference's, on 100,000 requests in 1,000 worlds.

Usage: python tests/soak/soak_access.py [worlds, default 1000]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.access_worlds import compare

REQUESTS = 100


def main() -> None:
    """Stops with the seed of the first world on which they differ."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    begun = time.monotonic()
    allowed = sum(compare(seed, requests=REQUESTS, with_casbin=REQUESTS) for seed in range(worlds))
    sys.stdout.write(
        f"{worlds * REQUESTS:,} requests in {worlds:,} worlds, {allowed:,} allowed: pycasbin, the "
        f"reference and auditkit agree on every one ({time.monotonic() - begun:.0f} s)\n"
    )


if __name__ == "__main__":
    main()
