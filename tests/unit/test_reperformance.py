"""Bundles, second runs, and what changed between two audits."""

from __future__ import annotations

import contextlib
import json
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from auditkit import api
from auditkit.canonical import Digest, canonical_bytes, digest_of, parse_json
from auditkit.cli import app
from auditkit.errors import InputError, KeyFileError, VerificationError
from auditkit.files import write_whole
from auditkit.judgement.findings import called
from auditkit.reperformance import (
    Agreement,
    compare_numbers,
    differences,
    open_bundle,
    seal_bundle,
)
from auditkit.reperformance.bundle import read_salt, sealed_by
from auditkit.resources import data_path
from auditkit.signing import KeyStore
from tests.conftest import FEATURES
from tests.fixtures.lending import judgement
from tests.support.authority import Authority


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def first(mortgage_files, tmp_path_factory):
    """An audit under an own policy, run and bundled on the command line."""
    folder = tmp_path_factory.mktemp("first")
    work = folder / "work"
    shutil.copytree(mortgage_files, work)
    (work / "controls").mkdir()
    starter = data_path("policies", "starter.yaml").read_text()
    (work / "own.yaml").write_text(
        starter.replace("controls: []", "controls: [controls/soc2.yaml]")
    )
    shutil.copy(data_path("policies", "controls", "soc2.yaml"), work / "controls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        done = run(
            "init", "--model", work / "model.json", "--data", work / "test.csv", "--label",
            "approved", "--groups", "afam,single", "--reference", work / "train.csv",
            "--policy", work / "own.yaml", "--output", work / "audit.yaml",
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        done = run("run", work / "audit.yaml", "--output", folder / "out", "--today", "2026-11-24")
        assert done.exit_code in {0, 10, 11}, done.output
        sealed = run(
            "bundle", work / "audit.yaml", "--report", folder / "out" / "report.pdf",
            "--output", folder / "bundle",
        )  # fmt: skip
        assert sealed.exit_code == 0, sealed.output
    return folder


def test_a_second_run_gives_every_number_again(first):
    done = run("reperform", first / "bundle", "--data", first / "work", "--tolerance", "0")
    assert done.exit_code == 0, done.output
    assert " 0 different" in done.stdout
    assert "The statement is the same, byte for byte: sha256:" in done.stdout
    assert "sealed by Ed25519 sha256:" in done.stderr
    assert " 0 within" in done.stdout


def test_a_forged_verdict_finding_and_count_are_different(first, tmp_path):
    """Sealed by the key that the reader trusts: the numbers are equal, the judgement is not."""
    statement = parse_json((first / "bundle" / "statement.json").read_bytes())
    predicate = statement["predicate"]
    predicate["verdict"] |= {"decision": "pass", "reasons": ["All met."]}
    predicate["findings"][0]["outcome"] = "not_applicable"
    predicate["controls"] = predicate["controls"][1:]
    predicate["rows"] += 1
    store = KeyStore(first / ".config" / "auditkit")
    sealed = seal_bundle(
        first / "work" / "audit.yaml", canonical_bytes(statement), signer=store.report_signer()
    )
    for name, content in sealed.items():
        write_whole(tmp_path / "bundle" / name, content)
    ours, theirs = sealed_by(sealed).split()[-1], "sha256:" + "0" * 64
    asked = ("reperform", tmp_path / "bundle", "--data", first / "work")
    done = run(*asked, "--trust", ours)
    assert done.exit_code == 12, done.output
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(lines) - 5]] == ["different"] * (len(lines) - 5)
    for what in ("verdict, decision", "finding", "control", "counts, rows"):
        assert any(what in line for line in lines), what
    assert "not the same although the versions are" in done.stdout
    found = json.loads(run(*asked, "--json").stdout)
    assert found["counts"]["different"] == 0
    assert not found["same_statement"]
    whats = [one["what"] for one in found["judged_that_differ"]]
    assert {"verdict", "counts"} <= set(whats)
    refused = run(*asked, "--trust", theirs)
    assert isinstance(refused.exception, VerificationError)
    assert "not by the key that you expect" in str(refused.exception)


def forged_outcome(predicate):
    failed = next(f for f in predicate["findings"] if f["outcome"] != "pass")
    failed["outcome"] = "pass"
    return f"finding {called(failed)}, outcome"


def forged_waiver(predicate):
    """A waiver that nobody signed: it lies in no file."""
    finding = predicate["findings"][0]
    finding["waiver"] = {"owner": "A. Owner", "reason": "It is fine.", "expires": "2027-01-01"}
    return f"finding {called(finding)}, waiver"


