"""`auditkit deid`: scan a table, apply a plan, redact text, measure recall, re-identify."""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditkit.cli.shared.console import Work, harmless, say
from auditkit.cli.shared.log_open import NotedLog, noting, writing
from auditkit.cli.shared.signing_options import Folder as KeyFolder
from auditkit.errors import InputError, KeyFileError, OutputError
from auditkit.files import WRITTEN_BY_PROGRAMS, read_bytes, read_text, write_whole
from auditkit.resources import schema_line

if TYPE_CHECKING:
    from auditkit.canonical import Json
    from auditkit.deid import Deidentifier, Keys, Plan, Vault
    from auditkit.evidence import Evidence

KEY_VARIABLE: Final = "AUDITKIT_VAULT_KEY"
SECRET_VARIABLE: Final = "AUDITKIT_DEID_SECRET"  # noqa: S105 -- the variable's name

app = typer.Typer(
    help="Find and remove identifiers in tables and text, and measure what remains.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Mode = Annotated[
    str,
    typer.Option(
        "--mode", metavar="MODE", help="The method: safe-harbor, limited-data-set or expert."
    ),
]
Model = Annotated[
    bool | None,
    typer.Option(
        "--model/--no-model", help="Use the token model, or do without. Default: if it is there."
    ),
]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="The plan, a YAML file.")
]
VaultFile = Annotated[
    Path | None, typer.Option("--vault", metavar="FILE", help="The vault of tokens.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help=f"The vault's key; or set ${KEY_VARIABLE}."),
]
EvidenceFolder = Annotated[
    Path | None,
    typer.Option("--evidence", metavar="DIR", help="Write the evidence to this folder, by check."),
]


@app.command()
def scan(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, JSON Lines or Parquet.")],
    mode: Mode = "safe-harbor",
    plan: PlanFile = None,
) -> None:
    """Recognise what each column holds, and propose a plan: on stdout, or in --plan FILE.

    Example: auditkit deid scan visits.csv --plan plan.yaml
    """
    from auditkit.deid.pipeline.files import propose_for_file

    if plan is not None and plan.exists():
        raise OutputError(
            f"{plan} exists already, perhaps with changes that somebody made.",
            remedy="name another file with --plan, or remove it",
        )
    with Work(f"Read {table.name}"):
        proposed = propose_for_file(table, mode=mode, as_of=datetime.now(UTC).date())
    if plan is None:
        print(proposed.to_yaml(), end="")
    else:
        _write_plan(proposed.to_yaml(), plan)
        say(
            f"Wrote {plan}. Read it, change it, then: auditkit deid apply {table} OUT --plan {plan}"
        )


@app.command()
def apply(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, JSON Lines or Parquet.")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="The file to write; its ending says the format."),
    ],
    plan: PlanFile = None,
    mode: Mode = "safe-harbor",
    vault: VaultFile = None,
    key: KeyFile = None,
    secret: Annotated[
        Path | None,
        typer.Option(
            "--secret",
            metavar="FILE",
            help=f"The secret of pseudonyms; or set ${SECRET_VARIABLE}.",
        ),
    ] = None,
    recall: Annotated[
        Path | None,
        typer.Option(
            "--recall",
            metavar="FILE",
            help="The recall that 'evaluate --evidence' measured: privacy.recall.json.",
        ),
    ] = None,
    population: Annotated[
        Path | None,
        typer.Option(
            "--population",
            metavar="FILE",
            help="A table of everybody whom a row could be about, for the journalist risk.",
        ),
    ] = None,
    evidence: EvidenceFolder = None,
    model: Model = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite OUTPUT if it exists.")
    ] = False,
    log: NotedLog = None,
    key_folder: KeyFolder = None,
) -> None:
    """De-identify a table by a plan. Without --plan, use the plan that 'scan' would propose.

    The output is for machines: values that a spreadsheet would take for formulas are not escaped.

    Example: auditkit deid apply visits.csv clean.csv --plan plan.yaml
    """
    from auditkit.deid.pipeline.files import apply_to_file, propose_for_file, read_whole_columns
    from auditkit.deid.risk.population import Population

    if output.exists() and not replace:
        raise OutputError(
            f"{output} exists already.", remedy="name another file, or give --replace"
        )
    measured, reader, everyone = _evidence(recall), _reader(model), None
    with noting(log, key_folder) as note, Work(f"De-identify {table.name}") as work:
        chosen = _plan(plan) or propose_for_file(table, mode=mode, as_of=datetime.now(UTC).date())
        if population is not None:
            everyone = Population.of(read_whole_columns(population, chosen.quasi_identifiers))
        keys = _keys(vault, key, secret)
        try:
            made = apply_to_file(
                chosen, table, output, keys=keys, deidentifier=reader, progress=_rows(work),
                recall=measured, population=everyone,
            )  # fmt: skip
        finally:
            if keys.vault is not None:
                keys.vault.close()
        note("deid.run", _run_facts(chosen, table, output, made[0]) if log else {})
    _write_evidence(made, evidence)
    found = made[0].measurement("identifiers_found").value
    say(f"Found {found:,} identifiers in {made[0].n:,} rows; no leak was found in {output}.")


