"""Progress: shown where a person looks, quiet where nobody does; and no work is silent for long."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import auditkit as ak
from auditkit.cli.shared import console
from auditkit.judgement.progress import shown

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys, numpy as np, pandas as pd, auditkit as ak
rng = np.random.default_rng(0)
n = 60
inputs = ak.Inputs(
    data=pd.DataFrame({"x": rng.normal(size=n)}), labels=rng.integers(0, 2, n),
    scores=rng.uniform(size=n), groups=pd.DataFrame({"g": ["a", "b"] * (n // 2)}),
)
out, err = sys.stdout, sys.stderr
audit = ak.run(inputs, policy="starter", progress=PROGRESS)
assert (sys.stdout, sys.stderr) == (out, err)
"""


def inputs() -> ak.Inputs:
    rng = np.random.default_rng(0)
    return ak.Inputs(
        data={"x": rng.normal(size=60)}, labels=rng.integers(0, 2, 60), scores=rng.uniform(size=60)
    )


def on_a_terminal(code: str, **environment: str) -> str:
    """What a program writes to a terminal as its standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=theirs, stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"} | environment,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait() == 0, said.decode()
    return said.decode()


def test_a_terminal_shows_which_check_runs_and_keeps_no_line():
    said = on_a_terminal(CODE.replace("PROGRESS", "None"))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "Audit: " in plain
    assert re.search(r"\d+/2\d", plain)
    assert said.rstrip().endswith(("\x1b[2K", "\x1b[?25h")) or "\x1b[2K" in said


@pytest.mark.parametrize(("progress", "environment"), [("False", {}), ("None", {"TERM": "dumb"})])
def test_what_is_silenced_shows_nothing(progress, environment):
    assert on_a_terminal(CODE.replace("PROGRESS", progress), **environment) == ""


def test_piped_nothing_is_shown(capsys):
    ak.run(inputs(), policy="starter")
    assert capsys.readouterr() == ("", "")


def test_a_function_is_called_before_each_check(capsys):
    told = []
    audit = ak.run(inputs(), policy="starter", progress=lambda *step: told.append(step))
    count = len(audit.evidence)
    assert [position for position, _, _ in told] == list(range(count))
    assert {total for _, total, _ in told} == {count}
    assert capsys.readouterr() == ("", "")


def test_a_report_tells_its_steps(tmp_path):
    told = []
    audit = ak.run(inputs(), policy="starter")
    audit.report(
        tmp_path / "r.pdf", twin=tmp_path / "r.html", progress=lambda *step: told.append(step)
    )
    assert told == [
        (0, 4, "log"), (1, 4, "pages"), (2, 4, "signature"), (3, 4, "copy for a browser")
    ]  # fmt: skip


def test_a_notebook_shows_one_line_that_changes(monkeypatch, capsys):
    lines = []

    class Handle:
        def update(self, content, *, raw):
            assert raw
            lines.append(content["text/plain"])

    def display(content, *, raw, display_id):
        assert raw
        assert display_id
        lines.append(content["text/plain"])
        return Handle()

    notebook = ModuleType("IPython.display")
    notebook.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    audit = ak.run(inputs(), policy="starter")
    assert lines[0] == "Audit ..."
    assert re.fullmatch(r"Audit: done \(\d+\.\d s\)", lines[-1])
    assert len(lines) == len(audit.evidence) + 2
    with pytest.raises(ValueError, match="x"), shown("Audit", progress=None):
        raise ValueError("x")
    assert lines[-1].startswith("Audit: stopped")
    assert capsys.readouterr() == ("", "")


def test_eight_threads_audit_at_once_on_a_terminal():
    code = CODE.replace("PROGRESS", "False") + (
        "import threading\n"
        "wrong = []\n"
        "def work():\n"
        "    try: ak.run(inputs, policy='starter')\n"
        "    except BaseException as error: wrong.append(error)\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert not wrong, wrong\n"
        "assert (sys.stdout, sys.stderr) == (out, err)\n"
    )
    assert "Audit" in on_a_terminal(code)


# What commands say


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr(console, "_LATE_SECONDS", 0.05)
    monkeypatch.setattr(console, "_BETWEEN_SECONDS", 0.1)


@pytest.mark.usefixtures("_quick")
def test_piped_work_is_told_when_it_takes_long(capsys):
    with console.Work("Check the log"):
        time.sleep(0.2)
    assert capsys.readouterr().err == "  Check the log ...\n"


@pytest.mark.usefixtures("_quick")
def test_piped_work_tells_how_far_it_is_and_not_too_often(capsys):
    with console.Work("Read") as work:
        for number in range(30):
            work.tell(f"{number} rows")
            time.sleep(0.02)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  Read ..."
    assert re.fullmatch(r"  Read: \d+ rows \.\.\.", lines[1])
    assert 2 <= len(lines) <= 8


def test_piped_short_work_says_nothing_and_leaves_no_thread(capsys):
    before = threading.active_count()
    with console.Work("Quick"):
        pass
    with console.step("Step") as result:
        result.append("3 rows")
    time.sleep(0.05)
    assert re.fullmatch(r"  Step: 3 rows \(\d\.\d s\)\n", capsys.readouterr().err)
    assert threading.active_count() <= before


def test_a_step_that_fails_says_so(capsys):
    with pytest.raises(ValueError, match="x"), console.step("Step"):
        raise ValueError("x")
    assert capsys.readouterr().err == "  Step: stopped\n"


def test_on_a_terminal_one_line_changes_and_is_gone():
    said = on_a_terminal(
        "from auditkit.cli.shared.console import Work\n"
        "with Work('Read') as work: work.tell('3\\x1b[2J rows')\n"
    )
    assert said == "\r\x1b[K  Read ...\r\x1b[K  Read: 3\\x1b[2J rows ...\r\x1b[K"
