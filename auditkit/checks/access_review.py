"""Who may, who did, and what looks wrong."""

from __future__ import annotations

from auditkit.checks._check import Check
from auditkit.checks._given import taken_up

CHECK: Check = Check(
    id="access.review",
    version="1",
    title="Access review",
    area="access",
    measures=(
        "Who may promote and through which role, who did, denied attempts, unused grants, "
        "conflicts of duties, emergencies, and changes of the access policy."
    ),
    misleads=(
        "It reads the policy and the log of one server. It does not know who joined or left, nor "
        "of any way to the model around that server."
    ),
    source="TSC 2017 CC6.1, CC6.3, CC8.1; 45 CFR 164.308(a)(3)-(4), 164.312(a)-(b)",
    run=taken_up(lambda: CHECK, maker="auditkit access review"),
)
