"""No name opens a file outside the folder of datasets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.mlflow_guard.serve.broker import open_below


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("broker")
    (base / "secret.txt").write_text("secret")
    (base / "other").mkdir()
    (base / "other" / "secret.txt").write_text("secret")
    root = base / "data"
    (root / "visits").mkdir(parents=True)
    (root / "visits" / "a.csv").write_text("a")
    (root / "flat.csv").write_text("f")
    (root / "out").symlink_to(base / "other")
    (root / "link.csv").symlink_to(base / "secret.txt")
    (root / "visits" / "up").symlink_to("..")
    (root / "visits" / "inner.csv").symlink_to("a.csv")
    os.mkfifo(root / "pipe")
    return root


@pytest.mark.parametrize(("path", "content"), [("flat.csv", b"f"), ("visits/a.csv", b"a")])
def test_files_below_are_opened(root: Path, path: str, content: bytes):
    opened = open_below(root, path)
    assert opened is not None
    with opened:
        assert opened.read() == content


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../secret.txt",
        "visits/../../secret.txt",
        "/etc/passwd",
        "//flat.csv",
        "visits//a.csv",
        "visits/./a.csv",
        "visits/",
        "visits",
        "out/secret.txt",
        "link.csv",
        "visits/up/flat.csv",
        "visits/inner.csv",
        "pipe",
        "flat.csv/x",
        "FLAT.CSV",
        "flat.csv\0",
        "nothing",
    ],
)
def test_nothing_else_is(root: Path, path: str):
    assert open_below(root, path) is None


PARTS = st.sampled_from(
    ["..", ".", "", "visits", "out", "up", "a.csv", "secret.txt", "link.csv", "other", "%2e%2e"]
)


@given(st.lists(PARTS, min_size=1, max_size=6))
def test_whatever_is_opened_lies_below(root: Path, parts: list[str]):
    opened = open_below(root, "/".join(parts))
    if opened is not None:
        with opened:
            assert opened.read() in (b"a", b"f")
