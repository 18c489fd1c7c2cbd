"""Puts the server together in one worker process."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from auditkit.access.kept.database import SqlPolicyStore
from auditkit.access.kept.folder import follow_folder
from auditkit.access.kept.source import PolicyInForce
from auditkit.access.login.authentication import Authenticator, Caller, Credentials, read_basic
from auditkit.access.policy.snapshot import refuse_superseded_casbin
from auditkit.access.record.log import Recorder
from auditkit.errors import AuditkitError, InputError, PolicyError
from auditkit.files import require_writable
from auditkit.mlflow_guard.guard.emergencies import run_alert
from auditkit.mlflow_guard.guard.gate import Gate
from auditkit.mlflow_guard.guard.storage import AdmittedStorage
from auditkit.mlflow_guard.page.surface import Surface
from auditkit.mlflow_guard.requests import endpoints, native_endpoints
from auditkit.mlflow_guard.serve.broker import add_datasets
from auditkit.mlflow_guard.serve.flask_hooks import guard
from auditkit.mlflow_guard.serve.native import NativeGate
from auditkit.mlflow_guard.serve.paging import code_flow, page_of, seal_key
from auditkit.mlflow_guard.serve.readiness import add_readiness
from auditkit.mlflow_guard.serve.routes import add_routes
from auditkit.mlflow_guard.serve.server_log import (
    LogOpener,
    log_signer,
    open_log,
    refuse_lost_log,
)
from auditkit.mlflow_guard.serve.settings import ServerSettings, authenticators, read_settings
from auditkit.mlflow_guard.serve.telling import refuse_receivers, start_telling
from auditkit.mlflow_guard.upstream import accounts, internals, places, repositories
from auditkit.mlflow_guard.upstream.stores import Stores
from auditkit.registry.copies import ApprovedCopies

SETTINGS: Final = "AUDITKIT_SERVER"


def build(*, composed: bool) -> Any:
    """Builds the guarded application.

    Args:
        composed: Whether MLflow's own basic authentication comes first.

    Raises:
        AuditkitError: If it may not start.
    """
    settings, policy, flask_app = _grounds()
    alert = settings.alert
    gate = Gate(
        policy,
        Recorder(LogOpener(settings)),
        Stores(ApprovedCopies(folder_for_copies(settings))),
        clock=_now,
        alert=(lambda told: run_alert(alert, told)) if alert else None,
    )
    repositories.install(AdmittedStorage(gate))
    refuse_lost_log(
        gate.recorder.log,
        settings,
        protected=lambda: gate.promotions.has_protected(policy.current()[0]),
    )
    accepted: list[Authenticator] = (
        [_mlflow_password] if composed else authenticators(settings, clock=_now)
    )
    start_telling(settings, gate, LogOpener(settings))
    own = add_routes(flask_app, gate, alert=settings.alert)
    if settings.datasets:
        own |= add_datasets(flask_app, gate, root=_folder_of(settings.datasets))
    signer, _ = log_signer(settings)
    page, planners = page_of(flask_app, gate, settings, signer, clock=_now, composed=composed)
    own |= planners
    served = (_composed if composed else _standalone)(flask_app, gate, accepted, own, page)
    add_readiness(flask_app, gate, approved=Path(settings.approved).resolve())
    return served


def refuse_early(*, composed: bool) -> None:
    """Refuses to start, before there are workers, for any reason that each of them would have.

    Args:
        composed: Whether MLflow's own basic authentication comes first.

    Raises:
        AuditkitError: If the server may not start.
    """
    settings, _, _ = _grounds()
    if composed:
        accounts.refuse_missing_settings()
    else:
        authenticators(settings, clock=_now)
        code_flow(settings.oidc)
    seal_key(settings, log_signer(settings)[0])
    if settings.datasets:
        _folder_of(settings.datasets)
    folder_for_copies(settings)
    refuse_receivers(settings, _now)
    with open_log(settings) as log:
        refuse_lost_log(log, settings, protected=lambda: False)
        # Approvals are read from the log: one that somebody wrote into the database must not count.
        log.verify()


def _grounds() -> tuple[ServerSettings, PolicyInForce, Any]:
    """Loads settings, policy and MLflow's Flask application, and checks that they can start."""
    internals.refuse_other_releases()
    refuse_superseded_casbin()
    settings = read_settings(Path(os.environ.get(SETTINGS, "auditkit-server.yaml")))
    policy = _follow(settings)
    _refuse_without_administrator(policy)
    flask_app = internals.flask_application()
    _refuse_unknown_changes(flask_app)
    return settings, policy, flask_app


