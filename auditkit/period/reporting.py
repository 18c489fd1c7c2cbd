"""The evidence of a period: what the log shows of how controls operated, for a report.

A period's report is a judgement as any other: its subject is the log, its evidence is counted here,
a policy sets the conditions, and packs map them. So its pages, its statement, its signature and its
verification are those of every report.

Laws:
    - Every number follows from the log at the size that was read, and from the registry where one
      was given. The same log, size, period and registry give the same evidence.
    - Every change is tested, not a sample of them. What is not logged is not counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditkit.evidence import Evidence, Measurement, Outcome, Table
from auditkit.judgement.controls import ControlPack
from auditkit.ledger.full_check import LogReport
from auditkit.ledger.reader import LogReader
from auditkit.period.attributes import (
    ATTRIBUTES,
    NO,
    OPEN,
    YES,
    Deviation,
    attributes_of,
    deviations,
)
from auditkit.period.changes import Change
from auditkit.period.completeness import Gap
from auditkit.period.extract import population_sha256, query_of
from auditkit.period.fallback import use_of
from auditkit.period.kinds import POPULATIONS
from auditkit.period.monitoring import monitored, operation_of
from auditkit.period.record import ANSWERED
from auditkit.period.sampling import seed_of
from auditkit.period.terms import terms_of
from auditkit.period.trace import read_changes
from auditkit.period.window import Period, stamp

VERSION: Final = "1"
CHANGES: Final = "period.changes"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What a log shows of a period.

    Attributes:
        period: The period.
        origin: The log.
        size: How many entries were read.
        root: The log's root at that size, 64 hex digits.
        entries: How many entries lie in the period.
        evidence: One for each question, with ids.
    """

    period: Period
    origin: str
    size: int
    root: str
    entries: int
    evidence: tuple[Evidence, ...]


def operation(
    log: LogReader,
    period: Period,
    *,
    pack: ControlPack,
    gaps: Sequence[Gap] | None = None,
    size: int | None = None,
    monitor: str = "",
) -> Operation:
    """Reads a log for a period's evidence.

    Args:
        log: The log. All of it is checked first.
        period: The period.
        pack: The control pack that exceptions are numbered under.
        gaps: What log and registry do not agree on, from `completeness.compare`; None: no registry
            was asked.
        size: How many of its entries to read, as the log was then; None: all.
        monitor: Only what concerns this monitor, and the log itself; empty: everything.

    Raises:
        InputError: If the log has fewer entries.
        VerificationError: If the log is not what its head says.
    """
    checked = log.verify()
    size = checked.size if size is None else size
    root = seed_of(log, f"checkpoint:{size}").root if size else checked.root.hex()
    with log.snapshot() as session:
        times = [session.entry(at).time for at in (0, size - 1)] if size else []
        inside = session.entries_between(period.begin_ms, period.end_ms, end=size)
    itself = _log(checked, period, times, inside, size=size, root=root)
    ends = times[1] if times else period.begin
    monitors = monitored(log, period, ends=ends, size=size, only=monitor)
    watched = operation_of(monitors, only=monitor), use_of(monitors, only=monitor)
    made = (
        (*watched, itself)
        if monitor
        else (
            _changes_of(log, period, pack=pack, size=size),
            _populations(log, period, size=size),
            itself,
            _registry(gaps),
            *watched,
        )
    )
    return Operation(
        period=period,
        origin=log.origin,
        size=size,
        root=root,
        entries=inside,
        evidence=tuple(
            replace(evidence, id=f"E-{number:04d}") for number, evidence in enumerate(made, start=1)
        ),
    )


def _changes_of(log: LogReader, period: Period, *, pack: ControlPack, size: int) -> Evidence:
    book = read_changes(log, size=size)
    ends = min(book.ends, period.end) if book.ends is not None else period.end
    changed = [change for change in book.changes() if period.holds(change.done.time)]
    control = pack.numbered_under(CHANGES)
    found = list(deviations(changed, period, ends=ends, pack=pack.id, control=control))
    answers = {
        str(entry.payload["exception"]): str(entry.payload["text"])
        for entry in log.entries(kind=(ANSWERED,), end=size)
        if entry.payload
    }
    return _changes(changed, found, answers, ends=ends)


