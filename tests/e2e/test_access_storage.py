"""What is judged is what is written: the file system is the witness.

A real server, random requests to every route that touches files, in every spelling of a location
and a path: each file that changed lies below a name that the request's entry in the log states.
"""

from __future__ import annotations

import hashlib
import itertools
import posixpath
import random
import sqlite3
import urllib.parse
from pathlib import Path

import pytest
import requests
from guarded_server import LOG_NAME, PASSWORD, Workplace, running

from auditkit.ledger import Ledger, NoteSigner
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.repositories import WRITES
from tests.support.writing_routes import touching

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
API = "/api/2.0/mlflow"
FILES = "/mlflow-artifacts/artifacts/"
AUDITKIT = "/api/auditkit/1.0"
WORKSPACES = ("default", "team-a")
# Somebody whom no rule keeps from anything that touches files.
FREE = "".join(
    f"p, ann, *, **, {verb}, allow\n"
    for verb in ("artifact:*", "dataset:*", "experiment:*", "trace:*", "server:*", "model:delete")
)
# Somebody who may read one folder of each workspace, and nothing else.
NARROW = "".join(
    f"p, nobody, *, artifacts/{where}shared/**, artifact:read, allow\n"
    for where in ("", "workspaces/default/", "workspaces/team-a/")
)
REQUESTS = 400
_names = (f"stored-{number}" for number in itertools.count())


