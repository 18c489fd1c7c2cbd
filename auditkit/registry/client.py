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

from auditkit.canonical import Digest, parse_json
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
        user: The user's name, for a server with names and passwords.
        password: The user's password.
        token: A bearer token, of a service account or of an identity provider.
        workspace: The workspace, for a server that has them; None: its default.

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
        workspace: str | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(
                "The registry server's URL is not an HTTP address.",
                remedy="give a URL that begins with https:// or http://",
            )
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if workspace:
            self._headers["X-MLFLOW-WORKSPACE"] = workspace
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        elif user is not None:
            encoded = b64encode(f"{user}:{password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    def request(
        self, model: str, version: str, *, alias: str | None = None, stage: str | None = None
    ) -> dict[str, Any]:
        """Requests the promotion of a version to an alias or a stage.

        Returns:
            The request's id, the digest it is bound to, and how many approvals it needs.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("request", {"model": model, "version": version, **_place(alias, stage)})

    def approve(self, request: str, *, comment: str = "", digest: str = "") -> dict[str, Any]:
        """Approves somebody else's request.

        Args:
            request: The request's id.
            comment: A comment for the record.
            digest: Digest of the files that were reviewed, `sha256:...`; others are not approved.

        Raises:
            AccessDeniedError: If the server says no.
        """
        given = {"comment": comment, "digest": digest}
        said = {name: text for name, text in given.items() if text}
        return self._post("approve", {"request": request, **said})

    def reject(self, request: str, *, reason: str) -> dict[str, Any]:
        """Rejects a request.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._post("reject", {"request": request, "reason": reason})

    def record_verdict(self, model: str, version: str, envelope: bytes) -> dict[str, Any]:
        """Records a gate's verdict on a version, which a promotion may require.

        Args:
            model: The registered model's name.
            version: The number of one of its versions.
            envelope: The signed statement of an audit of that version: a report's attachment
                `statement.dsse.json`.

        Returns:
            What was recorded: policy, decision, and the digests of statement and files.

        Raises:
            AccessDeniedError: If the server says no, or the statement is about other files.
            InputError: If it is no signed statement, or its verdict does not follow from it.
        """
        body = {"model": model, "version": version, "envelope": parse_json(envelope)}
        return self._post("verdict", body)

    def promote(
        self, model: str, version: str, *, alias: str | None = None, stage: str | None = None
    ) -> dict[str, Any]:
        """Moves an alias to a version, or a version to a stage in place of the others.

        Raises:
            AccessDeniedError: If permission, an approval or evidence is missing; it says which.
        """
        return self._post("promote", {"model": model, "version": version, **_place(alias, stage)})

    def rollback(
        self,
        model: str,
        *,
        alias: str | None = None,
        stage: str | None = None,
        to: str | None = None,
    ) -> dict[str, Any]:
        """Moves an alias, or a stage, back to a version that was promoted there before.

        Args:
            model: The model's name.
            alias: The alias.
            stage: Or the stage.
            to: The version. Default: the one before the present one.

        Raises:
            AccessDeniedError: If the server says no.
        """
        body = {"model": model, **_place(alias, stage)}
        return self._post("rollback", {**body, "to": to} if to else body)

    def history(self, model: str = "") -> dict[str, Any]:
        """Moves and requests of one model or all, and break-glass uses that await review.

        Raises:
            AccessDeniedError: If the server says no.
        """
        return self._call("GET", "history", query={"model": model} if model else {})

    def require(self, verb: str, object: str) -> None:  # noqa: A002 - as `AccessControl.require`
        """Asks whether the server's access policy allows something, like waiver:approve.

        Args:
            verb: The verb.
            object: To what, for example models/credit.

        Raises:
            AccessDeniedError: If it does not.
        """
        found = self._call("GET", "check", query={"verb": verb, "object": object})
        if found.get("allowed") is not True:
            raise AccessDeniedError(
                f"Denied: {found.get('user')} may not {verb} on {object}: {found.get('reason')}.",
                remedy="ask for a role that allows it, or ask somebody who has such a role",
            )

    def break_glass(
        self,
        model: str,
        *,
        reason: str,
        ticket: str,
        alias: str | None = None,
        stage: str | None = None,
    ) -> dict[str, Any]:
        """Invokes break-glass: for a limited time, the caller may promote without an approval.

        Raises:
            AccessDeniedError: If the server says no.
        """
        body = {"model": model, **_place(alias, stage), "reason": reason, "ticket": ticket}
        return self._post("breakglass", body)

    def review_break_glass(
        self, number: str, *, findings: str, outcome: str = "accepted"
    ) -> dict[str, Any]:
        """Reviews somebody else's use of break-glass, which ends it.

        Args:
            number: Its id.
            findings: What was found.
            outcome: "accepted", or "rejected": no rollback then returns to what came by it.

        Raises:
            AccessDeniedError: If the server says no.
        """
        body = {"id": number, "findings": findings, "outcome": outcome}
        return self._post("breakglass/review", body)

    def listed(self, what: str, member: str) -> Iterator[dict[str, Any]]:
        """Every registered model or version that the caller may read.

        Args:
            what: "registered-models" or "model-versions".
            member: The member of the answer that holds them.

        Raises:
            AccessDeniedError: If the server says no.
        """
        token = ""
        while True:
            query = {"max_results": "1000", **({"page_token": token} if token else {})}
            url = f"{self._url}/api/2.0/mlflow/{what}/search?{urllib.parse.urlencode(query)}"
            with self._opened("GET", url) as answer:
                found = json.load(answer)
            yield from found.get(member, ())
            token = str(found.get("next_page_token") or "")
            if not token:
                return

    def approved_digest(self, model: str, *, alias: str) -> tuple[str, str]:
        """The version and digest that an alias was last moved to, from the log.

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
                f"The alias {alias!r} of {model!r} was never moved through this server.",
                remedy=f"auditkit registry request {model} VERSION --alias {alias}",
            )
        return moves[-1]["version"], moves[-1]["artifact_digest"]

    def fetch_dataset(self, path: str, into: Path) -> Digest:
        """Downloads training data from the server, whole or not at all.

        Args:
            path: The dataset, and a file in it if it is a folder: "visits/2026.parquet".
            into: The file to create.

        Returns:
            Its digest, as the server logged it.

        Raises:
            AccessDeniedError: If the server says no.
            VerificationError: If the bytes do not have the logged digest.
            OutputError: If the file already exists, or cannot be written.
        """
        if into.exists():
            raise OutputError(f"{into.name} already exists.", remedy="name another file")
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
                        "The data received do not have the digest that the server logged.",
                        remedy="fetch them again",
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
                raise InputError(
                    "The server's answer is not that of a guarded registry.", remedy="check its URL"
                ) from error
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
    raise InputError("A promotion moves either an alias or a stage.", remedy="name one of the two")


def _explained(error: urllib.error.HTTPError) -> InputError | AccessDeniedError | LedgerError:
    remedy = None
    try:
        message = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answered {error.code}"
        if error.code == 404 and "/datasets/" in error.url:
            message += "; it serves no datasets"
            remedy = "name their folder in the server's settings: 'datasets: data'"
        elif error.code == 404:
            message += "; it is not guarded by auditkit"
            remedy = "start it with --app-name auditkit"
    if error.code == 401 and message.startswith("The token "):
        return AccessDeniedError(f"Denied: {message}")
    if error.code == 401:
        return AccessDeniedError(
            "Denied: the server does not accept this name with this password, or this token.",
            remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or _TOKEN",
        )
    if error.code in (403, 409, 429):
        return AccessDeniedError(f"Denied: {message}.")
    if error.code == 503:
        return LedgerError(f"The server refused: {message}.")
    return InputError(f"The server refused: {message}.", remedy=remedy)
