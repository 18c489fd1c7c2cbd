"""All contact with MLflow's internals, for mlflow>=3.17,<3.19.

MLflow calls its plugin interface experimental. What auditkit needs of it beyond the documented
entry points is here and nowhere else, so that a new release is one module to look at.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this module is for

from __future__ import annotations

import importlib
import posixpath
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from auditkit.canonical import Digest, digest_of
from auditkit.errors import InputError
from auditkit.registry.digest import artifact_digest

SUPPORTED: Final = ((3, 17), (3, 19))


def refuse_other_releases() -> None:
    """Raises unless MLflow is a release that the endpoint table knows.

    Raises:
        InputError: If it is another.
    """
    from mlflow.version import VERSION

    release = tuple(int(part) for part in VERSION.split(".")[:2])
    if not SUPPORTED[0] <= release < SUPPORTED[1]:
        raise InputError(
            f"MLflow {VERSION} is not among the releases whose endpoints are classified.",
            remedy="pip install 'mlflow>=3.17,<3.19'",
        )


def flask_application() -> Any:
    """MLflow's Flask application, made at its import."""
    from mlflow.server import app

    return app


def fastapi_application(flask_app: Any) -> Any:
    """MLflow's FastAPI application around a Flask application."""
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(flask_app)


def flask_endpoints(flask_app: Any) -> dict[str, set[str]]:
    """Every endpoint with its methods, without those that Flask answers by itself."""
    found: dict[str, set[str]] = {}
    for rule in flask_app.url_map.iter_rules():
        found.setdefault(rule.endpoint, set()).update(rule.methods - {"HEAD", "OPTIONS"})
    return found


def native_routes(fastapi_app: Any) -> list[Any]:
    """Every route that FastAPI serves by itself, flat; not the mount that hands over to Flask."""
    found = []
    for route in fastapi_app.routes:
        candidates = getattr(route, "effective_candidates", None)
        if candidates is not None:
            found += list(candidates())
        elif type(route).__name__ != "Mount":
            found.append(route)
    return found


def prefixed(path: str) -> str:
    """A path under the server's static prefix."""
    result: str = _handlers()._add_static_prefix(path)
    return result


def message_types() -> dict[str, list[type]]:
    """For each Flask endpoint the protocol buffers that its handler reads."""
    found: dict[str, list[type]] = {}
    for kind, handler in _handlers().HANDLERS.items():
        found.setdefault(handler.__name__, []).append(kind)
    return found


def parse_message(kind: type) -> Any:
    """The current Flask request, read by the parser that its handler will use.

    Raises:
        MlflowException: If the handler would refuse it too.
    """
    return _handlers()._get_request_message(kind())


def parse_json_body() -> dict[str, Any]:
    """The current Flask request's JSON as MLflow normalises it, or its query for a GET."""
    found: dict[str, Any] = _handlers()._get_validated_flask_request_json()
    return found


def safe_path(path: str) -> str:
    """An artifact's path as the handler will read it: decoded to the end, without `.` and `//`.

    Raises:
        MlflowException: If the handler would refuse it.
    """
    uris: Any = importlib.import_module("mlflow.utils.uri")
    normal = posixpath.normpath(str(uris.validate_path_is_safe(path)))
    return "" if normal == "." else normal


def is_mlflow_error(error: Exception) -> bool:
    """Whether an error is one that MLflow's handlers answer by themselves."""
    from mlflow.exceptions import MlflowException

    return isinstance(error, MlflowException)


def workspace() -> str:
    """The workspace of the current request; `default` where workspaces are off."""
    from mlflow.utils.workspace_context import get_request_workspace

    return str(get_request_workspace() or "default")


def set_workspace(header: str | None, path: str) -> str:
    """Resolves the workspace of a native request, whose own middleware comes later."""
    from mlflow.server.workspace_helpers import resolve_workspace_for_request_if_enabled

    found = resolve_workspace_for_request_if_enabled(path, header)
    return str(found.name) if found else "default"


def _handlers() -> Any:
    return importlib.import_module("mlflow.server.handlers")


