"""pyHanko's strict reader, in a time that grows with the file and not with its square."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.generic import IndirectObject, Reference, StreamObject, read_object
from pyhanko.pdf_utils.misc import PdfStrictReadError
from pyhanko.pdf_utils.reader import PdfFileReader

from auditkit.errors import VerificationError

_HEADER: Final = b"%PDF-"
UNREAD: Final = "The file is not a readable PDF."


class StrictReader(PdfFileReader):
    """Reads the list of objects at the start of an object stream once, not for each object.

    Args:
        data: The file.
    """

    def __init__(self, data: bytes) -> None:
        self._opened: dict[int, tuple[BytesIO, list[int], int]] = {}
        super().__init__(BytesIO(data), strict=True)

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> Any:
        """The object that is the idx-th of an object stream and has this number."""
        if stmnum not in self._opened:
            self._opened[stmnum] = self._listed(stmnum)
        content, listed, first = self._opened[stmnum]
        number, offset = listed[2 * idx : 2 * idx + 2]
        if number != idnum or offset < 0:
            raise PdfStrictReadError("An object is not where its file says.")
        content.seek(first + offset)
        found = read_object(content, Reference(idnum, 0, self))
        if isinstance(found, StreamObject | IndirectObject):
            raise PdfStrictReadError("An object stream holds what it may not hold.")
        return found

    def _listed(self, stmnum: int) -> tuple[BytesIO, list[int], int]:
        """An object stream: its content, numbers and offsets in turn, and where objects begin."""
        stream = Reference(stmnum, 0, self).get_object()
        if not isinstance(stream, StreamObject) or stream["/Type"] != "/ObjStm":
            raise PdfStrictReadError("An object stream is none.")
        content = bytes(stream.read_data(DecodePurpose.OBJECT_STREAM))
        first = int(stream["/First"])
        numbers = [int(number) for number in content[:first].split()]
        if first < 0 or len(numbers) < 2 * int(stream["/N"]):
            raise PdfStrictReadError("An object stream lacks objects.")
        return BytesIO(content), numbers, first


def opened(data: bytes) -> StrictReader:
    """A PDF, strictly read.

    Raises:
        VerificationError: If it is none.
    """
    if not data.startswith(_HEADER):
        # pyHanko reads backwards, and loops for ever if a file begins with line ends.
        raise VerificationError(UNREAD)
    try:
        return StrictReader(data)
    except MemoryError:
        raise
    except Exception as error:  # hostile files end in errors of any type
        raise VerificationError(UNREAD) from error
