"""A workspace is a domain: roles, approvals and files of one of them are nothing in another."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urlsplit

import pytest
from guarded_server import PASSWORD, USERS, Workplace, running

from auditkit.access.login.passwords import hash_password, write_users
from auditkit.registry.client import RegistryClient

pytestmark = [pytest.mark.server, pytest.mark.slow]
API = "/api/2.0/mlflow"
API3 = "/api/3.0/mlflow"
AUDITKIT = "/api/auditkit/1.0"
# One user for each packaged role, who has it in team-a alone.
ROLES = [
    "viewer",
    "trainer",
    "data-steward",
    "reviewer",
    "gate",
    "release-manager",
    "custodian",
    "gateway-user",
    "operator",
    "auditor",
    "admin",
]
IN_TEAM_A = {f"{role}-a": role for role in ROLES}


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Calls a server with the workspaces default, emea and team-a."""
    folder = tmp_path_factory.mktemp("workspaces")
    grants = "".join(f"g, {user}, role:{role}, team-a\n" for user, role in IN_TEAM_A.items())
    workplace = Workplace(folder, extra_rules=f"p, adam, *, **, server:*, allow\n{grants}")
    kept = hash_password(PASSWORD)
    write_users(folder / "users.json", dict.fromkeys([*USERS, *IN_TEAM_A], kept))
    with running(workplace, "--enable-workspaces") as server:

        def call(user, method, path, where="default", **options):
            headers = {"X-MLFLOW-WORKSPACE": where}
            return server.call(user, method, path, headers=headers, **options)

        for name in ("emea", "team-a"):
            made = server.call("adam", "POST", f"{API3}/workspaces", json={"name": name})
            assert made.ok, made.text
        call.url = server.url
        yield call


