"""audit.yaml: the description of one audit, so that a pipeline can run it with one command."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from pydantic import Field, model_validator

from auditkit.documents import DigestText, Document, PersonOrNobody, Text, parse_document
from auditkit.errors import InputError
from auditkit.evidence import Evidence
from auditkit.files import read_bytes, read_text
from auditkit.loading.columns import Columns, as_contracted, features_of, read_as_text
from auditkit.loading.files import load_table
from auditkit.loading.models import Isolation, load_model
from auditkit.loading.places import Place, is_bare
from auditkit.model.columns import text_columns
from auditkit.model_files.confined import ConfinedModel
from auditkit.model_files.served import ServedModel
from auditkit.registry.reference import Reference, is_reference, is_served
from auditkit.subject import UNREGISTERED, Inputs, RegisteredModel


class ReportSection(Document):
    """What a report says about the people, and its paper.

    Attributes:
        organisation: On whose behalf the report is made.
        page_size: Paper size.
        status: FINAL or DRAFT.
        ran_by: Who ran the audit.
        reviewed_by: Who reviewed it.
        independence: The relation of these people to the model's authors.
        period: The period that the data cover.
    """

    organisation: str = ""
    page_size: Literal["A4", "Letter"] = "A4"
    status: Literal["FINAL", "DRAFT"] = "DRAFT"
    ran_by: PersonOrNobody = ""
    reviewed_by: PersonOrNobody = ""
    independence: str = ""
    period: str = ""


class Expected(Document):
    """Digests that the inputs must have, as an earlier report or an approval names them.

    Attributes:
        model: The digest of the model's files.
        challenger: The digest of the challenger's files.
        data: The digest of the rows to evaluate.
        reference: The digest of the reference.
        policy: The digest of the policy.
    """

    model: DigestText | None = None
    challenger: DigestText | None = None
    data: DigestText | None = None
    reference: DigestText | None = None
    policy: DigestText | None = None


class Explaining(Document):
    """How much explanations may cost, where a model can only be sampled: one of the two.

    Attributes:
        seconds: About how long they may take. Turned into evaluations by timing the model.
        evaluations: About how many rows the model may be asked to score.
    """

    seconds: float | None = Field(default=None, gt=0, le=1e6)
    evaluations: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.seconds is None) == (self.evaluations is None):
            raise ValueError("give seconds or evaluations, and only one of them")
        return self


class AuditFile(Document):
    """The content of an audit.yaml. Paths are relative to the file's folder and stay inside it.

    Attributes:
        name: The model's name; default: that in the registry, or the model file's name.
        version: The model's version; default: its number in the registry.
        purpose: What the model decides, in one line.
        owner: Who is accountable for it.
        model: An XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.cbm, .json), ONNX or
            scikit-learn (.joblib, .pkl, .skops) model; a folder that MLflow's `log_model` wrote; a
            version in MLflow's registry: models:/credit/7, models:/credit@challenger; a
            function in a folder of Python code: scoring.model:predict; or the address of one that
            is served by the Open Inference Protocol: http://127.0.0.1:8080/v2/models/credit.
        challenger: A model that is to replace `model`, in the same forms. The audit is then of the
            challenger, and compares it with `model` on the same rows; `name`, `version`, `purpose`
            and `owner` are the challenger's.
        scores: Column of `data` with scores of the favourable outcome, instead of a model.
        predictions: Column of `data` with decisions made already, in the values of the label.
        data: The rows to evaluate: .csv, .parquet or .jsonl.
        missing: Words in the tables that mean a missing value, such as NA; an empty cell always
            does.
        label: The column of `data` that holds the true outcome; left out: it is not known, and
            what needs it is not tested.
        favourable: The label value that is good for the person.
        task: What the model predicts: one of two outcomes, one of several classes, or a number;
            default: found from model and labels.
        label_values: The model's value for each value of the label, such as {good: 1, bad: 0},
            where the label's are words that the model does not know.
        intervals: Columns of `data` with the lower and upper ends of the model's own intervals of
            predicted numbers.
        columns: What the model takes: each column's kind, "number", "boolean", "text" or "date",
            or the levels of one that holds categories, in the model's order. A table of another
            kind is refused. For a model that does not name its columns, these are its columns, in
            this order; default: all that are nothing else. `auditkit init` writes them.
        groups: The columns to compare groups by; or a mapping of each to the values it may have.
        reference: The rows that explanations are relative to, usually the training data.
        threshold: The cut-off on the score of the favourable outcome; default: 0.5. For numbers the
            least that is favourable; default: nothing is decided.
        policy: A policy file, or the bare name of one that comes with auditkit.
        evidence: Files with evidence made before the audit.
        waivers: Files of waivers, and folders of them: waivers/.
        supersedes: The digest of the statement whose report this one takes the place of.
        log: The log of the audit: a SQLite file, or postgresql://user@host/name; default:
            $AUDITKIT_LOG, or log.db in the key store.
        expect: Digests that the inputs must have; with another one nothing is audited. A pickle or
            a function is loaded only if the model's is given.
        isolation: "strict" refuses a machine that cannot confine the model's process; "default"
            confines it as far as the machine can, and says how far.
        trusted_types: Classes and functions, as module:name, that a pickle may hold besides those
            of scikit-learn and the boosting libraries.
        explain: How much explanations may cost where the model can only be sampled, {seconds: 60}
            or {evaluations: 1000000}; default: 64 pairs of permutations a row.
        as_of: The day of the audit; default: today.
        seed: Seeds every random draw.
        report: What the report says about the people, and its paper.
    """

    name: str = ""
    version: str = UNREGISTERED
    purpose: str = ""
    owner: PersonOrNobody = ""
    model: Text | None = None
    challenger: Text | None = None
    scores: Text | None = None
    predictions: Text | None = None
    data: Text
    missing: tuple[str, ...] = ()
    label: Text | None = None
    favourable: bool | int | float | str | None = None
    task: Literal["binary", "classes", "number"] | None = None
    label_values: Mapping[str, bool | int | float | str] | None = None
    intervals: tuple[Text, ...] = ()
    columns: Columns = Field(default_factory=dict)
    groups: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    reference: Text | None = None
    threshold: float | None = Field(default=None, allow_inf_nan=False)
    policy: Text
    evidence: tuple[str, ...] = ()
    waivers: tuple[Text, ...] = ()
    supersedes: DigestText | None = None
    log: Text | None = None
    expect: Expected = Expected()
    isolation: Isolation = "default"
    trusted_types: tuple[Text, ...] = ()
    explain: Explaining | None = None
    as_of: date | None = None
    seed: int = Field(default=0, ge=0)
    report: ReportSection = ReportSection()

    @model_validator(mode="after")
    def _something_to_judge(self) -> Self:
        if self.model is not None and self.scores is not None:
            raise ValueError("give a model or scores, not both")
        if self.model is None and self.scores is None and self.predictions is None:
            raise ValueError("give a model, scores or predictions")
        if self.challenger is not None and (self.model is None or self.predictions is not None):
            raise ValueError(
                "a challenger is compared with a model: give model, and no predictions"
            )
        if self.expect.challenger is not None and self.challenger is None:
            raise ValueError("expect has the digest of a challenger, and none is given")
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it names: the audited one first, then the one it is compared with."""
        return tuple(name for name in (self.challenger, self.model) if name is not None)

    def expected(self) -> dict[str, str]:
        """What `auditkit.run` expects of the inputs."""
        found: dict[str, str] = self.expect.model_dump(exclude_none=True)
        if self.challenger is None:
            return found
        renamed = {"model": "champion", "challenger": "model"}
        return {renamed.get(name, name): digest for name, digest in found.items()}


