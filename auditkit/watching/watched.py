"""Compares a window with its baseline under a policy.

    w = ak.watch(base, day, policy="starter-watch")
    w.outcome; w.findings; w.alerts; w.to_frame(); w.plot()

Laws:
    - A breach is a number whose whole interval breaks its rule. The ends of intervals that a breach
      is judged by hold together, over all numbers and windows: see `auditkit.watching.policy`.
    - Too few rows are not tested, and never met.
    - The result follows from two profiles and a policy, all of which have digests: anybody who has
      them computes it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import Json
from auditkit.charts import Chart, ForestRow, forest
from auditkit.errors import NothingToAuditError, PolicyError
from auditkit.evidence import Evidence, Finding, Measurement, Outcome, describe_group, worst
from auditkit.glossary import Glossary
from auditkit.judgement.gate import compare, judge, severity_order
from auditkit.policy import Rule
from auditkit.watching.checks import drifts, outcomes
from auditkit.watching.checks.question import Pair, Question
from auditkit.watching.policy import WatchPolicy, load_watch_policy
from auditkit.watching.profile.profile import Profile
from auditkit.watching.terms import TERMS, TITLES
from auditkit.wording import percentage, plural

if TYPE_CHECKING:
    import pandas as pd

_ASSUMES: Final = (
    "Assumes that outcomes depend on scores as they did in the baseline. If that changes, this "
    "estimate does not move: only labels show it."
)
_COLUMNS: Final = (
    "check", "feature", "statistic", "group", "value", "lower", "upper", "level", "n", "tolerance",
    "outcome", "reason",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Watched:
    """A window against its baseline.

    Attributes:
        policy: The rules.
        evidence: One for each check that the rules name, with every number that they judge.
        findings: One for each rule, in the policy's order.
        window: The window's start and end, half open, in UTC; None: not stated.
        rows: The window's rows.
        base_rows: The baseline's rows.
        digests: Of the baseline, the window and the policy.
        tests: How many numbers are judged.
    """

    policy: WatchPolicy
    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    window: tuple[str, str] | None
    rows: int
    base_rows: int
    digests: Mapping[str, str]
    tests: int

    @property
    def outcome(self) -> Outcome:
        """The worst of the findings."""
        return worst([f.outcome for f in self.findings])

    @property
    def alerts(self) -> tuple[Finding, ...]:
        """The findings of rules that were broken, worst first."""
        broken = [f for f in self.findings if f.outcome is Outcome.FAIL]
        return tuple(sorted(broken, key=severity_order))

    @cached_property
    def judged(self) -> tuple[tuple[Rule, Measurement, Outcome], ...]:
        """Each rule with each number that it judges, and the outcome."""
        found = []
        for rule in self.policy.rules:
            numbers = [
                m for e in self.evidence if e.check == rule.check for m in e.named(rule.measure)
            ]
            for number in numbers:
                few = number.n is None or number.n < rule.min_n
                outcome = Outcome.NOT_ASSESSED if few else compare(rule, number)
                found.append((rule, number, outcome))
        return tuple(found)

    def to_frame(self) -> pd.DataFrame:
        """Every number, one row for each rule that judges it.

        Columns: check, feature, statistic, group, value, lower, upper, level, n, tolerance,
        outcome, reason. An outcome is met, exception, uncertain, not tested, ... .
        """
        import pandas as pd

        rows = []
        for rule, number, outcome in self.judged:
            feature, group = _split(number)
            few = number.n is not None and number.n < rule.min_n
            reason = number.reason or (f"fewer than {rule.min_n} rows" if few else "")
            rows.append(
                (rule.check, feature, number.name, group, number.value, number.lower, number.upper,
                 number.level, number.n, rule.threshold, outcome.words, reason)
            )  # fmt: skip
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def plot(self, *, most: int = 30) -> Chart:
        """The numbers as multiples of their tolerances, the largest first; a line marks 1.

        Args:
            most: The most numbers that are drawn.

        Raises:
            NothingToAuditError: If no number has a value.
        """
        drawn = [
            (number, 1 / abs(rule.threshold), _label(rule.check, number))
            for rule, number, _ in self.judged
            if number.value is not None and rule.threshold and rule.operator == "<="
        ]
        if not drawn:
            raise NothingToAuditError(
                "No number has a value and a tolerance above 0.", remedy="see to_frame()"
            )
        drawn.sort(key=lambda d: -(d[0].value or 0.0) * d[1])
        rows = [
            ForestRow(
                label=label,
                value=float(number.value or 0.0) * by,
                lower=None if number.lower is None else number.lower * by,
                upper=None if number.upper is None else number.upper * by,
                n=f"{number.n:,}",
            )
            for number, by, label in drawn[:most]
        ]
        top = max([1.5, *(row.value or 0.0 for row in rows)])
        return forest(
            rows,
            measure="Change as a multiple of its tolerance",
            axis_label="multiple of the tolerance",
            lines=(1.0,),
            limits=(0.0, 1.15 * top),
            label_width=190.0,
            width=430.0,
            level=self.policy.level,
        )

    def __repr__(self) -> str:
        """The outcome, the rows and the rules that were broken."""
        broken = ", ".join(f.rule for f in self.alerts)
        rules = f", broken: {broken}" if broken else ""
        return f"Watched({self.outcome.words}, {self.rows:,} rows{rules})"

    def to_json(self) -> dict[str, Json]:
        """Evidence and findings, with what they follow from: what a log keeps of the window."""
        return {
            "window": list(self.window) if self.window else None,
            "rows": self.rows,
            "base_rows": self.base_rows,
            "digests": dict(self.digests),
            "tests": self.tests,
            "outcome": self.outcome.value,
            "findings": [f.to_json() for f in self.findings],
            "evidence": [e.to_json() for e in self.evidence],
        }


def watch(
    base: Profile, window: Profile, *, policy: str | Path | WatchPolicy = "starter-watch"
) -> Watched:
    """Compares a window with its baseline.

    Args:
        base: The baseline.
        window: The window, counted by `base.of`; several are added first.
        policy: A path, a policy, or the name of one that comes with auditkit.

    Raises:
        NothingToAuditError: If the window has no rows.
        PolicyError: If the policy is wrong, or has a rule on a check that is none of watching.
        InputError: If the window was counted over another baseline.
    """
    rules = load_watch_policy(policy)
    base.refuse_other(window)
    if strange := [r for r in rules.rules if r.check not in TITLES]:
        raise PolicyError(
            f"The rule {strange[0].id} is about {strange[0].check!r}, which is not watched.",
            remedy=f"name one of: {', '.join(TITLES)}",
        )
    if not window.strata:
        raise NothingToAuditError("The window has no rows.", remedy="give rows, or wait for some")
    asked = {check: list(_asked(check, base, window, rules)) for check in TITLES}
    tests = sum(
        question.measure == rule.measure and question.n >= rule.min_n
        for rule in rules.rules
        for question in asked[rule.check]
    )
    named = [check for check in TITLES if any(r.check == check for r in rules.rules)]
    evidence = tuple(
        replace(_evidence(check, asked[check], window, rules, tests), id=f"E-{i:04d}")
        for i, check in enumerate(named, 1)
    )
    return Watched(
        policy=rules,
        evidence=evidence,
        findings=judge(evidence, rules, Glossary(terms=TERMS)),
        window=window.window,
        rows=window.rows,
        base_rows=base.rows,
        digests={
            "baseline": str(base.digest), "window": str(window.digest), "policy": str(rules.digest)
        },
        tests=tests,
    )  # fmt: skip


def _asked(check: str, base: Profile, window: Profile, rules: WatchPolicy) -> Iterator[Question]:
    """The questions of a check that a rule judges."""
    wanted = {rule.measure for rule in rules.rules if rule.check == check}
    if not wanted:
        return
    pair = Pair.of(base, window)
    found: Iterator[Question] = {
        "drift.features": lambda: drifts.features(pair, rules.cells),
        "drift.missingness": lambda: drifts.missingness(pair, rules.cells),
        "drift.predictions": lambda: drifts.predictions(pair, rules.cells),
        "drift.labels": lambda: drifts.labels(pair, rules.cells),
        "performance.tracked": lambda: outcomes.tracked(pair),
        "performance.estimated": lambda: outcomes.estimated(pair),
        "fairness.drift": lambda: outcomes.fairness(base, window),
        "explanation.drift": lambda: outcomes.explanations(pair),
    }[check]()
    yield from (question for question in found if question.measure in wanted)


def _evidence(
    check: str,
    asked: Sequence[Question],
    window: Profile,
    rules: WatchPolicy,
    tests: int,
) -> Evidence:
    reason = _why_not(check, asked, window, rules)
    breach = 1 - (1 - rules.level) / (max(1, tests) * rules.windows)
    sides: dict[str, frozenset[str]] = {
        question.measure: frozenset(
            r.operator for r in rules.rules if (r.check, r.measure) == (check, question.measure)
        )
        for question in asked
    }
    measurements = (
        ()
        if reason
        else tuple(q.measured(rules.level, breach=breach, sides=sides[q.measure]) for q in asked)
    )
    together = (
        f"The ends of intervals that a breach is judged by hold together for {tests:,} numbers in "
        f"{plural(rules.windows, 'window')}, {percentage(breach)} each; the other ends alone."
    )
    return Evidence(
        check=check,
        version="1",
        title=TITLES[check],
        area="watching",
        outcome=Outcome.NOT_ASSESSED if reason else Outcome.PASS,
        n=window.rows,
        parameters={**_parameters(check, rules), "tests": tests},
        measurements=measurements,
        notes=(together, *((_ASSUMES,) if check == "performance.estimated" else ())),
        reason=reason,
        terms={m.name: TERMS[m.name] for m in measurements},
    )


def _parameters(check: str, rules: WatchPolicy) -> dict[str, Json]:
    found: dict[str, Json] = {"level": rules.level, "windows": rules.windows}
    if check == "performance.tracked":
        return found | {"maturity": rules.maturity}
    return found | {"cells": rules.cells} if check.startswith("drift.") else found


def _why_not(check: str, asked: Sequence[Question], window: Profile, rules: WatchPolicy) -> str:
    """Why a check has nothing to say; empty if it has."""
    if check == "performance.tracked":
        known, rows = outcomes.label_share(window)
        if rows and known < rules.maturity * rows:
            return (
                f"{known:,} of {rows:,} labels are known, fewer than {rules.maturity:.0%}"
                if known >= window.layout.small_cell
                else f"fewer than {rules.maturity:.0%} of the labels are known"
            )
    return "" if asked else "baseline or window does not have what it compares"


def _split(number: Measurement) -> tuple[str, str]:
    """The feature and the group that a number is about."""
    features = [value for attribute, value in number.group if attribute == "feature"]
    group = tuple(pair for pair in number.group if pair[0] != "feature")
    return (features[0] if features else ""), describe_group(group)


def _label(check: str, number: Measurement) -> str:
    about = " ".join(part for part in _split(number) if part)
    if not about and check.startswith("drift."):
        about = check.removeprefix("drift.")
    name = number.name.replace("_", " ")
    return f"{name}: {about}" if about else name


def exit_code(watched: Any) -> int:
    """The exit code for what was found: 0 quiet, 10 a breach, 11 uncertain or too few rows."""
    outcome = worst([f.outcome for f in watched.findings])
    if outcome in (Outcome.FAIL, Outcome.ERROR):
        return 10
    return 0 if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) else 11
