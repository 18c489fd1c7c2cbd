"""The script that travels with each report: it agrees with `auditkit verify`."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from io import BytesIO

import pikepdf
import pytest

from auditkit.resources import data_path
from auditkit.signing.private_keys import fingerprint_of

SCRIPT = data_path("report_templates", "verify_offline.py")


@pytest.fixture
def folder(whole, tmp_path):
    with pikepdf.open(BytesIO(whole.signed)) as pdf:
        for name, spec in pdf.attachments.items():
            (tmp_path / name).write_bytes(spec.get_file().read_bytes())
    return tmp_path


def run(folder, whole, *, log_key=None, statement_key=None):
    key = statement_key or fingerprint_of(whole.signer.statement_key.public_key)
    command = [sys.executable, "-I", SCRIPT, folder, log_key or str(whole.log_key), key]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_good_report_passes(folder, whole):
    done = run(folder, whole)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FALSE" not in done.stdout
    assert str(whole.judgement.digest) in done.stdout
    assert "true  the payload is this statement's" in done.stdout


def test_it_needs_nothing_but_the_standard_library_and_cryptography():
    import ast

    tree = ast.parse(SCRIPT.read_text())
    found = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
        )
    }
    assert found - {"cryptography"} <= sys.stdlib_module_names
    code = SCRIPT.read_text().split('"""')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60


@pytest.mark.parametrize(
    "name", ["statement.json", "statement.dsse.json", "table-shap_values.json"]
)
def test_a_changed_file_fails(folder, whole, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    digits = [i for i, b in enumerate(content) if 0x30 <= b < 0x39]
    content[random.Random(3).choice(digits)] += 1
    path.write_bytes(content)
    assert run(folder, whole).returncode == 12


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("proof", []),
        ("proof", ["00" * 32]),
        ("salt", "00" * 32),
        ("origin", "example.com/other"),
        ("payload", {"statement": "sha256:" + "0" * 64}),
        ("checkpoint", ""),
        ("checkpoint", "example.com/log\n2\nAAAA\n\nnothing\n"),
        ("proof", ["00" * 31]),
        ("proof", ["00" * 33]),
        ("entry", None),
    ],
)
def test_a_changed_receipt_fails(folder, whole, field, value):
    path = folder / "receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert run(folder, whole).returncode == 12


def test_other_keys_fail(folder, whole):
    from auditkit.ledger import NoteSigner

    stranger = NoteSigner.generate(whole.log_key.name).verifier
    assert run(folder, whole, log_key=str(stranger)).returncode == 12
    assert run(folder, whole, statement_key="sha256:" + "0" * 64).returncode == 12
    assert run(folder, whole, log_key="nonsense").returncode == 12


def test_an_entry_of_another_kind_fails(folder, whole, tmp_path):
    from auditkit.ledger import Ledger, NoteSigner

    key = NoteSigner.from_pem(whole.log_pem, name=whole.log_key.name)
    with Ledger.open(f"sqlite:///{tmp_path}/other.db", key=key) as log:
        payload = {"statement": str(whole.judgement.digest)}
        receipt = log.append(kind="access.decision", payload=payload)
    (folder / "receipt.json").write_text(json.dumps(receipt.to_json()))
    done = run(folder, whole)
    assert done.returncode == 12
    assert "FALSE it holds a statement" in done.stdout


def test_names_from_the_files_write_no_escapes(folder, whole):
    """The statement is read before anything about it is known to be true."""
    statement = json.loads((folder / "statement.json").read_text())
    statement["predicate"]["evidence"][0]["tables"] = [
        {"name": "\x1b[2K\ntrue ", "digest": "sha256:0"}
    ]
    (folder / "statement.json").write_text(json.dumps(statement))
    done = run(folder, whole)
    assert done.returncode == 12
    assert "\x1b" not in done.stdout


def test_every_proof_of_a_growing_log_leads_to_its_root(tmp_path):
    """Its short way to compute a root, against the one that the log itself uses."""
    from auditkit import merkle

    code = SCRIPT.read_text().split("def check_statement")[0]
    space: dict = {}
    exec(compile(code, "verify_offline.py", "exec"), space)
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(40)]
    for size in range(1, 41):
        root = merkle.root(leaves[:size])
        for index in range(size):
            proof = [value.hex() for value in merkle.inclusion_proof(leaves[:size], index)]
            assert space["root_of"](leaves[index], index, size, proof) == root
            assert led(space, leaves[index], index, size, [*proof, "00" * 32]) != root
            assert not proof or led(space, leaves[index], index, size, proof[1:]) != root


def led(space, *arguments):
    """Where a proof leads; None where it cannot be followed."""
    try:
        return space["root_of"](*arguments)
    except ValueError:
        return None


def test_it_says_how_it_is_called():
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "verify_offline.py FOLDER LOG_KEY STATEMENT_KEY" in done.stderr


def test_a_missing_file_fails(folder, whole):
    (folder / "receipt.json").unlink()
    assert run(folder, whole).returncode == 12
