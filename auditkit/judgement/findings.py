"""The findings of a statement: their ids, and how a statement lists and gives them back.

A rule of the policy on one number is a condition; each is a finding. The rule itself is one too,
whose outcome is the worst of its conditions. A statement lists the rules' findings in the policy's
order, then those of the conditions, rule by rule.

Laws:
    - An id follows from policy, check, rule, measure and group, and from nothing else: not from a
      position, a value, a day or the model. So one finding has one id in every audit and format.
    - The attributes of a group are in no order: an id does not depend on that of the columns.

Source of the form of ids: RFC 4648, section 6 (base32).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from auditkit.canonical import Json, digest_of
from auditkit.evidence import Finding, Measurement, Outcome, describe_group
from auditkit.policy import PolicySource, Rule

Group = tuple[tuple[str, str], ...]


def finding_id(policy: str, rule: Rule, group: Group | Literal["suppressed"] | None) -> str:
    """The id of a finding: `F-` and 12 characters of base32, which are 60 bits of a digest.

    Args:
        policy: The policy's id.
        rule: The rule.
        group: The group of a condition; empty: everyone; "suppressed": the suppressed groups;
            None: the rule's own finding.
    """
    whom: Json = sorted(map(list, group)) if isinstance(group, tuple) else group
    digest = digest_of("finding/v1", [policy, rule.check, rule.id, rule.measure, whom])
    return f"F-{base64.b32encode(bytes.fromhex(digest.hex)).decode()[:12]}"


def every(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of rules, and then those of their conditions: the order of a statement."""
    rules = tuple(findings)
    return (*rules, *(condition for rule in rules for condition in rule.conditions))


def rules_in(predicate: Mapping[str, Any]) -> list[Any]:
    """A statement's own findings of rules, as they stand there.

    A statement of an earlier version has no others.
    """
    return [finding for finding in predicate["findings"] if finding.get("group") is None]


def conditions_in(predicate: Mapping[str, Any]) -> list[Any]:
    """A statement's findings of conditions, as they stand there."""
    return [finding for finding in predicate["findings"] if finding.get("group") is not None]


def called(finding: Mapping[str, Any]) -> str:
    """A finding's name for people: `FL-1`, `FL-1 race=Black`, `FL-1 everyone`, `FL-1 suppressed`.

    Args:
        finding: As it stands in the statement.
    """
    group = finding.get("group")
    if group is None:
        return str(finding["rule"])
    return f"{finding['rule']} {about(group)}"


def named(finding: Finding) -> str:
    """A finding's name for people, as `called` gives it for one in a statement."""
    if finding.group is None:
        return finding.rule
    return f"{finding.rule} {about(finding.group)}"


def about(group: Group | Literal["suppressed"] | None) -> str:
    """Whom a finding is about: `race=Black,sex=F`, "everyone", "suppressed"; empty: a rule's."""
    if group is None or isinstance(group, str):
        return group or ""
    return describe_group(group) or "everyone"


def condition_of(
    rule: Finding,
    *,
    id: str,  # noqa: A002 - the member's name
    group: Group | Literal["suppressed"],
    outcome: Outcome,
    statement: str,
    number: Measurement | None,
    waiver: Mapping[str, str] | None = None,
) -> Finding:
    """The finding on one condition of a rule.

    Args:
        rule: The rule's own finding.
        id: The condition's id.
        group: The group that it is about.
        outcome: How it came out.
        statement: One sentence on it.
        number: The number that it is about; None: suppressed ones.
        waiver: The waiver that lifts it; None: none does.
    """
    return replace(
        rule,
        id=id,
        group=group,
        outcome=outcome,
        statement=statement,
        key=number.key if number else "",
        value=number.value if number else None,
        lower=number.lower if number else None,
        upper=number.upper if number else None,
        n=(number.n or 0) if number else 0,
        tested=int(outcome in _DECIDED),
        exceptions=(number.key,) if number and outcome is Outcome.FAIL else (),
        waiver=waiver,
        conditions=(),
    )


_DECIDED: Final = (Outcome.PASS, Outcome.FAIL, Outcome.UNCERTAIN)


def source_in(predicate: Mapping[str, Any]) -> PolicySource | None:
    """Where a statement says that its policy is written down; None: it does not say."""
    stated = predicate["policy"].get("source")
    return None if stated is None else PolicySource(**stated)


def read_findings(predicate: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings that a statement lists, each rule with its conditions.

    Args:
        predicate: The statement's predicate.

    Raises:
        KeyError, TypeError, ValueError: If a finding is none, or a condition belongs to no rule.
    """
    numbers = {
        (evidence["id"], number["key"]): number
        for evidence in predicate["evidence"]
        for number in evidence["measurements"]
    }
    rules = {finding["rule"]: _rule(finding) for finding in rules_in(predicate)}
    conditions: dict[str, list[Finding]] = {rule: [] for rule in rules}
    for one in conditions_in(predicate):
        number = numbers[one["evidence"], one["key"]] if one["key"] else None
        group = one["group"]
        made = condition_of(
            rules[one["rule"]],
            id=one["id"],
            group=group if group == "suppressed" else tuple((a, v) for a, v in group),
            outcome=Outcome(one["outcome"]),
            statement=one["statement"],
            number=Measurement.from_json(number) if number else None,
            waiver=one.get("waiver"),
        )
        conditions[made.rule].append(made)
    return tuple(replace(f, conditions=tuple(conditions[rule])) for rule, f in rules.items())


def _rule(content: Mapping[str, Any]) -> Finding:
    fields = dict(content)
    fields["outcome"] = Outcome(fields["outcome"])
    fields["exceptions"] = tuple(fields["exceptions"])
    return Finding(**fields)
