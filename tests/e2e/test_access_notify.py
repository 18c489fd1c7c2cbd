"""A guarded server of two workers tells a receiver that fails twice, and streams its log."""

from __future__ import annotations

import json

import pytest
from guarded_server import Workplace, running

from tests.support.webhooks import SECRET, receiving

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_denial_is_told_once_and_every_entry_streamed(tmp_path):
    (tmp_path / "hook.secret").write_text(SECRET)
    with receiving() as hook:
        hook.status = lambda call: 500 if call <= 2 else 204
        settings = (
            f"notify: [{{url: '{hook.url}', secret: hook.secret, on: [denied]}}]\n"
            "stream: {file: audit.jsonl}\n"
        )
        workplace = Workplace(tmp_path, settings=settings)
        with running(workplace, workers=2) as server:
            body, create = {"name": "x"}, "/api/2.0/mlflow/registered-models/create"
            assert server.call("vic", "POST", create, json=body).status_code == 403
            (event,) = hook.wait(1)
        assert hook.refused == 2
    assert event["type"] == "auditkit.registry.denied"
    entry = workplace.entries()[event["data"]["index"]]
    assert (entry.kind, entry.payload["user"]) == ("access.decision", "vic")
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines[:2]] == [0, 1]
