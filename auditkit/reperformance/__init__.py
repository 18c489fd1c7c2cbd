"""Doing an audit again, and telling two audits apart.

`bundle` seals what a re-run needs, without the data; `reperform` runs every check again and
compares number by number; `differences` says what changed between two audits.
"""

from auditkit.reperformance.bundle import open_bundle, seal_bundle
from auditkit.reperformance.changes import Change, differences
from auditkit.reperformance.compare import (
    Agreement,
    Compared,
    compare_numbers,
    compare_suppressed,
)

__all__ = [
    "Agreement",
    "Change",
    "Compared",
    "compare_numbers",
    "compare_suppressed",
    "differences",
    "open_bundle",
    "seal_bundle",
]
