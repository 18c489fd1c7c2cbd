"""A model named by its address in a registry, `models:/credit/7` or `models:/credit@challenger`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from auditkit.errors import InputError
from auditkit.subject import RegisteredModel

_SCHEME: Final = "models:"
_REFERENCE: Final = re.compile(
    r"models:/(?P<name>[^/:]+)(?:/(?P<number>[1-9][0-9]*)|(?P<alias>@[A-Za-z0-9_-]+))\Z"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A version of a registered model.

    Attributes:
        name: The model's name.
        version: The version's number, or `@` and an alias.
    """

    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads an address.

        Raises:
            InputError: If it names no version by number or alias.
        """
        found = _REFERENCE.match(text)
        if found is None:
            raise InputError(
                f"{text!r} names no version of a registered model.",
                remedy="write models:/credit/7, or models:/credit@challenger",
            )
        return cls(found["name"], found["number"] or found["alias"])

    @contextmanager
    def fetched(self, registry: str) -> Iterator[tuple[Path, RegisteredModel]]:
        """The version's files, in a private folder that is removed at the end.

        An alias is resolved once. MLflow's own client reads the credentials: the environment
        variables MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN.

        Args:
            registry: The registry's address.

        Raises:
            InputError: If there is no address or no such version, or it cannot be fetched.
            MissingExtraError: If MLflow is not installed.
        """
        if not registry:
            raise InputError(
                "The model is in a registry, and the registry's address is missing.",
                remedy="set MLFLOW_TRACKING_URI",
            )
        from auditkit.registry.models import ModelRegistry

        with TemporaryDirectory(prefix="auditkit-") as folder:
            number, files = ModelRegistry(registry).fetch(self.name, self.version, folder)
            yield (
                files,
                RegisteredModel(registry=public_address(registry), name=self.name, version=number),
            )


def is_reference(text: str) -> bool:
    """Whether a text names a model in a registry, and not a file."""
    return text.startswith(_SCHEME)


def is_served(name: str) -> bool:
    """Whether a model's name is the address of a server."""
    return name.startswith(("http://", "https://"))


def public_address(registry: str) -> str:
    """A registry's address for others to read: without credentials, and without a file's folder."""
    found = urlsplit(registry)
    host = found.netloc.rpartition("@")[2]
    path = found.path if host else f"/{found.path.rpartition('/')[2]}"
    return f"{found.scheme or 'file'}://{host}{path}".rstrip("/")
