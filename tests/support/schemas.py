"""The JSON Schemas of the YAML files, made from the documents that read them.

`make reference` writes them into policies/schemas/, from where editors and pipelines take them.
A schema knows keys, types and bounds; what one key means for another only the reader knows. What a
policy may set of each check comes from the checks.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel

from auditkit.access.policy.cases import AccessCases
from auditkit.access.policy.settings import AccessSettings
from auditkit.checks import CHECKS
from auditkit.deid.planning.plan import PlanEntry, PlanFile, TablePlan
from auditkit.deid.planning.treatments import ColumnPlan
from auditkit.judgement.controls import ControlPack
from auditkit.loading.audit_file import AuditFile
from auditkit.mlflow_guard.serve.settings import ServerSettings
from auditkit.parameters import Parameter
from auditkit.policy import Policy
from auditkit.policy_review.cases import PolicyCases
from auditkit.report.letters.texts import LetterTexts
from auditkit.resources import data_path
from auditkit.watching.monitor.record.settings import MonitorSettings
from auditkit.watching.policy import WatchPolicy
from auditkit.watching.validation.contract import Contract

# The name of each schema, the document that reads the files, and what they are.
KINDS: dict[str, tuple[type[BaseModel], str]] = {
    "audit": (AuditFile, "audit.yaml: one audit"),
    "policy": (Policy, "A policy: what must hold for one kind of model"),
    "watch-policy": (WatchPolicy, "A policy of watching: what must hold of a window"),
    "contract": (Contract, "A contract: what a table has to be like"),
    "monitor": (MonitorSettings, "monitor.yaml: what is watched after an audit"),
    "control-pack": (ControlPack, "A control pack: which requirement the evidence speaks to"),
    "letter-texts": (LetterTexts, "The words of adverse-action letters"),
    "plan": (PlanFile, "A de-identification plan: what is done with each column"),
    "policy-cases": (PolicyCases, "Audits that a policy must judge as expected"),
    "access-cases": (AccessCases, "Cases that an access policy must decide as expected"),
    "access": (AccessSettings, "access.yaml: what a promotion needs beyond a rule"),
    "server": (ServerSettings, "server.yaml: the settings of the guarded MLflow server"),
}
FOLDER = data_path("policies") / "schemas"
_SECTION = re.compile(r"^ *Attributes:\n(.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^ {4}(\w+): (.*?)(?=^ {4}\w|\Z)", re.DOTALL | re.MULTILINE)


def attributes(kind: type) -> dict[str, str]:
    """What a class's docstring says of each of its attributes, each in one line."""
    text = re.sub(r"^ {4}", "", kind.__doc__ or "", flags=re.MULTILINE)
    found = _SECTION.search(text)
    fields = _FIELD.findall(found[1] + "\n") if found else []
    return {name: " ".join(words.split()) for name, words in fields}


def schema(name: str) -> dict[str, Any]:
    """The schema of one kind of file, with the words of the documents' docstrings."""
    kind, title = KINDS[name]
    made = kind.model_json_schema(by_alias=True)
    parts = {kind.__name__: made, **made.get("$defs", {})}
    if kind is Policy:
        made["properties"]["checks"] = _of_checks(made["properties"]["checks"])
        made["$defs"]["Rule"]["properties"]["check"]["examples"] = [c.id for c in CHECKS]
    for part in models(kind):
        if part.__name__ in parts:
            _describe(parts[part.__name__], part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_without_titles(made),
        "title": title,
    }


def models(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """A document and every document inside it, in the order in which they appear."""
    found = [kind]
    for field in kind.model_fields.values():
        for part in _types(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found += [m for m in models(part) if m not in found]
    return found


def described(part: type[BaseModel]) -> dict[str, str]:
    """The words for each field of a document, by its name in the file."""
    # Two are files' forms of values that describe themselves, and one has a policy's keys.
    same = {PlanFile: TablePlan, PlanEntry: ColumnPlan, WatchPolicy: Policy}.get(part)
    words = {**(attributes(same) if same else {}), **attributes(part)}
    return {field.alias or name: words[name] for name, field in part.model_fields.items()}


def _of_checks(part: dict[str, Any]) -> dict[str, Any]:
    """The parameters of our own checks by name; those of other packages' checks are open."""
    ours = {
        check.id: {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: _parameter(p, attributes(check.parameters)[name])
                for name, p in check.declared.items()
            },
        }
        for check in CHECKS
    }
    return {**part, "properties": ours}


def _parameter(of: Parameter, words: str) -> dict[str, Any]:
    """A parameter's type and range, as `Parameter.read` takes them."""
    kind = {bool: "boolean", int: "integer", float: "number"}.get(type(of.default), "string")
    made: dict[str, Any] = {"type": kind, "default": of.default, "description": words}
    ends = ("minimum", of.at_least), ("exclusiveMinimum", of.above)
    ends += ("maximum", of.at_most), ("exclusiveMaximum", of.below)
    made |= {name: end for name, end in ends if end is not None}
    if kind == "string":
        made |= {"enum": list(of.one_of)} if of.one_of else {"minLength": 1}
    return made


def _types(annotation: Any) -> list[Any]:
    inside = getattr(annotation, "__args__", ())
    return [annotation, *(t for part in inside for t in _types(part))]


def _describe(part: dict[str, Any], kind: type[BaseModel]) -> None:
    part.pop("description", None)
    for name, words in described(kind).items():
        part["properties"][name]["description"] = words


def _without_titles(part: Any) -> Any:
    """Without pydantic's titles, which are the names again."""
    if isinstance(part, list):
        return [_without_titles(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: {name: _without_titles(p) for name, p in value.items()}
        if key in {"properties", "$defs"}
        else _without_titles(value)
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str))
    }


def files() -> dict[str, str]:
    """The text of every schema, by the name of its file."""
    return {
        f"{name}.json": json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"
        for name in KINDS
    }
