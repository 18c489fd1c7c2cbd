"""Every route that FastAPI serves by itself, and how to plan a request to it.

The table is keyed by the name of the routed function. The registries of MCP servers and of skills
have versions and aliases as the registry of models has, and use the same verbs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditkit.access.policy.vocabulary import alias_object, model_object, tag_objects
from auditkit.mlflow_guard.requests.artifacts import artifact_needs
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.internals import safe_path
from auditkit.mlflow_guard.upstream.places import proxied

PUBLIC: Final = frozenset({"health", "get_server_info"})


@dataclass(frozen=True, slots=True)
class NativeAsk:
    """One request to a native route.

    Attributes:
        endpoint: Name of the routed function.
        values: The route's variables.
        body: The JSON object in the body; empty if there is none.
    """

    endpoint: str
    values: Mapping[str, str]
    body: Mapping[str, Any]


Planner = Callable[[NativeAsk], RequestPlan]


def _fixed(verb: str, obj: str, *endpoints: str, mutates: bool = True) -> dict[str, Planner]:
    plan = RequestPlan(needs=(RequiredPermission(verb, obj, subtree=not mutates),), mutates=mutates)
    return dict.fromkeys(endpoints, lambda _: plan)


def _artifact(verb: str) -> Planner:
    def plan(ask: NativeAsk) -> RequestPlan:
        path = proxied(safe_path(ask.values["artifact_path"]))
        writes = (path,) if verb == "artifact:write" else ()
        return RequestPlan(needs=artifact_needs(verb, path), mutates=bool(writes), writes=writes)

    return plan


def _entry(kind: str, verb: str, *, mutates: bool) -> Planner:
    """A route about one entry of a registry, or about all if it names none."""

    def plan(ask: NativeAsk) -> RequestPlan:
        name = _name(ask)
        needs = (
            RequiredPermission(verb, model_object(name, kind=kind))
            if name
            else RequiredPermission(verb, kind, subtree=True)
        )
        return RequestPlan(needs=(needs,), mutates=mutates)

    return plan


def _alias(kind: str, verb: str) -> Planner:
    def plan(ask: NativeAsk) -> RequestPlan:
        alias = ask.values.get("alias") or str(ask.body.get("alias", ""))
        return RequestPlan(
            needs=(RequiredPermission(verb, alias_object(_name(ask), alias, kind=kind)),),
            mutates=True,
        )

    return plan


def _tag(kind: str) -> Planner:
    def plan(ask: NativeAsk) -> RequestPlan:
        key = ask.values.get("key") or str(ask.body.get("key", ""))
        objects = tag_objects(_name(ask), key, kind=kind)
        needs = tuple(RequiredPermission("model:tag", obj) for obj in objects)
        return RequestPlan(needs=needs, mutates=True)

    return plan


def _name(ask: NativeAsk) -> str:
    source: Mapping[str, Any] = ask.values if "name" in ask.values else ask.body
    name, organization = str(source.get("name", "")), str(source.get("organization", ""))
    return f"@{organization}/{name}" if name and organization else name


def _registry(kind: str, names: Mapping[str, str]) -> dict[str, Planner]:
    planners: dict[str, Planner] = {}
    for endpoint, verb in names.items():
        if "tag" in endpoint:
            planners[endpoint] = _tag(kind)
        elif verb in ("model:promote", "model:demote"):
            planners[endpoint] = _alias(kind, verb)
        else:
            planners[endpoint] = _entry(kind, verb, mutates=verb != "model:read")
    return planners


_MCP: Final = {
    "create_mcp_server": "model:register",
    "search_mcp_servers": "model:read",
    "search_all_access_endpoints": "model:read",
    "set_mcp_server_version_tag": "model:tag",
    "delete_mcp_server_version_tag": "model:tag",
    "get_mcp_server_version": "model:read",
    "update_mcp_server_version": "model:edit",
    "delete_mcp_server_version": "model:delete",
    "create_mcp_server_version": "model:register",
    "search_mcp_server_versions": "model:read",
    "create_mcp_access_endpoint": "model:edit",
    "get_mcp_access_endpoint": "model:read",
    "update_mcp_access_endpoint": "model:edit",
    "delete_mcp_access_endpoint": "model:edit",
    "search_server_access_endpoints": "model:read",
    "set_mcp_server_tag": "model:tag",
    "delete_mcp_server_tag": "model:tag",
    "set_mcp_server_alias": "model:promote",
    "get_version_by_alias": "model:read",
    "delete_mcp_server_alias": "model:demote",
    "get_mcp_server": "model:read",
    "update_mcp_server": "model:edit",
    "delete_mcp_server": "model:delete",
}
# MLflow 3.18; each of them also exists with an organization.
_SKILLS: Final = {
    "create_skill": "model:register",
    "search_skills": "model:read",
    "bulk_register_skills": "model:register",
    "search_skill_versions": "model:read",
    "set_skill_tag": "model:tag",
    "delete_skill_tag": "model:tag",
    "set_skill_version_tag": "model:tag",
    "delete_skill_version_tag": "model:tag",
    "update_skill": "model:edit",
    "get_skill": "model:read",
    "create_skill_version": "model:register",
    "get_skill_version": "model:read",
    "get_skill_version_by_alias": "model:read",
    "set_skill_alias": "model:promote",
    "delete_skill_alias": "model:demote",
    "delete_skill_version": "model:delete",
    "delete_skill": "model:delete",
    "update_skill_version": "model:edit",
}


def _with_organization(names: Mapping[str, str]) -> dict[str, str]:
    return {**names, **{n.replace("_skill", "_organization_skill"): v for n, v in names.items()}}


ENDPOINTS: Final[Mapping[str, Planner]] = {
    **_fixed("trace:edit", "traces", "export_traces"),
    **_fixed("job:read", "jobs", "get_job", "search_jobs", mutates=False),
    **_fixed("job:run", "jobs", "submit_job", "cancel_job"),
    **_fixed("gateway:read", "gateway", "list_models", mutates=False),
    **_fixed(
        "gateway:invoke",
        "gateway",
        "invocations",
        "chat_completions",
        "openai_passthrough_chat",
        "openai_passthrough_embeddings",
        "typesafe_passthrough_system_one",
        "openai_passthrough_responses",
        "openai_passthrough_responses_compact",
        "anthropic_passthrough_messages",
        "gemini_passthrough_generate_content",
        "gemini_passthrough_stream_generate_content",
        "raw_proxy",
    ),
    # The assistant runs commands on the server's host.
    **_fixed(
        "server:manage",
        "server",
        "send_message",
        "stream_response",
        "patch_session",
        "resolve_permission",
        "resolve_client_tool_result",
        "provider_health_check",
        "get_providers",
        "get_config",
        "update_config",
        "install_skills_endpoint",
        "list_provider_models",
    ),
    "download_artifact": _artifact("artifact:read"),
    "upload_artifact": _artifact("artifact:write"),
    **_registry("mcp-servers", _MCP),
    **_registry("skills", _with_organization(_SKILLS)),
}


def unclassified(routes: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Routes that are not in the table, sorted; with any of them the server does not start.

    Args:
        routes: Names of routed functions with their methods.
    """
    return tuple(sorted(set(routes) - set(ENDPOINTS) - PUBLIC))
