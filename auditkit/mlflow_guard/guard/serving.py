"""Serves the copies of approved versions wherever MLflow reads the files that they were made of.

Laws:
    - Below the source of an approved or promoted version, whoever asks by whichever route gets the
      approved bytes or a refusal, whatever the storage holds.
    - Which version was approved follows from the log as of the request's admission.
    - A copy that was changed is refused, logged once, and alerted once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from auditkit.access.record.approvals import COPY_CHANGED, PromotionState
from auditkit.access.record.approved import ApprovedFiles, ApprovedRecord, approved_record
from auditkit.access.record.log import Recorder
from auditkit.canonical import Digest, Json
from auditkit.errors import AuditkitError, LedgerError, VerificationError
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.mlflow_guard.upstream.stores import Stores
from auditkit.registry.copies import ApprovedCopy, Entry, MissingCopyError

Alert = Callable[[dict[str, Json]], object]


class ApprovedReads:
    """The approved bytes, by the names of the files that they were made of.

    Args:
        stores: Keeps the copies, and makes a missing one again.
        recorder: Writes to the log.
        alert: Is told of a copy that was changed.
    """

    def __init__(self, stores: Stores, recorder: Recorder, *, alert: Alert | None = None) -> None:
        self.stores = stores
        self._recorder = recorder
        self._alert = alert
        self._revision = -1
        self._reported: set[str] = set()
        self.record = ApprovedRecord()

    def follow(self, state: PromotionState) -> None:
        """Takes over what the log says up to now. Hold the lock of the state."""
        if state.revision != self._revision:
            self.record = approved_record(state)
            self._revision = state.revision

    def holding(self, name: str) -> ServedFiles | None:
        """What is served for a file or folder of an approved version; None: it is of none."""
        files = self.record.holding(name)
        return ServedFiles(self, files, files.inside(name)) if files is not None else None

    def digest(self, source: str) -> Digest | None:
        """The digest of what is served for a version's source; None: its files are not approved.

        Raises:
            RefusedError: If the copy was changed, or is missing and cannot be made again.
        """
        served = self.holding(source)
        if served is None or served.name:
            return None
        served.copy()
        return Digest.parse(served.files.digest)

    def copy(self, files: ApprovedFiles) -> ApprovedCopy:
        """The copy of approved files; a missing one is made again of the same bytes.

        Raises:
            RefusedError: If it was changed, or is missing and the storage has other bytes.
        """
        digest = Digest.parse(files.digest)
        copies = self.stores.copies
        try:
            try:
                return copies.copy(digest)
            except MissingCopyError:
                found = copies.take(
                    lambda folder: self.stores.fetch_stored(files.source, folder),
                    keep=True,
                    expected=digest,
                )
                if found == digest:
                    return copies.copy(digest)
                what = "missing, and the storage holds other files"
                self._report(files, what)
                raise _refused(
                    f"the copy of these approved files is {what}; put it back from a backup"
                ) from None
        except VerificationError as error:
            self._report(files, "changed")
            raise _refused(f"{error.message.rstrip('.')}; {error.remedy}") from error
        except AuditkitError as error:
            if isinstance(error, RefusedError):
                raise
            raise _refused(
                f"there is no copy of these approved files: {error.message.rstrip('.')}"
            ) from error

    def at_hand(self, files: ApprovedFiles, name: str) -> ApprovedCopy | None:
        """The copy of approved files, if nothing need be hashed to use one of them."""
        return self.stores.copies.at_hand(Digest.parse(files.digest), name)

    def _report(self, files: ApprovedFiles, what: str) -> None:
        """Logs and alerts that a copy is not what it was; once for each in a process."""
        if files.digest in self._reported:
            return
        self._reported.add(files.digest)
        payload: dict[str, Json] = {
            "artifact_digest": files.digest,
            "source": files.source,
            "found": what,
        }
        try:
            self._recorder.now(COPY_CHANGED, payload)
        except LedgerError:
            self._reported.discard(files.digest)
            return  # the next reader reports it
        if self._alert is not None:
            arguments = ({"kind": COPY_CHANGED, **payload},)
            threading.Thread(target=self._alert, args=arguments, daemon=True).start()


@dataclass(frozen=True, slots=True)
class ServedFiles:
    """What is served for one file or folder.

    Attributes:
        files: The version it belongs to.
        name: Its name relative to the version's source; empty: it is the source.
    """

    reads: ApprovedReads
    files: ApprovedFiles
    name: str

    def copy(self) -> ApprovedCopy:
        """See `ApprovedReads.copy`."""
        return self.reads.copy(self.files)

    def path_at_hand(self) -> Path | None:
        """The file or folder, if it needs no hashing; None: ask for `path`, which may take long."""
        copy = self.reads.at_hand(self.files, self.name)
        return copy.path(self.name) if copy is not None else None

    def path(self) -> Path | None:
        """The file or folder in the copy; None: the copy has none of that name.

        Raises:
            RefusedError: If the copy may not be used.
        """
        return self.copy().path(self.name)

    def entries(self) -> list[Entry]:
        """What the folder holds, sorted by name.

        Raises:
            RefusedError: If the copy may not be used.
        """
        return self.copy().entries(self.name)


def _refused(message: str) -> RefusedError:
    return RefusedError(409, "RESOURCE_CONFLICT", message)
