"""MLflow's searches for models and versions, with what their caller may not read left out."""

# ruff: noqa: SLF001 - reaching into MLflow is what this room is for

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from auditkit.mlflow_guard.upstream import internals

_PAGE: Final = 1000


def visible_page(kind: str, visible: Callable[[str], bool]) -> dict[str, Any]:
    """The page that the current Flask request asks for, as if nothing else were in the registry.

    A page token counts the visible rows before the page, so that neither it nor a short page tells
    how many rows were left out.

    Args:
        kind: "registered_models" or "model_versions".
        visible: Whether the caller may read the model of that name.

    Returns:
        The answer's JSON.

    Raises:
        MlflowException: If the store cannot answer.
    """
    from mlflow.protos import model_registry_pb2 as messages
    from mlflow.utils.proto_json_utils import message_to_json
    from mlflow.utils.search_utils import SearchUtils

    store = internals.handlers()._get_model_registry_store()
    asked: Any
    tokens: Any = SearchUtils
    asked, search = {
        "registered_models": (messages.SearchRegisteredModels, store.search_registered_models),
        "model_versions": (messages.SearchModelVersions, store.search_model_versions),
    }[kind]
    ask = internals.parse_message(asked)
    skipped = tokens.parse_start_offset_from_page_token(ask.page_token or None)
    size = max(int(ask.max_results), 0)
    shown = (row for row in _rows(search, ask) if visible(str(row.name)))
    rows = list(islice(shown, skipped, skipped + size + 1))
    answer = asked.Response()
    getattr(answer, kind).extend([row.to_proto() for row in rows[:size]])
    if len(rows) > size:
        answer.next_page_token = tokens.create_page_token(skipped + size)
    found: dict[str, Any] = json.loads(message_to_json(answer))
    return found


def _rows(search: Callable[..., Any], ask: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(
            filter_string=ask.filter,
            max_results=_PAGE,
            order_by=list(ask.order_by),
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return
