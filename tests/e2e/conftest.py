"""One guarded server and one browser for the tests that do not need their own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from guarded_server import Workplace, running

from auditkit.access.policy.control import read_texts

ALERT = """#!/bin/sh
cat >> "$(dirname "$0")/alerts.txt"
"""
# Somebody whom no rule keeps from deleting runs, or from renaming models among model-...
DELETER = (
    "p, dex, *, experiments/**, experiment:delete, allow\n"
    "p, dex, *, models/model-*, model:rename, allow\n"
    # Dex may also choose where an experiment's files will be.
    "p, dex, *, experiments, experiment:edit, allow\n"
    "p, dex, *, artifacts/**, experiment:locate, allow\n"
    # And somebody who may do both halves of what takes two, and is held to four eyes all the same.
    "g, rio, role:trainer, *\n"
    "g, rio, role:reviewer, *\n"
    "g, rio, role:gate, *\n"
    "g, roy, role:trainer, *\n"
    "g, roy, role:reviewer, *\n"
    # A rule that a test changes while the server runs.
    "p, vic, *, models/followed-a, model:delete, allow\n"
)
# Models that are promoted with evidence only.
EVIDENCE = """promotions:
  - models: "evidence-*"
    aliases: [champion]
    approvals: 1
    evidence: {policy: lending, max_age_days: 30}
  - models: mortgage
    aliases: [champion]
    evidence: {policy: ranking, max_age_days: 30}
"""


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory):
    """A server with two workers on SQLite, and its workplace."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "alert.sh").write_text(ALERT)
    (folder / "alert.sh").chmod(0o755)
    (folder / "data").mkdir()
    access = read_texts(None)["access.yaml"].replace("promotions:\n", EVIDENCE)
    workplace = Workplace(
        folder, settings="alert: alert.sh\ndatasets: data\n", access=access, extra_rules=DELETER
    )
    with running(workplace, workers=2) as server:
        yield server, workplace


FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Closed with its module: while it is open, this thread has a running event loop."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is missing; 'make test' installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


_LEADS_THERE = (
    *("TRACKING_URI", "TRACKING_USERNAME", "TRACKING_PASSWORD", "TRACKING_TOKEN"),
    *("REGISTRY_URI", "EXPERIMENT_ID", "RUN_ID", "WORKSPACE"),
)


@pytest.fixture(autouse=True, scope="module")
def _mlflow_hands_nothing_on():
    """MLflow keeps servers and experiments in this process, and in its environment for others."""
    yield
    if "mlflow" in sys.modules:
        import mlflow

        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
        mlflow.tracking.fluent._active_experiment_id = None
    for name in _LEADS_THERE:
        os.environ.pop(f"MLFLOW_{name}", None)
