"""Reads from MLflow's stores what decisions need.

With `internals` this is all contact with MLflow's internals.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this module is for

from __future__ import annotations

import importlib
import json
import posixpath
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from auditkit.access.policy.vocabulary import PROMPTS
from auditkit.canonical import Digest, digest_of
from auditkit.errors import InputError
from auditkit.mlflow_guard.upstream import internals, places, repositories
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.registry.copies import ApprovedCopies
from auditkit.registry.digest import ArtifactFile, artifact_files

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_MAX_COPIES: Final = 20
# MLflow's tag of a logged model that lists the registered versions made of it.
VERSIONS_TAG: Final = "mlflow.modelVersions"

# What MLflow's client writes as a run's owner if nobody is named.
_NOBODY: Final = "unknown"


class Stores:
    """Reads from the server's stores what decisions need.

    Args:
        copies: Keeps copies of approved versions.
    """

    def __init__(self, copies: ApprovedCopies) -> None:
        self.copies = copies

    def model_name(self, name: str) -> str:
        """A model's name as the store has it; the name itself if there is no such model.

        SQLite and PostgreSQL tell `Fraud` from `fraud`, so there the name is the store's own.
        """
        if self._tells_case():
            return name
        try:
            return str(self._registry().get_registered_model(name).name)
        except Exception as error:
            if internals.is_mlflow_error(error):
                return name
            raise

    def aliases(self, name: str, version: str | None = None) -> list[str]:
        """Aliases of a model, or those that point to one version; empty if there is no model."""
        try:
            found = self._registry().get_registered_model(name).aliases
        except Exception as error:
            if internals.is_mlflow_error(error):
                return []
            raise
        return [str(a) for a, v in dict(found).items() if version in (None, str(v))]

    def version(self, name: str, version: str) -> Any:
        """A model version as MLflow has it.

        Raises:
            MlflowException: If there is none.
        """
        return self._registry().get_model_version(name, version)

    def stages(self, name: str, version: str | None = None) -> list[str]:
        """The stages, except None, that a model's versions are in, or that one version is in."""
        found = self._registry().search_model_versions(
            f"name = '{name.replace(chr(39), chr(39) * 2)}'"
        )
        return sorted(
            {
                str(v.current_stage)
                for v in found
                if v.current_stage not in (None, "None") and version in (None, str(v.version))
            }
        )

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Moves an alias."""
        self._registry().set_registered_model_alias(name, alias, version)

    def set_stage(self, name: str, stage: str, version: str) -> None:
        """Moves a version to a stage; other versions leave it."""
        self._registry().transition_model_version_stage(name, version, stage, True)

    def run_owner(self, run_id: str) -> str:
        """The user named as a run's owner; empty if unknown."""
        try:
            owner = str(self._tracking().get_run(run_id).info.user_id or "")
        except Exception as error:
            if internals.is_mlflow_error(error):
                return ""
            raise
        return "" if owner == _NOBODY else owner

    def run_has_ended(self, run_id: str) -> bool:
        """Whether a run has finished, failed or was killed.

        Raises:
            MlflowException: If there is no such run.
        """
        status = str(self._tracking().get_run(run_id).info.status)
        return status in ("FINISHED", "FAILED", "KILLED")

    def experiment_of_run(self, run_id: str) -> str:
        """The experiment of a run.

        Raises:
            MlflowException: If there is no such run.
        """
        return str(self._tracking().get_run(run_id).info.experiment_id)

    def experiment_named(self, name: str) -> str:
        """The id of the experiment with a name; empty if there is none."""
        found = self._tracking().get_experiment_by_name(name)
        return str(found.experiment_id) if found is not None else ""

    def experiment_of_model(self, model_id: str) -> str:
        """The experiment of a logged model.

        Raises:
            MlflowException: If there is no such model.
        """
        return str(self._tracking().get_logged_model(model_id).experiment_id)

    def versions_made_of(self, model_id: str, listed: str) -> bool:
        """Whether a list of a logged model's versions is the one it has, and perhaps more of them.

        Args:
            model_id: The logged model.
            listed: The text of the tag that MLflow's client would write, JSON.

        Raises:
            MlflowException: If there is no such model.
        """
        tags = self._tracking().get_logged_model(model_id).tags
        rows, known = _version_rows(listed), _version_rows(tags.get(VERSIONS_TAG, "[]"))
        if rows is None or known is None or not known <= rows:
            return False
        try:
            return all(self.version(*row).model_id == model_id for row in rows - known)
        except Exception as error:
            if internals.is_mlflow_error(error):
                return False
            raise

    def dataset_name(self, dataset_id: str) -> str:
        """The name of an evaluation dataset.

        Raises:
            MlflowException: If there is no such dataset.
        """
        return str(self._tracking().get_dataset(dataset_id).name)

    def run_root(self, run_id: str, path: str = "") -> str:
        """The canonical name of a run's files, or of a path below them; see `places`."""
        return places.located(self._tracking().get_run(run_id).info.artifact_uri, path)

    def uploaded(self, run_id: str, path: str) -> str:
        """What the page's upload to a run writes: not where the run's location says, if proxied.

        Raises:
            MlflowException: If there is no such run.
        """
        info = self._tracking().get_run(run_id).info
        if not internals.handlers()._is_servable_proxied_run_artifact_root(info.artifact_uri):
            return places.located(info.artifact_uri, path)
        return places.proxied(posixpath.join(info.experiment_id, info.run_id, "artifacts", path))

    def experiment_root(self, experiment_id: str) -> str:
        """Where an experiment's files are; see `run_root`."""
        return self.relative(self._tracking().get_experiment(experiment_id).artifact_location)

    def model_root(self, model_id: str, path: str = "") -> str:
        """Where a logged model's files are; see `run_root`."""
        return places.located(self._tracking().get_logged_model(model_id).artifact_location, path)

    def version_source(self, name: str, version: str) -> str:
        """Where a version's files are; see `run_root`. below `PROMPTS` for a prompt."""
        if self.version(name, version).source in internals.PROMPT_SOURCES:
            return f"{PROMPTS}/{name}/{version}"
        return self.relative(self._registry().get_model_version_download_uri(name, version))

    def lineage(self, name: str, version: str) -> tuple[set[str], list[tuple[str, str]]]:
        """The runs that a version's files come from, and the versions: itself and those it copies.

        A version need not name the run that made its files; their location shows it too.

        Raises:
            MlflowException: If there is no such version.
        """
        runs: set[str] = set()
        versions: list[tuple[str, str]] = []
        while len(versions) < _MAX_COPIES:
            found = self.version(name, version)
            versions.append((name, version))
            runs |= {str(found.run_id or ""), self._run_of_logged_model(str(found.model_id or ""))}
            for part in self.version_source(name, version).split("/"):
                runs |= {part} if _RUN_ID.match(part) else {self._run_of_logged_model(part)}
            copied = re.fullmatch(r"models:/+([^/]+)/([0-9]+)", str(found.source))
            if copied is None:
                break
            name, version = copied[1], copied[2]
        return runs - {""}, versions

    def origin(self, name: str, version: str) -> tuple[set[str], set[str]]:
        """The runs and the logged models that a version's files come from.

        Raises:
            MlflowException: If there is no such version.
        """
        runs, versions = self.lineage(name, version)
        models: set[str] = set()
        for copied, number in versions:
            models.add(str(self.version(copied, number).model_id or ""))
            parts = self.version_source(copied, number).split("/")
            models |= {part for part in parts if part.startswith("m-")}
        return runs, models - {""}

    def _run_of_logged_model(self, model_id: str) -> str:
        if not model_id.startswith("m-"):
            return ""
        try:
            return str(self._tracking().get_logged_model(model_id).source_run_id or "")
        except Exception as error:
            if internals.is_mlflow_error(error):
                return ""
            raise

    def relative(self, uri: str) -> str:
        """The canonical name of a storage location; `runs:` is resolved.

        Raises:
            MlflowException: If it is below a run that does not exist, or in another workspace.
            RefusedError: If it can be read in two ways.
        """
        if urlsplit(uri).scheme == "runs":
            runs: Any = importlib.import_module("mlflow.store.artifact.runs_artifact_repo")
            run_id, path = runs.RunsArtifactRepository.parse_runs_uri(uri)
            return self.run_root(run_id, internals.safe_path(path or ""))
        return places.located(uri)

    def version_digest(self, name: str, version: str, *, keep: bool = False) -> Digest:
        """The digest of a version's files as they are now; for a prompt, of its text.

        Args:
            name: The model's name.
            version: The version.
            keep: Whether to keep a copy of the files that the digest is of.

        Raises:
            MlflowException: If there is no such version.
            InputError: If its files cannot be read.
            OutputError: If they cannot be copied.
        """
        found = self.version(name, version)
        if found.source in internals.PROMPT_SOURCES:
            tags = {k: str(v) for k, v in found.tags.items() if k.startswith(internals.PROMPT_TAGS)}
            return digest_of("prompt/v1", dict(tags))
        uri = self._own_source(name, version)
        return self.copies.take(lambda folder: self._fetch(uri, folder), keep=keep)

    def version_files(self, name: str, version: str) -> tuple[ArtifactFile, ...]:
        """A version's files as they are now, each with its size and digest.

        Raises:
            MlflowException: If there is no such version.
            InputError: If its files cannot be read.
        """
        uri = self._own_source(name, version)
        with tempfile.TemporaryDirectory() as folder:
            return artifact_files(self._fetch(uri, Path(folder)))

    def _own_source(self, name: str, version: str) -> str:
        uri = str(self._registry().get_model_version_download_uri(name, version))
        if not internals.is_ours(uri):
            raise InputError("The version's files are on another server, which may change them.")
        return uri

    def protected_sources(self, protected: Callable[[str, str], bool]) -> set[str]:
        """Where the files of every version are that a protected alias points to now.

        Args:
            protected: Tells whether an alias of a model is protected.
        """
        found = set()
        token = None
        while True:
            page = self._registry().search_registered_models(page_token=token)
            for model in page:
                for alias, version in dict(model.aliases).items():
                    if protected(model.name, alias):
                        found |= self._readings(model.name, str(version))
            token = page.token
            if not token:
                return found

    def fetch_stored(self, name: str, folder: Path) -> Path:
        """Fetches files as they are stored at the artifacts' destination, approved or not.

        Args:
            name: Their canonical name, see `places`.
            folder: Where to put them.

        Raises:
            InputError: If they cannot be read.
        """
        try:
            repository = repositories.unguarded(places.destination())
            return Path(repository.download_artifacts(name, str(folder)))
        except Exception as error:
            raise _unreadable() from error

    def _readings(self, name: str, version: str) -> set[str]:
        """Every name that a version's files may have to some handler, so as to pin them all."""
        if self.version(name, version).source in internals.PROMPT_SOURCES:
            return {self.version_source(name, version)}
        return places.readings(self._registry().get_model_version_download_uri(name, version))

    def _fetch(self, uri: str, folder: Path) -> Path:
        handlers = internals.handlers()
        try:
            if handlers._is_servable_proxied_run_artifact_root(uri):
                path = handlers._get_proxied_run_artifact_destination_path(uri)
                path = handlers._get_workspace_scoped_repo_path_if_enabled(path)
                repository = handlers._get_artifact_repo_mlflow_artifacts()
            else:
                path, repository = "", handlers._get_artifact_repository_for_uri(uri)
            return Path(repository.download_artifacts(path, str(folder)))
        except Exception as error:
            if isinstance(error.__cause__, RefusedError):
                raise error.__cause__ from error
            raise _unreadable() from error

    def _tells_case(self) -> bool:
        engine = getattr(self._registry(), "engine", None)
        return engine is not None and engine.dialect.name in ("sqlite", "postgresql")

    def _registry(self) -> Any:
        return internals.handlers()._get_model_registry_store()

    def _tracking(self) -> Any:
        return internals.handlers()._get_tracking_store()


def _version_rows(text: str) -> set[tuple[str, str]] | None:
    """Names and versions in a `VERSIONS_TAG`; None if it holds anything else."""
    try:
        rows = json.loads(text)
        if not all(set(row) == {"name", "version"} for row in rows):
            return None
        return {(str(row["name"]), str(row["version"])) for row in rows}
    except (TypeError, ValueError, RecursionError):
        return None


def _unreadable() -> InputError:
    return InputError(
        "The version's files cannot be read by the server.",
        remedy="check the artifact store and the version's source",
    )
