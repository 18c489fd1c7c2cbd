"""The built wheel, in an empty environment and an empty folder, finds what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [UV, "build", "-q", "--wheel", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_carries_policies_templates_and_types_and_nothing_of_the_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "auditkit/py.typed",
        "auditkit/_data/policies/lending.yaml",
        "auditkit/_data/policies/controls/soc2.yaml",
        "auditkit/_data/policies/access/policy.csv",
        "auditkit/_data/policies/schemas/audit.json",
        "auditkit/_data/report_templates/report.html.j2",
    ):
        assert wanted in names
    assert not [n for n in names if n.startswith(("tests/", "examples/"))]


def test_all_its_extras_can_be_installed_together(wheel, tmp_path):
    """Without the overrides that this repository resolves its own environment with."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = ",".join(known["project"]["optional-dependencies"])
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    command = [UV, "pip", "install", "--dry-run", "--python", "venv", f"{wheel}[{extras}]"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_audits_and_reports_from_an_empty_folder(wheel, mortgage_files, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    # Only what the wheel itself asks for, in the versions of the lock file.
    wanted = ["--constraint", str(ROOT / "requirements.lock"), f"{wheel}[xgboost]"]
    subprocess.run([UV, "pip", "install", "-q", "--python", str(python), *wanted], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python.parent / "auditkit"), *arguments],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    made = run(
        "init", "--model", str(mortgage_files / "model.json"), "--label", "approved",
        "--data", str(mortgage_files / "test.csv"), "--groups", "afam", "--policy", "lending",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    ran = run("run", "audit.yaml", "--output", "out", "--allow-outside", str(mortgage_files))
    assert ran.returncode in (0, 10, 11), ran.stderr
    assert (empty / "out" / "report.pdf").read_bytes().startswith(b"%PDF-1.7")
