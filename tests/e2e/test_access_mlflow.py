"""The promotion story with a real MLflow server of two workers, its own client, and raw HTTP."""

from __future__ import annotations

import base64
import itertools
import json
import re
import urllib.parse

import pytest
from mlflow.exceptions import MlflowException

from auditkit.errors import AccessDeniedError, InputError

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
API = "/api/2.0/mlflow"
_names = (f"model-{number}" for number in itertools.count())


@pytest.fixture
def credit(guarded, tmp_path):
    """A model with two versions by ann, each with a file, both in her run."""
    server, _ = guarded
    name = next(_names)
    client = server.mlflow("ann")
    client.create_registered_model(name)
    experiment = client.get_experiment_by_name("credit") or client.get_experiment(
        client.create_experiment("credit")
    )
    for text in ("one", "two"):
        run = client.create_run(experiment.experiment_id)
        (tmp_path / "weights.txt").write_text(text)
        client.log_artifact(run.info.run_id, str(tmp_path / "weights.txt"), "model")
        client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            await_creation_for=0,
        )
    return name


def set_alias(server, user, name, alias):
    body = {"name": name, "alias": alias, "version": "1"}
    return server.call(user, "POST", f"{API}/registered-models/alias", json=body)


def test_the_story(guarded, credit):
    server, workplace = guarded
    ann, mia = server.mlflow("ann"), server.client("mia")
    # A trainer edits and stages her model, and does not promote it.
    ann.update_model_version(credit, "1", description="first")
    ann.set_registered_model_alias(credit, "staging", "1")
    told = (
        rf"PERMISSION_DENIED.*may not model:promote.*registry request {credit} 1 --alias champion"
    )
    with pytest.raises(MlflowException, match=told):
        ann.set_registered_model_alias(credit, "champion", "1")
    # A release manager may, and still not without an approval.
    with pytest.raises(AccessDeniedError, match="nobody has asked for it"):
        mia.promote(credit, "1", alias="champion")
    asked = server.client("ann").request(credit, "1", alias="champion")
    with pytest.raises(AccessDeniedError, match="0 of 1 approvals") as waits:
        mia.promote(credit, "1", alias="champion")
    assert "registry request" not in waits.value.message
    with pytest.raises(AccessDeniedError, match="may not model:approve"):
        server.client("ann").approve(asked["request"])
    server.client("rita").approve(asked["request"])
    with pytest.raises(AccessDeniedError, match="approved it before"):
        server.client("rita").approve(asked["request"])
    # What the rules let through and the server then denied is in the log as denied.
    twice = [d for d in workplace.decisions() if d.get("allowed") is False][-1]
    assert twice["user"] == "rita"
    assert "approved it before" in twice["reason"]
    # MLflow's own client does it, through MLflow's own route.
    server.mlflow("mia").set_registered_model_alias(credit, "Champion", "1")
    assert server.mlflow("vic").get_model_version_by_alias(credit, "Champion").version == "1"
    # An approval is used once.
    with pytest.raises(AccessDeniedError, match="already used"):
        mia.promote(credit, "1", alias="champion")
    # The next version, and back.
    second = server.client("abe").request(credit, "2", alias="champion")
    server.client("rob").approve(second["request"])
    mia.promote(credit, "2", alias="champion")
    version, digest = server.client("audrey").approved_digest(credit, alias="champion")
    assert (version, digest) == ("2", second["artifact_digest"])
    assert mia.rollback(credit, alias="champion")["version"] == "1"
    how = [m["how"] for m in server.client("vic").history(credit)["moves"]]
    assert how == ["promoted", "promoted", "rolled back"]
    # All of it is in the log, each decision before its effect.
    kinds = [e.kind for e in workplace.entries()]
    assert {"promotion.requested", "promotion.approved", "promotion.claimed"} <= set(kinds)
    mine = [
        d
        for d in workplace.decisions()
        if d.get("endpoint") == "_set_registered_model_alias"
        and any(credit in n["object"] for n in d.get("decisions", ()))
    ]
    assert [(d["user"], d["allowed"]) for d in mine] == [
        ("ann", True),
        ("ann", False),
        ("mia", True),
    ]
    assert all(d["policy_digest"].startswith("sha256:") and d["request"] for d in mine)


