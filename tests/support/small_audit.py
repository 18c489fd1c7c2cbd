"""A folder with an audit that takes a second: decisions in a table, two conditions, no model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

POLICY = """\
id: hiring
version: "1"
title: Two conditions
as_of: 2026-11-22
rules:
  - id: FA-1
    title: Groups are selected at like rates
    check: fairness.selection_rates
    measure: impact_ratio
    by: [group]
    at_least: 0.8
    severity: high
    citation: house rule
    why: a rate far below another asks for a reason
  - id: PE-1
    title: Decisions are better than chance
    check: performance.classification
    measure: balanced_accuracy
    at_least: 0.5
    severity: medium
    citation: house rule
    why: else they carry no information
"""
AUDIT = """\
data: rows.csv
predictions: decision
label: good
favourable: 1
groups: [group]
policy: ./policy.yaml
name: hiring
as_of: 2026-11-24
seed: 1
"""
# How many of each group are selected, of n: what passes, fails, and leaves it open.
PASSING = {"a": (500, 1000), "b": (500, 1000)}
FAILING = {"a": (500, 1000), "b": (200, 1000)}
OPEN = {"a": (500, 1000), "b": (30, 75)}


def write_audit(
    folder: Path,
    selected: Mapping[str, tuple[int, int]] = PASSING,
    *,
    policy: str = POLICY,
    audit: str = AUDIT,
) -> Path:
    """Writes rows.csv, policy.yaml and audit.yaml to a folder, and gives the audit file.

    Args:
        folder: Made if it is not there.
        selected: Of each group how many are selected, and how many there are.
        policy: The policy's text.
        audit: The audit file's text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        (group, int(i < yes), int((i < yes) != (i % 10 == 0)))
        for group, (yes, n) in selected.items()
        for i in range(n)
    ]
    pd.DataFrame(rows, columns=["group", "decision", "good"]).to_csv(
        folder / "rows.csv", index=False
    )
    (folder / "policy.yaml").write_text(policy)
    (folder / "audit.yaml").write_text(audit)
    return folder / "audit.yaml"
