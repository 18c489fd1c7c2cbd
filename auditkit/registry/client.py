"""A client of the guarded registry: ask, approve, promote, roll back, load.

registry = RegistryClient("http://mlflow.example", user="ann", password=...)
registry.request("credit", "7", alias="champion")
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from typing import Any, Final

from auditkit.errors import AccessDeniedError, InputError, LedgerError

_PREFIX: Final = "/api/auditkit/1.0/"
_SECONDS: Final = 120


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
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked at construction)
            url,
            data=json.dumps(body).encode() if body is not None else None,
            headers=self._headers,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise _explained(error) from error
        except (OSError, ValueError) as error:
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
    try:
        message = str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answered {error.code}"
    if error.code in (401, 403, 409, 429):
        return AccessDeniedError(f"Denied: {message}.")
    if error.code == 503:
        return LedgerError(f"The server refused: {message}.")
    return InputError(f"The server refused: {message}.")
