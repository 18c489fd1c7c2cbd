"""After an approval, somebody with the bucket's credentials changes what stands behind it.

One real server whose routes are Flask's below `/ml` and FastAPI's without: each way to read serves
the approved bytes, and what was approved with them stays as it was.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ALERT
from guarded_server import LOG_NAME, ROOT, Workplace, running

from auditkit.errors import AccessDeniedError
from auditkit.ledger import NoteSigner
from auditkit.registry.digest import artifact_digest
from auditkit.registry.models import ModelRegistry

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
FILES = {"MLmodel": b"flavor", "data/weights.bin": bytes(range(256)) * 400}
EVIL = b"evil"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("approved")
    (folder / "alert.sh").write_text(ALERT)
    (folder / "alert.sh").chmod(0o755)
    workplace = Workplace(folder, settings="alert: alert.sh\n")
    with running(workplace, "--static-prefix", "/ml", prefix="/ml") as server:
        yield SimpleNamespace(server=server, workplace=workplace, **_approved(server, workplace))


def _approved(server: Any, workplace: Workplace) -> dict[str, Any]:
    """Two approved versions, of a run's files and of a logged model's; and the files changed."""
    local = workplace.folder / "local"
    for name, data in FILES.items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(data)
    ann = server.mlflow("ann")
    experiment = ann.create_experiment("credit")
    run = ann.create_run(experiment).info
    ann.log_metric(run.run_id, "auc", 0.8)
    ann.set_tag(run.run_id, "team", "risk")
    ann.log_artifacts(run.run_id, str(local), "model")
    model = ann.create_logged_model(experiment, name="m", source_run_id=run.run_id)
    ann.log_model_artifacts(model.model_id, str(local))
    ann.finalize_logged_model(model.model_id, "READY")
    for name, source, model_id in (
        ("credit", f"{run.artifact_uri}/model", None),
        ("scores", model.artifact_location, model.model_id),
    ):
        ann.create_registered_model(name)
        ann.create_model_version(
            name, source, run_id=run.run_id, model_id=model_id, await_creation_for=0
        )
    asked = [server.client("abe").request(n, "1", alias="champion") for n in ("credit", "scores")]
    assert {a["artifact_digest"] for a in asked} == {str(artifact_digest(local))}
    assert not list((workplace.folder / "approved").iterdir())
    # What is not approved yet may still change.
    ann.log_metric(run.run_id, "auc", 0.9)
    ann.set_terminated(run.run_id)
    for one in asked:
        server.client("rita").approve(one["request"])
    stored = workplace.folder / "artifacts"
    for source in (run.artifact_uri + "/model", model.artifact_location):
        place = stored / source.removeprefix("mlflow-artifacts:/")
        (place / "MLmodel").write_bytes(EVIL)
        (place / "data" / "weights.bin").unlink()
        (place / "more.pkl").write_bytes(EVIL)
    server.client("mia").promote("credit", "1", alias="champion")
    server.client("mia").promote("scores", "1", alias="champion")
    return {
        "digest": str(artifact_digest(local)),
        "run": run.run_id,
        "model": model.model_id,
        "run_path": f"{run.artifact_uri}/model".removeprefix("mlflow-artifacts:/"),
        "model_path": model.artifact_location.removeprefix("mlflow-artifacts:/"),
    }


def reads(world: Any, name: str) -> dict[str, str]:
    """Each way to read one file of the two versions, by what is asked."""
    run, model = world.run, world.model
    found = {
        "get-artifact": f"/get-artifact?run_id={run}&path=model/{name}",
        "get-artifact, uuid": f"/get-artifact?run_uuid={run}&path=model/{name}",
        "of version": f"/model-versions/get-artifact?name=credit&version=1&path={name}",
        "of version of model": f"/model-versions/get-artifact?name=scores&version=1&path={name}",
        "of model": f"{AJAX}/logged-models/{model}/artifacts/files?artifact_file_path={name}",
    }
    for path in (world.run_path, world.model_path):
        for api in (API, AJAX):
            found[f"{api} {path}"] = f"{api}-artifacts/artifacts/{path}/{name}"
            found[f"{api} {path} escaped"] = f"{api}-artifacts/artifacts/{path}/{name}".replace(
                "/artifacts/m", "/artifacts/%6D"
            )
    return found


def native(server: Any, user: str, path: str) -> Any:
    """Without the prefix, which FastAPI's own routes do not have."""
    import requests
    from guarded_server import PASSWORD

    url = server.url.removesuffix("/ml") + path
    return requests.get(url, auth=(user, PASSWORD), timeout=60)


