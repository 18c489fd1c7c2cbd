"""The bundle: everything that a second run of an audit needs except the data, sealed.

    statement.json, receipt.json       the results, and the receipt of the log
    audit.yaml                         the recipe: columns, parameters, seeds, names of files
    policy.yaml, controls/*.yaml       the policy and control packs of the audit
    evidence-N.json                    evidence made before the audit
    salt.txt                           opens the commitment to the suppressed numbers
    versions.txt                       every installed package with its version
    manifest.dsse.json                 the digests of the others, signed

Laws:
    - The bundle holds no rows and no model; digests in the statement identify them.
    - The salt is in the bundle and never in the report: with it, anyone could find the suppressed
      numbers by guessing.
    - `open_bundle(seal_bundle(...))` returns the same files; a bundle with a changed, missing or
      extra file does not open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from auditkit.canonical import STATEMENT_TYPE, Digest, canonical_bytes, parse_json
from auditkit.errors import InputError, PolicyError, VerificationError
from auditkit.files import WRITTEN_BY_PEOPLE, read_bytes
from auditkit.judgement.controls import ControlPack, parse_pack
from auditkit.judgement.statement import MIN_SALT
from auditkit.loading.audit_file import evidence_paths, policy_of, read_audit_file
from auditkit.loading.places import is_bare, load_policy, pack_path, policy_path
from auditkit.pdf.reading import read_pdf
from auditkit.policy import parse_policy
from auditkit.signing import Signer
from auditkit.signing.dsse import open_envelope
from auditkit.signing.private_keys import algorithm_of, fingerprint_of
from auditkit.verification.attachments import ENVELOPE, RECEIPT, STATEMENT
from auditkit.verification.contents import read_statement
from auditkit.verification.log_claims import check_inclusion, read_receipt

MANIFEST: Final = "manifest.dsse.json"
SALT: Final = "salt.txt"
BUNDLE_TYPE: Final = "urn:auditkit:bundle:v1"


def statement_of(data: bytes) -> bytes:
    """The statement's bytes, from a report or from the statement's own file.

    The signature is not checked.

    Raises:
        InputError: If there is none.
    """
    if not data.startswith(b"%PDF"):
        with suppress(InputError):
            found = parse_json(data)
            if isinstance(found, dict) and isinstance(found.get("predicate"), dict):
                return data
        raise InputError(
            "The file is neither a report nor its statement.", remedy="give a report of auditkit"
        )
    files = _attached(data)
    if STATEMENT not in files:
        raise InputError("The PDF carries no statement.", remedy="give a report of auditkit")
    return files[STATEMENT]


def envelope_of(data: bytes) -> bytes:
    """The signed statement of a report, or of an envelope's own file.

    The signature is not checked.

    Raises:
        InputError: If there is none.
    """
    if not data.startswith(b"%PDF"):
        return data
    files = _attached(data)
    if ENVELOPE not in files:
        raise InputError("The PDF carries no signed statement.", remedy="give a report of auditkit")
    return files[ENVELOPE]


def seal_bundle(
    audit_file: Path,
    report: bytes,
    *,
    signer: Signer,
    salt: bytes | None = None,
    outside: Sequence[Path] = (),
) -> dict[str, bytes]:
    """Collects and signs the files that a second run needs.

    Args:
        audit_file: The audit.yaml of the audit.
        report: The signed PDF.
        signer: Signs the manifest with its statement key.
        outside: Files and folders outside the audit file's folder that it may name.
        salt: The audit's salt. Default: none; a second run then derives it from the rows.

    Returns:
        The files of the bundle by name.

    Raises:
        InputError: If a file is missing, the report has no statement, or the policy or a control
            pack is not the one that the report was made under.
        VerificationError: If the statement is damaged.
        PolicyError: If audit file or policy is wrong.
    """
    audit = read_audit_file(audit_file)
    files = {"statement.json": statement_of(report), "audit.yaml": read_bytes(audit_file)}
    if report.startswith(b"%PDF"):
        attached = _attached(report)
        files |= {RECEIPT: attached[RECEIPT]} if RECEIPT in attached else {}
    source = policy_of(audit, audit_file.parent, outside=outside)
    policy, folder = load_policy(source)
    files["policy.yaml"] = _bytes(policy_path(source), "policy")
    policy_then, packs_then = _made_under(files)
    _refuse_other("policy", policy.digest, policy_then)
    for position, (name, pack_then) in enumerate(zip(policy.controls, packs_then, strict=True)):
        content = _bytes(pack_path(name, folder), "control pack")
        _refuse_other(f"control pack {name}", _pack(content, name).digest, pack_then)
        files[_pack_file(position, name)] = content
    kept = evidence_paths(audit, audit_file.parent, outside=outside)
    for number, path in enumerate(kept, start=1):
        files[f"evidence-{number}.json"] = read_bytes(path, what="evidence")
    files["versions.txt"] = _versions()
    if salt is not None:
        files[SALT] = f"{salt.hex()}\n".encode()
    return files | {MANIFEST: signer.sign_statement(_manifest(files))}


def _attached(pdf: bytes) -> Mapping[str, bytes]:
    read = read_pdf(pdf)
    if read.unread is not None:
        raise read.unread
    return read.files


def packs_of(files: Mapping[str, bytes]) -> list[ControlPack]:
    """The control packs of an opened bundle, in the order of its policy.

    Raises:
        InputError: If one is missing.
    """
    policy = parse_policy(files["policy.yaml"].decode(), source="policy.yaml")
    names = {_pack_file(i, name): name for i, name in enumerate(policy.controls)}
    lacking = next((file for file in names if file not in files), None)
    if lacking is not None:
        raise InputError(
            f"The bundle has no {lacking}.", remedy="make the bundle again with 'auditkit bundle'"
        )
    return [_pack(files[file], name) for file, name in names.items()]


def _pack_file(position: int, name: str) -> str:
    """A control pack's file name in a bundle, however the policy names the pack."""
    return f"controls/{name if is_bare(name) else f'{position}.{Path(name).stem}'}.yaml"


