"""A witness over HTTP (C2SP tlog-witness): one endpoint, `POST /add-checkpoint`."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from auditkit.errors import AuditkitError, InputError, LedgerError, VerificationError
from auditkit.ledger.log import Ledger
from auditkit.ledger.records.checkpoint import open_checkpoint
from auditkit.ledger.records.note import NoteVerifier
from auditkit.ledger.witness.protocol import (
    RefusalError,
    Witness,
    keep_cosignature,
    last_cosigned,
    request_for,
)

_MAX_REQUEST: Final = 1 << 17
_SIZE_TYPE: Final = "text/x.tlog.size"
_ROUNDS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteWitness:
    """A witness reached over HTTP.

    Attributes:
        url: Its URL, without `/add-checkpoint`.
        key: Its public key.
    """

    url: str
    key: NoteVerifier


def witness_server(witness: Witness, *, host: str, port: int) -> ThreadingHTTPServer:
    """An HTTP server for a witness; `serve_forever` runs it.

    Args:
        witness: The witness that cosigns.
        host: The address to listen on.
        port: The port; 0 picks a free one.

    Raises:
        LedgerError: If it cannot listen on the address.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version = "auditkit-witness"
        sys_version = ""
        timeout = 10

        def do_POST(self) -> None:
            if self.path != "/add-checkpoint":
                self._answer(404, "unknown path\n")
                return
            try:
                length = int(self.headers.get("Content-Length", ""))
                if not 0 < length <= _MAX_REQUEST:
                    raise ValueError  # noqa: TRY301
                request = self.rfile.read(length).decode()
            except ValueError:
                self._answer(400, "no request\n")
                return
            try:
                self._answer(200, witness.sign(request))
            except RefusalError as refusal:
                if refusal.known_size is not None:
                    self._answer(refusal.status, f"{refusal.known_size}\n", kind=_SIZE_TYPE)
                else:
                    self._answer(refusal.status, f"{refusal.message}\n")
            except VerificationError as error:
                self._answer(400, f"{error.message}\n")
            except AuditkitError as error:
                self._answer(500, f"{error.message}\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Prints nothing: the program that runs the server decides what is printed."""

        def _answer(self, status: int, body: str, *, kind: str = "text/plain") -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise LedgerError(
            f"The witness cannot listen on port {port}: {error.strerror}.",
            remedy="choose another port",
        ) from error


def submit(log: Ledger, url: str, witness: NoteVerifier, *, timeout_s: float = 10.0) -> str:
    """Asks a witness to cosign the newest checkpoint, and stores the cosignature.

    Args:
        log: The log, open for writing.
        url: The witness's URL, without `/add-checkpoint`.
        witness: Its public key.
        timeout_s: How long to wait for it, in seconds.

    Returns:
        The checkpoint with all its signatures.

    Raises:
        InputError: If the URL is not http or https.
        VerificationError: If the witness refuses, or its cosignature does not verify.
        LedgerError: If it cannot be reached.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(
            "The witness's address is not an HTTP address.",
            remedy="give an address that begins with https:// or http://",
        )
    request = request_for(log, old_size=last_cosigned(log, witness))
    status, kind, answer = _post(url, request, timeout_s)
    if status == 409 and kind == _SIZE_TYPE and answer.strip().isdigit():
        # It cosigned a checkpoint, but its answer never reached us: prove from there.
        request = request_for(log, old_size=int(answer))
        status, kind, answer = _post(url, request, timeout_s)
    if status == 409:
        raise VerificationError("The witness knows another log of this name and size.")
    if status != 200:
        raise VerificationError(f"The witness refused to cosign (status {status}).")
    return keep_cosignature(log, request, answer, witness)


def submit_to_all(log: Ledger, witnesses: Sequence[RemoteWitness]) -> int:
    """Has every witness cosign the same checkpoint.

    If others append to the log meanwhile, the witnesses are asked again for the newer checkpoint.

    Args:
        log: The log, open for writing.
        witnesses: At least one.

    Returns:
        The checkpoint's size: `log.prove(index, size=...)` gives receipts with all cosignatures.

    Raises:
        VerificationError: If a witness refuses, or its cosignature does not verify.
        LedgerError: If one cannot be reached, or the log grows faster than they cosign.
    """
    for _ in range(_ROUNDS):
        notes = [submit(log, witness.url, witness.key) for witness in witnesses]
        sizes = {open_checkpoint(note, log.verifiers).size for note in notes}
        if len(sizes) == 1:
            return sizes.pop()
    raise LedgerError(
        "The log grows faster than its witnesses cosign.",
        remedy="try again, or use a separate log for reports",
    )


def _post(url: str, request: str, timeout_s: float) -> tuple[int, str, str]:
    call = urllib.request.Request(  # noqa: S310  (the scheme was checked)
        url.rstrip("/") + "/add-checkpoint", data=request.encode(), method="POST"
    )
    try:
        with urllib.request.urlopen(call, timeout=timeout_s) as answer:  # noqa: S310
            return (
                answer.status,
                answer.headers.get_content_type(),
                _text(answer.read(_MAX_REQUEST)),
            )
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), _text(error.read(_MAX_REQUEST))
    except OSError as error:
        raise LedgerError(
            f"The witness cannot be reached ({type(error).__name__}).",
            remedy="check its address, or carry the request by file: 'auditkit log witness'",
        ) from error


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
