"""Checks a signed report, offline: each claim is true, false, or could not be checked.

verification = verify(Path("report.pdf").read_bytes(), trust=[...], log_keys=[...])
verification.exit_code   # 0: all true; 12: something false; 11: something could not be checked
"""

from auditkit.verification.claims import Claim, ClaimState, Verification
from auditkit.verification.verify import verify

__all__ = ["Claim", "ClaimState", "Verification", "verify"]
