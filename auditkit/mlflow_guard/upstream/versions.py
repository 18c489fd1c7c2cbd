"""Reads from MLflow's stores what a reviewer is shown of a version.

Like `stores`, this is contact with MLflow's internals.
"""

# ruff: noqa: SLF001 - reaching into MLflow is what this module is for

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from auditkit.mlflow_guard.upstream import internals

_PROMPT_TEXT: Final = "mlflow.prompt.text"


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionFacts:
    """A version as MLflow has it.

    Attributes:
        description: Its description.
        tags: Its tags.
        made: When it was registered, UTC.
        run: The run that made it; empty if it names none.
        experiment: The run's experiment; empty if there is no such run.
        metrics: The run's last metrics, by name.
        prompt: The text of a prompt; None for a model.
    """

    description: str
    tags: Mapping[str, str]
    made: datetime | None
    run: str
    experiment: str
    metrics: Mapping[str, float]
    prompt: str | None


def version_facts(model: str, version: str) -> VersionFacts | None:
    """What MLflow has of a version; None if there is no such version."""
    found = _there(lambda: _registry().get_model_version(model, version))
    if found is None:
        return None
    run = _there(lambda: _tracking().get_run(found.run_id)) if found.run_id else None
    tags = {str(key): str(value) for key, value in dict(found.tags or {}).items()}
    made = found.creation_timestamp
    is_prompt = found.source in internals.PROMPT_SOURCES
    return VersionFacts(
        description=str(found.description or ""),
        tags=tags,
        made=datetime.fromtimestamp(made / 1000, UTC) if made else None,
        run=str(found.run_id or ""),
        experiment=str(run.info.experiment_id) if run is not None else "",
        metrics={str(k): float(v) for k, v in run.data.metrics.items()} if run is not None else {},
        prompt=tags.get(_PROMPT_TEXT, "") if is_prompt else None,
    )


def places(model: str, kind: str) -> dict[str, str]:
    """The versions that a model's aliases point to, or the latest ones in its stages, by name.

    Args:
        model: The model's name.
        kind: "alias" or "stage".
    """
    found = _there(lambda: _registry().get_registered_model(model))
    if found is None:
        return {}
    if kind == "alias":
        return {str(alias): str(version) for alias, version in dict(found.aliases).items()}
    return {str(v.current_stage): str(v.version) for v in found.latest_versions or ()}


def _there(read: Callable[[], Any]) -> Any:
    """What MLflow answers; None if it says that there is no such thing."""
    try:
        return read()
    except Exception as error:
        if internals.is_mlflow_error(error):
            return None
        raise


def _registry() -> Any:
    return internals.handlers()._get_model_registry_store()


def _tracking() -> Any:
    return internals.handlers()._get_tracking_store()
