"""Puts the page for reviewers together, from the server's settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from auditkit.access.login.code_flow import CodeClient, CodeFlow
from auditkit.access.login.private_files import read_secret
from auditkit.errors import InputError
from auditkit.ledger import NoteSigner
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.page.routes import add_page
from auditkit.mlflow_guard.page.seals import MIN_KEY_BYTES, Seals
from auditkit.mlflow_guard.page.sessions import Sessions
from auditkit.mlflow_guard.page.sign_in import SignIn
from auditkit.mlflow_guard.page.surface import Surface
from auditkit.mlflow_guard.requests.endpoints import Planner
from auditkit.mlflow_guard.serve.settings import OidcSettings, ServerSettings

_MAKE_KEY: Final = "make one: openssl rand -out session.key 32; chmod 600 session.key"
# What the log's key signs to make the key of the seals; nothing else that it signs is such.
_SEALS: Final = b"auditkit page seals v1\n"


def page_of(
    flask_app: Any,
    gate: Gate,
    settings: ServerSettings,
    signer: NoteSigner,
    *,
    clock: Callable[[], datetime],
    composed: bool,
) -> tuple[Surface, dict[str, Planner]]:
    """Adds the page to a Flask application.

    Args:
        flask_app: The application.
        gate: The gate.
        settings: The server's settings.
        signer: The log's key.
        clock: The time, UTC.
        composed: Whether MLflow's own users and passwords count, and only they.

    Returns:
        The page, and the plan of each of its endpoints.

    Raises:
        AuditkitError: If a key or a secret cannot be read.
    """
    seals = Seals(seal_key(settings, signer), clock=clock)
    passwords = composed or settings.basic is not None
    flow = None if composed else code_flow(settings.oidc)
    if flow is None:
        surface = Surface(gate, seals, passwords=passwords)
        return surface, add_page(flask_app, surface)
    shown = urlsplit(flow.client.redirect_url)
    secure = shown.scheme == "https"
    sessions = Sessions(seals, secure=secure)
    origins = {f"{shown.scheme}://{shown.netloc}"}
    surface = Surface(gate, seals, sessions=sessions, passwords=passwords, origins=origins)
    SignIn(surface, sessions, flow, secure=secure).add_routes(flask_app)
    return surface, add_page(flask_app, surface)


def seal_key(settings: ServerSettings, signer: NoteSigner) -> bytes:
    """The key of the page's seals: its own file, or what follows from the log's key.

    Raises:
        InputError: If the file cannot be read, is readable by others, or is too short.
    """
    if not settings.session_key:
        return hashlib.sha256(signer.sign_bytes(_SEALS)).digest()
    key = read_secret(Path(settings.session_key), what="page's session_key", remedy=_MAKE_KEY)
    if len(key) < MIN_KEY_BYTES:
        raise InputError(
            f"The page's session_key has fewer than {MIN_KEY_BYTES} bytes.",
            remedy=_MAKE_KEY,
        )
    return hashlib.sha256(key).digest()


def code_flow(oidc: OidcSettings | None) -> CodeFlow | None:
    """The log-in of browsers at the identity provider; None if the settings name no client.

    Raises:
        AuditkitError: If the client's secret cannot be read, or PyJWT is missing.
    """
    if oidc is None or not oidc.client_id:
        return None
    secret = ""
    if oidc.client_secret_file:
        path = Path(oidc.client_secret_file)
        found = read_secret(path, what="client_secret_file", remedy="write the secret into it")
        secret = found.decode(errors="replace").strip()
    return CodeFlow(
        CodeClient(
            issuer=oidc.issuer,
            client_id=oidc.client_id,
            client_secret=secret,
            redirect_url=oidc.redirect_url,
            claim=oidc.claim,
            groups_claim=oidc.groups_claim,
        )
    )
