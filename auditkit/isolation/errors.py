"""The errors of child processes."""

from __future__ import annotations

from auditkit.errors import AuditkitError


class ChildError(AuditkitError):
    """A child process gave no answer."""


class ChildLimitError(ChildError):
    """The input takes more time, memory or room than allowed."""


class ChildCrashError(ChildError):
    """The process ended without an answer because of its input."""


class ChildUnavailableError(ChildError):
    """The process could not be started, or did not answer: nothing is known about its input."""


def unavailable(what: str) -> ChildUnavailableError:
    """The error for a process that could not be started, or did not answer."""
    return ChildUnavailableError(
        f"The child process for it {what}.",
        remedy="try again on a machine with free memory and computing time, and check that this "
        "Python can be started",
    )
