"""How a request is refused: a status, MLflow's error code, and why."""

from __future__ import annotations

from auditkit.errors import AuditkitError


class RefusedError(AuditkitError):
    """A request that is not let through.

    Args:
        status: The HTTP status.
        code: MLflow's error code, as "PERMISSION_DENIED".
        message: Why, for the caller.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def denied(message: str) -> RefusedError:
    """A refusal because somebody may not."""
    return RefusedError(403, "PERMISSION_DENIED", message)


def unavailable(message: str) -> RefusedError:
    """A refusal because the server cannot do its part."""
    return RefusedError(503, "TEMPORARILY_UNAVAILABLE", message)


def unlogged() -> RefusedError:
    """A refusal because the decision could not be logged."""
    return unavailable("the decision could not be logged, so nothing was done")
