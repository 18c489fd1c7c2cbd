"""Ways round four eyes and round the pinned bytes that a real server must not leave open.

Each of them once worked, or would where one line is taken out.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import urllib.parse
from base64 import b64encode

import pytest
from guarded_server import PASSWORD

from auditkit.errors import AccessDeniedError, InputError

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
API = "/api/2.0/mlflow"
_names = (f"model-attacked-{number}" for number in itertools.count())


class Version:
    """Version 1 of a new model: ann's run and file; registered by ann unless another is named."""

    def __init__(self, server, folder, *, by="ann", **fields):
        self.server, self.name = server, next(_names)
        client = server.mlflow("ann")
        found = client.get_experiment_by_name("attacked")
        self.experiment = found.experiment_id if found else client.create_experiment("attacked")
        self.run = client.create_run(self.experiment).info
        (folder / "weights.txt").write_text("one")
        client.log_artifact(self.run.run_id, str(folder / "weights.txt"), "model")
        server.mlflow(by).create_registered_model(self.name)
        self.source = f"{self.run.artifact_uri}/model"
        answer = self.register(self.name, by, **fields)
        assert answer.ok, answer.text

    def register(self, name, by, **fields):
        body = {"name": name, "source": self.source, "run_id": self.run.run_id, **fields}
        return self.server.call(by, "POST", f"{API}/model-versions/create", json=body)

    @property
    def file(self):
        path = self.run.artifact_uri.removeprefix("mlflow-artifacts:/")
        return f"/api/2.0/mlflow-artifacts/artifacts/{path}/model/weights.txt"

    def ask(self, by="abe", version="1"):
        asked = self.server.client(by).request(self.name, version, alias="champion")
        return asked["request"]


def test_a_version_has_one_number(guarded, tmp_path):
    """`01` is 1 to the store: nobody is its creator, and no alias points to it."""
    server, _ = guarded
    made = Version(server, tmp_path, by="rio")
    for number in ("01", "+1", "1_0", "\uff11", "1 "):
        body = {"model": made.name, "version": number, "alias": "champion"}
        answer = server.call("abe", "POST", "/api/auditkit/1.0/request", json=body)
        assert answer.status_code == (200 if number == "1 " else 400), (number, answer.text)
        sent = {"name": made.name, "version": number, "alias": "champion"}
        answer = server.call("mia", "POST", f"{API}/registered-models/alias", json=sent)
        assert answer.status_code in (400, 403), (number, answer.text)
        answer = server.call("mia", "DELETE", f"{API}/model-versions/delete", json=sent)
        assert answer.status_code in (400, 403), (number, answer.text)
    for number in ("00", "+0", "0_0"):
        answer = server.call("ann", "POST", f"{API}/runs/create", json={"experiment_id": number})
        assert answer.status_code == 400, (number, answer.text)


def test_whoever_made_the_files_does_not_approve_them(guarded, tmp_path):
    """Whoever copies or renames it since."""
    server, _ = guarded
    made = Version(server, tmp_path, by="rio")
    asked = made.ask()
    with pytest.raises(AccessDeniedError, match="neither requested it nor made"):
        server.client("rio").approve(asked)  # made the version
    # A copy is as much its first maker's.
    copy = next(_names)
    server.mlflow("abe").create_registered_model(copy)
    body = {"name": copy, "source": f"models:/{made.name}/1"}
    assert server.call("abe", "POST", f"{API}/model-versions/create", json=body).ok
    copied = server.client("abe").request(copy, "1", alias="champion")["request"]
    for user in ("rio", "roy"):  # roy may all, and has made nothing
        if user == "rio":
            with pytest.raises(AccessDeniedError, match="neither requested it nor made"):
                server.client(user).approve(copied)
        else:
            server.client(user).approve(copied)
    # So is a model under another name.
    renamed = f"{made.name}-renamed"
    body = {"name": made.name, "new_name": renamed}
    assert server.call("dex", "POST", f"{API}/registered-models/rename", json=body).ok
    asked = server.client("abe").request(renamed, "1", alias="champion")["request"]
    with pytest.raises(AccessDeniedError, match="neither requested it nor made"):
        server.client("rio").approve(asked)


def test_a_tag_does_not_make_a_model_a_prompt(guarded, tmp_path):
    """What is approved of a version so tagged is its files, not its tags."""
    server, _ = guarded
    made = Version(server, tmp_path)
    plain = server.client("abe").request(made.name, "1", alias="champion")["artifact_digest"]
    tag = {"name": made.name, "key": "mlflow.prompt.is_prompt", "value": "true"}
    for where in ("registered-models", "model-versions"):
        body = {**tag, "version": "1"} if where == "model-versions" else tag
        assert server.call("ann", "POST", f"{API}/{where}/set-tag", json=body).ok
    asked = server.client("abe").request(made.name, "1", alias="champion")
    assert asked["artifact_digest"] == plain
    server.client("rita").approve(asked["request"])
    assert server.call("ann", "PUT", made.file, data=b"evil").status_code == 403


