"""ONNX models, skops files and functions of a folder: scored as they score here, or refused."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile

import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC

import auditkit as ak
from auditkit.errors import InputError
from auditkit.loading import load_model
from auditkit.model_files.onnx_models import load_onnx
from auditkit.model_files.skops_files import load_skops
from auditkit.registry import artifact_digest
from tests.support import onnx_graphs

ROWS = pd.DataFrame({"a": np.linspace(-3, 3, 40), "b": np.arange(40.0) % 7})
TEXTS = ROWS.assign(k=["x", "y"] * 20)
LABELS = (ROWS.a > 0).astype(int)
SCORES = expit(0.5 * ROWS.a - 0.3 * ROWS.b)


def test_an_onnx_model_is_told_by_its_bytes_scored_and_explained(tmp_path):
    for name, made in (
        ("score.bin", onnx_graphs.score()),
        ("mapped.joblib", onnx_graphs.linear_classifier()),
        ("plain", onnx_graphs.linear_classifier(mapped=False)),
    ):
        (tmp_path / name).write_bytes(made.SerializeToString())
        model = load_model(tmp_path / name)
        if name == "score.bin":
            found = model.ask("scores", ROWS)
        else:
            assert model.classes_ == ["no", "yes"]
            found = model.predict_proba(ROWS)[:, 1]
        assert np.allclose(found, SCORES, atol=1e-6)
        assert (model.confinement.format, model.confinement.kind) == ("onnx", "B")
        model.close()
    (tmp_path / "columns.onnx").write_bytes(onnx_graphs.columns().SerializeToString())
    model = load_model(tmp_path / "columns.onnx")
    assert model.feature_names_in_ == ["a", "k"]
    assert np.allclose(model.ask("scores", TEXTS), TEXTS.a + (TEXTS.k == "x"), atol=1e-6)
    model.close()
    model = load_model(tmp_path / "mapped.joblib")
    found = ak.explain(model, ROWS[:4], reference=ROWS, target_class="yes")
    base = SCORES.mean()
    assert np.allclose(found.values.sum(axis=1), SCORES[:4] - base, atol=1e-3)


def in_another_file(made, place):
    tensor = onnx.numpy_helper.from_array(onnx_graphs.WEIGHTS, "V")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    inner = onnx.helper.make_graph([], "inner", [], [], [tensor])
    if place == "initializer":
        made.graph.initializer.append(tensor)
    elif place == "sparse":
        made.graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif place == "attribute":
        made.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=tensor))
    elif place == "graph":
        made.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], then_branch=inner))
    else:
        held = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
        made.functions.append(
            onnx.helper.make_function("mine", "f", [], ["c"], [held], made.opset_import[:1])
        )
    return made


@pytest.mark.parametrize("place", ["initializer", "sparse", "attribute", "graph", "function"])
def test_an_onnx_model_that_keeps_numbers_elsewhere_is_refused(place):
    data = in_another_file(onnx_graphs.score(), place).SerializeToString()
    with pytest.raises(InputError, match="keeps numbers in other files"):
        load_onnx(data)


def test_broken_onnx_models_are_refused():
    good = onnx_graphs.score().SerializeToString()
    strange = onnx_graphs.score()
    strange.graph.node[0].domain = "mine"
    for data in (good[:-20], good[:30], strange.SerializeToString(), b"\x08\x09\x12\x00"):
        with pytest.raises(InputError) as refused:
            load_onnx(data)
        assert refused.value.remedy


def test_a_skops_file_is_told_by_its_bytes_and_scores_as_it_does_here(tmp_path):
    encode = make_column_transformer(
        (OneHotEncoder(), ["k"]), (FunctionTransformer(np.log1p), ["b"]), remainder="passthrough"
    )
    pipeline = make_pipeline(encode, LogisticRegression()).fit(TEXTS, LABELS)
    (tmp_path / "model.pt").write_bytes(skops.io.dumps(pipeline))
    loaded = load_model(tmp_path / "model.pt")
    assert np.array_equal(loaded.predict_proba(TEXTS), pipeline.predict_proba(TEXTS))
    assert loaded.confinement.format == "skops"
    assert "sklearn.pipeline.Pipeline" in loaded.confinement.listed
    loaded.close()
    trees = HistGradientBoostingClassifier(max_iter=3).fit(ROWS, LABELS)
    found, _ = load_skops(skops.io.dumps(trees), trusted_types=[])
    assert np.array_equal(found.predict_proba(ROWS), trees.predict_proba(ROWS))


def rewritten(data, change, extra=()):
    """A skops file with another schema."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    change(schema)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*members.items(), *extra]:
            archive.writestr(name, content)
        archive.writestr("schema.json", json.dumps(schema))
    return file.getvalue()


