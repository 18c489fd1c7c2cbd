"""What stands behind a report's certification, if anything may: data for later and a timestamp.

Laws:
    - Everything about the report is read from the certified file alone, as it was before anything
      was appended (`Archived.certified`).
    - What was appended is made again from what it holds, by `auditkit.signing.archive`, and has to
      come out the same in every byte. Nothing else may stand there, however harmless a reader of
      PDFs would find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from auditkit.errors import UnverifiableError, VerificationError
from auditkit.pdf.reading import Archived
from auditkit.signing.certificates import Trusted
from auditkit.verification.timestamp import check_timestamp
from auditkit.wording import plural


def check_archive(archived: Archived, trust: Sequence[Trusted]) -> str:
    """Checks every document timestamp of a file.

    Returns:
        What the file holds and who attests it, in words.

    Raises:
        VerificationError: If a timestamp is about something else, damaged, or older than the one
            before it.
        UnverifiableError: If an authority leads to no trusted root.
    """
    held = archived.data
    if held is None:
        raise UnverifiableError("The file holds nothing for verification after expiry.")
    told: list[datetime] = []
    authority = ""
    for one in archived.timestamps:
        time, authority = check_timestamp(one.token, one.stamped, trust, held)
        if told and time < told[-1]:
            raise VerificationError("A document timestamp is older than the one before it.")
        told.append(time)
    holds = (
        f"{plural(len(held.certificates), 'certificate')}, "
        f"{plural(len(held.crls), 'revocation list')} and {plural(len(held.ocsps), 'OCSP answer')}"
    )
    return f"{holds}, under {authority}'s timestamp of {told[-1]:%Y-%m-%d %H:%M:%S} UTC."
