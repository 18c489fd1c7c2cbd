"""Plans for experiments, runs, logged models and their files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from auditkit.access.policy.vocabulary import path_object
from auditkit.access.record.approved import logged_model_record, run_record
from auditkit.access.record.owners import Owned
from auditkit.mlflow_guard.requests.artifacts import artifact_needs
from auditkit.mlflow_guard.requests.context import RequestContext, plain_number
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.internals import safe_path
from auditkit.mlflow_guard.upstream.places import proxied
from auditkit.mlflow_guard.upstream.stores import VERSIONS_TAG

Planner = Callable[[RequestContext], RequestPlan]


def experiment_object(experiment_id: str) -> str:
    """The object of an experiment, and of every run in it."""
    return path_object("experiments", experiment_id) if experiment_id else "experiments"


def _experiments(ask: RequestContext) -> list[str]:
    """Every experiment that a request names, directly or through a run or a logged model."""
    found = [e for name in ("experiment_id", "experiment_ids") for e in ask.fields(name)]
    runs = [run for name in ("run_id", "run_uuid", "run_ids") for run in ask.fields(name)]
    found += [ask.stores.experiment_of_run(run) for run in dict.fromkeys(runs) if run]
    model_id = ask.field("model_id")
    if model_id:
        found.append(ask.stores.experiment_of_model(model_id))
    return [experiment for experiment in dict.fromkeys(found) if experiment]


def _owned_run(ask: RequestContext) -> Owned:
    """The run that a request is about, if it is about one run and nothing else."""
    runs = {run for name in ("run_id", "run_uuid", "run_ids") for run in ask.fields(name)} - {""}
    others = {
        o for name in ("experiment_id", "experiment_ids", "model_id") for o in ask.fields(name)
    }
    return ("run", *runs) if len(runs) == 1 and not others - {""} else ()


def _by_experiment(verb: str, *, mutates: bool) -> Planner:
    def plan(ask: RequestContext) -> RequestPlan:
        named, owned = _experiments(ask), _owned_run(ask)
        needs = [
            RequiredPermission(verb, experiment_object(e), subtree=not mutates, owned=owned)
            for e in named
        ]
        # A request that names none may read, or change, any of them.
        needs = needs or [RequiredPermission(verb, "experiments", subtree=not mutates)]
        return RequestPlan(needs=tuple(needs), mutates=mutates)

    return plan


def _changing(records: Callable[[RequestContext], list[str]]) -> Planner:
    """Changes what is recorded of runs and logged models."""
    by_experiment = _by_experiment("experiment:edit", mutates=True)
    return lambda ask: replace(by_experiment(ask), changes=tuple(dict.fromkeys(records(ask))))


def _records(ask: RequestContext) -> list[str]:
    """The records that a request names: a run, a logged model, those that its metrics are of."""
    runs = [run_record(run) for name in ("run_id", "run_uuid") for run in ask.fields(name) if run]
    metrics = getattr(ask.message, "metrics", ())
    models = [ask.field("model_id"), *(str(metric.model_id) for metric in metrics)]
    return runs + [logged_model_record(model) for model in models if model]


def _records_of_update(ask: RequestContext) -> list[str]:
    """Ending a run that still runs changes nothing that was logged; a new name is a tag."""
    ends = not ask.message.run_name and not ask.stores.run_has_ended(
        ask.field("run_id") or ask.field("run_uuid")
    )
    return [] if ends else _records(ask)


def _records_of_tags(ask: RequestContext) -> list[str]:
    """MLflow's client writes the list of a logged model's versions again after each."""
    tags = {str(tag.key): str(tag.value) for tag in ask.message.tags}
    listed = tags.pop(VERSIONS_TAG, None)
    is_true = listed is not None and ask.stores.versions_made_of(ask.field("model_id"), listed)
    return [] if is_true and not tags and len(ask.message.tags) == 1 else _records(ask)


def _made_in(ask: RequestContext) -> RequestPlan:
    """Creating something in an experiment; in MLflow's default one, if none is named."""
    experiment = ask.field("experiment_id") or "0"
    return RequestPlan(
        needs=(RequiredPermission("experiment:edit", experiment_object(experiment)),), mutates=True
    )


def _deletion(root: Callable[[RequestContext], str]) -> Planner:
    """Deleting something that holds files writes to them; a promoted version's files stay."""
    by_experiment = _by_experiment("experiment:delete", mutates=True)
    return lambda ask: replace(by_experiment(ask), writes=(root(ask),))


def _by_name(ask: RequestContext) -> RequestPlan:
    experiment = ask.stores.experiment_named(ask.field("experiment_name"))
    return RequestPlan(
        needs=(RequiredPermission("experiment:read", experiment_object(experiment)),)
    )


def _by_query(ask: RequestContext) -> RequestPlan:
    from flask import request

    runs = [run for name in ("run_id", "run_ids") for run in request.args.getlist(name)]
    named = [ask.stores.experiment_of_run(run) for run in dict.fromkeys(runs) if run]
    needs = [RequiredPermission("experiment:read", experiment_object(e)) for e in named]
    return RequestPlan(
        needs=tuple(needs) or (RequiredPermission("experiment:read", "experiments", subtree=True),)
    )


def _path(verb: str) -> Planner:
    """A path below the artifact root, given in the route."""

    def plan(ask: RequestContext) -> RequestPlan:
        return _touch(verb, proxied(safe_path(ask.path_values["artifact_path"])))

    return plan


