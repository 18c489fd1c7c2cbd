"""MLflow's own users, which composed mode keeps."""

# ruff: noqa: SLF001 - reaching into MLflow is what this room is for

from __future__ import annotations

import importlib
from typing import Any, Final

from auditkit.errors import InputError

# In the path of every route that auditkit adds, and in none of MLflow's.
_OURS: Final = "/auditkit"


def is_about_caller() -> bool:
    """Whether the current Flask request is about the user whom MLflow has authenticated.

    Raises:
        MlflowException: If it names no user.
    """
    from flask import g
    from mlflow.server import auth

    named = auth._get_request_param("username")
    return isinstance(named, str) and named == getattr(g, "mlflow_authenticated_user", None)


def refuse_missing_settings() -> None:
    """Refuses to start, in words, if MLflow's own authentication could not.

    Raises:
        InputError: If a variable or a package is missing; it says which.
    """
    from mlflow.exceptions import MlflowException

    try:
        from mlflow.server import auth

        auth.get_flask_server_secret_key()
        auth.bootstrap_admin_user()
    except MlflowException as error:
        raise InputError(
            f"MLflow's own users cannot be set up: {str(error.message).split(chr(10))[0]}",
            remedy="set MLFLOW_FLASK_SERVER_SECRET_KEY, and for the first start "
            "MLFLOW_AUTH_ADMIN_USERNAME and MLFLOW_AUTH_ADMIN_PASSWORD",
        ) from error
    except ImportError as error:
        raise InputError(
            f"MLflow's own users need a package that is missing: {error.name}.",
            remedy="pip install 'mlflow[auth]'",
        ) from error


def create_application(flask_app: Any) -> Any:
    """MLflow's own authentication in front of its Flask application.

    MLflow denies a route without a rule of its own to everybody but its admin. Those that auditkit
    adds have theirs: the gate's.
    """
    auth: Any = importlib.import_module("mlflow.server.auth")
    auth._KNOWN_UNGATED_ROUTE_MARKERS = (*auth._KNOWN_UNGATED_ROUTE_MARKERS, _OURS)
    return auth.create_app(flask_app)


def knows(user: str, password: str) -> bool:
    """Whether MLflow has a user of that name and password."""
    from mlflow.server.auth import store

    return bool(store.authenticate_user(user, password))
