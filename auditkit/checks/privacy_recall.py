"""Share of identifiers in text that are found."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="privacy.recall",
    version="1",
    title="Share of identifiers in text that are found",
    area="privacy",
    measures=(
        "Recall of the detector on labelled texts, by class of identifier, with a lower bound."
    ),
    misleads=(
        "It holds for texts like the labelled ones; a sample from elsewhere says little of these."
    ),
    source="Clopper and Pearson, Biometrika 26 (1934) 404-413",
    run=taken_up(lambda: CHECK, maker="auditkit deid evaluate"),
)
