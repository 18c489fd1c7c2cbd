"""The files that come with auditkit: policies, control packs, templates.

They lie at the top of the repository, where people read and edit them, and inside the package of
an installed wheel. This is the one function that knows both places.
"""

from __future__ import annotations

from pathlib import Path

from auditkit.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """The path of a file or folder that comes with auditkit.

    Args:
        parts: From the top folder down, as `data_path("policies", "lending.yaml")`.

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
