"""Hostile model files and models are refused in time, whatever they try, and leave nothing."""

from __future__ import annotations

import builtins
import copy
import gzip
import io
import json
import pickle
import time
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from auditkit.canonical import Digest
from auditkit.errors import InputError
from auditkit.isolation import Limits, Resident
from auditkit.loading import load_model
from auditkit.model.scoring import scorer
from auditkit.model_files.confined import ConfinedModel, Confinement, ModelProcess
from auditkit.model_files.crossing import packed, unpacked
from auditkit.model_files.formats import format_of
from auditkit.model_files.loaders import load_bytes
from auditkit.model_files.pickles import load_pickle
from auditkit.model_files.tree_files import check_catboost_json, check_lightgbm, check_xgboost
from auditkit.model_files.ubjson import parse_ubjson, write_ubjson

HERE = Path(__file__).parents[2]
ROWS = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0)[::-1] % 7})
LABELS = (ROWS["a"] > 30).astype(int)
CANARY = Path("/tmp/auditkit-hostile")


@cache
def xgboost_bytes(form="json", categorical=False):
    from xgboost import XGBClassifier

    rows = ROWS.assign(k=pd.Categorical(["x", "y", "z"] * 20)) if categorical else ROWS
    model = XGBClassifier(
        n_estimators=3, max_depth=3, enable_categorical=categorical, max_cat_to_onehot=1
    )
    model.fit(rows, np.arange(60) % 3 == 1 if categorical else LABELS)
    return bytes(model.get_booster().save_raw(form))


@cache
def lightgbm_bytes():
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(n_estimators=3, min_child_samples=2, verbose=-1).fit(ROWS, LABELS)
    return model.booster_.model_to_string().encode()


def changed(path, value, saved=None):
    """An XGBoost file with one thing in it changed; a function maps the old to the new."""
    content = json.loads(saved or xgboost_bytes())
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    return json.dumps(content).encode()


MODEL = ("learner", "gradient_booster", "model")
TREE = (*MODEL, "trees", 0)


def first(value):
    return lambda old: [value, *old[1:]]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*TREE, "left_children"), first(10**6)),
        ((*TREE, "left_children"), first(-7)),
        ((*TREE, "right_children"), first(0)),
        ((*TREE, "left_children"), first(2)),
        ((*TREE, "left_children"), lambda old: old[:-1]),
        ((*TREE, "split_indices"), first(2)),
        ((*TREE, "split_indices"), first(-1)),
        ((*TREE, "split_indices"), first(1 << 40)),
        ((*TREE, "split_conditions"), first(float("nan"))),
        ((*TREE, "split_conditions"), first(float("inf"))),
        ((*TREE, "split_conditions"), first("0.5")),
        ((*TREE, "split_conditions"), "0.5"),
        ((*TREE, "base_weights"), lambda old: [*old, 1.0]),
        ((*TREE, "default_left"), []),
        ((*TREE, "parents"), first(1)),
        ((*TREE, "parents"), lambda old: [old[0], 2, *old[2:]]),
        ((*TREE, "tree_param", "num_nodes"), "100000000"),
        ((*TREE, "tree_param", "num_nodes"), "-1"),
        ((*TREE, "tree_param", "num_feature"), "1"),
        ((*TREE, "tree_param", "size_leaf_vector"), "1000"),
        ((*MODEL, "tree_info"), first(5)),
        ((*MODEL, "tree_info"), first(-1)),
        ((*MODEL, "tree_info"), []),
        ((*MODEL, "trees"), {}),
        ((*MODEL, "trees"), lambda old: old[:-1]),
        ((*MODEL, "gbtree_model_param", "num_trees"), "1000000000"),
        ((*MODEL, "iteration_indptr"), lambda old: [*old[:-1], 10**9]),
        (("learner", "learner_model_param", "num_class"), "2000000000"),
        (("learner", "learner_model_param", "num_feature"), "4294967296"),
        (("learner", "learner_model_param", "num_feature"), "1"),
        (("learner", "feature_names"), lambda old: [*old, "c"]),
        (("learner", "gradient_booster", "name"), "gbother"),
        (("learner", "gradient_booster"), []),
    ],
)
def test_an_xgboost_file_that_does_not_hold_together_is_refused(path, value):
    with pytest.raises(InputError, match="does not hold together") as refused:
        check_xgboost(changed(path, value), ubj=False)
    assert refused.value.remedy


