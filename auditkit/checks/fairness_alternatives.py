"""Whether another model would decide nearly as well and treat the least favoured group better."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up
from auditkit.measures.fairness.candidates import CHECK_ID, CHECK_TITLE, CHECK_VERSION

CHECK: Check = Check(
    id=CHECK_ID,
    version=CHECK_VERSION,
    title=CHECK_TITLE,
    area="fairness",
    measures=(
        "Other cut-offs, and models fitted anew to weights that trade accuracy for even rates, "
        "measured on rows that they were not made from: how many lose little balanced accuracy "
        "and treat the least favoured group better."
    ),
    misleads=(
        "The best of many looks better here than it will on new data. Finding none does not show "
        "that there is none."
    ),
    source="Agarwal et al. 2018; Hardt, Price and Srebro 2016, as fairlearn implements them",
    run=taken_up(lambda: CHECK, maker="auditkit.alternatives"),
)
