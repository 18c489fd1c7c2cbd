"""What changed between two audits: model, data, policy, thresholds, conditions, controls, numbers.

Laws:
    - A condition or control regressed if its outcome is worse than before, or if it was met and
      is gone. That is all that "regressed" means: it does not ask why.
    - Conditions are matched by their id, controls by pack and id, numbers by check and address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditkit.evidence import SEVEREST_FIRST, Outcome
from auditkit.reperformance.compare import Agreement, compare_numbers

_ABSENT: Final = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        area: "subject", "data", "policy", "threshold", "condition", "control" or "number".
        name: What changed.
        before: How it was.
        after: How it is.
        regressed: Whether a condition or control is worse than before.
    """

    area: str
    name: str
    before: str
    after: str
    regressed: bool = False


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Everything that changed from one statement to another.

    Args:
        before: The parsed statement of the older audit.
        after: The parsed statement of the newer one.
    """
    old, new = before["predicate"], after["predicate"]
    return (
        *_subject(old, new),
        *_data(old, new),
        *_policy(old, new),
        *_outcomes("condition", _findings(old), _findings(new)),
        *_outcomes("control", _controls(old), _controls(new)),
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
    findings = [{f["rule"]: f for f in p["findings"]} for p in (old, new)]
    for rule in dict.fromkeys([*rules[0], *rules[1]]):
        a, b = (
            f"{f[rule]['operator']} {f[rule]['threshold']:.12g}" if rule in f else _ABSENT
            for f in findings
        )
        yield from _changed("threshold", rule, a, b)
    for pack in dict.fromkeys(p["id"] for side in (old, new) for p in side["packs"]):
        digests = [{p["id"]: p["digest"] for p in side["packs"]} for side in (old, new)]
        yield from _changed("policy", f"pack {pack}", *(d.get(pack, _ABSENT) for d in digests))


def _findings(predicate: Mapping[str, Any]) -> dict[str, str]:
    return {f["rule"]: f["outcome"] for f in predicate["findings"]}


def _controls(predicate: Mapping[str, Any]) -> dict[str, str]:
    return {f"{c['pack']} {c['control']}": c["outcome"] for c in predicate["controls"]}


def _outcomes(area: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        a, b = old.get(name), new.get(name)
        if a != b:
            yield Change(
                area=area,
                name=name,
                before=Outcome(a).words if a else _ABSENT,
                after=Outcome(b).words if b else _ABSENT,
                regressed=_regressed(a, b),
            )


def _regressed(before: str | None, after: str | None) -> bool:
    if before is None:
        return False
    if after is None:
        return before == Outcome.PASS
    return SEVEREST_FIRST.index(Outcome(after)) < SEVEREST_FIRST.index(Outcome(before))


def _numbers(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for one in compare_numbers(before, after):
        if one.agreement is not Agreement.EQUAL:
            name = f"{one.check} {one.key}"
            yield Change(
                area="number", name=name, before=_written(one.before), after=_written(one.after)
            )


def _written(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _changed(area: str, name: str, before: Any, after: Any) -> Iterator[Change]:
    if before != after:
        yield Change(area=area, name=name, before=str(before), after=str(after))
