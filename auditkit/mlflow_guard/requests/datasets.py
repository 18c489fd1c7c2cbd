"""Plans for evaluation datasets: reading a dataset's records needs dataset:read on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from auditkit.access.policy.vocabulary import dataset_object
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission

Planner = Callable[[RequestContext], RequestPlan]


def _dataset(verb: str, *, mutates: bool) -> Planner:
    def plan(ask: RequestContext) -> RequestPlan:
        name = ask.stores.dataset_name(ask.path_values["dataset_id"])
        return RequestPlan(needs=(RequiredPermission(verb, dataset_object(name)),), mutates=mutates)

    return plan


def _create(ask: RequestContext) -> RequestPlan:
    name = ask.field("name")
    return RequestPlan(
        needs=(RequiredPermission("dataset:write", dataset_object(name)),), mutates=True
    )


def _every(_: RequestContext) -> RequestPlan:
    return RequestPlan(needs=(RequiredPermission("dataset:list", "datasets", subtree=True),))


def _planners(plan: Planner, *endpoints: str) -> dict[str, Planner]:
    return dict.fromkeys(endpoints, plan)


PLANNERS: Final[Mapping[str, Planner]] = {
    **_planners(_every, "_search_evaluation_datasets_handler", "serve_search_datasets"),
    **_planners(
        _dataset("dataset:list", mutates=False),
        "_get_dataset_handler",
        "_get_dataset_experiment_ids_handler",
    ),
    "_get_dataset_records_handler": _dataset("dataset:read", mutates=False),
    "_create_dataset_handler": _create,
    **_planners(
        _dataset("dataset:write", mutates=True),
        "_upsert_dataset_records_handler",
        "_set_dataset_tags_handler",
        "_delete_dataset_tag_handler",
        "_add_dataset_to_experiments_handler",
        "_remove_dataset_from_experiments_handler",
    ),
    **_planners(
        _dataset("dataset:delete", mutates=True),
        "_delete_dataset_handler",
        "_delete_dataset_records_handler",
    ),
}
