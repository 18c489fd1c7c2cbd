"""Files in, files out; bad input named by row and column; nothing half-written."""

import json
from datetime import UTC, datetime

import pandas as pd
import pyarrow.parquet as pq
import pytest

from auditkit import cli
from auditkit.access.kept.folder import seal_policy, start_policy
from auditkit.api import open_log
from auditkit.deid import Deidentifier, Keys, Plan
from auditkit.deid.pipeline.files import apply_to_file, propose_for_file, read_batches
from auditkit.errors import (
    InputError,
    NothingToAuditError,
    OutputError,
    PolicyError,
    VerificationError,
)
from auditkit.signing import KeyStore
from auditkit.tables import reading
from tests.support.repeated import times

SECRETS = ("Ann Lee", "Lee", "617-555-0188", "4471001")


@pytest.fixture(scope="module")
def deid():
    return Deidentifier(model=False)


def patients(rows=60):
    return pd.DataFrame(
        {
            "patient_name": [f"Ann Lee{'' if i % 2 else 'son'}" for i in range(rows)],
            "mrn": [f"44710{i:02}" for i in range(rows)],
            "zip": ["02139"] * rows,
            "charge": [100 + i for i in range(rows)],
            "sex": ["f", "m"] * (rows // 2),
            "note": ["Ann called from 617-555-0188."] * rows,
        }
    )


def written(tmp_path, ending, table=None):
    table = patients() if table is None else table
    path = tmp_path / f"in{ending}"
    if ending == ".csv":
        table.to_csv(path, index=False)
    elif ending == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    return path


def apply(source, target, deid, plan=None, **options):
    plan = plan or propose_for_file(source)
    return apply_to_file(plan, source, target, keys=Keys(), deidentifier=deid, **options)


@pytest.mark.parametrize("come", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("go", [".csv", ".jsonl", ".parquet"])
def test_every_format_becomes_every_other(tmp_path, come, go, deid):
    target = tmp_path / f"out{go}"
    evidence = apply(written(tmp_path, come), target, deid, batch_rows=17)
    out = next(read_batches(target, rows=1000)).to_pandas()
    assert len(out) == 60
    assert set(out["patient_name"]) == {"<PERSON>"}
    assert set(out["zip"]) == {"021"}
    assert set(out["note"]) == {"<PERSON> called from <PHONE_NUMBER>."}
    assert [int(c) for c in out["charge"]] == list(range(100, 160))
    raw = target.read_bytes()
    assert not [s for s in SECRETS if s.encode() in raw]
    found = evidence[0].measurement("identifiers_found")
    assert (found.value, found.n) == (60 * 3 + 60 * 2, 60)
    # Classes over all batches together: 30 women and 30 men with one ZIP code.
    assert evidence[2].measurement("k").value == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f"in{come}", f"out{go}"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"name,city\nAnn,Bo\xe9ston\n", "row 1, column 'city': not UTF-8"),
        ("a.csv", b"name,city\nAnn,Boston\nBob\n", "row 2: 1 cells, expected 2"),
        ("a.csv", b'name,city\nAnn,"Bos\n', "after row 0: not well-formed CSV"),
        ("a.csv", b"name,name\nAnn,Lee\n", "two columns alike"),
        ("a.csv", b"name,ci\xe9ty\nAnn,Boston\n", "the first line is not UTF-8"),
        ("a.csv", b"name,city\nAnn,Boston,Lee\n", "row 1: 3 cells, expected 2"),
        ("a.jsonl", b'{"name": "Ann \xe9"}\n', "line 1: not JSON in UTF-8"),
        ("a.jsonl", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "line 1: not JSON"),
        ("a.jsonl", b'{"a": {"b": "Ann"}, "a.b": "Bo"}\n', "two keys give the same column"),
        ("a.jsonl", b'{"name": "Ann"}\n{"name": \n', "line 2: not JSON"),
        ("a.jsonl", b'{"name": "Ann"}\n{"city": "Boston"}\n', "line 2: 1 keys"),
        ("a.jsonl", b"[1, 2]\n", "line 1: not an object"),
        ("a.parquet", b"Ann Lee", "not a Parquet file"),
        ("a.xls", b"Ann", "tables are read and written as"),
    ],
)
def test_bad_files_are_named_by_row_and_never_quoted(tmp_path, name, content, message, deid):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_batches(tmp_path / name))
    assert "Ann" not in str(caught.value)
    assert "Bo" not in str(caught.value)


