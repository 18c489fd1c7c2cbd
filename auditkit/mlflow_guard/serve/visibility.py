"""Leaves names of models out of answers to those who may not read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from auditkit.mlflow_guard.guard.gate import Admission, Gate
from auditkit.mlflow_guard.upstream import internals, searches
from auditkit.mlflow_guard.upstream.refusals import denied
from auditkit.mlflow_guard.upstream.stores import VERSIONS_TAG

_TAGGED: Final = frozenset(
    {
        "_create_logged_model",
        "_finalize_logged_model",
        "_get_logged_model",
        "_get_run",
        "_search_logged_models",
        "_search_runs",
    }
)
_SEARCHES: Final = frozenset({"_search_logged_models", "_search_runs"})


def keep_visible(
    gate: Gate, admission: Admission, endpoint: str, response: Any, *, types: list[type], own: bool
) -> None:
    """Takes out of an answer the names that its caller may not read.

    Args:
        gate: The gate.
        admission: The admitted request.
        endpoint: The routed endpoint.
        response: Flask's response, which is changed.
        types: The protocol buffers that the endpoint's handler reads.
        own: Whether MLflow has no users of its own, whose permissions shorten lists as well.

    Raises:
        RefusedError: If the request searches by a tag that names models.
        MlflowException: If the store cannot answer.
    """
    kind = admission.plan.list_field
    if not (kind or endpoint in _TAGGED) or gate.sees_all(admission):
        return

    def visible(name: str) -> bool:
        return gate.visible(admission, name)

    if kind and own:
        response.set_data(json.dumps(searches.visible_page(kind, visible)))
        return
    if (
        endpoint in _SEARCHES
        and VERSIONS_TAG.lower() in str(internals.parse_message(types[0])).lower()
    ):
        raise denied(f"a search by {VERSIONS_TAG} needs model:read on every model")
    content = response.get_json(silent=True)
    if not isinstance(content, dict):
        return
    if kind:
        content[kind] = [row for row in content.get(kind, ()) if visible(str(row["name"]))]
    else:
        _shorten_tags(content, visible)
    response.set_data(json.dumps(content))


def _shorten_tags(content: Any, visible: Callable[[str], bool]) -> None:
    """Shortens every tag that names versions, wherever in an answer it is."""
    if isinstance(content, dict):
        if content.get("key") == VERSIONS_TAG:
            content["value"] = _readable(str(content.get("value", "")), visible)
        for part in content.values():
            _shorten_tags(part, visible)
    elif isinstance(content, list):
        for part in content:
            _shorten_tags(part, visible)


def _readable(value: str, visible: Callable[[str], bool]) -> str:
    try:
        return json.dumps([row for row in json.loads(value) if visible(str(row["name"]))])
    except (ValueError, TypeError, KeyError):
        return "[]"
