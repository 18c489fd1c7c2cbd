"""The log against the registry: each gap is found, from either side, and no other."""

from __future__ import annotations

import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from auditkit.cli import run as command
from auditkit.errors import InputError
from auditkit.period.completeness import Registered, compare
from auditkit.registry.client import RegistryClient
from auditkit.registry.contents import of_database, of_server
from tests.support.period_log import Book


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "audit.db")
    made.at(1).change("1")
    made.at(2).change("2")
    yield made
    made.close()


@pytest.fixture
def registry(tmp_path):
    """A database with the two tables of MLflow that are read."""
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE model_versions (workspace, name, version, current_stage);"
            "CREATE TABLE registered_model_aliases (workspace, name, alias, version);"
            "INSERT INTO model_versions VALUES ('default', 'credit', 1, 'None'),"
            " ('default', 'credit', 2, 'None'), ('default', 'credit', 3, 'Deleted_Internal');"
            "INSERT INTO registered_model_aliases VALUES ('default', 'credit', 'Champion', 2)"
        )
    connection.close()
    return path


def change(registry, statement):
    with sqlite3.connect(registry) as connection:
        connection.execute(statement)
    connection.close()


def gaps(book, registry):
    versions, aliases = of_database(f"sqlite:///{registry}")
    found = compare(book.log, Registered(versions=versions, aliases=aliases))
    return [(g.kind, g.name, g.logged, g.registered) for g in found]


def test_a_registry_that_is_as_logged_has_no_gap(book, registry):
    assert gaps(book, registry) == []


def test_an_alias_that_was_added_behind_the_server(book, registry):
    change(registry, "INSERT INTO registered_model_aliases VALUES ('default','credit','prod',1)")
    assert gaps(book, registry) == [("alias without an entry", "prod", "", "1")]
    part = {"verb": "model:promote", "object": "models/credit/aliases/prod", "allowed": True}
    book.add("access.decision", user="ann", allowed=True, domain="default", decisions=[part])
    assert gaps(book, registry) == []


def test_an_alias_that_was_moved_behind_the_server(book, registry):
    change(registry, "UPDATE registered_model_aliases SET version = 1")
    assert gaps(book, registry) == [("alias other than logged", "Champion", "2", "1")]


def test_an_alias_and_versions_that_came_and_went(book, registry):
    change(registry, "DELETE FROM registered_model_aliases")
    change(registry, "UPDATE model_versions SET version = 9 WHERE version = 1")
    assert gaps(book, registry) == [
        ("version without an entry", "9", "", "9"),
        ("entry without a version", "1", "1", ""),
        ("alias logged and gone", "champion", "2", ""),
    ]


def test_a_renamed_model_has_no_gap(book, registry):
    book.add("model.renamed", model="credit", new_name="loans", domain="default")
    for table in ("model_versions", "registered_model_aliases"):
        change(registry, f"UPDATE {table} SET name = 'loans'")
    assert gaps(book, registry) == []


def test_an_alias_that_was_taken_away_has_no_gap(book, registry):
    book.add("promotion.demoted", model="credit", version="2", kind="alias", name="champion",
             domain="default", user="ann", how="demoted")  # fmt: skip
    change(registry, "DELETE FROM registered_model_aliases")
    assert gaps(book, registry) == []


def test_a_database_of_an_mlflow_without_workspaces(book, registry):
    for table in ("model_versions", "registered_model_aliases"):
        change(registry, f"ALTER TABLE {table} DROP COLUMN workspace")
    assert gaps(book, registry) == []


def test_what_is_no_registry_is_refused(tmp_path):
    sqlite3.connect(tmp_path / "empty.db").close()
    for url in (f"sqlite:///{tmp_path}/empty.db", "ftp://x", f"sqlite:///{tmp_path}/gone.db"):
        with pytest.raises(InputError):
            of_database(url)


def test_the_command_prints_the_gaps(book, registry, capsys):
    line = ["evidence", "completeness", "--registry", f"sqlite:///{registry}",
            "--log", str(book.path), "--key", str(book.pub)]  # fmt: skip
    assert command(line) == 0
    change(registry, "UPDATE registered_model_aliases SET version = 1")
    capsys.readouterr()
    assert command([*line, "--json"]) == 12
    (gap,) = json.loads(capsys.readouterr().out)
    assert (gap["kind"], gap["logged"], gap["registered"]) == ("alias other than logged", "2", "1")


class Server(BaseHTTPRequestHandler):
    """Answers as MLflow does, one item a page."""

    def do_GET(self):
        second = "page_token" in self.path
        version = {"name": "credit", "version": "2" if second else "1"}
        model = {"name": "credit", "aliases": [{"alias": "Champion", "version": "2"}]}
        models = [{"name": "other"}] if second else [model]
        is_version = "model-versions" in self.path
        items = {"model_versions": [version]} if is_version else {"registered_models": models}
        body = json.dumps(items if second else {**items, "next_page_token": "x"}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_the_server_gives_the_same_as_its_database(registry):
    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        client = RegistryClient(f"http://127.0.0.1:{server.server_port}", user="ann")
        assert of_server(client) == of_database(f"sqlite:///{registry}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
