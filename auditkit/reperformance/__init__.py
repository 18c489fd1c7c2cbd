"""Re-performing an audit, and comparing two audits.

`bundle` seals everything that a re-run needs except the data; `reperform` runs every check again
and compares number by number; `differences` lists the changes between two audits.
"""

from auditkit.reperformance.bundle import open_bundle, seal_bundle
from auditkit.reperformance.changes import Change, differences
from auditkit.reperformance.compare import (
    Agreement,
    Compared,
    Differing,
    compare_judged,
    compare_numbers,
    compare_suppressed,
    compare_tables,
)

__all__ = [
    "Agreement",
    "Change",
    "Compared",
    "Differing",
    "compare_judged",
    "compare_numbers",
    "compare_suppressed",
    "compare_tables",
    "differences",
    "open_bundle",
    "seal_bundle",
]
