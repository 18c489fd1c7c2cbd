"""Compares a report's contents with its signed statement.

Laws:
    - The statement's bytes are canonical, so a statement has one digest.
    - Every attachment is committed to: tables by the statement, the envelope by containing the
      statement, the others by the file's signature. None may be missing or extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from auditkit.canonical import (
    AUDIT_PREDICATE,
    STATEMENT_TYPE,
    Digest,
    canonical_bytes,
    digest_of,
    parse_json,
)
from auditkit.errors import InputError, VerificationError
from auditkit.judgement.again import judged_again
from auditkit.output.spreadsheet import is_table_csv
from auditkit.report.figures.manifest import check_figures
from auditkit.resources import offline_script
from auditkit.signing.dsse import open_envelope
from auditkit.signing.private_keys import algorithm_of, fingerprint_of
from auditkit.verification.attachments import (
    ENVELOPE,
    FIGURES,
    RECEIPT,
    RENDERING,
    STATEMENT,
    table_file,
)
from auditkit.version import __version__
from auditkit.wording import plural

_SCRIPT: Final = "verify_offline.py"
# The largest size of an attachment that holds a few lines, and of what signs the statement.
_MOST_SMALL: Final = 1 << 20
_OPTIONAL: Final = {RECEIPT, RENDERING, _SCRIPT}


def read_statement(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Reads and checks the statement among the attachments.

    Raises:
        VerificationError: If it is missing, not canonical, not the statement of an audit, or if a
            digest in it does not match its content.
    """
    if STATEMENT not in files:
        raise VerificationError("The report has no attached statement.")
    data = files[STATEMENT]
    try:
        content = parse_json(data)
        canonical = canonical_bytes(content) == data
    except InputError as error:
        raise VerificationError("The statement is not valid JSON.") from error
    if not canonical or not isinstance(content, dict):
        raise VerificationError("The statement is not in its canonical form.")
    if content.get("_type") != STATEMENT_TYPE or content.get("predicateType") != AUDIT_PREDICATE:
        raise VerificationError("The statement is not the statement of an audit.")
    try:
        predicate = content["predicate"]
        (subject,) = content["subject"]
        named = f"sha256:{subject['digest']['sha256']}"
        if named != predicate["subject"]["digest"]:
            raise VerificationError("The statement names two different models.")
        for evidence in predicate["evidence"]:
            _check_evidence(evidence)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise VerificationError("The statement lacks parts that every audit has.") from error
    return content


def check_printed_digest(files: Mapping[str, bytes], pages: Sequence[str]) -> str:
    """Checks that the pages print the digest of the attached statement.

    Returns:
        The digest.

    Raises:
        VerificationError: If they do not.
    """
    digest = Digest.of(files[STATEMENT])
    if digest.hex not in _without_spaces("".join(pages)):
        raise VerificationError("No page prints the digest of the attached statement.")
    return str(digest)


