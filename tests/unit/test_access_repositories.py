"""The seam to storage: every method of every repository asks, by the canonical name."""

from __future__ import annotations

import asyncio
import importlib
import io
import pkgutil

import pytest

pytest.importorskip("mlflow")

from auditkit.mlflow_guard.upstream import repositories
from auditkit.mlflow_guard.upstream.refusals import denied


class Guard:
    """Admits some names, and remembers what it was asked."""

    def __init__(self, *admitted: str) -> None:
        self.admitted = admitted
        self.read: list[str] = []

    def may_write(self, name: str) -> None:
        if name not in self.admitted:
            raise denied(f"not {name}")

    def approved(self, name: str) -> None:
        self.read.append(name)


def classes():
    package = importlib.import_module("mlflow.store.artifact")
    for module in pkgutil.iter_modules(package.__path__):
        try:
            importlib.import_module(f"{package.__name__}.{module.name}")
        except ImportError:
            continue  # a client of a cloud that is not installed
    base = importlib.import_module("mlflow.store.artifact.artifact_repo").ArtifactRepository
    found, waiting = set(), [base]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return found


def test_every_public_method_of_every_repository_is_classified():
    found = classes()
    assert len(found) > 20
    known = {*repositories.WRITES, *repositories.READS, *repositories.NO_FILES}
    public = {name for kind in found for name in dir(kind) if not name.startswith("_")}
    assert public - known == set()


@pytest.fixture
def local(tmp_path, monkeypatch):
    """Makes a guarded local repository at the artifacts' destination."""
    root = tmp_path / "artifacts"
    (root / "1" / "r").mkdir(parents=True)
    (root / "1" / "r" / "there").write_bytes(b"there")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(root))
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    def make(guard, at=root):
        repository = LocalArtifactRepository(str(at))
        repository.__class__ = repositories.guarded_class(LocalArtifactRepository, guard)
        return repository

    return root, make


