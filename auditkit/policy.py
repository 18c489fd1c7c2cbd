"""Policies: thresholds on measurements, and who may waive them.

A policy is a YAML file. Each rule names a check, one of its measures, and a bound; the gate
compares. In this project *policy* means what must hold, and *access* means who may do what.

Laws:
    - An unknown key is an error that names the nearest valid one. A policy without rules is an
      error: it would pass anything.
    - A rule judged by interval passes only if the whole interval meets the bound, and fails only
      if the whole interval breaks it; otherwise it is uncertain.
    - Values are compared unrounded.
    - Waivers are not part of a policy. It lists who may sign them; see `auditkit.waivers`.

Example:
    >>> policy = parse_policy('''
    ... id: demo
    ... version: "1"
    ... title: Demonstration
    ... as_of: 2026-11-22
    ... rules:
    ...   - {id: R1, title: AUC, check: performance.ranking, measure: auc, at_least: 0.7,
    ...      severity: high, citation: in-house, why: below it the model barely ranks}
    ... ''')
    >>> policy.rules[0].operator, policy.rules[0].threshold
    ('>=', 0.7)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from auditkit.canonical import Digest, Json, digest_of
from auditkit.documents import DigestText, Document, Person, Text, parse_document
from auditkit.wording import NEUTRAL, DecisionWords


class Rule(Document):
    """One condition.

    Attributes:
        id: Unique in the policy, for example "FL-1".
        title: The condition in a few words.
        check: Id of the check whose evidence it reads.
        measure: Name of the measurements it bounds.
        by: Judges only the groups that are formed by exactly these attributes; None: all.
        at_least: Lower bound, included.
        at_most: Upper bound, included.
        judge: "interval" compares the whole interval, "value" only the value.
        min_n: Numbers based on fewer observations are counted but not judged.
        severity: "high", "medium" or "low".
        citation: The source of the threshold.
        why: Why this threshold, in one sentence.
        previously: Ids that the rule had before, so that tools which follow it by its id find it.
    """

    id: Text
    title: Text
    check: Text
    measure: Text
    by: tuple[str, ...] | None = None
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    judge: Literal["interval", "value"] = "interval"
    min_n: int = Field(default=0, ge=0)
    severity: Literal["high", "medium", "low"]
    citation: Text
    why: Text
    previously: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give exactly one of at_least and at_most")
        return self

    @property
    def operator(self) -> Literal[">=", "<="]:
        """The comparison of a number with the threshold."""
        return ">=" if self.at_least is not None else "<="

    @property
    def threshold(self) -> float:
        """The bound that a number is compared with."""
        bound = self.at_least if self.at_least is not None else self.at_most
        assert bound is not None
        return bound


# Only letters: a number in them would be in a report without an address.
_Word = Annotated[str, Field(pattern=r"^\p{L}[\p{L} '\-]*$", max_length=40)]


class Decided(Document):
    """The words for the model's decisions, as in "cases approved".

    Attributes:
        favourable: The word for cases decided in favour of the person, for example "approved".
        unfavourable: The word for all others, for example "denied".
    """

    favourable: _Word = NEUTRAL.favourable
    unfavourable: _Word = NEUTRAL.unfavourable

    @property
    def words(self) -> DecisionWords:
        """For the glossary."""
        return DecisionWords(favourable=self.favourable, unfavourable=self.unfavourable)


class Policy(Document):
    """The rules for one kind of model.

    Attributes:
        id: Short name, for example "lending".
        version: Version of the policy.
        title: What it is for.
        as_of: The day on which its citations were last checked.
        controls: Ids of the control packs that the evidence is assessed against.
        checks: Parameters of checks, where they differ from the checks' own.
        rules: The conditions; at least one.
        waivers: Always empty. Waivers are signed files, which the audit file names.
        waiver_approvers: The people who may sign waivers, two of them each, with the fingerprints
            of their keys, sha256:...; empty: nobody may.
        waiver_days: The most days that a waiver may be for.
        small_cell: Counts of people below this are not printed.
        out_of_scope: What an audit under this policy does not cover, one sentence each.
        decision: The words for the model's decisions.
    """

    id: Text
    version: Text
    title: Text
    as_of: date
    controls: tuple[str, ...] = ()
    checks: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(min_length=1)
    waivers: tuple[str, ...] = Field(default=(), max_length=0)
    waiver_approvers: Mapping[Person, tuple[DigestText, ...]] = Field(default_factory=dict)
    waiver_days: int = Field(default=90, ge=1, le=3660)
    small_cell: int = Field(default=11, ge=0)
    out_of_scope: tuple[Text, ...] = ()
    decision: Decided = Decided()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [rule.id for rule in self.rules]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"two rules are called {twice[0]!r}")
        ids += [old for rule in self.rules for old in rule.previously]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"two rules are or were called {twice[0]!r}")
        return self

    @field_validator("waivers", mode="before")
    @classmethod
    def _unsigned(cls, value: object) -> object:
        if value:
            raise ValueError(
                "a waiver is a signed file now, and one in a policy counts no more; list in "
                "waiver_approvers who may sign, renew each one with 'auditkit waiver request "
                "RULE', and name its file under waivers in the audit file"
            )
        return ()

    @field_validator("waiver_approvers")
    @classmethod
    def _two_people(cls, people: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        names = [name.strip().casefold() for name in people]
        keys = [key for listed in people.values() for key in listed]
        if people and len(set(names)) < 2:
            raise ValueError("a waiver takes two people: list at least two")
        if len(set(names)) < len(names):
            raise ValueError("one person is listed under two names")
        if len(set(keys)) < len(keys):
            raise ValueError("one key is listed twice: whose is it?")
        if not all(people.values()):
            raise ValueError("a person is listed without a key")
        return people

    def to_json(self) -> dict[str, Json]:
        """The whole policy as JSON; what it need not have, only where it has it."""
        content: dict[str, Any] = self.model_dump(mode="json")
        for rule in content["rules"]:
            if not rule["previously"]:
                del rule["previously"]
        if self.decision == Decided():
            del content["decision"]
        if not self.waiver_approvers:
            del content["waiver_approvers"], content["waiver_days"]
        return content

    @property
    def digest(self) -> Digest:
        """The digest of every rule, threshold, parameter and person who may waive them."""
        return digest_of("policy/v1", self.to_json())


@dataclass(frozen=True, kw_only=True)
class PolicySource:
    """Where a policy is written down, for tools that point at a line of a file.

    Attributes:
        path: A file's path from the audit file's folder: the policy's, or the audit file itself if
            the policy comes with auditkit.
        line: The line there that the policy begins at, or is named on; from 1.
        lines: The line of each rule, by its id; empty: they are in no file beside the audit file.
    """

    path: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict, hash=False)

    def line_of(self, rule: str) -> int:
        """The line of a rule, or the one that names its policy."""
        return self.lines.get(rule, self.line)

    def to_json(self) -> dict[str, Json]:
        """The JSON in the statement."""
        return {"path": self.path, "line": self.line, "lines": dict(self.lines)}


def parse_policy(text: str, *, source: str = "the policy") -> Policy:
    """Reads a policy.

    Args:
        text: YAML.
        source: The text's name in errors, for example the file's.

    Raises:
        PolicyError: If it is not YAML, has an unknown key, no rules, or an invalid value.
    """
    return parse_document(Policy, text, source=source)
