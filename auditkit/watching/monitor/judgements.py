"""The judgements of windows, kept beside the log: as evidence of a period, and computed again.

The log has the digest of each judgement; the file that has it, in the monitor's store, has every
number. Whoever has the stored profiles, too, computes the judgement again from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditkit.canonical import digest_of
from auditkit.evidence import Evidence, Measurement, Outcome, Table, Term
from auditkit.watching.monitor.record.facts import NUMBERS
from auditkit.watching.monitor.record.fold import LoggedEntry
from auditkit.watching.monitor.store import JUDGEMENT, Store
from auditkit.watching.policy import WatchPolicy
from auditkit.watching.profile.profile import Profile
from auditkit.watching.watched import watch

TABLE: Final = "monitoring_numbers"
_TITLE: Final = "What the windows were judged by"
_COLUMNS: Final = (
    "rule", "window_from", "value", "lower", "upper", "tolerance", "outcome", "n", "check",
    "number", "at_most",
)  # fmt: skip
TERMS: Final[dict[str, Term]] = {
    "tested_windows": Term("Windows tested", "Judged windows that the rule had a number for."),
    "broken_windows": Term("Windows that broke it", "Windows with a number that broke the rule."),
    "worst_value": Term(
        "Worst value", "The worst value of all windows: each window's is that of its worst number."
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputed:
    """Judgements read and computed again.

    Attributes:
        evidence: Their numbers, as a report has them.
        windows: How many were.
        differences: Those that came out otherwise, in sentences.
        other_policy: How many were made by another policy, and were not computed again.
    """

    evidence: Evidence
    windows: int
    differences: tuple[str, ...]
    other_policy: int


def numbers_of(windows: Sequence[Mapping[str, Any]], store: Store) -> Evidence:
    """For each rule and window the worst number that the rule judged, as evidence.

    Args:
        windows: Those of a period, as `auditkit.watching.monitor.record.period` gives them.
        store: Where the judgements are.

    Raises:
        InputError: If one is not there.
        VerificationError: If one is not what was logged.
    """
    judged = [w for w in windows if not w["missed"] and w["evidence"]]
    rows = [
        (f["rule"], w["from"], f["value"], f["lower"], f["upper"], f["threshold"],
         Outcome(f["outcome"]).words, f["n"], f["check"], f["key"], f["operator"] == "<=")
        for w in judged
        for f in store.evidence(w["evidence"])["findings"]
    ]  # fmt: skip
    rows.sort(key=lambda row: row[:2])
    ran = bool(rows)
    return Evidence(
        check=NUMBERS,
        version="1",
        title=_TITLE,
        area="monitoring",
        outcome=Outcome.PASS if ran else Outcome.NOT_ASSESSED,
        reason="" if ran else "no window that begins in the period was judged",
        n=len(judged),
        population="windows",
        measurements=tuple(
            m for rule in dict.fromkeys(r[0] for r in rows) for m in _of(rule, rows)
        ),
        tables=(
            Table(
                name=TABLE,
                title="The worst number of each rule in each window",
                columns=_COLUMNS,
                rows=tuple(rows),
            ),
        )
        if ran
        else (),
        notes=(
            "Each window is compared with the monitor's baseline, under the policy of its entry.",
            "Ends of intervals hold together for all numbers and windows that the policy names.",
        )
        if ran
        else (),
        terms=TERMS,
    )


def _of(rule: str, rows: Sequence[tuple[Any, ...]]) -> list[Measurement]:
    own = [row for row in rows if row[0] == rule]
    values = [row[2] for row in own if row[2] is not None]
    tested, group = len(values), (("rule", rule), ("check", str(own[0][8])))
    broken = sum(row[6] == Outcome.FAIL.words for row in own)
    worst = max if own[0][10] else min
    return [
        Measurement(name="tested_windows", value=tested, n=len(own), unit="count", group=group),
        Measurement(name="broken_windows", value=broken, n=tested, unit="count", group=group),
        Measurement(
            name="worst_value", value=worst(values, default=None), n=tested, unit="statistic",
            group=group, reason="" if values else "no window had a number for it",
        ),
    ]  # fmt: skip


def recomputed(
    windows: Sequence[Mapping[str, Any]],
    entries: Iterable[LoggedEntry],
    store: Store,
    policy: WatchPolicy,
) -> Recomputed:
    """Reads judgements, and computes them again from the stored profiles.

    Args:
        windows: Those of a period, see `numbers_of`.
        entries: The log's entries that these windows are from.
        store: Where judgements and profiles are.
        policy: The policy. Windows that were judged by another are only counted.

    Raises:
        InputError: If a file is not there.
        VerificationError: If one is not what was logged.
    """
    wanted = {w["entry"] for w in windows if not w["missed"] and w["evidence"]}
    done, other, differences = 0, 0, []
    bases: dict[str, Profile] = {}
    for entry in entries:
        payload = entry.payload
        if entry.index not in wanted or payload is None:
            continue
        if payload["policy"] != str(policy.digest):
            other += 1
            continue
        name = payload["baseline"]
        base = bases[name] = bases.get(name) or store.profile(name)
        digests = [*payload["parts"], *payload["labels"]]
        profiles = [store.profile(digest, base=base) for digest in digests]
        again = watch(base, sum(profiles[1:], profiles[0]), policy=policy)
        done += 1
        if str(digest_of(JUDGEMENT, again.to_json())) != payload["evidence"]:
            differences.append(
                f"The window from {payload['window'][0]}: its profiles give another judgement."
            )
    return Recomputed(
        evidence=numbers_of(windows, store),
        windows=done,
        differences=tuple(differences),
        other_policy=other,
    )
