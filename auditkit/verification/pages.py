"""Whether a report's pages, and all else in the file, follow from its attachments.

The report is rendered anew from them in a child process, signed with the signature at hand, and
compared. Equal bytes show that the file holds nothing else: no cover, no hidden layer, no script,
no other attachment. If bytes differ, as when another program saved it or other libraries drew it,
every part of the file has to be a part of the new rendering (`auditkit.pdf.objects`), and every
page has to be drawn the same (`auditkit.pdf.drawn`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from auditkit.canonical import parse_json
from auditkit.errors import AuditkitError, InputError, UnverifiableError, VerificationError
from auditkit.isolation import ChildError, ChildUnavailableError, Limits, shared
from auditkit.isolation.messages import pack, unpack
from auditkit.pdf.drawn import OTHERS_POINTS
from auditkit.pdf.reading import compare_pdfs
from auditkit.verification.attachments import RENDERING

# A report of 30 pages takes 5 s and 500 MB. Fonts are written to a folder for the time.
_LIMITS: Final = Limits(
    cpu_seconds=60,
    wall_seconds=600.0,
    memory_bytes=3 << 30,
    answer_bytes=512 << 20,
    open_files=256,
    file_bytes=64 << 20,
)
_RENDERER: Final = shared("auditkit.report.again")


def get_ready_to_render() -> None:
    """Starts loading what draws pages, in the child process, without waiting for it."""
    with suppress(ChildUnavailableError):  # the first call raises it again
        _RENDERER.start()


def check_pages(certified: bytes, files: Mapping[str, bytes]) -> str:
    """Checks that a certified PDF is what its attachments give.

    Args:
        certified: The PDF up to the end of its signature.
        files: Its attachments; statement, tables and envelope were checked before.

    Returns:
        What was compared, in words.

    Raises:
        VerificationError: If a page is drawn otherwise than it follows.
        UnverifiableError: If the pages cannot be rendered or compared here.
    """
    stated = _stated(files)
    here, unsigned = rendered(files)
    others = sorted(name for name in here if stated["made_with"].get(name) != here[name])
    compared = compare_pdfs(unsigned, certified, by_others=bool(others))
    if compared.same:
        return (
            "They were rendered anew from the attachments: every byte of the file but the "
            "signature's value is the same, so it holds nothing else."
        )
    if compared.never or (compared.other and not others):
        raise VerificationError(compared.never or compared.other)
    named = ", ".join(f"{name} {stated['made_with'].get(name, 'unknown')}" for name in others)
    if compared.other:
        raise UnverifiableError(
            f"The pages were drawn with {named}, which this machine does not have. Drawn here: "
            f"{compared.other}",
            remedy="verify it on a machine that has them",
        )
    if others:
        return (
            f"They are drawn as they follow, rendered anew: the same words within {OTHERS_POINTS} "
            f"points of their places, and the same pictures to the eye. Bytes differ: {named} drew "
            "them. The file holds no other part."
        )
    return (
        "They are drawn as they follow, rendered anew: the same words, places and pictures, and "
        "nothing else in the file. Bytes differ: another program saved it."
    )


def check_copy(copy: bytes, files: Mapping[str, bytes]) -> str:
    """Checks that an HTML copy of a report is what the PDF's attachments give.

    Args:
        copy: The HTML file.
        files: The attachments of the PDF; they were checked before.

    Returns:
        What was compared, in words.

    Raises:
        VerificationError: If a byte is another.
        UnverifiableError: If the copy cannot be rendered here.
    """
    stated = _stated(files)
    here, made = rendered(files, "copy_again")
    if copy == made:
        return "The HTML page was rendered anew from the PDF's attachments: every byte is the same."
    others = sorted(name for name in here if stated["made_with"].get(name) != here[name])
    if others:
        raise UnverifiableError(
            f"The HTML page differs, but was made with another {others[0]} than is here.",
            remedy="verify it on a machine that has the same versions",
        )
    raise VerificationError("The HTML page is not the one that follows from the attachments.")


def rendered(files: Mapping[str, bytes], what: str = "again") -> tuple[Mapping[str, str], bytes]:
    """The versions of the libraries that draw here, and the report, or its copy, rendered anew."""
    message = pack(sorted(files), [files[name] for name in sorted(files)])
    try:
        here, (unsigned,) = unpack(_RENDERER.call(what, message, limits=_LIMITS))
    except ChildUnavailableError as error:
        raise UnverifiableError(error.message, remedy=error.remedy) from error
    except ChildError as error:
        raise VerificationError(f"The pages cannot be rendered: {error.message}") from error
    except UnverifiableError:
        raise
    except AuditkitError as error:
        raise VerificationError(
            f"The pages do not follow from the attachments: {error.message}"
        ) from error
    return here, unsigned


def _stated(files: Mapping[str, bytes]) -> Mapping[str, Any]:
    """What the file says that its pages are made of."""
    if RENDERING not in files:
        raise UnverifiableError(
            "The report was made by an earlier version, whose pages cannot be rendered anew.",
            remedy="have the audit made again, or accept it with --accept-older",
        )
    try:
        stated = parse_json(files[RENDERING])
        dict(stated["made_with"]), dict(stated["options"])
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"The attachment {RENDERING!r} cannot be read.") from error
    return dict(stated)
