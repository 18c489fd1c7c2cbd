"""Reads files within bounds, and writes them whole.

Laws:
    - A reader opens regular files, and pipes that are open already (`/dev/stdin`, a shell's
      `<(...)`). It never waits for a device or for a pipe without a writer, and never reads more
      than its limit.
    - A writer leaves either the whole new file or the old one. The umask decides who may read a new
      file; a replaced file keeps its mode; only its owner can ever read a secret.
    - Links, folders and devices at the final name are refused, not followed or replaced.
    - Errors name the file, what is wrong and what to do; they never quote the content.

A killed process leaves its temporary file, `.NAME.0.part`. A writer locks its file while it lives,
so the next write of the same file notices that it was abandoned, and removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from auditkit.errors import AuditkitError, InputError, OutputError

# Limits for files that people write, such as policies, and programs write, such as reports.
WRITTEN_BY_PEOPLE: Final = 16 * 2**20
WRITTEN_BY_PROGRAMS: Final = 512 * 2**20

_OPEN_ALREADY: Final = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_WRITERS: Final = 100
_NAME_BYTES: Final = 200
# Errors of writing bytes; reading from elsewhere never raises them.
_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Writes all of some bytes to a descriptor, which may take fewer at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_bytes(
    path: Path,
    *,
    what: str = "file",
    limit: int = WRITTEN_BY_PROGRAMS,
    kind: type[AuditkitError] = InputError,
    remedy: str = "check the path",
) -> bytes:
    """A file's bytes.

    Args:
        path: The file.
        what: Its name in errors, for example "policy".
        limit: The most bytes it may have.
        kind: The class of the error to raise.
        remedy: What to do if there is no such file.

    Raises:
        AuditkitError: Of the kind given, if there is no such file, it is a folder or a device, is
            too large, or may not be read.
    """
    try:
        with _opened(path, what, kind) as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > limit else file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error, kind, remedy) from error
    if max(size, len(data)) > limit:
        raise kind(
            f"The {what} {path.name} is larger than {limit // 2**20:,} MiB.",
            remedy=f"give the file of the {what}; none is that large",
        )
    return data


def read_text(
    path: Path,
    *,
    what: str = "file",
    limit: int = WRITTEN_BY_PEOPLE,
    kind: type[AuditkitError] = InputError,
    remedy: str = "check the path",
) -> str:
    r"""A file's text, its lines ended by `\n` alone.

    Args:
        path: The file, in UTF-8.
        what: See `read_bytes`.
        limit: See `read_bytes`.
        kind: See `read_bytes`.
        remedy: See `read_bytes`.

    Raises:
        AuditkitError: See `read_bytes`; also if the file is not UTF-8.
    """
    data = read_bytes(path, what=what, limit=limit, kind=kind, remedy=remedy)
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise kind(
            f"The {what} {path.name} is not text in UTF-8: byte {error.start:,} cannot be read.",
            remedy="save it as UTF-8",
        ) from error


def require_file(
    path: Path,
    *,
    what: str = "file",
    kind: type[AuditkitError] = InputError,
    remedy: str = "check the path",
) -> None:
    """Refuses a path that a library would fail on or wait for when it opens the file.

    Raises:
        AuditkitError: Of the kind given, if there is no such file, it is a folder, a device or a
            pipe, or may not be read.
    """
    try:
        with _opened(path, what, kind, pipes=False):
            pass
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error, kind, remedy) from error


def write_whole(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Writes a file whole, or leaves the old one; see `whole_file`. Makes its folder.

    Raises:
        OutputError: If the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    with whole_file(path, secret=secret) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path, *, secret: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes its name in one step when the block ends.

    The bytes go to a temporary file in the same folder and are synced to disk before that; the
    folder is synced after it. If the block raises, the old file is still there.

    Args:
        path: The file.
        secret: Whether only its owner may read it, whatever the old file's mode.

    Raises:
        OutputError: If the file cannot be written.
    """
    try:
        kept = _mode_of_replaced(path)
        temporary, descriptor = _temporary(path, 0o600 if secret else 0o666)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    done = False
    try:
        if kept is not None and not secret:
            os.fchmod(descriptor, kept)
        # A second descriptor: the block may close the first without losing the lock.
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
        os.fsync(descriptor)
        temporary.replace(path)
        done = True
        sync_to_disk(path.parent)
    except OSError as error:
        if error.errno in _OF_WRITING or done:
            raise _unwritable(path, error) from error
        raise
    finally:
        if not done:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        os.close(descriptor)


