"""What the documentation shows is so: its prompts, links, files, YAML, and pages made from code."""

from __future__ import annotations

import ast
import doctest
import inspect
import json
import pkgutil
import re
import shlex
from datetime import date

import click
import pandas as pd
import pytest
import typer
import yaml
from jsonschema import Draft202012Validator
from sklearn.linear_model import LogisticRegression

import auditkit
from auditkit import cli
from auditkit.checks import CHECKS
from auditkit.cli import app
from auditkit.documents import parse_document
from auditkit.mlflow_guard.guard.events import NAMES as EVENT_NAMES
from tests.fixtures.lending import judgement
from tests.support import reference, schemas
from tests.support.documents import DOCS, PAGES, ROOT, anchors, blocks, links, prose

NAV = ROOT / "mkdocs.yml"
# What a path in the text begins with if it is one of the repository.
TOP = {"auditkit", "docs", "examples", "policies", "report_templates", "tests", ".ci"}
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.*-]*)`")


def relative(path):
    return str(path.relative_to(ROOT))


def nav_pages(part):
    if isinstance(part, str):
        return [part]
    return [page for item in (part.values() if isinstance(part, dict) else part)
            for page in nav_pages(item)]  # fmt: skip


def prompts(page):
    """The `>>>` examples of a page, as one test; a fence ends the output above it."""
    names = {"ak": auditkit, "pd": pd, "LogisticRegression": LogisticRegression}
    text = re.sub(r"^```.*$", "", page.read_text(), flags=re.MULTILINE)
    return doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)


def test_examples_print_what_they_say():
    tests = [prompts(page) for page in PAGES]
    assert sum(len(test.examples) for test in tests) >= 10
    for test in tests:
        assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "how-to"], ids=relative)
def test_what_is_marked_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = prompts(page)
    doctest.DocTestRunner().run(test, clear_globs=False)
    for block in blocks(page):
        if block.mark == "run":
            exec(compile(block.text, page.name, "exec"), test.globs)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_python_is_python(page):
    for block in blocks(page):
        if block.kind == "python":
            compile(block.text, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_somewhere(page):
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            assert link.startswith("https://")
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_that_is_named_exists(page):
    named = {n for n in PATH.findall(prose(page)) if n.split("/")[0] in TOP}
    gone = {n for n in named if not (any(ROOT.glob(n)) if "*" in n else (ROOT / n).exists())}
    assert not {n for n in gone if "<" not in n}


def test_there_is_something_to_look_at():
    assert len(PAGES) > 40
    assert sum(len(links(page)) for page in PAGES) > 100


def test_the_navigation_lists_every_page():
    listed = nav_pages(yaml.safe_load(re.sub(r"!!python\S*", "", NAV.read_text()))["nav"])
    there = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert sorted(listed) == there


def test_yaml_that_is_shown_fits_its_schema():
    shown = [b for page in PAGES for b in blocks(page) if b.mark == "yaml" and b.how]
    kinds = {"access", "access-cases", "audit", "policy", "policy-cases", "control-pack"}
    kinds |= {"monitor", "server"}
    assert {block.how[0] for block in shown} == kinds
    for block in shown:
        # To YAML 1.1, and so to safe_load, `on` is a truth value; to us and to YAML 1.2 a word.
        found = yaml.safe_load(re.sub(r"\bon:", '"on":', block.text))
        content = json.loads(json.dumps(found, default=date.isoformat))
        kind, _ = schemas.KINDS[block.how[0]]
        parse_document(kind, block.text, source=block.how[0])
        made = json.dumps(schemas.schema(block.how[0])).replace(r"\\p{L}", r"\\w")
        Draft202012Validator(json.loads(made)).validate(content)


def test_every_block_of_yaml_is_marked():
    assert not [b for page in PAGES for b in blocks(page) if b.kind == "yaml" and not b.mark]


def test_pages_made_from_the_code_are_as_it_is():
    """When this fails, run `make reference`."""
    for path, text in reference.pages().items():
        assert path.read_text() == text, relative(path)


def test_the_statement_is_described_member_by_member():
    page = (DOCS / "reference" / "statement.md").read_text()
    statement = json.loads(judgement().statement)
    predicate = statement["predicate"]
    members = {*statement, *predicate, *predicate["findings"][0], *predicate["evidence"][0]}
    measured = next(m for e in predicate["evidence"] for m in e["measurements"])
    assert not {m for m in members | set(measured) if f"`{m}`" not in page}


def test_the_readme_is_short_and_says_what_it_must():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    for wanted in ("make demo", "make test", "auditkit verify", "page-1.png", "does not claim"):
        assert wanted in text


def test_decisions_are_numbered_listed_and_short():
    pages = sorted((DOCS / "adr").glob("[0-9]*.md"))
    index = (DOCS / "adr" / "index.md").read_text()
    assert [int(p.name[:4]) for p in pages] == list(range(1, len(pages) + 1))
    assert len(pages) >= 20
    for page in pages:
        text = page.read_text()
        assert f"({page.name})" in index
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
        ]
        assert len(text.splitlines()) < 60
    sources = "".join(path.read_text() for path in (ROOT / "auditkit").rglob("*.py"))
    named = re.findall(r"docs/adr/(\d{4})", sources)
    assert len(named) > 10
    assert set(named) <= {page.name[:4] for page in pages}


