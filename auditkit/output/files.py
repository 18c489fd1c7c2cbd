"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from auditkit.errors import OutputError


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file, or leaves what was there before.

    The bytes go to a temporary file in the same folder, are synced to disk, and take the final
    name in one step; then the folder is synced. An interruption leaves no partial file behind.

    Raises:
        OutputError: If the folder cannot be made or written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Makes a folder, and sees that files can be written there, before long work begins.

    Raises:
        OutputError: If not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".auditkit-"):
            pass
    except OSError as error:
        raise _explain(folder, error) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(path: Path, error: OSError) -> OutputError:
    remedies = {
        errno.ENOSPC: "free some space on that disk, then run again",
        errno.EDQUOT: "free some of your quota, then run again",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f), then run again",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "choose a folder on a disk that is not read-only",
        errno.ENOTDIR: "choose a folder; a part of that path is a file",
        errno.EEXIST: "choose a folder; there is a file of that name",
    }
    why = os.strerror(error.errno) if error.errno else str(type(error).__name__)
    remedy = remedies.get(error.errno or 0, "choose another folder, then run again")
    return OutputError(f"{path} could not be written: {why}.", remedy=remedy)
