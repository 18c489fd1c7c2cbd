"""The files inside a report.

Laws:
    - Names are unique. Sizes, their sum and the number of nodes to walk are bounded before
      anything is decompressed, because the file's signature has not been checked yet.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditkit.errors import VerificationError

# Of one attachment, and of all together. A report of 30 pages has 0.3 MB in one, 2 MB in all.
MAX_FILE: Final = 8 << 20
_MAX_BYTES: Final = 64 << 20
_MAX_FILES: Final = 1000
_MAX_NODES: Final = 4000
_MAX_DEPTH: Final = 8


def read_attachments(reader: Any) -> Mapping[str, bytes]:
    """Every attached file by name.

    Args:
        reader: pyHanko's reader of the file.

    Raises:
        VerificationError: If the attachments cannot be read, are too many or too large, or two
            have the same name.
    """
    try:
        return _read(reader)
    except (VerificationError, MemoryError):
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError("The attachments cannot be read.") from error


def entry(holder: Any, name: str, default: Any) -> Any:
    """An entry of a PDF dictionary, with references resolved; its own `get` does not do that."""
    return holder[name] if name in holder else default  # noqa: SIM401 - get follows none


def _read(reader: Any) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    tree = entry(entry(reader.root, "/Names", {}), "/EmbeddedFiles", {})
    left = _MAX_BYTES
    for specification in _leaves(tree):
        name = str(specification["/UF" if "/UF" in specification else "/F"])
        if name in files:
            raise VerificationError("Two attachments have the same name.")
        if len(files) == _MAX_FILES:
            raise VerificationError("The file has more attachments than any report.")
        most = min(MAX_FILE, left)
        files[name] = content_of(specification["/EF"]["/F"], most, what="attachments")
        left -= len(files[name])
    return files


def _leaves(tree: Any) -> Iterator[Any]:
    """The file specifications of a name tree, in its order."""
    waiting, visited = [(tree, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        visited += 1
        if depth > _MAX_DEPTH or visited > _MAX_NODES:
            raise VerificationError("The attachments' names are nested too deeply.")
        # By position: iterating over this library's arrays yields unresolved references.
        pairs, children = entry(node, "/Names", ()), entry(node, "/Kids", ())
        for position in range(1, len(pairs), 2):
            yield pairs[position]
        if len(children) > _MAX_NODES:
            raise VerificationError("The attachments' names are nested too deeply.")
        waiting += [(children[at], depth + 1) for at in reversed(range(len(children)))]


def content_of(stream: Any, most: int, *, what: str) -> bytes:
    """Decompresses a stream, up to a limit.

    Args:
        stream: The stream, not yet decompressed.
        most: The largest number of bytes it may hold.
        what: What to call it in messages, in the plural.

    Raises:
        VerificationError: If it is larger, cut short, or compressed in an unknown way.
    """
    encoded: bytes = stream.encoded_data
    filters = entry(stream, "/Filter", None)
    if filters is None:
        if len(encoded) > most:
            raise VerificationError(f"The {what} are larger than those of any report.")
        return encoded
    if filters != "/FlateDecode" and list(filters) != ["/FlateDecode"]:
        raise VerificationError(f"The {what} are compressed in an unknown way.")
    decompress = zlib.decompressobj()
    content = decompress.decompress(encoded, most + 1)
    if len(content) > most or decompress.unconsumed_tail:
        raise VerificationError(f"The {what} are larger than those of any report.")
    if not decompress.eof:
        raise VerificationError(f"The {what} are cut short.")
    return content