def test_circles_beside_the_root_and_categories_out_of_range_are_refused():
    def circle(tree):
        tree = copy.deepcopy(tree)
        tree["left_children"], tree["right_children"] = [-1, 2, 3, 1, -1], [-1, 4, -1, -1, -1]
        return tree

    with pytest.raises(InputError, match="does not hold together"):
        check_xgboost(changed(TREE, circle), ubj=False)
    saved = xgboost_bytes(categorical=True)
    check_xgboost(saved, ubj=False)
    for name, value in (
        ("categories_segments", first(10**6)), ("categories_sizes", first(10**6)),
        ("categories_nodes", first(10**6)), ("categories", first(-1)), ("split_type", first(7)),
    ):  # fmt: skip
        path = next(
            (*MODEL, "trees", i, name)
            for i in range(3)
            if json.loads(saved)["learner"]["gradient_booster"]["model"]["trees"][i][name]
        )
        with pytest.raises(InputError, match="does not hold together"):
            check_xgboost(changed(path, value, saved), ubj=False)


@pytest.mark.parametrize("length", [0, 1, 10, 1000, -1])
def test_a_file_that_was_cut_short_is_refused(length):
    for check, data in (
        (lambda d: check_xgboost(d, ubj=False), xgboost_bytes()),
        (lambda d: check_xgboost(d, ubj=True), xgboost_bytes("ubj")),
        (check_lightgbm, lightgbm_bytes()[: lightgbm_bytes().find(b"end of trees") + 3]),
    ):
        check(data) if check is not check_lightgbm else None
        with pytest.raises(InputError) as refused:
            check(data[:length])
        assert refused.value.remedy


def test_deep_nesting_and_lies_about_lengths_are_refused():
    for data, ubj in (
        (b'{"a":' * 2_000_000, False),
        (b"[" * 5_000_000, False),
        (b"{U\x01a" * 1_000_000, True),
        (b"{U\x01a[$d#L" + (1 << 40).to_bytes(8) + b"xx}", True),
        (b"{U\x01a[#L" + (1 << 40).to_bytes(8) + b"xx}", True),
        (b"{U\x01a[$Z#L" + (1 << 40).to_bytes(8) + b"}", True),
        (b"{L" + (-1).to_bytes(8, signed=True) + b"a", True),
    ):
        began = time.monotonic()
        with pytest.raises(InputError):
            check_xgboost(data, ubj=ubj)
        assert time.monotonic() - began < 5


def test_ubjson_is_read_as_it_is_written_and_as_xgboost_writes_it():
    value = {"a": [1, "x", None, True, 0.5], "b": {"c": []}, "d": "é"}
    assert parse_ubjson(write_ubjson(value)) == value
    array = parse_ubjson(write_ubjson({"a": np.arange(5, dtype=np.int32)}))["a"]
    assert array.tolist() == [0, 1, 2, 3, 4]
    ours, theirs = parse_ubjson(xgboost_bytes("ubj")), json.loads(xgboost_bytes())
    one, other = (v["learner"]["gradient_booster"]["model"]["trees"] for v in (ours, theirs))
    for a, b in zip(one, other, strict=True):
        for name in ("left_children", "split_indices", "split_conditions", "parents"):
            assert np.allclose(a[name], b[name])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\nleft_child=", b"\nleft_child=99 "),
        (b"\nright_child=", b"\nright_child=-99 "),
        (b"\nsplit_feature=0", b"\nsplit_feature=7"),
        (b"\nsplit_feature=0", b"\nsplit_feature=-1"),
        (b"\nthreshold=", b"\nthreshold=nan "),
        (b"\nthreshold=", b"\nthreshold=1 "),
        (b"\nleaf_value=", b"\nleaf_value=1 "),
        (b"\nnum_leaves=", b"\nnum_leaves=9"),
        (b"\nnum_cat=0", b"\nnum_cat=1"),
        (b"\ndecision_type=2", b"\ndecision_type=3"),
        (b"\nnum_class=1", b"\nnum_class=999999999"),
        (b"\nmax_feature_idx=1", b"\nmax_feature_idx=0"),
        (b"\ntree_sizes=", b"\ntree_sizes=9"),
        (b"\nfeature_names=a b", b"\nfeature_names=a"),
        (b"Tree=1", b"Tree=9"),
        (b"end of trees", b"end"),
    ],
)
def test_a_lightgbm_file_that_does_not_hold_together_is_refused(old, new):
    data = lightgbm_bytes()
    check_lightgbm(data)
    assert old in data
    with pytest.raises(InputError, match="does not hold together"):
        check_lightgbm(_with_sizes(data.replace(old, new, 1), sizes=b"tree_sizes" not in old))


