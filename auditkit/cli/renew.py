"""`auditkit renew`: keep a signed report verifiable for longer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.shared.console import Work, say
from auditkit.errors import InputError


def renew(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A report that was signed with --timestamps.")
    ],
    *,
    timestamps: Annotated[
        str, typer.Option(metavar="URL", help="A timestamp authority (RFC 3161).")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write. Default: REPORT."),
    ] = None,
) -> None:
    """Add revocation data and a document timestamp to a report (PAdES B-LTA), or add them again.

    Renew a report while it verifies, before the certificate of its last timestamp expires. This
    asks the certificates' issuers over the network. What was signed is not changed.

    Example: auditkit renew report.pdf --timestamps https://tsa.example/tsr
    """
    from auditkit.files import read_bytes, write_whole
    from auditkit.signing import TimestampAuthority
    from auditkit.signing.long_term import extend

    data = read_bytes(report, what="report")
    if not data.startswith(b"%PDF"):
        raise InputError(f"{report.name} is not a PDF.", remedy="give a report of auditkit")
    target = output or report
    with Work("Ask the certificates' issuers and the timestamp authority"):
        renewed = extend(data, TimestampAuthority(url=timestamps))
    write_whole(target, renewed)
    say("Renewed. Next: auditkit verify")
    print(target)
