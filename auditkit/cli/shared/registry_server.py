"""The guarded registry's server, as the environment names it and whoever asks it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditkit.cli.shared.console import Work
from auditkit.cli.shared.inputs import registry_address
from auditkit.errors import InputError

if TYPE_CHECKING:
    from auditkit.registry.client import RegistryClient


def address(url: str = "") -> str:
    """The server's address: the one given, or MLflow's own.

    Raises:
        InputError: If there is none.
    """
    found = url or registry_address()
    if not found:
        raise InputError(
            "The registry's address is missing.", remedy="give --url, or set MLFLOW_TRACKING_URI"
        )
    return found


@contextmanager
def asking(url: str = "") -> Iterator[RegistryClient]:
    """The server's client; shows progress until the answer is here.

    Raises:
        InputError: If the server's address is missing.
    """
    with Work("Ask the registry's server"):
        yield client(address(url))


def client(url: str) -> RegistryClient:
    """The client of a server, for whom the environment names."""
    from auditkit.registry.client import RegistryClient

    return RegistryClient(
        url,
        user=os.environ.get("MLFLOW_TRACKING_USERNAME"),
        password=os.environ.get("MLFLOW_TRACKING_PASSWORD"),
        token=os.environ.get("MLFLOW_TRACKING_TOKEN"),
        workspace=os.environ.get("MLFLOW_WORKSPACE"),
    )
