"""Schemas of the YAML files: as the documents are now, and every file of ours fits its own."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from typer.testing import CliRunner

import auditkit
from auditkit.access.kept.folder import start_policy
from auditkit.checks import CHECKS
from auditkit.cli import app
from auditkit.cli.shared.template import audit_yaml
from auditkit.errors import AuditkitError
from auditkit.resources import data_path, schema_line
from tests.support import schemas

ROOT = Path(auditkit.__file__).parents[1]
YAML = sorted(
    path
    for folder in ("policies", "examples", "docs", "tests")
    for path in (ROOT / folder).rglob("*.y*ml")
)
FIRST_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def named_schema(path):
    """The schema that a file's first line leads to."""
    found = FIRST_LINE.match(path.read_text())
    assert found, f"{path.name} names no schema"
    target = (path.parent / found[1]).resolve()
    assert target.parent == schemas.FOLDER.resolve()
    return json.loads(target.read_text())


def for_python(schema):
    """Python's expressions know no \\p{L}; JavaScript's, which editors use, do."""
    return json.loads(json.dumps(schema).replace(r"\\p{L}", r"\\w"))


def faults(schema, text):
    """What a validator that is not ours says of a file."""
    content = json.loads(json.dumps(yaml.safe_load(text), default=date.isoformat))
    checker = Draft202012Validator(for_python(schema), format_checker=FormatChecker(["date"]))
    return [error.message for error in checker.iter_errors(content)]


def test_the_schemas_are_those_of_the_documents():
    """When this fails, run `make reference`."""
    kept = {path.name: path.read_text() for path in schemas.FOLDER.iterdir()}
    assert kept == schemas.files()


def test_every_kind_of_file_that_is_read_has_a_schema():
    sources = "".join(path.read_text() for path in (ROOT / "auditkit").rglob("*.py"))
    read = set(re.findall(r"parse_document\((\w+), text", sources))
    assert read == {kind.__name__ for kind, _ in schemas.KINDS.values()}
    assert len(read) >= 7


@pytest.mark.parametrize("name", schemas.KINDS)
def test_a_schema_is_one_and_says_what_each_key_means(name):
    made = schemas.schema(name)
    Draft202012Validator.check_schema(for_python(made))
    for part in (made, *made.get("$defs", {}).values()):
        if part["type"] == "object":
            assert part["additionalProperties"] is False
            assert all(p["description"] for p in part["properties"].values())


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_fits_the_schema_that_it_names(path):
    assert faults(named_schema(path), path.read_text()) == []


def test_there_are_files():
    assert len(YAML) >= 8


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("version:", "verison:"), "verison"),
        (("at_least: 0.8", "at_least: '0.8'"), "'0.8' is not"),
        (("severity: high", "severity: highest"), "'highest' is not one of"),
        (("as_of: 2026-11-22", "as_of: soon"), "'soon' is not a 'date'"),
        (("rules:", "checks: {performance.ranking: {bin: 20}}\nrules:"), "'bin' was unexpected"),
    ],
)
def test_what_does_not_fit_is_told(change, told):
    path = data_path("policies", "lending.yaml")
    changed = path.read_text().replace(*change, 1)
    assert changed != path.read_text()
    assert any(told in fault for fault in faults(named_schema(path), changed))


def test_files_that_we_write_name_a_schema_that_is_there(tmp_path):
    written = audit_yaml(
        name="audit.yaml",
        folder=tmp_path,
        model=str(tmp_path / "m.json"),
        scores=None,
        predictions=None,
        data=tmp_path / "test.csv",
        label="approved",
        favourable=None,
        groups=["sex"],
        reference=None,
        policy="starter",
    )
    (tmp_path / "audit.yaml").write_text(written)
    start_policy(tmp_path / "access")
    (tmp_path / "visits.csv").write_text("mrn,ward\nM1234567,A\nM1234568,B\n")
    plan = tmp_path / "plan.yaml"
    done = CliRunner().invoke(
        app, ["deid", "scan", str(tmp_path / "visits.csv"), "--plan", str(plan)]
    )
    assert done.exit_code == 0, done.output
    made = sorted(tmp_path.rglob("*.yaml"))
    assert [path.name for path in made] == ["access.yaml", "audit.yaml", "plan.yaml"]
    for path in made:
        assert faults(named_schema(path), path.read_text()) == []


def test_the_line_leads_from_wherever_a_file_lies(tmp_path):
    for folder in (tmp_path, tmp_path / "a" / "b", ROOT):
        line = FIRST_LINE.match(schema_line("policy", folder))
        assert (folder / line[1]).resolve() == (schemas.FOLDER / "policy.json").resolve()


VALUES = [-1, 0, 1, 2, 7, 0.5, 0.95, 1.5, 20, 1000, 10**6, 10**7, "", "sex", True, None]


@pytest.mark.parametrize("check", [c for c in CHECKS if c.declared], ids=lambda check: check.id)
def test_a_schema_takes_for_a_parameter_what_the_reader_takes(check):
    made = schemas.schema("policy")["properties"]["checks"]["properties"][check.id]
    for name, parameter in check.declared.items():
        for value in [*VALUES, parameter.default, *parameter.one_of]:
            try:
                parameter.read(value, name=name)
                taken = True
            except AuditkitError:
                taken = False
            fits = Draft202012Validator(made).is_valid({name: value})
            assert fits is taken, (name, value)