def _pack(content: bytes, name: str) -> ControlPack:
    return parse_pack(content.decode(), source=name)


def _bytes(path: Path, what: str) -> bytes:
    return read_bytes(path, what=what, limit=WRITTEN_BY_PEOPLE, kind=PolicyError)


def _made_under(files: Mapping[str, bytes]) -> tuple[str, list[str]]:
    """The digests of the policy and the control packs in the statement."""
    predicate = read_statement(files)["predicate"]
    try:
        return str(predicate["policy"]["digest"]), [str(p["digest"]) for p in predicate["packs"]]
    except (KeyError, TypeError) as error:
        raise VerificationError("The statement lacks parts that every audit has.") from error


def _refuse_other(what: str, now: Digest, then: str) -> None:
    if str(now) != then:
        raise InputError(
            f"The {what} is not the one that the report was made under.",
            remedy="bundle a report made under this one, or restore the earlier one",
        )


def open_bundle(folder: Path) -> dict[str, bytes]:
    """Reads a bundle's files and checks them against its manifest.

    `sealed_by` says who signed the manifest; the reader decides whether to trust them.

    Raises:
        InputError: If it is not a bundle.
        VerificationError: If the signature is wrong, or a file is changed, missing or extra.
    """
    try:
        if any(p.is_symlink() for p in folder.rglob("*")):
            raise VerificationError("The bundle holds a link to a file elsewhere.")
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        files = {name: read_bytes(folder / name) for name in names}
        manifest = files[MANIFEST]
    except (OSError, KeyError) as error:
        raise InputError(
            f"{folder.name} is not a bundle: it has no {MANIFEST}.",
            remedy="make one with 'auditkit bundle'",
        ) from error
    sealed = {name: content for name, content in files.items() if name != MANIFEST}
    if open_envelope(manifest).payload != _manifest(sealed):
        listed = {
            entry["name"]: f"sha256:{entry['digest']['sha256']}"
            for entry in parse_json(open_envelope(manifest).payload)["subject"]
        }
        present = {name: str(Digest.of(content)) for name, content in sealed.items()}
        odd = sorted(n for n in listed.keys() | present.keys() if listed.get(n) != present.get(n))
        name = odd[0] if odd else "the manifest"
        raise VerificationError(f"The bundle is not as it was sealed: {name} differs.")
    return files


def check_sealed_by(files: Mapping[str, bytes], trusted: Sequence[str]) -> None:
    """Checks that one of the expected keys sealed an opened bundle.

    Args:
        files: The bundle.
        trusted: Fingerprints of statement keys, as 'auditkit keys list' shows them.

    Raises:
        VerificationError: If none of them did.
    """
    found = {fingerprint_of(key) for key in open_envelope(files[MANIFEST]).keys}
    if not found & {one.strip() for one in trusted}:
        raise VerificationError(
            f"The bundle was sealed by {sealed_by(files)}, not by the key that you expect."
        )


def sealed_by(files: Mapping[str, bytes]) -> str:
    """The keys that sealed an opened bundle, by algorithm and fingerprint."""
    keys = open_envelope(files[MANIFEST]).keys
    return ", ".join(f"{algorithm_of(key)} {fingerprint_of(key)}" for key in keys)


def check_receipt_in(files: Mapping[str, bytes]) -> str:
    """Checks that the receipt of an opened bundle is for its statement.

    Returns:
        Where in the log the statement is, in words; that there is none, if there is no receipt.

    Raises:
        VerificationError: If it is for another statement, or its proof is wrong.
    """
    if RECEIPT not in files:
        return "The bundle has no receipt: its statement was not logged, or its report not a PDF."
    return check_inclusion(read_receipt(files[RECEIPT]), Digest.of(files[STATEMENT]))


def read_salt(data: bytes) -> bytes:
    """The salt that `auditkit run` wrote.

    Raises:
        InputError: If it is not such a salt.
    """
    try:
        salt = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        salt = b""
    if len(salt) < MIN_SALT:
        raise InputError(
            "The salt is not one that auditkit wrote.",
            remedy="give the salt.txt that 'auditkit run' wrote beside the report",
        )
    return salt


def evidence_names(files: Mapping[str, bytes]) -> list[str]:
    """The evidence files of a bundle, in the order of the audit file."""
    numbered = [n for n in files if n.startswith("evidence-")]
    return sorted(numbered, key=lambda n: int(n.removeprefix("evidence-").removesuffix(".json")))


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": Digest.of(files[name]).hex}}
                for name in sorted(files)
            ],
            "predicateType": BUNDLE_TYPE,
            "predicate": {"statement": str(Digest.of(files.get("statement.json", b"")))},
        }
    )


def _versions() -> bytes:
    found = {f"{d.metadata['Name'].lower()}=={d.version}" for d in distributions()}
    return "".join(f"{line}\n" for line in sorted(found)).encode()
