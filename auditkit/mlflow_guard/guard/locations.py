"""Whether files to come may be at a location that somebody chose."""

from __future__ import annotations

from auditkit.access.record.moves import overlap
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.upstream import locations
from auditkit.mlflow_guard.upstream.refusals import RefusedError


def refuse_taken(plan: RequestPlan) -> None:
    """Refuses a location in, above or at the files of somebody else, of any workspace.

    Raises:
        RefusedError: If it is one, or one that MLflow would use by itself.
    """
    try:
        others = locations.taken() if plan.locates else set()
        defaults = [path for path in plan.locates if locations.is_default(path)]
    except Exception as error:
        raise RefusedError(409, "INVALID_STATE", "nobody can tell whose files are there") from error
    if defaults:
        raise _refused("MLflow puts files there by itself")
    if any(overlap(path, other) for path in plan.locates for other in others):
        raise _refused("an experiment or a model version has files there, below or above")


def _refused(reason: str) -> RefusedError:
    return RefusedError(
        400, "INVALID_PARAMETER_VALUE", f"{reason}; choose another location, or leave it out"
    )
