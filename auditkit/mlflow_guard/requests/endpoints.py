"""Every endpoint of MLflow's Flask application, and how to plan a request to it.

The table is keyed by the routed endpoint. An endpoint that is not in it is denied; the server does
not start if one of those may change something (`unclassified`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from auditkit.mlflow_guard.requests import accounts, datasets, experiments, locations, models
from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission

Planner = Callable[[RequestContext], RequestPlan]


def _fixed(verb: str, obj: str, *, mutates: bool = False) -> Planner:
    plan = RequestPlan(needs=(RequiredPermission(verb, obj, subtree=not mutates),), mutates=mutates)
    return lambda _: plan


def _reads(verb: str, obj: str, *endpoints: str) -> dict[str, Planner]:
    return dict.fromkeys(endpoints, _fixed(verb, obj))


def _changes(verb: str, obj: str, *endpoints: str) -> dict[str, Planner]:
    return dict.fromkeys(endpoints, _fixed(verb, obj, mutates=True))


# They show no data: the page's shell, the health check and the version.
PUBLIC: Final = frozenset(
    {
        "health",
        "version",
        "serve",
        "static",
        "serve_static_file",
        "_get_server_info",
        "serve_get_ui_telemetry",
    }
)

ENDPOINTS: Final[Mapping[str, Planner]] = {
    **accounts.PLANNERS,
    **models.PLANNERS,
    **experiments.PLANNERS,
    **datasets.PLANNERS,
    **locations.PLANNERS,
    **_reads(
        "trace:read",
        "traces",
        "_batch_get_trace_infos",
        "_batch_get_traces",
        "_calculate_trace_filter_correlation",
        "_deprecated_get_trace_info_v2",
        "_deprecated_search_traces_v2",
        "_get_assessment",
        "_get_issue",
        "_get_trace",
        "_get_trace_info_v3",
        "_query_trace_metrics",
        "_search_issues",
        "_search_traces_v3",
        "serve_get_trace_artifact",
        "_get_label_schema",
        "_get_label_schema_by_name",
        "_list_label_schemas",
        "_get_review_queue",
        "_get_review_queue_by_name",
        "_list_review_queues",
        "_list_review_queue_items",
    ),
    **_changes(
        "trace:edit",
        "traces",
        "_create_assessment",
        "_create_issue",
        "_delete_assessment",
        "_link_prompts_to_trace",
        "_link_traces_to_run",
        "_update_assessment",
        "_update_issue",
        "_create_label_schema",
        "_update_label_schema",
        "_delete_label_schema",
        "_create_review_queue",
        "_delete_review_queue",
        "_update_review_queue",
        "_get_or_create_user_queue",
        "_add_items_to_review_queue",
        "_remove_items_from_review_queue",
        "_set_review_queue_item_status",
    ),
    **_reads(
        "gateway:read",
        "gateway",
        "_get_budget_policy",
        "_get_gateway_endpoint",
        "_get_gateway_guardrail",
        "_get_gateway_model_definition",
        "_get_gateway_secret_info",
        "_get_provider_config",
        "_get_secrets_config",
        "_list_budget_policies",
        "_list_budget_windows",
        "_list_endpoint_guardrail_configs",
        "_list_gateway_endpoint_bindings",
        "_list_gateway_endpoints",
        "_list_gateway_guardrails",
        "_list_gateway_model_definitions",
        "_list_gateway_secrets",
        "_list_supported_models",
        "_list_supported_providers",
    ),
    **_changes(
        "gateway:manage",
        "gateway",
        "_add_guardrail_to_endpoint",
        "_attach_model_to_gateway_endpoint",
        "_create_budget_policy",
        "_create_gateway_endpoint",
        "_create_gateway_endpoint_binding",
        "_create_gateway_guardrail",
        "_create_gateway_model_definition",
        "_create_gateway_secret",
        "_delete_budget_policy",
        "_delete_gateway_endpoint",
        "_delete_gateway_endpoint_binding",
        "_delete_gateway_endpoint_tag",
        "_delete_gateway_guardrail",
        "_delete_gateway_model_definition",
        "_delete_gateway_secret",
        "_detach_model_from_gateway_endpoint",
        "_remove_guardrail_from_endpoint",
        "_set_gateway_endpoint_tag",
        "_update_budget_policy",
        "_update_endpoint_guardrail_config",
        "_update_gateway_endpoint",
        "_update_gateway_model_definition",
        "_update_gateway_secret",
    ),
    **_changes("gateway:invoke", "gateway", "serve_gateway_proxy"),
    **_reads(
        "job:read",
        "jobs",
        "_get_job",
        "_get_prompt_optimization_job",
        "_search_prompt_optimization_jobs",
    ),
    **_changes(
        "job:run",
        "jobs",
        "_cancel_job",
        "_cancel_prompt_optimization_job",
        "_create_prompt_optimization_job",
        "_delete_prompt_optimization_job",
        "_invoke_genai_evaluate_handler",
        "_invoke_issue_detection_handler",
        "_invoke_scorer_handler",
        "_sync_issue_detection_schedule_state_handler",  # MLflow 3.18
    ),
    **_reads(
        "experiment:read",
        "scorers",
        "_get_online_scoring_configs",
        "_get_scorer",
        "_list_scorer_versions",
        "_list_scorers",
    ),
    **_changes(
        "job:run",
        "scorers",
        "_delete_scorer",
        "_register_scorer",
        "_upsert_online_scoring_config",
    ),
    **_reads("server:read", "server", "_get_workspace_handler", "_list_workspaces_handler"),
    **_changes(
        "server:manage",
        "server",
        "_generate_demo",
        "_delete_demo",
        "serve_post_ui_telemetry",
    ),
    **_reads("webhook:manage", "webhooks", "_get_webhook", "_list_webhooks"),
    **_changes(
        "webhook:manage",
        "webhooks",
        "_create_webhook",
        "_delete_webhook",
        "_test_webhook",
        "_update_webhook",
    ),
    # Routes whose handler answers 404 in this release; they are classified for the next one.
    "_not_implemented": _fixed("server:read", "server"),
}


def unclassified(endpoints: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Endpoints that are not in the table, sorted; they are denied.

    Args:
        endpoints: Endpoint names with their methods.
    """
    return tuple(sorted(set(endpoints) - set(ENDPOINTS) - PUBLIC))


def unclassified_changes(endpoints: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Those of them that may change something: with any of them the server does not start."""
    return tuple(name for name in unclassified(endpoints) if endpoints[name] - {"GET"})
