"""What is said of waivers: in a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from auditkit.cli.shared.console import one_line
from auditkit.judgement.findings import about
from auditkit.waivers.record import Waiver
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.canonical import Json
    from auditkit.waivers.consideration import Considered

# From so many days before its last one on, a waiver's end is announced.
REMIND_DAYS: Final = 14


def waiver_lines(waivers: Iterable[Considered], today: date | None) -> Iterator[str]:
    """What a person has to know: which waivers do not count and why, and which end soon."""
    for one in waivers:
        if one.waiver is not None and one.lifts and today is not None:
            left = (one.waiver.expires - today).days
            if left <= REMIND_DAYS:
                yield one_line(
                    f"The waiver {one.waiver.id} of {one.waiver.rule} ends in "
                    f"{plural(left, 'day')}, on {one.waiver.expires}: renew it, or mend the model."
                )
        if one.reason and not (one.approvers and one.waiver is None):  # no revocation that counts
            so = "lifts less than it says" if one.lifts else "lifts nothing"
            yield one_line(f"{one.file.name} {so}. {one.reason}")


def waiver_json(one: Considered, today: date | None) -> dict[str, Json]:
    """A file of waivers as commands print it."""
    record = one.record
    found: dict[str, Json] = {
        "file": one.file.name,
        "lifts": list(one.lifts),
        "approvers": list(one.approvers),
        "reason": one.reason,
    }
    if not isinstance(record, Waiver):
        return found
    return {
        **found,
        "id": record.id,
        "rule": record.rule,
        "groups": [about(c.group) for c in record.conditions],
        "owner": record.owner,
        "why": record.reason,
        "from": record.requested.isoformat(),
        "until": record.expires.isoformat(),
        "days_left": (record.expires - today).days if today is not None else None,
    }


def terms_of(waiver: Waiver) -> Iterator[str]:
    """What a waiver says, line by line: what its signers sign."""
    model = waiver.model or waiver.artifact or ""
    which = "every version" if waiver.model else "these bytes alone"
    yield one_line(f"Waiver {waiver.id} of {waiver.rule}, by {waiver.owner}")
    yield one_line(f"  Policy: {waiver.policy}, {waiver.policy_digest}")
    yield one_line(f"  Model:  {model} ({which})")
    for condition in waiver.conditions:
        value = "no number" if condition.value is None else f"{condition.value:g} or better"
        whom = about(condition.group) or "the rule itself"
        yield one_line(f"  For:    {whom}: {condition.outcome.replace('_', ' ')}, {value}")
    yield one_line(f"  Days:   {waiver.requested} to {waiver.expires}")
    yield one_line(f"  Why:    {waiver.reason}")
