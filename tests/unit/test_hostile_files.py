"""Files that are not what a command expects: a clear error and exit code 2, never a hang."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from auditkit.cli import app, run
from auditkit.evidence import Evidence

SECONDS = 60
HOSTILE = ["none", "folder", "pipe", "zero", "large", "binary", "deep", "bad", "empty", "long name"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> dict[str, Path]:
    """Paths to give where a file is expected, by what is wrong with them."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "gone").mkdir()
    made = {kind: folder / f"{kind.replace(' ', '-')}.yaml" for kind in HOSTILE}
    made["folder"].mkdir()
    os.mkfifo(made["pipe"])
    made["none"] = folder / "gone" / "none.yaml"
    made["zero"] = Path("/dev/zero")
    with made["large"].open("wb") as file:
        file.truncate(10 * 2**30)
    made["binary"].write_bytes(bytes(range(256)) * 4)
    made["deep"].write_text("[" * 100_000)
    made["bad"].write_text("a: [1, 'x\nb: @\x00\n")
    made["empty"].write_bytes(b"")
    made["long name"] = folder / ("n" * 300)
    return made


@pytest.fixture(autouse=True)
def _no_hang(monkeypatch, tmp_path, hostile):
    """A command that waits is a failure, not the end of the suite; nothing is read from stdin."""
    for folder in (hostile["none"].parent, hostile["folder"]):  # where a command may have written
        shutil.rmtree(folder)
        folder.mkdir()
    hostile["empty"].write_bytes(b"")

    def stop(*_):
        raise TimeoutError

    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def refuses(words: list[str], capsys, codes=(2,)) -> str:
    code = run([str(word) for word in words])
    said = capsys.readouterr().err
    assert "Internal error" not in said, said
    assert code in codes, said
    assert code != 2 or "To fix:" in said or "Usage:" in said, said
    return said


# Every path of every command


def commands(command, path=()):
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, one in (inner or {}).items():
        yield from commands(one, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))
PLAIN = {"INTEGER": "1", "FLOAT": "1", "DATETIME": "2026-01-31"}


def is_path(parameter) -> bool:
    return "Path" in type(parameter.type).__name__ or parameter.type.name == "path"


def given(parameter, value: str) -> list[str]:
    return (
        [value]
        if parameter.param_type_name == "argument"
        else [max(parameter.opts, key=len), value]
    )


def words_for(command, hostile_parameter, value: Path) -> list[str]:
    """A command line with something for all that is required, and one hostile path."""
    words = []
    for parameter in command.params:
        if parameter is hostile_parameter:
            words += given(parameter, str(value))
        elif parameter.required:
            kind = parameter.type.name.upper().split(" ")[0]
            words += given(parameter, "absent" if is_path(parameter) else PLAIN.get(kind, "x"))
    return words


PATHS = [
    pytest.param(path, parameter, id=f"{' '.join(path)} {parameter.name}")
    for path, command in ALL.items()
    for parameter in command.params
    if is_path(parameter)
]


def test_there_are_paths_to_try():
    assert len(PATHS) > 60


@pytest.mark.parametrize(("path", "parameter"), PATHS)
def test_no_path_of_any_command_ends_in_an_internal_error(path, parameter, hostile, capsys):
    for kind in ("folder", "pipe", "zero", "binary", "long name"):
        value = hostile[kind]
        refuses(
            [*path, *words_for(ALL[path], parameter, value)], capsys, codes=(0, 2, 3, 10, 11, 12)
        )


# Every kind of file, where all else is right


@pytest.fixture(scope="module")
def right(tmp_path_factory) -> Path:
    """A folder with right files of each kind."""
    folder = tmp_path_factory.mktemp("right")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "x": rng.normal(size=60).round(3), "s": rng.uniform(size=60).round(3),
        "g": ["a", "b"] * 30, "y": rng.integers(0, 2, 60),
    })  # fmt: skip
    table.to_csv(folder / "t.csv", index=False)
    (folder / "audit.yaml").write_text(AUDIT)
    (folder / "notes.csv").write_text("id,note\n1,Ann called\n2,nothing\n")
    (folder / "key").write_text("00" * 32)
    (folder / "labelled.jsonl").write_text('{"text": "Ann", "spans": []}\n')
    return folder


