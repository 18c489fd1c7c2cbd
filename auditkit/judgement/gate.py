"""From evidence and policy to findings, and from findings to a verdict.

Laws:
    - Every rule of the policy gives exactly one finding; nothing is dropped. With it goes one for
      each of its conditions: the rule on one number. The rule's outcome is the worst of theirs.
    - A number that leaves someone out (its reason says so) may break a condition but never meets
      one.
    - Missing evidence is never a pass: the finding is not assessed and the verdict incomplete.
    - Ignoring evidence never turns a failed verdict into a passed one.
    - A waiver lifts a condition from the verdict. Which ones do, `judgement.waived` says; it goes
      in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from auditkit.canonical import Json
from auditkit.evidence import SEVEREST_FIRST, Evidence, Finding, Measurement, Outcome, worst
from auditkit.glossary import Glossary, in_sentence
from auditkit.judgement.findings import Group, condition_of, finding_id
from auditkit.policy import Policy, Rule
from auditkit.waivers.record import LIFTABLE
from auditkit.wording import exact, number_against, percentage, plural, typeset


class Decision(StrEnum):
    """The gate's answer."""

    PASS = "pass"
    FAIL = "fail"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The gate's decision, with its reasons.

    Attributes:
        decision: Pass only if every condition was met or is waived.
        reasons: One sentence for each condition that prevented a pass, worst first; on a pass,
            one sentence with the number that were met.
        waived: Ids of the rules that a waiver lifted.
    """

    decision: Decision
    reasons: tuple[str, ...]
    waived: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The decision and its first reason."""
        return f"{self.decision.value}: {self.reasons[0]}"

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {
            "decision": self.decision.value,
            "reasons": list(self.reasons),
            "waived": list(self.waived),
        }


def judge(evidence: Sequence[Evidence], policy: Policy, glossary: Glossary) -> tuple[Finding, ...]:
    """Applies every rule of a policy to the evidence, in the policy's order.

    Args:
        evidence: With ids.
        policy: The conditions.
        glossary: The names of measures in the findings' sentences.
    """
    return tuple(_judge_rule(rule, evidence, policy, glossary) for rule in policy.rules)


def decide(findings: Sequence[Finding]) -> Verdict:
    """Turns findings into a verdict.

    A failed condition fails the gate. One that is uncertain, not assessed or in error makes it
    incomplete. A waiver in force lifts a condition, unless the check crashed.
    """
    if not findings:
        return Verdict(decision=Decision.FAIL, reasons=("The policy sets no condition.",))
    waived = tuple(f.rule for f in findings if is_waived(f))
    standing = [_standing(f) for f in findings if f.outcome not in _HARMLESS and not is_waived(f)]
    if not standing:
        met = sum(f.outcome is Outcome.PASS for f in findings)
        if not met and not waived:
            return Verdict(
                decision=Decision.INCOMPLETE, reasons=("No condition applied to this model.",)
            )
        also = f", {len(waived)} waived" if waived else ""
        reason = f"{met} of {plural(len(findings), 'condition')} met{also}."
        return Verdict(decision=Decision.PASS, reasons=(reason,), waived=waived)
    failed = any(f.outcome is Outcome.FAIL for f in standing)
    return Verdict(
        decision=Decision.FAIL if failed else Decision.INCOMPLETE,
        reasons=tuple(f"{f.rule}: {f.statement}" for f in sorted(standing, key=severity_order)),
        waived=waived,
    )


def _standing(rule: Finding) -> Finding:
    """What is left of a rule that is not waived: its own finding, or the worst without a waiver."""
    if not any(map(is_waived, rule.conditions)):
        return rule
    left = [c for c in rule.conditions if c.outcome not in _HARMLESS and not is_waived(c)]
    return min(left, key=severity_order)


def severity_order(finding: Finding) -> tuple[int, int]:
    """Sorts findings worst first: by outcome, then by severity."""
    return (
        SEVEREST_FIRST.index(finding.outcome),
        ("high", "medium", "low").index(finding.severity),
    )


_HARMLESS = (Outcome.PASS, Outcome.NOT_APPLICABLE)