def read_audit_file(path: Path) -> AuditFile:
    """Reads an audit.yaml.

    Raises:
        InputError: If there is no such file.
        PolicyError: If it has an unknown key, or an invalid value.
    """
    text = read_text(path, what="audit file", remedy="make one: auditkit init --help")
    return parse_document(AuditFile, text, source=path.name)


def policy_of(audit: AuditFile, folder: Path, *, outside: Sequence[Path] = ()) -> str | Path:
    """The policy of an audit file: a bare name, or the path of its file.

    Args:
        audit: The file's content.
        folder: The folder that its paths are relative to.
        outside: Files and folders elsewhere that it may name.

    Raises:
        PolicyError: If it leads outside.
    """
    if is_bare(audit.policy):
        return audit.policy
    return Place(folder=folder, outside=tuple(outside)).find(audit.policy, what="policy")


def log_of(audit: AuditFile, folder: Path, *, outside: Sequence[Path] = ()) -> str | None:
    """The log that an audit file names: a URL or a path; None: it names none. See `policy_of`.

    Raises:
        PolicyError: If a path leads outside.
    """
    name = audit.log and audit.log.removeprefix("sqlite:///")
    if name is None or "://" in name:
        return name
    return str(Place(folder=folder, outside=tuple(outside)).find(name, what="log"))


