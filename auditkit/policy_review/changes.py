"""What changed between two policies, as they decide: looser, stricter, new, gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from auditkit.canonical import Json
from auditkit.policy import Policy, Rule
from auditkit.policy_review.lint import looser

_SEVERITIES: Final = ("low", "medium", "high")


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChange:
    """One change.

    Attributes:
        effect: "looser" lets more through, "stricter" less; "other" may do either or neither.
        what: Which rule, or part of the policy.
        text: The change in words.
    """

    effect: Literal["looser", "stricter", "other"]
    what: str
    text: str

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return asdict(self)


def changes(before: Policy, after: Policy) -> list[PolicyChange]:
    """What changed, in the order of the later policy; what went comes last.

    A rule is followed by its id, and by those that it had before.

    Args:
        before: The earlier policy.
        after: The later one.
    """
    return [*_of_rules(before, after), *_of_the_rest(before, after)]


def _of_rules(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    old = {rule.id: rule for rule in before.rules}
    kept: set[str] = set()
    for rule in after.rules:
        was = next((old[name] for name in (rule.id, *rule.previously) if name in old), None)
        if was is None:
            yield PolicyChange(effect="stricter", what=rule.id, text=f"new: {rule.title}")
            continue
        kept.add(was.id)
        if was.id != rule.id:
            text = f"is the former {was.id}"
            yield PolicyChange(effect="other", what=rule.id, text=text)
        yield from _of_rule(was, rule)
    for name, rule in old.items():
        if name not in kept:
            yield PolicyChange(effect="looser", what=name, text=f"gone: {rule.title}")


def _of_rule(was: Rule, now: Rule) -> Iterator[PolicyChange]:
    def change(effect: Any, member: str, old: object, new: object) -> PolicyChange:
        return PolicyChange(effect=effect, what=now.id, text=f"{member}: {old} -> {new}")

    subject = ("check", "measure", "by")
    moved = [name for name in subject if getattr(was, name) != getattr(now, name)]
    for name in moved:
        yield change("other", name, getattr(was, name), getattr(now, name))
    bounds = (was.operator, was.threshold), (now.operator, now.threshold)
    if bounds[0] != bounds[1]:
        same_side = was.operator == now.operator and not moved
        loose = same_side and looser(now.operator, was.threshold, now.threshold)
        effect = "other" if not same_side else "looser" if loose else "stricter"
        words = [f"{op} {threshold:g}" for op, threshold in bounds]
        yield change(effect, "bound", *words)
    if was.min_n != now.min_n:
        effect = "looser" if now.min_n > was.min_n else "stricter"
        yield change(effect, "min_n", was.min_n, now.min_n)
    if was.judge != now.judge:
        # By value a rule is never uncertain, so it may pass where its interval would not.
        yield change(
            "looser" if now.judge == "value" else "stricter", "judge", was.judge, now.judge
        )
    if was.severity != now.severity:
        lower = _SEVERITIES.index(now.severity) < _SEVERITIES.index(was.severity)
        yield change("looser" if lower else "stricter", "severity", was.severity, now.severity)
    for name in ("title", "citation", "why"):
        if getattr(was, name) != getattr(now, name):
            yield change("other", name, repr(getattr(was, name)), repr(getattr(now, name)))


def _of_the_rest(before: Policy, after: Policy) -> Iterator[PolicyChange]:
    def plain(effect: Any, what: str, text: str) -> PolicyChange:
        return PolicyChange(effect=effect, what=what, text=text)

    for name in dict.fromkeys([*before.checks, *after.checks]):
        was, now = dict(before.checks.get(name, {})), dict(after.checks.get(name, {}))
        if was != now:
            yield plain("other", f"checks.{name}", f"{was or 'defaults'} -> {now or 'defaults'}")
    for name in dict.fromkeys([*before.controls, *after.controls]):
        if name not in after.controls:
            yield plain("looser", "controls", f"the pack {name} is no longer named")
        elif name not in before.controls:
            yield plain("stricter", "controls", f"the pack {name} is named")
    for name in dict.fromkeys([*before.waiver_approvers, *after.waiver_approvers]):
        keys = before.waiver_approvers.get(name), after.waiver_approvers.get(name)
        if keys[0] != keys[1]:
            words = "may sign waivers" if keys[0] is None else "may no longer sign waivers"
            if None not in keys:
                words = "signs waivers with other keys"
            yield plain("looser" if keys[1] is not None else "stricter", name, words)
    if before.waiver_days != after.waiver_days:
        loose = after.waiver_days > before.waiver_days
        text = f"{before.waiver_days} -> {after.waiver_days}"
        yield plain("looser" if loose else "stricter", "waiver_days", text)
    others = ("id", "version", "title", "as_of", "small_cell", "decision", "out_of_scope")
    for name in (*others, *sorted(set(type(after).model_fields) - set(Policy.model_fields))):
        old, new = getattr(before, name, None), getattr(after, name, None)
        if old != new:
            yield plain("other", name, f"{_brief(old)} -> {_brief(new)}")


def _brief(value: object) -> str:
    text = " | ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