def is_waived(finding: Finding) -> bool:
    """Whether a waiver lifts a finding: it has one in force, and something to lift but no crash."""
    return finding.waiver is not None and finding.outcome in LIFTABLE


def _judge_rule(
    rule: Rule,
    evidence: Sequence[Evidence],
    policy: Policy,
    glossary: Glossary,
) -> Finding:
    outcome, statement = Outcome.NOT_ASSESSED, f"No evidence of {rule.check} was given."
    source = next((e for e in evidence if e.check == rule.check), None)
    numbers: list[Measurement] = []
    judged: list[tuple[Outcome, Measurement]] = []
    if source is not None:
        numbers = [m for m in source.named(rule.measure) if _concerns(rule, m)]
        judged = [(compare(rule, m), m) for m in numbers if not _too_few(rule, policy, m)]
    worst_number: Measurement | None = None
    if source is not None and source.outcome is not Outcome.PASS:
        outcome, statement = source.outcome, f"{source.title}: {source.reason}"
    elif not numbers:
        statement = f"{rule.check} gave no number called {rule.measure}{_by(rule)}."
    elif not judged:
        statement = f"Every {rule.measure} is based on fewer than {rule.min_n} observations."
    else:
        outcome, worst_number = min(judged, key=lambda pair: _worst_first(rule, *pair))
        name = _name(worst_number, glossary) + _whom(worst_number)
        statement = _sentence(rule, outcome, worst_number, judged, len(numbers), name=name)
    finding = Finding(
        id=finding_id(policy.id, rule, None),
        rule=rule.id,
        title=rule.title,
        outcome=outcome,
        statement=statement,
        evidence=source.id if source is not None else "",
        check=rule.check,
        key=worst_number.key if worst_number else "",
        value=worst_number.value if worst_number else None,
        lower=worst_number.lower if worst_number else None,
        upper=worst_number.upper if worst_number else None,
        n=(worst_number.n or 0) if worst_number else 0,
        operator=rule.operator,
        threshold=rule.threshold,
        severity=rule.severity,
        citation=rule.citation,
        tested=len(judged),
        exceptions=tuple(m.key for o, m in judged if o is Outcome.FAIL),
    )
    if source is None or source.outcome is not Outcome.PASS:
        return finding
    conditions = _conditions(finding, rule, policy, glossary, numbers=numbers, judged=judged)
    return replace(finding, conditions=tuple(conditions))


def _conditions(
    of: Finding,
    rule: Rule,
    policy: Policy,
    glossary: Glossary,
    *,
    numbers: Sequence[Measurement],
    judged: Sequence[tuple[Outcome, Measurement]],
) -> Iterator[Finding]:
    """A rule's finding on each of its numbers, in their order, and one on the suppressed ones.

    A rule does not apply to a number of fewer observations than it judges. If it judges none at
    all, it is not tested on any.
    """
    outcomes = {m.key: outcome for outcome, m in judged}
    unjudged = Outcome.NOT_APPLICABLE if judged else Outcome.NOT_ASSESSED

    def found(
        group: Group | Literal["suppressed"],
        outcome: Outcome,
        statement: str,
        number: Measurement | None,
    ) -> Finding:
        return condition_of(
            of,
            id=finding_id(policy.id, rule, group),
            group=group,
            outcome=outcome,
            statement=statement,
            number=number,
        )

    for m in numbers:
        if m.suppressed:
            continue
        name = _name(m, glossary) + _whom(m)
        outcome = outcomes.get(m.key)
        if outcome is not None:
            sentence = _sentence(rule, outcome, m, [(outcome, m)], 1, name=name)
        else:
            sentence = f"{name} is based on n = {m.n:,}; the rule judges from n = {rule.min_n:,}."
        yield found(m.group, outcome or unjudged, sentence, m)
    hidden = [m for m in numbers if m.suppressed]
    if hidden:
        tested = [outcomes[m.key] for m in hidden if m.key in outcomes]
        name = _name(hidden[0], glossary)
        sentence = f"{name} is suppressed for {plural(len(hidden), 'group')}; {_bound(rule)}."
        yield found("suppressed", worst(tested) if tested else unjudged, sentence, None)