def test_every_spelling_of_a_source_pins_the_same_files(guarded, tmp_path):
    server, _ = guarded
    made = Version(server, tmp_path)
    runs = f"runs:/{made.run.run_id}/model"
    answer = made.register(made.name, "ann", source=runs)
    assert answer.ok, answer.text
    with pytest.raises(AccessDeniedError, match="cannot be read by the server"):
        made.ask(version="2")
    # What this server reads as its own file, every client would load from elsewhere.
    path = made.source.removeprefix("mlflow-artifacts:/")
    for source in (
        f"mlflow-artifacts://evil.example/{path}",
        f"MLFLOW-ARTIFACTS://evil.example:80/{path}",
        f"http://evil.example/api/2.0/mlflow-artifacts/artifacts/{path}",
        "http://evil.example/model",
    ):
        answer = made.register(made.name, "ann", source=source)
        assert answer.status_code in (400, 403), (source, answer.text)
    body = {"name": next(_names), "artifact_location": f"mlflow-artifacts://evil.example/{path}"}
    assert server.call("ann", "POST", f"{API}/experiments/create", json=body).status_code == 400
    server.client("rita").approve(made.ask())
    # Nor is an experiment put where the files of something approved lie.
    body = {"name": next(_names), "artifact_location": made.source}
    assert server.call("ann", "POST", f"{API}/experiments/create", json=body).status_code == 403


def test_an_upload_that_began_before_the_approval_does_not_end_after_it(guarded, tmp_path):
    server, _ = guarded
    made = Version(server, tmp_path)
    asked = made.ask()
    where = urllib.parse.urlsplit(server.url)
    slow = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
    slow.putrequest("PUT", made.file)
    slow.putheader("Authorization", "Basic " + b64encode(f"ann:{PASSWORD}".encode()).decode())
    slow.putheader("Content-Length", "4")
    slow.endheaders(b"ev")
    decided = threading.Event()
    for _ in range(100):  # until the server has let it in
        if any(d.get("writes") for d in guarded[1].decisions()[-5:]):
            break
        decided.wait(0.1)
    with pytest.raises(AccessDeniedError, match="ann is writing"):
        server.client("rita").approve(asked)
    slow.send(b"il")
    assert slow.getresponse().status == 200
    slow.close()
    with pytest.raises(AccessDeniedError, match="files have changed"):
        server.client("rita").approve(asked)


def test_nobody_unnamed_fills_the_servers_memory(guarded):
    """MLflow reads a whole body before it asks who sends it."""
    server, _ = guarded
    where = urllib.parse.urlsplit(server.url)
    for header, value in (("Content-Length", str(10**12)), ("Transfer-Encoding", "chunked")):
        for path in (f"{API}/runs/create", "/ajax-api/2.0/mlflow/upload-artifact", "/nowhere"):
            sent = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
            sent.putrequest("POST", path)
            sent.putheader(header, value)
            sent.endheaders()
            assert sent.getresponse().status == 401, (header, path)
            sent.close()
    big = {"experiment_id": "0", "tags": [{"key": "k", "value": "x" * 2**21}]}
    answer = server.call("ann", "POST", f"{API}/runs/create", json=big)
    assert answer.status_code not in (401, 403, 413), answer.text


def test_a_promotion_is_rejected_before_it_is_used_and_not_after(guarded, tmp_path):
    server, _ = guarded
    made = Version(server, tmp_path)
    asked = made.ask()
    server.client("rita").approve(asked)
    server.client("mia").promote(made.name, "1", alias="champion")
    with pytest.raises(AccessDeniedError, match="it is done already"):
        server.client("rob").reject(asked, reason="too late")
    history = server.client("vic").history(made.name)
    assert [r["state"] for r in history["requests"]] == ["done"]


def denied(workplace):
    """The denials; reads that were allowed are logged together, and may come after them."""
    return [d for d in workplace.decisions() if d.get("allowed") is False]


def test_a_page_of_another_site_changes_and_reads_nothing(guarded, tmp_path):
    """MLflow lets a page of any port of localhost, which has the visitor's password."""
    server, workplace = guarded
    made = Version(server, tmp_path)
    page = {"Origin": "http://localhost:8888", "Sec-Fetch-Site": "cross-site"}
    alias = {"name": made.name, "version": "1", "alias": "staging"}
    upload = {"run_uuid": made.run.run_id, "path": "sub/f"}
    for method, path, given in (
        ("POST", f"{API}/registered-models/alias", {"json": alias}),
        ("PUT", made.file, {"data": b"two"}),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact", {"params": upload, "data": b"two"}),
        ("GET", made.file, {}),
        ("GET", f"{API}/registered-models/get?name={made.name}", {}),
    ):
        before = len(denied(workplace))
        answer = server.call("ann", method, path, headers=page, **given)
        assert (answer.status_code, "another site" in answer.text) == (403, True), (method, path)
        assert [d["user"] for d in denied(workplace)[before:]] == ["ann"], path
        own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}
        assert server.call("ann", method, path, headers=own, **given).ok, (method, path)


def test_what_cannot_be_judged_is_refused_and_logged(guarded):
    server, workplace = guarded
    answer = server.call("vic", "GET", f"{API}/runs/get?run_id=nothing")
    assert answer.status_code == 404
    body = {"request": "nothing"}
    assert server.call("rita", "POST", "/api/auditkit/1.0/approve", json=body).status_code == 404
    assert {"_get_run", "auditkit_approve"} <= {d["endpoint"] for d in denied(workplace)}
    with pytest.raises(InputError, match="no such request"):
        server.client("rita").approve("nothing")
