"""The checks of an audit: those that come with auditkit, and those of other packages.

A package adds a check by an entry point of the group `auditkit.checks` that names its `Check`:

    [project.entry-points."auditkit.checks"]
    "robustness.noise" = "noise_check:CHECK"

Once the package is installed, the check is part of every audit, after the packaged ones. Its
evidence carries the words for its measures, for readers who do not have the package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from auditkit.checks import CHECKS, Check
from auditkit.errors import AuditkitError, InputError
from auditkit.evidence import Term

GROUP: Final = "auditkit.checks"

_TEXTS: Final = ("id", "version", "title", "area", "measures", "misleads", "source")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A check of another package.

    Attributes:
        check: The check.
        package: The distribution that brings it.
        version: The distribution's version, which is recorded with every audit.
    """

    check: Check[Any]
    package: str
    version: str


def installed_checks() -> tuple[Installed, ...]:
    """The checks of other packages, in the order of their ids.

    Raises:
        InputError: If one cannot be imported, is not a usable check, or has the id of another.
    """
    found: dict[str, Installed] = {}
    packaged = {check.id for check in CHECKS}
    brought = (_load(point) for point in entry_points(group=GROUP))
    for one in sorted(brought, key=lambda one: one.package):
        check_id = one.check.id
        if check_id in packaged:
            raise InputError(
                f"The package {one.package} has a check with the id {check_id!r}, which is "
                "that of a check of auditkit.",
                remedy=f"give that check another id, or uninstall {one.package}",
            )
        if check_id in found:
            raise InputError(
                f"The packages {found[check_id].package} and {one.package} both have a check "
                f"with the id {check_id!r}.",
                remedy="uninstall one of them",
            )
        found[check_id] = one
    return tuple(found[check_id] for check_id in sorted(found))


def all_checks(installed: Sequence[Installed] | None = None) -> tuple[Check[Any], ...]:
    """The packaged checks, and then those of other packages.

    Args:
        installed: Those of other packages. Default: what `installed_checks` finds.

    Raises:
        InputError: As `installed_checks`.
    """
    others = installed_checks() if installed is None else installed
    return (*CHECKS, *(one.check for one in others))


def _load(point: EntryPoint) -> Installed:
    package = point.dist.name if point.dist is not None else "that names it"
    version = point.dist.version if point.dist is not None else "unknown"

    def refused(what: str) -> InputError:
        return InputError(
            f"The check {point.name!r} of the package {package} {what}.",
            remedy=f"update or uninstall {package}",
        )

    try:
        check = point.load()
    except ModuleNotFoundError as error:
        raise refused(f"cannot be imported: there is no module {error.name!r}") from error
    except Exception as error:
        raise refused(f"cannot be imported: it stopped with {type(error).__name__}") from error
    if not isinstance(check, Check):
        raise refused(f"is a {type(check).__name__}, not a Check")
    wrong = _what_is_wrong(check)
    if wrong:
        raise refused(wrong)
    return Installed(check=check, package=package, version=version)


def _what_is_wrong(check: Check[Any]) -> str:
    """Why a check cannot be used; empty if it can."""
    if not all(isinstance(t := getattr(check, name), str) and t.strip() for name in _TEXTS):
        return f"lacks one of its texts: {', '.join(_TEXTS)}"
    if not all(isinstance(term, Term) for term in check.terms.values()):
        return "has terms that are not of the class Term"
    if not dataclasses.is_dataclass(check.parameters):
        return "has parameters that are not a dataclass"
    try:
        check.parameters_with({name: p.default for name, p in check.declared.items()})
    except (AuditkitError, TypeError):
        return "has a parameter without a default in its range"
    return ""