def tree(root):
    """Every file's digest below a folder, by its path."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(root).rglob("*")
        if path.is_file()
    }


def changed(before, after):
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


class Stored:
    """A server with workspaces, each with a model whose version 1 is behind a protected alias."""

    def __init__(self, server, workplace):
        self.server, self.workplace = server, workplace
        self.root = workplace.folder / "artifacts"
        self.read = 0
        pem = (workplace.folder / "log.pem").read_bytes()
        self.key = NoteSigner.from_pem(pem, name=LOG_NAME).verifier
        self.runs: dict[str, list[dict[str, str]]] = {}
        self.models: dict[str, list[str]] = {}
        self.promoted: dict[str, str] = {}

    def call(self, user, method, path, where="default", **options):
        return requests.request(
            method,
            f"{self.server.url}{path}",
            auth=(user, PASSWORD),
            headers={"X-MLFLOW-WORKSPACE": where} if where else {},
            timeout=60,
            allow_redirects=False,
            **options,
        )

    def ask(self, user, path, where, **body):
        answer = self.call(user, "POST", path, where, json=body)
        assert answer.ok, (path, body, answer.text)
        return answer.json()

    def experiment(self, where, location=""):
        """A new experiment; a location is written into the database, as an old one may have it."""
        made = self.ask("ann", f"{API}/experiments/create", where, name=next(_names))
        number = made["experiment_id"]
        if location:
            with sqlite3.connect(self.workplace.folder / "mlflow.db") as database:
                database.execute(
                    "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                    (location, number),
                )
        return number

    def fill(self, where, experiment):
        """A run and a logged model in an experiment."""
        body = {"experiment_id": experiment}
        run = self.ask("ann", f"{API}/runs/create", where, **body)["run"]["info"]
        self.runs.setdefault(where, []).append(run)
        made = self.ask("ann", f"{API}/logged-models", where, **body, name="m")
        self.models.setdefault(where, []).append(made["model"]["info"]["model_id"])
        return run

    def promote(self, where):
        run = self.fill(where, self.experiment(where))
        path = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        for name in ("w", "sub/config"):
            url = f"/api/2.0{FILES}{path}/model/{name}"
            assert self.call("ann", "PUT", url, where, data=b"approved").ok
        self.ask("ann", f"{API}/registered-models/create", where, name="credit")
        source = f"{run['artifact_uri']}/model"
        body = {"name": "credit", "source": source, "run_id": run["run_id"]}
        self.ask("ann", f"{API}/model-versions/create", where, **body)
        body = {"model": "credit", "version": "1", "alias": "champion"}
        asked = self.ask("abe", f"{AUDITKIT}/request", where, **body)
        self.ask("rita", f"{AUDITKIT}/approve", where, request=asked["request"])
        self.ask("mia", f"{AUDITKIT}/promote", where, **body)
        self.promoted[where] = f"{path}/model"

    def judged(self):
        """What the entries since the last call admitted to be written."""
        with Ledger.open(f"sqlite:///{self.workplace.folder}/ledger.db", key=self.key) as log:
            entries = list(log.entries(begin=self.read))
            self.read = log.size
        return [
            entry.payload["writes"]
            for entry in entries
            if entry.kind == "access.decision"
            and entry.payload["allowed"]
            and entry.payload.get("writes")
        ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    workplace = Workplace(tmp_path_factory.mktemp("stored"), extra_rules=FREE + NARROW)
    with running(workplace, "--enable-workspaces") as server:
        made = Stored(server, workplace)
        made.ask("ann", "/api/3.0/mlflow/workspaces", "default", name="team-a")
        for where in WORKSPACES:
            made.promote(where)
        for where in WORKSPACES:
            for location in locations(made):
                made.fill(where, made.experiment(where, location))
        yield made


def locations(made):
    """Locations of every kind: other spellings, inside and above what is promoted, elsewhere."""
    root, one, two = made.root, made.promoted["default"], made.promoted["team-a"]
    return [
        "mlflow-artifacts:/shared/x",
        "mlflow-artifacts:/workspaces/team-a/shared",
        "mlflow-artifacts://other.example/shared/x",
        f"{made.server.url}/api/2.0{FILES}shared/y",
        f"file://{root}/shared/z",
        f"file:{root}/shared/with%20space",
        f"{root}/shared/plain",
        "artifacts/shared/relative",
        f"{made.workplace.folder}/outside",
        *(f"{scheme}{path}" for path in (one, two) for scheme in (
            "mlflow-artifacts:/", f"file://{root}/", f"file://host{root}/", "artifacts/",
            f"file://{root}/shared/../",
        )),
        f"mlflow-artifacts:/{urllib.parse.quote(one, safe='').replace('model', '%6dodel')}",
        f"mlflow-artifacts:/shared/../{one}",
        f"mlflow-artifacts:/{one}?x=1",
        f"mlflow-artifacts:/{two.removeprefix('workspaces/team-a/')}",
        f"mlflow-artifacts:/fresh/{next(_names)}",
        f"file://{root}/fresh/{next(_names)}",
        "s3://bucket/fresh",
        f"mlflow-artifacts:/{posixpath.dirname(one)}",
        f"file://{root}/{posixpath.dirname(two)}",
    ]  # fmt: skip


def spelt(path, draw):
    """A path in some spelling, which may name the same file, another one, or none."""
    parts = path.split("/")
    for _ in range(draw.choice((0, 0, 1, 1, 2))):
        at = draw.randrange(len(parts))
        how = draw.randrange(9)
        if how == 0:
            parts[at] = urllib.parse.quote(parts[at], safe="").replace("m", "%6d")
        elif how == 1:
            parts[at] = urllib.parse.quote("%6d") + parts[at][1:] if parts[at] else "%25"
        elif how == 2:
            parts.insert(at, draw.choice(("", ".", "..", "shared/..", "%2e", "%2e%2e")))
        elif how == 3:
            parts[at] = parts[at].upper()
        elif how == 4:
            parts = ["workspaces", draw.choice((*WORKSPACES, "team-b")), *parts]
        elif how == 5:
            parts.append(draw.choice(("", ".", "x", "x y", "w;a", "w?a", "w%00", "datasets/d")))
        elif how == 6 and parts[:1] == ["workspaces"]:
            parts = parts[2:]
        elif how == 7:
            parts = [draw.choice(("file:", "/", "\\", "file:///")) + parts[0], *parts[1:]]
        else:
            parts[at] += draw.choice(("%2f", "%2F..", "%23", " ", "%0a"))
        parts = parts or [""]
    return "/".join(parts)


def places(made, where, draw):
    """Paths at the destination that matter, and some that do not."""
    runs = made.runs[where]
    run = draw.choice(runs)
    short = f"{run['experiment_id']}/{run['run_id']}/artifacts"
    return draw.choice((
        *(f"{path}/{name}" for path in made.promoted.values() for name in ("w", "new", "")),
        f"{made.promoted['team-a'].removeprefix('workspaces/team-a/')}/w",
        f"{short}/model/w", f"workspaces/{where}/{short}/f", f"{short}/f",
        "shared/x/f", "shared/with space/f", "shared", "workspaces", "",
    )).rstrip("/")  # fmt: skip


def one_request(made, draw, *, only=(), file="f"):
    """A random request to a route that writes, deletes, lists or serves files.

    Args:
        made: The server.
        draw: Chooses.
        only: Names of routes; empty: any.
        file: A file's name to ask for.
    """
    where = draw.choice(WORKSPACES)
    run, model = draw.choice(made.runs[where]), draw.choice(made.models[where])
    api = draw.choice(("/api", "/ajax-api"))
    path = spelt(draw.choice((places(made, where, draw), f"shared/x/{file}", "shared/x/f")), draw)
    inner = spelt(draw.choice(("w", "model/w", "model", file, f"../{file}", "sub/config")), draw)
    at = urllib.parse.quote(path, safe="/%")
    one, inside = run["run_id"], {"run_uuid": run["run_id"], "run_id": run["run_id"], "path": inner}
    piece = {"path": inner}
    location = draw.choice([*locations(made), spelt(draw.choice(locations(made)), draw)])
    ways = {
        "put": ("PUT", f"{api}/2.0{FILES}{at}", {"data": b"changed"}),
        "delete": ("DELETE", f"{api}/2.0{FILES}{at}", {}),
        "get": ("GET", f"{api}/2.0{FILES}{at}", {}),
        "list": ("GET", f"{api}/2.0{FILES.rstrip('/')}", {"params": {"path": path}}),
        **{
            f"parts {step}": (
                "POST",
                f"{api}/2.0/mlflow-artifacts/mpu/{step}/{at}",
                {"json": {"path": inner, "upload_id": "1", "num_parts": 1, "parts": [{}]}},
            )
            for step in ("create", "complete", "abort")
        },
        "presigned": ("GET", f"{api}/2.0/mlflow-artifacts/presigned/{at}", {}),
        "page upload": (
            "POST", "/ajax-api/2.0/mlflow/upload-artifact", {"params": inside, "data": b"changed"},
        ),
        "presigned upload": (
            "POST",
            f"{api}/2.0/mlflow/artifacts/presigned-upload-url",
            {"json": {draw.choice(("run_id", "model_id")): draw.choice((one, model)), **piece}},
        ),
        "presigned download": (
            "POST", f"{api}/2.0/mlflow/artifacts/presigned-download-url", {"json": inside},
        ),
        "get-artifact": ("GET", "/get-artifact", {"params": inside}),
        "version's": (
            "GET",
            "/model-versions/get-artifact",
            {"params": {"name": "credit", "version": draw.choice("12"), "path": inner}},
        ),
        "run's list": ("GET", f"{api}/2.0/mlflow/artifacts/list", {"params": inside}),
        "model's file": (
            "GET",
            f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files",
            {"params": {"artifact_file_path": inner}},
        ),
        "model's list": (
            "GET",
            f"{api}/2.0/mlflow/logged-models/{model}/artifacts/directories",
            {"params": {"artifact_directory_path": inner}},
        ),
        "trace's": (
            "GET", "/ajax-api/3.0/mlflow/get-trace-artifact", {"params": {"request_id": one}},
        ),
        "traces' deletion": (
            "POST",
            f"{api}/3.0/mlflow/traces/delete-traces",
            {"json": {"experiment_id": run["experiment_id"], "max_timestamp_millis": "9" * 13}},
        ),
        "prompt's run": (
            "POST",
            "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
            {"json": {
                "experiment_id": run["experiment_id"], "run_name": "r", "prompt_template": "{{a}}",
                "prompt_parameters": [{"key": "a", "value": "b"}], "model_route": "r",
                "model_input": "i", "model_output": "o", "mlflow_version": "3.17.2",
            }},
        ),
        "run's deletion": ("POST", f"{api}/2.0/mlflow/runs/delete", {"json": {"run_id": one}}),
        "run": ("POST", f"{api}/2.0/mlflow/runs/create",
            {"json": {"experiment_id": run["experiment_id"]}}),
        "version": (
            "POST",
            f"{api}/2.0/mlflow/model-versions/create",
            {"json": {
                "name": "credit", "run_id": one,
                "source": draw.choice((location, f"{run['artifact_uri']}/{inner}")),
            }},
        ),
        "experiment": (
            "POST",
            f"{api}/2.0/mlflow/experiments/create",
            {"json": {"name": next(_names), "artifact_location": location}},
        ),
        "workspace": (
            "PATCH",
            f"{api}/3.0/mlflow/workspaces/{draw.choice(WORKSPACES)}",
            {"json": {"default_artifact_root": location}},
        ),
    }  # fmt: skip
    # The writing ones twice as often.
    often = ["put", "put", "put", "delete", "delete", "page upload", "page upload"]
    name = draw.choice(sorted(only) or [*ways, *often])
    method, url, options = ways[name]
    return name, where, method, url, options


def test_every_file_that_changed_was_judged_by_its_name(stored):
    draw = random.Random(14)
    before = tree(stored.workplace.folder / "artifacts")
    promoted = {
        path: digest
        for path, digest in before.items()
        if any(path.startswith(f"{p}/") for p in stored.promoted.values())
    }
    assert len(promoted) == 4
    stored.judged()
    written, answered = {}, {}
    outside = stored.workplace.folder / "outside"
    for _ in range(REQUESTS):
        name, where, method, url, options = one_request(stored, draw)
        answer = stored.call("ann", method, url, where, **options)
        answered.setdefault(name, set()).add(answer.status_code)
        after = tree(stored.root)
        changes = changed(before, after) | {f"elsewhere{outside}/{p}" for p in tree(outside)}
        judged = [path for writes in stored.judged() for path in writes]
        for path in changes:
            assert any(path == p or path.startswith(f"{p}/") for p in judged), (
                name, where, method, url, options, path, judged, answer.text[:300],
            )  # fmt: skip
        if changes:
            written[name] = written.get(name, 0) + 1
        for path, digest in promoted.items():
            assert after.get(path) == digest, (name, where, method, url, options)
        for folder in stored.promoted.values():
            assert {p for p in after if p.startswith(f"{folder}/")} <= set(promoted), url
        for path in tree(outside):
            (outside / path).unlink()
        before = after
    # Every route that MLflow's own source leads from to the storage's writing methods was asked,
    # and stated what it would write; a new release may have more of them.
    decisions = stored.workplace.decisions()
    assert writing_endpoints() <= {d.get("endpoint") for d in decisions}
    stated = {d["endpoint"] for d in decisions if d.get("writes")}
    assert writing_endpoints() - stated == {"_delete_traces"}  # this server archives none
    # The routes that write did write, so the test could have failed.
    assert {"put", "delete", "page upload"} <= set(written), answered
    # And the plans named what the handlers were about to write. One of them leaves the workspace
    # out of a location that does not name it: the storage refuses that.
    endpoints = {
        entry.get("endpoint")
        for entry in stored.workplace.decisions()
        if "part of what was judged" in entry.get("reason", "")
    }
    assert endpoints <= {"serve_create_promptlab_run"}


def writing_endpoints():
    """Without the Flask twin of FastAPI's upload, which answers below a static prefix alone."""
    flask_app = internals.flask_application()
    native = internals.native_routes(internals.fastapi_application(flask_app))
    functions = {f"native:{route.endpoint.__name__}": route.endpoint for route in native}
    found = touching({**flask_app.view_functions, **functions}, WRITES)
    return found - {"_upload_artifact"}


