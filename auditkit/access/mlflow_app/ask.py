"""One Flask request, as the planners see it: parsed as its handler will parse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditkit.access.approvals import Target
from auditkit.access.mlflow_app import internals
from auditkit.access.mlflow_app.internals import Stores
from auditkit.access.mlflow_app.refusals import RefusedError
from auditkit.access.vocabulary import folded
from auditkit.errors import InputError

_MAX_TEXT: Final = 500


@dataclass
class Ask:
    """One request.

    Attributes:
        endpoint: The routed endpoint.
        method: GET for HEAD too.
        path_values: What the route matched, decoded once by the server.
        query: Query parameters; of one that came twice the first, as the handlers read them.
        stores: What the server knows.
        types: Protocol buffers that the endpoint's handler reads.
    """

    endpoint: str
    method: str
    path_values: Mapping[str, str]
    query: Mapping[str, str]
    stores: Stores
    types: list[type]
    _message: Any = field(default=None, repr=False)

    @property
    def message(self) -> Any:
        """The request as the handler's protocol buffer.

        Raises:
            InputError: If the endpoint has not exactly one.
            MlflowException: If the handler would refuse it.
        """
        if self._message is None:
            if len(self.types) != 1:
                raise InputError(f"The endpoint {self.endpoint} reads no single message.")
            self._message = internals.parse_message(self.types[0])
        return self._message

    def field(self, name: str) -> str:
        """A field of the message as text; empty if it is not set.

        A field that is in the message and in the route is the route's.
        """
        if name in self.path_values:
            return self.path_values[name]
        return str(getattr(self.message, name, ""))

    def fields(self, name: str) -> list[str]:
        """A repeated field of the message as text."""
        return [str(value) for value in getattr(self.message, name, ())]


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A text that a request to an added route must give.

    Raises:
        RefusedError: If it is not there.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise RefusedError(
            400, "INVALID_PARAMETER_VALUE", f"give {name} as text of up to {_MAX_TEXT} characters"
        )
    return value.strip()


def target_of(stores: Stores, body: Mapping[str, Any]) -> Target:
    """The version and the alias or stage that a request to an added route names.

    Raises:
        RefusedError: If it names none.
    """
    kind = "stage" if "stage" in body else "alias"
    return Target(
        model=stores.model_name(text_of(body, "model")),
        version=text_of(body, "version") if "version" in body else "",
        kind=kind,
        name=folded(text_of(body, kind)),
    )
