"""What a report states besides the evidence: who ran the audit, for whom, and on which paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportOptions:
    """Statements of the people behind a report. They are printed as stated; they are not evidence.

    Attributes:
        page_size: "A4" or "Letter".
        organisation: Who produced the report; empty: not stated.
        status: "FINAL" or "DRAFT".
        ran_by: Who ran the audit, with the role.
        reviewed_by: Who reviewed it; empty: not reviewed.
        independence: The relation of those who ran it to those who made the model.
        period: The period that the evidence covers; empty: only the day of the audit.
        signer: Who signs the PDF, in words; empty: it is not signed.
        fingerprint: SHA-256 of the signer's certificate, in hexadecimal digits.
        signing_time: Whether anyone attests the time of signing, in words; empty: not stated.
        logged: How many audits of this subject the log holds, and in how many entries; see
            `auditkit.audit_log.audits.LoggedAudits.counted`. None: not stated.
        exported: The formats that were exported with the report, each with the digests of its
            files, as `auditkit.exports.digests` gives them. None: none.
    """

    page_size: Literal["A4", "Letter"] = "A4"
    organisation: str = ""
    status: Literal["FINAL", "DRAFT"] = "FINAL"
    ran_by: str = ""
    reviewed_by: str = ""
    independence: str = ""
    period: str = ""
    signer: str = ""
    fingerprint: str = ""
    signing_time: str = ""
    logged: Mapping[str, Any] | None = None
    exported: Mapping[str, Sequence[str]] | None = None