def check_envelope(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Checks the statement's own signature.

    Returns:
        The keys that signed it, by algorithm and fingerprint.

    Raises:
        VerificationError: If the envelope is missing, its signature is wrong, or its payload is
            not the attached statement.
    """
    if ENVELOPE not in files:
        raise VerificationError("The report has no envelope that signs its statement.")
    if len(files[ENVELOPE]) > 2 * len(files.get(STATEMENT, b"")) + _MOST_SMALL:
        raise VerificationError("The envelope is larger than that of any report.")
    opened = open_envelope(files[ENVELOPE])
    if opened.payload != files.get(STATEMENT):
        raise VerificationError("The envelope holds another statement than the attached one.")
    return tuple(f"{algorithm_of(key)} {fingerprint_of(key)}" for key in opened.keys)


def check_named(
    files: Mapping[str, bytes], pages: Sequence[str], name: str, certificate: str
) -> str:
    """Checks that the pages print who signed the file.

    On the pages the fingerprint is looked for: a name may be shown with its odd characters escaped.
    What the name is printed from is compared whole, where the file says it.

    Args:
        files: The attachments.
        pages: The text of each page.
        name: The name in the signer's certificate.
        certificate: The certificate's fingerprint.

    Returns:
        Who is named, in words.

    Raises:
        VerificationError: If it is somebody else, or nobody.
    """
    if certificate not in _without_spaces("".join(pages)):
        raise VerificationError(f"No page prints the fingerprint of the signer, {certificate}.")
    if RENDERING in files:
        stated = _json(files, RENDERING)
        if not isinstance(stated, dict) or not isinstance(stated.get("options"), dict):
            raise VerificationError(f"The attachment {RENDERING!r} cannot be read.")
        printed = stated["options"].get("signer"), stated["options"].get("fingerprint")
        if printed != (name, certificate):
            raise VerificationError(f"The pages name another signer than {name}, {certificate}.")
    return f"They name {name}, {certificate}."


def check_attachments(files: Mapping[str, bytes], statement: Mapping[str, Any]) -> str:
    """Checks that the attachments are those of the statement.

    Returns:
        How many there are, in words.

    Raises:
        VerificationError: If one is missing, extra or different.
    """
    tables = _tables(statement)
    expected = {table_file(table["name"]): table["digest"] for table in tables}
    sheets = {f"table-{table['name']}.csv": table_file(table["name"]) for table in tables}
    wanted = {STATEMENT, ENVELOPE, FIGURES, *expected}
    missing = sorted(wanted - files.keys())
    extra = sorted(files.keys() - wanted - sheets.keys() - _OPTIONAL)
    if missing:
        raise VerificationError(f"The attachment {missing[0]!r} is missing.")
    if extra:
        raise VerificationError(f"The attachment {extra[0]!r} does not belong to the report.")
    large = sorted(name for name in _OPTIONAL & files.keys() if len(files[name]) > _MOST_SMALL)
    if large:
        raise VerificationError(f"The attachment {large[0]!r} is larger than that of any report.")
    for name, digest in sorted(expected.items()):
        if str(Digest.of(files[name])) != digest:
            raise VerificationError(f"The attachment {name!r} is not the one of the statement.")
    for name, source in sorted(sheets.items()):
        if name in files and not is_table_csv(files[name], files[source]):
            raise VerificationError(f"The attachment {name!r} is not the table of that name.")
    if _SCRIPT in files:
        _check_script(files[_SCRIPT], statement["predicate"])
    return f"{len(files)} files, {len(expected)} of them tables whose digests the statement names."


def check_verdict(statement: Mapping[str, Any]) -> str:
    """Checks that findings, controls and verdict follow from the statement's policy and evidence.

    Returns:
        What was derived again, in words.

    Raises:
        VerificationError: If one does not.
        UnverifiableError: If the statement was made by rules that are not here.
    """
    try:
        judged = judged_again(statement["predicate"])
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise VerificationError("The statement cannot be judged again.") from error
    if judged.differences:
        raise VerificationError(f"{judged.differences[0]}{_more(len(judged.differences))}")
    signed = ""
    if judged.waivers:
        signed = (
            f" {plural(judged.waivers, 'waiver')} counts, signed by people whom the policy lists."
            if judged.waivers == 1
            else f" {judged.waivers} waivers count, signed by people whom the policy lists."
        )
    return (
        f"{plural(judged.findings, 'finding')}, {plural(judged.controls, 'control')} and "
        f"the verdict were derived again from the policy, the packs and the evidence.{signed}"
    )


def _check_script(script: bytes, predicate: Mapping[str, Any]) -> None:
    """Checks that an attached script is the one that the statement commits to, and is ours."""
    made = predicate.get("made_by")
    if made is None:  # an earlier statement commits to none
        return
    digest = str(Digest.of(script))
    if not isinstance(made, Mapping) or made.get("offline_script") != digest:
        raise VerificationError(
            f"The attachment {_SCRIPT!r} is not the one of the statement: do not run it."
        )
    if made.get("auditkit") == __version__ and script != offline_script():
        raise VerificationError(
            f"The attachment {_SCRIPT!r} is not the one of auditkit {__version__}: do not run it."
        )


def check_numbers(
    files: Mapping[str, bytes], statement: Mapping[str, Any], pages: Sequence[str]
) -> str:
    """Checks that every number on the pages is a number of the statement, rounded.

    Returns:
        How many there are, in words.

    Raises:
        VerificationError: If a number does not follow from the statement.
    """
    if FIGURES not in files:
        raise VerificationError("The report does not list its numbers.")
    figures = _json(files, FIGURES)
    tables = {t["name"]: _json(files, table_file(t["name"])) for t in _tables(statement)}
    receipt = _json(files, RECEIPT) if RECEIPT in files else None
    problems = check_figures(pages, figures, statement, tables, receipt=receipt)
    if problems:
        raise VerificationError(f"{problems[0]}{_more(len(problems))}")
    return f"{len(figures['figures']):,} figures recomputed from the statement and found printed."


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _more(problems: int) -> str:
    return f" (and {problems - 1} more)" if problems > 1 else ""


def _tables(statement: Mapping[str, Any]) -> list[Any]:
    return [t for evidence in statement["predicate"]["evidence"] for t in evidence["tables"]]


def _json(files: Mapping[str, bytes], name: str) -> Any:
    try:
        return parse_json(files[name])
    except (KeyError, InputError) as error:
        raise VerificationError(f"The attachment {name!r} is missing or not JSON.") from error


def report_id(files: Mapping[str, bytes]) -> str:
    """The report's short name, derived from its statement; empty if there is none."""
    return f"AK-{Digest.of(files[STATEMENT]).hex[:12]}" if STATEMENT in files else ""


def _check_evidence(evidence: Mapping[str, Any]) -> None:
    content = {k: v for k, v in evidence.items() if k not in {"id", "digest"}}
    if str(digest_of("evidence/v1", content)) != evidence["digest"]:
        raise VerificationError(f"The digest of evidence {evidence['id']} does not match it.")
