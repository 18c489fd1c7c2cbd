"""Refusals of requests: a status, MLflow's error code, and the reason."""

from __future__ import annotations

from auditkit.errors import AuditkitError


class RefusedError(AuditkitError):
    """A refused request.

    Args:
        status: The HTTP status.
        code: MLflow's error code, for example "PERMISSION_DENIED".
        message: The reason, for the caller.
        retry_after: After how many seconds to try again; 0: trying again is no use.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer, beside those of its body."""
        found = {"WWW-Authenticate": 'Basic realm="mlflow"'} if self.status == 401 else {}
        return found | ({"Retry-After": str(self.retry_after)} if self.retry_after else {})


def denied(message: str) -> RefusedError:
    """A refusal because the caller may not do it."""
    return RefusedError(403, "PERMISSION_DENIED", message)


def unavailable(message: str) -> RefusedError:
    """A refusal because the server cannot judge now."""
    return RefusedError(503, "TEMPORARILY_UNAVAILABLE", message)


def unlogged() -> RefusedError:
    """A refusal because the decision could not be logged."""
    return unavailable("the decision could not be logged, so nothing was done")
