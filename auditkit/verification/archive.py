"""Long-term validation: the data and timestamps that may follow a report's certification.

Laws:
    - Everything about the report is read from the certified file alone, as it was before anything
      was appended (`Archived.certified`).
    - An appended revision is rebuilt from its contents by `auditkit.signing.archive` and must be
      the same in every byte. Nothing else may be appended, however harmless it looks to PDF
      readers.
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
        The data in the file and who attests it, in words.

    Raises:
        VerificationError: If a timestamp covers something else, is damaged, or is older than the
            one before it.
        UnverifiableError: If an authority's certificate leads to no trusted root.
    """
    held = archived.data
    if held is None:
        raise UnverifiableError("The file holds no data for verification after expiry.")
    times: list[datetime] = []
    authority = ""
    for one in archived.timestamps:
        time, authority = check_timestamp(one.token, one.stamped, trust, held)
        if times and time < times[-1]:
            raise VerificationError("A document timestamp is older than the one before it.")
        times.append(time)
    holds = (
        f"{plural(len(held.certificates), 'certificate')}, "
        f"{plural(len(held.crls), 'revocation list')} and {plural(len(held.ocsps), 'OCSP answer')}"
    )
    return f"{holds}, under {authority}'s timestamp of {times[-1]:%Y-%m-%d %H:%M:%S} UTC."
