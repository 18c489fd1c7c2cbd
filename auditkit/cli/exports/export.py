"""`auditkit export`, and `auditkit run --also`: an audit in other tools' formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.log_open import NotedLog, noting
from auditkit.cli.shared.signing_options import (
    AskPassphrase,
    Certificate,
    Folder,
    Key,
    PassphraseFile,
    signing_with,
)

if TYPE_CHECKING:
    from auditkit.signing import Signer

_LIST = (
    "sarif, junit, oscal, poam, markdown, annotations, gitlab, openmetrics, xlsx, csv, intoto, "
    "svr, cyclonedx, modelcard"
)

Also = Annotated[
    str | None,
    typer.Option(
        "--also",
        metavar="FORMATS",
        help=f"Write these formats to DIR, too, separated by commas: {_LIST}.",
    ),
]


def export(
    audit: Annotated[
        Path,
        typer.Argument(
            metavar="REPORT",
            help="A report, its statement.json, or the folder that 'auditkit run' wrote.",
        ),
    ],
    *,
    formats: Annotated[
        str,
        typer.Option("--format", metavar="FORMATS", help=f"Separated by commas: {_LIST}."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the files.")
    ] = Path("exports"),
    key: Key = None,
    certificate: Certificate = None,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
    log: NotedLog = None,
    keys: Folder = None,
) -> None:
    """Write an audit in the formats of other tools; each finding has the same id in all of them.

    Findings and verdict must follow from the statement's evidence. Signatures are not checked: use
    'auditkit verify'. Attestations (intoto, svr) are signed with your key, as reports are.

    Exit 0 once the files are written, whatever the verdict.

    Example: auditkit export audit/ --format sarif,junit --output exports/
    """
    from auditkit.canonical import Digest, parse_json
    from auditkit.errors import VerificationError
    from auditkit.exports import ATTESTATIONS
    from auditkit.files import read_bytes
    from auditkit.judgement.again import judged_again
    from auditkit.reperformance.bundle import statement_of
    from auditkit.reperformance.compare import whole_statements

    names = formats_of(formats)
    file = audit
    if audit.is_dir():
        report = audit / "report.pdf"
        file = report if report.is_file() else audit / "statement.json"
    data = read_bytes(file, what="report")
    statement = statement_of(data)
    with whole_statements():
        differences = judged_again(parse_json(statement)["predicate"]).differences
    if differences:
        raise VerificationError(
            f"The statement does not follow from its evidence. {differences[0]}"
        )
    signer = None
    if ATTESTATIONS & set(names):
        _, signer = signing_with(
            key, certificate, passphrase_file, None, ask=ask_passphrase, long_term=False
        )
    pdf = file if data.startswith(b"%PDF") else None
    with noting(log, keys) as note:
        for path in write_formats(statement, names, output, pdf=pdf, signer=signer):
            print(path)
        facts = {"what": "audit", "digest": str(Digest.of(statement)), "formats": list(names)}
        note("data.exported", facts)


def formats_of(text: str | None) -> tuple[str, ...]:
    """The formats that an option names; none if it is not given."""
    from auditkit.exports import named_formats

    return named_formats(text) if text is not None else ()


def digests_of(statement: bytes, names: tuple[str, ...]) -> dict[str, list[str]] | None:
    """What a report prints of the formats that will be written with it; None: there are none."""
    from auditkit.exports import digests

    return digests(statement, names) if names else None


def write_formats(
    statement: bytes,
    names: tuple[str, ...],
    output: Path,
    *,
    pdf: Path | None,
    signer: Signer | None,
) -> list[Path]:
    """Writes a statement in some formats to a folder, and gives the files' paths.

    Args:
        statement: The statement's bytes.
        names: The formats; none: nothing is written.
        output: The folder.
        pdf: The report that the statement is attached to; None: there is none.
        signer: Signs attestations; None: they are not signed.
    """
    if not names:
        return []
    from auditkit.canonical import Digest
    from auditkit.exports import export as exported
    from auditkit.files import read_bytes, write_whole

    report = Digest.of(read_bytes(pdf, what="report")) if pdf is not None else None
    sign = signer.sign_statement if signer is not None else None
    files = exported(statement, names, report=report, sign=sign)
    for name, content in files.items():
        write_whole(output / name, content)
    say(f"Wrote {len(files)} files to {output}.")
    return [output / name for name in files]
