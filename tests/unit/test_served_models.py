"""Models served by the Open Inference Protocol: asked as the protocol says, and never believed."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression

import auditkit as ak
from auditkit.cli import run
from auditkit.errors import InputError
from auditkit.model_files import served

DRAW = np.random.default_rng(0)
ROWS = pd.DataFrame(DRAW.normal(size=(400, 3)), columns=["a", "b", "c"])
LABELS = (ROWS.a + DRAW.normal(size=400) > 0).astype(int)
MODEL = LogisticRegression().fit(ROWS[:200], LABELS[:200])
THREE = LogisticRegression().fit(ROWS, (ROWS.a > 0).astype(int) + (ROWS.b > 1))
NUMBER = LinearRegression().fit(ROWS, 3 * ROWS.a + ROWS.b)
FLAT = [{"name": "input", "datatype": "FP64", "shape": [-1, 3]}]
NAMED = [{"name": c, "datatype": "FP32", "shape": [-1, 1]} for c in ROWS.columns]


class Handler(BaseHTTPRequestHandler):
    """A server of models, written from the protocol's text."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.removeprefix("/v2/models/").removesuffix("/versions/3")
        facts = self.server.models.get(name)
        if facts is None:
            self.reply(404, b"{}")
            return
        self.reply(200, json.dumps({"name": name, "platform": "test", **facts[0]}).encode())

    def do_POST(self):
        name = self.path.removeprefix("/v2/models/").removesuffix("/infer")
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        tensors = {
            one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in asked["inputs"]
        }
        table = np.hstack([t.reshape(len(t), -1) for t in tensors.values()])
        table = pd.DataFrame(table, columns=ROWS.columns)
        self.server.models[name.removesuffix("/versions/3")][1](self, table, asked)

    def gives(self, **outputs):
        """Answers with outputs of the protocol."""
        found = [
            {"name": name, "shape": list(v.shape), "datatype": kind, "data": v.reshape(-1).tolist()}
            for name, (kind, v) in outputs.items()
        ]
        self.reply(200, json.dumps({"model_name": "m", "outputs": found}).encode())

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def chances(handler, table, _):
    handler.gives(chances=("FP64", MODEL.predict_proba(table)))


def score(handler, table, _):
    handler.gives(score=("FP32", MODEL.predict_proba(table)[:, 1:]))


def both(handler, table, asked):
    named = {one["name"] for one in asked.get("outputs", [])}
    found = {
        "label": ("INT64", MODEL.predict(table)), "chances": ("FP64", MODEL.predict_proba(table))
    }  # fmt: skip
    handler.gives(**{name: value for name, value in found.items() if not named or name in named})


