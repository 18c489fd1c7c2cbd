"""Exports: one finding in every format, read back by somebody else's reader."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema_rs
import openpyxl
import pandas as pd
import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from huggingface_hub import ModelCard
from in_toto_attestation.v1.statement import Statement
from junitparser import JUnitXml, Properties
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from typer.testing import CliRunner

from auditkit.api import Audit
from auditkit.canonical import Digest, parse_json
from auditkit.cli import app
from auditkit.errors import InputError
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.exports import FORMATS, export, named_formats
from auditkit.exports.source import Source
from auditkit.judgement.audit import Judgement, glossary_of
from auditkit.judgement.findings import every
from auditkit.judgement.gate import decide, judge
from auditkit.judgement.waived import waive
from auditkit.policy import PolicySource, parse_policy
from auditkit.signing import KeyStore
from auditkit.signing.dsse import open_envelope
from tests.fixtures.lending import judgement
from tests.support.waivers import APPROVERS, given, waiver_for

SCHEMAS = Path(__file__).parents[1] / "fixtures" / "schemas"
ID = re.compile("F-[A-Z2-7]{12}")
WORDS = {o.words for o in Outcome}
LENDING = replace(
    judgement(), source=PolicySource(path="policies/lending.yaml", line=1, lines={"FL-3": 40})
)
HOSTILE = (
    "::error::x", "`id`", "$(touch x)", "=cmd|' /C calc'!A0", "a|b", "</script><b>",
    "a\x1b[31m\x00\x0b",
    "line\r\nbreak", "@everyone", "-->", "\u202etxt", "]]>&amp;", "\ufffe", "a%0Ab", "\t+1",
    '\\"', "#1",
)  # fmt: skip


def audited(groups, *, value=0.5, n=50, waived=False) -> Judgement:
    """An audit of one rule over many groups."""
    numbers = tuple(
        Measurement(
            name="impact_ratio", unit="ratio", value=value, n=n, group=(("race", group),),
            lower=value, upper=value, level=0.95,
        )
        for group in groups
    )  # fmt: skip
    made = Evidence(
        id="E-0001", check="fairness.selection_rates", version="1", title="Rates", area="fairness",
        n=1000, measurements=numbers,
    )  # fmt: skip
    policy = parse_policy(f"""
