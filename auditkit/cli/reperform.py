"""`auditkit bundle`, `reperform` and `diff`: run an audit again, and compare two."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auditkit.cli.audit import AllowOutside
from auditkit.cli.shared.console import Work, one_line, say, step
from auditkit.cli.shared.inputs import load_inputs
from auditkit.cli.shared.signing_options import open_store
from auditkit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditkit.api import Audit

_AS_JSON = typer.Option("--json", help="Print JSON.")


def bundle(
    audit_file: Annotated[Path, typer.Argument(metavar="AUDIT.YAML", help="The audit file.")],
    *,
    report: Annotated[Path, typer.Option(metavar="FILE", help="The signed report of that audit.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder.")],
    salt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The audit's salt. Default: salt.txt beside the report, if any."
        ),
    ] = None,
    allow_outside: AllowOutside = None,
) -> None:
    """Seal everything that is needed to run an audit again, except the data.

    Example: auditkit bundle audit.yaml --report audit/report.pdf --output bundle/
    """
    from auditkit.files import read_bytes, write_whole
    from auditkit.reperformance import seal_bundle
    from auditkit.reperformance.bundle import SALT, read_salt

    if output.exists():
        raise OutputError(f"{output} exists already.", remedy="name a new folder with --output")
    beside = report.parent / SALT
    if salt is None and beside.is_file():
        salt = beside
    with Work("Seal the bundle"):
        files = seal_bundle(
            audit_file,
            read_bytes(report, what="report"),
            signer=open_store().report_signer(),
            outside=allow_outside or (),
            salt=None if salt is None else read_salt(read_bytes(salt, what="salt")),
        )
    for name, content in files.items():
        write_whole(output / name, content)
    say(f"Sealed {len(files)} files. Next: auditkit reperform {output} --data FOLDER")
    print(output)


def reperform(
    bundle_folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A sealed bundle.")],
    *,
    data: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The folder that the audit file's paths are relative to."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            help="The model's file or folder. Default: as the audit file says, from the version "
            "that was audited if it is in a registry.",
        ),
    ] = None,
    allow_outside: AllowOutside = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, metavar="SHARE", help="Relative tolerance: a share of each number."),
    ] = 1e-9,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Run every check of a bundle again, and compare number by number.

    Numbers that the statement suppresses are compared all at once, by a salted digest.

    Exit 0: every number is equal or within the tolerance. 12: a number or an input is different.

    Example: auditkit reperform bundle/ --data data/
    """
    from auditkit.canonical import Digest, parse_json
    from auditkit.reperformance import (
        Agreement,
        compare_numbers,
        compare_suppressed,
        open_bundle,
    )
    from auditkit.reperformance.bundle import sealed_by
    from auditkit.reperformance.changes import version_changes
    from auditkit.verification.contents import read_statement

    files = open_bundle(bundle_folder)
    say(f"The bundle is as it was sealed by {sealed_by(files)}; compare the fingerprint.")
    before = read_statement(files)
    audit = _again(bundle_folder, files, data, allow_outside or (), before, model)
    after = parse_json(audit.statement)
    compared = compare_numbers(before, after, tolerance=tolerance)
    inputs_differ = [
        name
        for name, old, new in (
            ("model", _model(before), _model(after)),
            ("data", before["predicate"]["datasets"], after["predicate"]["datasets"]),
            ("policy", before["predicate"]["policy"], after["predicate"]["policy"]),
            ("seed", before["predicate"]["seed"], after["predicate"]["seed"]),
        )
        if old != new
    ]
    versions = [*version_changes(before["predicate"]["versions"], after["predicate"]["versions"])]
    counts = {state: sum(c.agreement is state for c in compared) for state in Agreement}
    suppressed = compare_suppressed(before, after, compared)
    different = (
        counts[Agreement.DIFFERENT] > 0 or bool(inputs_differ) or suppressed is Agreement.DIFFERENT
    )
    if as_json:
        document = {
            "inputs_that_differ": inputs_differ,
            "versions_that_differ": {c.name: [c.before, c.after] for c in versions},
            "sealed_by": sealed_by(files),
            "counts": {state.value: count for state, count in counts.items()},
            "suppressed": None if suppressed is None else suppressed.value,
            "numbers": [
                {"check": c.check, "key": c.key, "before": c.before, "after": c.after,
                 "agreement": c.agreement.value}
                for c in compared
            ],
        }  # fmt: skip
        print(json.dumps(document, indent=2))
    else:
        for name in inputs_differ:
            print(f"{'different':<17} the {name}: not the one that was audited")
        for change in versions:
            both = f"{change.name} {change.before}, here {change.after}"
            print(one_line(f"{'other version':<17} {both}"))
        for c in sorted(compared, key=lambda c: _ORDER.index(c.agreement.value)):
            again = "" if c.agreement is Agreement.EQUAL else f" -> {_number(c.after)}"
            number = f"{c.check} {c.key}: {_number(c.before)}{again}"
            print(one_line(f"{c.agreement.value:<17} {number}"))
        summary = ", ".join(f"{count:,} {state.value}" for state, count in counts.items())
        print(f"\n{len(compared):,} numbers: {summary}; tolerance {tolerance:g}.")
        print(f"The suppressed numbers: {_SUPPRESSED[suppressed]}.")
        same = audit.statement == files["statement.json"]
        print(
            f"The statement is {'the same, byte for byte' if same else 'not the same'}: "
            f"{Digest.of(files['statement.json'])}."
        )
    raise typer.Exit(12 if different else 0)


