"""Refuses what would change a version that was approved or promoted, or lead past its copy."""

from __future__ import annotations

from collections.abc import Collection

from auditkit.access.record.moves import overlap
from auditkit.errors import OutputError, VerificationError
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied


def refuse_changes(plan: RequestPlan, *, frozen: frozenset[str], pinned: Collection[str]) -> None:
    """Refuses to change records or files, or to hand out a link to the files.

    Args:
        plan: What a request would do.
        frozen: Names of records that stay as they are.
        pinned: Where the files are that stay as they are.

    Raises:
        RefusedError: If the plan touches one of them.
    """
    if frozen.intersection(plan.changes):
        raise _conflict(
            "this belongs to a version that was approved or promoted, so its metrics, parameters, "
            "tags, inputs and outputs stay as they are; register a new version instead"
        )
    if _touches(plan.links, pinned):
        raise _conflict(
            "these files belong to a version that was approved or promoted, and a link into the "
            "storage would go past the approved copy; download them from the server, or register a "
            "new version"
        )
    if _touches(plan.writes, pinned):
        raise denied(
            "these files belong to a version that was approved or promoted; register a new version "
            "instead"
        )


def refuse_elsewhere(source: str) -> None:
    """Refuses to approve or promote files that the server could not serve itself.

    Args:
        source: Where they are.

    Raises:
        RefusedError: If that is outside of the storage that the server proxies.
    """
    if f"{source}/".startswith("elsewhere/"):
        raise _conflict(
            "the version's files are outside the storage that this server proxies, so it could not "
            "serve the approved ones; log them to a run with the default location for artifacts, "
            "and register that"
        )


def unkept(error: OutputError | VerificationError) -> RefusedError:
    """The refusal to approve or promote files of which there can be no good copy."""
    message = f"{error.message.rstrip('.')}; {error.remedy}"
    if isinstance(error, OutputError):
        return RefusedError(507, "TEMPORARILY_UNAVAILABLE", message)
    return RefusedError(409, "RESOURCE_CONFLICT", message)


def _touches(paths: Collection[str], pinned: Collection[str]) -> bool:
    return any(overlap(path, source) for path in paths for source in pinned)


def _conflict(message: str) -> RefusedError:
    return RefusedError(409, "INVALID_STATE", message)
