"""OSCAL assessment results, version 1.2.1: one result with every finding.

"Satisfied" is an assessor's word. It is said of the tool's own objectives alone, whose names begin
with `ak-`: whether a control is satisfied is for an assessor to say.

Ids follow from the statement. Dates are of the audit's day. Source: NIST, OSCAL 1.2.1, assessment
results.
"""

from __future__ import annotations

from typing import Any, Final

from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import NAME, Source, json_bytes
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

OSCAL: Final = "1.2.1"
_NS: Final = "urn:auditkit:oscal:v1"


def write(source: Source) -> bytes:
    """The assessment results."""
    result = {
        "uuid": source.uuid("result"),
        "title": f"Audit {source.report_id}",
        "description": one_line(f"{source.model['name']} by the policy {source.policy['id']}"),
        "start": source.time,
        "props": props(verdict=source.decision, statement=str(source.digest)),
        "reviewed-controls": {"control-selections": [{"include-all": {}}]},
        "observations": [_observation(source, e) for e in source.predicate["evidence"]],
        "findings": [finding_entry(source, f) for f in source.findings],
    }
    if not result["observations"]:
        del result["observations"]
    return json_bytes(
        {
            "assessment-results": {
                "uuid": source.uuid("assessment-results"),
                "metadata": metadata(source, "Audit results"),
                "import-ap": {"href": f"#{source.uuid('policy')}"},
                "results": [result],
                "back-matter": {
                    "resources": [
                        {
                            "uuid": source.uuid("policy"),
                            "title": one_line(f"Policy {source.policy['title']}"),
                            "props": props(digest=source.predicate["policy"]["digest"]),
                        },
                        {
                            "uuid": source.uuid("statement"),
                            "title": "The audit's statement",
                            "rlinks": [
                                {
                                    "href": "statement.json",
                                    "hashes": [
                                        {"algorithm": "SHA-256", "value": source.digest.hex}
                                    ],
                                }
                            ],
                        },
                    ]
                },
            }
        }
    )


def metadata(source: Source, title: str) -> dict[str, Any]:
    """What every OSCAL document begins with."""
    made: dict[str, Any] = {
        "title": one_line(f"{title}: {source.model['name']} {source.model['version']}"),
        "last-modified": source.time,
        "version": source.report_id,
        "oscal-version": OSCAL,
        "props": props(tool=f"{NAME} {source.version}", model=source.model["digest"]),
    }
    if not source.predicate["as_of"]:
        made["remarks"] = "The audit does not state its day; the date given is none."
    return made


def _observation(source: Source, evidence: Any) -> dict[str, Any]:
    return {
        "uuid": source.uuid(evidence["id"]),
        "title": one_line(evidence["title"]),
        "description": one_line(f"{evidence['check']}, version {evidence['version']}"),
        "props": props(evidence=evidence["id"], digest=evidence["digest"]),
        "methods": ["TEST"],
        "collected": source.time,
    }


def finding_entry(source: Source, finding: Finding, *, alone: bool = False) -> dict[str, Any]:
    """A finding; `alone` if it stands in a document without the observations."""
    satisfied = finding.outcome is Outcome.PASS
    reason = {Outcome.PASS: "pass", Outcome.FAIL: "fail"}.get(finding.outcome, "other")
    waiver = finding.waiver if is_waived(finding) else None
    waived = {"waived-until": waiver["expires"]} if waiver else {}
    made: dict[str, Any] = {
        "uuid": source.uuid(finding.id),
        "title": one_line(f"{named(finding)} {finding.title}"),
        "description": one_line(finding.statement),
        "props": props(
            finding=finding.id,
            outcome=finding.outcome.words,
            severity=finding.severity,
            **waived,
        ),
        "target": {
            "type": "objective-id",
            "target-id": f"ak-{finding.id}",
            "status": {
                "state": "satisfied" if satisfied else "not-satisfied",
                "reason": reason,
            },
        },
    }
    if finding.evidence and not alone:
        made["related-observations"] = [{"observation-uuid": source.uuid(finding.evidence)}]
    return made


def props(**values: str) -> list[dict[str, str]]:
    """Properties in auditkit's own namespace."""
    return [{"name": name, "ns": _NS, "value": one_line(value)} for name, value in values.items()]


def one_line(text: str) -> str:
    """One line without spaces at its ends, which OSCAL refuses."""
    return line(text).strip() or "not stated"
