"""The attributes that an examiner tests of each change, and the deviations they give.

Each is yes, no, open or not applicable. "no" is a deviation. All items are tested, not a sample.

    a  approved before the move, by somebody other than the requester
    b  approved by somebody other than who made the version and who moved it
    c  a gate had passed on the same files before the move
    d  no waiver that this gate used had expired by then
    e  the files moved are those that were approved, or promoted before
    f  an emergency was reviewed in time by somebody else
    g  an emergency's files were tested, or the move was taken back
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from auditkit.access.policy.vocabulary import person
from auditkit.canonical import digest_of
from auditkit.period.changes import Change, Event, due
from auditkit.period.window import Period, stamp

YES: Final = "yes"
NO: Final = "no"
OPEN: Final = "open"
NOT_APPLICABLE: Final = "n.a."

ATTRIBUTES: Final[Mapping[str, str]] = {
    "a": "Approved before the move by somebody other than the requester",
    "b": "Approved by somebody other than the version's makers and the one who moved it",
    "c": "A gate had passed on the same files before the move",
    "d": "No waiver that the gate used had expired before the move",
    "e": "The files moved are those that were approved",
    "f": "An emergency was reviewed in time by somebody else",
    "g": "An emergency's files were tested, or the move was taken back",
}
_EMERGENCY: Final = "break-glass"
_BACK: Final = "rolled back"
_DEMOTED: Final = "demoted"


@dataclass(frozen=True, slots=True)
class Tested:
    """One attribute of one change.

    Attributes:
        outcome: `YES`, `NO`, `OPEN` or `NOT_APPLICABLE`.
        found: What was found, in words.
        index: The entry that shows it; None: the entry is missing.
    """

    outcome: str
    found: str = ""
    index: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviation:
    """An attribute that a change does not have.

    Attributes:
        id: Its lasting id, `EX-` and 12 characters, of pack, control, item and attribute.
        pack: The control pack.
        control: The control in it.
        item: The item's id in its population.
        attribute: The attribute's letter.
        expected: What was expected.
        found: What was found.
        index: The entry that shows it; None: an entry is missing.
        time: When the change was made.
        retest: What was done about it since: "retested", "rolled back", or empty.
    """

    id: str
    pack: str
    control: str
    item: str
    attribute: str
    expected: str
    found: str
    index: int | None
    time: datetime
    retest: str


def exception_id(pack: str, control: str, item: str, attribute: str) -> str:
    """The lasting id of a deviation: the same in every report on the same item."""
    key = {"pack": pack, "control": control, "item": item, "attribute": attribute}
    digest = bytes.fromhex(digest_of("exception/v1", key).hex)
    return f"EX-{b32encode(digest).decode()[:12]}"


def attributes_of(change: Change, *, ends: datetime) -> dict[str, Tested]:
    """The attributes of a change, by their letters.

    Args:
        change: The change.
        ends: How far the log is known: what is not due by then is open.
    """
    if change.how == _DEMOTED:
        return dict.fromkeys(ATTRIBUTES, Tested(NOT_APPLICABLE, "an alias was taken away"))
    emergency = change.how == _EMERGENCY
    gate = _gate_before(change)
    return {
        "a": _approved(change),
        "b": _apart(change),
        "c": Tested(NOT_APPLICABLE, "an emergency") if emergency else _passed(change, gate),
        "d": _waivers(change, gate),
        "e": _same_files(change),
        "f": _reviewed(change, ends) if emergency else Tested(NOT_APPLICABLE, "no emergency"),
        "g": _made_good(change, ends) if emergency else Tested(NOT_APPLICABLE, "no emergency"),
    }


def deviations(
    changes: Iterable[Change], period: Period, *, ends: datetime, pack: str, control: str
) -> Iterator[Deviation]:
    """The deviations of the changes of a period, every change tested.

    Args:
        changes: All changes.
        period: The period that the change itself lies in.
        ends: How far the log is known.
        pack: The control pack that asks.
        control: The control.
    """
    for change in changes:
        if not period.holds(change.done.time):
            continue
        for attribute, test in attributes_of(change, ends=ends).items():
            if test.outcome == NO:
                yield Deviation(
                    id=exception_id(pack, control, change.item, attribute),
                    pack=pack,
                    control=control,
                    item=change.item,
                    attribute=attribute,
                    expected=ATTRIBUTES[attribute],
                    found=test.found,
                    index=test.index,
                    time=change.done.time,
                    retest=_since(change),
                )


def _approved(change: Change) -> Tested:
    if change.how in (_EMERGENCY, _BACK):
        return Tested(NOT_APPLICABLE, change.how)
    if change.request is None:
        return Tested(NO, "no request names it", change.done.index)
    requester = person(change.request.who)
    others = [e for e in change.approvals if person(e.who) != requester]
    before = [e for e in others if e.index < change.moved.index]
    if before:
        return Tested(YES, f"by {before[0].who}", before[0].index)
    if others:
        late = others[0]
        return Tested(NO, f"approved on {stamp(late.time)}, after the move", late.index)
    if change.approvals:
        return Tested(NO, "approved only by the requester", change.approvals[0].index)
    return Tested(NO, "nobody approved it", change.request.index)


def _apart(change: Change) -> Tested:
    """Of the approvals before the move: a later one could not have kept anybody from it."""
    before = [e for e in change.approvals if e.index < change.moved.index]
    if change.request is None or not before:
        return Tested(NOT_APPLICABLE, "no approval before the move")
    involved = {person(name) for name in (*change.made, change.done.who)}
    apart = [e for e in before if person(e.who) not in involved]
    if apart:
        return Tested(YES, f"by {apart[0].who}", apart[0].index)
    return Tested(NO, "approved only by people who made or moved it", before[0].index)


def _gate_before(change: Change) -> Event | None:
    before = [e for e in change.verdicts if e.index < change.moved.index]
    return before[-1] if before else None


def _passed(change: Change, gate: Event | None) -> Tested:
    if gate is None:
        return Tested(NO, "no gate judged these files before the move", change.done.index)
    decision = str(gate.payload.get("decision"))
    return Tested(YES if decision == "pass" else NO, f"the gate decided: {decision}", gate.index)


def _waivers(change: Change, gate: Event | None) -> Tested:
    if gate is None or not gate.payload.get("waived"):
        return Tested(NOT_APPLICABLE, "no waiver")
    given = gate.payload.get("waivers_expire")
    days = sorted(str(day) for day in given) if isinstance(given, list) else []
    try:
        first = date.fromisoformat(days[0])
    except (IndexError, ValueError):
        return Tested(NO, "a waiver without an expiry", gate.index)
    if change.moved.time.date() > first:
        return Tested(NO, f"a waiver had expired on {first}", gate.index)
    return Tested(YES, f"in force until {first}", gate.index)


def _same_files(change: Change) -> Tested:
    if change.how == _BACK:
        version = change.done.payload.get("version")
        earlier = [e for e in change.former if e.payload.get("version") == version]
        same = [e for e in earlier if e.payload.get("artifact_digest") == change.digest]
        if same and change.digest:
            return Tested(YES, "as promoted before", same[-1].index)
        if len(change.former) < 50:
            return Tested(NO, "these files were not promoted there before", change.done.index)
        return Tested(NOT_APPLICABLE, "promoted long before")
    if change.request is None:
        return Tested(NOT_APPLICABLE, "no request")
    if change.digest and change.request.payload.get("artifact_digest") == change.digest:
        return Tested(YES, "the same digest", change.request.index)
    return Tested(NO, "the files are others than those of the request", change.request.index)


def _reviewed(change: Change, ends: datetime) -> Tested:
    if change.invoked is None:
        return Tested(NO, "the log holds no use of break-glass that it names", change.done.index)
    limit = due(change.invoked)
    if limit is None:
        return Tested(NO, "its entry does not say when a review is due", change.invoked.index)
    others = [e for e in change.reviews if person(e.who) != person(change.invoked.who)]
    if others and others[0].time <= limit:
        return Tested(YES, f"by {others[0].who}", others[0].index)
    if others:
        late = others[0]
        return Tested(NO, f"reviewed on {stamp(late.time)}, due {stamp(limit)}", late.index)
    if ends <= limit:
        return Tested(OPEN, f"due {stamp(limit)}", change.invoked.index)
    return Tested(NO, f"not reviewed, due {stamp(limit)}", change.invoked.index)


def _made_good(change: Change, ends: datetime) -> Tested:
    since = _since(change)
    gate = _gate_before(change)
    if gate is not None and gate.payload.get("decision") == "pass":
        return Tested(YES, "a gate had passed before", gate.index)
    if since:
        return Tested(YES, since, change.done.index)
    limit = due(change.invoked) if change.invoked is not None else None
    if limit is not None and ends <= limit:
        return Tested(OPEN, f"due {stamp(limit)}", change.done.index)
    return Tested(NO, "neither tested nor taken back", change.done.index)


def _since(change: Change) -> str:
    """What was done since: the files passed a gate, or another version took the place."""
    after = [e for e in change.verdicts if e.index > change.moved.index]
    if after and after[-1].payload.get("decision") == "pass":
        return "retested"
    if change.later and change.later[0].payload.get("how") in (_BACK, _DEMOTED):
        return "rolled back"
    return ""
