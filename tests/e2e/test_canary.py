"""Unique tokens planted in an audit's inputs appear in none of what it writes or says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pandas as pd
import pikepdf
import pytest

from auditkit.pdf.pages import page_texts

CANARY = "zqcanary7731"


@pytest.fixture(scope="module")
def planted(mortgage_files, tmp_path_factory):
    """The mortgage files with a token in a column, in every row, in a column's name, in a path."""
    folder = tmp_path_factory.mktemp("planted") / f"home-{CANARY}-path"
    folder.mkdir()
    for name in ("model.json", "train.csv"):
        (folder / name).write_bytes((mortgage_files / name).read_bytes())
    table = pd.read_csv(mortgage_files / "test.csv")
    table["applicant"] = [f"{CANARY}-name-{i}" for i in range(len(table))]
    table[f"note_{CANARY}-column"] = f"{CANARY}-note spoke to the applicant"
    table.to_csv(folder / "test.csv", index=False)
    return folder


def auditkit(folder, *arguments, home):
    """Runs the command line in a home and a temporary folder of its own."""
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {"HOME": str(home), "TMPDIR": str(temporary)}
    return subprocess.run(
        [sys.executable, "-m", "auditkit", *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def everything_in(data: bytes) -> bytes:
    """A file's bytes, and of a PDF its streams, attachments and the text of its pages too."""
    found = [data]
    if data.startswith(b"%PDF"):
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
            try:
                found.append(zlib.decompressobj().decompress(stream))
            except zlib.error:
                continue
        found += [text.encode() for text in page_texts(data)]
        with pikepdf.open(BytesIO(data)) as pdf:
            found += [spec.get_file().read_bytes() for spec in pdf.attachments.values()]
    return b"\n".join(found)


@pytest.mark.slow
def test_no_artefact_holds_a_token(planted, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    out = tmp_path / "out"
    talk = []
    for arguments in (
        ("init", "--model", "model.json", "--data", "test.csv", "--label", "approved",
         "--groups", "afam,single", "--reference", "train.csv"),
        ("run", "audit.yaml", "--output", out, "--today", "2026-11-24"),
        ("verify", out / "report.pdf"),
        ("bundle", "audit.yaml", "--report", out / "report.pdf", "--output", out / "bundle"),
        ("reperform", out / "bundle", "--data", "."),
        ("diff", out / "report.pdf", out / "statement.json"),
    ):  # fmt: skip
        done = auditkit(planted, *arguments, home=home)
        assert done.returncode in {0, 10, 11}, done.stderr
        talk.append(done.stdout + done.stderr)
    written = [p for root in (out, home) for p in root.rglob("*") if p.is_file()]
    assert {"report.pdf", "statement.json", "log.db"} <= {p.name for p in written}
    for path in written:
        assert CANARY.encode() not in everything_in(path.read_bytes()), path
        assert CANARY not in str(path.relative_to(tmp_path))
    assert not [line for line in "\n".join(talk).splitlines() if CANARY in line]


def in_cell(file, column):
    """A token where a number or a label belongs."""

    def spoil(folder):
        table = pd.read_csv(folder / file).astype({column: object})
        table.loc[3, column] = f"{CANARY}-value"
        table.to_csv(folder / file, index=False)

    return spoil


def torn_row(folder):
    with (folder / "test.csv").open("a") as table:
        table.write(f'"{CANARY}-torn,1,2\n')


def more_cells(folder):
    with (folder / "test.csv").open("a") as table:
        table.write(f"{CANARY}-more," * 40 + "1\n")


def no_text(folder):
    with (folder / "test.csv").open("ab") as table:
        table.write(CANARY.encode() + b"\xff\xfe\n")


def model_of_words(folder):
    (folder / "model.json").write_text(f'{{"learner": "{CANARY}-model"}}')


@pytest.mark.parametrize(
    "spoil",
    [
        in_cell("test.csv", "approved"),
        in_cell("test.csv", "pirat"),
        in_cell("train.csv", "pirat"),
        torn_row,
        more_cells,
        no_text,
        model_of_words,
    ],
)
def test_errors_name_no_value(planted, tmp_path, monkeypatch, capfd, spoil):
    """Whatever is wrong with the files, what is said about it quotes none of their values."""
    from auditkit.cli import run

    for name in ("model.json", "test.csv", "train.csv"):
        (tmp_path / name).write_bytes((planted / name).read_bytes())
    spoil(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.chdir(tmp_path)
    code = run(
        ["init", "--model", "model.json", "--data", "test.csv", "--label", "approved",
         "--groups", "afam,single", "--reference", "train.csv"]
    )  # fmt: skip
    if code == 0:  # the reader takes it: then the audit has to keep it to itself
        code = run(["gate", "audit.yaml", "--today", "2026-11-24"])
    said = capfd.readouterr()
    assert code in {0, 2, 10, 11}, said.err
    assert CANARY not in said.out + said.err
    assert not list(temporary.iterdir())
    assert not [p for p in tmp_path.glob("audit*") if CANARY in p.read_text()]


def test_the_search_would_find_a_token(tmp_path):
    from weasyprint import HTML

    assert CANARY.encode() in everything_in(HTML(string=f"<p>{CANARY}</p>").write_pdf())
    assert Path(__file__).read_text().count(CANARY) == 1
