"""Judges a statement again: whether its findings, controls and verdict follow from what it holds.

The party whose model is audited may hold the key that signs its reports. So a signature says who
speaks, not that the verdict is right. A statement holds its policy, its control packs and its
evidence whole; from these, and from no data, everything else in it is derived here once more.

Laws:
    - A statement that names rules of judgement that are not here is not judged.
    - Every difference is named; a statement without one is the statement that `examine` would have
      written for this evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Final

from pydantic import ValidationError

from auditkit.canonical import Digest, Json, canonical_bytes, parse_json
from auditkit.errors import InputError, UnverifiableError
from auditkit.evidence import SUPPRESSION_RULE, Evidence, Finding, Term
from auditkit.glossary import Glossary, collected
from auditkit.judgement.controls import ControlPack, ControlStatus, assess
from auditkit.judgement.findings import called, every
from auditkit.judgement.gate import Verdict, decide, judge
from auditkit.judgement.waived import waive
from auditkit.policy import Policy
from auditkit.resources import offline_script
from auditkit.version import TEMPLATES, __version__
from auditkit.waivers.consideration import Considered, WaiverFile, files_in

# The version of what this package writes. It changes when the same evidence and policy would give
# another finding, control status or verdict; a sentence of a finding counts. The terms of the
# packaged checks belong to it: a new version keeps them in a new file.
RULES: Final = 1
# The version of the statement's members.
STATEMENT: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How one version of the rules judges.

    Attributes:
        judge: Evidence and policy to findings.
        waive: Findings and files of waivers to findings with waivers, and what came of each file.
        assess: Findings and a pack to the statuses of its controls.
        decide: Findings to the verdict.
        words: The file with the names of measures in the sentences of findings.
    """

    judge: Callable[..., tuple[Finding, ...]]
    waive: Callable[..., tuple[tuple[Finding, ...], tuple[Considered, ...]]]
    assess: Callable[[Sequence[Finding], ControlPack], tuple[ControlStatus, ...]]
    decide: Callable[[Sequence[Finding]], Verdict]
    words: str

    def glossary(self, evidence: Sequence[Evidence], policy: Policy) -> Glossary:
        """The names of measures: those of the packaged checks, and those that evidence carries."""
        kept = parse_json((files("auditkit.judgement") / self.words).read_bytes())
        packaged = {name: Term(*term) for name, term in kept.items()}
        carried = [(e.check, e.terms) for e in evidence if e.terms]
        terms = collected([("auditkit", packaged), *carried])
        return Glossary(terms=terms, decision=policy.decision.words)


# Every version that can be judged by; an earlier one stays when a new one comes.
VERSIONS: Final[Mapping[int, Rules]] = {
    1: Rules(judge=judge, waive=waive, assess=assess, decide=decide, words="words_1.json")
}


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What a statement holds, and what follows from it."""

    policy: Policy
    packs: tuple[ControlPack, ...]
    evidence: tuple[Evidence, ...]
    as_of: date | None
    waivers: tuple[Considered, ...]
    findings: tuple[Finding, ...]
    controls: tuple[ControlStatus, ...]
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A statement that was judged again.

    Attributes:
        differences: What does not follow, in sentences; empty if all of it does.
        findings: How many findings were derived.
        controls: How many statuses of controls.
        waivers: How many waivers count, with the signatures that they need.
    """

    differences: tuple[str, ...]
    findings: int
    controls: int
    waivers: int = 0


def made_by() -> dict[str, Json]:
    """What wrote a statement: the package, its rules, pages and format, and its script."""
    return {
        "auditkit": __version__,
        "rules": RULES,
        "templates": TEMPLATES,
        "statement": STATEMENT,
        "offline_script": str(Digest.of(offline_script())),
    }


