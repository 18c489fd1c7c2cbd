"""A small runner of composite actions: sets what GitHub sets, and runs each `run:` as GitHub does.

Steps that `uses:` another action are not run; it says which would have been.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Ran:
    """What a run left: the job's failure, outputs of the action, summary, log, steps used."""

    failed: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    log: str = ""
    used: list[str] = field(default_factory=list)


class Runner:
    """Runs one action.

    Args:
        action: The folder of its action.yml.
        workspace: The checked-out repository.
        temp: RUNNER_TEMP.
    """

    def __init__(self, action: Path, workspace: Path, temp: Path) -> None:
        self.action, self.workspace, self.temp = action, workspace, temp
        self.content = yaml.safe_load((action / "action.yml").read_text())

    def run(self, inputs=None, *, event="push", skip=(), environment=None) -> Ran:
        """Runs the steps whose conditions hold; `skip` are ids of steps that count as done."""
        given = {n: str(v.get("default", "")) for n, v in self.content["inputs"].items()}
        assert set(inputs or {}) <= set(given), "an input that the action does not have"
        given |= {name: str(value) for name, value in (inputs or {}).items()}
        ran, steps, ok = Ran(), {}, True
        files = {
            name: self.temp / name
            for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")
        }

        def value(text):
            return _EXPRESSION.sub(lambda m: str(evaluate(m[1])), str(text))

        def evaluate(expression):
            kind, _, name = expression.partition(".")
            if kind == "inputs":
                return value(given[name])
            if kind == "steps":
                step, _, output = name.partition(".outputs.")
                return steps.get(step, {}).get(output, "")
            known = {
                "github.event_name": event, "github.token": "t", "runner.temp": str(self.temp),
                "runner.os": "Linux", "runner.arch": "X64",
            }  # fmt: skip
            return known[expression]

        def holds(condition):
            for part in condition.removeprefix("${{").removesuffix("}}").split("&&"):
                term = part.strip()
                if term == "always()":
                    continue
                left, operator, right = re.fullmatch(r"(\S+) (==|!=) '(.*)'", term).groups()
                if (evaluate(left) == right) != (operator == "=="):
                    return False
            return ok or "always()" in condition

        for step in self.content["runs"]["steps"]:
            if not holds(step.get("if", "${{ always() }}" if ok else "x == 'y'")):
                continue
            if "uses" in step:
                assert re.search(r"@[0-9a-f]{40}$", step["uses"]), step["uses"]
                ran.used.append(step["uses"].partition("@")[0])
                continue
            if step.get("id") in skip:
                continue
            assert "${{" not in step["run"], "foreign text would be part of a script"
            for file in files.values():
                file.write_text("")
            own = {
                "PATH": os.environ["PATH"], "HOME": str(self.temp), "CI": "true",
                "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(self.action),
                "GITHUB_WORKSPACE": str(self.workspace), "RUNNER_TEMP": str(self.temp),
                "GITHUB_EVENT_NAME": event, "LANG": "C.UTF-8",
                **{name: str(file) for name, file in files.items()}, **(environment or {}),
                **{name: value(text) for name, text in step.get("env", {}).items()},
            }  # fmt: skip
            script = self.temp / "step.sh"
            script.write_text(step["run"])
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            done = subprocess.run(
                command, cwd=self.workspace, env=own, capture_output=True, check=False
            )
            ran.log += (done.stdout + done.stderr).decode()
            lines = files["GITHUB_OUTPUT"].read_text().splitlines()
            assert files["GITHUB_ENV"].read_text() == files["GITHUB_PATH"].read_text() == ""
            steps[step.get("id")] = dict(line.split("=", 1) for line in lines)
            ran.summary += files["GITHUB_STEP_SUMMARY"].read_text()
            if done.returncode and not step.get("continue-on-error"):
                ok, ran.failed = False, True
        ran.outputs = {n: value(o["value"]) for n, o in self.content["outputs"].items()}
        return ran


def commands(log: str) -> list[str]:
    """The commands of a log that GitHub's runner would obey: a line that begins with `::`.

    It ignores blanks before them, and all but one word after `stop-commands`.
    """
    found, stopped = [], None
    for line in log.splitlines():
        text = line.strip()
        if stopped is not None:
            stopped = None if text == f"::{stopped}::" else stopped
        elif text.startswith("::stop-commands::"):
            stopped = text.removeprefix("::stop-commands::")
        elif text.startswith("::") or "##[" in text:
            found.append(text)
    return found