def test_nested_json_becomes_columns(tmp_path, deid):
    rows = [
        {
            "who": {"patient_name": f"Ann Lee{i}", "contact": {"email": f"a{i}@example.com"}},
            "x": [i],
        }
        for i in range(30)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    plan = propose_for_file(source)
    assert [(c.column, c.identifier_class) for c in plan.columns][:2] == [
        ("who.patient_name", "A"),
        ("who.contact.email", "F"),
    ]
    apply(source, tmp_path / "out.jsonl", deid, plan)
    assert "example.com" not in (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize("content", ["", "name,city\n"])
def test_an_empty_file_is_nothing_to_audit(tmp_path, deid, content):
    source = tmp_path / "a.csv"
    source.write_text(content)
    with pytest.raises(NothingToAuditError):
        propose_for_file(source)
    with pytest.raises(NothingToAuditError):
        apply(source, tmp_path / "out.csv", deid, Plan.propose(patients()))
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_nulls_stay_nulls_in_every_format(tmp_path, deid):
    table = patients(4)
    table.loc[1, ["patient_name", "zip", "note"]] = None
    for ending in (".csv", ".jsonl", ".parquet"):
        target = tmp_path / f"out{ending}"
        apply(written(tmp_path, ending, table), target, deid, Plan.propose(patients()))
        rows = next(read_batches(target)).to_pandas()
        assert rows.loc[1, ["patient_name", "zip", "note"]].isna().all(), ending
        assert rows["note"].notna().sum() == 3


@pytest.mark.repeated
def test_a_long_cell_is_read_whole(tmp_path, deid):
    """One sentence again and again is read once; the name stands at its far end."""
    long = (
        "No change since the last visit. Wound is dry. " * times(25_000, 220_000) + "Seen with Lee."
    )
    table = pd.DataFrame({"patient_name": ["Ann Lee"], "mrn": ["4471001"], "note": [long]})
    source = written(tmp_path, ".csv", table)
    assert source.stat().st_size > 1_100_000  # spaCy's limit is a million, in the soak ten
    plan = Plan.propose(table).with_column("note", kind="FREE_TEXT", treatment="redact")
    target = tmp_path / "out.csv"
    apply(source, target, deid, plan)
    assert target.read_text().rstrip().endswith("Seen with <PERSON>.")


def test_long_cells_make_short_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_BATCH_BYTES", 1000)
    for ending in (".csv", ".jsonl", ".parquet"):
        sizes = [batch.num_rows for batch in read_batches(written(tmp_path, ending))]
        assert sum(sizes) == 60
        assert max(sizes) < 40, ending


def test_identifiers_that_only_later_rows_hold_are_refused(tmp_path, deid):
    table = patients()
    table["contact"] = ["by letter"] * 40 + [f"a{i}@example.com" for i in range(20)]
    source = written(tmp_path, ".csv", table)
    plan = propose_for_file(source, batch_rows=20)
    assert plan["contact"].kind == ""
    with pytest.raises(PolicyError, match="'contact' holds identifiers") as caught:
        apply(source, tmp_path / "out.csv", deid, plan, batch_rows=20)
    assert "example.com" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]
    accepted = plan.with_column("contact", accepted="K. Roe, public addresses")
    assert apply(source, tmp_path / "out.csv", deid, accepted, batch_rows=20)


@pytest.mark.parametrize("how", ["error", "interrupt", "leak", "no folder"])
def test_nothing_half_written_is_left(tmp_path, deid, how, monkeypatch):
    source = written(tmp_path, ".csv")
    plan, target = propose_for_file(source), tmp_path / "out.csv"
    target.write_text("what was there before")

    def stop(rows):
        if rows >= 40:
            raise {"error": ValueError, "interrupt": KeyboardInterrupt}[how]

    if how == "leak":
        source.write_text(source.read_text().replace("m,Ann called", "4471005,Ann called", 1))
        plan = plan.with_column("sex", kind="", treatment="keep")
        text = source.read_text().splitlines()
        text[45] = text[45].replace(",m,", ",4471044,")
        source.write_text("\n".join(text) + "\n")
        with pytest.raises(VerificationError):
            apply(source, target, deid, plan)
    elif how == "no folder":
        with pytest.raises(OutputError, match="could not be written"):
            apply(source, tmp_path / "none" / "out.csv", deid, plan)
    else:
        with pytest.raises((ValueError, KeyboardInterrupt)):
            apply_to_file(plan, source, target, keys=Keys(), deidentifier=deid, progress=stop)
    assert target.read_text() == "what was there before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_source_and_output_must_differ(tmp_path, deid):
    source = written(tmp_path, ".csv")
    with pytest.raises(InputError, match="same file"):
        apply(source, source, deid)


def test_a_plan_that_people_changed_is_not_written_over(tmp_path, capsys):
    source, plan = written(tmp_path, ".csv"), tmp_path / "plan.yaml"
    plan.write_text("# Read by the privacy officer.\n")
    assert cli.run(["deid", "scan", str(source), "--plan", str(plan)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert plan.read_text() == "# Read by the privacy officer.\n"


def test_the_command_line_from_scan_to_reveal(tmp_path, capsys, monkeypatch):
    source = written(tmp_path, ".csv")
    plan, vault = tmp_path / "plan.yaml", tmp_path / "vault.db"
    monkeypatch.setenv("AUDITKIT_VAULT_KEY", "ab" * 32)
    assert cli.run(["deid", "scan", str(source), "--plan", str(plan)]) == 0
    edited = Plan.from_yaml(plan.read_text()).with_column("patient_name", treatment="token")
    plan.write_text(edited.to_yaml())
    out = tmp_path / "out.parquet"
    arguments = [
        *("deid", "apply", str(source), str(out), "--plan", str(plan), "--vault", str(vault)),
        *("--evidence", str(tmp_path / "evidence"), "--no-model"),
    ]
    assert cli.run(arguments) == 0
    token = pq.read_table(out)["patient_name"][1].as_py()
    assert (tmp_path / "evidence" / "privacy.leaks.json").exists()
    said = capsys.readouterr()
    assert not [s for s in SECRETS if s in said.out + said.err]
    access = start_policy(tmp_path / "access")
    policy = access / "policy.csv"
    policy.write_text(policy.read_text() + "g, kim, role:privacy-officer, *\n")
    ask = ["deid", "reveal", token, "--vault", str(vault), "--purpose", "appeal"]
    ask += ["--policy", str(access), "--user"]
    assert cli.run([*ask, "kim"]) == 2
    assert "not sealed" in capsys.readouterr().err
    seal_policy(access, author="adam", approver="paula", now=datetime.now(UTC))
    assert cli.run([*ask, "eve"]) == 10
    assert "does not let this person" in capsys.readouterr().err
    assert cli.run([*ask, "kim"]) == 0
    assert capsys.readouterr().out == f"{token}\tAnn Lee\n"
    log, keys = tmp_path / "log.db", KeyStore(tmp_path / "keys")
    open_log(f"sqlite:///{log}", keys).close()
    logged = ["--log", str(log), "--keys", str(tmp_path / "keys")]
    assert cli.run([*ask, "eve", *logged]) == 10
    assert cli.run([*ask, "kim", *logged]) == 0
    with open_log(f"sqlite:///{log}", keys) as ledger:
        entries = [e.payload for e in ledger.entries() if e.kind == "access.decision"]
    assert [(e["user"], e["allowed"], e["tokens"]) for e in entries] == [
        *[("eve", False, 1), ("kim", True, 1)]
    ]
    assert token not in str(entries)
    (part,) = entries[1]["decisions"]
    assert (part["verb"], part["allowed"]) == ("vault:reveal", True)
    assert part["rule"].split(", ")[1] == "role:privacy-officer"  # what a review counts as use
    capsys.readouterr()
    monkeypatch.setenv("AUDITKIT_VAULT_KEY", "cd" * 32)
    assert cli.run([*ask, "kim"]) == 2
    assert "does not open this vault" in capsys.readouterr().err
    monkeypatch.setenv("AUDITKIT_VAULT_KEY", "ab" * 32)
    new = tmp_path / "new.key"
    rotate = ["deid", "rotate", "--new-key", str(new), "--vault"]
    assert cli.run([*rotate, str(vault)]) == 2
    assert "openssl rand -hex 32" in capsys.readouterr().err
    new.write_text("ef" * 32)
    assert cli.run([*rotate, str(tmp_path / "typo.db")]) == 2
    assert not (tmp_path / "typo.db").exists()


def test_text_and_recall_from_the_command_line(tmp_path, capsys, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ssn 123-45-6789\n"), "utf-8"))
    assert cli.run(["deid", "text", "--no-model"]) == 0
    assert capsys.readouterr().out == "ssn <US_SSN>\n"
    labelled = tmp_path / "l.jsonl"
    labelled.write_text(
        '{"text": "ssn 123-45-6789", "spans": [{"start": 4, "end": 15, "kind": "US_SSN"}]}'
    )
    assert cli.run(["deid", "evaluate", str(labelled), "--no-model"]) == 0
    assert "recall 1.000, at least 0.050, n = 1" in capsys.readouterr().out
