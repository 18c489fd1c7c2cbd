"""The rules of an access policy, parsed strictly: one rule a line, nothing dropped silently.

Casbin's own reader skips lines of an unknown kind, ignores an effect written `Deny`, truncates long
grouping rules, and splits a token at a comma inside brackets. Here each of these is an error that
names the line. A policy that passes means the same to Casbin, character for character.

Patterns are an unambiguous subset of Casbin's `globMatch`: `*` matches any run of characters within
one segment, and a last segment `**` matches the object itself and everything below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

from auditkit.access.policy.vocabulary import VERBS
from auditkit.errors import PolicyError

# The number of steps from a user to a role that Casbin follows; beyond it, denials get lost.
MAX_ROLE_STEPS: Final = 9

_SUBJECT: Final = re.compile(r"(role:)?[A-Za-z0-9_@%+=-][A-Za-z0-9_.@%+=-]*\Z")
DOMAIN: Final = re.compile(r"(\*|[A-Za-z0-9_%@+=-][A-Za-z0-9_.%@+=-]*)\Z")
_VERB: Final = re.compile(r"(\*|[a-z]+:[a-z*]+)\Z")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_%@+=*-][A-Za-z0-9_.%@+=*-]*\Z")


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A rule that allows or denies.

    Attributes:
        subject: A user's name, or `role:NAME`.
        domain: A domain's name, or `*` for all.
        object: A pattern of objects.
        verb: A verb, `*`, or `model:*`.
        effect: "allow" or "deny".
        line: Its line in the policy's file, from 1; 0 if it did not come from a file.
    """

    subject: str
    domain: str
    object: str
    verb: str
    effect: Literal["allow", "deny"]
    line: int = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        """The rule as Casbin stores it."""
        return (self.subject, self.domain, self.object, self.verb, self.effect)

    def __str__(self) -> str:
        """The rule as a line of a file."""
        return "p, " + ", ".join(self.tokens)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role granted to a member, in a domain."""

    member: str
    role: str
    domain: str
    line: int = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        """The grant as Casbin stores it."""
        return (self.member, self.role, self.domain)

    def __str__(self) -> str:
        """The grant as a line of a file."""
        return "g, " + ", ".join(self.tokens)


@dataclass(frozen=True, slots=True)
class AccessRules:
    """A whole policy, in the order of its file."""

    rules: tuple[AccessRule, ...]
    grants: tuple[Grant, ...]

    def to_text(self) -> str:
        """The policy as a file, one rule a line."""
        return "".join(f"{line}\n" for line in (*self.rules, *self.grants))

    @property
    def users(self) -> tuple[str, ...]:
        """Every subject that is not a role, sorted."""
        named = {rule.subject for rule in self.rules} | {grant.member for grant in self.grants}
        return tuple(sorted(name for name in named if not name.startswith("role:")))

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role, sorted."""
        named = {rule.subject for rule in self.rules} | {
            name for grant in self.grants for name in (grant.member, grant.role)
        }
        return tuple(sorted(name for name in named if name.startswith("role:")))


def links_by_domain(grants: Iterable[Grant]) -> dict[str, dict[str, list[str]]]:
    """The roles of each member, by the domain they hold in: `*`, and each that a grant names.

    What is granted in `*` holds in each of them too.
    """
    granted = tuple(grants)
    found: dict[str, dict[str, list[str]]] = {}
    for domain in {"*", *(grant.domain for grant in granted)}:
        links = found.setdefault(domain, {})
        for grant in granted:
            if grant.domain in (domain, "*"):
                links.setdefault(grant.member, []).append(grant.role)
    return found


def reached(member: str, links: Mapping[str, Sequence[str]], steps: int) -> tuple[str, ...]:
    """A member and every role within some steps of it, the nearest first."""
    found = {member: None}
    level = [member]
    for _ in range(steps):
        level = [role for near in level for role in links.get(near, ()) if role not in found]
        if not level:
            break
        found.update(dict.fromkeys(level))
    return tuple(found)


