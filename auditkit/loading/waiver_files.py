"""Reads the files of waivers that an audit is given.

A folder stands for every `.json` file in it. With a waiver goes the revocation that lies beside it:
`a.revoked.dsse.json` beside `a.dsse.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from auditkit.errors import InputError
from auditkit.files import read_bytes
from auditkit.waivers.consideration import WaiverFile

_REMEDY: Final = "check the path; 'auditkit waiver request RULE' makes waivers in waivers/"


def revocation_beside(waiver: Path) -> Path:
    """Where the revocation of a waiver lies."""
    stem = waiver.name.removesuffix(".json").removesuffix(".dsse")
    return waiver.with_name(f"{stem}.revoked.dsse.json")


def read_waivers(given: Sequence[str | Path | WaiverFile]) -> tuple[WaiverFile, ...]:
    """The files; what they are worth is judged with the audit.

    Args:
        given: Files, folders of files, or what was read before.

    Raises:
        InputError: If a path names nothing, or a file cannot be read.
    """
    found = [one for one in given if isinstance(one, WaiverFile)]
    paths: dict[Path, None] = {}
    for one in given:
        if isinstance(one, WaiverFile):
            continue
        path = Path(one)
        if path.is_dir():
            paths |= dict.fromkeys(sorted(path.glob("*.json")))
        else:
            paths[path] = None
            beside = revocation_beside(path)
            if beside.is_file():
                paths[beside] = None
    for path in paths:
        content = read_bytes(path, what="waiver", kind=InputError, remedy=_REMEDY)
        found.append(WaiverFile.of(path.name, content))
    return tuple(found)
