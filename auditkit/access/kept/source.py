"""The policy in force, reloaded when it changes in its folder or database.

Laws:
    - Only a sealed policy is in force. One that is being edited, half-written, changed without
      approval, not signed as required, or older than the one in force is refused, and the previous
      one stays.
    - The first request after a change decides by the new policy.
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
    """The one policy in force; threads may share it.

    Args:
        stamp: Returns cheaply a value that differs after any change.
        read: Reads a sealed policy.
        approvers: Whose signatures count; empty: no signature is required.

    Raises:
        PolicyError: If the stored policy is not sealed, or invalid.
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

        One thread reads a change, while the others go on with the policy in force.

        Args:
            wait: Whether to wait for a thread that is reading a change.

        Raises:
            InputError: If it is unknown whether the policy has changed.
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
        """Puts the stored policy into force; returns why not, if it cannot."""
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
