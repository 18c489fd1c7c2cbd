"""Loads what an audit file names, the model from MLflow's registry if it says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditkit.cli.shared.console import quiet_mlflow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditkit.loading.audit_file import AuditFile
    from auditkit.subject import Inputs


def load_inputs(audit: AuditFile, folder: Path, *, outside: Sequence[Path] = ()) -> Inputs:
    """As `inputs_of`, with the registry that MLflow's own clients would ask.

    Raises:
        AuditkitError: As `inputs_of`.
    """
    from auditkit.loading.audit_file import inputs_of
    from auditkit.registry.reference import is_reference

    if any(is_reference(name) for name in audit.models):
        quiet_mlflow()
    return inputs_of(audit, folder, outside=outside, registry=registry_address())


def registry_address() -> str:
    """The registry's address, MLFLOW_TRACKING_URI; empty if it is not set."""
    return os.environ.get("MLFLOW_TRACKING_URI", "")
