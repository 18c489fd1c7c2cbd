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

from auditkit.report.pdf import page_texts

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
    assert {"report.pdf", "statement.json", "audit-log.db"} <= {p.name for p in written}
    for path in written:
        assert CANARY.encode() not in everything_in(path.read_bytes()), path
        assert CANARY not in str(path.relative_to(tmp_path))
    assert not [line for line in "\n".join(talk).splitlines() if CANARY in line]


@pytest.mark.slow
def test_errors_name_no_value(planted, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("model.json", "train.csv"):
        (broken / name).write_bytes((planted / name).read_bytes())
    table = pd.read_csv(planted / "test.csv").astype({"approved": object})
    table.loc[3, "approved"] = f"{CANARY}-label"
    table.to_csv(broken / "test.csv", index=False)
    done = auditkit(
        broken, "init", "--model", "model.json", "--data", "test.csv", "--label", "approved",
        "--groups", "afam,single", "--reference", "train.csv", home=home,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_the_search_would_find_a_token(tmp_path):
    from weasyprint import HTML

    assert CANARY.encode() in everything_in(HTML(string=f"<p>{CANARY}</p>").write_pdf())
    assert Path(__file__).read_text().count(CANARY) == 1
