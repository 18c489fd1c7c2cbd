"""CycloneDX 1.6 and 1.7: the model with its model card, and a claim for each finding.

The policy is a standard of its own whose requirements are its rules. A claim's `bom-ref` is the
finding's id and its `reasoning` the outcome; an attestation maps each rule to the claims that speak
for it and to those that speak against it. A claim that does neither, as one that is uncertain,
stands in the list of claims alone.

Numbers of a model card are texts in this format. Source: OWASP, CycloneDX 1.6 and 1.7 (ECMA-424).
"""

from __future__ import annotations

from typing import Any, Final

from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import NAME, Source, json_bytes
from auditkit.judgement.findings import about, named
from auditkit.tables.cells import line

_MODEL: Final = "model"


def write_1_6(source: Source) -> bytes:
    """A bill of materials in version 1.6, which most tools read."""
    return _written(source, "1.6")


def write_1_7(source: Source) -> bytes:
    """The same bill in version 1.7."""
    return _written(source, "1.7")


def _written(source: Source, version: str) -> bytes:
    model = source.model
    metadata: dict[str, Any] = {
        "tools": {"components": [{"type": "application", "name": NAME, "version": source.version}]},
        "properties": _properties(
            verdict=source.decision, statement=str(source.digest), report=source.report_id
        ),
    }
    if source.predicate["as_of"]:
        metadata["timestamp"] = source.time
    component = {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": line(model["name"]),
        "version": line(model["version"]),
        "hashes": [{"alg": "SHA-256", "content": model["digest"].removeprefix("sha256:")}],
        "modelCard": _card(source),
    }
    return json_bytes(
        {
            "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": version,
            "serialNumber": f"urn:uuid:{source.uuid('bom', version)}",
            "version": 1,
            "metadata": metadata,
            "components": [component],
            "definitions": {"standards": [_standard(source)]},
            "declarations": _declarations(source),
        }
    )


def _card(source: Source) -> dict[str, Any]:
    considerations: dict[str, Any] = {
        "technicalLimitations": [line(text) for text in source.policy["out_of_scope"]]
        or ["Other versions and other data than those that were audited."],
    }
    if source.model["purpose"]:
        considerations["useCases"] = [line(source.model["purpose"])]
    broken = [
        finding
        for finding in source.open
        if finding.check.startswith("fairness.") and finding.outcome is Outcome.FAIL
    ]
    if broken:  # prose: the numbers are among the metrics
        considerations["fairnessAssessments"] = [
            {"groupAtRisk": line(about(f.group)), "harms": line(f.title)} for f in broken
        ]
    return {
        "modelParameters": {
            "datasets": [
                {
                    "type": "dataset",
                    "name": line(dataset["name"]),
                    "description": f"{line(dataset['role'])}, {dataset['rows']} rows",
                }
                for dataset in source.predicate["datasets"]
            ]
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                _metric(source, f)
                for f in source.findings
                if f.group is not None and f.value is not None
            ]
        },
        "considerations": considerations,
    }


def _metric(source: Source, finding: Finding) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": line(source.rule_of[finding.rule]["measure"]),
        "value": repr(finding.value),
        "slice": line(about(finding.group)),
    }
    if finding.lower is not None:
        made["confidenceInterval"] = {
            "lowerBound": repr(finding.lower),
            "upperBound": repr(finding.upper),
        }
    return made


def _standard(source: Source) -> dict[str, Any]:
    policy = source.policy
    return {
        "bom-ref": "policy",
        "name": line(policy["title"]),
        "version": line(policy["version"]),
        "description": line(f"The policy {policy['id']}"),
        "requirements": [
            {
                "bom-ref": _requirement(rule["id"]),
                "identifier": line(rule["id"]),
                "title": line(rule["title"]),
                "text": line(rule["why"]),
            }
            for rule in policy["rules"]
        ],
    }


def _declarations(source: Source) -> dict[str, Any]:
    maps = []
    for rule in source.rules:
        on = (rule, *rule.conditions)
        made: dict[str, Any] = {
            "requirement": _requirement(rule.rule),
            "claims": [f.id for f in on if f.outcome is Outcome.PASS],
            "counterClaims": [f.id for f in on if f.outcome is Outcome.FAIL],
        }
        if rule.outcome in {Outcome.PASS, Outcome.FAIL}:
            made["conformance"] = {
                "score": int(rule.outcome is Outcome.PASS),
                "rationale": line(rule.statement),
            }
        maps.append({name: value for name, value in made.items() if value})
    return {
        "assessors": [{"bom-ref": "assessor", "thirdParty": False}],
        "attestations": [
            {
                "summary": f"auditkit's findings, of the statement {source.digest}",
                "assessor": "assessor",
                "map": maps,
            }
        ],
        "claims": [_claim(finding) for finding in source.findings],
        "evidence": [
            {
                "bom-ref": evidence["id"],
                "propertyName": line(evidence["check"]),
                "description": line(f"{evidence['title']}, {evidence['digest']}"),
            }
            for evidence in source.predicate["evidence"]
        ],
    }


def _claim(finding: Finding) -> dict[str, Any]:
    made: dict[str, Any] = {
        "bom-ref": finding.id,
        "target": _MODEL,
        "predicate": line(f"{named(finding)}: {finding.statement}"),
        "reasoning": finding.outcome.words,
    }
    if finding.evidence:
        against = finding.outcome is Outcome.FAIL
        made["counterEvidence" if against else "evidence"] = [finding.evidence]
    return made


def _requirement(rule: str) -> str:
    return f"rule/{line(rule)}"


def _properties(**values: str) -> list[dict[str, str]]:
    return [{"name": f"auditkit:{name}", "value": value} for name, value in values.items()]
