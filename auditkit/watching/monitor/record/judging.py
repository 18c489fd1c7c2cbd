"""What a monitor logs of a window that was judged: outcomes, and the numbers that broke a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from auditkit.canonical import Json
from auditkit.evidence import Measurement, Outcome, describe_group, worst
from auditkit.policy import Rule
from auditkit.watching.monitor.record.state import State
from auditkit.watching.profile.profile import Profile
from auditkit.watching.profile.summary import moments
from auditkit.watching.watched import Watched

# An alert names so many numbers that broke a rule; the evidence has all.
_NAMED: Final = 50
_LARGEST: Final = 1e6


def judged(
    watched: Watched, state: State, importance: Mapping[str, float], clear_at: float
) -> dict[str, Json]:
    """For each check its outcome, the numbers that broke a rule, and those that are still loud.

    Args:
        watched: The window against its baseline.
        state: The monitor's state, whose alerts say which numbers must become quiet.
        importance: The weight of features.
        clear_at: The share of its tolerance below which a number is quiet.
    """
    found: dict[str, Json] = {}
    for check in dict.fromkeys(f.check for f in watched.findings):
        numbers = [(r, m, o) for r, m, o in watched.judged if r.check == check]
        broken = [_broken(r, m, importance) for r, m, o in numbers if o is Outcome.FAIL]
        broken.sort(key=lambda b: (-b["rank"], b["number"]))
        alert = state.alert_of(check)
        quiet = {_name(m) for r, m, o in numbers if o is Outcome.PASS and _below(r, m, clear_at)}
        found[check] = {
            "outcome": _outcome(watched, check, {m.name for _, m, _ in numbers}),
            "broken": broken[:_NAMED],
            "loud": [n for n in alert.numbers if n not in quiet] if alert is not None else [],
        }
    return found


def importance_of(base: Profile, given: Mapping[str, float]) -> dict[str, float]:
    """The weight of each feature: as given, else its mean share of the baseline's explanations.

    Shares are multiplied by the number of features, so that the mean weight is 1.
    """
    columns = base.layout.of_role("attribution")
    total = base.total()
    found = {}
    for column in columns:
        at, start = 2 * base.layout.summed[column.key], base.layout.starts[column.key]
        n = int(total.cells[start : start + column.values].sum())
        if n:
            mean, _ = moments(n, total.sums[at], total.sums[at + 1])
            found[column.name] = round(mean * len(columns), 6)
    return {**found, **given}


def _outcome(watched: Watched, check: str, measures: set[str]) -> str:
    """The worst outcome of a check's rules, without those on what the model does not have.

    A rule on new levels says nothing of a model without levels; it must not keep the check's alert
    open for ever.
    """
    rules = {r.id for r in watched.policy.rules if r.measure in measures}
    own = [f for f in watched.findings if f.check == check and f.rule in rules]
    return worst([f.outcome for f in own] or [Outcome.NOT_ASSESSED]).value


def _name(number: Measurement) -> str:
    return f"{number.name} {describe_group(number.group)}".strip()


def _broken(rule: Rule, number: Measurement, importance: Mapping[str, float]) -> dict[str, Any]:
    features = [value for attribute, value in number.group if attribute == "feature"]
    weight = importance.get(features[0], 1.0) if features else 1.0
    return {
        "number": _name(number),
        "rule": rule.id,
        "severity": rule.severity,
        "value": number.value,
        "lower": number.lower,
        "upper": number.upper,
        "tolerance": rule.threshold,
        "n": number.n,
        "rank": round(weight * _effect(rule, float(number.value or 0.0)), 6),
    }


def _effect(rule: Rule, value: float) -> float:
    """A number as a multiple of its tolerance."""
    top, bottom = (value, rule.threshold) if rule.operator == "<=" else (rule.threshold, value)
    return min(_LARGEST, abs(top / bottom)) if bottom else _LARGEST


def _below(rule: Rule, number: Measurement, clear_at: float) -> bool:
    if rule.threshold <= 0:
        return True  # it meets the rule; there is no share of nothing
    if rule.operator == "<=":
        return number.upper is not None and number.upper <= clear_at * rule.threshold
    return number.lower is not None and number.lower >= rule.threshold / clear_at
