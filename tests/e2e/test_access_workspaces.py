"""A workspace is a domain: what is approved in one of them is nothing in another."""

from __future__ import annotations

import pytest
from guarded_server import Workplace, running

pytestmark = [pytest.mark.server, pytest.mark.slow]
API = "/api/2.0/mlflow"
AUDITKIT = "/api/auditkit/1.0"


def test_an_approval_in_one_workspace_is_none_in_another(tmp_path):
    workplace = Workplace(tmp_path, extra_rules="p, adam, *, **, server:*, allow\n")
    with running(workplace, "--enable-workspaces") as server:

        def call(user, method, path, where, **options):
            headers = {"X-MLFLOW-WORKSPACE": where}
            return server.call(user, method, path, headers=headers, **options)

        body = {"name": "emea"}
        made = server.call("adam", "POST", "/api/3.0/mlflow/workspaces", json=body)
        assert made.ok, made.text
        asked = {}
        for where in ("default", "emea"):
            found = call("ann", "POST", f"{API}/experiments/create", where, json={"name": "e"})
            assert found.ok, found.text
            run = call(
                "ann",
                "POST",
                f"{API}/runs/create",
                where,
                json={"experiment_id": found.json()["experiment_id"]},
            ).json()["run"]["info"]
            path = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
            file = f"/api/2.0/mlflow-artifacts/artifacts/{path}/model/w"
            assert call("ann", "PUT", file, where, data=b"one").ok
            body = {"name": "credit"}
            assert call("ann", "POST", f"{API}/registered-models/create", where, json=body).ok
            body |= {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
            made = call("ann", "POST", f"{API}/model-versions/create", where, json=body)
            assert made.ok, made.text
            body = {"model": "credit", "version": "1", "alias": "champion"}
            answer = call("ann", "POST", f"{AUDITKIT}/request", where, json=body)
            assert answer.ok, answer.text
            asked[where] = answer.json()
        # The same bytes under the same name, and still another model.
        digests = {answer["artifact_digest"] for answer in asked.values()}
        assert len(digests) == 1
        sent = {"request": asked["emea"]["request"]}
        assert call("rita", "POST", f"{AUDITKIT}/approve", "default", json=sent).status_code == 404
        assert call("rita", "POST", f"{AUDITKIT}/approve", "emea", json=sent).ok
        assert call("mia", "POST", f"{AUDITKIT}/promote", "default", json=body).status_code == 403
        assert call("mia", "POST", f"{AUDITKIT}/promote", "emea", json=body).ok
        for where, moves in (("default", 0), ("emea", 1)):
            history = call("vic", "GET", f"{AUDITKIT}/history?model=credit", where).json()
            assert (len(history["moves"]), len(history["requests"])) == (moves, 1), where