def _upload_of_parts(ask: RequestContext) -> RequestPlan:
    """An upload in parts: the route names the folder, the message names the file."""
    folder = safe_path(ask.path_values["artifact_path"])
    return _touch(
        "artifact:write", proxied(posixpath.join(folder, posixpath.basename(ask.field("path"))))
    )


def _list_root(ask: RequestContext) -> RequestPlan:
    return _touch("artifact:read", proxied(safe_path(ask.field("path"))))


def _touch(verb: str, full: str) -> RequestPlan:
    """The plan to read, write or delete what has this canonical name."""
    writes = (full,) if verb != "artifact:read" else ()
    return RequestPlan(needs=artifact_needs(verb, full), mutates=bool(writes), writes=writes)


def _run_file(ask: RequestContext) -> RequestPlan:
    """A path below a run's files, given in the query."""
    run = ask.query.get("run_id") or ask.query.get("run_uuid", "")
    path = safe_path(ask.query.get("path", ""))
    return _touch("artifact:read", ask.stores.run_root(run, path))


def _run_message(verb: str) -> Planner:
    """A path below a run's files, or a logged model's, given in the message."""

    def plan(ask: RequestContext) -> RequestPlan:
        return _touch(verb, _in_message(ask))

    return plan


def _in_message(ask: RequestContext) -> str:
    run = ask.field("run_id") or ask.field("run_uuid")
    model = ask.field("model_id") if not run else ""
    path = safe_path(ask.field("path"))
    return ask.stores.model_root(model, path) if model else ask.stores.run_root(run, path)


def _linking(name: Callable[[RequestContext], str], *, verb: str = "artifact:read") -> Planner:
    """Reads or writes a file by a link into the storage, where the server does not see it."""
    return lambda ask: replace(_touch(verb, name(ask)), links=(name(ask),))


def _upload(ask: RequestContext) -> RequestPlan:
    path = safe_path(ask.query.get("path", ""))
    return _touch("artifact:write", ask.stores.uploaded(ask.query.get("run_uuid", ""), path))


def _promptlab(ask: RequestContext) -> RequestPlan:
    """Makes a run and writes its files; nobody knows the run's name before."""
    from flask import request

    experiment = plain_number(str(request.get_json().get("experiment_id", "")))
    root = ask.stores.experiment_root(experiment)
    needs = (RequiredPermission("experiment:edit", experiment_object(experiment)),)
    return RequestPlan(
        needs=(*needs, *artifact_needs("artifact:write", root)), mutates=True, writes=(root,)
    )


def _logged_model_file(ask: RequestContext) -> RequestPlan:
    path = ask.query.get("artifact_file_path") or ask.query.get("artifact_directory_path", "")
    full = ask.stores.model_root(ask.path_values["model_id"], safe_path(path))
    plan = _touch("artifact:read", full)
    # MLflow's handler checks the decoded path, but opens the encoded one.
    return replace(plan, refusal="give the path without percent-encoding") if "%" in path else plan


def _planners(plan: Planner, *endpoints: str) -> dict[str, Planner]:
    return dict.fromkeys(endpoints, plan)


PLANNERS: Final[Mapping[str, Planner]] = {
    **_planners(
        _by_experiment("experiment:read", mutates=False),
        "_get_experiment",
        "_get_metric_history",
        "_get_run",
        "_get_logged_model",
        "_search_experiments",
        "_search_logged_models",
        "_search_runs",
    ),
    **_planners(
        _by_query,
        "get_metric_history_bulk_interval_handler",
        "serve_get_metric_history_bulk",
        "serve_get_metric_history_bulk_interval",
    ),
    "_get_experiment_by_name": _by_name,
    **_planners(
        _by_experiment("experiment:edit", mutates=True),
        "_update_experiment",
        "_restore_experiment",
        "_set_experiment_tag",
        "_delete_experiment_tag",
        "_restore_run",
    ),
    **_planners(
        _changing(_records),
        "_log_batch",
        "_log_inputs",
        "_log_metric",
        "_log_model",
        "_log_outputs",
        "_log_param",
        "_set_tag",
        "_delete_tag",
        "_finalize_logged_model",
        "_delete_logged_model_tag",
        "_log_logged_model_params",
    ),
    "_update_run": _changing(_records_of_update),
    "_set_logged_model_tags": _changing(_records_of_tags),
    "_create_run": _made_in,
    "_create_logged_model": _made_in,
    "serve_create_promptlab_run": _promptlab,
    "_delete_experiment": _deletion(lambda a: a.stores.experiment_root(a.field("experiment_id"))),
    "_delete_run": _deletion(lambda a: a.stores.run_root(a.field("run_id"))),
    "_delete_logged_model": _deletion(lambda a: a.stores.model_root(a.field("model_id"))),
    "_download_artifact": _path("artifact:read"),
    "_get_presigned_download_url": _linking(
        lambda ask: proxied(safe_path(ask.path_values["artifact_path"]))
    ),
    "_upload_artifact": _path("artifact:write"),
    "_create_multipart_upload_artifact": _upload_of_parts,
    "_complete_multipart_upload_artifact": _upload_of_parts,
    "_abort_multipart_upload_artifact": _upload_of_parts,
    "_delete_artifact_mlflow_artifacts": _path("artifact:delete"),
    "_list_artifacts_mlflow_artifacts": _list_root,
    "_list_artifacts": _run_message("artifact:read"),
    "_create_presigned_download_url": _linking(_in_message),
    "_create_presigned_upload_url": _linking(_in_message, verb="artifact:write"),
    "serve_artifacts": _run_file,
    "serve_upload_artifact": _upload,
    "_list_logged_model_artifacts": _logged_model_file,
    "serve_get_logged_model_artifact": _logged_model_file,
}
