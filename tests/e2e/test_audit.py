"""One audit through the public interface: equal inputs give equal bytes, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date

import pytest

import auditkit as ak
from auditkit.canonical import canonical_bytes
from auditkit.checks import CHECKS
from auditkit.errors import OutputError
from auditkit.judgement.audit import examine
from auditkit.loading import prepare
from auditkit.policy import parse_policy
from auditkit.report import render_twin
from auditkit.resources import data_path
from auditkit.signing.certificates import to_pem
from auditkit.subject import Task
from tests.support.authority import Authority, serving

DAY = date(2026, 11, 22)
# An audit leaves out the checks of other tasks, unless a condition reads them.
OF_TWO_OUTCOMES = [c.id for c in CHECKS if Task.BINARY in c.tasks and not c.compares]


@pytest.fixture(scope="module")
def audit(mortgage_inputs):
    return ak.run(mortgage_inputs, policy="policies/lending.yaml", today=DAY)


def test_every_check_gives_evidence_and_every_rule_a_finding(audit):
    assert [e.check for e in audit.evidence] == OF_TWO_OUTCOMES
    policy = parse_policy(data_path("policies", "lending.yaml").read_text())
    assert [f.rule for f in audit.findings] == [rule.id for rule in policy.rules]
    assert sum(audit.counts().values()) == len(policy.rules)


def test_what_nobody_handed_over_is_not_tested_and_the_verdict_no_pass(audit):
    untested = {f.rule for f in audit.findings if f.outcome is ak.Outcome.NOT_ASSESSED}
    assert {"PR-1", "LI-1", "AC-1", "AC-2"} <= untested
    assert audit.verdict.decision != "pass"


def test_no_check_crashed(audit):
    assert not [(e.check, e.reason) for e in audit.evidence if e.outcome is ak.Outcome.ERROR]


def test_the_statement_is_canonical_and_names_the_model(audit):
    statement = json.loads(audit.statement)
    assert canonical_bytes(statement) == audit.statement
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == audit.subject.digest.hex


def test_equal_inputs_give_equal_bytes_whatever_the_order_of_the_checks(mortgage_inputs, audit):
    again = ak.run(mortgage_inputs, policy="lending", today=DAY)
    assert again.statement == audit.statement
    judgement = audit
    backwards = examine(
        prepare(mortgage_inputs),
        judgement.policy,
        judgement.packs,
        today=DAY,
        versions=judgement.versions,
        checks=tuple(reversed(CHECKS)),
    )
    assert backwards.statement == audit.statement
    assert render_twin(backwards) == render_twin(judgement)


def test_a_crash_of_one_check_is_an_error_outcome_without_its_text(mortgage_inputs):
    def crash(case, parameters):
        raise RuntimeError("Ann Lee, 123-45-6789")

    broken = tuple(replace(c, run=crash) if c.id == "performance.ranking" else c for c in CHECKS)
    policy = parse_policy(data_path("policies", "lending.yaml").read_text())
    judgement = examine(prepare(mortgage_inputs), policy, (), today=DAY, versions={}, checks=broken)
    evidence = judgement.evidence_of("performance.ranking")
    assert evidence.outcome is ak.Outcome.ERROR
    assert b"Ann Lee" not in judgement.statement
    assert judgement.verdict.decision != "pass"
    assert [e.check for e in judgement.evidence] == OF_TWO_OUTCOMES


def test_the_frame_has_every_number(audit):
    frame = audit.to_frame()
    assert len(frame) == sum(len(e.measurements) for e in audit.evidence)
    assert set(frame["evidence"]) <= {e.id for e in audit.evidence}
    assert frame.loc[frame["value"].isna(), "reason"].str.len().gt(0).all()


def test_performance_equals_scikit_learn(audit, mortgages, mortgage_model, mortgage_inputs):
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    labels = mortgage_inputs.labels
    scores = mortgage_model.predict_proba(mortgage_inputs.data)[:, 1]
    values = audit.to_frame().query("group == ''").set_index("measure")["value"]
    assert values["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    expected = balanced_accuracy_score(labels, scores >= 0.5)
    assert values["balanced_accuracy"] == pytest.approx(expected, abs=1e-12)


def test_selection_rates_equal_a_plain_group_by(audit, mortgages, mortgage_model, mortgage_inputs):
    decided = mortgage_model.predict_proba(mortgage_inputs.data)[:, 1] >= 0.5
    table = mortgage_inputs.groups.assign(d=decided)
    found = audit.evidence_of("fairness.selection_rates")
    for by in (["afam"], ["single"], ["afam", "single"]):
        for values, group in table.groupby(by):
            key = ",".join(f"{a}={v}" for a, v in zip(by, values, strict=True))
            measurement = found.measurement(f"selection_rate[{key}]")
            assert measurement.value == pytest.approx(group["d"].mean(), abs=1e-12)
            assert measurement.n == len(group)


def test_report_and_verification(audit, tmp_path):
    from auditkit.api import LOG_NAME, default_keys

    path = tmp_path / "out" / "report.pdf"
    receipt = audit.report(path)
    assert receipt.index == 1  # after the gate's verdict
    keys = default_keys()
    log_key = keys.log_signer(LOG_NAME)
    found = ak.verify(path.read_bytes(), trust=keys.trusted(), log_keys=[log_key.verifier])
    assert found.exit_code == 0, found
    assert audit.report(path).index == 3  # a second report is logged in the same log


def test_an_unwritable_folder_is_refused_before_anything_is_logged(audit, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as caught:
        audit.report(tmp_path / "file" / "report.pdf")
    assert "choose a folder" in caught.value.remedy


def test_a_full_disk_leaves_no_report(mortgage_files, tmp_path):
    """The size limit on files stands in for the full disk: the write fails half way."""
    script = (
        "import resource, signal, sys\n"
        "from auditkit.cli import run\n"
        "import auditkit.files as files\n"
        "original = files.write_whole\n"
        "def limited(path, data, **options):\n"
        "    if path.name == 'report.pdf':\n"
        "        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
        "    original(path, data, **options)\n"
        "files.write_whole = limited\n"
        "sys.exit(run(['run', 'audit.yaml', '--output', 'out', '--today', '2026-11-22',\n"
        f"  '--allow-outside', {str(mortgage_files)!r}]))\n"
    )
    made = cli(mortgage_files, tmp_path, "init", *INIT)
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "To fix" in done.stderr
    assert not [p for p in (tmp_path / "out").iterdir() if "report" in p.name]


INIT = ("--label", "approved", "--groups", "afam,single")


def cli(files, folder, *arguments, **options):
    """Runs the command line as a user does, in a folder of its own."""
    if arguments[0] == "init":
        arguments += (
            "--model", str(files / "model.json"), "--data", str(files / "test.csv"),
            "--reference", str(files / "train.csv"),
        )  # fmt: skip
    elif arguments[1:2] == ("audit.yaml",):
        arguments += ("--allow-outside", str(files))
    environment = os.environ | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "auditkit", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.server
def test_init_run_gate_and_verify_on_the_command_line(mortgage_files, tmp_path):
    """Signed by a key file, with the time of an authority on loopback."""
    authority = Authority()
    (tmp_path / "key.p12").write_bytes(authority.key_file(b"correct horse"))
    (tmp_path / "secret").write_text("correct horse\n")
    (tmp_path / "root.pem").write_bytes(to_pem(authority.root))
    made = cli(mortgage_files, tmp_path, "init", *INIT)
    assert made.returncode == 0, made.stderr
    with serving(authority, tmp_path) as url:
        ran = cli(
            mortgage_files, tmp_path, "run", "audit.yaml", "--output", "out",
            "--key", "key.p12", "--passphrase-file", "secret", "--timestamps", url,
        )  # fmt: skip
    assert ran.returncode in (0, 10, 11), ran.stderr
    assert ran.stdout.strip() == "out/report.pdf"
    gated = cli(mortgage_files, tmp_path, "gate", "audit.yaml", "--json")
    assert gated.returncode == ran.returncode
    decision = json.loads(gated.stdout)["verdict"]["decision"]
    assert {"pass": 0, "fail": 10, "incomplete": 11}[decision] == ran.returncode
    verify = ("verify", "out/report.pdf", "--trust", "root.pem", "--json")
    verified = cli(mortgage_files, tmp_path, *verify)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    claims = {c["id"]: c["state"] for c in json.loads(verified.stdout)["claims"]}
    assert claims["time"] == claims["signer"] == "true"
    report = tmp_path / "out" / "report.pdf"
    data = bytearray(report.read_bytes())
    data[len(data) // 2] ^= 1
    report.write_bytes(data)
    changed = cli(mortgage_files, tmp_path, "verify", "out/report.pdf")
    assert changed.returncode == 12
    assert "false" in changed.stdout


@pytest.mark.parametrize(
    "spoilt",
    [
        ("label: ", "lable: ", "did you mean 'label'?"),
        ('"approved"', '"aproved"', "has no column 'aproved'"),
        ('"single"]', '"sex"]', "has no column 'sex'"),
        ("model.json", "modell.json", "There is no model at"),
        ("test.csv", "tset.csv", "There is no table at"),
        ('"starter"', '"stater"', "There is no policy 'stater' that comes with auditkit"),
        ("# favourable: 1", "favourable: 7", "No label has the favourable value"),
        ("threshold: 0.5", "threshold: 5", "threshold"),
        ("evidence: []", "evidence: [no.json]", "There is no evidence at"),
        (
            'groups: ["afam", "single"]',
            "groups: {afam: [yes, no, perhaps]}",
            "has no members",
        ),
    ],
)
def test_a_wrong_audit_file_is_refused_with_the_remedy(
    mortgage_files, tmp_path, monkeypatch, capsys, spoilt
):
    from auditkit.cli import run

    old, new, message = spoilt
    from auditkit.cli.shared.template import audit_yaml

    text = audit_yaml(
        name="audit.yaml", folder=tmp_path, model=str(mortgage_files / "model.json"),
        data=mortgage_files / "test.csv", label="approved", favourable=None,
        groups=["afam", "single"], reference=None, policy="starter",
        scores=None, predictions=None,
    )  # fmt: skip
    assert old in text
    (tmp_path / "audit.yaml").write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)
    outside = ["--allow-outside", str(mortgage_files)]
    assert run(["run", "audit.yaml", "--output", "out", *outside]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "To fix" in said
    assert not list((tmp_path / "out").iterdir())


def test_a_table_without_rows_is_nothing_to_audit(mortgage_files, tmp_path):
    cli(mortgage_files, tmp_path, "init", *INIT)
    (tmp_path / "empty.csv").write_text((mortgage_files / "test.csv").read_text().split("\n")[0])
    text = (tmp_path / "audit.yaml").read_text()
    (tmp_path / "audit.yaml").write_text(re.sub(r"(?m)^data: .*", "data: empty.csv", text))
    done = cli(mortgage_files, tmp_path, "gate", "audit.yaml")
    assert done.returncode == 3, done.stderr
    assert "no rows" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chekcs"], "Did you mean 'checks'?"),
        (["run", "--outptu", "x", "audit.yaml"], "--outptu"),
        (["verify"], "Missing argument"),
        (["explain", "audit.yaml", "--row", "first"], "--row"),
    ],
)
def test_wrong_words_are_a_usage_error(capsys, words, message):
    """By whichever typer is installed: newer ones bring their own Click."""
    from auditkit.cli import run

    assert run(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Internal error" not in said


def test_ctrl_c_leaves_nothing_half_written(mortgage_files, tmp_path):
    cli(mortgage_files, tmp_path, "init", *INIT)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "auditkit",
            "run",
            "audit.yaml",
            "--output",
            "out",
            "--allow-outside",
            str(mortgage_files),
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "out").exists():
        time.sleep(0.02)
        assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130, talk
    assert "Interrupted" in talk
    assert not list((tmp_path / "out").glob("*report*"))


def test_help_and_import_load_no_heavy_library():
    code = (
        "import sys, auditkit\n"
        "from auditkit.cli import run\n"
        "run(['--help'])\n"
        "heavy = {'numpy', 'pandas', 'shap', 'matplotlib', 'presidio_analyzer', 'weasyprint'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists_and_has_a_docstring():
    for name in ak.__all__:
        if name != "__version__":
            assert getattr(ak, name).__doc__, name
    assert isinstance(ak.Audit.to_frame.__doc__, str)
    assert issubclass(ak.AuditkitError, Exception)
