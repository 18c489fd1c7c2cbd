"""Copies of approved versions: one read-only folder for each digest, which no route writes.

    approved/<64 hexadecimal digits>/...          a version whose source is a folder
    approved/<64 hexadecimal digits>.file/NAME    one whose source is a file

Several servers may share the folder. No server changes or removes a copy.

Laws:
    - A copy appears whole or not at all: it is fetched into a temporary folder on the same disk,
      hashed there, synced, and renamed. What a killed server left is removed by the next.
    - A copy is used only if its files have its digest. They are hashed on first use in a process,
      and again when a file's size, times or inode are no longer those of that moment.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditkit.canonical import Digest
from auditkit.errors import AuditkitError, OutputError, VerificationError
from auditkit.files import sync_to_disk
from auditkit.registry.digest import ArtifactFile, artifact_files, digest_of_files

_INCOMING: Final = ".incoming-"
_PROBE_BYTES: Final = 256 * 1024
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_THERE_ALREADY: Final = (errno.ENOTEMPTY, errno.EEXIST)

Status = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a folder of a copy, or a folder, which has no size."""

    name: str
    size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovedCopy:
    """A copy whose files had its digest when they were hashed.

    Names in it are relative to the version's source; the empty name is the source itself.

    Attributes:
        folder: Where it is.
        single: The name of its one file, if the version's source is a file; else empty.
        files: Size, times and inode of each file when it was hashed.
    """

    folder: Path
    single: str
    files: Mapping[str, Status]

    def path(self, name: str) -> Path | None:
        """A file or folder of it; None: it has none of that name."""
        if self.single:
            return None if name else self.folder / self.single
        return self.folder / name if not name or self._inner(name) else None

    def below(self, name: str) -> dict[str, Path]:
        """Every file below a folder of it, by its path in that folder; none, if it is a file."""
        if self.single or name in self.files:
            return {}
        skipped = len(name) + 1 if name else 0
        return {path[skipped:]: self.folder / path for path in self._inner(name)}

    def entries(self, name: str) -> list[Entry]:
        """What a folder of it holds, sorted by name; nothing, if it is a file."""
        found: dict[str, int | None] = {}
        for inner, path in self.below(name).items():
            first, _, rest = inner.partition("/")
            size = self.files[path.relative_to(self.folder).as_posix()][0]
            found[first] = None if rest else size
        return [Entry(child, size) for child, size in sorted(found.items())]

    def is_intact(self, name: str) -> bool:
        """Whether a file of it, or each below a folder of it, looks as it did when hashed."""
        return all(_status(self.folder / path) == self.files[path] for path in self._inner(name))

    def _inner(self, name: str) -> list[str]:
        if not name or name in self.files:
            return [name] if name else list(self.files)
        return [path for path in self.files if path.startswith(f"{name}/")]


class MissingCopyError(AuditkitError):
    """There is no copy of a digest."""