class Stores:
    """What the server's stores know, as far as a decision needs it."""

    def model_name(self, name: str) -> str:
        """A model's name as the store has it; the name itself if there is no such model.

        SQLite and PostgreSQL tell `Fraud` from `fraud`, so there the name is the store's own.
        """
        if self._tells_case():
            return name
        try:
            return str(self._registry().get_registered_model(name).name)
        except Exception as error:
            if is_mlflow_error(error):
                return name
            raise

    def aliases(self, name: str, version: str | None = None) -> list[str]:
        """Aliases of a model, or those that point to one version; empty if there is no model."""
        try:
            found = self._registry().get_registered_model(name).aliases
        except Exception as error:
            if is_mlflow_error(error):
                return []
            raise
        return [str(a) for a, v in dict(found).items() if version in (None, str(v))]

    def version_at(self, name: str, alias: str) -> str:
        """The version that an alias points to; empty if it points to none."""
        try:
            return str(self._registry().get_model_version_by_alias(name, alias).version)
        except Exception as error:
            if is_mlflow_error(error):
                return ""
            raise

    def version(self, name: str, version: str) -> Any:
        """A model version as MLflow has it.

        Raises:
            MlflowException: If there is none.
        """
        return self._registry().get_model_version(name, version)

    def stages(self, name: str) -> list[str]:
        """Stages, but None, that a model's versions are in."""
        found = self._registry().search_model_versions(
            f"name = '{name.replace(chr(39), chr(39) * 2)}'"
        )
        return sorted(
            {str(v.current_stage) for v in found if v.current_stage not in (None, "None")}
        )

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Moves an alias."""
        self._registry().set_registered_model_alias(name, alias, version)

    def set_stage(self, name: str, stage: str, version: str) -> None:
        """Moves a version to a stage; others leave it."""
        self._registry().transition_model_version_stage(name, version, stage, True)

    def run_owner(self, run_id: str) -> str:
        """Whom a run says it belongs to; empty if unknown."""
        try:
            return str(self._tracking().get_run(run_id).info.user_id or "")
        except Exception as error:
            if is_mlflow_error(error):
                return ""
            raise

    def experiment_of_run(self, run_id: str) -> str:
        """The experiment of a run.

        Raises:
            MlflowException: If there is no such run.
        """
        return str(self._tracking().get_run(run_id).info.experiment_id)

    def experiment_named(self, name: str) -> str:
        """The id of an experiment of a name; empty if there is none."""
        found = self._tracking().get_experiment_by_name(name)
        return str(found.experiment_id) if found is not None else ""

    def experiment_of_model(self, model_id: str) -> str:
        """The experiment of a logged model.

        Raises:
            MlflowException: If there is no such model.
        """
        return str(self._tracking().get_logged_model(model_id).experiment_id)

    def dataset_name(self, dataset_id: str) -> str:
        """The name of an evaluation dataset.

        Raises:
            MlflowException: If there is no such dataset.
        """
        return str(self._tracking().get_dataset(dataset_id).name)

    def run_root(self, run_id: str) -> str:
        """Where a run's files lie, relative to the artifact root; `elsewhere/...` if not on it."""
        return self.relative(self._tracking().get_run(run_id).info.artifact_uri)

    def experiment_root(self, experiment_id: str) -> str:
        """Where an experiment's files lie, as `run_root`."""
        return self.relative(self._tracking().get_experiment(experiment_id).artifact_location)

    def model_root(self, model_id: str) -> str:
        """Where a logged model's files lie, as `run_root`."""
        return self.relative(self._tracking().get_logged_model(model_id).artifact_location)

    def version_source(self, name: str, version: str) -> str:
        """Where a version's files lie, as `run_root`; `prompts/...` for a prompt."""
        if _is_prompt(self.version(name, version)):
            return f"prompts/{name}/{version}"
        return self.relative(self._registry().get_model_version_download_uri(name, version))

    def relative(self, uri: str) -> str:
        """A storage location relative to the artifact root that this server serves."""
        handlers = _handlers()
        if handlers._is_servable_proxied_run_artifact_root(uri):
            return posixpath.normpath(str(handlers._get_proxied_run_artifact_destination_path(uri)))
        return "elsewhere/" + posixpath.normpath(uri.partition(":")[2].lstrip("/") or uri)

    def version_digest(self, name: str, version: str) -> Digest:
        """The digest of a version's files as they are now; of a prompt's text, for a prompt.

        Raises:
            MlflowException: If there is no such version.
            InputError: If its files cannot be read.
        """
        found = self.version(name, version)
        if _is_prompt(found):
            tags = {k: str(v) for k, v in found.tags.items() if k.startswith("mlflow.prompt")}
            return digest_of("prompt/v1", dict(tags))
        uri = self._registry().get_model_version_download_uri(name, version)
        with tempfile.TemporaryDirectory() as folder:
            return artifact_digest(self._fetch(uri, folder))

    def protected_sources(self, protected: Callable[[str, str], bool]) -> set[str]:
        """Where the files lie of every version that a protected alias points to now.

        Args:
            protected: Whether an alias of a model is protected.
        """
        found = set()
        token = None
        while True:
            page = self._registry().search_registered_models(page_token=token)
            for model in page:
                for alias, version in dict(model.aliases).items():
                    if protected(model.name, alias):
                        found.add(self.version_source(model.name, str(version)))
            token = page.token
            if not token:
                return found

    def _fetch(self, uri: str, folder: str) -> Path:
        handlers = _handlers()
        try:
            if handlers._is_servable_proxied_run_artifact_root(uri):
                path = handlers._get_proxied_run_artifact_destination_path(uri)
                path = handlers._get_workspace_scoped_repo_path_if_enabled(path)
                repository = handlers._get_artifact_repo_mlflow_artifacts()
            else:
                path, repository = "", handlers._get_artifact_repository_for_uri(uri)
            return Path(repository.download_artifacts(path, folder))
        except Exception as error:
            raise InputError(
                "The version's files cannot be read by the server.",
                remedy="check the artifact store and the version's source",
            ) from error

    def _tells_case(self) -> bool:
        engine = getattr(self._registry(), "engine", None)
        return engine is not None and engine.dialect.name in ("sqlite", "postgresql")

    def _registry(self) -> Any:
        return _handlers()._get_model_registry_store()

    def _tracking(self) -> Any:
        return _handlers()._get_tracking_store()


def _is_prompt(version: Any) -> bool:
    return str(version.tags.get("mlflow.prompt.is_prompt", "")).lower() == "true"


def names_of(routes: Iterable[Any]) -> dict[str, set[str]]:
    """Names of native routes with their methods."""
    found: dict[str, set[str]] = {}
    for route in routes:
        name = getattr(route.endpoint, "__name__", "?")
        found.setdefault(name, set()).update(set(route.methods or ()) - {"HEAD", "OPTIONS"})
    return found