def version_of(call, where, model, user="ann"):
    """A version of a model with one file, made in a workspace: its run."""
    found = call(user, "POST", f"{API}/experiments/create", where, json={"name": f"of {model}"})
    assert found.ok, found.text
    body = {"experiment_id": found.json()["experiment_id"]}
    run = call(user, "POST", f"{API}/runs/create", where, json=body).json()["run"]["info"]
    path = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = f"/api/2.0/mlflow-artifacts/artifacts/{path}/model/w"
    put = call(user, "PUT", file, where, data=b"one")
    assert put.ok, put.text
    body = {"name": model}
    assert call(user, "POST", f"{API}/registered-models/create", where, json=body).ok
    body |= {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    made = call(user, "POST", f"{API}/model-versions/create", where, json=body)
    assert made.ok, made.text
    return run


def test_an_approval_in_one_workspace_is_none_in_another(call):
    asked = {}
    for where in ("default", "emea"):
        version_of(call, where, "credit")
        body = {"model": "credit", "version": "1", "alias": "champion"}
        answer = call("ann", "POST", f"{AUDITKIT}/request", where, json=body)
        assert answer.ok, answer.text
        asked[where] = answer.json()
    # The same bytes under the same name, and still another model.
    digests = {answer["artifact_digest"] for answer in asked.values()}
    assert len(digests) == 1
    sent = {"request": asked["emea"]["request"]}
    # A browser names no workspace in a header: the page's address does.
    page = f"/auditkit/requests/{sent['request']}"
    assert call("rita", "GET", page, None).status_code == 404
    shown = call("rita", "GET", f"{page}?workspace=emea", None).text
    assert f'action="{page}/approve?workspace=emea"' in shown
    start = call("rita", "GET", "/auditkit", None).text
    assert '<a href="/auditkit?workspace=emea">emea</a>' in start
    assert call("rita", "POST", f"{AUDITKIT}/approve", "default", json=sent).status_code == 404
    assert call("rita", "POST", f"{AUDITKIT}/approve", "emea", json=sent).ok
    assert call("mia", "POST", f"{AUDITKIT}/promote", "default", json=body).status_code == 403
    assert call("mia", "POST", f"{AUDITKIT}/promote", "emea", json=body).ok
    for where, moves in (("default", 0), ("emea", 1)):
        history = call("vic", "GET", f"{AUDITKIT}/history?model=credit", where).json()
        assert (len(history["moves"]), len(history["requests"])) == (moves, 1), where
        client = RegistryClient(call.url, user="vic", password=PASSWORD, workspace=where)
        assert client.history("credit") == history
    # Its models and aliases go nowhere along with the workspace: it has to be empty.
    for mode in ("CASCADE", "SET_DEFAULT", "cascade"):
        gone = call("adam", "DELETE", f"{API3}/workspaces/emea?mode={mode}")
        assert gone.status_code == 400, (mode, gone.text)
    assert not call("adam", "DELETE", f"{API3}/workspaces/emea").ok  # MLflow's own refusal
    assert call("vic", "GET", f"{API}/registered-models/get?name=credit", "emea").ok


def test_a_role_granted_in_a_workspace_does_its_job_there_and_nothing_elsewhere(call):
    ids = {}
    for where in ("default", "team-a"):
        version_of(call, where, "fraud", user="ann")
        body = {"model": "fraud", "version": "1", "alias": "champion"}
        ids[where] = call("ann", "POST", f"{AUDITKIT}/request", where, json=body).json()["request"]
    alias = {"name": "fraud", "alias": "challenger", "version": "1"}
    old = {"name": "old"}
    for where in ("default", "team-a"):
        assert call("ann", "POST", f"{API}/registered-models/create", where, json=old).ok
    # Who does what, and what MLflow answers: 404 for what is not there.
    jobs = [
        ("viewer", "GET", f"{API}/registered-models/get?name=fraud", None, 200),
        ("trainer", "POST", f"{API}/registered-models/create", {"name": "new"}, 200),
        ("data-steward", "POST", f"{API3}/datasets/create", {"name": "visits"}, 200),
        ("reviewer", "POST", f"{AUDITKIT}/approve", "its request", 200),
        ("gate", "GET", f"{API}/model-versions/get-download-uri?name=fraud&version=1", None, 200),
        ("release-manager", "POST", f"{API}/registered-models/alias", alias, 200),
        ("custodian", "DELETE", f"{API}/registered-models/delete", old, 200),
        ("gateway-user", "GET", f"{API3}/gateway/endpoints/list", None, 200),
        ("operator", "GET", f"{API3}/scorers/list?experiment_id=99", None, 404),
        ("auditor", "GET", f"{AUDITKIT}/history?model=fraud", None, 200),
        ("admin", "GET", f"{API}/webhooks", None, 200),
    ]
    assert [job[0] for job in jobs] == ROLES
    for role, method, path, body, status in jobs:
        for where in ("default", "team-a"):
            sent = {"request": ids[where]} if body == "its request" else body
            answer = call(f"{role}-a", method, path, where, json=sent)
            expected = status if where == "team-a" else 403
            assert answer.status_code == expected, (role, where, answer.status_code, answer.text)


def test_a_trainer_deletes_their_own_runs_and_versions_and_no_others(call):
    own = version_of(call, "team-a", "mine", user="trainer-a")
    other = version_of(call, "team-a", "other", user="ann")

    def status(user, method, path, body):
        return call(user, method, f"{API}/{path}", "team-a", json=body).status_code

    # A tag that a deployment waits for is the same tag with space around it, or in another case.
    status_tag = "validation_status"
    for key in (status_tag, f" {status_tag}", f"{status_tag.upper()}\n", "válidation_status"):
        tag = {"name": "mine", "version": "1", "key": key, "value": "approved"}
        assert status("trainer-a", "POST", "model-versions/set-tag", tag) == 403, key
    tag["key"] = "notes"
    assert status("trainer-a", "POST", "model-versions/set-tag", tag) == 200
    # What MLflow calls a run's owner is the client's word; the log's is who made it.
    made = call(
        "ann",
        "POST",
        f"{API}/runs/create",
        "team-a",
        json={"experiment_id": other["experiment_id"], "user_id": "trainer-a"},
    ).json()["run"]["info"]
    assert made["user_id"] == "trainer-a"
    assert status("trainer-a", "POST", "runs/delete", {"run_id": made["run_id"]}) == 403
    assert status("trainer-a", "POST", "runs/delete", {"run_id": other["run_id"]}) == 403
    version = {"name": "other", "version": "1"}
    assert status("trainer-a", "DELETE", "model-versions/delete", version) == 403
    assert status("trainer-a", "DELETE", "registered-models/delete", {"name": "other"}) == 403
    version = {"name": "mine", "version": "1"}
    assert status("trainer-a", "DELETE", "model-versions/delete", version) == 200
    assert status("trainer-a", "DELETE", "registered-models/delete", {"name": "mine"}) == 403
    assert status("trainer-a", "POST", "runs/delete", {"run_id": own["run_id"]}) == 200


def test_a_request_names_one_workspace(call):
    """MLflow reads the first of two headers; whoever judged the other judged other files."""
    run = version_of(call, "team-a", "twice")
    path = f"{run['experiment_id']}/{run['run_id']}/artifacts/model/w"
    url = urlsplit(call.url)
    secret = base64.b64encode(f"viewer-a:{PASSWORD}".encode()).decode()
    for first, second in (("team-a", "emea"), ("emea", "team-a"), ("team-a", "team-a")):
        for method, asked in (
            ("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}"),
            ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}"),
            ("GET", f"{API3}/mcp-servers"),
            ("GET", f"{API}/registered-models/get?name=twice"),
        ):
            link = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
            link.putrequest(method, asked)
            for name, value in (
                ("Authorization", f"Basic {secret}"),
                ("X-MLFLOW-WORKSPACE", first),
                ("x-mlflow-workspace", second),
                ("Content-Length", "0"),
            ):
                link.putheader(name, value)
            link.endheaders()
            assert link.getresponse().status == 400, (first, second, method, asked)
            link.close()


def test_a_version_in_a_protected_stage_is_not_deleted_by_the_right_to_clear_away(call):
    version_of(call, "team-a", "staged")
    body = {"model": "staged", "version": "1", "stage": "Production"}
    asked = call("trainer-a", "POST", f"{AUDITKIT}/request", "team-a", json=body)
    sent = {"request": asked.json()["request"]}
    assert call("reviewer-a", "POST", f"{AUDITKIT}/approve", "team-a", json=sent).ok
    assert call("release-manager-a", "POST", f"{AUDITKIT}/promote", "team-a", json=body).ok
    model = {"name": "staged"}
    for path, named in (("model-versions", model | {"version": "1"}), ("registered-models", model)):
        answer = call("custodian-a", "DELETE", f"{API}/{path}/delete", "team-a", json=named)
        assert answer.status_code == 403, answer.text
        assert "model:demote on models/staged/stages/production" in answer.text.lower()
