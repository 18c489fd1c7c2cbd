"""auditkit turns a model, its data and its registry into evidence that an auditor can rely on.

    import auditkit as ak

    inputs = ak.Inputs(model=model, data=X, labels=y, groups=df[["sex", "race"]], reference=X_train)
    audit = ak.run(inputs, policy="lending")
    audit.verdict; audit.findings; audit.to_frame(); audit.statement
    audit.report("report.pdf", signer=ak.Signer.load("key.p12", passphrase=b"..."))
    ak.verify(open("report.pdf", "rb").read(), trust=[certificate])

One way: inputs -> measures -> evidence -> controls -> verdict -> statement -> signature, report,
log, registry. Nothing later changes anything earlier, and every number that is printed can be
followed back to the evidence that it comes from.

The names below are loaded on first use, so that importing auditkit costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditkit.version import __version__

if TYPE_CHECKING:
    from auditkit.api import Audit, run
    from auditkit.errors import AuditkitError
    from auditkit.evidence import Evidence, Finding, Measurement, Outcome
    from auditkit.ledger import Ledger
    from auditkit.measures.attribution.explain import explain
    from auditkit.measures.attribution.result import Attribution
    from auditkit.measures.fairness.alternatives import alternatives
    from auditkit.measures.fairness.candidates import Alternatives
    from auditkit.measures.fairness.comparison import Fairness, fairness
    from auditkit.report import ReportOptions
    from auditkit.signing import Signer
    from auditkit.subject import Inputs
    from auditkit.verification import Verification
    from auditkit.verification.verify import verify

_HOME = {
    "Alternatives": "auditkit.measures.fairness.candidates",
    "Attribution": "auditkit.measures.attribution.result",
    "Audit": "auditkit.api",
    "AuditkitError": "auditkit.errors",
    "Evidence": "auditkit.evidence",
    "Fairness": "auditkit.measures.fairness.comparison",
    "Finding": "auditkit.evidence",
    "Inputs": "auditkit.subject",
    "Ledger": "auditkit.ledger",
    "Measurement": "auditkit.evidence",
    "Outcome": "auditkit.evidence",
    "ReportOptions": "auditkit.report",
    "Signer": "auditkit.signing",
    "Verification": "auditkit.verification",
    "alternatives": "auditkit.measures.fairness.alternatives",
    "explain": "auditkit.measures.attribution.explain",
    "fairness": "auditkit.measures.fairness.comparison",
    "run": "auditkit.api",
    "verify": "auditkit.verification",
}

__all__ = [
    "Alternatives",
    "Attribution",
    "Audit",
    "AuditkitError",
    "Evidence",
    "Fairness",
    "Finding",
    "Inputs",
    "Ledger",
    "Measurement",
    "Outcome",
    "ReportOptions",
    "Signer",
    "Verification",
    "__version__",
    "alternatives",
    "explain",
    "fairness",
    "run",
    "verify",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'auditkit' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
