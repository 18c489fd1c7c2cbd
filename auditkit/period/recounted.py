"""Counts a period's report again from the log: does its evidence come out the same?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from auditkit.canonical import Json, canonical_bytes
from auditkit.errors import InputError
from auditkit.evidence import Evidence
from auditkit.judgement.controls import ControlPack
from auditkit.ledger.reader import LogReader
from auditkit.period.completeness import Gap
from auditkit.period.reporting import operation
from auditkit.period.window import Period
from auditkit.watching.monitor.record.facts import NUMBERS

# Counted again only where the registry is given, and then as it is now.
_REGISTRY = "period.registry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recounted:
    """A report's evidence beside what the log gives.

    Attributes:
        numbers: How many numbers were counted again.
        differences: What differs, in sentences.
        left_out: Checks that were not done again.
    """

    numbers: int
    differences: tuple[str, ...]
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def monitor_of(statement: Mapping[str, Any]) -> tuple[str, Period]:
    """The monitor that a report is about, and its period; no name: it is about everything.

    Raises:
        InputError: If it is not the report of a period.
    """
    try:
        predicate = statement["predicate"]
        named = {str(one["parameters"].get("monitor", "")) for one in predicate["evidence"]}
        return max(named, default=""), Period.parse(*predicate["subject"]["period"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_period() from error


def _no_period() -> InputError:
    return InputError(
        "It is not the report of a period.",
        remedy="give one of 'auditkit period report' or 'auditkit watch report'",
    )


def recounted(
    log: LogReader,
    statement: Mapping[str, Any],
    *,
    gaps: Sequence[Gap] | None,
    judgements: Evidence | None = None,
) -> Recounted:
    """Counts the evidence of a report again, at the log's size of then.

    Args:
        log: The log.
        statement: The report's statement, parsed.
        gaps: What log and registry do not agree on now; None: that check is left out.
        judgements: What a monitor's windows were judged by, from its store; None: that is left out.

    Raises:
        InputError: If it is not the statement of a period, or the log has fewer entries.
        VerificationError: If the log is not what its head says.
    """
    monitor, period = monitor_of(statement)
    try:
        predicate = statement["predicate"]
        subject, evidence = predicate["subject"], predicate["evidence"]
        size = int(predicate["rows"])
        pack = ControlPack.model_validate(predicate["packs"][-1]["content"])
        stated = {str(one["check"]): one for one in evidence}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise _no_period() from error
    again = operation(log, period, pack=pack, gaps=gaps, size=size, monitor=monitor)
    differences = []
    for name, was, now in (
        ("log", subject["name"], again.origin),
        ("root of the log", subject["digest"], f"sha256:{again.root}"),
    ):
        if was != now:
            differences.append(f"The {name}: {was}, and counted again {now}.")
    left_out, numbers = [], 0
    made = again.evidence if judgements is None else (*again.evidence, judgements)
    counted: dict[str, Any] = {one.check: one.to_json() for one in made}
    for check in dict.fromkeys([*stated, *counted]):
        if (check == _REGISTRY and gaps is None) or (check == NUMBERS and judgements is None):
            left_out.append(check)
            continue
        if check not in stated or check not in counted:
            there = "is not in the report" if check not in stated else "the log does not give it"
            differences.append(f"{check}: {there}.")
            continue
        numbers += len(counted[check]["measurements"])
        differences += _differences(check, stated[check], counted[check])
    return Recounted(numbers=numbers, differences=tuple(differences), left_out=tuple(left_out))


def _differences(check: str, stated: Mapping[str, Any], counted: Mapping[str, Any]) -> list[str]:
    was = {m["key"]: m for m in stated.get("measurements", ())}
    now = {m["key"]: m for m in counted["measurements"]}
    found = [
        f"{check} {key}: {_value(was.get(key))}, and counted again {_value(now.get(key))}."
        for key in dict.fromkeys([*was, *now])
        if canonical_bytes(was.get(key)) != canonical_bytes(now.get(key))
    ]
    members = ("outcome", "reason", "n", "population", "parameters", "tables", "notes")
    return found + [
        f"{check}: its {member} is not what the log gives."
        for member in members
        if canonical_bytes(stated.get(member)) != canonical_bytes(counted[member])
    ]


def _value(number: Mapping[str, Any] | None) -> str:
    return "none" if number is None else f"{number.get('value')} of {number.get('n')}"
