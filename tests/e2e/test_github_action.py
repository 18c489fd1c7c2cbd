"""The GitHub Action, run by a small runner: passing, failing, incomplete and hostile audits."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from auditkit.exports import export
from tests.support.authority import Authority
from tests.support.github_runner import Runner, commands
from tests.support.small_audit import AUDIT, FAILING, OPEN, PASSING, POLICY, write_audit
from tests.unit.test_exports import audited

ROOT = Path(__file__).parents[2]
SKIP = ("lock", "install")
NASTY = ("::error::x", "`id`", "$(touch pwned)", "=cmd|' /C calc'!A0", "a\n::set-output name=v::1")


def runner(folder, *, auditkit=None):
    """A runner whose environment is installed already: this one, or a script in place of it."""
    temp = folder / "temp"
    bin_folder = temp / "auditkit" / "bin"
    bin_folder.mkdir(parents=True, exist_ok=True)
    for name, script in (
        ("python", f'exec {sys.executable} "$@"'),
        ("auditkit", auditkit or f'PYTHONPATH={ROOT} exec {sys.executable} -P -m auditkit "$@"'),
    ):
        (bin_folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_folder / name).chmod(0o755)
    return Runner(ROOT, folder / "repository", temp)


@pytest.mark.parametrize(
    ("selected", "verdict", "code"),
    [(PASSING, "pass", "0"), (FAILING, "fail", "10"), (OPEN, "incomplete", "11")],
)
def test_the_verdict_decides_the_job_and_is_in_outputs_and_summary(
    tmp_path, selected, verdict, code
):
    write_audit(tmp_path / "repository", selected)
    ran = runner(tmp_path).run(skip=SKIP)
    assert ran.failed == (code != "0"), ran.log
    statement = tmp_path / "repository" / "audit" / "statement.json"
    assert ran.outputs == {
        "verdict": verdict,
        "exit-code": code,
        "statement-digest": f"sha256:{hashlib.sha256(statement.read_bytes()).hexdigest()}",
        "report-path": "audit/report.pdf",
        "signed": "false",
        "regressed": "",
    }
    assert f": {verdict}" in ran.summary.splitlines()[1]
    assert "Unsigned: no key was given" in ran.summary
    assert not (statement.parent / "salt.txt").exists()
    assert bool(commands(ran.log)) == (verdict != "pass")
    assert ran.used == ["actions/setup-python", "actions/cache"]


def test_without_an_audit_it_fails_and_uploads_nothing(tmp_path):
    (tmp_path / "repository").mkdir()
    ran = runner(tmp_path).run({"sarif": "true", "comment": "true", "attest": "true"}, skip=SKIP)
    assert ran.failed
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == ("error", "2")
    assert ran.outputs["statement-digest"] == ""
    assert "There was no audit: exit code 2" in ran.summary
    assert ran.used == ["actions/setup-python", "actions/cache"]


def test_what_got_worse_fails_a_job_although_the_verdict_would_not(tmp_path):
    import auditkit as ak
    from auditkit.loading.audit_file import inputs_of, read_audit_file

    lenient = POLICY.replace("at_least: 0.8", "at_least: 0.3")
    earlier = write_audit(tmp_path / "earlier", PASSING)
    made = ak.run(
        inputs_of(read_audit_file(earlier), earlier.parent),
        policy=earlier.parent / "policy.yaml",
        log=None,
    )
    repository = tmp_path / "repository"
    write_audit(repository, OPEN)
    (repository / "main.json").write_bytes(made.statement)
    counted = (
        f'echo "$1" >> {tmp_path}/asked; PYTHONPATH={ROOT} exec {sys.executable} -P -m auditkit'
    )
    ran = runner(tmp_path, auditkit=f'{counted} "$@"').run(
        {"against": "main.json", "summary": "false"}, skip=SKIP
    )
    assert (tmp_path / "asked").read_text() == "run\n"  # it audits once
    assert (ran.failed, ran.outputs["exit-code"]) == (True, "10")
    assert ran.outputs["verdict"] == "incomplete"
    assert len(ran.outputs["regressed"].split()) == 2
    assert ran.summary == ""
    write_audit(repository, OPEN, policy=lenient)
    ran = runner(tmp_path).run({"against": "main.json"}, skip=SKIP)
    assert (ran.failed, ran.outputs["regressed"]) == (False, "")
    assert "Nothing got worse since the earlier audit." in ran.summary
    ran = runner(tmp_path).run({"against": "no such.json"}, skip=SKIP)
    assert (ran.failed, ran.outputs["verdict"], ran.outputs["exit-code"]) == (True, "error", "2")


def test_a_summary_that_github_would_drop_is_replaced_by_a_word(tmp_path):
    write_audit(tmp_path / "repository", PASSING)
    longer = (
        f'PYTHONPATH={ROOT} {sys.executable} -P -m auditkit "$@"; code=$?; '
        "head -c 2000000 /dev/zero | tr '\\0' x >> audit/summary.md; exit $code"
    )
    ran = runner(tmp_path, auditkit=longer).run(skip=SKIP)
    assert not ran.failed, ran.log
    assert "longer than GitHub shows" in ran.summary
    assert len(ran.summary) < 1000


def test_hostile_names_are_never_commands_nor_markup_nor_run(tmp_path):
    repository = tmp_path / "repository"
    groups = {name: ((500, 1000) if i % 2 else (200, 1000)) for i, name in enumerate(NASTY)}
    name = AUDIT.replace("name: hiring", 'name: "x --> ::error::y $(touch pwned) @everyone"')
    write_audit(repository, groups, audit=name)
    ran = runner(tmp_path).run(skip=SKIP)
    assert ran.outputs["exit-code"] == "10", ran.log
    obeyed = commands(ran.log)
    assert obeyed
    assert all(c.startswith(("::error file=policy.yaml,line=6,title=FA-1",)) for c in obeyed), (
        obeyed
    )
    assert not list(tmp_path.rglob("pwned"))
    assert not any(line.lstrip().startswith("::") for line in ran.summary.splitlines())
    assert "@everyone" not in ran.summary
    assert ran.summary.count("-->") == ran.summary.count("<!--")


@pytest.fixture(scope="module")
def great(tmp_path_factory):
    """The files of an audit with 6,000 findings and long names: 2 MiB of summary, uncut."""
    folder = tmp_path_factory.mktemp("great")
    groups = [f"{NASTY[i % len(NASTY)]} {i} {'x' * 300}" for i in range(6000)]
    statement = audited(groups).statement
    (folder / "statement.json").write_bytes(statement)
    (folder / "report.pdf").write_bytes(b"%PDF-")
    names = ["sarif", "junit", "markdown", "annotations", "intoto"]
    for name, content in export(statement, names).items():
        (folder / name).write_bytes(content)
    return folder


class GitHub(BaseHTTPRequestHandler):
    """GitHub's comments on one pull request."""

    def do_GET(self):
        number = int(self.path.rpartition("page=")[2])
        self.answer(self.server.comments[(number - 1) * 100 : number * 100])

    def do_POST(self):
        self.write(None)

    def do_PATCH(self):
        self.write(int(self.path.rpartition("/")[2]))

    def write(self, which):
        size = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(size))["body"]
        if self.server.status != 200 or len(body) > 65536:
            self.send_error(self.server.status if self.server.status != 200 else 422)
            return
        if which is None:
            which = len(self.server.comments) + 1
            self.server.comments.append({"id": which, "user": {"type": "Bot"}})
        next(c for c in self.server.comments if c["id"] == which)["body"] = body
        self.answer({})

    def answer(self, content):
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def github(tmp_path):
    server = HTTPServer(("127.0.0.1", 0), GitHub)
    server.comments, server.status = [], 200
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 7}}')
    server.environment = {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }
    yield server
    server.shutdown()
    server.server_close()


