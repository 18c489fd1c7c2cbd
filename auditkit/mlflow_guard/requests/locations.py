"""Plans for requests that choose where files are: whoever chooses needs a right of its own.

Experiments, workspaces and traces have locations. A run's, a logged model's and a trace's follow
from its experiment's; a version's is where its files are already (`models`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from auditkit.access.policy.vocabulary import path_object
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream import internals, locations, places

Planner = Callable[[RequestContext], RequestPlan]

# MLflow keeps where a trace's files are in tags; it protects some of them, on some routes.
_TRACE_LOCATIONS: Final = frozenset({"mlflow.artifactlocation", "mlflow.trace.archivelocation"})


def _choice(needs: Iterable[RequiredPermission], uris: Iterable[str]) -> RequestPlan:
    """The plan of a change that also chooses locations."""
    paths, refusal = [], ""
    for uri in uris:
        if not internals.is_ours(uri):
            refusal = "files may not be on another server"
            continue
        path = places.chosen(uri)
        if path.startswith("workspaces/") and not places.is_proxied(uri):
            refusal = "a workspace's files are at mlflow-artifacts:/"
        paths.append(path)
    chosen = (RequiredPermission("experiment:locate", path_object("artifacts", p)) for p in paths)
    return RequestPlan(
        needs=(*needs, *chosen),
        mutates=True,
        writes=tuple(paths),
        locates=tuple(paths),
        refusal=refusal,
    )


def _experiment(ask: RequestContext) -> RequestPlan:
    place = ask.field("artifact_location")
    needs = (RequiredPermission("experiment:edit", "experiments"),)
    return _choice(needs, (place,) if place else ())


def _workspace(ask: RequestContext) -> RequestPlan:
    """Making or changing a workspace; what it has already is no choice."""
    message = internals.parse_workspace(ask.types[0])
    name = ask.path_values.get("workspace_name") or str(message.name)
    texts = {str(message.default_artifact_root), str(message.trace_archival_config.location)}
    with internals.in_workspace(name):
        return _choice(
            (RequiredPermission("server:manage", "server"),),
            sorted(texts - {"", *locations.of_workspace(name)}),
        )


def _delete_workspace(ask: RequestContext) -> RequestPlan:
    """Deleting a workspace, which has to be empty.

    In other modes MLflow deletes its models and aliases along with it, or moves them to the default
    workspace, where nobody approved them.
    """
    emptied = ask.query.get("mode", "RESTRICT") != "RESTRICT"
    return RequestPlan(
        needs=(RequiredPermission("server:manage", "server"),),
        mutates=True,
        refusal="delete what is in the workspace first, then the workspace" if emptied else "",
    )


def _trace(tags: Callable[[RequestContext], Iterable[str]]) -> Planner:
    def plan(ask: RequestContext) -> RequestPlan:
        chosen = {key.strip().casefold() for key in tags(ask)} & _TRACE_LOCATIONS
        return RequestPlan(
            needs=(RequiredPermission("trace:edit", "traces"),),
            mutates=True,
            refusal="a trace's files stay where MLflow puts them" if chosen else "",
        )

    return plan


def _tags_in(message: Any) -> list[str]:
    return [str(tag.key) for tag in message.tags]


def _delete_traces(_: RequestContext) -> RequestPlan:
    """Deleting traces also deletes what was archived of them."""
    archive = locations.archive()
    needs = (RequiredPermission("trace:delete", "traces"),)
    return RequestPlan(needs=needs, mutates=True, writes=(archive,) if archive else ())


PLANNERS: Final[Mapping[str, Planner]] = {
    "_create_experiment": _experiment,
    "_create_workspace_handler": _workspace,
    "_update_workspace_handler": _workspace,
    "_delete_workspace_handler": _delete_workspace,
    "_set_trace_tag": _trace(lambda ask: [ask.field("key")]),
    "_set_trace_tag_v3": _trace(lambda ask: [ask.field("key")]),
    "_delete_trace_tag": _trace(lambda ask: [ask.field("key")]),
    "_delete_trace_tag_v3": _trace(lambda ask: [ask.field("key")]),
    "_deprecated_start_trace_v2": _trace(lambda ask: _tags_in(ask.message)),
    "_deprecated_end_trace_v2": _trace(lambda ask: _tags_in(ask.message)),
    "_start_trace_v3": _trace(lambda ask: list(ask.message.trace.trace_info.tags)),
    "_delete_traces": _delete_traces,
}