def test_who_made_a_version_does_not_approve_it(guarded, credit):
    server, _ = guarded
    asked = server.client("abe").request(credit, "1", alias="champion")
    moves = server.client("rita").history(credit)["requests"]
    assert [r["state"] for r in moves] == ["open"]
    server.client("rita").reject(asked["request"], reason="the data is stale")
    with pytest.raises(AccessDeniedError, match="rejected by rita"):
        server.client("mia").promote(credit, "1", alias="champion")
    with pytest.raises(AccessDeniedError, match="rejected by rita"):
        server.client("rob").approve(asked["request"])


def test_the_bytes_stay_the_bytes(guarded, credit):
    server, workplace = guarded
    version = server.mlflow("vic").get_model_version(credit, "1")
    path = version.source.removeprefix("mlflow-artifacts:/")
    url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/weights.txt"
    asked = server.client("ann").request(credit, "1", alias="champion")
    assert server.call("ann", "PUT", url, data=b"changed").status_code == 200
    with pytest.raises(AccessDeniedError, match="files have changed"):
        server.client("rita").approve(asked["request"])
    asked = server.client("ann").request(credit, "1", alias="champion")
    server.client("rita").approve(asked["request"])
    # From the approval on, nobody writes there, by any route or spelling.
    quoted = urllib.parse.quote(path, safe="")
    run_id = path.split("/")[1]
    for method, where, options in [
        ("PUT", url, {}),
        ("PUT", url.replace("/api/", "/ajax-api/"), {}),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quoted}%2Fweights.txt", {}),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quoted.replace('%', '%25')}%252Fw", {}),
        ("PUT", url.replace("/model/", "/./model/"), {}),
        ("PUT", url.replace("/model/", "//model/"), {}),
        ("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{path}/w", {"json": {"path": "w"}}),
        (
            "POST",
            f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=model/weights.txt",
            {},
        ),
        (
            "POST",
            f"{API}/artifacts/presigned-upload-url",
            {"json": {"run_id": run_id, "path": "model/w"}},
        ),
    ]:
        answer = server.call("ann", method, where, **(options or {"data": b"evil"}))
        assert answer.status_code in (403, 404, 409, 308), (method, where, answer.status_code)
    stored = next((workplace.folder / "artifacts").glob(f"{path}/weights.txt"))
    assert stored.read_bytes() == b"changed"
    server.client("mia").promote(credit, "1", alias="champion")
    assert server.call("ann", "PUT", url, data=b"evil").status_code == 403


def test_a_stage_is_promoted_and_rolled_back_like_an_alias(guarded, credit):
    server, _ = guarded
    mia, vic = server.client("mia"), server.mlflow("vic")

    def stage_of(version):
        return vic.get_model_version(credit, version).current_stage

    for version in ("1", "2"):
        with pytest.raises(AccessDeniedError, match=r"--stage production"):
            mia.promote(credit, version, stage="Production")
        asked = server.client("ann").request(credit, version, stage="Production")
        server.client("rita").approve(asked["request"])
        mia.promote(credit, version, stage="Production")
        assert stage_of(version) == "Production"
    assert stage_of("1") == "Archived"
    with pytest.raises(AccessDeniedError, match="may not deployment:rollback"):
        server.client("ann").rollback(credit, stage="Production")
    assert mia.rollback(credit, stage="Production")["version"] == "1"
    assert (stage_of("1"), stage_of("2")) == ("Production", "Archived")
    history = server.client("vic").history(credit)
    assert [m["how"] for m in history["moves"]] == ["promoted", "promoted", "rolled back"]
    assert [r["state"] for r in history["requests"]] == ["done", "done"]