def everything(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def calls(tmp_path):
    """Each way to write `1/r/new`, or to delete what is there."""
    file, folder = tmp_path / "new", tmp_path / "folder"
    file.write_bytes(b"new")
    folder.mkdir()
    (folder / "inside").write_bytes(b"new")

    async def chunks():
        yield b"new"

    return {
        "log_artifact": lambda r: r.log_artifact(str(file), "1/r"),
        "log_artifact, spelt": lambda r: r.log_artifact(str(file), "1//./r"),
        "log_artifacts": lambda r: r.log_artifacts(str(folder), artifact_path="1/r/folder"),
        "stream": lambda r: r.log_artifact_from_stream(io.BytesIO(b"new"), "new", "1/r"),
        "async stream": lambda r: asyncio.run(
            r.log_artifact_from_async_stream(chunks(), "new", artifact_path="1/r")
        ),
        "delete_artifacts": lambda r: r.delete_artifacts("1/r/there"),
        "upload_trace_data": lambda r: r.upload_trace_data("{}"),
        "upload_archived_trace_data_bytes": lambda r: r.upload_archived_trace_data_bytes(b"x"),
        "upload_attachment": lambda r: r.upload_attachment(
            "5c8a5ff7-57bc-4d8e-9d0f-5d1a4c4f8c11", b"x"
        ),
    }  # fmt: skip


def test_what_was_not_admitted_is_not_written(local, tmp_path):
    from mlflow.exceptions import MlflowException

    root, make = local
    before = everything(root)
    for name, call in calls(tmp_path).items():
        with pytest.raises(MlflowException) as refused:
            call(make(Guard("1/r", "1/r/fold", "1/r/new2", "1/r/ne", "1/R/new")))
        assert refused.value.error_code == "PERMISSION_DENIED", name
        assert everything(root) == before, name


def test_what_was_admitted_is_written_by_the_same_class_with_its_mixins(local, tmp_path):
    from mlflow.store.artifact.artifact_repo import MultipartUploadMixin, StreamUploadMixin
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    root, make = local
    attachment = "attachments/5c8a5ff7-57bc-4d8e-9d0f-5d1a4c4f8c11"
    guard = Guard("1/r/new", "1/r/folder", "1/r/there", "traces.json", "traces.pb", attachment)
    for name, call in calls(tmp_path).items():
        if "spelt" in name:
            continue  # MLflow refuses such a folder
        before = everything(root)
        call(make(guard))
        assert everything(root) != before, name
        for new in set(everything(root)) - set(before):
            (root / new).unlink()
    repository = make(guard)
    assert isinstance(repository, LocalArtifactRepository)
    assert isinstance(repository, StreamUploadMixin)
    assert not isinstance(repository, MultipartUploadMixin)


def test_a_repository_below_the_destination_names_the_same_files(local, tmp_path):
    root, make = local
    calls(tmp_path)["stream"](make(Guard("1/r/1/r/new"), at=root / "1" / "r"))
    assert (root / "1/r/1/r/new").read_bytes() == b"new"


def test_reads_are_announced_by_the_same_name(local, tmp_path):
    _, make = local
    guard = Guard()
    repository = make(guard)
    repository.get_local_path("1/r//there")
    repository.list_artifacts("1/r")
    repository.list_artifacts()
    assert guard.read == ["1/r/there", "1/r", ""]


def test_links_below_the_destination_are_refused(local, tmp_path):
    from mlflow.exceptions import MlflowException

    root, make = local
    (root / "2").symlink_to(root / "1")
    with pytest.raises(MlflowException, match="link"):
        make(Guard("2/r/there", "1/r/there")).delete_artifacts("2/r/there")
    assert (root / "1/r/there").exists()


def test_every_way_to_a_repository_leads_through_the_guard(local, monkeypatch):
    root, _ = local
    module = importlib.import_module("mlflow.store.artifact.artifact_repository_registry")
    stores = importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    handlers = importlib.import_module("mlflow.server.handlers")
    monkeypatch.setattr(handlers, "_artifact_repo", handlers._artifact_repo)
    monkeypatch.setitem(vars(module._artifact_repository_registry), "get_artifact_repository", None)
    guard = Guard()
    repositories.install(guard)
    ways = {
        "the registry": module.get_artifact_repository,
        "the handlers": handlers.get_artifact_repository,
        "a handler's location": handlers._get_artifact_repository_for_uri,
        "the destination": lambda _: handlers._get_artifact_repo_mlflow_artifacts(),
        "the store of traces": stores.get_artifact_repository,
    }
    for name, way in ways.items():
        guard.read.clear()
        way(str(root)).list_artifacts("1")
        assert guard.read == ["1"], name


def test_a_request_writes_what_its_plan_names_and_the_server_by_itself_nothing():
    from types import SimpleNamespace

    from auditkit.mlflow_guard.guard.storage import ADMITTED, AdmittedStorage
    from auditkit.mlflow_guard.upstream.refusals import RefusedError

    logged = []
    gate = SimpleNamespace(
        stores=SimpleNamespace(copies=SimpleNamespace(root="/copies")),
        refuse_unasked=lambda what, error: logged.append((what, error.message)),
        take_back=lambda entry, error: logged.append((entry, error.message)),
    )
    storage = AdmittedStorage(gate)
    with pytest.raises(RefusedError):
        storage.may_write("1/r/f")
    plan = SimpleNamespace(writes=("1/r/folder", "1/r/f"))
    token = ADMITTED.set(SimpleNamespace(plan=plan, logged="its entry"))
    try:
        for name in ("1/r/f", "1/r/folder", "1/r/folder/sub/x"):
            storage.may_write(name)
        for name in ("", "1/r", "1/r/folder2", "1/R/f", "elsewhere/1/r/f"):
            with pytest.raises(RefusedError):
                storage.may_write(name)
    finally:
        ADMITTED.reset(token)
    assert [what for what, _ in logged] == ["storage", *["its entry"] * 5]