def test_there_are_recipes_and_each_names_what_to_touch_and_test():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    recipes = re.findall(r"^### (.*?)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert [title for title, _ in recipes] == [
        "A check", "A metric", "A rule of identifiers", "A model family",
        "An MLflow endpoint after a new release", "A control pack", "A section of the report",
        "A format of output",
    ]  # fmt: skip
    for title, recipe in recipes:
        assert re.search(r"`(?:auditkit|policies)/", recipe), title
        assert "`tests/" in recipe, title


def test_the_checks_are_listed():
    page = (DOCS / "reference" / "checks.md").read_text()
    assert not [check.id for check in CHECKS if check.id not in page]


COMMANDS = typer.main.get_command(app)


def found_command(words):
    """The command that a line's words call, its whole name, and the words that are left."""
    command, path = COMMANDS, ["auditkit"]
    while words and (inner := getattr(command, "get_command", lambda *_: None)(None, words[0])):
        command, path, words = inner, [*path, inner.name], words[1:]
    return command, path, words


def words_of(line):
    """The words of a command of ours; none for other lines. What may be left out is given."""
    words = shlex.split(re.sub(r"[\[\]]", "", line), comments=True)
    words = words[1:] if words[:1] == ["auditkit"] else []
    return words[: next((i for i, w in enumerate(words) if w in {">", "<"}), len(words))]


def test_every_command_in_a_block_is_taken_by_its_own_parser():
    wrong, seen = [], 0
    for page in PAGES:
        texts = [b.text.replace("\\\n", "") for b in blocks(page) if not b.kind]
        for line in (line for text in texts for line in text.splitlines()):
            command, path, words = found_command(words_of(line))
            if not words:
                continue
            seen += 1
            try:
                command.make_context(path[-1], list(words))
            except click.ClickException as error:
                wrong.append(f"{relative(page)}: {line}: {error.format_message()}")
    assert not wrong
    assert seen > 40


def test_every_option_in_a_sentence_is_one():
    """A sentence may leave out what a command needs; it may not name what there is not."""
    wrong, seen = [], 0
    for page in PAGES:
        for line in re.findall(r"`(auditkit [^`]+)`", prose(page)):
            command, _, words = found_command(words_of(line.replace("|", " ")))
            known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
            named = {w for w in words if w.startswith("--")} - {"--help"}
            seen += len(named)
            wrong += [f"{relative(page)}: {line}" for _ in named - known]
    assert not wrong
    assert seen > 20


def test_the_overview_names_every_command_and_every_exit_code():
    text = (DOCS / "reference" / "exit-codes.md").read_text()
    commands = COMMANDS.commands
    assert not [name for name in commands if not re.search(rf"`(auditkit )?{name}\b", text)]
    listed = re.findall(r"^\| (\d+) \| (.*?) \|$", text, re.MULTILINE)
    told = re.findall(r"^    (\d+) +(.*)$", cli.__doc__, re.MULTILINE)
    assert [number for number, _ in listed] == [number for number, _ in told]


def test_every_claim_of_a_verification_is_listed_in_its_order():
    text = (DOCS / "how-to" / "verify.md").read_text()
    listed = re.findall(r"^\| ([A-Z].*?) \|", text, re.MULTILINE)
    assert listed == [claim.title for claim in auditkit.verify(b"no report").claims]


def calls(text):
    """Each call of a function of ours in a piece of Python: its name and keywords."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("ak."):
            yield ast.unparse(node.func).removeprefix("ak."), [k.arg for k in node.keywords]


def test_functions_are_called_by_the_names_of_their_arguments():
    wrong, seen = [], 0
    for page in PAGES:
        shown = [b.text for b in blocks(page) if b.kind == "python"]
        shown += [text.replace("...", "None") for text in re.findall(r"`([^`]+)`", prose(page))]
        for name, keywords in (call for text in shown for call in calls(text)):
            found = auditkit
            for part in name.split("."):
                found = getattr(found, part)
            known = inspect.signature(found).parameters
            seen += 1
            open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
            wrong += (
                [] if open_ended else [(page.name, name, k) for k in keywords if k not in known]
            )
    assert not wrong
    assert seen > 12


def test_dotted_names_lead_somewhere():
    for page in PAGES:
        for name in re.findall(r"`(auditkit(?:\.[A-Za-z_]\w*)+)`", prose(page)):
            if name.removeprefix("auditkit.registry.") in EVENT_NAMES:
                continue  # the type of an event
            if page.name != "CHANGELOG.md":  # which tells of what was, too
                assert pkgutil.resolve_name(name) is not None


def test_every_exported_name_is_in_the_reference():
    """Those of the packages below stand on a page that is made from the code."""
    shown = re.findall(r"^::: (\S+)$", (DOCS / "reference" / "api.md").read_text(), re.MULTILINE)
    ours = {name.removeprefix("auditkit.") for name in shown}
    assert set(auditkit.__all__) - ours == {"__version__"}
    assert len(shown) == len(ours)
