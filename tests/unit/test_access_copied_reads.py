"""Every way to read a repository, of a local disk and of a bucket, answers from the copy."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("mlflow")

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository, MultipartDownloadMixin
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from auditkit.errors import InputError, OutputError
from auditkit.mlflow_guard.serve.build import folder_for_copies
from auditkit.mlflow_guard.upstream import repositories
from auditkit.registry.copies import ApprovedCopies

FILES = {"MLmodel": b"flavor", "data/w.bin": b"weights", "traces.json": b'{"spans": []}'}
SOURCE = "1/r/model"


class Bucket(ArtifactRepository, MultipartDownloadMixin):
    """A bucket, as far as reading goes."""

    def __init__(self, folder: Path) -> None:
        super().__init__("s3://bucket/mlflow")
        self.folder = folder

    def log_artifact(self, local_file, artifact_path=None):
        raise NotImplementedError

    log_artifacts = log_artifact

    def list_artifacts(self, path=None):
        place = self.folder / (path or "")
        files = sorted(place.iterdir()) if place.is_dir() else []
        return [
            FileInfo(f.relative_to(self.folder).as_posix(), f.is_dir(), f.stat().st_size)
            for f in files
        ]

    def _download_file(self, remote_file_path, local_path):
        shutil.copyfile(self.folder / remote_file_path, local_path)

    def get_download_presigned_url(self, artifact_path, expiration=300):
        return SimpleNamespace(url=f"https://bucket/{artifact_path}")


class Guard:
    """Serves one source from a copy; admits no write."""

    def __init__(self, copies: ApprovedCopies, digest: Any) -> None:
        self.copies, self.digest = copies, digest

    def may_write(self, _: str) -> None:
        raise AssertionError

    def approved(self, name: str) -> Any:
        if f"{name}/".startswith(f"{SOURCE}/"):
            inner, copies, digest = name[len(SOURCE) + 1 :], self.copies, self.digest

            def at_hand() -> Path | None:
                copy = copies.at_hand(digest, inner)
                return copy.path(inner) if copy else None

            return SimpleNamespace(
                path_at_hand=at_hand,
                path=lambda: copies.copy(digest).path(inner),
                entries=lambda: copies.copy(digest).entries(inner),
            )
        return None


@pytest.fixture(params=["disk", "bucket"])
def repository(request, tmp_path, monkeypatch):
    """A guarded repository whose stored files were changed after the copy was made."""
    root = tmp_path / "stored"
    for name, data in FILES.items():
        (root / SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
        (root / SOURCE / name).write_bytes(data)
    copies = ApprovedCopies(tmp_path / "approved")
    digest = copies.take(
        lambda folder: Path(shutil.copytree(root / SOURCE, folder / "model")), keep=True
    )
    for name in ("MLmodel", "traces.json", "evil.pkl"):
        (root / SOURCE / name).write_bytes(b"evil")
    shutil.rmtree(root / SOURCE / "data")
    (root / SOURCE / "data").write_bytes(b"evil")
    (root / "1" / "r" / "other.txt").write_bytes(b"other")
    made: Any = LocalArtifactRepository(str(root)) if request.param == "disk" else Bucket(root)
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", made.artifact_uri)
    made.__class__ = repositories.guarded_class(type(made), Guard(copies, digest))
    return made


def test_files_and_folders_are_those_of_the_copy(repository, tmp_path):
    for name, data in FILES.items():
        local = repository.get_local_path(f"{SOURCE}/{name}")
        assert Path(local).read_bytes() == data
        (tmp_path / "to").mkdir(exist_ok=True)
        got = repository.download_artifacts(f"{SOURCE}/{name}", str(tmp_path / "to"))
        assert Path(got).read_bytes() == data
        assert tmp_path / "to" in Path(got).parents
        assert Path(repository.download_artifacts(f"{SOURCE}/{name}")).read_bytes() == data
    for folder in ("1/r", SOURCE, ""):
        into = tmp_path / f"folder-{len(folder)}"
        into.mkdir()
        got = Path(repository.download_artifacts(folder, str(into)))
        model = into / SOURCE
        found = {p.relative_to(model).as_posix(): p.read_bytes() for p in model.rglob("*.*")}
        assert found.keys() == {"data/w.bin", "traces.json"}
        assert (model / "MLmodel").read_bytes() == b"flavor"
        assert got.exists()
    assert (tmp_path / "folder-3" / "1" / "r" / "other.txt").read_bytes() == b"other"


def test_lists_are_those_of_the_copy(repository):
    def listed(path: str) -> list[tuple[str, bool, int | None]]:
        return [(f.path, f.is_dir, f.file_size) for f in repository.list_artifacts(path)]

    assert listed(SOURCE) == [
        (f"{SOURCE}/MLmodel", False, 6),
        (f"{SOURCE}/data", True, None),
        (f"{SOURCE}/traces.json", False, len(FILES["traces.json"])),
    ]
    assert listed(f"{SOURCE}/data") == [(f"{SOURCE}/data/w.bin", False, 7)]
    assert listed(f"{SOURCE}/evil.pkl") == listed(f"{SOURCE}/nothing") == []
    assert (SOURCE, True) in {(path, folder) for path, folder, _ in listed("1/r")}


def test_what_the_copy_does_not_have_is_not_there(repository, tmp_path):
    assert repository.get_local_path(f"{SOURCE}/evil.pkl") is None
    with pytest.raises(MlflowException, match="has no file"):
        repository.download_artifacts(f"{SOURCE}/evil.pkl", str(tmp_path))


def test_no_link_is_handed_out(repository):
    if isinstance(repository, MultipartDownloadMixin):
        with pytest.raises(MlflowException, match="past the approved copy") as refused:
            repository.get_download_presigned_url(f"{SOURCE}/MLmodel")
        assert refused.value.get_http_status_code() == 409
        assert repository.get_download_presigned_url("1/r/other.txt").url.endswith("other.txt")


def test_traces_are_read_from_the_copy_too(repository, tmp_path):
    at_source = type(repository).__mro__[1]
    root = f"{repository.artifact_uri}/{SOURCE}"
    other = at_source.__new__(at_source)
    other.__dict__.update(repository.__dict__)
    other.__class__ = type(repository)
    other.artifact_uri = root
    if hasattr(other, "_artifact_dir"):
        other._artifact_dir = root
    assert other.download_trace_data() == {"spans": []}
    other.download_trace_data_to_file(tmp_path / "trace")
    assert (tmp_path / "trace").read_bytes() == FILES["traces.json"]


def settings(folder: Path, **named: str) -> Any:
    return SimpleNamespace(
        **{"approved": str(folder / "approved"), "datasets": "", "access": "", **named}
    )


def test_the_folder_of_copies_is_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(tmp_path / "artifacts"))
    assert folder_for_copies(settings(tmp_path)) == tmp_path / "approved"
    (tmp_path / "link").symlink_to(tmp_path / "approved")
    for named in (
        {"approved": str(tmp_path / "artifacts" / "approved")},
        {"approved": str(tmp_path)},
        {"approved": str(tmp_path / "artifacts")},
        {"datasets": str(tmp_path / "approved" / "data")},
        {"access": str(tmp_path / "approved")},
        {"access": str(tmp_path / "link" / "policy")},
    ):
        with pytest.raises(InputError, match="lie in one another"):
            folder_for_copies(settings(tmp_path, **named))
    assert folder_for_copies(settings(tmp_path, access="postgresql+psycopg://host/approved"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        folder_for_copies(settings(tmp_path, approved=str(tmp_path / "file")))