def parse_rules(text: str, *, source: str = "the access policy") -> AccessRules:
    """Reads a policy file.

    Args:
        text: Lines `p, subject, domain, object, verb, effect` and `g, member, role, domain`;
            empty lines and lines that begin with `#` are skipped.
        source: The name of the text in errors.

    Raises:
        PolicyError: Naming the line, for anything that Casbin would drop or read differently.
    """
    rules: list[AccessRule] = []
    grants: list[Grant] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        kind, *tokens = [token.strip(" \t") for token in stripped.split(",")]
        try:
            if kind == "g":
                grants.append(grant_from(tokens, line=number))
            else:
                rules.append(rule_from(tokens, kind=kind, line=number))
        except PolicyError as error:
            raise PolicyError(
                f"{source}, line {number}: {error.message}.", remedy=error.remedy
            ) from error
    if not rules:
        raise PolicyError(f"{source} has no rules.", remedy="add a line that begins with 'p,'")
    return AccessRules(tuple(rules), tuple(grants))


def rule_from(tokens: list[str], *, kind: str = "p", line: int = 0) -> AccessRule:
    """A rule from its five tokens.

    Raises:
        PolicyError: If a token is malformed, or the kind is not p.
    """
    if kind != "p":
        raise PolicyError(f"the kind of rule {kind!r} is unknown", remedy="write p or g")
    if len(tokens) != 5:
        raise PolicyError(
            f"a rule has 5 parts after 'p', but this one has {len(tokens)}",
            remedy="write p, subject, domain, object, verb, effect",
        )
    subject, domain, obj, verb, effect = tokens
    _check_subject(subject)
    _check_domain(domain)
    _check_pattern(obj)
    _check_verb(verb)
    if effect not in ("allow", "deny"):
        raise PolicyError(f"the effect {effect!r} is unknown", remedy="write allow or deny")
    return AccessRule(subject, domain, obj, verb, "deny" if effect == "deny" else "allow", line)


def grant_from(tokens: list[str], *, line: int = 0) -> Grant:
    """A grant from its three tokens.

    Raises:
        PolicyError: If a token is malformed.
    """
    if len(tokens) != 3:
        raise PolicyError(
            f"a grant has 3 parts after 'g', but this one has {len(tokens)}",
            remedy="write g, member, role:NAME, domain",
        )
    member, role, domain = tokens
    _check_subject(member)
    _check_subject(role)
    if not role.startswith("role:"):
        raise PolicyError(f"{role!r} is not a role", remedy="write a role as role:NAME")
    _check_domain(domain)
    return Grant(member, role, domain, line)


def _check_subject(token: str) -> None:
    if not _SUBJECT.match(token):
        raise PolicyError(
            f"the subject {token!r} is malformed",
            remedy="write a user's name, or role:NAME, of letters, digits and _ . @ % + = -",
        )


def _check_domain(token: str) -> None:
    if not DOMAIN.match(token):
        raise PolicyError(
            f"the domain {token!r} is malformed", remedy="name one domain, or write * for all"
        )


def _check_verb(token: str) -> None:
    if not _VERB.match(token) or not any(fnmatchcase(verb, token) for verb in VERBS):
        family = token.partition(":")[0]
        near = [verb for verb in VERBS if verb.startswith(f"{family}:")] or list(VERBS)
        raise PolicyError(f"the verb {token!r} is unknown", remedy=f"use one of {', '.join(near)}")


def _check_pattern(token: str) -> None:
    *above, last = token.split("/")
    if token.startswith("*/"):
        raise PolicyError(
            f"the object {token!r} begins with a wildcard, which Casbin reads differently",
            remedy="name the first part, for example models/**, or write ** for everything",
        )
    parts = above if last == "**" else [*above, last]
    if any(not _SEGMENT.match(part) or "**" in part for part in parts):
        raise PolicyError(
            f"the object {token!r} is malformed",
            remedy="write parts of letters, digits and _ . @ % + = - *, a space as %20, and ** "
            "only as the last part, for example models/My%20Model/**",
        )
