"""`auditkit gate --against`: what got worse since an earlier audit, and the exit code."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from auditkit.cli import app
from auditkit.cli.gating.against import Worse
from auditkit.judgement.findings import every, read_findings
from tests.support.small_audit import FAILING, OPEN, PASSING, POLICY, write_audit

CASES = {"met": PASSING, "broken": FAILING, "open": OPEN}


def gate(file, *options):
    return CliRunner().invoke(app, ["gate", str(file), *map(str, options)])


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """Three audits under one policy, and the statement of each."""
    import auditkit as ak
    from auditkit.loading.audit_file import inputs_of, read_audit_file

    folder = tmp_path_factory.mktemp("audits")
    for name, selected in CASES.items():
        file = write_audit(folder / name, selected)
        inputs = inputs_of(read_audit_file(file), file.parent)
        audit = ak.run(inputs, policy=folder / name / "policy.yaml", log=None)
        (folder / name / "statement.json").write_bytes(audit.statement)
    return folder


@pytest.mark.parametrize(
    ("before", "now", "code", "worse"),
    [
        ("met", "met", 0, False),
        ("met", "broken", 10, True),
        ("met", "open", 10, True),  # the verdict alone would be 11
        ("open", "open", 11, False),
        ("open", "broken", 10, True),
        ("broken", "open", 11, False),
        ("broken", "met", 0, False),
        ("broken", "broken", 10, False),
    ],
)
def test_the_exit_code_and_the_ids_say_what_got_worse(audits, before, now, code, worse):
    earlier = audits / before / "statement.json"
    done = gate(audits / now / "audit.yaml", "--against", earlier, "--json")
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)
    names = {f["id"]: (f["rule"], json.dumps(f["group"])) for f in found["findings"]}
    expected = [("FA-1", "null"), ("FA-1", '[["group", "b"]]')] if worse else []
    assert [names[one] for one in found["regressed"]] == expected


def test_a_person_reads_which_condition_from_what_to_what(audits):
    earlier = audits / "met" / "statement.json"
    text = gate(audits / "broken" / "audit.yaml", "--against", earlier).output
    assert re.search(r"F-[A-Z2-7]{12}  FA-1 group=b  Groups are selected at like rates", text)
    assert "was: met, 1 (0.916079 to 1.09161), n = 1,000" in text
    assert "now: exception, 0.4 (0.348234 to 0.459461), n = 1,000" in text
    assert "2 findings got worse." in text


def test_only_a_waiver_lets_a_worse_condition_stand(audits):
    before = json.loads((audits / "met" / "statement.json").read_text())
    after = (audits / "broken" / "statement.json").read_bytes()
    waiver = {"owner": "Ada", "approver": "Bo", "reason": "new", "expires": "2027-01-31"}
    found = every(read_findings(json.loads(after)["predicate"]))
    lifted = [replace(f, waiver=waiver) if f.rule == "FA-1" else f for f in found]
    standing = Worse.since(before, after, found, file="x").to_json()
    waived = Worse.since(before, after, lifted, file="x").to_json()
    assert len(standing["regressed"]) == 2
    assert waived == {"regressed": [], "regressed_waived": standing["regressed"]}


def test_a_condition_that_was_met_and_is_gone_got_worse(audits, tmp_path):
    without = POLICY[: POLICY.index("  - id: PE-1")]
    file = write_audit(tmp_path, PASSING, policy=without)
    earlier = audits / "met" / "statement.json"
    done = gate(file, "--against", earlier, "--json")
    assert done.exit_code == 10
    before = json.loads(earlier.read_text())["predicate"]["findings"]
    gone = {f["id"] for f in before if f["rule"] == "PE-1" and f["group"] is None}
    assert set(json.loads(done.stdout)["regressed"]) == gone


def test_without_an_earlier_audit_nothing_is_added(audits):
    found = json.loads(gate(audits / "met" / "audit.yaml", "--json").stdout)
    assert "verdict" in found
    assert not {name for name in found if name.startswith("regressed")}


@pytest.mark.parametrize("content", [b"{}", b"no json", b"%PDF-1.7 none", b'{"predicate": 3}'])
def test_what_is_no_audit_is_refused(audits, tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    done = gate(audits / "met" / "audit.yaml", "--against", tmp_path / "x")
    assert done.exit_code not in {0, 10}
    assert type(done.exception).__name__.endswith("Error"), done.output
