"""Files that are in memory alone, for libraries that read and write files only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from auditkit.files import write_all


@contextmanager
def file_of(data: bytes = b"") -> Iterator[str]:
    """The path of a file with these bytes, which no other process sees; it may be written, too."""
    place = os.memfd_create("model", 0)
    try:
        write_all(place, data)
        os.lseek(place, 0, os.SEEK_SET)
        yield f"/proc/self/fd/{place}"
    finally:
        os.close(place)