class ApprovedCopies:
    """The folder of copies.

    Args:
        root: The folder; it is made if it does not exist.

    Raises:
        OutputError: If it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Digest, ApprovedCopy] = {}
        self._changed: dict[Digest, dict[str, Status]] = {}
        self._hashing = threading.Lock()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unkept(error) from error

    def take(
        self, fetch: Callable[[Path], Path], *, keep: bool, expected: Digest | None = None
    ) -> Digest:
        """Fetches files and hashes them; keeps them as a copy, or not.

        Args:
            fetch: Writes the files into an empty folder, and returns where they are.
            keep: Whether to keep them, if there is no copy of their digest yet.
            expected: Files of another digest are not kept; None: those of any are.

        Returns:
            Their digest.

        Raises:
            OutputError: If they cannot be kept; nothing is left.
            VerificationError: If the copy of their digest was changed.
            InputError: If they hold a link or something that is not a file.
            NothingToAuditError: If there are none.
        """
        with self._incoming() as folder:
            try:
                (folder / "files").mkdir()
                fetched = fetch(folder / "files")
            except Exception as error:
                # Not every storage says why it failed; a full disk still is full.
                full = _fault_of_disk(folder)
                if full is not None:
                    raise _unkept(full) from error
                raise
            files = artifact_files(fetched)
            digest = digest_of_files(files)
            if keep and expected in (None, digest):
                try:
                    self._keep(folder, fetched, digest, files)
                except OSError as error:
                    raise _unkept(error) from error
        return digest

    def copy(self, digest: Digest) -> ApprovedCopy:
        """The copy of a digest, whose files have been hashed.

        Raises:
            MissingCopyError: If there is none.
            VerificationError: If its files have another digest.
        """
        known = self._known.get(digest)
        if known is not None and known.is_intact(""):
            return known
        with self._hashing:
            return self._hashed(digest)

    def at_hand(self, digest: Digest, name: str) -> ApprovedCopy | None:
        """The copy of a digest, if its files need not be hashed to use one of them.

        Args:
            digest: The digest.
            name: The file or folder to use.
        """
        known = self._known.get(digest)
        return known if known is not None and known.is_intact(name) else None

    def _hashed(self, digest: Digest) -> ApprovedCopy:
        known = self._known.get(digest)
        if known is not None and known.is_intact(""):
            return known  # by another thread
        for folder in self._places(digest):
            try:
                before = _statuses(folder)
                if before == self._changed.get(digest):
                    raise _changed(digest)  # it was hashed before, as it is now
                files = artifact_files(folder)
                after = _statuses(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _changed(digest) from error
            except VerificationError:
                raise
            except AuditkitError as error:
                raise _changed(digest) from error
            if before != after or digest_of_files(files) != digest:
                self._known.pop(digest, None)
                self._changed[digest] = after
                raise _changed(digest)
            self._changed.pop(digest, None)
            return self._remember(digest, folder, after)
        raise MissingCopyError(f"There is no copy of the files {digest.short}.")

    def _remember(self, digest: Digest, folder: Path, files: dict[str, Status]) -> ApprovedCopy:
        single = next(iter(files)) if folder.suffix else ""
        self._known[digest] = ApprovedCopy(folder=folder, single=single, files=files)
        return self._known[digest]

    def _places(self, digest: Digest) -> tuple[Path, Path]:
        return self.root / digest.hex, self.root / f"{digest.hex}.file"

    def _keep(
        self, folder: Path, fetched: Path, digest: Digest, files: tuple[ArtifactFile, ...]
    ) -> None:
        """Makes fetched files the copy of their digest, unless there is one."""
        whole, single = self._places(digest)
        place = single if fetched.is_file() else whole
        if not place.exists():
            if place is single:
                kept = folder / ".file"
                kept.mkdir()
                fetched = fetched.rename(kept / fetched.name)
            else:
                kept = fetched
            _settle(kept)
            try:
                kept.rename(place)
            except OSError as error:
                if error.errno not in _THERE_ALREADY:
                    raise
            else:
                # A folder can be renamed only as long as it may be written.
                place.chmod(0o555)
                sync_to_disk(place)
                sync_to_disk(self.root)
                statuses = _statuses(place)
                if {path: status[0] for path, status in statuses.items()} == {
                    file.path: file.size for file in files
                }:
                    self._remember(digest, place, statuses)
                    return
        self.copy(digest)  # of another server; it is no good if it was changed since

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A temporary folder, locked while it is in use, and removed after it."""
        self._remove_abandoned()
        try:
            folder, descriptor = self._locked()
        except OSError as error:
            raise _unkept(error) from error
        try:
            yield folder
        finally:
            _remove(folder)
            os.close(descriptor)

    def _locked(self) -> tuple[Path, int]:
        """A new folder and the descriptor that locks it."""
        while True:
            folder = self.root / f"{_INCOMING}{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700)
            with suppress(FileNotFoundError):  # another server took it for abandoned
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                with suppress(OSError):  # a disk without locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                if folder.exists():
                    return folder, descriptor
                os.close(descriptor)

    def _remove_abandoned(self) -> None:
        for folder in self.root.glob(f"{_INCOMING}*"):
            with suppress(OSError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(folder)
                finally:
                    os.close(descriptor)


def _statuses(folder: Path) -> dict[str, Status]:
    """Size, times and inode of every file below a folder.

    Raises:
        OSError: If the folder or a file is gone.
    """
    if not folder.is_dir():
        raise FileNotFoundError
    return {
        path.relative_to(folder).as_posix(): _must(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }


def _must(path: Path) -> Status:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _status(path: Path) -> Status | None:
    """Size, times and inode of a file; None: it cannot be seen."""
    try:
        return _must(path)
    except OSError:
        return None


def _settle(folder: Path) -> None:
    """Makes everything below a folder read-only, and syncs it and the folder to disk."""
    for place, folders, names in os.walk(folder, topdown=False):
        for name in names:
            (Path(place) / name).chmod(0o444)
            sync_to_disk(Path(place) / name)
        for name in folders:
            (Path(place) / name).chmod(0o555)
            sync_to_disk(Path(place) / name)
    sync_to_disk(folder)


def _remove(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(place).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _fault_of_disk(folder: Path) -> OSError | None:
    """Why nothing more can be written to a disk because it is full; None: it is not."""
    probe = folder / ".probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error if error.errno in _FULL else None
    return None


def _unkept(error: OSError) -> OutputError:
    remedy = "check that the server may write to the folder of approved files"
    if error.errno in _FULL:
        remedy = "free some space on the disk of the folder of approved files, then try again"
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    return OutputError(f"The version's files cannot be copied: {why}.", remedy=remedy)


def _changed(digest: Digest) -> VerificationError:
    return VerificationError(
        f"The copy of the approved files {digest.short} was changed on the server's disk.",
        remedy="find out who changed it; put its files back from a backup, or move it away: the "
        "server makes it again if the version's own files still have the approved digest",
    )