def require_writable(folder: Path) -> None:
    """Makes a folder and checks that files can be written there, before long work begins.

    Raises:
        OutputError: If not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".auditkit-"):
            pass
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error


@contextmanager
def _opened(
    path: Path, what: str, kind: type[AuditkitError], *, pipes: bool = True
) -> Iterator[BinaryIO]:
    # Check before opening, because opening some devices has effects; and check again after it.
    _refuse_other_than_file(path, path.stat().st_mode, what, kind, pipes=pipes)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        _refuse_other_than_file(path, os.fstat(descriptor).st_mode, what, kind, pipes=pipes)
        os.set_blocking(descriptor, True)
        yield file


def _refuse_other_than_file(
    path: Path, mode: int, what: str, kind: type[AuditkitError], *, pipes: bool
) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise kind(f"The {what} {path.name} is a folder.", remedy="name a file in it")
    if pipes and stat.S_ISFIFO(mode) and str(path).startswith(_OPEN_ALREADY):
        return
    raise kind(f"The {what} {path.name} is a device or a pipe.", remedy="name a file")


def _unreadable(
    path: Path, what: str, error: Exception, kind: type[AuditkitError], remedy: str
) -> AuditkitError:
    if isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
        return kind(f"There is no {what} at {path}.", remedy=remedy)
    return kind(
        f"The {what} {path.name} cannot be read: {_why(error)}.",
        remedy="name a file that you may read",
    )


def _mode_of_replaced(path: Path) -> int | None:
    """The mode of the old file; None: there is none."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(mode):
        raise OutputError(
            f"{path} could not be written: it is a link.",
            remedy="name the file that it leads to, or remove the link",
        )
    if stat.S_ISDIR(mode):
        raise OutputError(
            f"{path} could not be written: it is a folder.", remedy="name a file in it"
        )
    if not stat.S_ISREG(mode):
        raise OutputError(
            f"{path} could not be written: it is a device or a pipe.", remedy="name a file"
        )
    return stat.S_IMODE(mode) & 0o777


def _temporary(path: Path, mode: int) -> tuple[Path, int]:
    """A new, locked file beside another, and its descriptor.

    The kernel applies the umask: a process can read its umask only by changing it, for all threads.
    """
    stem = os.fsdecode(os.fsencode(path.name)[:_NAME_BYTES])
    for number in range(_WRITERS):
        found = path.with_name(f".{stem}.{number}.part")
        for _ in range(2):
            try:
                descriptor = os.open(found, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            except FileExistsError:
                if not _remove_abandoned(found):
                    break
                continue
            if _lock(descriptor, if_unknown=True) and os.fstat(descriptor).st_nlink:
                return found, descriptor
            os.close(descriptor)  # another writer removed it as abandoned before it was locked
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _remove_abandoned(temporary: Path) -> bool:
    """Removes a temporary file whose writer is gone; False: the writer lives, or may live."""
    try:
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        opened = os.fstat(descriptor)
        if not stat.S_ISREG(opened.st_mode) or not _lock(descriptor, if_unknown=False):
            return False
        with suppress(FileNotFoundError):
            if os.path.samestat(opened, temporary.lstat()):
                temporary.unlink()
        return True
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, if_unknown: bool) -> bool:
    """Locks a file; whether it worked. If the disk has no locks, the answer given."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return if_unknown
    return True


def sync_to_disk(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk.

    Raises:
        OSError: If the system cannot say so.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__


def _unwritable(path: Path, error: Exception) -> OutputError:
    if isinstance(error, ValueError):
        return OutputError(f"{path} could not be written: not a path.", remedy="name a file")
    remedies = {
        errno.ENOSPC: "free some space on that disk, then run again",
        errno.EDQUOT: "free some of your quota, then run again",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f), then run again",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "choose a folder on a disk that is not read-only",
        errno.ENOENT: "make its folder first, or choose another",
        errno.ENOTDIR: "choose a folder; a part of that path is a file",
        errno.EEXIST: "choose a folder; there is a file of that name",
        errno.ENAMETOOLONG: "choose a shorter name",
    }
    number = getattr(error, "errno", None) or 0
    remedy = remedies.get(number, "choose another folder, then run again")
    return OutputError(f"{path} could not be written: {_why(error)}.", remedy=remedy)
