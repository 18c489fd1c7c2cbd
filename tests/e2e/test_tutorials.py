"""The tutorials, as a reader follows them: each marked block is run, in its order."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from auditkit import cli
from auditkit.ledger import NoteSigner
from auditkit.mlflow_guard.serve.settings import read_settings
from tests.conftest import HMDA
from tests.support.documents import DOCS, ROOT, blocks

EXIT = re.compile(r"exit (\d+)")


def marked(name):
    """The blocks of a tutorial that are marked to be run."""
    found = [block for block in blocks(DOCS / "tutorials" / name) if block.mark == "run"]
    assert found
    return found


def elsewhere(block):
    """Whether a block is run by another test; that it is, is seen here."""
    if not block.how or not block.how[0].endswith(".py"):
        return False
    (script,) = re.findall(r"examples/(\w+)/(\w+\.py)", block.text)
    text = (ROOT / block.how[0]).read_text()
    assert all(f'"{part}"' in text for part in script)
    return True


def command(line, *, answers=None, env=None):
    """Runs one line, and gives its exit code and what it printed."""
    words = shlex.split(line)
    target = words.pop() if len(words) > 2 and words[-2] == ">" and words.pop(-2) else None
    if words[0] == "auditkit":
        with CliRunner().isolation(input=answers, env=env) as (printed, _, whole):
            code = cli.run(words[1:])
            sys.stdout.flush()
            out, told = printed.getvalue().decode(), whole.getvalue().decode()
    else:
        assert words[0] == "python", line
        ran = subprocess.run(
            [sys.executable, *words[1:]], capture_output=True, text=True, check=False
        )
        code, out, told = ran.returncode, ran.stdout, ran.stderr
    if target:
        Path(target).write_text(out)
    return code, out, told


def follow(block, names, *, answers=None, env=None):
    """Runs one block; the exit code that its mark names is that of its last command."""
    if block.kind == "python":
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.text, "tutorial", "exec"), names)
        return ""
    lines = [line for line in block.text.replace("\\\n", "").splitlines() if line]
    expected = [0] * len(lines)
    for how in block.how:
        if named := EXIT.fullmatch(how):
            expected[-1] = int(named[1])
    for line, wanted in zip(lines, expected, strict=True):
        code, out, told = command(line, answers=answers, env=env)
        assert code == wanted, f"{line}\n{told}"
    return out


@pytest.mark.slow
def test_lending(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(HMDA, tmp_path)
    names = {}
    for block in marked("lending.md"):
        follow(block, names)
    assert (tmp_path / "audit" / "report.pdf").exists()
    assert {"rule", "outcome", "statement"} <= set(names["findings"].columns)


@pytest.mark.slow
def test_hospital():
    names = {}
    for block in marked("hospital.md"):
        if not elsewhere(block):
            follow(block, names)
    result = names["result"]
    assert "<PERSON>" in result.table["note"].iloc[1]
    assert "metformin" in result.table["note"].iloc[1]


@pytest.mark.slow
def test_freight(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in marked("freight.md"):
        if elsewhere(block):
            continue
        if block.kind == "yaml":
            (name,) = block.how
            (tmp_path / name).write_text(block.text)
        else:
            follow(block, names)
    assert names["alert"].worst["lower"] > 1.5


@pytest.mark.server
def test_registry(guarded, tmp_path, monkeypatch):
    """The policy and the users are made here; the server is the one that other tests use."""
    server, workplace = guarded
    from guarded_server import PASSWORD

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    names, printed, done = {}, {}, []
    for block in marked("registry.md"):
        if elsewhere(block):
            continue
        how = set(block.how)
        who = next((h.removeprefix("as ") for h in how if h.startswith("as ")), None)
        if who:
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", who)
        if "server" in how:
            assert "--app-name auditkit " in block.text
            assert (tmp_path / "users.json").exists()
        elif "server.yaml" in how:
            (tmp_path / "server.yaml").write_text(block.text)
            assert read_settings(tmp_path / "server.yaml").basic is not None
        elif "evidence" in how:
            settings = tmp_path / "access" / "access.yaml"
            parts = settings.read_text().partition("    valid_hours: 72\n")
            settings.write_text("".join([*parts[:2], block.text.rstrip("\n"), "\n", parts[2]]))
        elif block.kind == "yaml":
            (name,) = how
            (tmp_path / name).write_text(block.text)
        elif "ledger" in how:
            lines = block.text.splitlines()
            assert command(lines[0])[0] == 0
            pem = (workplace.folder / "log.pem").read_bytes()
            verifier = NoteSigner.from_pem(pem, name="auditkit.local/log").verifier
            (tmp_path / "log.pub").write_text(f"{verifier}\n")
            for line in lines[1:]:
                code, _, told = command(line.replace("ledger.db", f"{workplace.folder}/ledger.db"))
                assert code == 0, told
        else:
            answers = f"{PASSWORD}\n{PASSWORD}\n" if "input" in how else None
            text = block.text
            for name, number in printed.items():
                text = text.replace(name, number)
            out = follow(replace(block, text=text), names, answers=answers, env=dict(os.environ))
            printed |= {name: out.split()[0] for name in how & {"REQUEST", "GLASS"}}
        done.append(block)
    assert len(done) > 12
    assert (tmp_path / "model").exists()
