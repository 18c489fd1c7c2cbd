"""Cases that an access policy must decide as expected: its tests, for CI.

Example:
    >>> from auditkit.access import AccessControl
    >>> text = "cases: [{user: ann, verb: 'model:read', object: models/x, expected: allow}]"
    >>> str(next(failures(AccessControl.load(), parse_cases(text))))
    'case 1: ann model:read on models/x in default: expected allow, but: no rule allows it'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from auditkit.access.policy.control import AccessControl, AccessDecision
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, VERBS, fault_in_request, role_name
from auditkit.documents import Document, Text, parse_document


class AccessCase(Document):
    """One request, and what the policy must decide.

    Attributes:
        user: The user's name on the server.
        verb: What they want to do, for example model:promote.
        object: To what, for example models/credit/aliases/champion.
        domain: The workspace or environment.
        groups: The user's groups at the identity provider, as access.yaml names them.
        roles: Further roles of the request, for example owner if the user owns the object.
        expected: "allow" or "deny".
    """

    user: Text
    verb: Text
    object: Text
    domain: Text = DEFAULT_DOMAIN
    groups: tuple[Text, ...] = ()
    roles: tuple[Text, ...] = ()
    expected: Literal["allow", "deny"]

    # A request that cannot be judged is denied, so a misspelt one would pass as "deny".
    @field_validator("verb")
    @classmethod
    def _is_verb(cls, verb: str) -> str:
        if verb not in VERBS:
            raise ValueError("there is no such verb; auditkit access check names them all")
        return verb

    @field_validator("object")
    @classmethod
    def _is_object(cls, obj: str) -> str:
        if fault_in_request("ann", DEFAULT_DOMAIN, "model:read", obj) is not None:
            raise ValueError("name one object as in rules, a space as %20, without * and **")
        return obj


class AccessCases(Document):
    """A file of cases for `auditkit access test`.

    Attributes:
        cases: The cases.
    """

    cases: tuple[AccessCase, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class FailedCase:
    """A case that the policy decides otherwise.

    Attributes:
        number: Its number in the file, from 1.
        case: The case.
        decision: What was decided.
    """

    number: int
    case: AccessCase
    decision: AccessDecision

    def __str__(self) -> str:
        """One line for people."""
        asked, found = self.case, self.decision
        rule = f": {found.rule}" if found.rule else ""
        return (
            f"case {self.number}: {asked.user} {asked.verb} on {asked.object} in {asked.domain}: "
            f"expected {asked.expected}, but: {found.reason}{rule}"
        )


def parse_cases(text: str, *, source: str = "the cases") -> AccessCases:
    """Reads a file of cases.

    Raises:
        PolicyError: If it is not YAML or not valid.
    """
    return parse_document(AccessCases, text, source=source)


def failures(access: AccessControl, cases: AccessCases) -> Iterator[FailedCase]:
    """The cases that a policy decides otherwise, in their order."""
    for number, case in enumerate(cases.cases, start=1):
        decision = access.decide(
            case.user,
            case.verb,
            case.object,
            domain=case.domain,
            groups=case.groups,
            roles=[role_name(role) for role in case.roles],
        )
        if decision.allowed != (case.expected == "allow"):
            yield FailedCase(number, case, decision)