def judged_again(predicate: Mapping[str, Any]) -> Judged:
    """Derives findings, controls and verdict again, and compares them with those of a statement.

    The rows of tables are not read: no finding rests on them.

    Args:
        predicate: The statement's predicate.

    Raises:
        UnverifiableError: If the statement was made by rules that are not here, or does not say by
            which.
        InputError: If its policy, packs or evidence are none.
    """
    found = derive(predicate)
    policy, packs = found.policy, found.packs
    hidden = sum(bool(m.suppressed) for e in found.evidence for m in e.measurements)
    derived: dict[str, Json] = {
        "policy": {"digest": str(policy.digest), "content": policy.to_json()},
        "packs": [pack.to_json() for pack in packs],
        "findings": [finding.to_json() for finding in every(found.findings)],
        "controls": [status.to_json() for status in found.controls],
        "verdict": found.verdict.to_json(),
        "waivers": [waiver.to_json() for waiver in found.waivers],
        "suppression": {
            "small_cell": policy.small_cell,
            "rule": SUPPRESSION_RULE,
            "hidden": hidden,
        },
    }
    stated = {name: predicate[name] for name in derived if name != "waivers"}
    stated["waivers"] = predicate.get("waivers", [])
    stated["policy"] = {k: v for k, v in stated["policy"].items() if k != "source"}
    stated["suppression"] = {
        name: value for name, value in stated["suppression"].items() if name != "unsuppressed"
    }
    named = [pack.id for pack in packs]
    differences = []
    if named != list(policy.controls):
        differences.append(
            f"The policy names the control packs {_list(policy.controls)}; the statement has "
            f"{_list(named)}."
        )
    for name, value in derived.items():
        differences += _differences(name, stated[name], value)
    return Judged(
        differences=tuple(differences),
        findings=len(found.findings),
        controls=len(found.controls),
        waivers=sum(one.waiver is not None for one in found.waivers),
    )


def derive(
    predicate: Mapping[str, Any], rows: Mapping[str, Sequence[Any]] | None = None
) -> Derived:
    """Judges a statement's evidence by its policy and packs, and by the rules that it names.

    Args:
        predicate: The statement's predicate.
        rows: The rows of each table, by its name; None: the evidence is read without its tables.

    Raises:
        UnverifiableError: If it does not say by which rules, or they are not here.
        InputError: If its policy, packs or evidence are none.
    """
    rules = _rules_of(predicate)
    policy, packs, evidence = _parts_of(predicate, rows)
    as_of = predicate["as_of"]
    today = date.fromisoformat(as_of) if as_of is not None else None
    findings = rules.judge(evidence, policy, rules.glossary(evidence, policy))
    subject = predicate["subject"]
    findings, waivers = rules.waive(
        findings,
        _waivers_of(predicate),
        policy,
        name=subject["name"],
        artifact=subject["digest"],
        today=today,
    )
    return Derived(
        policy=policy,
        packs=packs,
        evidence=evidence,
        as_of=today,
        waivers=waivers,
        findings=findings,
        controls=tuple(status for pack in packs for status in rules.assess(findings, pack)),
        verdict=rules.decide(findings),
    )


def judged_waivers(
    predicate: Mapping[str, Any], files: Sequence[WaiverFile], *, today: date
) -> tuple[Considered, ...]:
    """What files of waivers would be worth for a statement's findings on some day.

    Args:
        predicate: The statement's predicate.
        files: The files.
        today: The day.

    Raises:
        UnverifiableError, InputError: As `derive`.
    """
    rules = _rules_of(predicate)
    policy, _, evidence = _parts_of(predicate, None)
    subject = predicate["subject"]
    _, considered = rules.waive(
        rules.judge(evidence, policy, rules.glossary(evidence, policy)),
        files,
        policy,
        name=subject["name"],
        artifact=subject["digest"],
        today=today,
    )
    return considered


def glossary_in(predicate: Mapping[str, Any]) -> Glossary:
    """The names of measures in a statement.

    Args:
        predicate: The statement's predicate.

    Raises:
        UnverifiableError: If it does not say by which rules it was made, or they are not here.
        InputError: If its policy, packs or evidence are none.
    """
    policy, _, evidence = _parts_of(predicate, None)
    return _rules_of(predicate).glossary(evidence, policy)


