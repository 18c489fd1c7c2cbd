"""The eighteen classes of Safe Harbor."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="privacy.safe_harbor_table",
    version="2",
    title="The eighteen classes of Safe Harbor",
    area="privacy",
    measures=(
        "For each class of identifier: what was found, what was done, how surely, what is left."
    ),
    misleads=(
        "None found is what a detector says; and the rule also asks for no actual knowledge."
    ),
    source="45 CFR 164.514(b)(2)(i)",
    run=taken_up(lambda: CHECK, maker="auditkit.deid"),
)
