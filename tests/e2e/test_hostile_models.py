"""Hostile models through the command line: exit 2 in time, a remedy, and nothing left behind."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import socket
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import yaml

from auditkit.cli import run
from auditkit.registry import artifact_digest
from tests.support import onnx_graphs

pytestmark = pytest.mark.server

ROWS = pd.DataFrame({"a": np.linspace(-3, 3, 40), "b": np.arange(40.0) % 7})
SECONDS = 10  # on a machine that does nothing else
BEHAVING = """
import ctypes, itertools, os, socket, time
from pathlib import Path
import numpy as np

CANARY, PORT = {canary!r}, {port}
COUNT = itertools.count()

def fair(rows): return np.full(len(rows), 0.5)
def sleeps(rows): time.sleep(1000)
def naps(rows):
    while True: time.sleep(0.02)
def turns(rows):
    while True: pass
def forks(rows): os.fork(); return fair(rows)
def starts(rows): os.system("touch " + CANARY); os.execv("/bin/true", ["true"])
def writes(rows): Path(CANARY).write_text("x"); return fair(rows)
def dials(rows): socket.create_connection(("127.0.0.1", PORT), 2); return fair(rows)
def kills(rows): os.kill(os.getppid(), 9); return fair(rows)
def crashes(rows): ctypes.string_at(0); return fair(rows)
def grows(rows): return np.ones((1 << 40,)) * fair(rows)
def says_much(rows): return np.zeros((len(rows), 1 << 20))
def nan(rows): return fair(rows) * np.nan
def shapes(rows): return np.zeros((len(rows), 3, 2))
def fewer(rows): return fair(rows)[1:]
def differs(rows): return fair(rows) / (1 + next(COUNT))
"""


class Harm:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with hostile models, and what they would touch."""
    folder = tmp_path_factory.mktemp("hostile")
    ROWS.assign(label=(ROWS.a > 0).astype(int)).to_csv(folder / "rows.csv", index=False)
    dialled = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen():
            while True:
                try:
                    dialled.append(listening.accept())
                except OSError:
                    return

        threading.Thread(target=listen, daemon=True).start()
        canary = folder / "canary"
        (folder / "code").mkdir()
        text = BEHAVING.format(canary=str(canary), port=listening.getsockname()[1])
        (folder / "code" / "m.py").write_text(text)
        harm = pickle.dumps(Harm(canary))
        files = {
            "pickle": harm, "joblib.gz": gzip.compress(harm), "bomb": gzip.compress(bytes(1 << 26)),
            "onnx": _elsewhere(), "skops": b"PK\x03\x04" + bytes(99) + b"schema.json",
            "archive": b"PK\x03\x04rest", "cbm": b"CBM1" + bytes(40), "txt": b"tree\nversion=v4\n",
            "ubj": b"{L" + bytes(7) + b"\x07learner{", "deep": b'{"a":' * 10**6,
            "tree": _circle(), "nothing": b"", "text": b"hello",
        }  # fmt: skip
        for name, data in files.items():
            (folder / name).write_bytes(data)
        yield folder
        assert not canary.exists()
        assert not dialled


def _elsewhere():
    made = onnx_graphs.score()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return made.SerializeToString()


def _circle():
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=1, max_depth=2).fit(ROWS, ROWS.a > 0)
    content = json.loads(bytes(model.get_booster().save_raw("json")))
    tree = content["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["left_children"][0] = 0
    return json.dumps(content).encode()


def children():
    """The processes of models that this one started and that still run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            of_a_model = b"residence" in (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z" and of_a_model:
            found.add(status.parent.name)
    return found


def audited(world, model, *, pinned, capsys):
    keys = {"model": model, "data": "rows.csv", "label": "label", "policy": "starter"}
    if pinned:
        path = world / "code" if model.startswith("code.") else world / model
        keys["expect"] = {"model": str(artifact_digest(path))}
    (world / "audit.yaml").write_text(yaml.safe_dump(keys))
    before, own = children(), world / "temporary"
    own.mkdir(exist_ok=True)
    began = time.monotonic()
    with mock.patch.object(tempfile, "tempdir", str(own)):
        code = run(["run", str(world / "audit.yaml"), "--output", str(world / "out")])
    taken = time.monotonic() - began
    said = capsys.readouterr().err
    assert children() <= before
    assert list(own.iterdir()) == []
    assert not list((world / "out").glob("*"))
    return code, said, taken


FILES = [
    ("pickle", False, "opening it can run code"), ("pickle", True, "need not: posix:system"),
    ("joblib.gz", True, "need not: posix:system"), ("bomb", True, "decompresses to more than"),
    ("onnx", False, "numbers in other files"), ("skops", False, "not one that skops can read"),
    ("archive", False, "ZIP archive"), ("cbm", False, "not a model"), ("txt", False, "cut short"),
    ("ubj", False, ""), ("deep", False, ""), ("tree", False, ""),
    ("nothing", False, "not in a known"), ("text", False, "not in a known"),
]  # fmt: skip
FUNCTIONS = [
    ("sleeps", "instead of computing"), ("naps", "instead of computing"),
    ("turns", "5 seconds of computing"), ("forks", ""), ("starts", ""), ("writes", ""),
    ("dials", ""), ("kills", ""), ("crashes", "crashed"), ("grows", ""), ("says_much", "larger"),
    ("nan", ""), ("shapes", ""), ("fewer", "39"), ("differs", "other answers"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "pinned", "says"),
    [*FILES, ("code.m:fair", False, "a function of Python")]
    + [(f"code.m:{name}", True, says) for name, says in FUNCTIONS],
)
def test_a_hostile_model_ends_the_audit_with_code_2(world, model, pinned, says, capsys):
    code, said, taken = audited(world, model, pinned=pinned, capsys=capsys)
    assert code == 2, said
    assert says in " ".join(said.split())
    assert "To fix: " in said
    busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert taken < SECONDS * busy
