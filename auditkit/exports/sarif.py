"""SARIF 2.1.0, for code scanning: every finding, worst first, at its rule's line in the policy.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, errata 01. What GitHub makes of it:
it drops results without a place, and it follows one by its `partialFingerprints`. Its own key,
`primaryLocationLineHash`, is left to its uploader, which computes it.

No rule has a `security-severity`: that would print a disparity between groups as a vulnerability.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import NAME, Source, json_bytes
from auditkit.judgement.findings import about, named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
# The kind and level of each outcome.
_KIND: Final = {
    Outcome.FAIL: ("fail", "error"),
    Outcome.ERROR: ("open", "error"),
    Outcome.UNCERTAIN: ("review", "warning"),
    Outcome.NOT_ASSESSED: ("open", "warning"),
    Outcome.PASS: ("pass", "none"),
    Outcome.NOT_APPLICABLE: ("notApplicable", "none"),
}


def write(source: Source) -> bytes:
    """One run with a rule for each of the policy's and a result for each finding."""
    positions = {rule.rule: i for i, rule in enumerate(source.rules)}
    run = {
        "tool": {
            "driver": {
                "name": NAME,
                "version": source.version,
                "informationUri": "https://pypi.org/project/auditkit-ml/",
                "rules": [_rule(source, rule) for rule in source.rules],
            }
        },
        "automationDetails": {
            # Without version, digest or day: alerts of one model and policy follow each other.
            "id": f"{NAME}/{_named(source.model['name'])}/{_named(source.policy['id'])}/",
            "guid": source.uuid("run"),
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(source, f, positions[f.rule]) for f in source.worst_first],
        "properties": {
            "statement": str(source.digest),
            "verdict": source.decision,
            "model": source.model["digest"],
        },
    }
    return json_bytes({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(source: Source, finding: Finding) -> dict[str, Any]:
    rule = source.rule_of[finding.rule]
    why = f"{line(rule['why'])} Source: {line(rule['citation'])}."
    made: dict[str, Any] = {
        "id": _rule_id(finding, finding.rule),
        "name": line(finding.rule),
        "shortDescription": {"text": line(finding.title)},
        "fullDescription": {"text": f"{line(finding.title)}. {why}"},
        "help": {"text": why},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [finding.check.partition(".")[0]], "severity": finding.severity},
    }
    if rule.get("previously"):
        made["deprecatedIds"] = [_rule_id(finding, old) for old in rule["previously"]]
    return made


def _result(source: Source, finding: Finding, position: int) -> dict[str, Any]:
    kind, level = _KIND[finding.outcome]
    path, number = source.place(finding.rule)
    name = line(named(finding))
    made: dict[str, Any] = {
        "ruleId": _rule_id(finding, finding.rule),
        "ruleIndex": position,
        "kind": kind,
        "level": level,
        "message": {"text": f"{name}: {line(finding.statement)} [{finding.id}]"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(path)},
                    "region": {"startLine": number},
                }
            }
        ],
        "partialFingerprints": {"auditkitFinding/v1": finding.id},
        "guid": source.uuid(finding.id),
        "properties": {
            "outcome": finding.outcome.words,
            "group": line(about(finding.group)),
            "evidence": finding.evidence,
            "severity": finding.severity,
        },
    }
    if is_waived(finding) and finding.waiver:
        made["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": line(
                    f"{finding.waiver['id']}: {finding.waiver['reason']} "
                    f"Owner: {finding.waiver['owner']}. Approver: "
                    f"{finding.waiver['approver']}. Until {finding.waiver['expires']}."
                ),
            }
        ]
    return made


def _rule_id(finding: Finding, rule: str) -> str:
    return line(f"{finding.check}/{rule}")


def _named(name: str) -> str:
    """A name as one part of a path."""
    return quote(line(name), safe="")
