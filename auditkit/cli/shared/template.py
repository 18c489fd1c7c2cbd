"""The audit.yaml that `auditkit init` writes: every key, each with its meaning."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from auditkit.loading.places import is_bare
from auditkit.registry.reference import is_reference
from auditkit.resources import schema_line


def audit_yaml(
    *,
    name: str,
    folder: Path,
    model: Path | None,
    scores: str | None,
    predictions: str | None,
    data: Path,
    label: str | None,
    favourable: str | None,
    groups: Sequence[str],
    reference: Path | None,
    policy: str,
) -> str:
    """The text of a new audit file. Paths are written relative to its folder."""

    def relative(path: Path) -> str:
        # Links among its folders are resolved; the file itself, if it is a link, is not.
        local = os.path.relpath(path.parent.resolve() / path.name, folder.resolve())
        return _quoted(f"./{local}" if is_bare(local) else local)

    registered = model is not None and is_reference(str(model))
    good = "# favourable: 1" if favourable is None else f"favourable: {_scalar(favourable)}"
    if reference is None:
        relative_to = f"reference: {relative(data)}  # a stand-in: give the training data instead"
    else:
        relative_to = f"reference: {relative(reference)}"
    judged = "\n".join(
        f"{key}: {value}"
        for key, value in (
            ("model", _quoted(str(model)) if registered else relative(model) if model else None),
            ("scores", _quoted(scores) if scores else None),
            ("predictions", _quoted(predictions) if predictions else None),
        )
        if value is not None
    )
    policy_text = _quoted(policy) if is_bare(policy) else relative(Path(policy))
    return f"""\
{schema_line("audit", folder)}\
# One audit. Run it:  auditkit run {name} --output audit/
# Paths are relative to this file's folder. To allow files outside it: --allow-outside FILE.
# Unknown keys are errors.

# The model ---------------------------------------------------------------------------------------
{_IN_REGISTRY if registered else _names((model or data).stem)}
purpose: ""               # what it decides, in one line; printed on page 1
owner: ""                 # who is accountable for it
{judged}
threshold: 0.5            # scores at or above it are favourable decisions

# The rows to evaluate: not those that the model was trained on -----------------------------------
data: {relative(data)}
# missing: [NA]           # words that mean a missing value; an empty cell always does
{_NO_LABEL if label is None else f"label: {_quoted(label)}"}
# The label value that is good for the person (default: 1):
{good}
# The columns to compare groups by; they need not be features of the model:
groups: [{", ".join(_quoted(g) for g in groups)}]
# Explanations are relative to these rows:
{relative_to}

# The rules to meet: a policy file, or the name of one that comes with auditkit -------------------
policy: {policy_text}

# Evidence made before the audit, by de-identification, access control or the registry:
evidence: []

seed: 0                   # seeds every random draw
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


_NO_LABEL = "# label: outcome          # the true outcome; without it, errors are not tested"
_IN_REGISTRY = "# name and version: those in the registry"


def _names(stem: str) -> str:
    return f"""\
name: {_quoted(stem)}
version: unregistered     # its version in the model registry"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _scalar(text: str) -> str:
    """A label value as YAML: a number as a number, anything else as text."""
    try:
        float(text)
    except ValueError:
        return _quoted(text)
    return text