def evidence_paths(audit: AuditFile, folder: Path, *, outside: Sequence[Path] = ()) -> list[Path]:
    """The evidence files that an audit file names; see `policy_of`.

    Raises:
        PolicyError: If one leads outside.
    """
    place = Place(folder=folder, outside=tuple(outside))
    return [place.find(name, what="evidence") for name in audit.evidence]


def waiver_paths(audit: AuditFile, folder: Path, *, outside: Sequence[Path] = ()) -> list[Path]:
    """The files and folders of waivers that an audit file names; see `policy_of`.

    Raises:
        PolicyError: If one leads outside.
    """
    place = Place(folder=folder, outside=tuple(outside))
    return [place.find(name, what="waiver") for name in audit.waivers]


def inputs_of(
    audit: AuditFile, folder: Path, *, outside: Sequence[Path] = (), registry: str = ""
) -> Inputs:
    """Loads everything that an audit file names.

    Args:
        audit: The file's content.
        folder: The folder that its paths are relative to.
        outside: Files and folders elsewhere that it may name.
        registry: The address of the registry that a model `models:/...` is fetched from.

    Raises:
        InputError: If a file or column is missing or cannot be used, or a version cannot be
            fetched.
        PolicyError: If a path leads outside.
    """
    place = Place(folder=folder, outside=tuple(outside))
    data = place.find(audit.data, what="table")
    reference_file = place.find(audit.reference, what="table") if audit.reference else None
    evidence = [_evidence(path) for path in evidence_paths(audit, folder, outside=outside)]
    values = dict(audit.groups) if isinstance(audit.groups, Mapping) else {}
    groups = list(audit.groups)
    texts = read_as_text(audit.columns)
    with ThreadPoolExecutor(2) as beside:  # the models' processes start while the table is read
        loading = [beside.submit(_model, audit, name, place, registry) for name in audit.models]
        table = load_table(data, text=[*groups, *texts], missing=audit.missing)
    stated = (audit.label, audit.scores, audit.predictions, *audit.intervals)
    judged = [column for column in stated if column]
    for column in (*judged, *groups):
        if column not in table.columns:
            raise InputError(
                f"{audit.data} has no column {column!r}.", remedy=_near(column, table.columns)
            )
    loaded = [one.result() for one in loading]
    models = [model for model, _ in loaded]
    model, registered = loaded[0] if loaded else (None, None)
    known = {c for one in models for c in text_columns(one) if c not in audit.columns}
    if any(is_numeric_dtype(table[c]) or is_bool_dtype(table[c]) for c in known if c in table):
        texts = [*texts, *known]
        table = load_table(data, text=[*groups, *texts], missing=audit.missing)
    features = features_of(models, audit.columns, table, [*judged, *groups])

    def taken(table: pd.DataFrame, source: str) -> pd.DataFrame:
        return as_contracted(table, features, audit.columns, source=source, models=models)

    champion = None
    if len(loaded) > 1:
        other, of_registry = loaded[1]
        champion = Inputs(
            model=other,
            data=None,
            name=of_registry.name if of_registry else _called(other, audit.models[1]),
            version=of_registry.version if of_registry else UNREGISTERED,
            digest=str(other.digest),
            registered=of_registry,
        )
    return Inputs(
        model=model,
        data=taken(table, audit.data),
        labels=table[audit.label] if audit.label else None,
        groups=_declared(table[groups], values) if groups else None,
        reference=(
            taken(load_table(reference_file, text=texts, missing=audit.missing), audit.reference)
            if reference_file and audit.reference
            else None
        ),
        favourable=audit.favourable,
        scores=table[audit.scores] if audit.scores else None,
        predictions=table[audit.predictions] if audit.predictions else None,
        threshold=audit.threshold,
        task=audit.task,
        label_values=audit.label_values,
        intervals=table[list(audit.intervals)] if audit.intervals else None,
        name=audit.name
        or (registered.name if registered else _called(model, (*audit.models, audit.data)[0])),
        version=_version(audit, registered),
        digest=None if model is None else str(model.digest),
        purpose=audit.purpose,
        owner=audit.owner,
        evidence=evidence,
        seed=audit.seed,
        registered=registered,
        champion=champion,
        explain=None if audit.explain is None else audit.explain.model_dump(exclude_none=True),
    )


