"""Versions are held by the digest of their files."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from auditkit.canonical import Digest
from auditkit.errors import InputError, NothingToAuditError, VerificationError
from auditkit.registry import ModelRegistry, artifact_digest


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    (folder / "sub" / "notes.txt").write_text("x")
    return folder


def test_the_digest_is_what_a_reader_of_its_description_would_compute(model):
    rows = []
    for name in ("model.json", "sub/notes.txt"):
        data = (model / name).read_bytes()
        rows.append({"path": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)})
    text = json.dumps(rows, separators=(",", ":"), sort_keys=True)
    expected = hashlib.sha256(b"auditkit/artifact-tree/v1\0" + text.encode()).hexdigest()
    assert artifact_digest(model).hex == expected


def test_the_digest_commits_to_names_and_contents_and_to_nothing_else(model, tmp_path):
    before = artifact_digest(model)
    os.utime(model / "model.json", (1, 1))
    moved = model.rename(tmp_path / "elsewhere")
    assert artifact_digest(moved) == before
    (moved / "model.json").rename(moved / "other.json")
    renamed = artifact_digest(moved)
    (moved / "other.json").write_text("[]")
    assert len({before, renamed, artifact_digest(moved)}) == 3


def test_links_and_empty_folders_are_refused(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToAuditError):
        artifact_digest(tmp_path / "empty")
    (model / "link").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="link"):
        artifact_digest(model)
    with pytest.raises(InputError):
        artifact_digest(tmp_path / "nowhere")


def test_a_version_is_registered_audited_and_loaded_by_its_digest(model, tmp_path):
    registry = ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db")
    first = registry.register("credit", model, metrics={"auc": 0.8}, tags={"team": "risk"})
    second = registry.register("credit", model / "model.json")
    assert (first.version, second.version) == ("1", "2")
    assert first.digest == artifact_digest(model)
    assert registry.version("credit", "1") == first
    made = registry.evidence(first, artifact_digest(model))
    assert made.measurement("digest_matches").value == 1
    assert made.measurement("artifact_files").value == 2
    assert registry.evidence(first, Digest.of(b"other")).measurement("digest_matches").value == 0

    (tmp_path / "loaded").mkdir()
    loaded = registry.load("credit", "1", tmp_path / "loaded", expected=first.digest)
    assert artifact_digest(loaded) == first.digest

    [stored] = (tmp_path / "artifacts").rglob("notes.txt")
    stored.write_text("something else")
    assert registry.evidence(first, first.digest).measurement("digest_matches").value == 0
    (tmp_path / "again").mkdir()
    with pytest.raises(VerificationError, match="not the version that was approved"):
        registry.load("credit", "1", tmp_path / "again", expected=first.digest)
    assert list((tmp_path / "again").iterdir()) == []


def test_a_registry_that_cannot_be_opened_is_an_error_with_a_remedy():
    with pytest.raises(InputError) as caught:
        ModelRegistry("nonsense://nowhere")
    assert caught.value.remedy