def test_two_rollbacks_go_back_two_and_never_to_what_nobody_approved(guarded, credit):
    server, _ = guarded
    mia, rita = server.client("mia"), server.client("rita")
    ann = server.mlflow("ann")
    found = ann.get_model_version(credit, "1")
    for _ in ("3", "4"):
        ann.create_model_version(
            credit, source=found.source, run_id=found.run_id, await_creation_for=0
        )
    for version in ("1", "2"):
        rita.approve(server.client("abe").request(credit, version, alias="champion")["request"])
        mia.promote(credit, version, alias="champion")
    made = mia.break_glass(credit, alias="champion", reason="outage", ticket="I-9")
    mia.promote(credit, "3", alias="champion")
    rita.approve(server.client("abe").request(credit, "4", alias="champion")["request"])
    server.client("max").promote(credit, "4", alias="champion")
    with pytest.raises(AccessDeniedError, match="break-glass alone"):
        mia.rollback(credit, alias="champion", to="3")
    server.client("rob").review_break_glass(made["id"], findings="not needed", outcome="rejected")
    with pytest.raises(AccessDeniedError, match="rejected in its review"):
        mia.rollback(credit, alias="champion", to="3")
    assert mia.rollback(credit, alias="champion")["version"] == "2"
    assert mia.rollback(credit, alias="champion")["version"] == "1"
    with pytest.raises(InputError, match="no other version was promoted"):
        mia.rollback(credit, alias="champion")
    assert mia.rollback(credit, alias="champion", to="4")["version"] == "4"
    assert server.mlflow("vic").get_model_version_by_alias(credit, "champion").version == "4"


