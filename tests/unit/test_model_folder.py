"""A folder that MLflow wrote is audited as data, or refused."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from auditkit.cli import run
from auditkit.errors import AuditkitError, InputError
from auditkit.loading import load_model
from auditkit.loading.audit_file import AuditFile, inputs_of
from auditkit.registry import artifact_digest
from auditkit.registry.reference import Reference, is_reference, public_address

ROWS = pd.DataFrame({"income": np.arange(60.0), "debt ratio": np.arange(60.0)[::-1] % 7})
LABELS = (ROWS["income"] > 30).astype(int)
UNREAD = {"pip_requirements": ["xgboost"], "signature": False}


@pytest.fixture(scope="module")
def xgboost_model():
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, max_depth=2).fit(ROWS, LABELS)


@pytest.fixture(scope="module")
def lightgbm_model():
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1).fit(ROWS, LABELS)


@pytest.fixture(scope="module")
def written(tmp_path_factory, xgboost_model):
    """A folder as MLflow itself writes it."""
    import mlflow.xgboost

    folder = tmp_path_factory.mktemp("mlflow") / "model"
    mlflow.xgboost.save_model(xgboost_model, folder, **UNREAD)
    return folder


@pytest.fixture
def folder(written, tmp_path):
    """A copy of it to change."""
    copy = tmp_path / "model"
    copy.mkdir()
    for file in written.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def change(folder, **flavours):
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    for name, keys in flavours.items():
        content["flavors"].setdefault(name, {}).update(keys)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("form", ["ubj", "json"])
def test_an_xgboost_classifier_is_read_as_mlflow_wrote_it(xgboost_model, tmp_path, form):
    import mlflow.xgboost

    where = tmp_path / "model"
    mlflow.xgboost.save_model(xgboost_model, where, model_format=form, **UNREAD)
    model = load_model(where)
    digest = model.digest
    assert np.array_equal(model.predict_proba(ROWS), xgboost_model.predict_proba(ROWS))
    assert list(model.feature_names_in_) == list(ROWS.columns)
    assert digest == artifact_digest(where)


def test_a_lightgbm_booster_is_read_and_so_is_a_wrapper_kept_as_skops(lightgbm_model, tmp_path):
    import mlflow.lightgbm

    mlflow.lightgbm.save_model(lightgbm_model.booster_, tmp_path / "a", **UNREAD)
    model = load_model(tmp_path / "a")
    digest = model.digest
    assert np.allclose(model.predict(ROWS), lightgbm_model.predict_proba(ROWS)[:, 1])
    assert digest == artifact_digest(tmp_path / "a")
    mlflow.lightgbm.save_model(lightgbm_model, tmp_path / "b", **UNREAD)
    wrapped = load_model(tmp_path / "b")
    assert wrapped.confinement.format == "skops"
    assert np.array_equal(wrapped.predict_proba(ROWS), lightgbm_model.predict_proba(ROWS))


@pytest.mark.parametrize("form", ["cloudpickle", "pickle", "skops"])
def test_a_pipeline_is_read_as_mlflow_wrote_it_and_a_pickle_by_the_folders_digest(tmp_path, form):
    import mlflow.sklearn
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    where = tmp_path / "model"
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    mlflow.sklearn.save_model(model, where, serialization_format=form, **UNREAD)
    digest = artifact_digest(where)
    if form != "skops":
        with pytest.raises(InputError, match="can run code of its author") as refused:
            load_model(where)
        assert str(digest) in str(refused.value)
    loaded = load_model(where, expect=digest)
    assert np.array_equal(loaded.predict_proba(ROWS), model.predict_proba(ROWS))
    assert loaded.digest == digest
    assert loaded.confinement.kind == ("B" if form == "skops" else "C")
    (where / "MLmodel").write_text((where / "MLmodel").read_text() + "\n")
    with pytest.raises(InputError, match="not the expected one"):
        load_model(where, expect=digest)


def test_models_of_catboost_and_onnx_are_read_as_mlflow_wrote_them(tmp_path):
    import mlflow.catboost
    import mlflow.onnx
    from catboost import CatBoostClassifier

    from tests.support.onnx_graphs import linear_classifier

    model = CatBoostClassifier(iterations=2, verbose=False, allow_writing_files=False)
    mlflow.catboost.save_model(model.fit(ROWS, LABELS), tmp_path / "c", **UNREAD)
    loaded = load_model(tmp_path / "c")
    assert np.array_equal(loaded.predict_proba(ROWS), model.predict_proba(ROWS))
    mlflow.onnx.save_model(linear_classifier(), tmp_path / "o", **UNREAD)
    assert load_model(tmp_path / "o").confinement.format == "onnx"


def test_a_pickled_model_is_refused(tmp_path, folder):
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"].pop("xgboost")
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    change(folder, sklearn={"pickled_model": "model.pkl", "serialization_format": "cloudpickle"})
    with pytest.raises(InputError, match="load another file"):
        load_model(folder)
    change(folder, python_function={"loader_module": "mlflow.sklearn", "model_path": "model.pkl"})
    with pytest.raises(InputError, match=r"no model.*model\.pkl|model\.pkl"):
        load_model(folder)
    change(folder, spark={})
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"].pop("sklearn")
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="its flavours are python_function, spark"):
        load_model(folder)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.pkl").write_bytes(b"\x80\x05rest")
    with pytest.raises(InputError, match="can run code of its author"):
        load_model(tmp_path / "one")


@pytest.mark.parametrize(
    ("flavours", "says"),
    [
        ({"xgboost": {"data": "../secret.json"}}, "does not name a file in its own folder"),
        ({"xgboost": {"data": "/etc/passwd"}}, "does not name a file in its own folder"),
        ({"xgboost": {"data": "sub/model.ubj"}}, "does not name a file in its own folder"),
        ({"xgboost": {"data": ["model.ubj"]}}, "does not name a file in its own folder"),
        ({"xgboost": {"data": "other.ubj"}}, "load another file"),
        ({"python_function": {"data": "sub"}}, "load another file"),
        ({"python_function": {"loader_module": "mine"}}, "would run code"),
        ({"python_function": {"code": "code"}}, "would run code"),
        ({"xgboost": {"code": "code"}}, "would run code"),
        ({"xgboost": {"model_class": "os.system"}}, "a class that xgboost does not have"),
        ({"lightgbm": {"data": "model.ubj"}}, "its flavours are"),
    ],
)
def test_what_mlflow_would_load_otherwise_is_refused(folder, flavours, says):
    change(folder, **flavours)
    with pytest.raises(InputError, match=says):
        load_model(folder)


def test_links_strange_yaml_and_what_a_download_adds_are_refused(folder, tmp_path):
    (folder / "extra").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="link"):
        load_model(folder)
    (folder / "extra").unlink()
    (folder / "registered_model_meta").write_text("model_name: credit\n")
    with pytest.raises(InputError, match="adds to what it downloads"):
        load_model(folder)
    (folder / "registered_model_meta").unlink()
    load_model(folder)
    for text in ("flavors: !!python/object:os.system {}\n", "flavors: [1]\n", "x: 1\n", ""):
        (folder / "MLmodel").write_text(text)
        with pytest.raises(AuditkitError):
            load_model(folder)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="without a file MLmodel"):
        load_model(tmp_path / "none")


def test_a_folder_with_one_file_has_the_digest_of_that_file(tmp_path, xgboost_model):
    (tmp_path / "version").mkdir()
    xgboost_model.save_model(tmp_path / "version" / "model.json")
    of_folder, of_file = (
        load_model(tmp_path / "version"),
        load_model(tmp_path / "version/model.json"),
    )
    assert of_folder.digest == of_file.digest


def test_an_audit_of_a_folder_needs_no_mlflow(folder, tmp_path, monkeypatch, capsys):
    table = ROWS.assign(label=LABELS, group=np.where(ROWS.index % 2, "a", "b"))
    table.to_csv(tmp_path / "rows.csv", index=False)
    text = "model: model\ndata: rows.csv\nlabel: label\ngroups: [group]\n"
    text += "reference: rows.csv\npolicy: starter\n"
    (tmp_path / "audit.yaml").write_text(text)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert run(["explain", str(tmp_path / "audit.yaml"), "--row", "3"]) == 0
    assert "income" in capsys.readouterr().out
    given = AuditFile(model="model", data="rows.csv", label="label", policy="starter")
    inputs = inputs_of(given, tmp_path)
    assert inputs.digest == str(artifact_digest(folder))
    assert (inputs.name, inputs.version, inputs.registered) == ("model", "unregistered", None)


def test_an_address_names_one_version():
    assert Reference.parse("models:/credit/7") == Reference("credit", "7")
    assert Reference.parse("models:/My Model/12") == Reference("My Model", "12")
    assert Reference.parse("models:/a@b@challenger") == Reference("a@b", "@challenger")
    for wrong in (
        "models:/credit", "models:/credit/latest", "models:/credit/Production", "models:/c/07",
        "models://host/credit/7", "models:/credit/7/8", "models:/m-0123", "models:/../x", "models:",
        "models:/credit/7\n", "models:/credit@",
    ):  # fmt: skip
        assert is_reference(wrong)
        with pytest.raises(InputError, match="names no version"):
            Reference.parse(wrong)


def test_an_address_is_stated_without_credentials_or_folders():
    assert (
        public_address("https://ann:pw@mlflow.example:8443/x/") == "https://mlflow.example:8443/x"
    )
    assert public_address("sqlite:////home/ann/mlflow.db") == "sqlite:///mlflow.db"
    assert public_address("postgresql://u:p@db/mlflow?password=p") == "postgresql://db/mlflow"


def test_without_an_address_of_the_registry_the_remedy_names_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ROWS.assign(label=LABELS).to_csv(tmp_path / "rows.csv", index=False)
    given = AuditFile(model="models:/credit/7", data="rows.csv", label="label", policy="starter")
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI"):
        inputs_of(given, tmp_path)
