"""auditkit turns a model, its data and its registry into evidence that an auditor can rely on.

    import auditkit as ak

    inputs = ak.Inputs(model=model, data=X, labels=y, groups=df[["sex", "race"]], reference=X_train)
    audit = ak.run(inputs, policy="lending")
    audit.verdict; audit.findings; audit.to_frame(); audit.statement
    audit.report("report.pdf", signer=ak.Signer.load("key.p12", passphrase=b"..."))
    ak.verify(open("report.pdf", "rb").read(), trust=[certificate])

One way: inputs -> measures -> evidence -> controls -> verdict -> statement -> signature, report,
log, registry. No step changes what an earlier one made, and every printed number can be traced to
the evidence that it comes from.

The names below are loaded on first use, so that importing auditkit is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from auditkit.version import __version__

if TYPE_CHECKING:
    from auditkit.api import Audit, compare, run
    from auditkit.canonical import Digest
    from auditkit.charts import Chart
    from auditkit.errors import AuditkitError
    from auditkit.evidence import Evidence, Finding, Measurement, Outcome
    from auditkit.judgement.controls import ControlPack
    from auditkit.judgement.gate import Verdict
    from auditkit.ledger import Ledger, NoteVerifier, Receipt
    from auditkit.ledger.witness.http import RemoteWitness
    from auditkit.loading.models import load_model
    from auditkit.measures.attribution.explain import explain
    from auditkit.measures.attribution.explainer import Explainer
    from auditkit.measures.attribution.result import Attribution
    from auditkit.measures.fairness.alternatives import alternatives
    from auditkit.measures.fairness.candidates import Alternatives
    from auditkit.measures.fairness.comparison import Fairness, by_class, fairness, within
    from auditkit.measures.fairness.local_law_144 import LocalLaw144, local_law_144
    from auditkit.measures.fairness.regression import regression_fairness
    from auditkit.policy import Policy, PolicySource
    from auditkit.report import ReportOptions
    from auditkit.signing import KeyRecord, KeyStore, Signer, Trusted
    from auditkit.subject import Inputs, RegisteredModel
    from auditkit.verification import Claim, Verification
    from auditkit.verification.verify import verify
    from auditkit.watching.policy import WatchPolicy
    from auditkit.watching.profile.profile import Profile
    from auditkit.watching.validation.contract import Contract
    from auditkit.watching.validation.result import Validated
    from auditkit.watching.validation.skew import skew
    from auditkit.watching.validation.splits import splits
    from auditkit.watching.validation.validate import validate
    from auditkit.watching.watched import Watched, watch

_HOME = {
    "Alternatives": "auditkit.measures.fairness.candidates",
    "Attribution": "auditkit.measures.attribution.result",
    "Audit": "auditkit.api",
    "AuditkitError": "auditkit.errors",
    "Chart": "auditkit.charts",
    "Claim": "auditkit.verification",
    "Contract": "auditkit.watching.validation.contract",
    "ControlPack": "auditkit.judgement.controls",
    "Digest": "auditkit.canonical",
    "Evidence": "auditkit.evidence",
    "Explainer": "auditkit.measures.attribution.explainer",
    "Fairness": "auditkit.measures.fairness.comparison",
    "Finding": "auditkit.evidence",
    "Inputs": "auditkit.subject",
    "KeyRecord": "auditkit.signing",
    "KeyStore": "auditkit.signing",
    "Ledger": "auditkit.ledger",
    "LocalLaw144": "auditkit.measures.fairness.local_law_144",
    "Measurement": "auditkit.evidence",
    "Monitor": "auditkit.watching.monitor.monitor",
    "NoteVerifier": "auditkit.ledger",
    "Outcome": "auditkit.evidence",
    "Policy": "auditkit.policy",
    "PolicySource": "auditkit.policy",
    "Profile": "auditkit.watching.profile.profile",
    "Receipt": "auditkit.ledger",
    "RegisteredModel": "auditkit.subject",
    "RemoteWitness": "auditkit.ledger.witness.http",
    "ReportOptions": "auditkit.report",
    "Signer": "auditkit.signing",
    "Trusted": "auditkit.signing",
    "Validated": "auditkit.watching.validation.result",
    "Verdict": "auditkit.judgement.gate",
    "Verification": "auditkit.verification",
    "WatchPolicy": "auditkit.watching.policy",
    "Watched": "auditkit.watching.watched",
    "alternatives": "auditkit.measures.fairness.alternatives",
    "by_class": "auditkit.measures.fairness.comparison",
    "compare": "auditkit.api",
    "explain": "auditkit.measures.attribution.explain",
    "fairness": "auditkit.measures.fairness.comparison",
    "load_model": "auditkit.loading.models",
    "local_law_144": "auditkit.measures.fairness.local_law_144",
    "regression_fairness": "auditkit.measures.fairness.regression",
    "run": "auditkit.api",
    "skew": "auditkit.watching.validation.skew",
    "splits": "auditkit.watching.validation.splits",
    "validate": "auditkit.watching.validation.validate",
    "verify": "auditkit.verification.verify",
    "watch": "auditkit.watching.watched",
    "within": "auditkit.measures.fairness.comparison",
}

__all__ = [
    "Alternatives",
    "Attribution",
    "Audit",
    "AuditkitError",
    "Chart",
    "Claim",
    "Contract",
    "ControlPack",
    "Digest",
    "Evidence",
    "Explainer",
    "Fairness",
    "Finding",
    "Inputs",
    "KeyRecord",
    "KeyStore",
    "Ledger",
    "LocalLaw144",
    "Measurement",
    "Monitor",
    "NoteVerifier",
    "Outcome",
    "Policy",
    "PolicySource",
    "Profile",
    "Receipt",
    "RegisteredModel",
    "RemoteWitness",
    "ReportOptions",
    "Signer",
    "Trusted",
    "Validated",
    "Verdict",
    "Verification",
    "WatchPolicy",
    "Watched",
    "__version__",
    "alternatives",
    "by_class",
    "compare",
    "explain",
    "fairness",
    "load_model",
    "local_law_144",
    "regression_fairness",
    "run",
    "skew",
    "splits",
    "validate",
    "verify",
    "watch",
    "within",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'auditkit' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