@app.command()
def generalize(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV, JSON Lines or Parquet.")],
    k: Annotated[
        int,
        typer.Option(
            "--k", min=2, metavar="K", help="The smallest equivalence class to reach (k-anonymity)."
        ),
    ],
    plan: PlanFile = None,
    columns: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS",
            help="The quasi-identifiers, separated by commas. Default: the plan's.",
        ),
    ] = "",
    mode: Mode = "safe-harbor",
) -> None:
    """Propose the least generalization that reaches k-anonymity, and write it to --plan FILE.

    Example: auditkit deid generalize visits.csv --k 5 --plan plan.yaml
    """
    from dataclasses import replace

    from auditkit.deid.pipeline.files import propose_for_file, read_whole_columns
    from auditkit.deid.risk.k_search import find_generalization

    with Work(f"Generalize {table.name}"):
        chosen = _plan(plan) or propose_for_file(table, mode=mode, as_of=datetime.now(UTC).date())
        if columns:
            named = tuple(c.strip() for c in columns.split(","))
            chosen = replace(chosen, quasi_identifiers=named)
        found = find_generalization(
            chosen, read_whole_columns(table, chosen.quasi_identifiers), wanted_k=k
        )
    say(
        f"k is {found.k_before:,} now and {found.k:,} as proposed; "
        f"{found.information_lost:.0%} of the information in these columns is lost."
    )
    for step in found.steps:
        change = step.now if step.now == step.proposed else f"{step.now} -> {step.proposed}"
        say(f"  {step.column}: {change} ({step.lost:.0%} lost)")
    if plan is None:
        print(found.plan.to_yaml(), end="")
    else:
        former = _free(plan)
        write_whole(former, read_bytes(plan, what="plan"))
        _write_plan(found.plan.to_yaml(), plan)
        say(f"Wrote {plan}; the plan before it is in {former.name}.")


@app.command()
def text(model: Model = None) -> None:
    """Redact text from stdin to stdout.

    Example: auditkit deid text < note.txt > clean.txt
    """
    try:
        given = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The text is not UTF-8 at byte {error.start}.", remedy="save it as UTF-8"
        ) from error
    reader = _reader(model)
    with Work("Redact"):
        redacted = reader.redact(given)
    sys.stdout.write(redacted)


@app.command()
def evaluate(
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED",
            help='JSON Lines: {"text": "Ann", "spans": [{"start": 0, "end": 3, "kind": "PERSON"}]}',
        ),
    ],
    evidence: EvidenceFolder = None,
    model: Model = None,
) -> None:
    """Measure recall by class of identifier, with a 95 % lower bound, on labelled texts.

    Example: auditkit deid evaluate labelled.jsonl --evidence evidence/
    """
    from auditkit.deid.detect.recall import evaluate as measure
    from auditkit.deid.detect.recall import read_labelled
    from auditkit.deid.vocabulary.entity_types import CLASSES

    lines = read_text(labelled, what="labelled file", limit=WRITTEN_BY_PROGRAMS).split("\n")
    reader = _reader(model)
    with Work("Find identifiers in the labelled texts"):
        made = measure(read_labelled(lines), reader)
    for m in made.named("recall"):
        title = CLASSES[m.group[0][1]] if m.group else "All"
        print(f"{title:<50} recall {m.value:.3f}, at least {m.lower:.3f}, n = {m.n:,}")
    precision = made.measurement("precision")
    if precision.value is not None:
        print(f"{'Letters and digits':<50} precision {precision.value:.3f}, n = {precision.n:,}")
    for note in made.notes:
        say(harmless(note))
    _write_evidence((made,), evidence)


@app.command()
def reveal(
    tokens: Annotated[list[str], typer.Argument(metavar="TOKEN...", help="Tokens to re-identify.")],
    vault: Annotated[Path, typer.Option("--vault", metavar="FILE", help="The vault of tokens.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="WHY", help="Why, for the record.")],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Your name, for the record.")],
    policy: Annotated[
        Path, typer.Option("--policy", metavar="DIR", help="The access policy's folder, sealed.")
    ] = Path("access"),
    key: KeyFile = None,
    log: Annotated[
        str,
        typer.Option(
            "--log", metavar="LOG", help="Log the decision here as well, before any value is read."
        ),
    ] = "",
    keys: KeyFolder = None,
) -> None:
    """Re-identify tokens, if the access policy allows vault:reveal. Every request is recorded.

    Example: auditkit deid reveal PERSON_1f0c9e2b --vault vault.db --purpose 'recall of lot 7'
    --user ann
    """
    from auditkit.access import vault_object
    from auditkit.access.kept.folder import read_sealed
    from auditkit.parameters import LOG_NAME

    access, _ = read_sealed(policy)
    ruling = access.decide(user, "vault:reveal", vault_object(vault.name))
    _need_vault(vault)
    with _vault(vault, key) as opened:
        if log:
            with writing(log, keys, LOG_NAME) as ledger:
                request: dict[str, Json] = {
                    "endpoint": "auditkit deid reveal",
                    "decisions": [ruling.part],
                    "purpose": purpose,
                    "tokens": len(tokens),
                }
                ledger.append(kind="access.decision", payload=ruling.to_json() | request)
        values = opened.reveal(
            tokens,
            purpose=purpose,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            ruling=ruling,
        )
    for token, value in values.items():
        print(f"{token}\t{value}")