def test_every_way_to_read_a_file_gets_the_approved_bytes(world):
    for name, data in FILES.items():
        for what, path in reads(world, name).items():
            answer = world.server.call("ann", "GET", path)
            assert (answer.status_code, answer.content) == (200, data), (what, answer.text[:200])
            if "-artifacts/artifacts/" in path:
                answer = native(world.server, "ann", path)
                assert (answer.status_code, answer.content) == (200, data), (what, "native")
    for what, path in reads(world, "more.pkl").items():
        answers = [world.server.call("ann", "GET", path)]
        if "-artifacts/artifacts/" in path:
            answers.append(native(world.server, "ann", path))
        for answer in answers:
            assert answer.status_code == 404, (what, answer.status_code, answer.text[:200])
            assert EVIL not in answer.content


def test_every_list_is_that_of_the_approved_version(world):
    run, model = world.run, world.model
    lists = {
        f"{API}-artifacts/artifacts?path={world.run_path}",
        f"{AJAX}-artifacts/artifacts?path={world.model_path}",
        f"{API}/artifacts/list?run_id={run}&path=model",
        f"{API}/logged-models/{model}/artifacts/directories",
    }
    for path in lists:
        for inner in ("", "data"):
            where = path
            if inner and "directories" in path:
                where = f"{path}?artifact_directory_path={inner}"
            elif inner:
                where = f"{path}/{inner}"
            answer = world.server.call("ann", "GET", where)
            found = {
                (Path(f["path"]).name, f.get("is_dir"), int(f.get("file_size") or 0))
                for f in answer.json()["files"]
            }
            wanted = {("weights.bin", False, len(FILES["data/weights.bin"]))}
            if not inner:
                wanted = {("MLmodel", False, 6), ("data", True, 0)}
            assert found == wanted, (where, answer.text)
    # Nobody with a packaged role may read every experiment, artifact and dataset; roy's rules do.
    query = 'query { mlflowListArtifacts(input: {runId: "%s", path: "model"}) { files { path } } }'
    answer = world.server.call("rita", "POST", "/graphql", json={"query": query % run})
    assert answer.status_code in (200, 403)
    assert "more.pkl" not in answer.text


def test_a_plain_client_loads_the_approved_bytes_by_the_alias(world, tmp_path):
    world.server.mlflow("ann")
    import mlflow

    mlflow.set_tracking_uri(world.server.url)
    mlflow.set_registry_uri(world.server.url)
    for name, uri in {
        "alias": "models:/credit@champion",
        "alias of model": "models:/scores@champion",
        "number": "models:/credit/1",
        "model": f"models:/{world.model}",
        "run": f"runs:/{world.run}/model",
    }.items():
        (tmp_path / name).mkdir()
        got = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=tmp_path / name))
        if uri != f"runs:/{world.run}/model":
            (got / "registered_model_meta").unlink(missing_ok=True)  # MLflow's client writes it
        assert str(artifact_digest(got)) == world.digest, uri
    registry = ModelRegistry(world.server.url)
    version, digest = world.server.client("ann").approved_digest("credit", alias="champion")
    (tmp_path / "loaded").mkdir()
    from auditkit.canonical import Digest

    loaded = registry.load("credit", version, tmp_path / "loaded", expected=Digest.parse(digest))
    assert str(artifact_digest(loaded)) == world.digest == digest


def test_no_link_leads_past_the_copy(world):
    server = world.server
    path = f"{world.run_path}/MLmodel"
    for where in (API, AJAX):
        answer = server.call("ann", "GET", f"{where}-artifacts/presigned/{path}")
        assert answer.status_code == 409, answer.text
        body = {"run_id": world.run, "path": "model/MLmodel"}
        answer = server.call("ann", "POST", f"{where}/artifacts/presigned-download-url", json=body)
        assert answer.status_code == 409, answer.text
        for named in ({"run_id": world.run}, {"model_id": world.model}):
            body = {"path": "model/MLmodel", **named}
            url = f"{where}/artifacts/presigned-upload-url"
            answer = server.call("ann", "POST", url, json=body)
            assert answer.status_code == 409, answer.text


