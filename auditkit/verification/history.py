"""What a log says of a report's subject: how many audits of it there were, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditkit.audit_log.audits import LoggedAudit, logged_audits
from auditkit.canonical import parse_json
from auditkit.errors import InputError, UnverifiableError, VerificationError
from auditkit.ledger import Checkpoint, Receipt
from auditkit.ledger.reader import LogReader
from auditkit.verification.attachments import RENDERING
from auditkit.wording import plural


def check_history(
    log: LogReader, receipt: Receipt, files: Mapping[str, bytes]
) -> tuple[str, tuple[LoggedAudit, ...]]:
    """Checks a whole log, and that a report counts the audits in it as they are.

    Args:
        log: The log, open.
        receipt: The report's receipt.
        files: The report's attachments.

    Returns:
        What was found, in words; and the audits of the same subject until now, by the name, the
        model or the evaluation data.

    Raises:
        VerificationError: If it is another log, is not as it was logged, does not extend the
            report's checkpoint, or holds other audits than the report says.
        UnverifiableError: If the report does not say how many, or payloads were destroyed since.
    """
    if receipt.origin != log.origin:
        raise VerificationError(f"The log is {log.origin}; the report's is {receipt.origin}.")
    size = log.verify(checkpoint=receipt.checkpoint).size
    then = Checkpoint.parse(receipt.checkpoint.partition("\n\n")[0] + "\n").size
    before = logged_audits(log, size=then)
    own = before.reported_in(receipt.index)
    stated = _stated(files)
    if stated is None:
        raise UnverifiableError("The report does not say how many audits the log held.")
    if stated != (counted := before.counted(own)):
        if before.unknown:
            raise UnverifiableError(
                f"Of {before.unknown:,} of the log's entries on audits the payload was destroyed, "
                "so they cannot be counted again."
            )
        raise VerificationError(
            "The log holds other audits of this subject than the report says: "
            f"{_named(counted)}, not {_named(stated)}."
        )
    every = logged_audits(log, size=size)
    now = every.like(own)
    later = [a for a in every.audits if a.supersedes and a.supersedes == own.statement]
    reason = (
        f"It held {_named(counted)}, of {then:,} entries; all {size:,} until now are as they were "
        f"logged, and tell of {plural(len(now), 'audit')} of this subject."
    )
    if later:
        reason += f" The report {later[-1].report_id} supersedes this one."
    return reason, now


def _stated(files: Mapping[str, bytes]) -> Any:
    try:
        return parse_json(files[RENDERING])["options"].get("logged")
    except (InputError, KeyError, TypeError, AttributeError):
        return None


def _named(counted: Mapping[str, Any]) -> str:
    """The numbers of audits by what they share, in words."""
    shared = {"name": "of this name", "model": "of this model", "data": "on these data"}
    return ", ".join(
        f"{plural(counted[fact]['audits'], 'audit')} {words} ({counted[fact]['pass']} passed)"
        for fact, words in shared.items()
    )
