"""Dagster: the audit as a blocking check of the model's asset. What is downstream waits for it."""

from __future__ import annotations

import dagster as dg
from gate import GateError, gate

AUDIT_FILE = "/opt/models/credit/audit.yaml"


@dg.asset
def credit_model() -> None:
    """Trains the model and writes it beside its audit file."""


@dg.asset_check(asset=credit_model, blocking=True)
def audit_passes() -> dg.AssetCheckResult:
    """Whether the policy's conditions hold."""
    try:
        found = gate(AUDIT_FILE)
    except GateError as error:
        return dg.AssetCheckResult(passed=False, metadata={"why": str(error)})
    return dg.AssetCheckResult(passed=True, metadata={"statement": found["statement"]})


defs = dg.Definitions(assets=[credit_model], asset_checks=[audit_passes])
