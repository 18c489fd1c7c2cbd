"""Rooms: which folder of the package may import which, without circles, and what no room may do."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import auditkit

PACKAGE = Path(auditkit.__file__).parent
MAX_MODULES = 16

# The modules at the top belong to no folder: the words that everyone may use, and the API.
API = {"api", "__init__"}
# Which room may import which, besides itself and the words; lowest first. A new line here is a
# decision: what is imported must not need to know who imports it.
ROOMS = {
    "words": "",
    "measures.numbers": "",
    "access.login": "",
    "access.policy": "",
    "charts": "",
    "database": "",
    "deid.table": "",
    "deid.vocabulary": "",
    "isolation": "",
    "ledger.records": "",
    "measures.groups": "measures.numbers",
    "report.typeset": "",
    "tables": "",
    "deid.models": "deid.vocabulary",
    "deid.rules": "deid.vocabulary",
    "ledger.store": "database ledger.records",
    "model": "tables",
    "model_files": "isolation measures.shapley model tables",
    "report.letters": "report.typeset",
    "signing": "ledger.records",
    "waivers": "signing",
    "access.kept": "access.policy database signing",
    "pdf": "isolation signing",
    "deid.detect": "deid.models deid.rules deid.vocabulary",
    "ledger": "database ledger.records ledger.store",
    "measures.fairness": "charts measures.groups measures.numbers model tables",
    "measures.shapley": "model tables",
    "deid.planning": "deid.detect deid.rules deid.table deid.vocabulary",
    "ledger.keep": "ledger ledger.records ledger.store",
    "ledger.witness": "ledger ledger.records",
    "notify": "ledger ledger.keep ledger.records ledger.store",
    "watching.concept": "measures.numbers",
    "watching.drift": "measures.numbers",
    "watching.profile": "measures.numbers model tables",
    "measures.attribution": "charts measures.shapley model tables",
    "checks": "measures.attribution measures.fairness measures.groups measures.numbers model",
    "deid.transform": "deid.planning deid.rules deid.vocabulary",
    "access.record": "access.login access.policy checks",
    "deid.risk": "deid.planning deid.table deid.transform",
    "judgement": "checks measures.groups measures.numbers waivers",
    "output": "judgement tables",
    "audit_log": "access.record judgement ledger ledger.witness waivers",
    "registry": "checks database",
    "access": "access.policy access.record",
    "deid.pipeline": (
        "deid.detect deid.planning deid.risk deid.rules deid.table deid.transform "
        "deid.vocabulary tables"
    ),
    "watching.validation": "measures.numbers tables watching.profile",
    "watching.checks": "measures.numbers watching.drift watching.profile",
    "watching": "charts judgement loading watching.checks watching.profile",
    "watching.monitor.record": "access.policy judgement notify watching watching.profile",
    "watching.monitor": (
        "judgement ledger ledger.keep ledger.records ledger.store loading notify signing tables "
        "watching watching.monitor.record watching.profile watching.validation"
    ),
    "loading": "checks judgement measures.groups model model_files registry tables waivers",
    "mlflow_guard.upstream": "access.policy registry",
    "exports": "judgement output tables",
    "policy_review": "checks judgement measures.numbers waivers",
    "period": (
        "access.policy judgement ledger ledger.records ledger.store output tables "
        "watching.monitor.record"
    ),
    "cli.evidence": (
        "api cli.gating cli.shared judgement ledger loading output period registry report signing "
        "watching watching.monitor watching.monitor.record"
    ),
    "report.figures": "judgement report.typeset",
    "cli.shared": "ledger loading registry signing",
    "deid": "deid.detect deid.pipeline deid.planning deid.transform deid.vocabulary",
    "mlflow_guard.requests": "access.policy access.record mlflow_guard.upstream",
    "report.blocks": "charts report.figures",
    "verification": (
        "audit_log isolation judgement ledger ledger.records output pdf report.figures signing"
    ),
    "mlflow_guard.guard": (
        "access.kept access.login access.policy access.record judgement ledger "
        "mlflow_guard.requests mlflow_guard.upstream notify registry signing verification"
    ),
    "reperformance": "judgement loading pdf signing verification",
    "report.sections": "charts report.blocks report.figures report.typeset",
    "mlflow_guard.page": (
        "access.login access.policy access.record mlflow_guard.guard mlflow_guard.requests "
        "mlflow_guard.upstream registry"
    ),
    "mlflow_guard.serve": (
        "access.kept access.login access.policy access.record ledger ledger.store "
        "mlflow_guard.guard mlflow_guard.page mlflow_guard.requests mlflow_guard.upstream notify "
        "registry signing"
    ),
    "report": (
        "charts isolation judgement output pdf report.blocks report.figures report.sections "
        "report.typeset"
    ),
    "api": (
        "audit_log charts exports judgement ledger ledger.witness loading measures.attribution "
        "measures.fairness report signing verification watching watching.profile "
        "watching.validation"
    ),
    "mlflow_guard": "mlflow_guard.serve",
    "cli.watching": (
        "api cli.evidence cli.shared loading period watching.monitor watching.monitor.record "
        "watching.validation"
    ),
    "cli.gating": (
        "access.policy api audit_log cli.shared judgement loading reperformance signing waivers"
    ),
    "cli.policies": "cli.gating cli.shared judgement loading period policy_review watching",
    "cli.exports": "cli.shared exports judgement reperformance signing",
    "cli.accounts": "access access.kept access.login access.policy access.record cli.shared",
    "cli.log": "audit_log cli.shared ledger ledger.keep ledger.records ledger.witness",
    "pytest_plugin": "cli cli.shared exports judgement",
    "cli": (
        "access access.kept access.login access.policy access.record api checks cli.accounts "
        "cli.evidence cli.exports cli.gating cli.log cli.policies cli.shared cli.watching "
        "deid deid.detect deid.models "
        "deid.pipeline deid.risk deid.vocabulary isolation judgement ledger ledger.witness "
        "loading measures.attribution "
        "mlflow_guard.serve output registry reperformance report report.letters signing tables "
        "verification waivers"
    ),
}
MAY_IMPORT = {room: {room, "words", *others.split()} for room, others in ROOMS.items()}

# What belongs to the process or to the moment, and the few places below the command line that
# may ask for it.
IMPURE = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns",
    "time.localtime", "time.gmtime", "time.strftime",
    "os.environ", "os.getenv", "os.environb", "os.getcwd", "Path.home", "Path.cwd",
    "sys.argv", "sys.stdin", "sys.stdout", "sys.stderr", "sys.exit", "os._exit", "os.abort",
    "SystemExit", "print", "input", "exit", "quit", "getpass.getpass", "getpass.getuser",
    "socket.gethostname", "platform.node", "uuid.uuid1", "uuid.uuid4",
}  # fmt: skip
EDGES = {
    "cli": "the program, which talks to people and reads their environment",
    "mlflow_guard": "the server that MLflow starts: its process, its environment",
    "api.py": "finds the user's keys by the environment, in one place",
    "watching/monitor/opening.py": "a monitor's own clock and key store, unless they are given",
    "isolation/server.py": "a forked process, which ends here and returns to nobody",
    "deid/pipeline/plan.py": "a plan proposed without a date is dated today",
    "ledger/log.py": "the log's own clock, which a caller may replace",
    "ledger/opening.py": "the head's file lies in the user's folder unless another is named",
    "signing/keys.py": "the user's keys lie in the user's folder unless another is named",
    "registry/models.py": "MLflow reads this switch, and no other, before it sends anything",
}


def parts(path: Path) -> tuple[str, ...]:
    """The module's dotted name below the package, `__init__` kept."""
    return path.relative_to(PACKAGE).with_suffix("").parts


