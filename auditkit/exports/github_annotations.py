"""GitHub's annotations: commands that a step prints, and GitHub shows beside the policy's lines.

GitHub keeps ten of each level a step and drops the others without a word. So at most nine are
written, worst first, and a tenth says how many more there are. What is waived is a notice.

Foreign text cannot end a command, nor begin one: line breaks, `%` and the separators of properties
are escaped.
"""

from __future__ import annotations

from typing import Final

from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import Source
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

MOST: Final = 9


def write(source: Source) -> bytes:
    """One command a line; nothing if every condition is met."""
    levels: dict[str, list[Finding]] = {"error": [], "warning": [], "notice": []}
    for finding in source.open:
        levels[_level(finding)].append(finding)
    lines = []
    for level, findings in levels.items():
        lines += [_command(level, finding, source) for finding in findings[:MOST]]
        if len(findings) > MOST:
            lines.append(f"::{level}::{len(findings) - MOST:,} more in the summary")
    return "".join(f"{one}\n" for one in lines).encode()


def _level(finding: Finding) -> str:
    if is_waived(finding):
        return "notice"
    return "error" if finding.outcome in {Outcome.FAIL, Outcome.ERROR} else "warning"


def _command(level: str, finding: Finding, source: Source) -> str:
    path, number = source.place(finding.rule)
    title = f"{named(finding)} {finding.id}"
    message = f"{finding.outcome.words}: {finding.statement}"
    return (
        f"::{level} file={_property(path)},line={number},title={_property(title)}::{_data(message)}"
    )


def _data(text: str) -> str:
    return line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
