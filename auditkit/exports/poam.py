"""An OSCAL plan of action and milestones, version 1.2.1: an item for each exception, worst first.

An item's id follows from the finding alone: it is the same item, audit after audit, until it is
closed. A waiver in force is an approved deviation, with its last day as the deadline.

Source: NIST, OSCAL 1.2.1, POA&M.
"""

from __future__ import annotations

from typing import Any

from auditkit.evidence import Finding, Outcome
from auditkit.exports.oscal import finding_entry, metadata, one_line, props
from auditkit.exports.source import Source, json_bytes, lasting_uuid
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived


def write(source: Source) -> bytes:
    """The plan."""
    found = [f for f in source.open if f.outcome is Outcome.FAIL]
    content: dict[str, Any] = {
        "uuid": source.uuid("poam"),
        "metadata": metadata(source, "Plan of action and milestones"),
        "system-id": {
            "identifier-type": "urn:auditkit:model",
            "id": one_line(source.model["name"]),
        },
    }
    if found:
        content["risks"] = [_risk(finding) for finding in found]
        content["findings"] = [finding_entry(source, f, alone=True) for f in found]
        content["poam-items"] = [_item(source, finding) for finding in found]
    else:  # a plan has to have an item
        content["poam-items"] = [
            {
                "uuid": lasting_uuid("no exception"),
                "title": "No exception",
                "description": "The audit found no exception: there is nothing to do.",
            }
        ]
    return json_bytes({"plan-of-action-and-milestones": content})


def _risk(finding: Finding) -> dict[str, Any]:
    waiver = finding.waiver if is_waived(finding) else None
    made: dict[str, Any] = {
        "uuid": lasting_uuid("risk", finding.id),
        "title": one_line(finding.title),
        "description": one_line(finding.statement),
        "statement": one_line(finding.statement),
        "status": "deviation-approved" if waiver else "open",
    }
    if waiver:
        made["deadline"] = f"{waiver['expires']}T00:00:00Z"
    return made


def _item(source: Source, finding: Finding) -> dict[str, Any]:
    return {
        "uuid": lasting_uuid(finding.id),
        "title": one_line(f"{named(finding)} {finding.title}"),
        "description": one_line(finding.statement),
        "props": props(
            finding=finding.id, outcome=finding.outcome.words, severity=finding.severity
        ),
        "related-findings": [{"finding-uuid": source.uuid(finding.id)}],
        "related-risks": [{"risk-uuid": lasting_uuid("risk", finding.id)}],
    }
