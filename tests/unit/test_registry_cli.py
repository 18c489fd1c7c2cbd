"""What `auditkit registry` says, and with which exit code, when the server says no."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from auditkit.cli import run

WORDS = "mia may not model:promote on models/credit/aliases/champion: 1 approval is missing"


@pytest.fixture
def answering(monkeypatch):
    """Starts servers that give one answer to everything."""
    running = []

    def start(status: int, body: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.server
@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, 10, f"Error: Denied: {WORDS}."),
        (401, 10, "Error: Denied: the server does not accept this name"),
        (400, 2, f"Error: The server refused: {WORDS}."),
        (503, 2, f"Error: The server refused: {WORDS}."),
    ],
)
def test_a_denied_promotion_exits_as_a_denied_question_does(answering, capsys, status, code, says):
    answering(status, json.dumps({"error_code": "x", "message": WORDS}).encode())
    assert run(["registry", "promote", "credit", "7", "--alias", "champion"]) == code
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""


@pytest.mark.server
def test_the_workspace_and_the_token_are_those_of_mlflows_variables(monkeypatch):
    sent = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            sent.append((self.headers["X-MLFLOW-WORKSPACE"], self.headers["Authorization"]))
            body = b'{"moves": [], "requests": [], "breakglass_unreviewed": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("URI", "USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    assert run(["registry", "history"]) == 0
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team-a")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "akt_x")
    assert run(["registry", "history"]) == 0
    server.shutdown()
    server.server_close()
    assert sent == [(None, None), ("team-a", "Bearer akt_x")]
