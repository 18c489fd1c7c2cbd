"""What the server's storage may touch: what was admitted for the present request, and no more."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import Final

from auditkit.access.record.moves import overlap
from auditkit.errors import LedgerError
from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.guard.serving import ServedFiles
from auditkit.mlflow_guard.upstream.refusals import denied

# Both gates set it. It follows a request into the threads and tasks that serve it.
ADMITTED: Final[ContextVar[Admission | None]] = ContextVar("auditkit_admitted", default=None)


class AdmittedStorage:
    """Lets a request write what its plan names, and the server by itself nothing.

    Args:
        gate: The gate, which logs refusals.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def may_write(self, name: str) -> None:
        """See `StorageGuard`."""
        self._refuse_copies(name)
        admission = ADMITTED.get()
        if admission is not None and any(_within(name, path) for path in admission.plan.writes):
            return
        error = denied(f"writing to {name or 'the root'} was not part of what was judged")
        # It is refused all the same if it cannot be logged.
        with suppress(LedgerError):
            if admission is None:
                self._gate.refuse_unasked("storage", error)
            else:
                self._gate.take_back(admission.logged, error)
        raise error

    def approved(self, name: str) -> ServedFiles | None:
        """See `StorageGuard`."""
        self._refuse_copies(name)
        return self._gate.promotions.approved.holding(name)

    def _refuse_copies(self, name: str) -> None:
        """Keeps the folder of copies to the server itself, wherever a location may lead."""
        if overlap(name, f"elsewhere{self._gate.stores.copies.root}") and name:
            raise denied("the folder of approved files is nobody's to read or write")


def _within(name: str, path: str) -> bool:
    return path in ("", name) or name.startswith(f"{path}/")