def commented(tmp_path, great, github):
    (tmp_path / "repository").mkdir(exist_ok=True)
    copied = f"mkdir -p audit; cp {great}/* audit/; exit 10"
    return runner(tmp_path, auditkit=copied).run(
        {"comment": "true", "sarif": "true", "attest": "true"},
        event="pull_request",
        skip=SKIP,
        environment=github.environment,
    )


def test_six_thousand_findings_fit_and_one_comment_is_kept_up_to_date(tmp_path, great, github):
    marker = (great / "summary.md").read_text().splitlines()[0]
    stranger = {"user": {"type": "User"}, "body": f"{marker}\nI say pass"}
    github.comments += [{"id": i + 1, **stranger} for i in range(150)]
    for _ in range(2):
        ran = commented(tmp_path, great, github)
        assert (ran.failed, ran.outputs["exit-code"]) == (True, "10")
        size = len(ran.summary.encode())
        assert 800 * 1024 < size < 1024 * 1024
        assert "more findings are in the report." in ran.summary
        assert len([c for c in commands(ran.log) if c.startswith("::error")]) == 10
        assert len(github.comments) == 151
        body = github.comments[-1]["body"]
        assert body.startswith(marker)
        assert 40_000 < len(body) <= 65_536
        assert body.endswith("The job's summary has the rest.\n")
        assert ran.used[2:] == ["github/codeql-action/upload-sarif", "actions/attest"]


@pytest.mark.parametrize("status", [403, 500])
def test_a_comment_that_is_refused_changes_no_verdict(tmp_path, great, github, status):
    github.status = status
    ran = commented(tmp_path, great, github)
    assert ran.outputs["exit-code"] == "10"
    assert f"GitHub answered {status}" in ran.log


def test_a_key_signs_and_is_nowhere_afterwards(tmp_path):
    write_audit(tmp_path / "repository", PASSING)
    key = Authority().key_file(b"secret words")
    inputs = {"key": base64.b64encode(key).decode(), "passphrase": "secret words"}
    ran = runner(tmp_path).run(inputs, skip=SKIP)
    assert (ran.failed, ran.outputs["signed"]) == (False, "true"), ran.log
    assert "Unsigned" not in ran.summary + ran.log
    left = [p.read_bytes() for p in (tmp_path / "temp").rglob("*") if p.is_file()]
    assert not any(key in data or inputs["key"].encode() in data for data in left)


@pytest.mark.parametrize("script", ["install", "audit"])
def test_a_script_may_be_run(script):
    assert os.access(ROOT / ".ci" / "action" / script, os.X_OK)