AUDIT = "scores: s\ndata: t.csv\nlabel: y\ngroups: [g]\npolicy: starter\n"
# Where a hostile file stands (AT) among right ones.
COMMANDS = {
    "audit file": "gate AT",
    "audit file to explain": "explain AT --row 1",
    "audit file of letters": "letter AT --all",
    "audit file to bundle": "bundle AT --report RIGHT/t.csv -o out",
    "words": "letter RIGHT/audit.yaml --all --words AT",
    "report": "verify AT --no-own-keys",
    "report to renew": "renew AT --timestamps http://127.0.0.1:9",
    "reports": "diff AT AT",
    "report to bundle": "bundle RIGHT/audit.yaml --report AT -o out",
    "bundle": "reperform AT --data .",
    "trust": "verify RIGHT/t.csv --trust AT",
    "log key": "verify RIGHT/t.csv --log-key AT",
    "key list": "verify RIGHT/t.csv --key-list AT",
    "plan": "deid apply RIGHT/notes.csv out.csv --no-model --plan AT",
    "recall": "deid apply RIGHT/notes.csv out.csv --no-model --recall AT",
    "population": "deid apply RIGHT/notes.csv out.csv --no-model --population AT",
    "secret": "deid apply RIGHT/notes.csv out.csv --no-model --secret AT",
    "vault key": "deid apply RIGHT/notes.csv out.csv --no-model --vault vault.db --key AT",
    "vault": "deid apply RIGHT/notes.csv out.csv --no-model --vault AT --key RIGHT/key",
    "table": "deid scan AT",
    "labelled": "deid evaluate AT --no-model",
    "data to audit": "init --data AT --label y --scores s",
    "model": "init --data RIGHT/t.csv --label y --model AT",
    "reference": "init --data RIGHT/t.csv --label y --scores s --reference AT",
    "access policy": "access check ann model:promote models/a/aliases/b --policy AT",
    "users": "access user remove ann --users AT",
    "log": "ledger verify AT --key auditkit.local/log+00000000+AAAA",
    "log key of an export": "ledger verify-export RIGHT/t.csv --key AT",
    "signing key": "run RIGHT/audit.yaml --key AT -o out",
}
# What is right after all: any bytes are a secret, a new vault is made, a claim is judged false.
CODES = {
    **{("report", kind): (11, 12) for kind in ("binary", "deep", "bad", "empty")},
    **{("secret", kind): (0, 2) for kind in HOSTILE},
    ("vault", "none"): (0,),
    ("vault", "empty"): (0,),
    ("labelled", "empty"): (3,),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_hostile_file_among_right_ones_is_a_clear_error(what, hostile, right, capsys):
    for kind, path in hostile.items():
        words = [
            word.replace("AT", str(path)) if word == "AT" else word.replace("RIGHT", str(right))
            for word in COMMANDS[what].split()
        ]
        codes = CODES.get((what, kind), (2,))
        said = refuses(words, capsys, codes)
        assert "\x00" not in said
        assert codes != (2,) or not Path("out.csv").exists()
        Path("out.csv").unlink(missing_ok=True)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("key", ["data", "policy", "reference", "evidence", "model"])
def test_a_hostile_file_that_an_audit_file_names_is_a_clear_error(
    key, kind, hostile, right, capsys
):
    path = json.dumps(str(hostile[kind]))
    text = AUDIT.replace("t.csv", str(right / "t.csv"))
    if key == "model":
        text = text.replace("scores: s", "")
    lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    lines.append(f"{key}: [{path}]" if key == "evidence" else f"{key}: {path}")
    (right / "hostile.yaml").write_text("\n".join(lines))
    words = ["gate", str(right / "hostile.yaml"), "--allow-outside", "/"]
    said = refuses(words, capsys, codes=(2, 3))
    assert "outside" not in said
    assert "To fix:" in said


@pytest.mark.parametrize("key", ["data", "policy", "reference", "evidence", "model"])
def test_a_nul_in_a_path_is_a_clear_error(key, right, capsys):
    text = AUDIT.replace("t.csv", str(right / "t.csv"))
    if key == "model":
        text = text.replace("scores: s", "")
    lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
    lines.append(f'{key}: ["a\\0.csv"]' if key == "evidence" else f'{key}: "a\\0.csv"')
    (right / "nul.yaml").write_text("\n".join(lines))
    assert "To fix:" in refuses(["gate", str(right / "nul.yaml")], capsys)


@pytest.mark.parametrize("levels", [100, 500, 900, 990, 5000])
def test_evidence_that_is_nested_deeply_ends_in_no_internal_error(levels, right, capsys):
    one = Evidence(check="a.b", version="1", title="t", area="lineage", parameters={"p": 0})
    file = one.to_file().replace(b'"p":0', b'"p":' + b"[" * levels + b"]" * levels)
    (right / "e.json").write_bytes(file)
    text = AUDIT.replace("t.csv", str(right / "t.csv")) + "evidence: [e.json]\n"
    (right / "deep.yaml").write_text(text)
    words = ["gate", str(right / "deep.yaml"), "--allow-outside", str(right)]
    refuses([*words, "--json"], capsys, codes=(2,) if levels > 990 else (2, 10, 11))
