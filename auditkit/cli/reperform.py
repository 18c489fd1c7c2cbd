"""`auditkit bundle`, `reperform` and `diff`: run an audit again, and compare two."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auditkit.cli.audit import AllowOutside
from auditkit.cli.gating.against import read_statement
from auditkit.cli.shared.console import Work, one_line, say, step
from auditkit.cli.shared.inputs import load_inputs
from auditkit.cli.shared.signing_options import open_store
from auditkit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    trust: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FINGERPRINT",
            help="Who must have sealed the bundle: a statement key's fingerprint; repeatable.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, metavar="SHARE", help="Relative tolerance: a share of each number."),
    ] = 1e-9,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Run every check of a bundle again, and compare all that it gives.

    Compared are every number, table, finding, waiver, control, pack and count, and the verdict.
    Tables are compared by their digests; numbers that the statement suppresses all at once, by a
    salted digest. Under the same versions the statement has to be the same, byte for byte.

    Exit 0: all of it is equal or within the tolerance. 12: something is different.

    Example: auditkit reperform bundle/ --data data/
    """
    import tempfile

    from auditkit.canonical import parse_json
    from auditkit.files import write_whole
    from auditkit.reperformance import open_bundle
    from auditkit.reperformance.bundle import check_receipt_in, check_sealed_by, sealed_by
    from auditkit.verification.contents import read_statement

    files = open_bundle(bundle_folder)
    if trust:
        check_sealed_by(files, trust)
    else:
        say(f"The bundle is as it was sealed by {sealed_by(files)}; compare the fingerprint.")
    before = read_statement(files)
    say(check_receipt_in(files))
    with tempfile.TemporaryDirectory() as verified:
        # What was verified is what is run, whatever becomes of the folder meanwhile.
        for name, content in files.items():
            write_whole(Path(verified) / name, content)
        audit = _again(Path(verified), files, data, allow_outside or (), before, model)
    found = _Reperformed(files, before, parse_json(audit.statement), audit.statement, tolerance)
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        found.print()
    raise typer.Exit(12 if found.different else 0)


class _Reperformed:
    """How a second run compares with the first."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        statement: bytes,
        tolerance: float,
    ) -> None:
        from auditkit.reperformance import (
            Agreement,
            compare_judged,
            compare_numbers,
            compare_suppressed,
            compare_tables,
        )
        from auditkit.reperformance.bundle import sealed_by
        from auditkit.reperformance.changes import version_changes

        old, new = before["predicate"], after["predicate"]
        self.sealed_by = sealed_by(files)
        self.statement = files["statement.json"]
        self.tolerance = tolerance
        self.numbers = compare_numbers(before, after, tolerance=tolerance)
        self.judged = compare_judged(before, after, tolerance=tolerance)
        self.inputs = [
            name
            for name, was, now in (
                ("model", before["predicate"]["subject"], after["predicate"]["subject"]),
                ("data", old["datasets"], new["datasets"]),
                ("policy", old["policy"], new["policy"]),
                ("seed", old["seed"], new["seed"]),
            )
            if was != now
        ]
        self.versions = [*version_changes(old["versions"], new["versions"])]
        self.tables, self.tables_agree = compare_tables(before, after, self.numbers)
        self.suppressed = compare_suppressed(before, after, self.numbers)
        self.counts = {
            state: sum(c.agreement is state for c in self.numbers) for state in Agreement
        }
        self.same = statement == self.statement
        # Under other versions, or by an earlier format, other bytes may say the same.
        comparable = not self.versions and old.get("made_by") == new.get("made_by")
        self.other_bytes = comparable and not self.same
        self.different = bool(
            self.counts[Agreement.DIFFERENT]
            or self.inputs
            or self.judged
            or self.tables_agree is Agreement.DIFFERENT
            or self.suppressed is Agreement.DIFFERENT
            or self.other_bytes
        )

    def to_json(self) -> dict[str, Any]:
        """As --json prints it."""
        from dataclasses import asdict

        return {
            "inputs_that_differ": self.inputs,
            "versions_that_differ": {c.name: [c.before, c.after] for c in self.versions},
            "sealed_by": self.sealed_by,
            "counts": {state.value: count for state, count in self.counts.items()},
            "tables": {"agreement": self.tables_agree.value, "that_differ": list(self.tables)},
            "suppressed": None if self.suppressed is None else self.suppressed.value,
            "same_statement": self.same,
            "judged_that_differ": [asdict(one) for one in self.judged],
            "numbers": [
                {"check": c.check, "key": c.key, "before": c.before, "after": c.after,
                 "agreement": c.agreement.value}
                for c in self.numbers
            ],
        }  # fmt: skip

    def print(self) -> None:
        """For people: differences first, equal numbers in one line."""
        from auditkit.canonical import Digest
        from auditkit.reperformance import Agreement

        for name in self.inputs:
            _line("different", f"the {name}: not the one that was audited")
        for one in self.judged:
            member = f", {one.member}" if one.member else ""
            _line("different", f"{one.what}{member}: {_brief(one.before)} -> {_brief(one.after)}")
        for name in self.tables:
            _line(_TABLES[self.tables_agree.value], f"table {name}: another digest")
        if self.suppressed is Agreement.DIFFERENT:
            _line("different", "the suppressed numbers: another salted digest")
        for state in ("different", "within tolerance"):
            for c in self.numbers:
                if c.agreement.value == state:
                    both = f"{_number(c.before)} -> {_number(c.after)}"
                    _line(state, f"{c.check} {c.key}: {both}")
        for change in self.versions:
            _line("other version", f"{change.name} {change.before}, here {change.after}")
        odd = len(self.judged) + (self.tables_agree is Agreement.DIFFERENT) * len(self.tables)
        judged = f"{odd:,} differ" if odd else "equal"
        summary = ", ".join(f"{count:,} {state.value}" for state, count in self.counts.items())
        print(f"\n{len(self.numbers):,} numbers: {summary}; tolerance {self.tolerance:g}.")
        print(f"Findings, waivers, controls, packs, counts, tables and the verdict: {judged}.")
        print(f"The suppressed numbers: {_SUPPRESSED[self.suppressed]}.")
        same = "the same, byte for byte" if self.same else "not the same"
        under = " although the versions are" if self.other_bytes else ""
        print(f"The statement is {same}{under}: {Digest.of(self.statement)}.")


def _line(state: str, text: str) -> None:
    print(one_line(f"{state:<17} {text}"))


def _brief(value: Any) -> str:
    """A member of a statement in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


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
        changes = differences(read_statement(before), read_statement(after))
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
# A digest does not tell how far apart the numbers of a table are.
_TABLES: Final = {"different": "different", "within tolerance": "cannot tell"}
# Longer members are cut; --json prints them whole.
_MOST: Final = 120