id: p
version: "1"
title: P
as_of: 2026-11-22
rules:
  - {{id: R, title: Ratio, check: fairness.selection_rates, measure: impact_ratio, at_least: 0.8,
     severity: high, citation: c, why: w, previously: [OLD]}}
{APPROVERS}
""")
    findings = judge((made,), policy, glossary_of((made,), policy))
    subject, considered = LENDING.subject, ()
    if waived:
        waiver = waiver_for(policy, findings[0].conditions, artifact=str(subject.digest))
        findings, considered = waive(
            findings, [given(waiver, "ada", "bo")], policy,
            name=subject.name, artifact=str(subject.digest), today=LENDING.as_of,
        )  # fmt: skip
    return replace(
        LENDING, policy=policy, packs=(), controls=(), evidence=(made,), findings=findings,
        verdict=decide(findings), source=None, waivers=considered,
    )  # fmt: skip


HURT = audited(HOSTILE)
EVERYTHING = {"lending": LENDING, "hostile": HURT, "met": audited(["a"], value=1.0)}


@cache
def files(which: str) -> dict[str, bytes]:
    return export(EVERYTHING[which].statement, FORMATS)


def validates(document: bytes, schema: str) -> None:
    rules = json.loads((SCHEMAS / schema).read_text())
    jsonschema_rs.validator_for(rules).validate(json.loads(document))


# What another reader finds in each format: the finding's id and its outcome in words


def from_sarif(data: bytes) -> dict[str, str]:
    validates(data, "sarif-2.1.0.json")
    kinds = {
        ("fail", "error"): "exception", ("open", "error"): "error",
        ("review", "warning"): "uncertain",
        ("open", "warning"): "not tested", ("pass", "none"): "met",
        ("notApplicable", "none"): "not applicable",
    }  # fmt: skip
    (run,) = json.loads(data)["runs"]
    for result in run["results"]:
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return {
        r["partialFingerprints"]["auditkitFinding/v1"]: kinds[r["kind"], r["level"]]
        for r in run["results"]
    }


def from_junit(data: bytes) -> dict[str, str]:
    whole = JUnitXml.fromstring(data)
    found, names = {}, []
    for suite in whole:
        assert suite.tests == len(list(suite))
        assert suite.failures == sum(
            len(c.result) > 0 and c.result[0]._tag == "failure" for c in suite
        )
        for case in suite:
            names.append((case.classname, case.name))
            properties = {p.name: p.value for each in case.iterchildren(Properties) for p in each}
            assert len(case.result) <= 1
            kinds = {
                "exception": "exception",
                "uncertain": "uncertain",
                "not-assessed": "not tested",
            }
            outcome = properties["auditkit.outcome"]
            if case.result and case.result[0]._tag == "failure":
                assert kinds[case.result[0].type] == outcome
            elif case.result and case.result[0]._tag == "skipped":
                assert outcome == "not applicable"
            else:
                assert outcome == "met" or "auditkit.waived_until" in properties
            assert case.name.endswith(f"[{properties['auditkit.finding']}]")
            assert case.name[0].isalpha()
            found[properties["auditkit.finding"]] = outcome
    assert len(set(names)) == len(names)
    assert whole.tests == len(names)
    return found


def from_oscal(data: bytes) -> dict[str, str]:
    validates(data, "oscal-assessment-results-1.2.1.json")
    (result,) = json.loads(data)["assessment-results"]["results"]
    found = {}
    for finding in result["findings"]:
        props = {p["name"]: p["value"] for p in finding["props"]}
        status = finding["target"]["status"]
        assert (status["state"] == "satisfied") is (props["outcome"] == "met")
        assert (status["reason"] == "fail") is (props["outcome"] == "exception")
        assert finding["target"]["target-id"].startswith("ak-")
        found[props["finding"]] = props["outcome"]
    return found


def from_poam(data: bytes) -> dict[str, str]:
    validates(data, "oscal-poam-1.2.1.json")
    content = json.loads(data)["plan-of-action-and-milestones"]
    items = [i for i in content["poam-items"] if "props" in i]
    props = [{p["name"]: p["value"] for p in item["props"]} for item in items]
    assert {r["finding-uuid"] for i in items for r in i["related-findings"]} == {
        finding["uuid"] for finding in content.get("findings", ())
    }
    return {p["finding"]: p["outcome"] for p in props}


def from_table(data: bytes) -> dict[str, str]:
    rows = [line for line in data.decode().splitlines() if line.startswith("|") and ID.search(line)]
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert all(len(row) == 6 for row in cells)
    return {row[2].strip(): row[1].strip().split(",")[0] for row in cells}


def from_annotations(data: bytes) -> dict[str, str]:
    lines = data.decode().splitlines()
    command = re.compile(r"::(error|warning|notice) file=[^:,]+,line=\d+,title=[^:,]+::([^:]+): ")
    found = {}
    for line in lines:
        if " more in the summary" in line:
            continue
        match = command.match(line)
        assert match, line
        found[ID.findall(line.partition("::")[2].rpartition("::")[0] or line)[-1]] = match[2]
    return found


def from_gitlab(data: bytes) -> dict[str, str]:
    entries = json.loads(data)
    for entry in entries:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"]["begin"] >= 1
        fid = ID.findall(entry["description"])[-1]
        assert entry["fingerprint"] == Digest.of(fid.encode()).hex
    words = "|".join(WORDS)
    return {
        ID.findall(e["description"])[-1]: re.search(rf": ({words})\. ", e["description"])[1]
        for e in entries
    }


def from_csv(data: bytes) -> dict[str, str]:
    table = pd.read_csv(io.BytesIO(data))
    assert len(set(table["statement_sha256"])) == 1
    return dict(zip(table["finding_id"], table["outcome"], strict=True))


def from_xlsx(data: bytes) -> dict[str, str]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Read me", "Findings"]
    told = {row[0]: row[1] for row in book["Read me"].iter_rows(values_only=True)}
    header, *rows = book["Findings"].iter_rows(values_only=True)
    assert told["Rows"] == len(rows)
    assert all(c.data_type != "f" for row in book["Findings"].iter_rows() for c in row)
    place = {name: i for i, name in enumerate(header)}
    return {row[place["finding_id"]]: row[place["outcome"]] for row in rows}


def from_intoto(data: bytes) -> dict[str, str]:
    predicate = attested(data, "https://in-toto.io/attestation/test-result/v0.1")
    assert not set(predicate["warnedTests"])
    named = {
        "met": predicate["passedTests"], "failed": predicate["failedTests"],
        "not applicable": predicate["annotations"]["notApplicable"],
    }  # fmt: skip
    return {ID.findall(test)[-1]: word for word, tests in named.items() for test in tests}


def from_svr(data: bytes) -> dict[str, str]:
    predicate = attested(data, "https://in-toto.io/attestation/svr/v0.2")
    assert predicate["verifier"]["policies"]
    assert predicate["timeCreated"].endswith("Z")
    return {i: "met" for text in predicate["properties"] for i in ID.findall(text)}


def attested(data: bytes, kind: str) -> dict:
    envelope = json.loads(data)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    read = Statement.copy_from_pb(_parsed(payload))
    read.validate()
    content = json.loads(payload)
    assert content["predicateType"] == kind
    return content["predicate"]


def _parsed(payload: bytes):
    from google.protobuf.json_format import Parse
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    return Parse(payload, Message())


def from_cyclonedx(data: bytes) -> dict[str, str]:
    content = json.loads(data)
    version = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}[content["specVersion"]]
    assert JsonStrictValidator(version).validate_str(data.decode()) is None
    return {claim["bom-ref"]: claim["reasoning"] for claim in content["declarations"]["claims"]}


def from_model_card(data: bytes) -> dict[str, str]:
    card = ModelCard(data.decode())
    for result in card.data.eval_results or ():
        assert ID.fullmatch(result.metric_args["finding"])
    return from_table(data)


READERS = {
    "auditkit.sarif": from_sarif,
    "junit.xml": from_junit,
    "oscal-assessment-results.json": from_oscal,
    "oscal-poam.json": from_poam,
    "summary.md": from_table,
    "annotations.txt": from_annotations,
    "gl-code-quality-report.json": from_gitlab,
    "findings.csv": from_csv,
    "findings.xlsx": from_xlsx,
    "test-result.dsse.json": from_intoto,
    "svr.dsse.json": from_svr,
    "bom-1.6.cdx.json": from_cyclonedx,
    "bom-1.7.cdx.json": from_cyclonedx,
    "modelcard.md": from_model_card,
}
WHOLE = {
    "auditkit.sarif", "junit.xml", "oscal-assessment-results.json", "findings.csv",
    "findings.xlsx", "test-result.dsse.json", "bom-1.6.cdx.json", "bom-1.7.cdx.json",
}  # fmt: skip
OPEN = {"exception", "uncertain", "not tested", "error"}


def test_every_file_has_a_reader():
    assert READERS.keys() | {"metrics.txt"} == files("lending").keys()
    assert READERS.keys() > WHOLE


@pytest.mark.parametrize("which", EVERYTHING)
@pytest.mark.parametrize("name", READERS)
def test_each_format_says_of_each_finding_what_the_statement_says(name, which):
    stated = {
        f["id"]: Outcome(f["outcome"]).words
        for f in parse_json(EVERYTHING[which].statement)["predicate"]["findings"]
    }
    found = READERS[name](files(which)[name])
    assert found.keys() <= stated.keys()
    for finding, word in found.items():
        assert word == stated[finding] or (word == "failed" and stated[finding] in OPEN)
    if name in WHOLE:
        assert found.keys() == stated.keys()


@pytest.mark.parametrize("which", EVERYTHING)
def test_the_metrics_are_those_of_the_statement(which):
    made = EVERYTHING[which]
    families = list(text_string_to_metric_families(files(which)["metrics.txt"].decode()))
    samples = {
        s.labels["finding"]: s.value for f in families for s in f.samples if "finding" in s.labels
    }
    assert samples == {
        f.id: f.value for f in every(made.findings) if f.group is not None and f.value is not None
    }
    (counts,) = (f for f in families if f.name == "auditkit_rules")
    assert sum(s.value for s in counts.samples) == len(made.findings)


def test_short_lists_hold_each_thing_to_do_once():
    todo = {f.id for f in Source.of(LENDING.statement).open}
    rules = {f.rule for f in every(LENDING.findings) if f.outcome.words in OPEN}
    assert {f.rule for f in every(LENDING.findings) if f.id in todo} == rules
    assert from_gitlab(files("lending")["gl-code-quality-report.json"]).keys() == todo
    assert from_annotations(files("lending")["annotations.txt"]).keys() == todo
    assert files("met")["gl-code-quality-report.json"] == b"[]\n"
    assert not files("met")["annotations.txt"]


def test_equal_statements_give_equal_bytes():
    again = judgement()
    assert export(again.statement, FORMATS) == export(judgement().statement, FORMATS)


def test_findings_point_at_the_line_of_their_rule():
    (run,) = json.loads(files("lending")["auditkit.sarif"])["runs"]
    places = {
        r["ruleId"].rpartition("/")[2]: r["locations"][0]["physicalLocation"]
        for r in run["results"]
    }
    assert places["FL-3"]["artifactLocation"]["uri"] == "policies/lending.yaml"
    assert places["FL-3"]["region"]["startLine"] == 40
    assert "file=policies/lending.yaml,line=40" in files("lending")["annotations.txt"].decode()
    assert not [r for r in run["tool"]["driver"]["rules"] if "security-severity" in str(r)]


def test_a_renamed_rule_carries_its_former_id():
    (run,) = json.loads(files("hostile")["auditkit.sarif"])["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["deprecatedIds"] == ["fairness.selection_rates/OLD"]


def test_alerts_and_items_follow_each_other_from_audit_to_audit():
    """What identifies a finding to a consumer is without value, version and day."""
    later = replace(
        audited(HOSTILE, value=0.6),
        subject=replace(LENDING.subject, version="99", digest=Digest.of(b"other")),
    )
    one, two = (export(j.statement, ["sarif", "junit", "gitlab", "poam"]) for j in (HURT, later))

    def keys(made):
        (run,) = json.loads(made["auditkit.sarif"])["runs"]
        cases = ET.fromstring(made["junit.xml"]).iter("testcase")
        plan = json.loads(made["oscal-poam.json"])["plan-of-action-and-milestones"]
        return (
            run["automationDetails"]["id"],
            {str(r["partialFingerprints"]) + r["ruleId"] for r in run["results"]},
            {(c.get("classname"), c.get("name")) for c in cases},
            {e["fingerprint"] for e in json.loads(made["gl-code-quality-report.json"])},
            {i["uuid"] for i in plan["poam-items"]},
        )

    assert keys(one) == keys(two)
    assert one != two


def test_a_waived_exception_stays_an_exception():
    made = export(audited(["a", "b"], waived=True).statement, FORMATS)
    (run,) = json.loads(made["auditkit.sarif"])["runs"]
    assert {r["kind"] for r in run["results"]} == {"fail"}
    assert all(r["suppressions"][0]["status"] == "accepted" for r in run["results"])
    assert JUnitXml.fromstring(made["junit.xml"]).failures == 0
    assert set(from_junit(made["junit.xml"]).values()) == {"exception"}
    assert made["annotations.txt"].startswith(b"::notice ")
    plan = json.loads(made["oscal-poam.json"])["plan-of-action-and-milestones"]
    assert {r["deadline"] for r in plan["risks"]} == {"2027-01-29T00:00:00Z"}
    result = json.loads(base64.b64decode(json.loads(made["test-result.dsse.json"])["payload"]))
    assert result["predicate"]["result"] == "WARNED"


def test_no_group_speaks_for_itself():
    made = files("hostile")
    for name, data in made.items():
        if name != "findings.xlsx":
            text = data.decode()
            assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e]", text), name
    for line in made["annotations.txt"].decode().splitlines():
        assert line.startswith(("::error ", "::error::8 more"))
    summary = made["summary.md"].decode()
    for raw in ("`id`", "$(", "</script>", " @everyone"):
        assert raw not in summary.partition("|---|")[2]
    table = pd.read_csv(io.BytesIO(made["findings.csv"]))
    assert not table["group"].dropna().str.match(r"[=+\-@\t\r]").any()


def test_a_workbook_has_text_where_a_sheet_would_calculate():
    book = openpyxl.load_workbook(
        io.BytesIO(export(audited(["=1+1"]).statement, ["xlsx"])["findings.xlsx"])
    )
    cells = [
        c for row in book["Findings"].iter_rows() for c in row if c.value and "=1+1" in str(c.value)
    ]
    assert cells
    assert {c.data_type for c in cells} <= {"s", "inlineStr"}
    assert book.properties.created.date() == LENDING.as_of


def test_github_cuts_nothing_of_six_thousand_findings_that_is_not_said():
    many = audited([f"group {i} " + "x" * 300 for i in range(6000)])
    made = export(many.statement, ["markdown", "annotations", "sarif"])
    assert len(made["summary.md"]) <= 900 * 1024
    kept = from_table(made["summary.md"])
    (left,) = re.findall(r"([\d,]+) more findings", made["summary.md"].decode())
    assert len(kept) + int(left.replace(",", "")) == 6000
    levels = Counter(
        x.split(" ")[0].split("::")[1] for x in made["annotations.txt"].decode().splitlines()
    )
    assert levels == {"error": 10}
    assert made["annotations.txt"].decode().splitlines()[-1] == "::error::5,991 more in the summary"
    assert len(from_sarif(made["auditkit.sarif"])) == 6001


def test_five_hundred_findings_are_written_about_as_fast_as_json_prints_them():
    """Beside the standard library's own pretty printing, in one run; it took 24 ms and xlsx 54."""
    statement = audited([f"g{i}" for i in range(500)]).statement

    def least(work) -> float:
        times = []
        for _ in range(5):
            begun = time.process_time()
            work()
            times.append(time.process_time() - begun)
        return min(times)

    peer = least(lambda: json.dumps(json.loads(statement), indent=1))
    took = {name: least(lambda name=name: export(statement, [name])) for name in FORMATS}
    assert max(took.values()) < 5 * peer, (took, peer)


