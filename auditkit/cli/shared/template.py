"""The audit.yaml that `auditkit init` writes: every key, each with its meaning."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auditkit.loading.places import STARTERS, is_bare
from auditkit.registry.reference import is_reference, is_served
from auditkit.resources import schema_line
from auditkit.subject import Task


def audit_yaml(
    *,
    name: str,
    folder: Path,
    model: str | None,
    scores: str | None,
    predictions: str | None,
    data: Path,
    label: str | None,
    favourable: str | None,
    groups: Sequence[str],
    reference: Path | None,
    policy: str | None,
    task: Task = Task.BINARY,
    states_task: bool = False,
    expect: str | None = None,
    label_values: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> str:
    """The text of a new audit file. Paths are written relative to its folder.

    Args:
        name: The file's name.
        folder: Its folder.
        model: The model's path, reference or address.
        scores: The column of scores.
        predictions: The column of decisions, or of predicted numbers.
        data: The rows to evaluate.
        label: The column of labels.
        favourable: The value that is good for the person.
        groups: The columns to compare groups by.
        reference: The rows that explanations are relative to.
        policy: A policy; None: the starter of the task.
        task: What is predicted.
        states_task: Whether the file says so.
        expect: The digest that the model must have.
        label_values: The model's value for each value of the label; None or empty: the same.
        columns: The column contract; None: none.
    """

    def relative(path: Path) -> str:
        # Links among its folders are resolved; the file itself, if it is a link, is not.
        local = os.path.relpath(path.parent.resolve() / path.name, folder.resolve())
        return _quoted(f"./{local}" if is_bare(local) else local)

    registered = model is not None and is_reference(model)
    elsewhere = model is not None and (registered or is_served(model))
    good = _NO_GOOD[task] if favourable is None else f"favourable: {_scalar(favourable)}"
    if reference is None:
        relative_to = f"reference: {relative(data)}  # a stand-in: give the training data instead"
    else:
        relative_to = f"reference: {relative(reference)}"
    judged = "\n".join(
        f"{key}: {value}"
        for key, value in (
            ("model", model and (_quoted(model) if elsewhere else relative(Path(model)))),
            ("scores", _quoted(scores) if scores else None),
            ("predictions", _quoted(predictions) if predictions else None),
        )
        if value is not None
    )
    policy = policy or STARTERS[task]
    policy_text = _quoted(policy) if is_bare(policy) else relative(Path(policy))
    if expect is not None:
        judged += f"\nexpect: {{model: {_quoted(expect)}}}"
    if states_task:
        judged += f"\ntask: {task.value}"
    return f"""\
{schema_line("audit", folder)}\
# One audit. Run it:  auditkit run {name} --output audit/
# Paths are relative to this file's folder. To allow files outside it: --allow-outside FILE.
# Unknown keys are errors.

# The model ---------------------------------------------------------------------------------------
{_IN_REGISTRY if registered else _names(Path(model or data).stem)}
purpose: ""               # what it decides, in one line; printed on page 1
owner: ""                 # who is accountable for it
{judged}
{_THRESHOLD[task]}

# The rows to evaluate: not those that the model was trained on -----------------------------------
data: {relative(data)}
# missing: [NA]           # words that mean a missing value; an empty cell always does
{_NO_LABEL if label is None else f"label: {_quoted(label)}"}
{_label_values(label_values or {})}\
{_GOOD[task]}
{good}
# The columns to compare groups by; they need not be features of the model:
groups: [{", ".join(_quoted(g) for g in groups)}]
{_contract(columns or {})}\
# Explanations are relative to these rows:
{relative_to}

# The rules to meet: a policy file, or the name of one that comes with auditkit -------------------
policy: {policy_text}

# Evidence made before the audit, by de-identification, access control or the registry:
evidence: []

seed: 0                   # seeds every random draw
# explain: {{seconds: 60}}   # what explanations may cost, of a model that can only be asked
# as_of: 2026-01-31       # the day of the audit; default: today

# What the report says about the people, and its paper ---------------------------------------------
report:
  organisation: ""        # on whose behalf the audit was run
  ran_by: ""              # who ran the audit
  reviewed_by: ""         # who reviewed it; empty prints "not reviewed"
  independence: ""        # their relation to the model's authors
  period: ""              # the period that the rows cover
  status: DRAFT           # DRAFT or FINAL
  page_size: A4           # A4 or Letter
"""


_THRESHOLD = {
    Task.BINARY: "threshold: 0.5            # scores at or above it are favourable decisions",
    Task.CLASSES: "# threshold: 0.5          # of the favourable class's chance, for its denials",
    Task.NUMBER: "# threshold: 100          # predictions at or above it are favourable decisions",
}
_GOOD = {
    Task.BINARY: "# The label value that is good for the person (default: 1):",
    Task.CLASSES: "# The class that is good for the person, which is laid against the rest:",
    Task.NUMBER: "# The model's own intervals, if it gives any:",
}
_NO_GOOD = {
    Task.BINARY: "# favourable: 1",
    Task.CLASSES: "# favourable: its name",
    Task.NUMBER: "# intervals: [low, high]   # the columns with their ends",
}
_CONTRACT = """\
# What the model takes: number, boolean, text, date, or the levels of a column of categories. Look
# through it: a table that holds something else is refused.
columns:
"""
_NO_LABEL = "# label: outcome          # the true outcome; without it, errors are not tested"
_IN_REGISTRY = "# name and version: those in the registry"


def _names(stem: str) -> str:
    return f"""\
name: {_quoted(stem)}
version: unregistered     # its version in the model registry"""


def _label_values(values: Mapping[str, Any]) -> str:
    pairs = ", ".join(f"{_quoted(k)}: {_level(v)}" for k, v in values.items())
    return f"label_values: {{{pairs}}}\n" if pairs else ""


def _contract(columns: Mapping[str, Any]) -> str:
    """The column contract; empty: there is none."""
    lines = []
    for name, kind in columns.items():
        said = kind if isinstance(kind, str) else f"[{', '.join(map(_level, kind))}]"
        lines.append(f"  {_quoted(name)}: {said}\n")
    return _CONTRACT + "".join(lines) if lines else ""


def _level(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _scalar(text: str) -> str:
    """A label value as YAML: a number as a number, anything else as text."""
    try:
        float(text)
    except ValueError:
        return _quoted(text)
    return text