@app.command()
def rotate(
    vault: Annotated[Path, typer.Option("--vault", metavar="FILE", help="The vault of tokens.")],
    new_key: Annotated[
        Path, typer.Option("--new-key", metavar="FILE", help="The key to change to.")
    ],
    key: KeyFile = None,
) -> None:
    """Encrypt a vault under a new key. Its tokens stay the same.

    Example: auditkit deid rotate --vault vault.db --key old.key --new-key new.key
    """
    from auditkit.deid import read_key

    _need_vault(vault)
    with _vault(vault, key) as opened, Work("Encrypt the vault"):
        count = opened.rotate(read_key(_secret_file(new_key)))
    say(f"{count:,} values are encrypted under the new key.")


def _reader(model: bool | None) -> Deidentifier:  # noqa: FBT001 -- the option as it came
    from auditkit.deid import Deidentifier
    from auditkit.deid.models.tokens import absence

    if model is None and (lacking := absence()):
        say(f"Less is found without the token model; {lacking}   (--no-model hides this line)")
    return Deidentifier(model=model)


def _plan(path: Path | None) -> Plan | None:
    from auditkit.deid import Plan

    if path is None:
        return None
    text = read_text(path, what="plan", remedy="write one: auditkit deid scan TABLE --plan FILE")
    return Plan.from_yaml(text, source=path.name)


def _run_facts(plan: Plan, table: Path, output: Path, made: Evidence) -> dict[str, Json]:
    """What a log holds of a run: digests and counts."""
    from auditkit.canonical import Digest

    def digest_of(path: Path) -> str:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    return {
        "mode": plan.mode,
        "plan": str(Digest.of(plan.to_yaml().encode())),
        "input": digest_of(table),
        "output": digest_of(output),
        "rows": made.n,
        "columns": len(plan.columns),
        "identifiers": made.measurement("identifiers_found").value,
    }


def _evidence(path: Path | None) -> Evidence | None:
    from auditkit.evidence import Evidence

    if path is None:
        return None
    return Evidence.from_file(read_bytes(path, what="evidence"), source=path.name)


def _keys(vault: Path | None, key: Path | None, secret: Path | None) -> Keys:
    from auditkit.deid import Keys

    given = os.environ.get(SECRET_VARIABLE)
    return Keys(
        vault=_vault(vault, key) if vault is not None else None,
        secret=_secret_file(secret) if secret is not None else given.encode() if given else None,
    )


def _vault(path: Path, key: Path | None) -> Vault:
    from auditkit.deid import Vault, read_key

    given = _secret_file(key) if key is not None else os.environ.get(KEY_VARIABLE, "").encode()
    if not given:
        raise KeyFileError(
            "A vault needs its key.",
            remedy=f"give --key FILE, or set {KEY_VARIABLE}; a new one: openssl rand -hex 32",
        )
    return Vault(path, read_key(given))


def _need_vault(path: Path) -> None:
    if not path.exists():
        raise InputError(f"There is no vault {path.name}.", remedy="name the file of a vault")


def _secret_file(path: Path) -> bytes:
    remedy = f"make one: (umask 077; openssl rand -hex 32 > {path.name})"
    data = read_bytes(path, what="key file", kind=KeyFileError, remedy=remedy)
    return data.rstrip(b"\r\n")


def _write_evidence(made: tuple[Evidence, ...], folder: Path | None) -> None:
    if folder is None:
        return

    for one in made:
        write_whole(folder / f"{one.check}.json", one.to_file())
    say(f"Evidence: {', '.join(one.check for one in made)} in {folder}.")


def _rows(work: Work) -> Callable[[int], None]:
    began = time.perf_counter()

    def tell(rows: int) -> None:
        work.tell(f"{rows:,} rows, {rows / (time.perf_counter() - began):,.0f} a second")

    return tell


def _write_plan(text: str, path: Path) -> None:
    write_whole(path, (schema_line("plan", path.parent) + text).encode())


def _free(plan: Path) -> Path:
    """A free name for the plan that is about to be replaced; no earlier one is overwritten."""
    names = (plan.with_name(f"{plan.name}{'~' * count}") for count in itertools.count(1))
    return next(path for path in names if not path.exists())
