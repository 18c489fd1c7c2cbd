"""`auditkit init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from auditkit.cli.shared.console import say
from auditkit.cli.shared.inputs import load_inputs
from auditkit.errors import InputError
from auditkit.subject import Task


def init(
    data: Annotated[
        Path, typer.Option(metavar="FILE", help="The rows to evaluate: .csv, .parquet or .jsonl.")
    ],
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column with the true outcome. Default: it is not known.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model's file, MLflow's folder, models:/NAME/7, or the address of a served one.",
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST",
            help="The digest that the model's file must have; a pickle is loaded only with it.",
        ),
    ] = None,
    task: Annotated[
        Task | None,
        typer.Option(
            metavar="TASK",
            help="What the model predicts: binary, classes or number. Default: found from model "
            "and labels.",
        ),
    ] = None,
    label_values: Annotated[
        str,
        typer.Option(
            metavar="PAIRS",
            help="The model's value for each value of the label: good=1,bad=0; for labels in words "
            "that the model does not know.",
        ),
    ] = "",
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Instead of a model: the column with scores of the favourable outcome, 0 to 1.",
        ),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column with decisions made already, in the values of the label.",
        ),
    ] = None,
    groups: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS", help="The columns to compare groups by, separated by commas."
        ),
    ] = "",
    favourable: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="The label value that is good for the person."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The training data; explanations are relative to it."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="A policy file, or the name of one that comes with auditkit. Default: the starter "
            "of the task.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The audit file to write.")
    ] = Path("audit.yaml"),
) -> None:
    """Write a commented audit.yaml, and check that it loads.

    Example: auditkit init --model m.json --data test.csv --label approved --groups sex,race
    """
    from auditkit.cli.shared.template import audit_yaml
    from auditkit.documents import parse_document
    from auditkit.errors import OutputError
    from auditkit.files import write_whole
    from auditkit.loading import prepare
    from auditkit.loading.audit_file import AuditFile, policy_of
    from auditkit.loading.columns import contract_of
    from auditkit.loading.places import is_bare, load_policy
    from auditkit.registry.reference import is_reference, is_served

    if output.exists():
        raise OutputError(
            f"{output} exists already.", remedy="name another file with --output, or remove it"
        )
    if model is None and scores is None and predictions is None:
        raise InputError(
            "There is nothing to audit yet.", remedy="give --model, --scores or --predictions"
        )
    if model is not None and scores is not None:
        raise InputError(
            "A model and a column of scores were given.", remedy="leave out --model or --scores"
        )
    given: dict[str, Any] = {
        "name": output.name,
        "folder": output.parent,
        "model": model,
        "scores": scores,
        "predictions": predictions,
        "data": data,
        "label": label,
        "favourable": favourable,
        "groups": [g.strip() for g in groups.split(",") if g.strip()],
        "reference": reference,
        "policy": policy,
        "expect": expect,
        "label_values": _pairs(label_values),
    }
    # Files named on this command line are allowed; whoever runs the audit file must allow them too.
    elsewhere = model is None or is_reference(model) or is_served(model)
    files = (data, reference, None if elsewhere else Path(model or ""))
    named = [path for path in files if path is not None]
    named += [] if policy is None or is_bare(policy) else [Path(policy)]
    draft = audit_yaml(**given, task=task or Task.BINARY, states_task=task is not None)
    file = parse_document(AuditFile, draft, source=output.name)
    load_policy(policy_of(file, output.parent, outside=named))
    # What the task is, only the model and the labels tell: no threshold is stated before.
    inputs = load_inputs(file.model_copy(update={"threshold": None}), output.parent, outside=named)
    case = prepare(inputs)
    text = audit_yaml(
        **given,
        task=case.task,
        states_task=task is not None or case.task is not Task.BINARY,
        columns=contract_of(inputs.model, inputs.data),
    )
    parse_document(AuditFile, text, source=output.name)
    write_whole(output, text.encode())
    outside = {p.parent for p in named if not p.resolve().is_relative_to(output.parent.resolve())}
    allow = "".join(f" --allow-outside {shlex.quote(str(p))}" for p in sorted(outside))
    say(f"Wrote {output}. Next: auditkit run {output} --output audit/{allow}")
    print(output)


def _pairs(text: str) -> dict[str, Any]:
    """The pairs of an option such as good=1,bad=0; whole numbers are numbers.

    Raises:
        InputError: If a part is no pair, or names a value twice.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = [(word.strip(), value.strip()) for word, _, value in (p.rpartition("=") for p in parts)]
    if not all(word and value for word, value in pairs) or len(dict(pairs)) < len(pairs):
        raise InputError(
            "--label-values does not name a value for each word.", remedy="write good=1,bad=0"
        )
    return {word: int(value) if value.lstrip("-").isdigit() else value for word, value in pairs}
