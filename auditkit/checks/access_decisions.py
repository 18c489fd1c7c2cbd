"""Who may promote the model."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="access.decisions",
    version="1",
    title="Who may promote the model",
    area="access",
    measures=(
        "Decisions on requests to promote the model: how many were allowed, denied, and "
        "by which rule."
    ),
    misleads=(
        "It covers the requests that were put to this access control, not other ways to the model."
    ),
    source="TSC 2017 CC6.1, CC6.3",
    run=taken_up(lambda: CHECK, maker="auditkit.access"),
)