def _standalone(
    flask_app: Any, gate: Gate, accepted: Sequence[Authenticator], own: Any, page: Surface
) -> Any:
    guard(flask_app, gate, accepted, extra_planners=own, page=page)
    if os.environ.get("_MLFLOW_SGI_NAME") != "uvicorn":
        return flask_app
    fastapi_app = internals.fastapi_application(flask_app)
    return _native_gate(fastapi_app, fastapi_app, gate, accepted)


def _composed(
    flask_app: Any, gate: Gate, accepted: Sequence[Authenticator], own: Any, page: Surface
) -> Any:
    served = accounts.create_application(flask_app)
    _refuse_unknown_changes(flask_app, {*own, *page.public})
    guard(flask_app, gate, accepted, extra_planners=own, signed_in=_mlflow_user, page=page)
    if served is flask_app:
        return flask_app
    return _native_gate(served, served, gate, accepted)


def _native_gate(
    served: Any, fastapi_app: Any, gate: Gate, accepted: Sequence[Authenticator]
) -> NativeGate:
    routes = internals.native_routes(fastapi_app)
    unknown = native_endpoints.unclassified(internals.names_of(routes))
    if unknown:
        raise _unknown(unknown)
    return NativeGate(served, routes, gate, accepted)


def _mlflow_user() -> Caller | None:
    from flask import g

    user = getattr(g, "mlflow_authenticated_user", None)
    return Caller(str(user), "mlflow") if user is not None else None


def _mlflow_password(credentials: Credentials) -> Caller | None:
    """Authenticates native routes by a name and password in MLflow's own table of users."""
    known = read_basic(credentials)
    if known is None or not accounts.knows(*known):
        return None
    return Caller(known[0], "mlflow")


def _follow(settings: ServerSettings) -> PolicyInForce:
    if "://" in settings.access:
        return SqlPolicyStore(settings.access).follow(approvers=settings.approvers)
    return follow_folder(settings.access, approvers=settings.approvers)


def _folder_of(path: str) -> Path:
    if not Path(path).is_dir():
        raise InputError("The folder of datasets does not exist.", remedy="make it")
    return Path(path)


def folder_for_copies(settings: ServerSettings) -> Path:
    """The folder of approved files, if nobody else writes there or reads it.

    Raises:
        AuditkitError: If it lies in, or holds, a folder that the server serves or follows; or
            cannot be written.
    """
    folder = Path(settings.approved).resolve()
    policy = "" if "://" in settings.access else settings.access
    others = {
        "artifacts": places.destination_folder(),
        "datasets": settings.datasets,
        "the access policy": policy,
    }
    for what, other in others.items():
        path = Path(other).resolve() if other else None
        if path is not None and (folder.is_relative_to(path) or path.is_relative_to(folder)):
            raise InputError(
                f"The folder of approved files and that of {what} lie in one another.",
                remedy="name another folder in the server's settings: 'approved: approved'",
            )
    require_writable(folder)
    return folder


def _refuse_without_administrator(policy: PolicyInForce) -> None:
    access, _ = policy.current()
    if not any(access.decide(user, "policy:approve", "policy") for user in access.rules.users):
        raise PolicyError(
            "Nobody may approve the access policy, so nobody could change it again.",
            remedy="grant somebody role:policy-approver, and seal the policy",
        )


def _refuse_unknown_changes(flask_app: Any, own: Collection[str] = ()) -> None:
    found = internals.flask_endpoints(flask_app)
    unknown = endpoints.unclassified_changes({e: m for e, m in found.items() if e not in own})
    if unknown:
        raise _unknown(unknown)


def _unknown(names: Sequence[str]) -> AuditkitError:
    return InputError(
        f"MLflow has routes that auditkit does not know: {', '.join(names)}.",
        remedy="use a release that it knows: 'mlflow>=3.17,<3.18'",
    )


def _now() -> datetime:
    return datetime.now(UTC)