def _concerns(rule: Rule, measurement: Measurement) -> bool:
    if measurement.group and measurement.group == measurement.compared_with:
        return False  # the reference group compared with itself
    return rule.by is None or tuple(a for a, _ in measurement.group) == rule.by


def _too_few(rule: Rule, policy: Policy, measurement: Measurement) -> bool:
    """Whether a number is based on fewer observations than the rule judges.

    A small cell certainly is, if the rule requires at least `small_cell`. The n of a complementary
    suppression is unknown, so it is judged: not assessed.
    """
    if measurement.n is None:
        return measurement.suppressed == "small" and rule.min_n >= policy.small_cell
    return measurement.n < rule.min_n


def compare(rule: Rule, measurement: Measurement) -> Outcome:
    """The outcome of one number under one rule, whatever it is based on."""
    if measurement.value is None or measurement.n == 0:  # zero cases meet no condition
        return Outcome.NOT_ASSESSED
    low = high = measurement.value
    if rule.judge == "interval":
        if measurement.lower is None or measurement.upper is None:
            return Outcome.NOT_ASSESSED
        low, high = measurement.lower, measurement.upper
    bad, good = (low, high) if rule.operator == ">=" else (-high, -low)
    bound = rule.threshold if rule.operator == ">=" else -rule.threshold
    if good < bound:
        return Outcome.FAIL
    if measurement.reason:
        return Outcome.NOT_ASSESSED
    return Outcome.PASS if bad >= bound else Outcome.UNCERTAIN


def _worst_first(rule: Rule, outcome: Outcome, measurement: Measurement) -> tuple[int, float, str]:
    value = measurement.value if measurement.value is not None else 0.0
    towards_bad = value if rule.operator == ">=" else -value
    return (SEVEREST_FIRST.index(outcome), towards_bad, measurement.key)


def _by(rule: Rule) -> str:
    return f" by {' and '.join(rule.by)}" if rule.by else ""


def _bound(rule: Rule) -> str:
    least = "at least" if rule.operator == ">=" else "at most"
    return f"the condition is {least} {typeset(exact(rule.threshold))}"


def _sentence(
    rule: Rule,
    outcome: Outcome,
    number: Measurement,
    judged: Sequence[tuple[Outcome, Measurement]],
    found: int,
    *,
    name: str,
) -> str:
    def against(value: float) -> str:
        return typeset(number_against(value, rule.threshold))

    bound = _bound(rule)
    if number.suppressed:
        sentence = f"{name} is suppressed ({number.reason}); {bound}"
    elif number.value is None:
        sentence = f"{name} is not estimable ({number.reason}); {bound}"
    elif number.n == 0:
        sentence = f"{name} is based on no observations; {bound}"
    else:
        value = against(number.value)
        interval = ""
        if number.lower is not None and number.upper is not None and number.level is not None:
            low, high = against(number.lower), against(number.upper)
            interval = f" ({percentage(number.level)} interval {low} to {high})"
        sentence = f"{name} is {value}{interval}, n = {number.n or 0:,}"
        sentence += f" ({number.reason})" if number.reason else ""
        sentence += f"; {bound}"
    failed = sum(o is Outcome.FAIL for o, _ in judged)
    share = ""
    if len(judged) > 1 and outcome is Outcome.FAIL:
        share = f"; exception in {failed} of {len(judged)} tested"
    if found > len(judged):
        share += f"; {plural(found - len(judged), 'group')} below n = {rule.min_n} not judged"
    return sentence + share + "."


def _name(number: Measurement, glossary: Glossary) -> str:
    name = glossary.in_words(number.name)
    if number.unit == "count" and len(name) > 1:
        return f"Number of {in_sentence(name)}"
    return name


def _whom(number: Measurement) -> str:
    """The group that a number is about: everyone, the groups of attributes, or one group."""
    attributes = [attribute.replace("_", " ") for attribute, _ in number.group]
    if not attributes:
        return ""
    if all(value == "(all)" for _, value in number.group):
        return f" across {' and '.join(attributes)}"
    return f" for {' and '.join(map(_member, number.group))}"


def _member(pair: tuple[str, str]) -> str:
    attribute, value = pair
    if attribute == "feature":
        return value.replace("_", " ")
    return f"{attribute.replace('_', ' ')} {value}"
