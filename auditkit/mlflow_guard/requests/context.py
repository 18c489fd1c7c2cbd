"""One Flask request for the planners, parsed as its handler will parse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, folded
from auditkit.access.record.moves import Target
from auditkit.errors import InputError
from auditkit.mlflow_guard.upstream import internals
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.mlflow_guard.upstream.stores import Stores

_MAX_TEXT: Final = 500
_NUMBERS: Final = frozenset({"version", "experiment_id", "experiment_ids"})


@dataclass
class RequestContext:
    """One request.

    Attributes:
        endpoint: The routed endpoint.
        method: The HTTP method; GET for HEAD too.
        path_values: The route's variables, decoded once by the server.
        query: Query parameters; the first value of a repeated one, as the handlers read them.
        stores: Reads MLflow's stores.
        types: The protocol buffers that the endpoint's handler reads.
        domain: The workspace.
    """

    endpoint: str
    method: str
    path_values: Mapping[str, str]
    query: Mapping[str, str]
    stores: Stores
    types: list[type]
    domain: str = DEFAULT_DOMAIN
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

        If the route has the field too, its value counts. Only the plain spelling of a number is
        accepted: to a store `01` and `+1` are 1, to a rule or an approval they are not.

        Raises:
            RefusedError: If a version or an experiment is a number that is not spelled plainly.
        """
        if name in self.path_values:
            return self.path_values[name]
        value = str(getattr(self.message, name, ""))
        return plain_number(value) if name in _NUMBERS else value

    def fields(self, name: str) -> list[str]:
        """A field of the message, repeated or single, as a list of texts."""
        value = getattr(self.message, name, "")
        values = [value] if isinstance(value, str) else list(value)
        texts = [str(value) for value in values]
        return [plain_number(text) for text in texts] if name in _NUMBERS else texts


def plain_number(text: str) -> str:
    """Text of a number in its plain spelling; any other text is left to its handler.

    Raises:
        RefusedError: If it is a number in another spelling, such as `01` or `1_0`.
    """
    try:
        number = str(int(text))
    except ValueError:
        return text
    if number != text:
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"write the number as {number}")
    return text


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A required text of a request to an added route.

    Raises:
        RefusedError: If it is missing, empty or too long.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT:
        raise RefusedError(
            400, "INVALID_PARAMETER_VALUE", f"give {name} as text of up to {_MAX_TEXT} characters"
        )
    return value.strip()


def optional_text(body: Mapping[str, Any], name: str) -> str:
    """A text that a request to an added route may leave out; empty if it does.

    Raises:
        RefusedError: If it is no text, or too long.
    """
    return text_of(body, name) if body.get(name, "") != "" else ""


def version_of(stores: Stores, body: Mapping[str, Any]) -> tuple[str, str]:
    """The model, as the store has its name, and the version that a request's body names.

    Raises:
        RefusedError: If it names none.
    """
    return stores.model_name(text_of(body, "model")), plain_number(text_of(body, "version"))


def target_of(stores: Stores, body: Mapping[str, Any], domain: str) -> Target:
    """The version and the alias or stage that a request to an added route names.

    Args:
        stores: Reads MLflow's stores.
        body: The request's body.
        domain: The workspace.

    Raises:
        RefusedError: If it names none.
    """
    kind = "stage" if "stage" in body else "alias"
    return Target(
        model=stores.model_name(text_of(body, "model")),
        version=plain_number(text_of(body, "version")) if "version" in body else "",
        kind=kind,
        name=folded(text_of(body, kind)),
        domain=domain,
    )
