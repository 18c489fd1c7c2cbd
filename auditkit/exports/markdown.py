"""Markdown for GitHub's job summary, and the escaping of foreign text in Markdown.

The summary holds the counts, what there is to do, and then the conditions that are met. GitHub
drops a summary of more than 1 MiB whole. So it ends within a budget, worst first, and its last line
says how many findings are left out.
"""

from __future__ import annotations

import re
from typing import Final

from auditkit.evidence import Finding
from auditkit.exports.source import Source
from auditkit.judgement.findings import about
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

BUDGET: Final = 900 * 1024
_ACTIVE: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~$&:^=])")
_MARK: Final = re.compile(r"[^A-Za-z0-9._/ -]|--")
_WORDS: Final = {
    "pass": "The gate lets the model through",
    "fail": "The gate does not let the model through",
    "incomplete": "The gate cannot decide",
}


def escaped(text: str) -> str:
    """Foreign text that Markdown shows as it is: no markup, no link, no mention of a user."""
    return _ACTIVE.sub(r"\\\1", line(text)).replace("@", "@<!-- -->")


def write(source: Source, *, budget: int = BUDGET) -> bytes:
    """The summary.

    Args:
        source: The statement.
        budget: The most bytes that it may have.
    """
    model = source.model
    counts = ", ".join(f"{n} {o.words}" for o, n in source.counts().items() if n)
    head = [
        f"<!-- auditkit:{_MARK.sub('', model['name'])} -->",
        f"## {escaped(model['name'])} {escaped(model['version'])}: {source.decision}",
        "",
        (
            f"{_WORDS[source.decision]}. Policy {escaped(source.policy['id'])}, version "
            f"{escaped(source.policy['version'])}; {len(source.rules)} rules: {counts}. "
            f"Report {source.report_id}, statement `{source.digest}`."
        ),
        "",
        "| Result | Finding | Condition | |",
        "|---|---|---|---|",
    ]
    todo = {finding.id for finding in source.open}
    met = [f for f in source.worst_first if f.id not in todo and f.group is not None]
    rows = [_row(finding) for finding in (*source.open, *met)]
    room = budget - len("\n".join(head).encode()) - 100
    kept = 0
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0:
            break
        kept += 1
    last = (
        ["", f"{len(rows) - kept:,} more findings are in the report."] if kept < len(rows) else []
    )
    return "\n".join([*head, *rows[:kept], *last, ""]).encode()


def _row(finding: Finding) -> str:
    waiver = finding.waiver if is_waived(finding) else None
    waived = f", waived until {waiver['expires']}" if waiver else ""
    whom = escaped(about(finding.group))
    return (
        f"| {finding.outcome.words}{waived} | {finding.id} | {escaped(finding.rule)} {whom} | "
        f"{escaped(finding.statement)} |"
    )