def changes(world: Any) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Each way to change what was recorded of the run, the logged model or the version."""
    run, model = world.run, world.model
    metric = {"key": "auc", "value": 1.0, "timestamp": 1}
    tags = [{"key": "team", "value": "x"}]
    logged = f"{API}/logged-models/{model}"
    inputs = [{"dataset": {"name": "d", "digest": "1", "source_type": "t", "source": "s"}}]
    version = {"name": "credit", "version": "1", "key": "risk"}
    return {
        "log-metric": ("POST", f"{API}/runs/log-metric", {"run_id": run, **metric}),
        "by uuid": ("POST", f"{AJAX}/runs/log-metric", {"run_uuid": run, **metric}),
        "log-batch": ("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": [metric]}),
        "param": ("POST", f"{API}/runs/log-parameter", {"run_id": run, "key": "p", "value": "1"}),
        "set-tag": ("POST", f"{API}/runs/set-tag", {"run_id": run, **tags[0]}),
        "delete-tag": ("POST", f"{API}/runs/delete-tag", {"run_id": run, "key": "team"}),
        "rename": ("POST", f"{API}/runs/update", {"run_id": run, "run_name": "better"}),
        "reopen": ("POST", f"{API}/runs/update", {"run_id": run, "status": "RUNNING"}),
        "inputs": ("POST", f"{API}/runs/log-inputs", {"run_id": run, "datasets": inputs}),
        "outputs": (
            "POST",
            f"{API}/runs/outputs",
            {"run_id": run, "models": [{"model_id": model, "step": 1}]},
        ),
        "log-model": ("POST", f"{API}/runs/log-model", {"run_id": run, "model_json": "{}"}),
        "metric of model": (
            "POST",
            f"{API}/runs/log-metric",
            {"run_id": world.other, "model_id": model, **metric},
        ),
        "batch of model": (
            "POST",
            f"{API}/runs/log-batch",
            {"run_id": world.other, "metrics": [{"model_id": model, **metric}]},
        ),
        "model tags": ("PATCH", f"{logged}/tags", {"tags": tags}),
        "two model tags": (
            "PATCH",
            f"{logged}/tags",
            {"tags": [*tags, {"key": "mlflow.modelVersions", "value": "[]"}]},
        ),
        **{
            f"versions {number}": (
                "PATCH",
                f"{logged}/tags",
                {"tags": [{"key": "mlflow.modelVersions", "value": value}]},
            )
            for number, value in enumerate(
                (
                    "[]",
                    "none",
                    "[1]",
                    '["scores"]',
                    '[{"name": "scores", "version": "1"}, {"name": "scores", "version": "7"}]',
                    '[{"name": "scores", "version": "1"}, {"name": "credit", "version": "1"}]',
                    '[{"name": "scores", "version": "1", "risk": "low"}]',
                    "[" * 4000,
                )
            )
        },
        "no model tag": ("DELETE", f"{logged}/tags/team", {}),
        "model params": ("POST", f"{logged}/params", {"params": [{"key": "p", "value": "1"}]}),
        "finalize": ("PATCH", logged, {"status": "LOGGED_MODEL_UPLOAD_FAILED"}),
        "version tag": ("POST", f"{API}/model-versions/set-tag", {**version, "value": "low"}),
        "prompt tag": (
            "POST",
            f"{API}/model-versions/set-tag",
            {**version, "key": "mlflow.prompt.is_prompt", "value": "true"},
        ),
        "no version tag": ("DELETE", f"{API}/model-versions/delete-tag", version),
    }


def test_what_was_approved_with_the_files_stays_as_it_was(world):
    server, ann = world.server, world.server.mlflow("ann")
    experiment = ann.get_run(world.run).info.experiment_id
    world.other = ann.create_run(experiment).info.run_id

    def seen() -> Any:
        data, model = ann.get_run(world.run), ann.get_logged_model(world.model)
        return (
            data.to_dictionary(),
            model.to_dictionary(),
            ann.get_model_version("credit", "1").tags,
        )

    before = seen()
    for what, (method, path, body) in changes(world).items():
        answer = server.call("ann", method, path, json=body)
        assert answer.status_code == 409, (what, answer.status_code, answer.text)
        assert "register a new version" in answer.text, what
    assert seen() == before
    # Another run, and ending it, are free; so is another version of the same logged model.
    ann.log_metric(world.other, "auc", 0.7)
    ann.set_terminated(world.other)
    import mlflow

    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    again = mlflow.register_model(f"models:/{world.model}", "scores", await_registration_for=0)
    assert str(again.version) == "2"
    # MLflow's own list of its versions has grown, which nobody can write otherwise.
    listed = json.loads(ann.get_logged_model(world.model).tags["mlflow.modelVersions"])
    assert {(row["name"], str(row["version"])) for row in listed} == {
        ("scores", "1"),
        ("scores", "2"),
    }
    dex = server.call("ann", "POST", f"{API}/runs/delete", json={"run_id": world.run})
    assert dex.status_code == 403


def test_a_description_may_change_and_its_history_shows(world):
    server, ann = world.server, world.server.mlflow("ann")
    ann.update_model_version("credit", "1", description="for the board")
    ann.update_registered_model("credit", description="credit risk")
    assert ann.get_model_version("credit", "1").description == "for the board"
    found = server.client("vic").history("credit")["descriptions"]
    assert [(d["model"], d["version"], d["user"]) for d in found] == [
        ("credit", "1", "ann"),
        ("credit", "", "ann"),
    ]
    assert server.client("vic").history("scores")["descriptions"] == []


def test_latest_is_not_told_where_an_alias_is_protected(world):
    server, ann = world.server, world.server.mlflow("ann")
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    with pytest.raises(MlflowException, match=r"protected alias.*models:/NAME@ALIAS"):
        mlflow.artifacts.download_artifacts(artifact_uri="models:/credit/latest")
    path = f"{API}/registered-models/get-latest-versions"
    for method, options in {
        "POST": {"json": {"name": "credit"}},
        "GET": {"params": {"name": "credit"}},
    }.items():
        assert server.call("ann", method, path, **options).status_code == 409
    for stages, status in {("None",): 409, ("none", "Staging"): 409, ("Staging",): 200}.items():
        body = {"name": "credit", "stages": list(stages)}
        assert server.call("ann", "POST", path, json=body).status_code == status, stages
    # Whoever releases may ask; and of a model without a protected alias everybody.
    assert server.call("mia", "POST", path, json={"name": "credit"}).status_code == 200
    ann.create_registered_model("draft")
    assert server.call("ann", "POST", path, json={"name": "draft"}).status_code == 200
    assert [v.version for v in ann.search_model_versions("name = 'credit'")] == ["1"]
    assert ann.get_registered_model("credit").aliases == {"champion": "1"}


def test_copies_that_nothing_in_the_log_names_can_be_listed(world):
    """By the lines of docs/how-to/guard-a-registry.md."""
    folder = world.workplace.folder
    text = (ROOT / "docs" / "how-to" / "guard-a-registry.md").read_text()
    lines = re.search(r"```bash\n(auditkit log tail.*?)```", text, re.DOTALL)
    assert lines is not None
    script = lines[1].replace("auditkit ", f"{sys.executable} -m auditkit ")
    pem = (folder / "log.pem").read_bytes()
    (folder / "log.pub").write_text(str(NoteSigner.from_pem(pem, name=LOG_NAME).verifier))
    orphan = folder / "approved" / ("0" * 64)
    orphan.mkdir()
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, capture_output=True, text=True, check=True
    )
    orphan.rmdir()
    assert done.stdout.split() == [orphan.name], done.stderr


def test_a_copy_that_was_changed_is_refused_logged_and_alerted(world):
    server, folder = world.server, world.workplace.folder
    (alerts := folder / "alerts.txt").unlink(missing_ok=True)
    copy = folder / "approved" / world.digest.removeprefix("sha256:")
    assert [p.name for p in (folder / "approved").iterdir()] == [copy.name]
    file = copy / "MLmodel"
    file.chmod(0o644)
    file.write_bytes(b"FLAVOR")
    for what, path in reads(world, "MLmodel").items():
        answer = server.call("ann", "GET", path)
        assert answer.status_code == 409, (what, answer.status_code, answer.text)
        if "-artifacts/artifacts/" in path:
            assert native(server, "ann", path).status_code == 409
    with pytest.raises(AccessDeniedError, match="was changed"):
        server.client("rita").approve(
            server.client("abe").request("credit", "1", alias="production")["request"]
        )
    changed = [e.payload for e in world.workplace.entries() if e.kind == "approved.changed"]
    assert [(c["artifact_digest"], c["found"]) for c in changed] == [(world.digest, "changed")]
    for _ in range(50):
        if alerts.exists() and alerts.read_text().endswith("}"):
            break
        time.sleep(0.1)
    assert json.loads(alerts.read_text())["kind"] == "approved.changed"
    file.write_bytes(FILES["MLmodel"])
    answer = server.call("ann", "GET", reads(world, "MLmodel")["get-artifact"])
    assert answer.content == FILES["MLmodel"]