def forged_pack(predicate):
    """A row says less than the pack; the pack's digest is that of the whole one."""
    pack = predicate["packs"][0]
    (rows,) = (v for v in pack.values() if isinstance(v, dict))
    rows["controls"][0]["requirement"] = "Nothing."
    return f"pack {pack['id']}, "


def forged_count(predicate):
    predicate["suppression"]["hidden"] += 1
    return "counts, suppressed"


def forged_threshold(predicate):
    rule = predicate["policy"]["content"]["rules"][0]
    rule["at_least"] = 0.01
    return "the policy: not the one that was audited"


def forged_number(predicate):
    """The measurement is bettered; the table beside it stays."""
    evidence = next(e for e in predicate["evidence"] if e["measurements"] and e["tables"])
    measured = next(m for m in evidence["measurements"] if isinstance(m["value"], float))
    measured["value"] = 0.99
    return f"{evidence['check']} {measured['key']}.value"


def forged_table(predicate):
    """The table is bettered; the measurement beside it stays."""
    evidence = next(e for e in predicate["evidence"] if e["measurements"] and e["tables"])
    table = evidence["tables"][0]
    table["digest"] = str(Digest.of(b"better"))
    return f"table {evidence['check']}, {table['name']}: another digest"


def forged_suppressed(predicate):
    predicate["suppression"]["unsuppressed"] = str(Digest.of(b"better"))
    return "the suppressed numbers: another salted digest"


def forged_note(predicate):
    predicate["evidence"][0]["notes"] = ["Nothing to see here."]
    return f"evidence {predicate['evidence'][0]['check']}, notes"


@pytest.fixture(scope="module")
def made():
    return []


@pytest.fixture
def measured_once(made, monkeypatch):
    """The second runs are of the same data: the first of them serves all."""
    run_audit = api.run

    def kept(*arguments, **options):
        if not made:
            made.append(run_audit(*arguments, **options))
        return made[0]

    monkeypatch.setattr(api, "run", kept)


@pytest.mark.parametrize(
    "forge",
    [
        forged_outcome, forged_waiver, forged_pack, forged_count, forged_threshold, forged_number,
        forged_table, forged_suppressed, forged_note,
    ],
)  # fmt: skip
def test_what_is_forged_in_a_bundle_is_named_first(first, tmp_path, measured_once, forge):
    """Sealed with the trusted key; and naming other versions gains a forger nothing."""
    statement = parse_json((first / "bundle" / "statement.json").read_bytes())
    named = forge(statement["predicate"])
    for evidence in statement["predicate"]["evidence"]:
        content = {k: v for k, v in evidence.items() if k not in {"id", "digest"}}
        evidence["digest"] = str(digest_of("evidence/v1", content))
    statement["predicate"]["versions"]["numpy"] = "9.9"  # so that no byte has to be the same
    statement["predicate"]["made_by"]["rules"] = 99
    store = KeyStore(first / ".config" / "auditkit")
    sealed = seal_bundle(
        first / "work" / "audit.yaml",
        canonical_bytes(statement),
        signer=store.report_signer(),
        salt=read_salt((first / "bundle" / "salt.txt").read_bytes()),
    )
    for name, content in sealed.items():
        write_whole(tmp_path / "bundle" / name, content)
    done = run("reperform", tmp_path / "bundle", "--data", first / "work")
    assert done.exit_code == 12, done.output
    assert named in done.stdout
    assert done.stdout.startswith("different")


def test_a_key_file_without_its_passphrase_is_refused_before_anything_runs(first, tmp_path):
    (tmp_path / "key.p12").write_bytes(Authority().key_file(b"correct horse"))
    done = run(
        "run", first / "work" / "audit.yaml", "--output", tmp_path / "out",
        "--key", tmp_path / "key.p12",
    )  # fmt: skip
    assert isinstance(done.exception, KeyFileError)
    assert not list((tmp_path / "out").glob("*"))


def test_a_witness_without_its_key_is_refused_before_anything_runs(first, tmp_path):
    done = run(
        "run", first / "work" / "audit.yaml", "--output", tmp_path / "out",
        "--witness", "http://127.0.0.1:1",
    )  # fmt: skip
    assert isinstance(done.exception, InputError)
    assert "1 witnesses and 0 keys" in done.exception.message
    assert not list((tmp_path / "out").glob("*"))