def diff(
    before: Annotated[
        Path, typer.Argument(metavar="OLD.pdf", help="The earlier report or statement.")
    ],
    after: Annotated[Path, typer.Argument(metavar="NEW.pdf", help="The later one.")],
    *,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Show what changed between two audits, and what regressed.

    Exit 0: nothing regressed. 10: something did. Signatures are not checked; use 'auditkit verify'.

    Example: auditkit diff january.pdf june.pdf
    """
    from dataclasses import asdict

    from auditkit.reperformance import differences

    with Work("Compare the two audits"):
        changes = differences(_statement(before), _statement(after))
    if as_json:
        print(json.dumps([asdict(change) for change in changes], indent=2))
    else:
        for c in changes:
            mark = "REGRESSED " if c.regressed else ""
            name = f"{c.name} {c.title}".rstrip()
            print(one_line(f"{c.area:<10} {mark}{name}: {_short(c.before)} -> {_short(c.after)}"))
        regressed = [c.name for c in changes if c.regressed]
        print(
            f"\n{len(changes):,} changes; "
            + (f"regressed: {', '.join(regressed)}" if regressed else "nothing regressed")
        )
    raise typer.Exit(10 if any(c.regressed for c in changes) else 0)


_SUPPRESSED: Final = {
    "equal": "equal, by their salted digest",
    "different": "one is different, by their salted digest",
    None: "cannot be compared",
}
_ORDER: Final = ("different", "within tolerance", "equal")


def _number(value: float | None) -> str:
    return "undefined" if value is None else repr(value)


def _short(text: str) -> str:
    """Shortens digests to their first 12 digits; --json prints them whole."""
    return re.sub(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", text)


def _model(statement: Any) -> dict[str, Any]:
    """The model of a statement, wherever its files were fetched from."""
    subject: dict[str, Any] = statement["predicate"]["subject"]
    return {name: value for name, value in subject.items() if name != "registered"}


def _again(
    bundle_folder: Path,
    files: dict[str, bytes],
    data: Path,
    outside: Sequence[Path],
    before: Any,
    model: Path | None,
) -> Audit:
    from datetime import date

    from auditkit.api import run
    from auditkit.loading.audit_file import read_audit_file
    from auditkit.reperformance.bundle import SALT, evidence_names, packs_of, read_salt
    from auditkit.reperformance.compare import whole_statements
    from auditkit.subject import RegisteredModel

    with whole_statements():
        as_of = before["predicate"]["as_of"]
        today = date.fromisoformat(as_of) if as_of else None
    audit = read_audit_file(bundle_folder / "audit.yaml")
    kept = [(bundle_folder / name).resolve() for name in evidence_names(files)]
    named: dict[str, Any] = {"evidence": tuple(map(str, kept))}
    with whole_statements():
        subject = before["predicate"]["subject"]
        if model is not None:
            kept.append(model.resolve())
            named |= {name: subject[name] for name in ("name", "version")}
            named["model"] = str(model.resolve())
        elif "registered" in subject:  # an alias may have moved since
            named["model"] = RegisteredModel(**subject["registered"]).uri
    audit = audit.model_copy(update=named)
    with step("Run the checks again") as result:
        return run(
            load_inputs(audit, data, outside=(*outside, *kept)),
            policy=bundle_folder / "policy.yaml",
            packs=packs_of(files),
            today=today,
            salt=read_salt(files[SALT]) if SALT in files else None,
            progress=result.tell_step,
        )


def _statement(path: Path) -> Any:
    from auditkit.canonical import parse_json
    from auditkit.files import read_bytes
    from auditkit.reperformance.bundle import statement_of

    return parse_json(statement_of(read_bytes(path, what="report")))