def test_nobody_is_served_or_shown_a_file_that_was_not_judged(stored):
    draw = random.Random(15)
    folders = {stored.root / "workspaces", stored.workplace.folder / "outside"}
    for path in stored.promoted.values():
        folders |= {*(stored.root / path).parents[:3]}
    folders |= {folder / "deeper" for folder in folders} | {stored.root}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SECRET").write_text("SECRET")
    for where in ("", "workspaces/default/", "workspaces/team-a/"):
        for name in ("f", "x/f", "x/sub/config"):
            (stored.root / where / "shared" / name).parent.mkdir(parents=True, exist_ok=True)
            (stored.root / where / "shared" / name).write_text("open")
    reads = {
        "get", "list", "presigned", "presigned download", "get-artifact", "version's",
        "run's list", "model's file", "model's list", "trace's",
    }  # fmt: skip
    shown = set()
    for _ in range(REQUESTS):
        name, where, method, url, options = one_request(stored, draw, only=reads, file="SECRET")
        answer = stored.call("nobody", method, url, where, **options)
        if answer.is_redirect:  # it quotes the path that was asked for, and sends to another
            place = urllib.parse.urlsplit(answer.headers["Location"])
            assert place.netloc == urllib.parse.urlsplit(stored.server.url).netloc
            answer = stored.call(
                "nobody", method, urllib.parse.urlunsplit(("", "", *place[2:])), where
            )
            assert not answer.is_redirect
        if answer.ok:
            assert "SECRET" not in answer.text, (name, where, url, options, answer.text)
            shown.add(name)
    assert {"get", "list", "run's list"} <= shown
    for folder in folders:
        (folder / "SECRET").unlink()


