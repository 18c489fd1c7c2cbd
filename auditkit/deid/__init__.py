"""De-identification that an auditor can rely on: found, removed, searched again.

Presidio detects and operates; this package adds recognizers, routing of columns, treatments that
keep the Safe Harbor rule of 45 CFR 164.514(b)(2), and evidence of what was found, done and left.

    plan = Plan.propose(table)       # per column: identifier class, treatment, why
    result = plan.apply(table)       # the table and its evidence

A detector that finds nothing has not shown that nothing is there. That is why the known values of
a row are searched for in its notes, and the output is searched again.
"""

from __future__ import annotations

from auditkit.deid.detect.detector import Deidentifier
from auditkit.deid.pipeline.plan import Plan
from auditkit.deid.planning.treatments import ColumnPlan, Mode, Treatment
from auditkit.deid.transform.operators import Keys
from auditkit.deid.transform.vault import Vault, read_key
from auditkit.deid.vocabulary.spans import Span

__all__ = [
    "ColumnPlan", "Deidentifier", "Keys", "Mode", "Plan", "Span", "Treatment", "Vault", "read_key"
]  # fmt: skip
