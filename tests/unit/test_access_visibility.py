"""Names of models that a caller may not read are in no answer to them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import flask
import pytest

from auditkit.mlflow_guard.serve.visibility import keep_visible
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError

ADMISSION: Any = SimpleNamespace(plan=SimpleNamespace(list_field=""))
VERSIONS = [{"name": "secret", "version": "1"}, {"name": "open", "version": 2}]


def gate(sees_all: bool = False) -> Any:
    return SimpleNamespace(
        sees_all=lambda _: sees_all, visible=lambda _, name: sees_all or name == "open"
    )


def answer(value: str) -> Any:
    tags = [
        {"key": "a", "value": "secret of mine"},
        {"key": "mlflow.modelVersions", "value": value},
    ]
    return flask.Response(
        json.dumps({"models": [{"info": {"tags": tags}}]}), mimetype="application/json"
    )


def shown(response: Any) -> list[str]:
    return [tag["value"] for tag in response.get_json()["models"][0]["info"]["tags"]]


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (json.dumps(VERSIONS), json.dumps(VERSIONS[1:])),
        ("secret", "[]"),
        ("3", "[]"),
        ("[3]", "[]"),
    ],
)
def test_a_tag_names_only_what_may_be_read(value, left):
    response = answer(value)
    keep_visible(gate(), ADMISSION, "_get_logged_model", response, types=[], own=True)
    assert shown(response) == ["secret of mine", left]
    response = answer(value)
    keep_visible(gate(True), ADMISSION, "_get_logged_model", response, types=[], own=True)
    assert shown(response) == ["secret of mine", value]


def test_nobody_searches_by_a_tag_that_names_what_they_may_not_read():
    types = internals.message_types()["_search_logged_models"]
    body = {"experiment_ids": ["0"], "filter": "tags.`mlflow.modelVersions` LIKE '%secret%'"}
    flask_app = flask.Flask("search")
    for allowed in (False, True):
        with flask_app.test_request_context("/", method="POST", json=body):
            asked = (gate(allowed), ADMISSION, "_search_logged_models", answer("[]"))
            if allowed:
                keep_visible(*asked, types=types, own=True)
            else:
                with pytest.raises(RefusedError, match="every model"):
                    keep_visible(*asked, types=types, own=True)