def _with_sizes(data, *, sizes):
    """The file with the sizes of its trees as they are now, so that they are not what is wrong."""
    if not sizes or b"\nend of trees" not in data:
        return data
    head, *trees = data[: data.find(b"\nend of trees") + 1].split(b"Tree=")
    told = b" ".join(b"%d" % (len(tree) + 5) for tree in trees)
    lines = [b"tree_sizes=" + told if line.startswith(b"tree_sizes=") else line
             for line in head.split(b"\n")]  # fmt: skip
    return b"Tree=".join([b"\n".join(lines), *trees]) + data[data.find(b"\nend of trees") + 1 :]


def test_a_catboost_file_that_does_not_hold_together_is_refused(tmp_path):
    from catboost import CatBoostClassifier

    path = tmp_path / "model.json"
    CatBoostClassifier(iterations=2, depth=2, verbose=0, allow_writing_files=False).fit(
        ROWS, LABELS
    ).save_model(str(path), format="json")
    data = path.read_bytes()
    check_catboost_json(data)
    for change in (
        lambda tree: tree["leaf_values"].pop(),
        lambda tree: tree["splits"][0].update(float_feature_index=9),
        lambda tree: tree["splits"][0].update(split_type="Other"),
        lambda tree: tree.update(leaf_values=[float("nan")] * 4),
    ):
        content = json.loads(data)
        change(content["oblivious_trees"][0])
        with pytest.raises(InputError, match="does not hold together"):
            check_catboost_json(json.dumps(content).encode())


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def pickled(thing, **how):
    file = io.BytesIO()
    joblib.dump(thing, file, **how)
    return file.getvalue()


def by_name(module, name):
    """A pickle of protocol 4 that calls a name with one text, whether it exists here or not."""
    parts = [pickle.PROTO + b"\4"]
    parts += [b"\x8c" + bytes([len(t)]) + t.encode() + b"\x94" for t in (module, name)]
    parts += [pickle.STACK_GLOBAL, b"\x8c\x04true", pickle.TUPLE1, pickle.REDUCE, pickle.STOP]
    return b"".join(parts)


