"""The model in its registry."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="lineage.model",
    version="1",
    title="The model in its registry",
    area="lineage",
    measures=("Whether the model that was audited is, byte for byte, the version in the registry."),
    misleads=("It shows which bytes were audited, not how they came about."),
    source="TSC 2017 CC8.1",
    run=taken_up(lambda: CHECK, maker="auditkit.registry"),
)
