"""Files: read within bounds, written whole.

Laws:
    - A reader opens regular files, and pipes that are open already (`/dev/stdin`, a shell's
      `<(...)`). It waits for no device and no pipe that nobody may ever write to, and never reads
      more than its limit.
    - A writer leaves the whole new file, or what was there before. The system's umask says who may
      read it; a file that is replaced keeps its mode; a secret is its owner's from the first byte.
    - Links, folders and devices at the final name are refused, not followed or replaced.
    - Errors name the file, what is wrong and what to do; never what the file holds.

A process that is killed leaves its temporary file, `.NAME.0.part`. It is locked while its writer
lives, so the next write of the same file can tell that it was abandoned, and removes it.
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

# What people write, as policies and plans; and what programs write, as evidence and reports.
WRITTEN_BY_PEOPLE: Final = 16 * 2**20
WRITTEN_BY_PROGRAMS: Final = 512 * 2**20

_OPEN_ALREADY: Final = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_WRITERS: Final = 100
_NAME_BYTES: Final = 200
# What goes wrong while bytes are written, and never while they are fetched from elsewhere.
_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


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
        what: What it is called in errors, as "policy".
        limit: The most bytes it may have.
        kind: The error to raise.
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
        what: As for `read_bytes`.
        limit: As for `read_bytes`.
        kind: As for `read_bytes`.
        remedy: As for `read_bytes`.

    Raises:
        AuditkitError: As `read_bytes` does, or if the file is not UTF-8.
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
    """Refuses what a library would fail on or wait for, where it opens the file by its path.

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
    """Writes a file, or leaves what was there before; see `whole_file`. Makes its folder.

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

    The bytes go to a temporary file in the same folder and are synced to disk before; the folder
    is synced after. If the block raises, what was there before is still there.

    Args:
        path: The file.
        secret: Only its owner may read it, whatever was there before.

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
        # Another descriptor, so that it may be closed by the block without the lock being lost.
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
        os.fsync(descriptor)
        temporary.replace(path)
        done = True
        _sync_folder(path.parent)
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
    """Makes a folder, and sees that files can be written there, before long work begins.

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
    # Looked at before it is opened, since opening some devices does something; and after.
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
    """Who may do what with the file that is there; None: there is none."""
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

    The kernel takes the umask off the mode: to ask for the umask is to change it, for all threads.
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
            os.close(descriptor)  # another writer took it for abandoned before it was locked
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _remove_abandoned(temporary: Path) -> bool:
    """Removes a temporary file whose writer is gone; False: its writer lives, or nobody knows."""
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
    """Whether a file is now locked; where the disk knows no locks, what is given."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return if_unknown
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__


def _unwritable(path: Path, error: Exception) -> OutputError:
    if isinstance(error, ValueError):
        return OutputError(f"{path} could not be written: that is no path.", remedy="name a file")
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