def made_at(server, user, location):
    body = {"name": next(_names), "artifact_location": location}
    return server.call(user, "POST", f"{API}/experiments/create", json=body)


def file_of(server, run, path):
    """What `get-artifact` serves of a run."""
    query = {"run_id": run["run_id"], "path": path}
    return server.call("ann", "GET", "/get-artifact", params=query)


def test_a_location_is_chosen_by_a_right_and_never_where_others_are(guarded):
    server, workplace = guarded
    root = workplace.folder / "artifacts"
    made = server.call("ann", "POST", f"{API}/experiments/create", json={"name": next(_names)})
    number = made.json()["experiment_id"]
    run = server.call("ann", "POST", f"{API}/runs/create", json={"experiment_id": number})
    path = run.json()["run"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert made_at(server, "ann", "mlflow-artifacts:/lab/one").status_code == 403
    for location in (
        *(f"{scheme}{taken}" for taken in (path, f"{path}/model", number, "") for scheme in (
            "mlflow-artifacts:/", "mlflow-artifacts:", f"file://{root}/", f"{root}/",
            "artifacts/", f"file://host{root}/", f"file:{root}/../artifacts/",
            f"{server.url}/api/2.0{FILES}",
        )),
        f"file://{workplace.folder}",
        "mlflow-artifacts:/424242", "mlflow-artifacts:/424242/run", f"{root}/models",
        "mlflow-artifacts:/workspaces/team-a", "mlflow-artifacts://other.example/lab",
        "mlflow-artifacts:/lab/%6f", "mlflow-artifacts:/lab//one", "mlflow-artifacts:/lab/./one",
        "mlflow-artifacts:/lab/../one", "mlflow-artifacts:/lab?one", "mlflow-artifacts:/file:/lab",
        "mlflow-artifacts:/lab%2fone", "mlflow-artifacts:/lab%252fone",
    ):  # fmt: skip
        assert made_at(server, "dex", location).status_code in (400, 403), location
    assert made_at(server, "dex", "mlflow-artifacts:/lab/one").ok
    for location in ("mlflow-artifacts:/lab/one", "artifacts/lab", f"file:{root}/lab/one/two"):
        assert made_at(server, "dex", location).status_code == 400, location
    assert made_at(server, "dex", f"file://{root}/lab/two").ok


def test_the_page_s_upload_is_judged_by_the_file_that_it_writes(guarded):
    """It writes `<experiment>/<run>/artifacts/...`, wherever the run's location is."""
    server, workplace = guarded
    root = workplace.folder / "artifacts"
    found = {}
    for scheme in ("mlflow-artifacts:/", f"file://{root}/"):
        made = made_at(server, "dex", f"{scheme}lab/{next(_names)}")
        assert made.ok, made.text
        body = {"experiment_id": made.json()["experiment_id"]}
        run = server.call("ann", "POST", f"{API}/runs/create", json=body).json()["run"]["info"]
        before = tree(root)
        query = {"run_uuid": run["run_id"], "path": "sub/f"}
        upload = "/ajax-api/2.0/mlflow/upload-artifact"
        assert server.call("ann", "POST", upload, params=query, data=b"new").ok
        (written,) = changed(before, tree(root))
        uploads = [d for d in workplace.decisions() if d.get("endpoint") == "serve_upload_artifact"]
        assert uploads[-1]["writes"] == [written]
        found[scheme] = (written.split("/")[0], file_of(server, run, "sub/f").status_code)
    assert found == {
        "mlflow-artifacts:/": (body_of(found), 404),
        f"file://{root}/": ("lab", 200),
    }


def body_of(found):
    """The experiment's number, which MLflow's page writes to."""
    number = found["mlflow-artifacts:/"][0]
    assert number.isdigit()
    return number


def test_a_location_that_can_be_read_in_two_ways_is_not_written_or_approved(stored):
    """Some of MLflow's handlers decode it, others do not; it was made before the guard was."""
    for location in (
        "mlflow-artifacts:/odd/%61",
        "mlflow-artifacts:/odd//b",
        "mlflow-artifacts:/odd/c?d",
    ):
        run = stored.fill("default", stored.experiment("default", location))
        upload, query = "/ajax-api/2.0/mlflow/upload-artifact", {"run_uuid": run["run_id"]}
        body = {"run_id": run["run_id"]}
        assert stored.call("ann", "POST", f"{API}/runs/delete", json=body).status_code == 409
        body |= {"name": "credit", "source": f"{run['artifact_uri']}/model"}
        answer = stored.call("ann", "POST", f"{API}/model-versions/create", json=body)
        assert answer.status_code == 400, answer.text
        answer = stored.call("ann", "POST", upload, params={**query, "path": "f"}, data=b"new")
        assert answer.ok, "it writes elsewhere, by the numbers of the experiment and the run"


def test_traces_do_not_choose_where_their_files_are(stored):
    url = "/api/2.0/mlflow/traces/tr-1/tags"
    for key in ("mlflow.artifactLocation", "mlflow.trace.archiveLocation"):
        body = {"key": key, "value": "file:///"}
        assert stored.call("ann", "PATCH", url, json=body).status_code == 400
        assert stored.call("ann", "DELETE", url, json={"key": key}).status_code == 400
        body = {"experiment_id": "1", "timestamp_ms": 1, "tags": [body]}
        answer = stored.call("ann", "POST", "/api/2.0/mlflow/traces", json=body)
        assert (answer.status_code, "files stay" in answer.text) == (400, True), answer.text
        info = {
            "trace_id": "tr-1",
            "tags": {key: "file:///"},
            "request_time": "2026-01-01T00:00:00Z",
        }
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "1"}}
        body = {"trace": {"trace_info": {**info, "trace_location": place, "state": "OK"}}}
        answer = stored.call("ann", "POST", "/api/3.0/mlflow/traces", json=body)
        assert (answer.status_code, "files stay" in answer.text) == (400, True), answer.text