PATHS = sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)
NAMES = {".".join(("auditkit", *parts(p))).removesuffix(".__init__"): p for p in PATHS}


def room_of(path: Path) -> str:
    """The room that a module belongs to: its folder, or one of the two at the top."""
    *folder, name = parts(path)
    if folder:
        return ".".join(folder)
    return "api" if name in API else "cli" if name == "__main__" else "words"


def imports(path: Path) -> set[str]:
    """Every module of the package that a file imports: for types and inside functions, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in NAMES else node.module or "")
    return {name for name in found if name.split(".")[0] == "auditkit"} - {
        name for name, own in NAMES.items() if own == path
    }


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of nodes that reach each other, by walking from every node: slow and plain."""
    reach = {}
    for start in graph:
        seen, left = set(), [start]
        while left:
            for target in graph.get(left.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    left.append(target)
        reach[start] = seen
    together = [{b for b in reach[a] if a in reach.get(b, ())} for a in graph if a in reach[a]]
    return [group for i, group in enumerate(together) if group not in together[:i]]


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"a", "c"}, "c": set()}) == [{"a", "b"}]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_every_import_names_a_module_that_is_there():
    unknown = {name for path in PATHS for name in imports(path)} - set(NAMES)
    assert not unknown


def test_no_module_imports_in_a_circle():
    assert circles({name: imports(path) for name, path in NAMES.items()}) == []


