"""What many tests share: a small real audit, and a home of its own for every run of the tests."""

from __future__ import annotations

import os
from pathlib import Path

# Why: threads of models that wait for each other by spinning take the other worker's processor, for
# most of the time of a small model. They sleep instead; as many take part as where a user runs it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd
import pytest

# With two workers, the files of tests that share what takes long to make are one worker's.
SHARED = {
    "test_access_attacks.py": "guarded",
    "test_access_mlflow.py": "guarded",
    "test_access_mlflow_failures.py": "guarded",
    "test_access_refusal.py": "guarded",  # MLflow alone
    "test_access_ui.py": "guarded",
    "test_gate_verdicts.py": "guarded",
    "test_hostile_reports.py": "whole",
    "test_pdf_conformance.py": "whole",
    "test_report.py": "lending",
    "test_report_figures.py": "lending",
    "test_report_twin.py": "lending",
    "test_tutorials.py": "guarded",
    "test_verify_offline_script.py": "whole",
    "test_verify_whole_report.py": "whole",
}
# They start first: the end-to-end tests, what is shared, and these; short files fill the end.
LONG = {"test_any_name.py", "test_reperformance.py", "test_report_pages.py"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`--dist loadfile` as above; the groups of pytest-xdist 3.8 group nothing in pytest 9.2."""
    from xdist.scheduler import LoadFileScheduling

    class Sharing(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return SHARED.get(Path(file).name, file)

    return Sharing(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Puts what takes long before what does not."""
    long = LONG | SHARED.keys()
    items.sort(key=lambda item: ("e2e" not in item.path.parts, item.path.name not in long))


ROOT = Path(__file__).resolve().parent.parent
HMDA = ROOT / "examples" / "lending" / "data" / "hmda_boston_1990.csv"
FEATURES = ["pirat", "hirat", "lvrat", "chist", "mhist", "phist", "insurance"]


@pytest.fixture(autouse=True, scope="session")
def _home_of_all(tmp_path_factory):
    """What many tests share is made with keys, and in a log, of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.delenv("XDG_CONFIG_HOME", raising=False)
        for name in ("AUDITKIT_KEYS", "AUDITKIT_LOG", "AUDITKIT_PASSPHRASE"):
            patched.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the keys of the person who runs it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture(scope="session")
def mortgages() -> pd.DataFrame:
    """The Boston mortgage applications, numbers where a model wants numbers, `approved` added."""
    table = pd.read_csv(HMDA)
    table["approved"] = (table["deny"] == "no").astype(int)
    for column in ("phist", "insurance"):
        table[column] = (table[column] == "yes").astype(int)
    return table


@pytest.fixture(scope="session")
def mortgage_model(mortgages):
    """A small gradient-boosted model of approvals, fitted on the first 1,400 applications."""
    from xgboost import XGBClassifier

    train = mortgages[:1400]
    model = XGBClassifier(n_estimators=30, max_depth=3, random_state=0, n_jobs=1)
    return model.fit(train[FEATURES], train["approved"])


@pytest.fixture(scope="session")
def mortgage_files(tmp_path_factory, mortgages, mortgage_model) -> Path:
    """A folder with model.json, test.csv and train.csv, as a user would have them."""
    folder = tmp_path_factory.mktemp("mortgage")
    columns = [*FEATURES, "approved", "afam", "single"]
    mortgages[1400:][columns].to_csv(folder / "test.csv", index=False)
    mortgages[:1400][FEATURES].sample(300, random_state=0).to_csv(folder / "train.csv", index=False)
    mortgage_model.save_model(folder / "model.json")
    return folder


@pytest.fixture(scope="session")
def whole():
    """A report of the lending fixture: rendered, logged, signed."""
    from tests.support.whole_report import whole_report

    return whole_report()


@pytest.fixture(scope="session")
def mortgage_inputs(mortgages, mortgage_model):
    """The same as `ak.Inputs`; small enough that an audit takes a second or two."""
    from auditkit import Inputs

    rows = mortgages[1400:1900]
    return Inputs(
        model=mortgage_model,
        data=rows[FEATURES],
        labels=rows["approved"],
        groups=rows[["afam", "single"]],
        reference=mortgages[FEATURES][:200],
        name="mortgage",
        seed=7,
    )
