"""The files that come with auditkit: policies, control packs, schemas, templates.

They are at the top of the repository, where people read and edit them, and inside the package of
an installed wheel. Only `data_path` knows both places.
"""

from __future__ import annotations

import os
from pathlib import Path

from auditkit.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """The path of a file or folder that comes with auditkit.

    Args:
        parts: From the top folder down: `data_path("policies", "lending.yaml")`.

    Raises:
        InputError: If there is no such file, which means a broken installation.
    """
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise InputError(
        f"{'/'.join(parts)} is missing from this installation of auditkit.",
        remedy="reinstall it: pip install --force-reinstall auditkit-ml",
    )


def offline_script() -> bytes:
    """The script that every report carries, to check its statement and receipt without auditkit."""
    return data_path("report_templates", "verify_offline.py").read_bytes()


def schema_line(kind: str, folder: Path) -> str:
    """The first line of a YAML file, for editors that check it and complete its keys.

    Args:
        kind: The schema's name, for example "audit"; schemas are in policies/schemas/.
        folder: The file's folder. The line names the schema relative to it.

    Raises:
        InputError: If there is no such schema.
    """
    path = os.path.relpath(data_path("policies", "schemas", f"{kind}.json"), folder.resolve())
    return f"# yaml-language-server: $schema={Path(path).as_posix()}\n"