def _model(
    audit: AuditFile, name: str, place: Place, registry: str
) -> tuple[ConfinedModel | ServedModel, RegisteredModel | None]:
    """A model in its process or behind its address, and its registered version, if it has one."""
    expected = audit.expect.challenger if name == audit.challenger else audit.expect.model

    def loaded(path: str | Path) -> ConfinedModel | ServedModel:
        found: ConfinedModel | ServedModel = load_model(
            path,
            expect=expected,
            isolation=audit.isolation,
            trusted_types=audit.trusted_types,
        )
        return found

    if is_served(name):
        return loaded(name), None
    if not is_reference(name):
        return loaded(place.find(name, what="model")), None
    with Reference.parse(name).fetched(registry) as (files, registered):
        return loaded(files), registered


def _called(model: ConfinedModel | ServedModel | None, named: str) -> str:
    """The name of a model that the audit file does not name: its own, or that of its file."""
    return model.name if isinstance(model, ServedModel) else Path(named).stem


def _version(audit: AuditFile, registered: RegisteredModel | None) -> str:
    if registered is None:
        return audit.version
    if audit.version not in (UNREGISTERED, registered.version):
        raise InputError(
            f"The audit file says version {audit.version!r}; the model is version "
            f"{registered.version} in the registry.",
            remedy="leave out version",
        )
    return registered.version


def _near(column: str, columns: Iterable[Any]) -> str:
    """Suggests a column, not all: a first line without names would be a row of data."""
    names = list(map(str, columns))
    near = difflib.get_close_matches(column, names, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"{meant}name one of its {len(names):,} columns, as the first line spells it"


def _declared(groups: pd.DataFrame, values: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Group columns as categories if their values were declared, so that others are noticed."""
    declared = groups.copy()
    for column, allowed in values.items():
        texts = declared[column].astype("string").str.strip()
        strange = int((~texts.isin(list(allowed)) & texts.notna()).sum())
        if strange:
            raise InputError(
                f"{strange:,} rows have a value in {column!r} that is not among its groups.",
                remedy=f"the audit file names these: {', '.join(allowed)}",
            )
        declared[column] = pd.Categorical(texts, categories=list(allowed))
    return declared


def _evidence(path: Path) -> Evidence:
    remedy = "check the path in the audit file; it is relative to the file's folder"
    data = read_bytes(path, what="evidence", remedy=remedy)
    return Evidence.from_file(data, source=path.name)
