"""An in-toto simple verification result about the model, in a DSSE envelope.

It lists what passed, for a deployment's policy: the gate, if it did, and each finding that is met.

Source: in-toto/attestation, spec/predicates/svr.md, version 0.2.
"""

from __future__ import annotations

from typing import Final

from auditkit.evidence import Outcome
from auditkit.exports.intoto import policy, sealed
from auditkit.exports.source import Source

SVR: Final = "https://in-toto.io/attestation/svr/v0.2"


def write(source: Source) -> bytes:
    """The simple verification result, in an envelope."""
    met = [f"AUDITKIT_{f.id}" for f in source.findings if f.outcome is Outcome.PASS]
    gate = ["AUDITKIT_GATE_PASS"] if source.decision == "pass" else []
    predicate = {
        "verifier": {
            "id": f"urn:auditkit:{source.version}",
            "policies": [policy(source)],
        },
        "timeCreated": source.time,
        "properties": gate + met,
    }
    return sealed(source, SVR, predicate)