GOOD = skops.io.dumps(SVC().fit(ROWS, LABELS))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("builtins", "eval"), ("operator", "attrgetter"), ("numpy", "load"),
        ("sklearn.datasets", "fetch_openml"), ("functools", "partial"), ("joblib", "load"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("deep", [False, True])
def test_a_skops_file_that_names_more_than_a_model_needs_is_refused(module, name, deep):
    def change(schema):
        named = {"__module__": module, "__class__": name, "__loader__": "ObjectNode", "__id__": 1}
        if deep:
            schema["content"]["content"]["mine"] = named
        else:
            schema.update(named)

    with pytest.raises(InputError, match=f"names what a model need not: {module}:{name}"):
        load_skops(rewritten(GOOD, change), trusted_types=[])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_broken_archives_and_bombs_are_refused():
    def same(schema):
        pass

    assert isinstance(load_skops(rewritten(GOOD, same), trusted_types=[])[0], SVC)
    for data in (
        GOOD[:-30],
        GOOD[:200],
        rewritten(GOOD, same, [("../x.npy", b"")]),
        rewritten(GOOD, same, [("1.npy", b""), ("1.npy", b"")]),
        rewritten(GOOD, same, [("1.npy", bytes(1 << 27))]),
        rewritten(GOOD, lambda schema: schema.clear()),
        GOOD.replace(b"schema.json", b"schema.jsom"),
    ):
        with pytest.raises(InputError) as refused:
            load_skops(data, trusted_types=[])
        assert refused.value.remedy
    with pytest.raises(InputError, match="trusted_types holds"):
        load_skops(GOOD, trusted_types=["os:system"])


SCORING = """
import os
from pathlib import Path
from scoring.weights import A, B

HERE = Path(__file__).parent

def predict(rows):
    b = float((HERE / "b.txt").read_text())
    return 1 / (1 + 2.718281828459045 ** -(A * rows["a"] + b * rows["b"]))

def nosy(rows):
    for place in PLACES:
        try:
            open(place).read()
        except PermissionError:
            continue
        raise ValueError("it could read " + place)
    os.listdir(HERE.parent)
    return predict(rows)
"""


@pytest.fixture
def folder(tmp_path):
    code = tmp_path / "scoring"
    code.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    places = f"PLACES = ['/etc/passwd', {str(tmp_path / 'secret.txt')!r}]\n"
    (code / "model.py").write_text(places + SCORING)
    (code / "weights.py").write_text("A, B = 0.5, None\n")
    (code / "b.txt").write_text("-0.3")
    return tmp_path


def test_a_function_is_loaded_by_the_digest_of_its_folder_alone(folder, tmp_path, monkeypatch):
    digest = artifact_digest(folder / "scoring")
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    with pytest.raises(InputError, match="a function of Python") as refused:
        load_model(folder / "scoring.model:predict")
    assert str(digest) in refused.value.remedy
    (folder / "scoring" / "__pycache__").mkdir()
    (folder / "scoring" / "__pycache__" / "model.pyc").write_bytes(b"of another day")
    model = load_model(folder / "scoring.model:predict", expect=digest)
    assert np.allclose(model.ask("scores", ROWS), SCORES)
    assert (model.digest, model.confinement.kind) == (digest, "C")
    nosy = load_model(folder / "scoring.model:nosy", expect=digest)
    assert np.allclose(nosy.ask("scores", ROWS), SCORES)
    for one in (model, nosy):
        one.close()
    del model, nosy, one
    assert list(own.iterdir()) == []


def test_what_is_no_function_in_a_folder_is_refused(folder):
    digest = artifact_digest(folder / "scoring")
    for name, says in (
        ("scoring.model:none", "cannot be imported: AttributeError"),
        ("scoring.other:predict", "cannot be imported: ModuleNotFoundError"),
        ("scoring.model:HERE", "is not a function"),
        ("mine:predict", "no folder 'mine'"),
    ):
        with pytest.raises(InputError, match=says):
            load_model(folder / name, expect=digest)
    (folder / "linked").symlink_to(folder / "scoring")
    with pytest.raises(InputError, match="no folder 'linked'"):
        load_model(folder / "linked.model:predict", expect=digest)
    (folder / "scoring" / "leak").symlink_to("/etc")
    with pytest.raises(InputError, match="link"):
        load_model(folder / "scoring.model:predict", expect=digest)
