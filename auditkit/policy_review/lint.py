"""Finds what is wrong with a policy or a control pack before an audit does.

Laws:
    - A problem says where it is and what to do about it. The same text, day and rows give the same
      problems, in the order of the file.
    - An error is what an audit would stop at, or what makes a rule decide nothing. A warning is
      worth a look.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

from auditkit.canonical import Json
from auditkit.documents import keys_of, lines_of
from auditkit.errors import PolicyError
from auditkit.judgement.controls import STALE_AFTER_DAYS, Control, ControlPack
from auditkit.policy import Policy, Rule
from auditkit.policy_review.ranges import range_of
from auditkit.waivers.record import Waiver
from auditkit.wording import plural

if TYPE_CHECKING:
    from auditkit.checks import Check
    from auditkit.waivers.consideration import WaiverFile

# The test by which a difference between two groups is noticed, and how often it shall be.
_ALPHA: Final = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: The file's name.
        line: The line, from 1.
        rule: The rule or requirement; empty: the whole file.
        code: Its kind, for example "unknown-check".
        level: "error" or "warning".
        text: What is wrong, in one sentence.
        remedy: What to do.
    """

    file: str
    line: int
    rule: str
    code: str
    level: Literal["error", "warning"]
    text: str
    remedy: str

    def __str__(self) -> str:
        """As a compiler says it: `credit.yaml:12: error: FA-1: ...`."""
        of = f"{self.rule}: " if self.rule else ""
        return f"{self.file}:{self.line}: {self.level}: {of}{self.text} To fix: {self.remedy}"

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What policies may name.

    Attributes:
        measures: The measures of each check, by its id.
        checks: The checks, for their parameters; those of watching and of a period have none.
        entries: The kinds of the log's entries.
    """

    measures: Mapping[str, frozenset[str]]
    checks: Mapping[str, Check[Any]]
    entries: frozenset[str]


def lint(
    document: Policy | ControlPack,
    text: str,
    *,
    file: str,
    known: Known,
    today: date,
    rows: int | None = None,
) -> list[Problem]:
    """All that is wrong with a policy or a pack that can be read, in the order of its lines.

    Args:
        document: What was read of the text.
        text: The file's content.
        file: Its name.
        known: The checks and measures that there are.
        today: The day.
        rows: How many rows an audit will have; None: unknown, and no rule is measured by them.
    """
    if isinstance(document, ControlPack):
        found = [*_stale(document, today), *_unknown_checks(document, known)]
    else:
        found = [
            *_stale(document, today),
            *_unknown(document, known),
            *_deciding_nothing(document),
            *_said_twice(document),
            *(_out_of_reach(document, rows) if rows is not None else ()),
        ]
    lines = lines_of(text, [one.place for one in found])
    problems = [
        Problem(
            file=file, line=line, rule=one.rule, code=one.code, level=one.level, text=one.text,
            remedy=one.remedy,
        )
        for one, line in zip(found, lines, strict=True)
    ]  # fmt: skip
    return sorted(problems, key=lambda one: one.line)


def ending(files: Sequence[WaiverFile], today: date, *, days: int) -> list[Problem]:
    """The waivers that end soon, or have ended.

    Args:
        files: Files of waivers; others are passed over.
        today: The day.
        days: How soon, in days.
    """
    found = []
    for file in files:
        waiver = file.record
        if not isinstance(waiver, Waiver) or (left := (waiver.expires - today).days) > days:
            continue
        when = f"ends in {plural(left, 'day')}" if left >= 0 else "has ended"
        problem = Problem(
            file=file.name, line=1, rule=waiver.rule, code="waiver-ends", level="warning",
            text=f"Its waiver {waiver.id} {when}, on {waiver.expires}.",
            remedy="renew it, or mend the model",
        )  # fmt: skip
        found.append(problem)
    return found


def unreadable(error: PolicyError, *, file: str) -> Problem:
    """The problem of a file that cannot be read as what it should be."""
    return Problem(
        file=file, line=1, rule="", code="unreadable", level="error", text=error.message,
        remedy=error.remedy or "correct the file",
    )  # fmt: skip


Kind = Literal["policy", "watch-policy", "control-pack"]


def kind_of(
    text: str, *, source: str, watched: Collection[str], watch_keys: Collection[str]
) -> Kind:
    """What a file is meant to be, by its keys and by the checks that it names.

    Args:
        text: YAML.
        source: The file's name in errors.
        watched: The checks of watching.
        watch_keys: The keys that policies of watching have and others have not.

    Raises:
        PolicyError: If it is not YAML.
    """
    keys = keys_of(text, source=source)
    rules, controls = keys.get("rules"), keys.get("controls")
    if rules is None and isinstance(controls, list):
        return "control-pack"
    named = (
        [one.get("check") for one in rules or () if isinstance(one, Mapping)]
        if isinstance(rules, list)
        else []
    )
    if set(watch_keys) & set(keys) or set(watched) & set(map(str, named)):
        return "watch-policy"
    return "policy"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    place: tuple[int | str, ...]
    code: str
    level: Literal["error", "warning"]
    text: str
    remedy: str
    rule: str = ""


def _stale(document: Policy | ControlPack, today: date) -> Iterator[_Found]:
    if isinstance(document, ControlPack):
        checked, stale = document.checked_last(), document.is_stale(today)
    else:
        checked = document.as_of
        stale = not 0 <= (today - checked).days <= STALE_AFTER_DAYS
    if not stale:
        return
    yield _Found(
        place=("as_of",),
        code="stale",
        level="warning",
        text=f"Its citations were last checked on {checked}.",
        remedy="read the sources again, and set as_of to that day",
    )


def _unknown(policy: Policy, known: Known) -> Iterator[_Found]:
    for name, given in policy.checks.items():
        check = known.checks.get(name)
        if check is None:
            yield _no_check(name, known, ("checks", name), "")
            continue
        try:
            check.parameters_with(given)
        except PolicyError as error:
            yield _Found(
                place=("checks", name), code="unknown-parameter", level="error",
                text=error.message, remedy=error.remedy or "correct it",
            )  # fmt: skip
    for number, rule in enumerate(policy.rules):
        place = ("rules", number)
        if rule.check not in known.measures:
            yield _no_check(rule.check, known, (*place, "check"), rule.id)
        elif rule.measure not in known.measures[rule.check]:
            near = _near(rule.measure, known.measures[rule.check])
            yield _Found(
                place=(*place, "measure"),
                rule=rule.id,
                code="unknown-measure",
                level="error",
                text=f"The check {rule.check} has no measure {rule.measure!r}.",
                remedy=f"name one of its measures: {near}",
            )


def _unknown_checks(pack: ControlPack, known: Known) -> Iterator[_Found]:
    for number, control in enumerate(pack.controls):
        for name in control.checks:
            if name not in known.measures:
                yield _no_check(name, known, ("controls", number, "checks"), control.id)
        for name in control.entries:
            if name not in known.entries:
                yield _Found(
                    place=("controls", number, "entries"),
                    rule=control.id,
                    code="unknown-entry",
                    level="error",
                    text=f"The log has no kind of entry {name!r}.",
                    remedy=f"name one that auditkit writes; the nearest: "
                    f"{_near(name, known.entries)}",
                )
        yield from _odd_control(control, number)


def _odd_control(control: Control, number: int) -> Iterator[_Found]:
    if control.basis == "unverified" and control.strength == "direct":
        yield _Found(
            place=("controls", number, "basis"),
            rule=control.id,
            code="unverified-direct",
            level="warning",
            text="The evidence is called direct, and nobody has checked the citation.",
            remedy="read the source, or call the evidence partial",
        )


def _no_check(name: str, known: Known, place: tuple[int | str, ...], rule: str) -> _Found:
    return _Found(
        place=place,
        rule=rule,
        code="unknown-check",
        level="error",
        text=f"There is no check {name!r}.",
        remedy=f"'auditkit checks' lists them; the nearest: {_near(name, known.measures)}",
    )


def _near(name: str, among: Mapping[str, Any] | frozenset[str]) -> str:
    names = sorted(among)
    return ", ".join(difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3])


def _deciding_nothing(policy: Policy) -> Iterator[_Found]:
    for number, rule in enumerate(policy.rules):
        least, most = range_of(rule.measure)
        upward = rule.operator == ">="
        never_fails = rule.threshold <= least if upward else rule.threshold >= most
        never_met = rule.threshold > most if upward else rule.threshold < least
        if not never_fails and not never_met:
            continue
        bound = "at_least" if upward else "at_most"
        what = "cannot fail" if never_fails else "cannot be met"
        yield _Found(
            place=("rules", number, bound),
            rule=rule.id,
            code="decides-nothing",
            level="error",
            text=f"{bound} {rule.threshold:g} {what}: {rule.measure} is {_span(least, most)}.",
            remedy="give a threshold between these",
        )


def _span(least: float, most: float) -> str:
    if math.isinf(most):
        return f"{least:g} or more"
    return f"{most:g} or less" if math.isinf(least) else f"from {least:g} to {most:g}"


def _said_twice(policy: Policy) -> Iterator[_Found]:
    """Of two rules that bound the same numbers on one side, the looser one adds nothing."""
    seen: dict[tuple[Any, ...], tuple[int, Rule]] = {}
    for number, rule in enumerate(policy.rules):
        same = (rule.check, rule.measure, rule.by, rule.operator, rule.judge, rule.min_n)
        if same not in seen:
            seen[same] = number, rule
            continue
        _, first = seen[same]
        loose = rule if looser(rule.operator, first.threshold, rule.threshold) else first
        other = first if loose is rule else rule
        yield _Found(
            place=("rules", policy.rules.index(loose)),
            rule=loose.id,
            code="said-twice",
            level="warning",
            text=f"{other.id} bounds the same numbers at {other.threshold:g}, which is no looser.",
            remedy="take one of the two out, or bound other numbers",
        )


def looser(operator: str, before: float, after: float) -> bool:
    """Whether a bound lets more through than another one, or the same."""
    return after <= before if operator == ">=" else after >= before


def _out_of_reach(policy: Policy, rows: int) -> Iterator[_Found]:
    for number, rule in enumerate(policy.rules):
        if rule.min_n > rows:
            yield _Found(
                place=("rules", number, "min_n"),
                rule=rule.id,
                code="never-judged",
                level="error",
                text=f"It judges from {rule.min_n:,} observations, and there are {rows:,} rows.",
                remedy="lower min_n, or audit more rows",
            )
        elif rule.measure == "impact_ratio" and rule.judge == "interval":
            least = _detectable(rows // 2)
            if rule.operator == ">=" and not least >= rule.threshold:
                shown = "no ratio" if math.isnan(least) else f"no ratio above {least:.2f}"
                yield _Found(
                    place=("rules", number, "at_least"),
                    rule=rule.id,
                    code="too-few-rows",
                    level="warning",
                    text=f"Even two groups of {rows // 2:,}, half of the larger one selected, show "
                    f"{shown} as different from 1 in four of five samples.",
                    remedy="audit more rows, or expect the rule to be uncertain",
                )


def _detectable(n: int) -> float:
    """The minimum detectable ratio between two groups of n, one of which is selected by half."""
    import numpy as np

    from auditkit.measures.numbers.significance import significance

    if n < 2:
        return math.nan
    both = np.array([n, n], dtype=float)
    found = significance(both // 2, both, np.array([0, 0], dtype=np.intp), ratio=0.8, alpha=_ALPHA)
    return float(found.detectable_ratio[1])


def known_checks(
    checks: Sequence[Check[Any]],
    watched: Collection[str],
    words: Collection[str],
    counted: Mapping[str, Collection[str]],
    kinds: Collection[str],
) -> Known:
    """What policies and packs may name.

    Args:
        checks: The checks of audits.
        watched: The checks of watching.
        words: The measures of watching.
        counted: The measures of each check of a period.
        kinds: The kinds of the log's entries.
    """
    return Known(
        measures={
            **{name: frozenset(words) for name in watched},
            **{name: frozenset(measures) for name, measures in counted.items()},
            **{check.id: frozenset(check.terms) for check in checks},
        },
        checks={check.id: check for check in checks},
        entries=frozenset(kinds),
    )
