"""Verifies a statement in its envelope alone, without the PDF that carries it.

An HTML copy follows from statement, tables, receipt and what people stated; an envelope holds the
statement alone. So its signature and its verdict are judged, and what needs the rest could not be
checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.errors import AuditkitError, UnverifiableError, VerificationError
from auditkit.pdf.attachments import MAX_FILE
from auditkit.signing.key_records import KeyRecord, revoked_keys
from auditkit.verification.attached import check_alone
from auditkit.verification.claims import Claims, ClaimState, Verification
from auditkit.verification.contents import report_id
from auditkit.verification.revoked_keys import check_not_revoked
from auditkit.verification.trust import Moment

_NO_PDF: Final = "There is no signed PDF, so this was not asked."


def verify_alone(envelope: bytes, *, key_list: Sequence[KeyRecord] = ()) -> Verification:
    """Checks an envelope and the statement in it.

    Args:
        envelope: The bytes of `statement.dsse.json`.
        key_list: The key list that the owner published.

    Returns:
        Every claim; those on pages, numbers and attachments could not be checked.
    """
    claims = Claims()
    payload, statement, keys = b"", None, tuple[str, ...]()
    if len(envelope) > 2 * MAX_FILE:
        claims.refuse(
            "envelope", VerificationError("The envelope is larger than that of any report.")
        )
    else:
        payload, statement, keys = check_alone(claims, envelope)
    ended = revoked_keys(key_list)
    try:
        for key in keys:
            check_not_revoked("statement's", ended.get(key.rpartition(" ")[2]), Moment())
    except AuditkitError as error:
        claims.refuse("envelope", error)
    lacking = UnverifiableError(
        "The pages follow from the statement, its tables and its receipt together; an envelope "
        "holds the statement alone.",
        remedy="give the signed PDF, which holds them all, as --statement report.pdf",
    )
    for claim_id in ("attachments", "pages", "numbers"):
        claims.refuse(claim_id, lacking)
    for claim_id in (
        *("signature", "signer", "time", "long_term", "unchanged", "named"),
        *("receipt", "checkpoint", "witnesses", "consistency", "history"),
    ):
        claims.add(claim_id, ClaimState.UNCHECKED, _NO_PDF, asked=False)
    claims.skip("There is no valid statement.", "statement", "envelope", "verdict")
    return Verification(
        claims=claims.all(),
        report_id=report_id({"statement.json": payload}) if statement is not None else "",
        statement=statement,
    )
