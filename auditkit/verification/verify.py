"""Verifies a report: from its bytes to each of its claims.

Laws:
    - `verify` opens no file and no connection and reads no clock: everything is an argument. The
      PDF libraries run in a child process (`auditkit.pdf.reading`).
    - Every claim appears in every result. No report, however damaged, raises an exception.
    - A claim's preconditions are checked first: pages are read only if the signature is valid, the
      certificate is judged only if it signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from auditkit.audit_log.audits import LoggedAudit
from auditkit.canonical import Digest
from auditkit.errors import (
    AuditkitError,
    InputError,
    KeyFileError,
    UnverifiableError,
    VerificationError,
)
from auditkit.ledger import Ledger, NoteVerifier, Receipt
from auditkit.pdf.ranges import ChangedFileError, locate
from auditkit.pdf.reading import Archived, get_ready, read_pages, read_pdf
from auditkit.signing.certificates import (
    Trusted,
    common_name,
    fingerprint,
    read_certificates,
)
from auditkit.signing.key_records import KeyRecord, revoked_keys
from auditkit.verification.archive import check_archive
from auditkit.verification.attached import check_attached, get_judge_ready, rehearse
from auditkit.verification.attachments import RECEIPT, STATEMENT
from auditkit.verification.claims import Claims, ClaimState, Verification
from auditkit.verification.contents import report_id
from auditkit.verification.history import check_history
from auditkit.verification.log_claims import (
    as_verifiers,
    check_checkpoint,
    check_consistency,
    check_inclusion,
    check_witnesses,
    read_receipt,
)
from auditkit.verification.pages import check_copy, check_pages, get_ready_to_render
from auditkit.verification.revoked_keys import (
    check_not_revoked,
    marked_log_keys,
    marked_roots,
)
from auditkit.verification.signed_file import SignedFile, signed_file
from auditkit.verification.timestamp import check_timestamp
from auditkit.verification.trust import CLOCK_TOLERANCE, Moment, check_pinned, check_signer


def trusted_from(roots: Sequence[Trusted | x509.Certificate | bytes]) -> tuple[Trusted, ...]:
    """Trusted certificates in one form.

    Args:
        roots: Certificates, PEM or DER bytes with one or more, or `Trusted` with a revocation.

    Raises:
        KeyFileError: If bytes hold no certificate.
    """
    found: list[Trusted] = []
    for root in roots:
        if isinstance(root, Trusted):
            found.append(root)
        elif isinstance(root, x509.Certificate):
            found.append(Trusted(certificate=root))
        elif isinstance(root, bytes):
            found += [Trusted(certificate=c) for c in read_certificates(root)]
        else:
            raise KeyFileError(
                "A trusted root is a certificate, or the bytes of a PEM or DER file.",
                remedy="read the file first: trust=[Path('roots.pem').read_bytes()]",
            )
    return tuple(found)


def verify(
    data: bytes,
    *,
    trust: Sequence[Trusted | x509.Certificate | bytes] = (),
    log_keys: Sequence[NoteVerifier | str] = (),
    checkpoint: str | None = None,
    consistency_proof: Sequence[bytes] = (),
    witness_quorum: int = 1,
    now: datetime | None = None,
    key_list: Sequence[KeyRecord] = (),
    accept_older: bool = False,
    signer: str | None = None,
    render: bool = True,
    log: Ledger | None = None,
    copy: bytes | None = None,
) -> Verification:
    """Checks every claim of a signed report.

    Args:
        data: The PDF's bytes.
        trust: Certificates that the verifier trusts: roots, or the signer's own.
        log_keys: Public keys of the log and of witnesses, or their one-line texts.
        checkpoint: A checkpoint of the same log that the verifier kept; None: not asked.
        consistency_proof: The consistency proof between the kept checkpoint and the report's,
            hashes of 32 bytes; needed if their sizes differ.
        witness_quorum: How many of the witnesses among `log_keys` must have cosigned.
        now: The verifier's time, with its zone, used if the file itself proves no time; None: the
            time that the signer states is accepted.
        key_list: The key list that the owner published: signatures of a revoked key count only if
            they were made before the revocation.
        accept_older: Whether a report of an earlier version counts although its statement does not
            hold what its verdict follows from. A forger could name an earlier version.
        signer: Who must have signed: the certificate's name, or its fingerprint, `sha256:` and 64
            digits. None: whoever has a trusted certificate.
        render: Whether to render the pages anew and compare them, which takes some seconds.
        log: The report's log itself, open for reading: all of it is checked, and the audits of the
            same subject are counted again. None: not asked.
        copy: The report's HTML copy; the claim on pages is about it, not about the PDF's.

    Returns:
        Each claim: true, false, or unchecked, with its reason.

    Raises:
        KeyFileError: If `trust` or `log_keys` cannot be read. Nothing in `data` raises.
        InputError: If `now` has no zone, or there are fewer witnesses than the quorum.
    """
    get_ready()
    if render:
        get_ready_to_render()
    get_judge_ready()
    claims = Claims()
    ended = revoked_keys(key_list)
    roots = marked_roots(trusted_from(trust), ended)
    keys = marked_log_keys(as_verifiers(log_keys), ended)
    _check_asked(keys, witness_quorum, now)
    opened = _check_signature(claims, data, roots, now, ended, pinned=signer)
    statement = _check_contents(claims, opened)
    _check_log(claims, opened, keys, quorum=witness_quorum)
    _check_time_against_log(claims, opened)
    _check_statement_keys(claims, opened, ended)
    _check_consistency(claims, opened, keys, kept=checkpoint, proof=consistency_proof)
    claims.skip("There is no receipt to check.", "checkpoint", "witnesses", "consistency")
    audits = _check_history(claims, opened, log)
    if statement is not None:
        _check_pages(claims, opened, render=render, copy=copy)
        if accept_older and "made_by" not in statement["predicate"]:
            claims.not_asked_if_unchecked("verdict", "pages")
    claims.skip(
        "There is no valid statement to compare with.",
        *("attachments", "envelope", "named", "verdict", "pages", "numbers"),
    )
    return Verification(
        claims=claims.all(),
        audits=audits,
        report_id=report_id(opened.files),
        statement=statement,
        signed_by=common_name(opened.signed.parts.certificates[0]) if opened.signed else "",
    )


def _check_asked(keys: Sequence[NoteVerifier], quorum: int, now: datetime | None) -> None:
    """Refuses impossible arguments, which would otherwise look like a fault of the file."""
    witnesses = len({key.public_key for key in keys if key.is_witness})
    if not 1 <= quorum <= max(1, witnesses):
        raise InputError(
            f"A quorum of {quorum} among {witnesses} witnesses is impossible.",
            remedy="give the public key of each witness among the log's keys",
        )
    if now is not None and now.tzinfo is None:
        raise InputError(
            "The verifier's time has no time zone.", remedy="give now=datetime.now(UTC)"
        )


@dataclass(kw_only=True)
class _Opened:
    """The parts of a file read so far, for later claims."""

    archived: Archived
    signed: SignedFile | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    moment: Moment = Moment()  # noqa: RUF009 - frozen
    unread: VerificationError | None = None
    receipt: Receipt | None = None
    pages_read: bool = False
    statement_keys: tuple[str, ...] = ()


def _check_signature(
    claims: Claims,
    data: bytes,
    trust: Sequence[Trusted],
    now: datetime | None,
    ended: Mapping[str, KeyRecord],
    *,
    pinned: str | None,
) -> _Opened:
    opened = _Opened(archived=Archived(certified=data))

    def signature() -> str:
        try:
            read = read_pdf(data)
            opened.archived, opened.files, opened.unread = read.archived, read.files, read.unread
            certified = opened.archived.certified
            found = read.the_signature()
            der = locate(certified, found.numbers, found.value).der
            rehearse(read, der, trust, (found.stated_time, now))
            opened.signed = signed_file(certified, found)
        except ChangedFileError as error:
            claims.add("unchanged", ClaimState.FALSE, error.message)
            raise
        after = len(data) - len(certified)
        behind = f"; {after:,} bytes of validation data follow" if after else ""
        return f"It covers all {len(certified):,} bytes of the report and allows no change{behind}."

    if not claims.check("signature", signature):
        claims.skip(_NO_SIGNATURE, "signer", "time", "long_term", "unchanged")
        return opened
    signed = opened.signed
    assert signed is not None
    archived = opened.archived
    claims.add("unchanged", ClaimState.TRUE, _UNCHANGED[archived.data is not None])
    if archived.data is None:
        reason = "The file holds no data for verification after its certificates expire."
        claims.add("long_term", ClaimState.UNCHECKED, reason, asked=False)
    else:
        claims.check("long_term", lambda: check_archive(archived, trust))
    proven = _check_time(claims, signed, trust, archived)
    opened.moment = Moment(proven=proven, stated=signed.stated_time, now=now)

    def signer() -> str:
        certificates = signed.parts.certificates
        who = check_signer(certificates, trust, opened.moment, archived.data)
        own = next((t for t in trust if t.certificate == certificates[0]), None)
        check_not_revoked("signer's", own or ended.get(fingerprint(certificates[0])), opened.moment)
        return f"{who} {check_pinned(certificates[0], pinned)}"

    claims.check("signer", signer)
    return opened


def _check_time(
    claims: Claims, signed: SignedFile, trust: Sequence[Trusted], archived: Archived
) -> datetime | None:
    """The time that a trusted authority attests, if there is one."""
    stated = signed.stated_time
    said = f"The signer states {stated:%Y-%m-%d %H:%M %Z}" if stated else "No time is stated"
    token = signed.parts.timestamp
    if token is None:
        reason = f"Unattested time. {said}; no timestamp authority attests it."
        claims.add("time", ClaimState.UNCHECKED, reason, asked=False)
        return None
    proven: list[datetime] = []

    def time() -> str:
        attested, authority = check_timestamp(token, signed.parts.signature, trust, archived.data)
        proven.append(attested)
        return f"Signed before {attested:%Y-%m-%d %H:%M:%S} UTC, says {authority}. {said}."

    claims.check("time", time)
    return proven[0] if proven else None


def _check_contents(claims: Claims, opened: _Opened) -> Any:
    """The statement, parsed; None if it cannot be read."""
    pages: list[str] = []
    unread: AuditkitError | None = None
    if opened.signed is None:
        unread = UnverifiableError(_NO_SIGNATURE)
    else:
        try:
            pages = read_pages(opened.archived.certified)
        except AuditkitError as error:
            unread = error
    if unread is not None and not isinstance(unread, UnverifiableError):
        # Pages that take more to read than any report's: the rest is not tried.
        claims.refuse("statement", unread)
        return None
    opened.pages_read = bool(pages)
    certificate = opened.signed.parts.certificates[0] if opened.signed else None
    found, opened.statement_keys = check_attached(
        claims,
        opened.files,
        pages=pages,
        signer=(common_name(certificate), fingerprint(certificate)) if certificate else None,
    )
    if unread is not None and claims.true("statement"):
        claims.refuse("statement", unread)
    if opened.unread is not None:
        claims.add("attachments", ClaimState.FALSE, opened.unread.message)
    if found is not None:
        reason = _NO_SIGNATURE if certificate is None else "The pages cannot be read."
        claims.skip(reason, "named", "numbers")
    return found


def _check_pages(claims: Claims, opened: _Opened, *, render: bool, copy: bytes | None) -> None:
    """Renders the pages anew, which takes longest, if nothing else is false."""
    wrong = next((c for c in claims.found() if c.state is ClaimState.FALSE), None)
    if not render:
        reason = "Rendering the pages anew was left out."
        claims.add("pages", ClaimState.UNCHECKED, reason, asked=False)
    elif wrong is not None:
        reason = f"Not asked: another claim is false ({wrong.title})."
        claims.add("pages", ClaimState.UNCHECKED, reason, asked=False)
    elif opened.pages_read and claims.true("signature") and claims.true("attachments"):
        claims.check(
            "pages",
            lambda: (
                check_pages(opened.archived.certified, opened.files)
                if copy is None
                else check_copy(copy, opened.files)
            ),
        )
    claims.skip("The file's signature, pages or attachments are not valid.", "pages")


def _check_log(
    claims: Claims, opened: _Opened, keys: Sequence[NoteVerifier], *, quorum: int
) -> None:
    witnesses = [k for k in keys if k.is_witness]

    def inclusion() -> str:
        opened.receipt = read_receipt(opened.files.get(RECEIPT))
        return check_inclusion(opened.receipt, Digest.of(opened.files.get(STATEMENT, b"")))

    claims.check("receipt", inclusion)
    if not witnesses:
        claims.add("witnesses", ClaimState.UNCHECKED, "No witness's key was given.", asked=False)
    receipt = opened.receipt
    if receipt is None:
        return
    claims.check("checkpoint", lambda: check_checkpoint(receipt, keys))
    if witnesses:
        claims.check("witnesses", lambda: check_witnesses(receipt, witnesses, quorum))


def _check_time_against_log(claims: Claims, opened: _Opened) -> None:
    """A file that carries an entry of the log was not signed before that entry was made."""
    moment = opened.moment
    signed = moment.proven or moment.stated
    if signed is None or opened.receipt is None or not claims.true("checkpoint"):
        return
    logged = opened.receipt.entry.time
    if claims.true("receipt") and logged - signed > CLOCK_TOLERANCE:
        reason = (
            f"The file says that it was signed on {signed:%Y-%m-%d}, and carries what was logged "
            f"on {logged:%Y-%m-%d}."
        )
        claims.add("time", ClaimState.FALSE, reason)


def _check_statement_keys(claims: Claims, opened: _Opened, ended: Mapping[str, KeyRecord]) -> None:
    """A key that signed the statement was not revoked by then."""
    logged = claims.true("receipt") and claims.true("checkpoint") and opened.receipt
    known = Moment(
        proven=logged.entry.time if logged else opened.moment.proven, stated=opened.moment.stated
    )
    try:
        for key in opened.statement_keys:
            check_not_revoked("statement's", ended.get(key.rpartition(" ")[2]), known)
    except AuditkitError as error:
        claims.refuse("envelope", error)


def _check_consistency(
    claims: Claims,
    opened: _Opened,
    keys: Sequence[NoteVerifier],
    *,
    kept: str | None,
    proof: Sequence[bytes],
) -> None:
    receipt = opened.receipt
    if kept is None:
        reason = "No kept checkpoint was given."
        claims.add("consistency", ClaimState.UNCHECKED, reason, asked=False)
    elif receipt is not None:
        claims.check("consistency", lambda: check_consistency(receipt, kept, keys, proof))


def _check_history(claims: Claims, opened: _Opened, log: Ledger | None) -> tuple[LoggedAudit, ...]:
    """The audits of the same subject in the log; none if it was not given or is not sound."""
    found: list[LoggedAudit] = []

    def history() -> str:
        assert log is not None
        if opened.receipt is None or not claims.true("receipt"):
            raise UnverifiableError("There is no valid receipt to compare with.")
        reason, audits = check_history(log, opened.receipt, opened.files)
        found.extend(audits)
        return reason

    if log is None:
        claims.add("history", ClaimState.UNCHECKED, _NO_LOG, asked=False)
    else:
        claims.check("history", history)
    return tuple(found)


_UNCHANGED: Final = {
    False: "The signature reaches the last byte of the file.",
    True: "Only validation data and a timestamp follow the signature.",
}
_NO_LOG: Final = "The log was not given: how many audits the page counts is the signer's word."
_NO_SIGNATURE: Final = "The signature is not valid, so this was not checked."
