"""OpenMetrics text, as GitLab's metrics report compares it between two branches.

It holds the conditions with a number, one sample each, and the number of rules by outcome. A label
names rule, group and finding, and neither value nor outcome, so that a series goes on.

Source: the OpenMetrics specification, 1.0.
"""

from __future__ import annotations

import re
from typing import Final

from auditkit.evidence import Finding
from auditkit.exports.source import Source
from auditkit.judgement.findings import about
from auditkit.tables.cells import line

_NOT_IN_NAMES: Final = re.compile("[^a-zA-Z0-9_]")


def write(source: Source) -> bytes:
    """One family a measure, sorted by its name; then the counts."""
    families: dict[str, list[str]] = {}
    for finding in source.findings:
        if finding.group is None or finding.value is None:
            continue
        measure = source.rule_of[finding.rule]["measure"]
        name = f"auditkit_{_NOT_IN_NAMES.sub('_', measure)}"
        families.setdefault(name, []).append(f"{name}{_labels(finding)} {finding.value!r}")
    lines = []
    for name, samples in sorted(families.items()):
        lines += [f"# TYPE {name} gauge", *sorted(samples)]
    lines += [
        "# TYPE auditkit_rules gauge",
        "# HELP auditkit_rules Rules of the policy by outcome.",
    ]
    lines += [f'auditkit_rules{{outcome="{o.words}"}} {n}' for o, n in source.counts().items()]
    return ("\n".join([*lines, "# EOF"]) + "\n").encode()


def _labels(finding: Finding) -> str:
    pairs = {"rule": finding.rule, "group": about(finding.group), "finding": finding.id}
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items()) + "}"


def _escaped(text: str) -> str:
    return line(text).replace("\\", "\\\\").replace('"', '\\"')
