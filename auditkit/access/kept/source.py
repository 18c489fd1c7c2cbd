"""The policy in force, followed as it changes where it is kept: a folder, or a database.

Laws:
    - What is in force is always a sealed whole. What is being edited, half written, changed behind
      everyone's back, not signed as required, or older than what is in force is not taken up; the
      policy before it stays.
    - A change is taken up by the first request that comes after it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from auditkit.access.kept.seal import Approvers, Seal
from auditkit.access.policy.control import AccessControl
from auditkit.errors import PolicyError, VerificationError

_logger: Final = logging.getLogger("auditkit.access")

Sealed = tuple[AccessControl, Seal]


class PolicyInForce:
    """One policy at a time; safe between threads.

    Args:
        stamp: Says cheaply what is there now; another answer means that it has changed.
        read: Reads a sealed policy.
        approvers: Whose signatures count; empty: none is required.

    Raises:
        PolicyError: If what is there is not sealed, or wrong.
        VerificationError: If it is not what was approved, or not signed as required.
    """

    def __init__(
        self, stamp: Callable[[], Any], read: Callable[[], Sealed], *, approvers: Approvers
    ) -> None:
        self._stamp, self._read = stamp, read
        self._approvers = approvers
        self._lock = threading.Lock()
        self._seen = stamp()
        self._in_force = read()
        self._in_force[1].require(approvers)
        self.refused = ""

    def current(self, *, wait: bool = False) -> Sealed:
        """The policy in force and its seal.

        A change is read by one thread, while the others go on with what is in force.

        Args:
            wait: Whether to wait for a thread that is reading a change.

        Raises:
            InputError: If it cannot be told whether the policy has changed.
        """
        if (wait or self._stamp() != self._seen) and self._lock.acquire(blocking=wait):
            try:
                seen = self._stamp()
                if seen != self._seen:
                    self.refused = self._take_up()
                    self._seen = seen
            finally:
                self._lock.release()
        return self._in_force

    def _take_up(self) -> str:
        """Takes up what is there; else says why not."""
        try:
            access, seal = self._read()
            seal.require(self._approvers)
        except (PolicyError, VerificationError) as error:
            return _stays(error.message)
        if seal.time < self._in_force[1].time:
            return _stays("The access policy is older than the one in force.")
        self._in_force = access, seal
        return ""


def _stays(why: str) -> str:
    _logger.warning("A change of the access policy is not in force: %s", why)
    return why