def test_the_table_of_rooms_has_no_circle():
    TopologicalSorter({r: others - {r} for r, others in MAY_IMPORT.items()}).prepare()


def test_rooms_import_as_the_table_says():
    used: dict[str, set[str]] = {room: set() for room in ROOMS}
    wrong = []
    for path in PATHS:
        room = room_of(path)
        for name in imports(path):
            target = room_of(NAMES[name])
            if path.stat().st_size and room not in ROOMS:
                wrong.append(f"{room} is no room of the table")
            elif target not in MAY_IMPORT[room]:
                wrong.append(f"{path.relative_to(PACKAGE)} ({room}) imports {name} ({target})")
            else:
                used[room].add(target)
    assert not wrong
    needless = [
        f"{room} -> {other}"
        for room, others in MAY_IMPORT.items()
        for other in others - used[room] - {room, "words"}
    ]
    assert not needless, "take these edges out of the table"


def test_no_room_but_the_checks_holds_more_modules_than_one_can_overlook():
    folders = {path.parent for path in PATHS}
    counts = {
        str(f.relative_to(PACKAGE)): len([p for p in f.glob("*.py") if p.name != "__init__.py"])
        for f in folders
    }
    assert {f: n for f, n in counts.items() if n > MAX_MODULES and f != "checks"} == {}


def impure(tree: ast.AST) -> set[str]:
    """The clocks, environment, streams and exits that a module names, whatever it calls them."""
    renamed = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            renamed |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            renamed |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, dot, rest = ast.unparse(node).partition(".")
            name = renamed.get(first, first) + dot + rest
            found |= IMPURE & {name, ".".join(name.split(".")[-2:])}
    return found


def test_the_search_for_impure_names_finds_what_is_hidden():
    for text, name in (
        ("import os as o\no.environ['A']", "os.environ"),
        ("from os import environ\nenviron['A']", "os.environ"),
        ("from datetime import datetime as d\nd.now()", "datetime.now"),
        ("import datetime\ndatetime.datetime.now()", "datetime.now"),
        ("raise SystemExit(1)", "SystemExit"),
        ("import sys\nsys.stderr.write('')", "sys.stderr"),
        ("from pathlib import Path\nPath.home()", "Path.home"),
    ):
        assert impure(ast.parse(text)) == {name}, text
    assert impure(ast.parse("request.environ['x']; self.time")) == set()


def test_clocks_environment_streams_and_exits_are_at_the_edges():
    found, used = [], set()
    for path in PATHS:
        where = path.relative_to(PACKAGE).as_posix()
        edge = next((e for e in EDGES if where == e or where.startswith(f"{e}/")), None)
        names = impure(ast.parse(path.read_text()))
        if edge is None:
            found += [f"{where} names {name}" for name in sorted(names)]
        elif names:
            used.add(edge)
    assert not found
    assert used == set(EDGES), "an edge that needs nothing of the kind is none"


def test_verifying_loads_nothing_that_an_audit_computes_with():
    """A verifier starts in the time of its own libraries; those of PDFs are for a child process."""
    script = (
        "import sys, auditkit.verification\n"
        "print([m for m in ('auditkit.checks', 'auditkit.measures', 'pandas', 'shap', 'scipy',"
        " 'matplotlib', 'sklearn', 'weasyprint', 'pyhanko', 'pypdfium2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", done.stdout
