"""Every version of the pages that can be rendered, so that a report stays verifiable.

A statement names the version of its pages. When the same statement would give other pages, that
version stays as it is, and a new one is added beside it: its own view model and templates where
they differ, `TEMPLATES` in `auditkit.version` counted up, and an entry here.
Why: docs/adr/0035.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditkit.errors import UnverifiableError
from auditkit.report.html_copy import render_twin
from auditkit.report.render import render


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """How one version makes a report.

    Attributes:
        report: The unsigned PDF, as `auditkit.report.render.render` gives it.
        copy: The page for a browser, as `auditkit.report.html_copy.render_twin` gives it.
    """

    report: Callable[..., bytes]
    copy: Callable[..., bytes]


# Every version that can be rendered; an earlier one stays when a new one comes.
VERSIONS: Final[dict[int, Pages]] = {1: Pages(report=render, copy=render_twin)}


def pages_of(predicate: Mapping[str, Any]) -> Pages:
    """The version that a statement names.

    Args:
        predicate: The statement's predicate.

    Raises:
        UnverifiableError: If it is not here.
    """
    made = predicate.get("made_by")
    version = made.get("templates") if isinstance(made, Mapping) else None
    known = VERSIONS.get(version) if type(version) is int else None
    if known is None:
        raise UnverifiableError(
            "The pages were made by templates that this version does not have.",
            remedy="verify it with the version of auditkit that the statement names",
        )
    return known