# What published bypasses of scanners name: picklescan, fickling, and their advisories.
GADGETS = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"),
    ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"), ("builtins", "__import__"),
    ("__builtin__", "eval"), ("builtins", "open"), ("pkgutil", "resolve_name"), ("pip", "main"),
    ("importlib", "import_module"), ("runpy", "run_path"), ("operator", "attrgetter"),
    ("operator", "methodcaller"), ("functools", "partial"), ("types", "FunctionType"),
    ("ctypes", "CDLL"), ("socket", "create_connection"), ("shutil", "rmtree"),
    ("code", "InteractiveInterpreter"), ("pty", "spawn"), ("timeit", "timeit"), ("cProfile", "run"),
    ("profile", "run"), ("trace", "Trace"), ("doctest", "debug_script"), ("bdb", "Bdb"),
    ("uuid", "_get_command_stdout"), ("imaplib", "IMAP4_stream"), ("_pyrepl.pager", "pipe_pager"),
    ("_osx_support", "_read_output"), ("_aix_support", "_read_cmd_output"),
    ("numpy.testing._private.utils", "runstring"), ("numpy.f2py.crackfortran", "getlincoef"),
    ("numpy", "load"), ("numpy", "fromfile"), ("joblib", "load"), ("sklearn.utils", "joblib"),
    ("joblib.numpy_pickle", "load"), ("torch", "load"), ("cloudpickle.cloudpickle", "subimport"),
    ("sklearn.externals.array_api_compat.numpy", "load"), ("sklearn.datasets", "fetch_openml"),
    ("sklearn.base", "BaseEstimator.__class__"), ("numpy", "dtype.__class__"),
    ("sklearn.pipeline", "os"), ("sklearn.utils._testing", "check_call"),
    ("pickle", "loads"), ("_pickle", "Unpickler"), ("marshal", "loads"), ("webbrowser", "open"),
    ("multiprocessing.util", "spawnv_passfds"), ("asyncio", "create_subprocess_shell"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name"), GADGETS)
def test_a_pickle_that_names_more_than_a_model_needs_is_refused_by_that_name(module, name):
    shown = "builtins" if module == "__builtin__" else module
    with pytest.raises(InputError, match=f"names what a model need not: {shown}:{name}") as refused:
        load_pickle(by_name(module, name), trusted_types=[])
    assert "trusted_types" in refused.value.remedy


@pytest.mark.parametrize("compress", [0, 3, ("xz", 3), ("bz2", 3), ("gzip", 3), ("lzma", 3)])
@pytest.mark.parametrize("hidden", ["alone", "in a pipeline", "in an array", "appended"])
def test_no_wrapping_hides_what_a_pickle_names(compress, hidden):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    CANARY.unlink(missing_ok=True)
    harm = Calls(builtins.exec, f"open({str(CANARY)!r}, 'w').write('x')")
    model = make_pipeline(LogisticRegression()).fit(ROWS, LABELS)
    if hidden == "in a pipeline":
        model.steps[-1][1].extra_ = {"deep": [harm]}
    held = {
        "alone": harm, "in a pipeline": model, "in an array": np.array([harm], dtype=object),
        "appended": model,
    }  # fmt: skip
    data = pickled(held[hidden], compress=0)
    if hidden == "appended":
        data += pickle.dumps(harm)
    file = io.BytesIO()
    if compress:
        from joblib.numpy_pickle_utils import _write_fileobject

        how = ("zlib", compress) if isinstance(compress, int) else compress
        with _write_fileobject(file, compress=how) as opened:
            opened.write(data)
        data = file.getvalue()
    assert format_of(data, "m").kind == "C"
    with pytest.raises(InputError, match=r"need not: builtins:exec|bytes follow the pickle"):
        load_pickle(data, trusted_types=[])
    assert not CANARY.exists()


def test_bombs_and_broken_pickles_are_refused():
    bomb = gzip.compress(bytes(1 << 26), 9)
    with pytest.raises(InputError, match="decompresses to more than"):
        load_pickle(bomb, trusted_types=[])
    good = pickled({"a": np.arange(10)})
    for data in (
        good[:-1], good[:20], b"\x80\x04.", b"\x80\x05" + b"(" * 100, gzip.compress(good)[:-9],
        gzip.compress(gzip.compress(good)), b"\x80\x04" + b"\x82\x01.",
        b"\x80\x04\x8c\x01aQ.",
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            load_pickle(data, trusted_types=[])
        assert refused.value.remedy


def test_what_trusted_types_may_not_add():
    for one in ("os:system", "builtins:eval", "functools:partial", "posix:system", "mine", ":x"):
        with pytest.raises(InputError, match="trusted_types holds"):
            load_pickle(pickled(1), trusted_types=[one])
    data = by_name("fractions", "Fraction")
    with pytest.raises(InputError, match="fractions:Fraction"):
        load_pickle(data, trusted_types=[])
    assert load_pickle(pickle.dumps(Calls(complex, 1.0)), trusted_types=[])[0] == 1
    from fractions import Fraction

    held, listed = load_pickle(pickle.dumps(Fraction(1, 2)), trusted_types=["fractions:Fraction"])
    assert held == Fraction(1, 2)
    assert listed == ("fractions.Fraction",)


def test_a_pickle_is_loaded_only_by_its_digest_and_scores_as_it_does_here(tmp_path):
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rows = ROWS.assign(k=["x", "y", "z"] * 20)
    encode = make_column_transformer((OneHotEncoder(), ["k"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=500)).fit(rows, LABELS)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    with pytest.raises(InputError, match="can run code of its author") as refused:
        load_model(path)
    digest = refused.value.remedy.partition("{model: ")[2].partition("}")[0]
    with pytest.raises(InputError, match="not the expected one"):
        load_model(path, expect="sha256:" + "0" * 64)
    loaded = load_model(path, expect=digest)
    try:
        assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
        assert loaded.classes_ == [0, 1]
        assert "sklearn.pipeline.Pipeline" in loaded.confinement.listed
        assert loaded.confinement.kind == "C"
        assert "limits" in loaded.confinement.layers
        import auditkit as ak

        one, other = (
            ak.explain(m, rows[:20], reference=rows[20:], target_class=1) for m in (model, loaded)
        )
        assert np.allclose(one.values, other.values)
        assert one.method == other.method
    finally:
        loaded.close()


@pytest.fixture
def hostile():
    made = []

    def make(kind):
        limits = Limits(
            cpu_seconds=600, wall_seconds=0, memory_bytes=4 << 30, answer_bytes=0, open_files=64
        )
        needs = ("numpy", "pandas", "pyarrow")
        module = "tests.support.hostile_answers"
        resident = Resident(module, limits=limits, needs=needs, path=[HERE])
        made.append(resident)
        facts = unpacked(resident.call("load", kind.encode(), cpu_seconds=60, answer_bytes=1 << 20))
        how = Confinement(format="pickle", kind="C", isolation="default", layers=())
        return ConfinedModel(ModelProcess(resident, Digest.of(b""), 0), 0, facts, how)

    yield make
    for resident in made:
        assert resident.process is None or Path(f"/proc/{resident.process}").exists()
        resident.end()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sleeps", "instead of computing"),
        ("turns for ever", "more than 1 seconds of computing"),
        ("forks", "PermissionError"),
        ("writes", "PermissionError"),
        ("dials out", "PermissionError"),
        ("nan", "missing or infinite outputs"),
        ("infinite", "missing or infinite outputs"),
        ("out of range", r"outside \[0, 1\]"),
        ("one number", "for 60 rows"),
        ("another shape", r"shape \(60, 2, 2\)|not probabilities"),
        ("fewer rows", r"\(59, 2\) for 60 rows"),
        ("more rows", r"\(61, 2\) for 60 rows"),
        ("gigabytes", "was stopped"),
        ("changes", "other answers when it is asked about the same rows again"),
        ("texts", "cannot score"),
        ("lies about the shape", "cannot be read"),
        ("rubbish", "has ended|cannot be read"),
        ("an error with escapes", "Bad[?].2JError"),
    ],
)
def test_a_model_that_misbehaves_is_refused_in_time_and_touches_nothing(
    hostile, kind, message, monkeypatch
):
    if kind == "turns for ever":
        monkeypatch.setattr("auditkit.model_files.confined.CPU_SECONDS", 1.0)
    CANARY.unlink(missing_ok=True)
    model = hostile(kind)
    began = time.monotonic()
    with pytest.raises(InputError, match=message) as refused:
        scorer(model, favourable=1).score(ROWS)
    assert time.monotonic() - began < 10
    assert refused.value.remedy
    assert "\x1b" not in str(refused.value)
    assert "secret" not in str(refused.value)
    assert not CANARY.exists()


@pytest.mark.parametrize("data", ["json", "ubj", "lightgbm"])
def test_honest_files_are_what_they_were(data):
    raw = lightgbm_bytes() if data == "lightgbm" else xgboost_bytes(data)
    form = format_of(raw, "any name")
    assert form.kind == "A"
    model, listed = load_bytes(form.name, raw)
    assert listed == ()
    scores = model.predict(ROWS)
    assert len(scores) == 60


def test_values_cross_as_they_are():
    frame = pd.DataFrame(
        {"n": [1.0, np.nan], "t": ["a", None], "k": pd.Categorical(["x", "y"]), "b": [True, False],
         "i": [1, 2], "d": pd.to_datetime(["2026-01-01", "2026-01-02"])}
    )  # fmt: skip
    back = unpacked(packed(frame), trusted=True)
    pd.testing.assert_frame_equal(back, frame)
    numbers = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 3)), columns=["a", "b", "a"])
    pd.testing.assert_frame_equal(unpacked(packed(numbers)), numbers)
    value = [1, "a", None, {"x": 0.5, 3: [True]}]
    assert unpacked(packed(value)) == value
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(unpacked(packed(array)), array)
    for broken in (b"", b"\0" * 8, packed(array)[:-40], packed(array) + b"x"):
        with pytest.raises(ValueError):
            unpacked(broken)