def test_reading_training_data_is_a_decision(guarded, tmp_path):
    server, workplace = guarded
    (workplace.folder / "data" / "visits").mkdir(parents=True, exist_ok=True)
    data = bytes(range(256)) * 10_000
    (workplace.folder / "data" / "visits" / "may.bin").write_bytes(data)
    (workplace.folder / "data" / "out.bin").symlink_to(workplace.folder / "users.json")
    url = "/api/auditkit/1.0/datasets"
    with pytest.raises(AccessDeniedError, match="may not dataset:read on datasets/visits"):
        server.client("ann").fetch_dataset("visits/may.bin", tmp_path / "x")
    assert not list(tmp_path.iterdir())
    assert server.call(None, "GET", f"{url}/visits/may.bin").status_code == 401
    digest = server.client("dora").fetch_dataset("visits/may.bin", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data
    for path in ("out.bin", "../users.json", "..%2Fusers.json", "visits/%2e%2e/out.bin", "visits"):
        answer = server.call("dora", "GET", f"{url}/{path}")
        assert answer.status_code in (403, 404), (path, answer.text[:100])
    served = [e.payload for e in workplace.entries() if e.kind == "dataset.served"]
    assert [(p["user"], p["dataset"], p["file"], p["digest"], p["bytes"]) for p in served] == [
        ("dora", "visits", "may.bin", str(digest), len(data))
    ]


def test_the_lineage_of_what_was_approved_is_not_deleted(guarded, credit):
    server, _ = guarded
    source = server.mlflow("vic").get_model_version(credit, "1").source
    experiment, run = source.removeprefix("mlflow-artifacts:/").split("/")[:2]
    asked = server.client("ann").request(credit, "1", alias="champion")
    server.client("rita").approve(asked["request"])
    for path, body in [
        ("runs/delete", {"run_id": run}),
        ("experiments/delete", {"experiment_id": experiment}),
    ]:
        answer = server.call("dex", "POST", f"{API}/{path}", json=body)
        assert answer.status_code == 403
        assert "belong to a version that was approved" in answer.text


def test_break_glass_is_loud_short_and_reviewed_by_somebody_else(guarded, credit):
    server, workplace = guarded
    mia = server.client("mia")
    with pytest.raises(InputError, match="ticket"):
        mia.break_glass(credit, alias="champion", reason="outage", ticket=" ")
    with pytest.raises(AccessDeniedError):
        server.client("rita").break_glass(credit, alias="champion", reason="outage", ticket="I-1")
    made = mia.break_glass(credit, alias="champion", reason="outage", ticket="INC-7")
    assert made["alerted"]
    assert "INC-7" in (workplace.folder / "alerts.txt").read_text()
    mia.promote(credit, "1", alias="champion")
    history = server.client("audrey").history(credit)
    assert history["moves"][-1]["how"] == "break-glass"
    assert made["id"] in {e["id"] for e in history["breakglass_unreviewed"]}
    with pytest.raises(AccessDeniedError):
        mia.review_break_glass(made["id"], findings="all good")
    server.client("rob").review_break_glass(made["id"], findings="justified")
    with pytest.raises(AccessDeniedError, match="rob has reviewed it before"):
        server.client("rita").review_break_glass(made["id"], findings="not at all")
    with pytest.raises(AccessDeniedError, match="nobody has asked"):
        mia.promote(credit, "2", alias="champion")


SPELLINGS = [
    ("POST", f"{API}/registered-models/alias", False),
    ("POST", "/ajax-api/2.0/mlflow/registered-models/alias", False),
    ("POST", f"{API}/registered-models/%61lias", False),
    ("POST", f"{API}/registered-models//alias", False),
    ("POST", f"{API}/registered-models/alias/", False),
    ("POST", f"{API}/registered-models/alias?alias=staging", False),
    ("POST", f"{API}/registered-models/alias", True),
    ("PUT", f"{API}/registered-models/alias", False),
    ("HEAD", f"{API}/registered-models/alias", False),
    ("OPTIONS", f"{API}/registered-models/alias", False),
    ("POST", f"{API}/registered-models/ALIAS", False),
    ("POST", f"/x/..{API}/registered-models/alias", False),
]


def test_no_spelling_moves_a_protected_alias(guarded, credit):
    server, _ = guarded
    aliases = ["champion", "Champion", "CHAMPION", "champion\n", "ch\u00e0mpion", "champio\u0578"]
    tried = 0
    for (method, path, double), alias, user in itertools.product(
        SPELLINGS, aliases, ("ann", "mia", None)
    ):
        body = {"name": credit, "alias": alias, "version": "1"}
        sent = json.dumps(body) if double else body
        answer = server.call(user, method, path, json=sent)
        # OPTIONS is answered without calling any handler.
        assert method == "OPTIONS" or answer.status_code >= 300, (user, path, answer.text[:200])
        tried += 1
    assert tried == 216
    assert server.mlflow("vic").get_registered_model(credit).aliases == {}


def test_stages_tags_renames_copies_and_deletions_are_decisions_too(guarded, credit):
    server, _ = guarded

    def status(user, method, path, body):
        return server.call(user, method, f"{API}/{path}", json=body).status_code

    stage = {
        "name": credit,
        "version": "1",
        "stage": "Production",
        "archive_existing_versions": "true",
    }
    assert status("ann", "POST", "model-versions/transition-stage", stage) == 403
    assert status("mia", "POST", "model-versions/transition-stage", stage) == 403  # no approval
    stage["stage"] = "pRoDuCtIoN"
    assert status("mia", "POST", "model-versions/transition-stage", stage) == 403
    tag = {"name": credit, "version": "1", "key": "Validation_Status", "value": "approved"}
    assert status("ann", "POST", "model-versions/set-tag", tag) == 403
    tag["key"] = "team"
    assert status("ann", "POST", "model-versions/set-tag", tag) == 200
    with_tag = {
        "name": f"{credit}-b",
        "tags": [{"key": "validation_status", "value": "approved"}],
    }
    assert status("ann", "POST", "registered-models/create", with_tag) == 403
    rename = {"name": credit, "new_name": "trusted"}
    assert status("ann", "POST", "registered-models/rename", rename) == 403
    copy = {"name": "copy", "source": f"models:/{credit}/1"}
    assert status("vic", "POST", "model-versions/create", copy) == 403
    assert status("ann", "DELETE", "registered-models/delete", {"name": credit}) == 403
    assert (
        status("adam", "DELETE", "model-versions/delete", {"name": credit, "version": "1"}) == 403
    )
    assert status("ann", "POST", "webhooks", {"name": "w", "url": "https://x.example"}) == 403


# One row for each line of the list of published bypasses, and for each native family.
ROWS = [
    ("POST", f"{API}/users/create", None),
    ("GET", "/signup", None),
    ("GET", "/get-artifact?run_id=x&path=y", "vic"),
    ("GET", "/model-versions/get-artifact?name=credit&version=1&path=weights.txt", "vic"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=", "vic"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/.", "ann"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/0", "ann"),
    ("GET", "/ajax-api/2.0/mlflow-artifacts/artifacts/0/x", "vic"),
    ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/0/x", "vic"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x", "vic"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/complete/0/x", "vic"),
    ("GET", "/api/2.0/mlflow-artifacts/presigned/0/x", "vic"),
    ("POST", "/graphql", "vic"),
    ("GET", "/graphql?query={__typename}", "vic"),
    ("POST", "/v1/traces", "vic"),
    ("POST", "/ajax-api/3.0/jobs/", "ann"),
    ("POST", "/ajax-api/3.0/jobs/search", "ann"),
    ("PATCH", "/ajax-api/3.0/jobs/cancel/1", "ann"),
    ("POST", "/gateway/x/mlflow/invocations", "ann"),
    ("POST", "/gateway/proxy/x/y", "ann"),
    ("POST", "/ajax-api/3.0/mlflow/assistant/message", "ann"),
    ("PUT", "/ajax-api/3.0/mlflow/assistant/config", "ann"),
    ("POST", "/api/3.0/mlflow/mcp-servers/x/aliases", "ann"),
    ("DELETE", "/api/3.0/mlflow/mcp-servers/x/aliases/prod", "ann"),
    ("POST", "/ajax-api/3.0/mlflow/mcp-servers", "ann"),
    ("PUT", "/api/3.0/mlflow/scorers/online-config", "ann"),
    ("POST", "/ajax-api/3.0/mlflow/scorer/invoke", "ann"),
    ("POST", "/ajax-api/3.0/mlflow/demo/delete", "ann"),
    ("POST", "/api/3.0/mlflow/gateway/secrets/create", "ann"),
    ("POST", "/api/3.0/mlflow/datasets/create", "ann"),
    ("POST", f"{API}/runs/delete", "ann"),
    ("POST", f"{API}/experiments/delete", "ann"),
    ("GET", "/ajax-api/2.0/mlflow/gateway-proxy", "ann"),
    ("PATCH", "/api/3.0/mlflow/workspaces/default", "ann"),
    ("POST", "/api/2.0/mlflow-artifacts/mpu/abort/0/x", "vic"),
    ("HEAD", "/get-artifact?run_id=x&path=y", "vic"),
    ("HEAD", "/api/2.0/mlflow-artifacts/artifacts/0/x", "vic"),
    ("POST", "/api/3.0/mlflow/traces", "vic"),
    ("POST", "/api/3.0/mlflow/traces/x/assessments", "vic"),
    ("DELETE", "/ajax-api/3.0/mlflow/traces/x/assessments/y", "vic"),
    ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=x", None),
    ("POST", f"{API}/runs/log-inputs", "vic"),
    ("GET", f"{API}/webhooks", "vic"),
    ("POST", f"{API}/webhooks/1/test", "vic"),
    ("POST", f"{API}/artifacts/presigned-download-url", "vic"),
    ("GET", "/api/3.0/mlflow/datasets/x/records", "vic"),
    ("DELETE", "/api/3.0/mlflow/datasets/x/records", "ann"),
    ("POST", "/api/3.0/mlflow/skills", "vic"),
]


def refuse_every_row(server):
    for method, path, user in ROWS:
        body = {"name": "x", "alias": "y", "version": "1", "url": "https://x.example"}
        anonymous = server.call(None, method, path, json=body)
        assert anonymous.status_code in (401, 404, 405), (method, path, anonymous.status_code)
        if user is not None:
            known = server.call(user, method, path, json=body)
            # Nothing is routed, MLflow refuses to look it up, or the gate says no.
            assert known.status_code in (400, 403, 404, 405), (method, path, known.status_code)
            assert known.status_code != 400 or "error_code" in known.text, (method, path)
    # No user and no password comes with the server.
    import requests

    for known in [("admin", "password1234"), ("admin", "password"), ("ann", ""), ("ann", "x" * 99)]:
        answer = requests.get(f"{server.url}{API}/registered-models/search", auth=known, timeout=30)
        assert answer.status_code == 401, known


def test_every_known_bypass_is_closed(guarded):
    refuse_every_row(guarded[0])


def test_a_version_has_no_source_outside_the_artifacts(guarded, credit):
    """CVE-2026-2614: a source that reads the server's own files."""
    server, workplace = guarded
    for source in [
        "file:///etc",
        "/etc",
        str(workplace.folder),
        "mlflow-artifacts:/../users.json",
        "mlflow-artifacts:/%2e%2e/users.json",
        "mlflow-artifacts:/0/%252e%252e/%252e%252e",
        "http://127.0.0.1/etc",
        "models:/../etc/1",
    ]:
        body = {"name": credit, "source": source}
        answer = server.call("ann", "POST", f"{API}/model-versions/create", json=body)
        if answer.status_code == 200:
            version = answer.json()["model_version"]["version"]
            where = f"/model-versions/get-artifact?name={credit}&version={version}&path=users.json"
            got = server.call("ann", "GET", where)
            assert got.status_code != 200, (source, got.text[:100])
            assert "scrypt" not in got.text


def test_both_spellings_of_a_field_are_read(guarded, credit):
    """Protocol buffers take camelCase too; a name in it is no way onto a trusted name."""
    server, _ = guarded
    for field in ("new_name", "newName"):
        body = json.dumps({"name": credit, field: "trusted"})
        for sent in (body, json.dumps(body)):
            answer = server.call(
                "dex",
                "POST",
                f"{API}/registered-models/rename",
                data=sent,
                headers={"Content-Type": "application/json"},
            )
            assert answer.status_code == 403, (sent, answer.text)
            assert "models/trusted" in answer.text
    body = {"name": credit, "new_name": f"{credit}-new"}
    assert server.call("dex", "POST", f"{API}/registered-models/rename", json=body).ok


@pytest.mark.slow
def test_under_gunicorn_it_is_the_same(tmp_path):
    """The Flask-only stack, which has no native routes."""
    from guarded_server import Workplace, running
    from test_access_mlflow_failures import make_version

    workplace = Workplace(tmp_path)
    with running(workplace, "--gunicorn-opts", "--threads 2") as server:
        ready = server.call(None, "GET", "/readyz")
        assert (ready.status_code, ready.text) == (200, "OK\n")
        make_version(server, "credit")
        refuse_every_row(server)
        for method, path, double in SPELLINGS:
            body = {"name": "credit", "alias": "Champion", "version": "1"}
            sent = json.dumps(body) if double else body
            answer = server.call("mia", method, path, json=sent)
            assert method == "OPTIONS" or answer.status_code >= 300, (method, path)
        mia = server.client("mia")
        asked = server.client("abe").request("credit", "1", alias="champion")
        assert (
            asked["artifact_digest"]
            in server.call("vic", "GET", f"/auditkit/requests/{asked['request']}").text
        )
        server.client("rita").approve(asked["request"])
        mia.promote("credit", "1", alias="champion")
        source = server.mlflow("vic").get_model_version("credit", "1").source
        path = source.removeprefix("mlflow-artifacts:/")
        for method in ("PUT", "DELETE"):
            url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/w"
            assert server.call("ann", method, url, data=b"evil").status_code == 403
        assert server.client("vic").approved_digest("credit", alias="champion")[0] == "1"


def refuse_unnamed_peers(server):
    """A proxy's header counts from named peers, and nobody names themselves one."""
    path = f"{API}/registered-models/search"
    for headers, status in [
        ({"X-Forwarded-User": "vic"}, 200),
        ({"X-Forwarded-User": "vic", "X-Forwarded-For": "9.9.9.9"}, 401),
        ({"X-Forwarded-User": "vic", "X-Forwarded-For": "10.1.1.1"}, 401),
        ({"X-Forwarded-User": "vic", "X-Forwarded-For": "9.9.9.9, 10.1.1.1:80"}, 401),
        ({"X_Forwarded_User": "vic"}, 401),
        ({"X-Forwarded_User": "vic"}, 401),
    ]:
        found = server.call(None, "GET", path, headers=headers)
        assert found.status_code == status, (headers, found.status_code)


def show_pages_without_gaps(server):
    """Neither an empty page nor a token tells of `secret`, which sorts between the others."""
    for name in ("second", "third"):
        made = server.call("ann", "POST", f"{API}/registered-models/create", json={"name": name})
        assert made.status_code == 200, made.text
    seen, token = [], ""
    for number in range(1, 4):
        asked = f"registered-models/search?max_results=1&page_token={token}"
        page = server.call("vic", "GET", f"{API}/{asked}").json()
        seen += [model["name"] for model in page["registered_models"]]
        token = page.get("next_page_token", "")
        offset = json.loads(base64.b64decode(token))["offset"] if token else None
        assert (len(seen), offset) == (number, number if number < 3 else None)
    assert seen == ["open", "second", "third"]


def test_lists_show_what_their_reader_may_read(tmp_path_factory):
    from guarded_server import Workplace, running
    from test_access_mlflow_failures import make_version

    workplace = Workplace(
        tmp_path_factory.mktemp("lists"),
        settings="proxy: {header: X-Forwarded-User, peers: [127.0.0.1, 10.1.1.1]}\n",
        extra_rules="p, role:viewer, *, models/secret, model:read, deny\n"
        "p, role:viewer, *, models/secret2, model:read, deny\n"
        "p, role:viewer, *, models/secret, model:download, deny\n"
        "p, role:viewer, *, models/secret2, model:download, deny\n",
    )
    with running(workplace, "--static-prefix", "/ml", prefix="/ml") as server:
        ready = server.call(None, "GET", "/readyz")
        assert (ready.status_code, ready.text) == (200, "OK\n")
        refuse_unnamed_peers(server)
        for name in ("open", "secret"):
            make_version(server, name)
        found = server.call("vic", "GET", f"{API}/registered-models/search").json()
        assert [m["name"] for m in found["registered_models"]] == ["open"]
        for user in ("vic", "ann"):  # CVE-2026-2734
            found = server.call(user, "GET", f"{API}/model-versions/search").json()
            assert {v["name"] for v in found["model_versions"]} == {"open"}
        show_pages_without_gaps(server)
        for path in (
            "registered-models/get?name={}",
            "registered-models/get-latest-versions?name={}",
            "registered-models/alias?name={}&alias=a",
            "model-versions/get?name={}&version=1",
            "model-versions/get-download-uri?name={}&version=1",
        ):
            # Whether there is such a model is not told.
            told = [
                server.call("vic", "GET", f"{API}/{path.format(name)}")
                for name in ("secret", "secret2")
            ]
            assert [answer.status_code for answer in told] == [403, 403], path
            words = [re.sub(r"secret2?|line \d+", "", answer.text) for answer in told]
            assert words[0] == words[1]
        for user, path in [("vic", "get?name=secret"), ("ann", "get?name=secret")]:
            assert server.call(user, "GET", f"{API}/registered-models/{path}").status_code == 403
        assert server.call("vic", "POST", "/graphql", json={"query": "{x}"}).status_code == 403
        # Under a prefix the native artifact routes are not where the Flask ones are: both guarded.
        for path in ("/api/2.0/mlflow-artifacts/artifacts/0/x", "/v1/traces"):
            method = "PUT" if "artifacts" in path else "POST"
            assert server.call("vic", method, path, data=b"x").status_code == 403
            bare = server.url.removesuffix("/ml")
            import requests

            answer = requests.request(method, bare + path, data=b"x", timeout=30)
            assert answer.status_code in (401, 404)
        assert set_alias(server, "mia", "open", "champion").status_code in (403, 404)
        # The page for reviewers is under the prefix, and hides what the lists hide.
        for name in ("open", "secret"):
            body = {"model": name, "version": "1", "alias": "champion"}
            asked = server.call("abe", "POST", "/api/auditkit/1.0/request", json=body)
            assert asked.ok, asked.text
        page = server.call("vic", "GET", "/auditkit").text
        assert 'href="/ml/auditkit/page.css"' in page
        assert ">open</a>" in page
        assert ">secret</a>" not in page
        assert server.call("vic", "GET", "/auditkit/history?model=secret").status_code == 403


def test_websockets_are_closed(guarded):
    import socket

    server, _ = guarded
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as link:
        link.sendall(
            b"GET /gateway/x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        answer = link.recv(200)
    assert b"101" not in answer.split(b"\r\n")[0]
    assert answer.split(b" ")[1] in (b"401", b"403", b"404"), answer
