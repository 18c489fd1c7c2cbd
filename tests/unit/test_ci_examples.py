"""The examples for CI servers and pipelines: each is run as far as it can be without its server.

Airflow, Dagster and SageMaker are not installed. Functions that keep what they are given stand in
for their decorators; the gate behind them is the real one.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from tests.support.small_audit import FAILING, OPEN, PASSING, write_audit

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"


@pytest.fixture(autouse=True)
def _as_beside_them(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("AUDITKIT_HOME", str(tmp_path / "keys"))
    for name in ("gate", "airflow", "airflow.sdk", "dagster", "sagemaker"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def gate_of(folder, selected):
    from gate import gate

    return lambda: gate(str(write_audit(folder, selected)))


def test_the_function_gives_the_verdict_or_stops(tmp_path):
    from gate import GateError, gate

    found = gate_of(tmp_path / "a", PASSING)()
    assert found["verdict"]["decision"] == "pass"
    for name, selected, rule in (("b", FAILING, "FA-1"), ("c", OPEN, "FA-1")):
        with pytest.raises(GateError, match=rule):
            gate_of(tmp_path / name, selected)()
    with pytest.raises(GateError, match="To fix"):
        gate(str(tmp_path / "none.yaml"))


def test_the_gate_against_an_earlier_audit(tmp_path):
    from gate import GateError, gate

    for name, selected in (("before", PASSING), ("after", FAILING)):
        write_audit(tmp_path / name, selected)
    subprocess.run(
        [sys.executable, "-m", "auditkit", "run", "audit.yaml", "--output", "out"],
        cwd=tmp_path / "before", check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(GateError):
        gate(
            str(tmp_path / "after" / "audit.yaml"),
            against=str(tmp_path / "before/out/statement.json"),
        )


def stub(monkeypatch, name, **members):
    module = ModuleType(name)
    vars(module).update(members)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def run_example(name, tmp_path, selected):
    """Runs an example with an audit of ours in place of its path."""
    text = (EXAMPLES / name).read_text()
    audit = write_audit(tmp_path / "audited", selected)
    ours, count = re.subn(
        r'^AUDIT_FILE = ".*"$', f"AUDIT_FILE = {str(audit)!r}", text, flags=re.MULTILINE
    )
    assert count == 1
    (tmp_path / name).write_text(ours)
    return runpy.run_path(str(tmp_path / name))


@pytest.mark.parametrize("selected", [PASSING, FAILING])
def test_airflow(monkeypatch, tmp_path, capsys, selected):
    def dag(**settings):
        assert settings["catchup"] is False
        return lambda function: function

    stub(monkeypatch, "airflow")
    stub(monkeypatch, "airflow.sdk", dag=dag, task=lambda function: function)
    if selected is FAILING:
        with pytest.raises(RuntimeError, match="FA-1"):
            run_example("airflow_dag.py", tmp_path, selected)
    else:
        run_example("airflow_dag.py", tmp_path, selected)
    assert ("deploying" in capsys.readouterr().out) == (selected is PASSING)


@pytest.mark.parametrize("selected", [PASSING, FAILING])
def test_dagster(monkeypatch, tmp_path, selected):
    def asset_check(*, asset, blocking):
        assert blocking
        assert asset.__name__ == "credit_model"
        return lambda function: function

    stub(monkeypatch, "dagster", asset=lambda function: function, asset_check=asset_check,
         AssetCheckResult=SimpleNamespace, Definitions=SimpleNamespace)  # fmt: skip
    made = run_example("dagster_checks.py", tmp_path, selected)
    (check,) = made["defs"].asset_checks
    found = check()
    assert found.passed == (selected is PASSING)
    assert ("statement" if found.passed else "why") in found.metadata


@pytest.mark.parametrize("selected", [PASSING, FAILING])
def test_sagemaker(monkeypatch, tmp_path, selected):
    for name in ("sagemaker", "sagemaker.workflow"):
        stub(monkeypatch, name)
    stub(
        monkeypatch, "sagemaker.workflow.function_step", step=lambda **_: lambda function: function
    )
    stub(monkeypatch, "sagemaker.workflow.pipeline", Pipeline=SimpleNamespace)
    if selected is FAILING:
        with pytest.raises(RuntimeError, match="FA-1"):
            run_example("sagemaker_pipeline.py", tmp_path, selected)
    else:
        (registered,) = run_example("sagemaker_pipeline.py", tmp_path, selected)["pipeline"].steps
        assert registered.startswith("sha256:")


@pytest.mark.parametrize(("selected", "code"), [(PASSING, 0), (FAILING, 10), (OPEN, 11)])
def test_the_line_of_the_jenkinsfile(tmp_path, selected, code):
    text = (EXAMPLES / "Jenkinsfile").read_text()
    (line,) = re.findall(r"script: '([^']+)'", text)
    write_audit(tmp_path, selected)
    program, *rest = shlex.split(line)
    assert program == "auditkit"
    done = subprocess.run(
        [sys.executable, "-m", "auditkit", *rest], cwd=tmp_path, check=False, capture_output=True
    )
    assert done.returncode == code, done.stderr
    (junit,) = re.findall(r"testResults: '([^']+)'", text)
    assert ET.parse(tmp_path / junit).getroot().tag == "testsuites"
    (kept,) = re.findall(r"artifacts: '([^']+)'", text)
    assert all((tmp_path / name).exists() for name in kept.split(","))
    assert text.count("{") == text.count("}")
