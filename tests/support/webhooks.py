"""A receiver of webhooks on loopback, which checks signatures with an implementation of its own."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(100, 140))).decode()


def signs(secret: str, headers: Any, body: bytes, signature: str) -> bool:
    """Whether one signature of the header is a secret's, within five minutes."""
    version, _, value = signature.partition(",")
    if version != "v1" or abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    mac = HMAC(base64.b64decode(secret.removeprefix("whsec_")), SHA256())
    mac.update(f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body)
    return base64.b64encode(mac.finalize()).decode() == value


class Hook:
    """What came in.

    Attributes:
        url: The address.
        taken: Each event that was answered with 204, with its headers.
        refused: How many were not.
    """

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.refused = 0
        self.status: Callable[[int], int] = lambda _: 204
        self.headers: dict[str, str] = {}
        self.secrets = (SECRET,)
        self.pause = 0.0
        self.came = threading.Event()
        self._calls = 0
        self._lock = threading.Lock()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, in the order in which they were taken."""
        return [event for event, _ in self.taken]

    def wait(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The events, once there are as many."""
        until = time.monotonic() + seconds
        while len(self.taken) < count:
            assert time.monotonic() < until, f"{len(self.taken)} of {count} events came"
            time.sleep(0.02)
        return self.events

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self._calls += 1
            status = self.status(self._calls)
        self.came.set()
        time.sleep(self.pause)
        with self._lock:
            given = headers["webhook-signature"].split(" ")
            known = [any(signs(s, headers, body, g) for g in given) for s in self.secrets]
            if not all(known) or headers["content-type"] != "application/cloudevents+json":
                status = 401
            if status == 204:
                self.taken.append((json.loads(body), headers))
            else:
                self.refused += 1
        return status


@contextmanager
def receiving() -> Iterator[Hook]:
    """A receiver that listens."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.answer({k.lower(): v for k, v in self.headers.items()}, body)
            try:
                self.send_response(status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                return  # the sender was killed

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
