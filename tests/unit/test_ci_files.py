"""The GitLab component and the hook of pre-commit name commands, options and files that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml
from typer.main import get_command

from auditkit.cli import app
from auditkit.exports import FORMATS, named_formats

ROOT = Path(__file__).parents[2]
COMMANDS = get_command(app).commands


def component():
    spec, jobs = yaml.safe_load_all((ROOT / "templates" / "audit.yml").read_text())
    return spec["spec"]["inputs"], jobs["auditkit"]


def test_the_component_uses_the_inputs_that_it_declares_and_no_other():
    inputs, _ = component()
    text = (ROOT / "templates" / "audit.yml").read_text()
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(inputs)
    assert all("default" in one for one in inputs.values())


def test_inputs_reach_the_component_s_scripts_as_variables():
    _, job = component()
    assert not any("$[[" in line for line in job["script"] + job["after_script"])


def test_the_component_s_command_and_reports_exist():
    _, job = component()
    words = shlex.split(job["script"][-1])
    assert words[1] == "run"
    options = {o for p in COMMANDS["run"].params for o in p.opts}
    assert {w for w in words if w.startswith("--")} <= options
    written = {f for n in named_formats(words[-1]) for f in FORMATS[n]}
    named = {one.rpartition("/")[2] for one in job["artifacts"]["reports"].values()}
    assert named == written
    assert job["artifacts"]["when"] == "always"


def test_the_hook_s_command_exists():
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        program, command, *_ = hook["entry"].split()
        assert program == "auditkit"
        assert command in COMMANDS
        assert hook.get("pass_filenames", True) == ("files" in hook)