def _rules_of(predicate: Mapping[str, Any]) -> Rules:
    made = predicate.get("made_by")
    if not isinstance(made, Mapping):
        version = str(dict(predicate.get("versions", {})).get("auditkit", "an earlier version"))
        raise UnverifiableError(
            f"The statement was made by auditkit {version}, before statements held all that the "
            "verdict follows from.",
            remedy="have the audit made again, or accept it with --accept-older",
        )
    return rules_of(made)


def rules_of(made: Mapping[str, Any]) -> Rules:
    """The rules that a statement names.

    Args:
        made: Its `made_by`.

    Raises:
        UnverifiableError: If they, or the format of the statement, are not here.
    """
    rules = VERSIONS.get(made["rules"]) if type(made.get("rules")) is int else None
    if rules is None or made.get("statement") != STATEMENT:
        raise UnverifiableError(
            "The statement was made by rules of judgement that this version does not have.",
            remedy="verify it with the version of auditkit that it names",
        )
    return rules


def _parts_of(
    predicate: Mapping[str, Any], rows: Mapping[str, Sequence[Any]] | None
) -> tuple[Policy, tuple[ControlPack, ...], tuple[Evidence, ...]]:
    without: dict[str, Any] = {} if rows is not None else {"tables": []}
    try:
        policy = Policy.model_validate(predicate["policy"]["content"])
        packs = tuple(ControlPack.model_validate(pack["content"]) for pack in predicate["packs"])
        evidence = tuple(
            Evidence.from_json({k: v for k, v in e.items() if k != "digest"} | without, rows or {})
            for e in predicate["evidence"]
        )
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise InputError("The statement's policy, packs or evidence cannot be read.") from error
    return policy, packs, evidence


def evidence_in(statement: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """The evidence of a statement, without the rows of its tables.

    Args:
        statement: The statement, parsed.

    Raises:
        InputError: If it is not the statement of an audit.
    """
    predicate = statement.get("predicate")
    if not isinstance(predicate, Mapping):
        raise InputError("It is not the statement of an audit.", remedy="give a statement.json")
    return _parts_of(predicate, None)[2]


def _waivers_of(predicate: Mapping[str, Any]) -> tuple[WaiverFile, ...]:
    try:
        return files_in(predicate)
    except (KeyError, TypeError) as error:
        raise InputError("The statement's waivers cannot be read.") from error


def _differences(name: str, stated: Any, derived: Any) -> list[str]:
    """Where two parts of a statement differ, in sentences."""
    if canonical_bytes(stated) == canonical_bytes(derived):
        return []
    if isinstance(stated, list) and isinstance(derived, list):
        if len(stated) != len(derived):
            return [f"The statement has {len(stated)} {name}; {len(derived)} follow."]
        return [
            f"{_which(name, was)}: {_members(was, follows)}."
            for was, follows in zip(stated, derived, strict=True)
            if canonical_bytes(was) != canonical_bytes(follows)
        ]
    return [f"The {name}: {_members(stated, derived)}."]


def _which(name: str, one: Any) -> str:
    try:
        if name == "findings":
            which = called(one)
        else:
            members = {"controls": ("pack", "control"), "waivers": ("file",)}
            which = " ".join(one[key] for key in members.get(name, ("id",)))
    except (TypeError, AttributeError, KeyError, ValueError):
        which = ""
    return f"The {name.removesuffix('s')} {which}".rstrip()


def _members(stated: Any, derived: Any) -> str:
    if not isinstance(stated, dict) or not isinstance(derived, dict):
        return "it is not what follows"
    odd = sorted(
        key
        for key in stated.keys() | derived.keys()
        if key not in stated
        or key not in derived
        or canonical_bytes(stated[key]) != canonical_bytes(derived[key])
    )
    key = odd[0]
    was, follows = stated.get(key), derived.get(key)
    if isinstance(was, str | int | float | None) and isinstance(follows, str | int | float | None):
        return f"{key} is {was!r}, and {follows!r} follows from the policy and the evidence"
    return f"{', '.join(odd)} do not follow from the policy and the evidence"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
