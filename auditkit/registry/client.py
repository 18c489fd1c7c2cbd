"""A client of the guarded registry: ask, approve, promote, roll back, load.

registry = RegistryClient("http://mlflow.example", user="ann", password=...)
registry.request("credit", "7", alias="champion")
"""

from __future__ import annotations

import hashlib
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from auditkit.canonical import Digest
from auditkit.errors import (
    AccessDeniedError,
    InputError,
    LedgerError,
    OutputError,
    VerificationError,
)
from auditkit.files import whole_file

_PREFIX: Final = "/api/auditkit/1.0/"
_SECONDS: Final = 120
_CHUNK_BYTES: Final = 1024 * 1024


class RegistryClient:
    """A guarded MLflow server, as one user.

    Args:
        url: The server's URL.
        user: A name, for a server that knows names and passwords.
        password: Its password.
        token: A bearer token, for a server that trusts an identity provider.

    Raises:
        InputError: If the URL is not http or https.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError("A registry server is reached by http or https.")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        elif user is not None:
            shown = b64encode(f"{user}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {shown}"

    def request(
        self, model: str, version: str, *, alias: str | None = None, stage: str | None = None
    ) -> dict[str, Any]:
        """Asks for an alias, or a stage, to be moved to a version.

        Returns:
            The request's id, the digest it is bound to, and how many approvals it needs.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("request", {"model": model, "version": version, **_place(alias, stage)})

    def approve(self, request: str) -> dict[str, Any]:
        """Approves what somebody else has asked for.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("approve", {"request": request})

    def reject(self, request: str, *, reason: str) -> dict[str, Any]:
        """Rejects a request.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("reject", {"request": request, "reason": reason})

    def promote(
        self, model: str, version: str, *, alias: str | None = None, stage: str | None = None
    ) -> dict[str, Any]:
        """Moves an alias to a version, or a version to a stage, which others then leave.

        Raises:
            AccessDeniedError: If a rule, an approval or the evidence is lacking; it says which.
        """
        return self._post("promote", {"model": model, "version": version, **_place(alias, stage)})

    def rollback(
        self, model: str, *, alias: str | None = None, stage: str | None = None
    ) -> dict[str, Any]:
        """Moves an alias, or a stage, back to the version it pointed to before.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("rollback", {"model": model, **_place(alias, stage)})

    def history(self, model: str = "") -> dict[str, Any]:
        """Moves and requests of a model, or of all; and break-glass that awaits its review.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._call("GET", "history", query={"model": model} if model else {})

    def break_glass(
        self,
        model: str,
        *,
        reason: str,
        ticket: str,
        alias: str | None = None,
        stage: str | None = None,
    ) -> dict[str, Any]:
        """Allows oneself, for a while, to move an alias or a stage without an approval.

        Raises:
            AccessDeniedError: If the server says no.
        """
        body = {"model": model, **_place(alias, stage), "reason": reason, "ticket": ticket}
        return self._post("breakglass", body)

    def review_break_glass(self, number: str, *, findings: str) -> dict[str, Any]:
        """Reviews somebody else's break-glass, and so ends it.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("breakglass/review", {"id": number, "findings": findings})

    def approved_digest(self, model: str, *, alias: str) -> tuple[str, str]:
        """Version and digest that an alias was last moved to, from the log.

        Raises:
            InputError: If it was never moved through the guarded server.
        """
        moves = [
            m
            for m in self.history(model)["moves"]
            if m["kind"] == "alias" and m["name"] == alias.casefold()
        ]
        if not moves or moves[-1]["how"] == "demoted":
            raise InputError(
                f"The alias {alias!r} of {model!r} points to nothing that was promoted here.",
                remedy=f"auditkit registry request {model} VERSION --alias {alias}",
            )
        return moves[-1]["version"], moves[-1]["artifact_digest"]

    def fetch_dataset(self, path: str, into: Path) -> Digest:
        """Fetches training data that the server keeps, whole or not at all.

        Args:
            path: The dataset, and a file in it if it is a folder, as "visits/2026.parquet".
            into: The file to make.

        Returns:
            Its digest, which the server has logged.

        Raises:
            AccessDeniedError: If the server says no.
            VerificationError: If other bytes arrived than those that were logged.
            OutputError: If the file is there already, or cannot be written.
        """
        if into.exists():
            raise OutputError(f"{into.name} is there already.", remedy="name another file")
        hashed = hashlib.sha256()
        url = f"{self._url}{_PREFIX}datasets/{urllib.parse.quote(path)}"
        with self._opened("GET", url) as answer:
            logged = answer.headers.get("X-Auditkit-Digest", "")
            with whole_file(into) as file:
                while chunk := answer.read(_CHUNK_BYTES):
                    hashed.update(chunk)
                    file.write(chunk)
                digest = Digest(hashed.hexdigest())
                if str(digest) != logged:
                    raise VerificationError(
                        "Other bytes arrived than the server logged.", remedy="fetch it again"
                    )
        return digest

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, body=body)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        url = f"{self._url}{_PREFIX}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = json.dumps(body).encode() if body is not None else None
        with self._opened(method, url, data) as answer:
            try:
                found: dict[str, Any] = json.load(answer)
            except ValueError as error:
                raise InputError("That is no guarded registry server.") from error
            return found

    @contextmanager
    def _opened(self, method: str, url: str, data: bytes | None = None) -> Iterator[Any]:
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked at construction)
            url, data=data, headers=self._headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                yield answer
        except urllib.error.HTTPError as error:
            raise _explained(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                "The registry server cannot be reached.", remedy="check its URL, and that it runs"
            ) from error


def _place(alias: str | None, stage: str | None) -> dict[str, str]:
    if alias and not stage:
        return {"alias": alias}
    if stage and not alias:
        return {"stage": stage}
    raise InputError("A move has one place.", remedy="name either an alias or a stage")


def _explained(error: urllib.error.HTTPError) -> InputError | AccessDeniedError | LedgerError:
    remedy = None
    try:
        message = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answered {error.code}"
        if error.code == 404 and "/datasets/" in error.url:
            message += "; it serves no datasets"
            remedy = "name their folder in the server's settings, as 'datasets: data'"
        elif error.code == 404:
            message += "; it is not guarded by auditkit"
            remedy = "start it with --app-name auditkit"
    if error.code == 401:
        return AccessDeniedError(
            "Denied: the server does not know this name with this password, or this token.",
            remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or _TOKEN",
        )
    if error.code in (403, 409, 429):
        return AccessDeniedError(f"Denied: {message}.")
    if error.code == 503:
        return LedgerError(f"The server refused: {message}.")
    return InputError(f"The server refused: {message}.", remedy=remedy)
