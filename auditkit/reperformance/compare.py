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
from auditkit.judgement.findings import called

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Differing:
    """Something that was judged or counted, and came out otherwise.

    Attributes:
        what: Which: "finding FL-1", "control soc2 CC6.1", "verdict", "counts".
        member: Its member that differs, for example "outcome"; empty: it is missing on one side.
        before: That in the first statement, as JSON.
        after: That in the second.
    """

    what: str
    member: str
    before: Any
    after: Any


def compare_judged(
    before: Mapping[str, Any], after: Mapping[str, Any], *, tolerance: float = 0.0
) -> tuple[Differing, ...]:
    """Compares every finding, waiver, control, pack, verdict and count of two statements.

    Also all that is said of the evidence beside its numbers: outcomes, parameters, notes, terms.

    Args:
        before: A parsed statement.
        after: Another.
        tolerance: As in `compare_numbers`, for numbers wherever they stand.

    Returns:
        What differs, in the order of the first statement.

    Raises:
        InputError: If one of them is not the statement of an audit.
    """
    with whole_statements():
        old, new = _judged(before), _judged(after)
        found = []
        for what in dict.fromkeys([*old, *new]):
            if what not in old or what not in new:
                place = {"before": old.get(what), "after": new.get(what)}
                found.append(Differing(what=what, member="", **place))
                continue
            for member in dict.fromkeys([*old[what], *new[what]]):
                a, b = old[what].get(member), new[what].get(member)
                if not _alike(a, b, tolerance):
                    found.append(Differing(what=what, member=member, before=a, after=b))
        return tuple(found)


def compare_tables(
    before: Mapping[str, Any], after: Mapping[str, Any], compared: Sequence[Compared]
) -> tuple[tuple[str, ...], Agreement]:
    """Compares the digests of two statements' tables.

    Args:
        before: A parsed statement.
        after: Another.
        compared: The comparison of their numbers.

    Returns:
        The tables that have another digest, as `CHECK, NAME`; and how the tables agree: equal;
        different, since all numbers of their checks are equal; or within the tolerance, as far as
        a digest tells, because a number of the same check differs slightly and those in the table
        may too.
    """
    with whole_statements():
        old, new = _tables(before), _tables(after)
    odd = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    near = {c.check for c in compared if c.agreement is not Agreement.EQUAL}
    names = tuple(f"{check}, {name}" for check, name in odd)
    if any(check not in near for check, _ in odd):
        return names, Agreement.DIFFERENT
    return names, Agreement.WITHIN if odd else Agreement.EQUAL


def _tables(statement: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (evidence["check"], table["name"]): table["digest"]
        for evidence in statement["predicate"]["evidence"]
        for table in evidence["tables"]
    }


# Compared by themselves: numbers, tables, inputs and what a salted digest hides; or told as what
# the statement was made by. A digest of evidence follows from its content.
_ELSEWHERE: Final = {
    "evidence", "findings", "controls", "packs", "verdict", "rows", "suppression",
    "subject", "datasets", "policy", "seed", "versions", "made_by",
}  # fmt: skip
_MEASURED: Final = {"id", "digest", "measurements", "tables"}


def _judged(statement: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """All that is neither a number nor an input, by a name that is unique in the statement."""
    predicate = statement["predicate"]
    rules = dict(predicate.get("suppression", {}))
    rules.pop("unsuppressed", None)
    counts = {"rows": predicate["rows"], "suppressed": rules.pop("hidden", None)}
    return {
        "verdict": dict(predicate["verdict"]),
        **{f"finding {called(f)}": dict(f) for f in predicate["findings"]},
        **{f"control {c['pack']} {c['control']}": dict(c) for c in predicate["controls"]},
        **{f"pack {p['id']}": dict(p) for p in predicate["packs"]},
        "counts": counts,
        **{
            f"evidence {e['check']}": {k: v for k, v in e.items() if k not in _MEASURED}
            | {"measured": [_described(m) for m in e["measurements"]]}
            for e in predicate["evidence"]
        },
        "suppression": rules,
        "statement": {k: v for k, v in predicate.items() if k not in _ELSEWHERE},
    }


def _described(measurement: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in measurement.items() if k not in FIELDS}


def _alike(a: Any, b: Any, tolerance: float) -> bool:
    match a, b:
        case (bool(), _) | (_, bool()):
            return a is b
        case int() | float(), int() | float():
            return abs(a - b) <= tolerance * max(abs(a), abs(b))
        case dict(), dict():
            return a.keys() == b.keys() and all(_alike(a[k], b[k], tolerance) for k in a)
        case list(), list():
            return len(a) == len(b) and all(map(_alike, a, b, [tolerance] * len(a)))
    return bool(a == b)


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
    return Agreement.WITHIN if _alike(a, b, tolerance) else Agreement.DIFFERENT
