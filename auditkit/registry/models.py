"""Model versions in MLflow's registry, bound to the digest of their files.

A version's number says nothing about its bytes: anyone who may write a run's files can change
version 3. So a version is registered with its digest, and every later step (an audit, an approval,
a load) compares that digest with the files at that time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditkit.canonical import Digest
from auditkit.checks import find_check
from auditkit.errors import (
    AccessDeniedError,
    AuditkitError,
    InputError,
    MissingExtraError,
    VerificationError,
)
from auditkit.evidence import Evidence, Measurement, Table
from auditkit.registry.digest import ArtifactFile, artifact_files, digest_of_files

DIGEST_TAG: Final = "auditkit.artifact_digest"
_EXPERIMENT: Final = "auditkit"
_FOLDER: Final = "model"
# The largest version that is fetched to be audited.
_MAX_FILES: Final = 1_000
_MAX_BYTES: Final = 8 * 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredVersion:
    """A registered version.

    Attributes:
        name: Name of the registered model.
        version: MLflow's version number.
        digest: Digest of its files at registration.
        source: Location of the files.
        run_id: The run that logged them.
    """

    name: str
    version: str
    digest: Digest
    source: str
    run_id: str


class ModelRegistry:
    """MLflow's model registry, reached through its client.

    Args:
        uri: A database, which needs no server, for example `sqlite:////tmp/mlflow.db`; or a
            server's URL.
        artifacts: Folder for the files of models registered here. Default: `artifacts` beside the
            SQLite file; for a server, its own artifact store.

    Raises:
        MissingExtraError: If MLflow is not installed.
        InputError: If the registry cannot be opened.
    """

    def __init__(self, uri: str, *, artifacts: str | Path | None = None) -> None:
        self.uri = uri
        self._mlflow = import_mlflow()
        if artifacts is None and uri.startswith("sqlite:///"):
            artifacts = Path(uri.removeprefix("sqlite:///")).resolve().parent / "artifacts"
        self._artifacts = Path(artifacts).resolve() if artifacts is not None else None
        try:
            self.client: Any = self._mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
            self.client.search_registered_models(max_results=1)
        except Exception as error:
            raise InputError(
                "The model registry cannot be opened.",
                remedy="give a database such as sqlite:///mlflow.db, or a running server's URL",
            ) from error

    def register(
        self,
        name: str,
        artifacts: str | Path,
        *,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> RegisteredVersion:
        """Registers a model's files as a new version, with their digest.

        Args:
            name: Name of the registered model; created if it does not exist.
            artifacts: The folder of the model's files, or one file.
            tags: Tags of the version.
            metrics: Metrics of the run.

        Raises:
            InputError: If the files cannot be read, or the registry refuses them.
        """
        files = artifact_files(artifacts)
        digest = digest_of_files(files)
        try:
            run = self.client.create_run(self._experiment_id())
            run_id = str(run.info.run_id)
            for metric, value in (metrics or {}).items():
                self.client.log_metric(run_id, metric, float(value))
            log = (
                self.client.log_artifacts if Path(artifacts).is_dir() else self.client.log_artifact
            )
            log(run_id, str(artifacts), _FOLDER)
            self._make_model(name)
            version = self.client.create_model_version(
                name=name,
                source=f"{run.info.artifact_uri}/{_FOLDER}",
                run_id=run_id,
                tags={**(tags or {}), DIGEST_TAG: str(digest)},
            )
            self.client.set_terminated(run_id)
        except Exception as error:
            raise _refused(error, f"The registry refuses the model {name!r}") from error
        registered = RegisteredVersion(
            name=name,
            version=str(version.version),
            digest=digest,
            source=str(version.source),
            run_id=run_id,
        )
        if digest_of_files(self.files(registered.name, registered.version)) != digest:
            raise VerificationError(
                "The files changed while they were being registered.",
                remedy="register them again while nothing writes to them",
            )
        return registered

    def version(self, name: str, version: str) -> RegisteredVersion:
        """A version in the registry.

        Args:
            name: Name of the registered model.
            version: A version's number, or `@` and an alias.

        Raises:
            InputError: If it does not exist, or was registered without a digest.
        """
        found = self._found(name, version)
        if DIGEST_TAG not in found.tags:
            raise InputError(
                f"Version {found.version} of {name!r} was registered without a digest.",
                remedy="register it with auditkit.registry",
            )
        return RegisteredVersion(
            name=name,
            version=str(found.version),
            digest=Digest.parse(found.tags[DIGEST_TAG]),
            source=str(found.source),
            run_id=str(found.run_id),
        )

    def files(self, name: str, version: str) -> tuple[ArtifactFile, ...]:
        """The present files of a version.

        Raises:
            InputError: If they cannot be fetched.
        """
        with tempfile.TemporaryDirectory() as folder:
            return artifact_files(self._fetch(name, version, folder))

    def load(self, name: str, version: str, folder: str | Path, *, expected: Digest) -> Path:
        """Downloads a version's files and checks their digest before anybody opens them.

        Args:
            name: Name of the registered model.
            version: A version's number.
            folder: The folder to put them into.
            expected: Their digest, from an approval or an audit, not from the registry itself.

        Raises:
            VerificationError: If the files have another digest; nothing is left in the folder.
        """
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            fetched = self._fetch(name, version, scratch)
            if digest_of_files(artifact_files(fetched)) != expected:
                raise VerificationError(
                    f"Version {version} of {name!r} is not the version that was approved: its "
                    "files have another digest.",
                    remedy="find out who wrote them since; do not load them",
                )
            target = Path(folder) / _FOLDER
            if target.exists():
                raise InputError(
                    f"The folder already holds {_FOLDER!r}.", remedy="give an empty folder"
                )
            return fetched.rename(target)

    def fetch(self, name: str, version: str, folder: str | Path) -> tuple[str, Path]:
        """Downloads a version's files as they are now, whoever registered it.

        Args:
            name: Name of the registered model.
            version: A version's number, or `@` and an alias.
            folder: The folder to put them into.

        Returns:
            The version's number, and the folder that holds its files.

        Raises:
            InputError: If it does not exist, cannot be fetched, or is too large.
        """
        number = str(self._found(name, version).version)
        self._refuse_large(name, number)
        return number, self._fetch(name, number, str(folder))

    def evidence(self, version: RegisteredVersion, audited_digest: Digest) -> Evidence:
        """Evidence for the check `lineage.model`: are the audited files the registered ones?

        Args:
            version: The version in the registry.
            audited_digest: Digest of the audited files, from `artifact_digest`.

        Raises:
            InputError: If the version's files cannot be fetched.
        """
        check = find_check("lineage.model")
        files = self.files(version.name, version.version)
        now = digest_of_files(files)
        matches = int(now == version.digest == audited_digest)
        return check.evidence(
            parameters={
                "model": version.name,
                "version": version.version,
                "registered_digest": str(version.digest),
                "audited_digest": str(audited_digest),
                "digest_now": str(now),
            },
            n=len(files),
            population="files of the model",
            measurements=(
                Measurement(
                    name="artifact_files",
                    value=len(files),
                    n=len(files),
                    unit="count",
                    method="every file of the version, fetched from the registry",
                ),
                Measurement(
                    name="digest_matches",
                    value=matches,
                    n=1,
                    unit="count",
                    method="1 if the digests audited, registered and fetched are one; else 0",
                ),
            ),
            tables=(
                Table(
                    name="artifacts",
                    title=f"Files of {version.name}, version {version.version}",
                    columns=("path", "bytes", "sha256"),
                    rows=tuple((file.path, file.size, file.sha256) for file in files),
                ),
            ),
        )

    def _found(self, name: str, version: str) -> Any:
        try:
            if version.startswith("@"):
                return self.client.get_model_version_by_alias(name, version[1:])
            return self.client.get_model_version(name, version)
        except Exception as error:
            raise _refused(error, f"The registry has no such version of {name!r}") from error

    def _refuse_large(self, name: str, version: str) -> None:
        """Refuses a version that lists too many files or bytes, before any is fetched."""
        listed = size = 0
        try:
            folders = [str(self.client.get_model_version_download_uri(name, version))]
            while folders and listed <= _MAX_FILES:
                folder = folders.pop()
                for entry in self._mlflow.artifacts.list_artifacts(
                    artifact_uri=folder, tracking_uri=self.uri
                ):
                    listed += 1
                    size += entry.file_size or 0
                    if entry.is_dir:
                        folders.append(f"{folder}/{entry.path.rpartition('/')[2]}")
        except Exception as error:
            raise _refused(error, f"The files of {name!r} cannot be listed") from error
        if listed > _MAX_FILES or size > _MAX_BYTES:
            raise InputError(
                f"Version {version} of {name!r} has more than {_MAX_FILES:,} files, or "
                f"{_MAX_BYTES // 2**30} GiB.",
                remedy="register the model alone, without data or checkpoints",
            )

    def _fetch(self, name: str, version: str, folder: str) -> Path:
        try:
            source = self.client.get_model_version_download_uri(name, version)
            fetched = self._mlflow.artifacts.download_artifacts(
                artifact_uri=source, dst_path=folder, tracking_uri=self.uri
            )
        except Exception as error:
            raise _refused(error, f"The files of {name!r} cannot be fetched") from error
        return Path(fetched)

    def _make_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _experiment_id(self) -> str:
        found = self.client.get_experiment_by_name(_EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        location = self._artifacts.as_uri() if self._artifacts is not None else None
        return str(self.client.create_experiment(_EXPERIMENT, artifact_location=location))


def import_mlflow() -> Any:
    """The package mlflow, with telemetry off unless somebody turned it on.

    Raises:
        MissingExtraError: If it is not installed.
    """
    # MLflow reads this at import, and sends telemetry from then on.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
        import mlflow.artifacts
    except ImportError as error:
        raise MissingExtraError("mlflow", extra="mlflow", purpose="the model registry") from error
    return mlflow


def _refused(error: Exception, what: str) -> AuditkitError:
    """MLflow's error as ours. Its text may hold paths and values, so only its code is kept."""
    code = getattr(error, "error_code", type(error).__name__)
    if code == "PERMISSION_DENIED":
        return AccessDeniedError(
            f"{what}: you may not read them.", remedy="ask for a role that reads the model"
        )
    return InputError(f"{what} ({code}).", remedy="see the registry's own log for the details")
