"""JUnit XML, for the test reports of CI servers: one case for each finding, worst first.

There is no norm for it. What servers do: GitLab follows a case by `classname` and `name`, Jenkins
shows one problem a case. So both are unique and without values, and no case has two problems.

An uncertain or untested condition is a failure, never skipped: skipped reads as harmless. A waived
one passes, and says so in its properties.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from auditkit.evidence import Finding, Outcome
from auditkit.exports.source import NAME, Source
from auditkit.judgement.findings import named
from auditkit.judgement.gate import is_waived
from auditkit.tables.cells import line

# The element of each outcome, and its type; none for those that pass.
_PROBLEM: Final = {
    Outcome.FAIL: ("failure", "exception"),
    Outcome.UNCERTAIN: ("failure", "uncertain"),
    Outcome.NOT_ASSESSED: ("failure", "not-assessed"),
    Outcome.ERROR: ("error", "error"),
    Outcome.NOT_APPLICABLE: ("skipped", "not-applicable"),
}


def write(source: Source) -> bytes:
    """Two suites: the rules of the policy, and their conditions."""
    root = ET.Element("testsuites", {"name": NAME})
    policy = line(source.policy["id"])
    suites = (
        ("rules", [f for f in source.worst_first if f.group is None]),
        ("conditions", [f for f in source.worst_first if f.group is not None]),
    )
    whole = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for kind, findings in suites:
        kinds = [None if is_waived(f) else _PROBLEM.get(f.outcome, (None,))[0] for f in findings]
        counts = {
            "tests": len(findings),
            "failures": kinds.count("failure"),
            "errors": kinds.count("error"),
            "skipped": kinds.count("skipped"),
        }
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": f"{policy}.{kind}", **{k: str(n) for k, n in counts.items()}, "time": "0"},
        )
        for name, count in counts.items():
            whole[name] += count
        for finding in findings:
            _case(suite, source, finding, policy)
    root.attrib |= {name: str(count) for name, count in whole.items()}
    ET.indent(root, " ")
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(suite: ET.Element, source: Source, finding: Finding, policy: str) -> None:
    name = f"{line(named(finding))} [{finding.id}]"
    called = {"classname": f"{policy}.{line(finding.check)}", "name": name, "time": "0"}
    case = ET.SubElement(suite, "testcase", called)
    properties = {
        "auditkit.finding": finding.id,
        "auditkit.outcome": finding.outcome.words,
        "auditkit.evidence": finding.evidence,
        "auditkit.statement": str(source.digest),
    }
    waived = is_waived(finding)
    if waived and finding.waiver:
        properties["auditkit.waiver"] = finding.waiver["id"]
        properties["auditkit.waived_until"] = finding.waiver["expires"]
        properties["auditkit.waived_by"] = line(finding.waiver["approver"])
    listed = ET.SubElement(case, "properties")
    for key, value in properties.items():
        ET.SubElement(listed, "property", {"name": key, "value": value})
    message = line(finding.statement)
    problem = _PROBLEM.get(finding.outcome)
    if problem and not waived:
        tag, kind = problem
        attributes = (
            {"message": message} if tag == "skipped" else {"message": message, "type": kind}
        )
        ET.SubElement(case, tag, attributes).text = "" if tag == "skipped" else message
    else:
        ET.SubElement(case, "system-out").text = message
