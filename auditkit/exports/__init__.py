"""One finding in the formats of other tools: a statement in, bytes out.

files = export(audit.statement, ["sarif", "junit"])   # {"auditkit.sarif": b"...", "junit.xml": ...}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.exports import (
    csv,
    cyclonedx,
    github_annotations,
    gitlab,
    intoto,
    junit,
    markdown,
    modelcard,
    openmetrics,
    oscal,
    poam,
    sarif,
    svr,
    xlsx,
)
from auditkit.exports.source import Source

__all__ = ["ATTESTATIONS", "FORMATS", "digests", "export", "named_formats"]

# Formats that are signed, and name the digest of the report that they were exported with.
ATTESTATIONS: Final = frozenset({"intoto", "svr"})

# The files of each format, and who writes them.
FORMATS: Final[Mapping[str, Mapping[str, Callable[[Source], bytes]]]] = {
    "sarif": {"auditkit.sarif": sarif.write},
    "junit": {"junit.xml": junit.write},
    "oscal": {"oscal-assessment-results.json": oscal.write},
    "poam": {"oscal-poam.json": poam.write},
    "markdown": {"summary.md": markdown.write},
    "annotations": {"annotations.txt": github_annotations.write},
    "gitlab": {"gl-code-quality-report.json": gitlab.write},
    "openmetrics": {"metrics.txt": openmetrics.write},
    "xlsx": {"findings.xlsx": xlsx.write},
    "csv": {"findings.csv": csv.write},
    "intoto": {"test-result.dsse.json": intoto.write},
    "svr": {"svr.dsse.json": svr.write},
    "cyclonedx": {"bom-1.6.cdx.json": cyclonedx.write_1_6, "bom-1.7.cdx.json": cyclonedx.write_1_7},
    "modelcard": {"modelcard.md": modelcard.write},
}


def named_formats(text: str) -> tuple[str, ...]:
    """The formats of a list such as `sarif,junit`, each once.

    Raises:
        InputError: If one is unknown, or there is none.
    """
    names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
    unknown = next((name for name in names if name not in FORMATS), None)
    if unknown is not None or not names:
        raise InputError(
            f"There is no format {unknown!r}." if names else "No format is named.",
            remedy=f"give some of: {','.join(FORMATS)}",
        )
    return names


def export(
    statement: bytes,
    formats: Iterable[str],
    *,
    report: Digest | None = None,
    sign: Callable[[bytes], bytes] | None = None,
) -> dict[str, bytes]:
    """Writes a statement in other formats.

    Args:
        statement: The bytes of an audit's statement.
        formats: Of `FORMATS`.
        report: The digest of its PDF, which is the attestations' second subject; None: it is not
            named.
        sign: Wraps an attestation in a signed DSSE envelope, as `Signer.sign_statement` does.
            None: envelopes carry no signature.

    Returns:
        The files' contents by their names; the same bytes for the same arguments.

    Raises:
        InputError: If it is not the statement of an audit, or a format is unknown.
    """
    names = named_formats(",".join(formats))
    source = Source.of(statement, report=report, sign=sign)
    return {file: write(source) for name in names for file, write in FORMATS[name].items()}


def digests(statement: bytes, formats: Iterable[str]) -> dict[str, list[str]]:
    """The digests of what `export` writes of a statement, for the report to print.

    Args:
        statement: The bytes of an audit's statement.
        formats: Of `FORMATS`.

    Returns:
        For each format the digests of its files, `sha256:...`. None for an attestation, which
        names the digest of the report and so is made after it.

    Raises:
        InputError: If it is not the statement of an audit, or a format is unknown.
    """
    found: dict[str, list[str]] = {}
    for name in formats:
        files = {} if name in ATTESTATIONS else export(statement, [name])
        found[name] = [str(Digest.of(content)) for content in files.values()]
    return found
