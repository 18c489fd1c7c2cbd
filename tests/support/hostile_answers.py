"""A process that has taken over the model's, for tests/unit/test_model_files.py."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np

from auditkit.model_files.crossing import packed, unpacked

KIND = []


def load(data):
    KIND.append(bytes(data).decode())
    facts = {"kind": "Hostile\x1b[31m", "attributes": {"classes_": [0, 1]}, "scores": False}
    return packed({**facts, "methods": ["predict_proba"], "listed": []})


def _dial():
    with socket.socket() as dialled:
        dialled.connect(("127.0.0.1", 9))


def ask(data):
    _, _, values, _ = unpacked(data, trusted=True)
    if not values:
        return packed({"answer": {"a": 7}})
    rows = len(values[-1])
    fair = np.full((rows, 2), 0.5)
    acts = {
        "sleeps": lambda: time.sleep(1000),
        "forks": os.fork,
        "writes": lambda: Path("/tmp/auditkit-hostile").write_text("x"),
        "dials out": _dial,
        "turns for ever": _turn,
    }
    answers = {
        "nan": lambda: np.full((rows, 2), np.nan),
        "infinite": lambda: np.full((rows, 2), np.inf),
        "out of range": lambda: fair + 1,
        "one number": lambda: np.float64(0.5),
        "another shape": lambda: np.full((rows, 2, 2), 0.5),
        "fewer rows": lambda: fair[1:],
        "more rows": lambda: np.full((rows + 1, 2), 0.5),
        "gigabytes": lambda: np.zeros(1 << 27),
        "changes": lambda: np.random.default_rng().random((rows, 2)),
        "texts": lambda: np.array([["a", "b"]] * rows),
    }
    kind = KIND[0]
    if kind == "lies about the shape":
        return packed({"answer": fair}).replace(b'"shape": [', b'"shape": [9')
    if kind == "rubbish":
        return b"\0" * 100
    if kind == "an error with escapes":
        return packed({"raised": ["Bad\x1b[2JError", "secret"]})
    try:
        if kind in acts:
            acts[kind]()
        return packed({"answer": answers.get(kind, lambda: fair)()})
    except OSError as error:
        return packed({"raised": [type(error).__name__, str(error)]})


def _turn():
    while True:
        pass
