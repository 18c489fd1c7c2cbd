"""How well people are hidden among each other."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="privacy.disclosure_risk",
    version="1",
    title="How well people are hidden among each other",
    area="privacy",
    measures=(
        "Sizes of the classes of rows that share their quasi-identifiers: k, uniqueness, risks."
    ),
    misleads=(
        "k says nothing of what a class gives away of all its members, nor of columns not named."
    ),
    source="45 CFR 164.514(b)(1)",
    run=taken_up(lambda: CHECK, maker="auditkit.deid"),
)
