"""Plans for MLflow's own users and permissions, whose routes exist in composed mode alone.

To administer them is to administer the server. To see oneself, and to change one's own password,
needs no more than to see the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from auditkit.mlflow_guard.requests.context import RequestContext
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.accounts import is_about_caller

_ADMINISTERS: Final = RequiredPermission("server:manage", "server")
_IS_ONESELF: Final = RequiredPermission("server:read", "server")


def _always(need: RequiredPermission, *, mutates: bool) -> Callable[[RequestContext], RequestPlan]:
    plan = RequestPlan(needs=(need,), mutates=mutates)
    return lambda _: plan


def _about_user(*, mutates: bool) -> Callable[[RequestContext], RequestPlan]:
    def plan(_: RequestContext) -> RequestPlan:
        need = _IS_ONESELF if is_about_caller() else _ADMINISTERS
        return RequestPlan(needs=(need,), mutates=mutates)

    return plan


PLANNERS: Final[Mapping[str, Callable[[RequestContext], RequestPlan]]] = {
    **dict.fromkeys(
        ("get_current_user", "list_current_user_permissions"), _always(_IS_ONESELF, mutates=False)
    ),
    **dict.fromkeys(
        ("get_user", "get_user_permission", "list_user_permissions", "list_user_roles"),
        _about_user(mutates=False),
    ),
    "update_user_password": _about_user(mutates=True),
    **dict.fromkeys(
        (
            "signup",  # the form for `<lambda>`
            "list_users",
            "get_role",
            "list_roles",
            "list_role_permissions",
            "list_role_users",
        ),
        _always(_ADMINISTERS, mutates=False),
    ),
    **dict.fromkeys(
        (
            "<lambda>",  # users/create-ui, as MLflow names it
            "create_user",
            "update_user_admin",
            "delete_user",
            "create_role",
            "update_role",
            "delete_role",
            "add_role_permission",
            "remove_role_permission",
            "update_role_permission",
            "assign_role",
            "unassign_role",
            "grant_user_permission",
            "revoke_user_permission",
        ),
        _always(_ADMINISTERS, mutates=True),
    ),
}
