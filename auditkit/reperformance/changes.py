"""Changes between two audits: model, data, policy, seed, versions, conditions, numbers.

Laws:
    - A condition or control regressed if its outcome is worse than before, or if it was met and
      is gone. "Regressed" says nothing about the cause.
    - Rules are matched by their id, or one that they had before, conditions by rule and group,
      controls by pack and id, numbers by check and address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditkit.evidence import SEVEREST_FIRST, Outcome
from auditkit.judgement.findings import called, conditions_in, rules_in
from auditkit.reperformance.compare import Agreement, compare_numbers, whole_statements

_ABSENT: Final = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change.

    Attributes:
        area: "subject", "data", "policy", "threshold", "run" (seed, parameters and versions of
            checks), "version" (packages), "condition", "control" or "number".
        name: What changed.
        before: The old value.
        after: The new value.
        regressed: Whether a condition or control is worse than before.
        title: The title, if the name is an id.
        finding: The id of a condition's finding: that of the newer audit, if it is there.
    """

    area: str
    name: str
    before: str
    after: str
    regressed: bool = False
    title: str = ""
    finding: str = ""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Everything that changed from one statement to another.

    Args:
        before: The parsed statement of the older audit.
        after: The parsed statement of the newer one.

    Raises:
        InputError: If one of them is not the statement of an audit.
    """
    with whole_statements():
        old, new = before["predicate"], after["predicate"]
        return (
            *_subject(old, new),
            *_data(old, new),
            *_policy(old, new),
            *_run(old, new),
            *_conditions(old, new),
            *_controls(old, new),
            *_numbers(before, after),
        )


def _subject(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for field in ("name", "version", "digest", "purpose", "owner"):
        yield from _changed("subject", field, old["subject"][field], new["subject"][field])
    yield from _changed("subject", "as of", old["as_of"], new["as_of"])
    yield from _changed(
        "subject", "verdict", old["verdict"]["decision"], new["verdict"]["decision"]
    )


def _data(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    tables = [{d["role"]: d for d in p["datasets"]} for p in (old, new)]
    for role in dict.fromkeys([*tables[0], *tables[1]]):
        a, b = (t.get(role, {}).get("digest", _ABSENT) for t in tables)
        yield from _changed("data", role, a, b)


def _policy(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    yield from _changed("policy", "digest", old["policy"]["digest"], new["policy"]["digest"])
    rules = [{r["id"]: r for r in p["policy"]["content"]["rules"]} for p in (old, new)]
    findings = [{f["rule"]: f for f in rules_in(p)} for p in (old, new)]
    for rule in dict.fromkeys([*rules[0], *rules[1]]):
        a, b = (
            f"{f[rule]['operator']} {f[rule]['threshold']:.12g}" if rule in f else _ABSENT
            for f in findings
        )
        title = (rules[1].get(rule) or rules[0][rule])["title"]
        yield from _changed("threshold", rule, a, b, title=title)
    for pack in dict.fromkeys(p["id"] for side in (old, new) for p in side["packs"]):
        digests = [{p["id"]: p["digest"] for p in side["packs"]} for side in (old, new)]
        yield from _changed("policy", f"pack {pack}", *(d.get(pack, _ABSENT) for d in digests))


def _run(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Changes that may move a number although model, data and policy are the same."""
    yield from _changed("run", "seed", old["seed"], new["seed"])
    yield from version_changes(old["versions"], new["versions"])
    checks = [{e["check"]: e for e in p["evidence"]} for p in (old, new)]
    for check in dict.fromkeys(c for c in checks[0] if c in checks[1]):
        a, b = (side[check] for side in checks)
        yield from _changed("run", f"version of {check}", a["version"], b["version"])
        for name in dict.fromkeys([*a["parameters"], *b["parameters"]]):
            values = (side["parameters"].get(name, _ABSENT) for side in (a, b))
            yield from _changed("run", f"{name} of {check}", *values)


def version_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """Packages that compute numbers and whose version changed."""
    for package in dict.fromkeys([*old, *new]):
        versions = (side.get(package, _ABSENT) for side in (old, new))
        yield from _changed("version", package, *versions)


