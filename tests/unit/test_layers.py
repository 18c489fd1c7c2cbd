"""Imports go downwards only: a walk over every import statement of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import auditkit

PACKAGE = Path(auditkit.__file__).parent

# Lowest first. A module may import modules of its own layer and of those below it; `edges` may
# not import each other unless listed. `resources` and `wording` are vocabulary for everyone.
LAYERS = (
    (
        "vocabulary",
        {
            "errors",
            "canonical",
            "documents",
            "subject",
            "evidence",
            "merkle",
            "parameters",
            "wording",
            "glossary",
            "resources",
            "files",
            "table_files",
            "cells",
        },
    ),
    ("charts", {"charts"}),
    ("measures", {"measures"}),
    ("deid", {"deid"}),
    ("checks", {"checks"}),
    ("judgement", {"policy", "controls", "gate", "small_cell_tables", "small_cells", "audit"}),
    (
        "edges",
        {"loading", "access", "registry", "signing", "ledger", "report", "output", "engine"},
    ),
    ("shell", {"progress", "verification", "reperformance", "api", "cli", "__main__", "__init__"}),
)
LAYER_OF = {name: depth for depth, (_, names) in enumerate(LAYERS) for name in names}
FORBIDDEN = {("checks", "deid")}


def imports(path: Path) -> set[str]:
    """The first part of every auditkit module that a file imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module else []
        for name in names:
            first, _, rest = name.partition(".")
            if first == "auditkit":
                part = rest.split(".")[0]
                found.add(part if part in LAYER_OF else "__init__")
    return found


def modules() -> list[tuple[str, Path]]:
    """Every module with the part of the package that it belongs to."""
    paths = sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)
    return [(p.relative_to(PACKAGE).parts[0].removesuffix(".py"), p) for p in paths]


def test_every_module_belongs_to_a_layer():
    assert {part for part, _ in modules()} <= set(LAYER_OF)


def test_imports_go_downwards():
    upward = []
    for part, path in modules():
        for target in imports(path):
            if target == "__init__" and part not in LAYERS[-1][1]:
                continue  # the version, which hangs on the package itself
            if LAYER_OF[target] > LAYER_OF[part] or (part, target) in FORBIDDEN:
                upward.append(f"{path.relative_to(PACKAGE)} imports {target}")
    assert not upward


def test_only_the_command_line_prints_exits_or_reads_the_environment():
    found = []
    for part, path in modules():
        if part in {"cli", "__main__"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in {"print", "exit", "sys.exit", "os.getenv", "date.today"}:
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} calls {name}")
    assert not found


def test_verifying_loads_nothing_that_an_audit_computes_with():
    """A verifier starts in the time of its own libraries."""
    script = (
        "import sys, auditkit.verification\n"
        "print([m for m in ('auditkit.checks', 'auditkit.measures', 'pandas', 'shap', 'scipy',"
        " 'matplotlib', 'sklearn', 'weasyprint') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout
