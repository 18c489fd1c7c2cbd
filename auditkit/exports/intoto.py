"""An in-toto test result about the model, in a DSSE envelope.

The subject is the model's digest, as a registry has it; a second one is the report, if there is
one. An envelope without a signer has no signature, and proves nothing.

It names every finding. A test that is uncertain, was not run, or crashed counts as failed: "warned"
would say that it passed. What does not apply is no test; its name stands in the annotations.

Source: in-toto/attestation, spec/predicates/test-result.md, version 0.1; the DSSE protocol 1.0.2.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from auditkit.canonical import STATEMENT_TYPE, canonical_bytes
from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import Source
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
# By the verdict, and whether a waiver lifts a finding.
_RESULT: Final = {
    ("pass", False): "PASSED",
    ("pass", True): "WARNED",
    **{(word, waived): "FAILED" for word in ("fail", "incomplete") for waived in (False, True)},
}
_NOT_A_PASS: Final = (Outcome.FAIL, Outcome.UNCERTAIN, Outcome.NOT_ASSESSED, Outcome.ERROR)


def write(source: Source) -> bytes:
    """The test result, in an envelope."""
    failed = [f for f in source.worst_first if f.outcome in _NOT_A_PASS]
    predicate = {
        "result": _RESULT[source.decision, any(map(is_waived, failed))],
        "configuration": [policy(source)],
        "passedTests": [_test(f) for f in source.findings if f.outcome is Outcome.PASS],
        "warnedTests": [],
        "failedTests": [_test(f) for f in failed],
        "annotations": {
            "statement": str(source.digest),
            "notApplicable": [
                _test(f) for f in source.findings if f.outcome is Outcome.NOT_APPLICABLE
            ],
            "waived": [f.id for f in failed if is_waived(f)],
        },
    }
    return sealed(source, TEST_RESULT, predicate)


def _test(finding: Finding) -> str:
    return f"{line(named(finding))} [{finding.id}]"


def policy(source: Source) -> dict[str, Any]:
    """The policy as a resource: its name and digest."""
    return {
        "name": line(f"{source.policy['id']}/{source.policy['version']}"),
        "digest": {"sha256": source.predicate["policy"]["digest"].removeprefix("sha256:")},
    }


def sealed(source: Source, kind: str, predicate: dict[str, Any]) -> bytes:
    """A statement about the model with some predicate, in an envelope."""
    model = source.model
    subjects: list[Any] = [
        {
            "name": line(f"{model['name']}/{model['version']}"),
            "digest": {"sha256": model["digest"].removeprefix("sha256:")},
        }
    ]
    if source.report is not None:
        subjects.append({"name": "report.pdf", "digest": {"sha256": source.report.hex}})
    payload = canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": kind,
            "predicate": predicate,
        }
    )
    if source.sign is not None:
        return source.sign(payload)
    return canonical_bytes(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [],
        }
    )