def _changes(
    changes: Sequence[Change],
    found: Sequence[Deviation],
    answers: Mapping[str, str],
    *,
    ends: datetime,
) -> Evidence:
    tested = [attributes_of(change, ends=ends) for change in changes]

    def count(letter: str, *outcomes: str) -> int:
        return sum(one[letter].outcome in outcomes for one in tested)

    return Evidence(
        check=CHANGES,
        version=VERSION,
        title="Changes of what is in production",
        area="access",
        n=len(changes),
        population="changes",
        parameters={
            "tested": "every change",
            "known_until": stamp(ends),
        },
        measurements=(
            _count("changes", len(changes), len(changes)),
            _count("changes_with_exceptions", len({d.item for d in found}), len(changes)),
            *(
                _count(
                    name,
                    count(letter, *outcomes),
                    count(letter, YES, NO) if name == "exceptions" else len(changes),
                    group=(("attribute", f"{letter}: {words}"),),
                )
                for letter, words in ATTRIBUTES.items()
                for name, outcomes in (("exceptions", (NO,)), ("open_tests", (OPEN,)))
            ),
        ),
        tables=(
            Table(
                name="period_exceptions",
                title="Exceptions: attributes that a change does not have",
                columns=("exception", "item", "attribute", "found", "time", "since", "response",
                         "expected", "entry", "control"),
                rows=tuple(
                    (d.id, d.item, d.attribute, d.found, stamp(d.time), d.retest or "nothing",
                     answers.get(d.id, "none"), d.expected, d.index, f"{d.pack} {d.control}")
                    for d in found
                ),
            ),
            Table(
                name="period_changes",
                title="Every change of the period, with each attribute tested",
                columns=("item", "time", "model", "version", "to", "how", "who", *ATTRIBUTES),
                rows=tuple(
                    (change.item, stamp(change.done.time), *_place_of(change), change.how,
                     change.done.who, *(one[letter].outcome for letter in ATTRIBUTES))
                    for change, one in zip(changes, tested, strict=True)
                ),
            ),
        ),
        notes=(
            "A change is one move of a protected alias or stage, or its removal.",
            "Open: the log ends before the attribute is due.",
            "A response is management's own words. They were not examined, and change nothing.",
        ),
        terms=terms_of(CHANGES),
    )  # fmt: skip


def _place_of(change: Change) -> tuple[str, str, str]:
    payload = change.done.payload
    return tuple(str(payload.get(name) or "") for name in ("model", "version", "name"))  # type: ignore[return-value]


def _populations(log: LogReader, period: Period, *, size: int) -> Evidence:
    counted = {name: population_sha256(log, name, period, size=size) for name in POPULATIONS}
    return Evidence(
        check="period.populations",
        version=VERSION,
        title="Populations",
        area="monitoring",
        n=sum(count for _, count in counted.values()),
        population="items",
        measurements=tuple(
            _count("items", count, size, group=(("population", name),))
            for name, (_, count) in counted.items()
        ),
        tables=(
            Table(
                name="period_populations",
                title="Each population with the digests of its extract and of its query",
                columns=("population", "items", "extract_digest", "query_digest", "holds"),
                rows=tuple(
                    (name, count, digest, _sha256(query_of(name, period)), POPULATIONS[name])
                    for name, (digest, count) in counted.items()
                ),
            ),
        ),
        notes=("'auditkit evidence population NAME' gives each as a file with that digest.",),
        terms=terms_of("period.populations"),
    )


def _log(
    checked: LogReport,
    period: Period,
    times: Sequence[datetime],
    inside: int,
    *,
    size: int,
    root: str,
) -> Evidence:
    destroyed = [d for d in checked.destroyed if d.index < size]
    set_back = [index for index in checked.clock_set_back if index < size]
    begins, ends = times or (None, None)
    before = begins is not None and begins <= period.begin
    until = ends is not None and ends >= period.end
    return Evidence(
        check="period.log",
        version=VERSION,
        title="The log itself",
        area="lineage",
        n=size,
        population="entries",
        parameters={
            "origin": checked.origin,
            "root": root,
            "begins": stamp(begins) if begins else "",
            "ends": stamp(ends) if ends else "",
        },
        measurements=(
            _count("entries", inside, size),
            _count("destructions", len(destroyed), size),
            _count("clock_set_back", len(set_back), size),
            _count("uncovered_ends", (not before) + (not until), size),
        ),
        notes=(
            "Every entry was checked against the log's root.",
            "That everything was logged, a log cannot show by itself.",
        ),
        terms=terms_of("period.log"),
    )


def _registry(gaps: Sequence[Gap] | None) -> Evidence:
    about: dict[str, Any] = {
        "check": "period.registry",
        "version": VERSION,
        "title": "The log against the registry",
        "area": "lineage",
        "terms": terms_of("period.registry"),
    }
    if gaps is None:
        return Evidence(
            **about, outcome=Outcome.NOT_ASSESSED, reason="no registry was given (--registry)"
        )
    columns = ("kind", "workspace", "model", "name", "logged", "registered", "index")
    return Evidence(
        **about,
        n=len(gaps),
        population="gaps",
        measurements=(_count("gaps", len(gaps), len(gaps)),),
        tables=(
            Table(
                name="period_gaps",
                title="What log and registry do not agree on",
                columns=columns,
                rows=tuple(tuple(getattr(gap, name) for name in columns) for gap in gaps),
            ),
        ),
        notes=("Compared as they are now, not as they were in the period.",),
    )


def _count(
    name: str, value: int, n: int, *, group: tuple[tuple[str, str], ...] = ()
) -> Measurement:
    return Measurement(name=name, value=value, n=n, unit="count", group=group)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