def test_other_data_are_noticed(first, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(first / "work", data)
    lines = (data / "test.csv").read_text().splitlines(keepends=True)
    (data / "test.csv").write_text("".join(lines[:-40]))
    done = run("reperform", first / "bundle", "--data", data, "--json")
    assert done.exit_code == 12
    found = json.loads(done.stdout)
    assert found["inputs_that_differ"] == ["data"]
    assert found["counts"]["different"] > 0


def test_the_bundle_holds_no_data(first):
    names = {p.name for p in (first / "bundle").rglob("*") if p.is_file()}
    assert {"statement.json", "audit.yaml", "policy.yaml", "versions.txt", "receipt.json"} <= names
    rows = (first / "work" / "test.csv").read_text().splitlines()[1:]
    for path in (first / "bundle").rglob("*.*"):
        content = path.read_text()
        assert not any(row in content for row in rows[:50])


def test_a_policy_that_was_changed_since_the_report_is_not_sealed(first, tmp_path):
    """Else whoever does the audit again would find another verdict, and no reason for it."""
    work = tmp_path / "work"
    shutil.copytree(first / "work", work)
    policy, pack = work / "own.yaml", work / "controls" / "soc2.yaml"
    report = first / "out" / "report.pdf"
    bundle = ("bundle", work / "audit.yaml", "--report", report, "--output", tmp_path / "bundle")
    for changed, what in ((policy, "policy"), (pack, "control pack controls/soc2.yaml")):
        kept = changed.read_text()
        changed.write_text(kept.replace("title: ", "title: New ", 1))
        done = run(*bundle)
        assert isinstance(done.exception, InputError)
        assert f"The {what} is not the one that the report was made under." in str(done.exception)
        assert not (tmp_path / "bundle").exists()
        changed.write_text(kept)
    assert run(*bundle).exit_code == 0


@pytest.mark.parametrize("change", ["edit", "remove", "add", "manifest", "no manifest"])
def test_a_changed_bundle_does_not_open(first, tmp_path, change):
    folder = tmp_path / "bundle"
    shutil.copytree(first / "bundle", folder)
    error = VerificationError
    if change == "edit":
        (folder / "policy.yaml").write_text((folder / "policy.yaml").read_text() + "\n")
    elif change == "remove":
        (folder / "versions.txt").unlink()
    elif change == "add":
        (folder / "more.txt").write_text("x")
    elif change == "manifest":
        path = folder / "manifest.dsse.json"
        path.write_text(path.read_text().replace('"sig":"', '"sig":"AA', 1))
    else:
        (folder / "manifest.dsse.json").unlink()
        error = InputError
    with pytest.raises(error):
        open_bundle(folder)


def statement(**changes):
    return json.loads(judgement(**changes).statement)


def test_a_statement_compared_with_itself_is_equal():
    compared = compare_numbers(statement(), statement())
    assert {c.agreement for c in compared} == {Agreement.EQUAL}
    assert len(compared) > 100
    assert differences(statement(), statement()) == ()


def test_every_changed_number_is_noticed_and_the_tolerance_holds():
    before = statement()
    for evidence in before["predicate"]["evidence"]:
        for measurement in evidence["measurements"]:
            if not isinstance(measurement["value"], float) or not measurement["value"]:
                continue
            after = json.loads(json.dumps(before))
            for other in after["predicate"]["evidence"]:
                for m in other["measurements"]:
                    if (other["check"], m["key"]) == (evidence["check"], measurement["key"]):
                        m["value"] *= 1 + 1e-6
            for tolerance, expected in ((1e-7, Agreement.DIFFERENT), (1e-5, Agreement.WITHIN)):
                odd = [
                    c
                    for c in compare_numbers(before, after, tolerance=tolerance)
                    if c.agreement is not Agreement.EQUAL
                ]
                assert [(c.key, c.agreement) for c in odd] == [
                    (f"{measurement['key']}.value", expected)
                ]


def test_a_number_that_is_gone_or_new_is_different():
    before, after = statement(), statement()
    gone = after["predicate"]["evidence"][0]["measurements"].pop()
    for pair in ((before, after), (after, before)):
        odd = [c for c in compare_numbers(*pair) if c.agreement is Agreement.DIFFERENT]
        assert [c.key for c in odd] == [
            f"{gone['key']}.{f}" for f in ("value", "lower", "upper", "n")
        ]


def test_undefined_equals_only_undefined():
    before, after = statement(), statement()
    after["predicate"]["evidence"][0]["measurements"][0]["value"] = None
    odd = [c for c in compare_numbers(before, after, tolerance=1) if c.agreement != "equal"]
    assert [c.agreement for c in odd] == [Agreement.DIFFERENT]


def test_regressions_are_named_and_improvements_are_not():
    before, after = statement(), statement()
    passed = next(f for f in after["predicate"]["findings"] if f["outcome"] == "pass")
    failed = next(f for f in after["predicate"]["findings"] if f["outcome"] == "fail")
    control = next(c for c in after["predicate"]["controls"] if c["outcome"] == "pass")
    passed["outcome"], failed["outcome"], control["outcome"] = "fail", "pass", "uncertain"
    passed["threshold"] = 0.123
    after["predicate"]["subject"]["version"] = "4"
    found = differences(before, after)
    assert {c.name for c in found if c.regressed} == {
        passed["rule"],
        f"{control['pack']} {control['control']}",
    }
    assert {c.area for c in found} == {"subject", "threshold", "condition", "control"}
    back = differences(after, before)
    assert {c.name for c in back if c.regressed} == {failed["rule"]}


def test_seed_parameters_and_versions_are_changes():
    before, after = statement(), statement()
    after["predicate"]["seed"] = 99
    after["predicate"]["versions"]["numpy"] = "9.9"
    checked = next(e for e in after["predicate"]["evidence"] if e["parameters"])
    name = next(iter(checked["parameters"]))
    checked["parameters"][name] = "other"
    checked["version"] = "99"
    found = {c.name: (c.area, c.after) for c in differences(before, after)}
    assert found == {
        "seed": ("run", "99"),
        "numpy": ("version", "9.9"),
        f"version of {checked['check']}": ("run", "99"),
        f"{name} of {checked['check']}": ("run", "other"),
    }


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


WHOLE = statement()
PLACES = [path for path in places(WHOLE) if path]


@settings(max_examples=60, deadline=None)
@given(
    path=st.sampled_from(PLACES[:60]) | st.sampled_from(PLACES),
    value=st.sampled_from([None, True, -1, "", "x", [], {}, [1], {"a": 1}, [[]]]),
)
def test_a_damaged_statement_is_compared_or_refused(path, value):
    damaged = json.loads(json.dumps(WHOLE))
    holder = damaged
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    for pair in ((WHOLE, damaged), (damaged, WHOLE)):
        with contextlib.suppress(InputError):
            assert all(isinstance(c.name, str) for c in differences(*pair))


@pytest.mark.parametrize("what", ["model", "version"])
def test_another_model_or_library_is_named(first, tmp_path, what, monkeypatch, mortgages):
    data = tmp_path / "data"
    shutil.copytree(first / "work", data)
    if what == "model":
        from xgboost import XGBClassifier

        features = mortgages[FEATURES]
        model = XGBClassifier(n_estimators=5, max_depth=2, random_state=1, n_jobs=1)
        model.fit(features, mortgages["approved"]).save_model(data / "model.json")
    else:
        here = api.computing_versions()
        monkeypatch.setattr(api, "computing_versions", lambda: here | {"numpy": "9.9"})
    done = run("reperform", first / "bundle", "--data", data)
    if what == "model":
        assert done.exit_code == 12
        assert "different         the model: not the one that was audited" in done.stdout
    else:
        assert done.exit_code == 0, done.output
        assert re.search(r"other version     numpy [0-9.]+, here 9\.9", done.stdout)
        assert "The statement is not the same" in done.stdout


def test_a_condition_that_was_met_and_is_gone_regressed():
    before, after = statement(), statement()
    findings = after["predicate"]["findings"]
    gone = next(f for f in findings if f["outcome"] == "pass")
    findings.remove(gone)
    assert gone["rule"] in {c.name for c in differences(before, after) if c.regressed}


def test_diff_on_the_command_line(first, tmp_path):
    report = first / "out" / "report.pdf"
    same = run("diff", report, first / "out" / "statement.json")
    assert same.exit_code == 0
    assert "0 changes; nothing regressed" in same.stdout
    changed = json.loads((first / "out" / "statement.json").read_text())
    met = next(f for f in changed["predicate"]["findings"] if f["outcome"] == "pass")
    met["outcome"] = "fail"
    (tmp_path / "new.json").write_text(json.dumps(changed))
    worse = run("diff", report, tmp_path / "new.json")
    assert worse.exit_code == 10
    line = next(x for x in worse.stdout.splitlines() if "REGRESSED" in x)
    assert line.startswith(f"condition  REGRESSED {met['rule']} {met['title']}: met, ")
    assert " -> exception, " in line