def _number(value: float | None) -> str:
    return "undefined" if value is None else repr(value)


def _short(text: str) -> str:
    """Shortens digests to their first 12 digits; --json prints them whole."""
    return re.sub(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", text)


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
    from auditkit.judgement.findings import source_in
    from auditkit.loading.audit_file import read_audit_file
    from auditkit.registry.reference import is_reference
    from auditkit.reperformance.bundle import SALT, evidence_names, packs_of, read_salt
    from auditkit.reperformance.compare import whole_statements
    from auditkit.subject import RegisteredModel
    from auditkit.waivers.consideration import files_in

    with whole_statements():
        as_of = before["predicate"]["as_of"]
        today = date.fromisoformat(as_of) if as_of else None
        source = source_in(before["predicate"])
        waivers: Any = files_in(before["predicate"])  # read already, from where they lay then
    audit = read_audit_file(bundle_folder / "audit.yaml")
    kept = [(bundle_folder / name).resolve() for name in evidence_names(files)]
    named: dict[str, Any] = {"evidence": tuple(map(str, kept))}
    registered = None
    key = "model" if audit.challenger is None else "challenger"
    with whole_statements():
        # An alias may have moved since; the digest tells whether these are the files.
        subject = before["predicate"]["subject"]
        if audit.models and is_reference(audit.models[0]):
            registered = RegisteredModel(**subject["registered"])
            named |= {key: registered.uri, "version": registered.version}
            named["name"] = audit.name or registered.name
        if len(audit.models) > 1 and is_reference(audit.models[1]):
            named["model"] = RegisteredModel(**subject["champion"]["registered"]).uri
    if model is not None:
        kept.append(model.resolve())
        named.setdefault("name", audit.name or Path((*audit.models, audit.data)[0]).stem)
        named[key] = str(model.resolve())
    inputs = load_inputs(audit.model_copy(update=named), data, outside=(*outside, *kept))
    with whole_statements():
        of_checks = {e["check"]: e["parameters"] for e in before["predicate"]["evidence"]}
        budget = of_checks.get("explanation.global", {}).get("budget")
    if budget is not None:  # seconds are other evaluations on another machine
        inputs = replace(inputs, explain={"evaluations": budget})
    with step("Run the checks again") as result:
        return run(
            replace(inputs, registered=registered),
            policy=bundle_folder / "policy.yaml",
            source=source,
            packs=packs_of(files),
            today=today,
            salt=read_salt(files[SALT]) if SALT in files else None,
            progress=result.tell_step,
            supersedes=before["predicate"].get("supersedes"),
            waivers=waivers,
            log=None,
        )
