"""Identifiers found and treated."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="privacy.identifiers",
    version="1",
    title="Identifiers found and treated",
    area="privacy",
    measures=(
        "For each column of the raw table: which identifiers were found, how many, and "
        "what was done."
    ),
    misleads=("A detector that finds nothing has not shown that nothing is there."),
    source="45 CFR 164.514(b)(2)(i)",
    run=taken_up(lambda: CHECK, maker="auditkit.deid"),
)