def test_a_signed_attestation_opens(tmp_path):
    signer = KeyStore.default({"AUDITKIT_KEYS": str(tmp_path)}).report_signer()
    made = Audit.of(LENDING).export("intoto", signer=signer)
    opened = open_envelope(made)
    subjects = json.loads(opened.payload)["subject"]
    assert subjects[0]["digest"]["sha256"] == LENDING.subject.digest.hex
    report = export(LENDING.statement, ["svr"], report=Digest.of(b"pdf"))["svr.dsse.json"]
    second = json.loads(base64.b64decode(json.loads(report)["payload"]))["subject"][1]
    assert second == {"name": "report.pdf", "digest": {"sha256": Digest.of(b"pdf").hex}}


def test_unknown_formats_and_other_files_are_refused():
    for text in ("sarif,nope", "", " , "):
        with pytest.raises(InputError, match="format"):
            named_formats(text)
    assert named_formats("sarif, junit,sarif") == ("sarif", "junit")
    for data in (b"{}", b"[]", b'{"predicateType": "urn:auditkit:audit:v1", "predicate": {}}'):
        with pytest.raises(InputError):
            export(data, ["csv"])
    older = json.loads(LENDING.statement)
    for finding in older["predicate"]["findings"]:
        del finding["id"]
    with pytest.raises(InputError, match="earlier version"):
        export(json.dumps(older).encode(), ["csv"])


def test_on_the_command_line(tmp_path):
    (tmp_path / "statement.json").write_bytes(LENDING.statement)
    out = tmp_path / "out"
    words = ["export", str(tmp_path), "--format", "sarif,junit,cyclonedx", "--output", str(out)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert {p.name for p in out.iterdir()} == {
        "auditkit.sarif", "junit.xml", "bom-1.6.cdx.json", "bom-1.7.cdx.json",
    }  # fmt: skip
    assert (out / "auditkit.sarif").read_bytes() == Audit.of(LENDING).export("sarif")
    forged = json.loads(LENDING.statement)
    forged["predicate"]["findings"][0]["outcome"] = "pass"
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    refused = CliRunner().invoke(app, ["export", str(tmp_path / "forged.json"), *words[2:]])
    assert "does not follow" in str(refused.exception)


def test_the_front_matter_is_yaml():
    for which in EVERYTHING:
        front = files(which)["modelcard.md"].decode().split("---\n")[1]
        assert yaml.safe_load(front)["model-index"][0]["name"] == LENDING.subject.name