@pytest.fixture(scope="module")
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.models, made.asked = {}, []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{made.server_address[1]}/v2/models"
    outputs = [{"name": "chances", "datatype": "FP64", "shape": [-1, 2]}]
    label = {"name": "label", "datatype": "INT64", "shape": [-1]}
    made.models |= {
        "flat": ({"inputs": FLAT, "outputs": outputs}, chances),
        "named": ({"inputs": NAMED, "outputs": outputs}, chances),
        "score": (
            {"inputs": FLAT, "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}]},
            score,
        ),
        "both": ({"inputs": FLAT, "outputs": [label, *outputs]}, both),
        "silent": ({"inputs": FLAT}, both),
        "three": (
            {"inputs": FLAT, "outputs": [{"name": "p", "datatype": "FP64", "shape": [-1, 3]}]},
            lambda handler, table, _: handler.gives(p=("FP64", THREE.predict_proba(table))),
        ),
        "number": (
            {"inputs": FLAT, "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}]},
            lambda handler, table, _: handler.gives(y=("FP64", NUMBER.predict(table))),
        ),
    }
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize(
    "name", ["flat", "named", "both", "score", "flat/versions/3", "silent#chances:1"]
)
def test_a_served_model_is_audited_as_the_model_itself(server, name):
    given = {"data": ROWS[200:], "labels": LABELS[200:], "reference": ROWS[:50]}
    audit = ak.run(ak.Inputs(model=ak.load_model(f"{server.url}/{name}"), **given), log=None)
    here = ak.run(ak.Inputs(model=MODEL, **given), log=None)
    for check in ("performance.ranking", "performance.classification"):
        for one, other in zip(
            audit.evidence_of(check).measurements, here.evidence_of(check).measurements, strict=True
        ):
            assert one.value == pytest.approx(other.value, abs=1e-5), one.key
    how = audit.subject.loading
    assert (how.kind, how.format) == ("served", "open-inference-v2")
    asked = ak.explain(
        lambda rows: MODEL.predict_proba(rows)[:, 1], ROWS[200:210], reference=ROWS[:50]
    )
    told = ak.explain(ak.load_model(f"{server.url}/{name}"), ROWS[200:210], reference=ROWS[:50])
    np.testing.assert_allclose(told.values, asked.values, atol=1e-5)


def test_numbers_and_several_classes(server):
    number = ak.run(
        ak.Inputs(
            model=ak.load_model(f"{server.url}/number"),
            data=ROWS,
            labels=NUMBER.predict(ROWS),
            task="number",
        ),
        log=None,
    )
    assert number.evidence_of("performance.regression").measurement("rmse").value < 1e-9
    three = ak.load_model(f"{server.url}/three")
    assert three.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(three.predict_proba(ROWS), THREE.predict_proba(ROWS))
    np.testing.assert_array_equal(three.predict(ROWS), THREE.predict(ROWS))


def test_rows_go_in_bounded_parts(server, monkeypatch):
    monkeypatch.setattr(served, "_ROWS_AT_ONCE", 7)
    model = ak.load_model(f"{server.url}/score")
    server.asked.clear()
    np.testing.assert_allclose(model(ROWS[:20]), MODEL.predict_proba(ROWS[:20])[:, 1], atol=1e-6)
    assert [one["inputs"][0]["shape"] for one in server.asked[:3]] == [[7, 3], [7, 3], [6, 3]]


def test_from_the_command_line(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("AUDITKIT_HOME", str(tmp_path / "keys"))
    ROWS.assign(label=LABELS)[340:].to_csv(tmp_path / "rows.csv", index=False)
    address = f"{server.url}/flat"
    made = ["init", "--model", address, "--data", tmp_path / "rows.csv", "--label", "label"]
    assert run([*map(str, made), "--output", str(tmp_path / "audit.yaml")]) == 0
    file = tmp_path / "audit.yaml"
    assert yaml.safe_load(file.read_text())["model"] == address
    assert run(["gate", str(file), "--json"]) in {0, 10, 11}
    digest = ak.load_model(address).digest
    file.write_text(file.read_text() + f"\nexpect: {{model: '{digest}'}}\n")
    assert run(["gate", str(file)]) in {0, 10, 11}
    server.models["flat"][0]["versions"] = ["4"]  # another model by the same name
    try:
        assert run(["gate", str(file)]) == 2
    finally:
        del server.models["flat"][0]["versions"]
    assert "not the expected one" in capsys.readouterr().err


def slow(handler, table, asked):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    with suppress(OSError):  # whoever asked has gone
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)


COUNTED = count()


def changing(handler, table, _):
    handler.gives(s=("FP64", np.full(len(table), 0.1 + next(COUNTED) / 1e6)))


HOSTILE = {
    "status": lambda handler, *_: handler.reply(500, b"no"),
    "redirect": lambda handler, *_: handler.reply(307, b"", Location="http://127.0.0.1:9/"),
    "no JSON": lambda handler, *_: handler.reply(200, b"<html>"),
    "deep": lambda handler, *_: handler.reply(200, b"[" * 100_000),
    "a list": lambda handler, *_: handler.reply(200, b"[]"),
    "no outputs": lambda handler, *_: handler.reply(200, b'{"outputs": []}'),
    "huge": lambda handler, *_: handler.reply(200, b" " * (40 << 20)),
    "slow": slow,
    "fewer rows": lambda handler, table, _: handler.gives(s=("FP64", np.zeros(len(table) - 1))),
    "cubes": lambda handler, table, _: handler.gives(s=("FP64", np.zeros((len(table), 2, 2)))),
    "texts": lambda handler, table, _: handler.gives(s=("BYTES", np.array(["a"] * len(table)))),
    "NaN": lambda handler, *_: handler.reply(
        200, b'{"outputs": [{"name": "s", "shape": [1], "datatype": "FP64", "data": [NaN]}]}'
    ),
    "a huge shape": lambda handler, *_: handler.reply(
        200, b'{"outputs": [{"name": "s", "shape": [9999999999], "datatype": "FP64", "data": [1]}]}'
    ),
    "changing": changing,
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_server_is_refused_in_time(server, what, monkeypatch):
    monkeypatch.setattr(served, "SECONDS", 0.5)
    server.models["hostile"] = ({"inputs": FLAT}, HOSTILE[what])
    model = ak.load_model(f"{server.url}/hostile")
    began = time.monotonic()
    with pytest.raises(InputError):
        [model(ROWS[:20]) for _ in range(3)]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "facts",
    [{}, {"inputs": []}, {"inputs": [{"name": "a"}]}, {"inputs": 3},
     {"inputs": [{"name": "a", "datatype": "TENSOR", "shape": [-1]}]},
     {"inputs": [{"name": "a", "datatype": "FP64", "shape": ["x"]}]},
     {"inputs": FLAT, "outputs": [{"name": n, "datatype": "FP64", "shape": [-1]} for n in "ab"]}],
)  # fmt: skip
def test_odd_metadata_is_refused(server, facts):
    server.models["odd"] = (facts, chances)
    with pytest.raises(InputError):
        ak.load_model(f"{server.url}/odd")


@pytest.mark.parametrize(
    ("address", "said"),
    [("{}/nothing", "404"), ("http://127.0.0.1:9/v2/models/a", "does not answer"),
     ("http://ann:secret@127.0.0.1/v2/models/a", "none of the Open"),
     ("http://127.0.0.1/models/a", "none of the Open"), ("{}/flat?x=1", "none of the Open"),
     ("file:///etc/passwd", "no such|not found|There is no|does not exist")],
)  # fmt: skip
def test_other_addresses_are_refused_with_a_remedy(server, address, said):
    with pytest.raises(InputError, match=said) as refused:
        ak.load_model(address.format(server.url))
    assert refused.value.remedy
    assert "secret" not in str(refused.value)


def test_what_the_protocol_cannot_carry_is_refused(server):
    model = ak.load_model(f"{server.url}/score")
    with pytest.raises(InputError, match="missing or of another kind"):
        model(ROWS[:3].assign(b=[0.0, np.nan, 1.0]))
    with pytest.raises(InputError, match="takes 3 columns"):
        model(ROWS[["a", "b"]])
    with pytest.raises(InputError, match="nothing here confines"):
        ak.load_model(f"{server.url}/score", isolation="strict")
