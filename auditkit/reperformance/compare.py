"""Compares two statements number by number: equal, within a tolerance, or different.

Laws:
    - Every number of either statement appears in the comparison once; a number missing on one
      side is different, not skipped.
    - Undefined equals only undefined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from auditkit.errors import InputError

FIELDS: Final = ("value", "lower", "upper", "n")


class Agreement(StrEnum):
    """How a number agrees with its first value."""

    EQUAL = "equal"
    WITHIN = "within tolerance"
    DIFFERENT = "different"


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One number of two audits.

    Attributes:
        check: The check that measured it.
        key: Its address within the check's evidence, with the field: `selection_rate[a=b].value`.
        before: The number in the first statement; None: undefined or missing.
        after: The number in the second.
        agreement: Equal, within the tolerance, or different.
    """

    check: str
    key: str
    before: float | None
    after: float | None
    agreement: Agreement


def compare_numbers(
    before: Mapping[str, Any], after: Mapping[str, Any], *, tolerance: float = 0.0
) -> tuple[Compared, ...]:
    """Compares every number of two statements.

    Args:
        before: A parsed statement.
        after: Another.
        tolerance: Numbers agree if they differ by at most this share of the larger magnitude;
            0: only if they are equal.

    Returns:
        One for each number, in the order of the first statement; then numbers only in the second.

    Raises:
        InputError: If one of them is not the statement of an audit.
    """
    with whole_statements():
        old, new = _numbers(before), _numbers(after)
        return tuple(
            Compared(
                check=check,
                key=key,
                before=old.get((check, key)),
                after=new.get((check, key)),
                agreement=_agreement((check, key), old, new, tolerance),
            )
            for check, key in dict.fromkeys([*old, *new])
        )


def compare_suppressed(
    before: Mapping[str, Any], after: Mapping[str, Any], compared: Sequence[Compared]
) -> Agreement | None:
    """Compares two statements' commitments to their unsuppressed evidence.

    Args:
        before: A parsed statement.
        after: Another, made with the same salt.
        compared: The comparison of their numbers.

    Returns:
        Equal: every suppressed number is equal. Different: a suppressed number changed, since all
        shown numbers are equal. None: unknown, because a statement is older than commitments, or
        because shown numbers differ slightly and suppressed ones may too.
    """
    with whole_statements():
        old, new = (
            s["predicate"].get("suppression", {}).get("unsuppressed") for s in (before, after)
        )
    if old is None or new is None:
        return None
    if old == new:
        return Agreement.EQUAL
    alike = all(c.agreement is Agreement.EQUAL for c in compared)
    return Agreement.DIFFERENT if alike else None


@contextmanager
def whole_statements() -> Iterator[None]:
    """Turns errors from an incomplete statement into an `InputError`.

    Raises:
        InputError: If the block met an incomplete statement.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise InputError(
            "A statement lacks parts that every audit has.",
            remedy="give a report made by auditkit, or its unchanged statement.json",
        ) from None


def _numbers(statement: Mapping[str, Any]) -> dict[tuple[str, str], float | None]:
    return {
        (evidence["check"], f"{measurement['key']}.{field}"): measurement[field]
        for evidence in statement["predicate"]["evidence"]
        for measurement in evidence["measurements"]
        for field in FIELDS
    }


def _agreement(
    place: tuple[str, str],
    old: Mapping[tuple[str, str], float | None],
    new: Mapping[tuple[str, str], float | None],
    tolerance: float,
) -> Agreement:
    if place not in old or place not in new:
        return Agreement.DIFFERENT
    a, b = old[place], new[place]
    if a == b:
        return Agreement.EQUAL
    if a is None or b is None:
        return Agreement.DIFFERENT
    near = abs(a - b) <= tolerance * max(abs(a), abs(b))
    return Agreement.WITHIN if near else Agreement.DIFFERENT
