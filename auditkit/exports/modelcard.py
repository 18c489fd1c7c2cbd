"""A model card in Markdown, with the `model-index` that Hugging Face reads.

It holds the conditions with a number; group, interval and finding stand in a metric's `args`. The
hub's own `verified` and its token are left to the hub.

The front matter is written as JSON, which is YAML, one metric a line.
Source: the Hugging Face hub's specification of model cards.
"""

from __future__ import annotations

import json
from typing import Any

from auditkit.evidence import Finding
from auditkit.exports.markdown import escaped
from auditkit.exports.source import NAME, Source
from auditkit.judgement.findings import about
from auditkit.tables.cells import line


def write(source: Source) -> bytes:
    """The card."""
    model, policy = source.model, source.policy
    counts = ", ".join(f"{n} {o.words}" for o, n in source.counts().items() if n)
    limits = policy["out_of_scope"] or ["Other versions and other data than those audited."]
    text = [
        *_front_matter(source),
        f"# {escaped(model['name'])} {escaped(model['version'])}",
        "",
        escaped(model["purpose"]) or "Its purpose is not stated.",
        "",
        f"Owner: {escaped(model['owner']) or 'not stated'}.",
        "",
        f"Model artifact: `{model['digest']}`.",
        "",
        "## Audit",
        "",
        (
            f"The gate's verdict by the policy {escaped(policy['id'])}, version "
            f"{escaped(policy['version'])}, is **{source.decision}**: {len(source.rules)} rules, "
            f"{counts}. As of {source.predicate['as_of'] or 'a day that is not stated'}. Report "
            f"{source.report_id}, statement `{source.digest}`."
        ),
        "",
        "| Result | Finding | Condition | |",
        "|---|---|---|---|",
        *(
            f"| {f.outcome.words} | {f.id} | {escaped(f.rule)} {escaped(about(f.group))} | "
            f"{escaped(f.statement)} |"
            for f in source.worst_first
            if f.group is None
        ),
        "",
        "## Data",
        "",
        *(
            f"- {escaped(d['name'])} ({escaped(d['role'])}): {d['rows']:,} rows, `{d['digest']}`"
            for d in source.predicate["datasets"]
        ),
        "",
        "## Limits",
        "",
        *(f"- {escaped(limit)}" for limit in limits),
        "",
    ]
    return "\n".join(text).encode()


def _front_matter(source: Source) -> list[str]:
    model = source.model
    tables = source.predicate["datasets"]
    table = next((d["name"] for d in tables if d["role"] == "evaluation"), "evaluation data")
    metrics = [
        _metric(source, finding)
        for finding in source.findings
        if finding.group is not None and finding.value is not None
    ]
    head = [
        "---",
        f"tags: [{NAME}]",
        "model-index:",
        f"- name: {_json(line(model['name']))}",
    ]
    if not metrics:
        return [*head, "  results: []", "---", ""]
    return [
        *head,
        "  results:",
        '  - task: {"type": "tabular-classification"}',
        f"    dataset: {_json({'name': line(table), 'type': 'tabular'})}",
        "    metrics:",
        *(f"    - {_json(metric)}" for metric in metrics),
        "---",
        "",
    ]


def _metric(source: Source, finding: Finding) -> dict[str, Any]:
    arguments = {
        "finding": finding.id,
        "group": line(about(finding.group)),
        "lower": finding.lower,
        "upper": finding.upper,
        "n": finding.n,
        "statement": str(source.digest),
    }
    return {
        "type": line(source.rule_of[finding.rule]["measure"]),
        "name": line(finding.title),
        "value": finding.value,
        "args": {name: value for name, value in arguments.items() if value is not None},
    }


def _json(value: Any) -> str:
    """JSON that is YAML, too: one line, and no character in two halves."""
    return json.dumps(value, ensure_ascii=False)