def _conditions(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Rules, and their conditions group by group, whose outcome changed."""
    renamed = {
        old_id: rule["id"]
        for rule in new["policy"]["content"]["rules"]
        for old_id in rule.get("previously", ())
    }
    listed = [rules_in(p) for p in (old, new)]
    conditions = [_conditions_with_numbers(p) for p in (old, new)]
    if all(conditions):  # a statement of an earlier version lists none
        listed = [rules + of_groups for rules, of_groups in zip(listed, conditions, strict=True)]
    sides = [
        {called({**f, "rule": names.get(f["rule"], f["rule"])}): f for f in found}
        for found, names in zip(listed, (renamed, {}), strict=True)
    ]
    titles = {f["rule"]: f["title"] for found in listed for f in found if "title" in f}
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        a, b = (side.get(name) for side in sides)
        outcomes = [f["outcome"] if f else None for f in (a, b)]
        if outcomes[0] != outcomes[1]:
            yield Change(
                area="condition",
                name=name,
                title=titles.get((b or a or {})["rule"], ""),
                before=_finding(a),
                after=_finding(b),
                regressed=_regressed(*outcomes),
                finding=str((b or a or {}).get("id", "")),
            )


def _conditions_with_numbers(predicate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each condition of a group with its number; one on everyone is its rule's own outcome."""
    numbers = {
        (evidence["id"], number["key"]): number
        for evidence in predicate["evidence"]
        for number in evidence["measurements"]
    }
    none = {"value": None, "lower": None, "upper": None, "n": None}
    return [
        {**none, **numbers.get((c["evidence"], c["key"]), {}), **c}
        for c in conditions_in(predicate)
        if c["group"]
    ]


def _finding(finding: Mapping[str, Any] | None) -> str:
    if finding is None:
        return _ABSENT
    words = Outcome(finding["outcome"]).words
    return words if finding["value"] is None else f"{words}, {_measured(finding)}"


def _controls(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    a, b = (
        {f"{c['pack']} {c['control']}": c["outcome"] for c in p["controls"]} for p in (old, new)
    )
    for name in dict.fromkeys([*a, *b]):
        before, after = a.get(name), b.get(name)
        if before != after:
            yield Change(
                area="control",
                name=name,
                before=Outcome(before).words if before else _ABSENT,
                after=Outcome(after).words if after else _ABSENT,
                regressed=_regressed(before, after),
            )


def _regressed(before: str | None, after: str | None) -> bool:
    if before is None:
        return False
    if after is None:
        return before == Outcome.PASS
    return SEVEREST_FIRST.index(Outcome(after)) < SEVEREST_FIRST.index(Outcome(before))


def _numbers(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """One change for each measurement with a number that is not equal."""
    sides = [
        {
            (evidence["check"], measurement["key"]): measurement
            for evidence in statement["predicate"]["evidence"]
            for measurement in evidence["measurements"]
        }
        for statement in (before, after)
    ]
    unequal = (c for c in compare_numbers(before, after) if c.agreement is not Agreement.EQUAL)
    for check, key in dict.fromkeys((c.check, c.key.rpartition(".")[0]) for c in unequal):
        a, b = (_measured(side.get((check, key))) for side in sides)
        yield Change(area="number", name=f"{check} {key}", before=a, after=b)


def _measured(number: Mapping[str, Any] | None) -> str:
    """A number with its interval and n, to six digits, so that small differences show."""
    if number is None:
        return _ABSENT
    value = "undefined" if number["value"] is None else f"{number['value']:.6g}"
    if number["lower"] is not None and number["upper"] is not None:
        value += f" ({number['lower']:.6g} to {number['upper']:.6g})"
    return value if number.get("n") is None else f"{value}, n = {number['n']:,}"


def _changed(area: str, name: str, before: Any, after: Any, *, title: str = "") -> Iterator[Change]:
    if before != after:
        yield Change(
            area=area, name=str(name), before=str(before), after=str(after), title=str(title)
        )
