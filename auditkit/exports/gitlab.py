"""GitLab's code quality report: what there is to do, at the policy's lines; `[]` if nothing is.

It holds the conditions that are not met, and rules of that kind without such a condition. GitLab
follows an entry by its fingerprint, which follows from the finding's id.
"""

from __future__ import annotations

from typing import Final

from auditkit.canonical import Digest
from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import Source, json_bytes
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

# The severity of an exception, and that of what is uncertain or not tested, by the rule's.
_EXCEPTION: Final = {"high": "blocker", "medium": "critical", "low": "major"}
_OPEN: Final = {"high": "major", "medium": "minor", "low": "minor"}


def write(source: Source) -> bytes:
    """The report: one entry a finding, worst first."""
    entries = []
    for finding in source.open:
        path, number = source.place(finding.rule)
        name = line(named(finding))
        entries.append(
            {
                "description": f"{name}: {finding.outcome.words}. {line(finding.statement)} "
                f"[{finding.id}]",
                "check_name": line(f"{finding.check}/{finding.rule}"),
                "fingerprint": Digest.of(finding.id.encode()).hex,
                "severity": _severity(finding),
                "location": {"path": path, "lines": {"begin": number}},
            }
        )
    return json_bytes(entries)


def _severity(finding: Finding) -> str:
    if is_waived(finding):
        return "info"
    broken = finding.outcome in {Outcome.FAIL, Outcome.ERROR}
    return (_EXCEPTION if broken else _OPEN)[finding.severity]
