"""Every exception that auditkit raises on purpose.

::

    AuditkitError                 something a person can act on; carries a remedy
    ├── InputError                a table, label, group, model or file cannot be used
    │   ├── NothingToAuditError   the inputs are readable and hold nothing to measure
    │   └── MissingExtraError     an optional package is needed and not installed
    ├── PolicyError               a policy, control pack or audit file is wrong
    ├── KeyFileError              a key or certificate is unreadable, or the passphrase is wrong
    ├── OutputError               a result could not be written; nothing is left half-written
    ├── AccessDeniedError         the access policy says no
    ├── LedgerError               the log cannot be read or written
    ├── VerificationError         a claim was checked and is false
    └── UnverifiableError         a claim could not be checked

Laws: the last two are siblings, so that catching "could not check" never swallows "is false".
Messages never contain personal data: they name files, columns, rows and counts, not values.
Anything that is not an `AuditkitError` is a defect of auditkit.

A message names an argument by `argument`, because the same argument is `scores=` in Python,
`--scores` on a command line and `scores` in an audit file; see `AuditkitError.spelled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# Control characters, which no message has, mark an argument's name inside a message.
_BEGIN, _END = "\x02", "\x03"
_ARGUMENT: Final = re.compile(f"{_BEGIN}([a-z_]+){_END}")


def argument(name: str) -> str:
    """An argument's name inside a message or remedy, which is spelled out later.

    Example:
        >>> AuditkitError(f"Give {argument('scores')}.").message
        'Give scores=.'
    """
    return f"{_BEGIN}{name}{_END}"


class AuditkitError(Exception):
    """Something went wrong that a person can act on.

    Args:
        message: What is wrong, in one sentence, without personal data.
        remedy: What to do about it, in the imperative. Printed after "To fix:".
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        self._parts = (message, remedy)
        self.message, self.remedy = self.spelled("{}=".format)
        super().__init__(self.message)

    def spelled(self, spell: Callable[[str], str]) -> tuple[str, str | None]:
        """Message and remedy, with the names of arguments spelled for another caller.

        Args:
            spell: Turns an argument's name in Python into another spelling, such as "--scores".
        """
        message, remedy = self._parts
        return _spelled(message, spell), None if remedy is None else _spelled(remedy, spell)

    def __str__(self) -> str:
        """The message, followed by the remedy if there is one."""
        if self.remedy is None:
            return self.message
        return f"{self.message}\nTo fix: {self.remedy}"


class InputError(AuditkitError):
    """A table, label column, group column, model or file cannot be used as given."""


class NothingToAuditError(InputError):
    """The inputs are well formed but hold nothing to measure."""


class MissingExtraError(InputError):
    """An optional package is needed and is not installed.

    Args:
        package: The import name that is missing.
        extra: The extra of this distribution that brings it.
        purpose: What needs it, for example "reading an XGBoost model".
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed.",
            remedy=f"pip install 'auditkit-ml[{extra}]'",
        )
        self.package = package
        self.extra = extra


class PolicyError(AuditkitError):
    """A policy, control pack or audit file is wrong: unknown key, bad threshold, no rules."""


class KeyFileError(AuditkitError):
    """A key or certificate cannot be read, does not fit, or its passphrase is wrong."""


class OutputError(AuditkitError):
    """A result could not be written. Nothing half-written is left at the final path."""


class AccessDeniedError(AuditkitError):
    """The access policy does not allow the action."""


class LedgerError(AuditkitError):
    """The log cannot be opened, read or appended to."""


class VerificationError(AuditkitError):
    """A claim was checked and is false."""


class UnverifiableError(AuditkitError):
    """A claim could not be checked, so nothing is known about it."""


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    return _ARGUMENT.sub(lambda found: spell(found[1]), text)
