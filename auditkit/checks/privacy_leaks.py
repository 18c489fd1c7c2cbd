"""Identifiers that remain."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="privacy.leaks",
    version="1",
    title="Identifiers that remain",
    area="privacy",
    measures=(
        "The output of de-identification is searched again, and for every original identifier."
    ),
    misleads=(
        "It finds what it can recognise; a paraphrase that names a person without a name "
        "is not found."
    ),
    source="45 CFR 164.514(b)",
    run=taken_up(lambda: CHECK, maker="auditkit.deid"),
)
