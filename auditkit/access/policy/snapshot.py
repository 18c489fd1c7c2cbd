"""A compiled policy: immutable, shared between threads without a lock, replaced as a whole.

Casbin decides a request by walking all rules, re-parsing the matcher each time, and clears its role
links while it reloads them. This module compiles the model of `policies/access/model.conf` into
an index from subject, domain and verb to patterns, so that a decision touches only the few rules
that can match. Casbin stays the authority: it reads the same model and policy, decisions equal
those of `casbin.Enforcer` (tests/unit/test_access_casbin.py), and before a snapshot is put into
force, `Snapshot.compile` has Casbin decide a sample of requests, if the policy has at most 2,000
rules.

Laws:
    - A request is denied unless a rule allows it; a denying rule overrides every allowing one; the
      order of rules does not matter.
    - Of several rules with the same effect, the first in the file is named.
    - Roles are followed for `MAX_ROLE_STEPS` steps, as Casbin follows them, cycles included.
    - A grant in all domains holds in each: what a role inherits there, it inherits wherever it is
      granted. Casbin does the same with its domain matching, `keyMatch`.
    - A further role of a request counts as if it were granted to the user in the request's domain.
    - After construction, only caches change, whose entries are pure functions of the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from auditkit.access.policy.rules import (
    MAX_ROLE_STEPS,
    AccessRule,
    AccessRules,
    links_by_domain,
    reached,
)
from auditkit.access.policy.vocabulary import OWNER, VERBS
from auditkit.canonical import Digest
from auditkit.errors import PolicyError

# Rule evaluations by Casbin per snapshot: about a fifth of a second. A policy of more rules than
# that is not cross-checked.
_CROSS_CHECK_BUDGET: Final = 2_000
_MAX_CROSS_CHECKS: Final = 64
_PARSER_ATTEMPTS: Final = 20

# A segment that no name is encoded to; it stands for names that no rule mentions.
_ANY_OTHER: Final = "%any"

_Request = tuple[str, str, str, str]


@dataclass(slots=True)
class _Node:
    """A node of a trie of patterns, segment by segment."""

    below: dict[str, _Node]
    globs: dict[tuple[str, ...], _Node]
    any_one: _Node | None = None
    exact: AccessRule | None = None
    everything: AccessRule | None = None


class Snapshot:
    """A compiled policy.

    Args:
        rules: The rules.
        digest: The digest of their policy; every decision names it.

    Attributes:
        owner_verbs: Verbs on which ownership of the object may decide.
    """

    __slots__ = ("_denials", "_index", "_members", "_reach", "digest", "owner_verbs", "rules")

    def __init__(self, rules: AccessRules, digest: Digest) -> None:
        self.rules = rules
        self.digest = digest
        self._index: dict[tuple[str, str, str], tuple[_Node | None, _Node | None]] = {}
        self._denials: dict[tuple[str, str, str], set[str]] = {}
        self._members = links_by_domain(rules.grants)
        self._reach: dict[tuple[str, str, int], tuple[str, ...]] = {}
        for rule in rules.rules:
            for verb in _verbs_of(rule.verb):
                key = (rule.subject, rule.domain, verb)
                allow, deny = self._index.get(key, (None, None))
                if rule.effect == "deny":
                    deny = _insert(deny, rule)
                    self._denials.setdefault(key, set()).add(rule.object.split("/")[0])
                else:
                    allow = _insert(allow, rule)
                self._index[key] = (allow, deny)
        owning = {
            r for domain in self._members for r in self._reached(OWNER, domain, MAX_ROLE_STEPS)
        }
        self.owner_verbs = frozenset(verb for subject, _, verb in self._index if subject in owning)

    @classmethod
    def compile(cls, rules: AccessRules, digest: Digest, *, model: str) -> Snapshot:
        """Compiles a policy, and compares decisions with Casbin's on a sample of requests.

        Args:
            rules: The rules.
            digest: The policy's digest.
            model: Text of the Casbin model.

        Raises:
            PolicyError: If Casbin cannot read the model, or decides a request differently.
        """
        snapshot = cls(rules, digest)
        count = min(_MAX_CROSS_CHECKS, _CROSS_CHECK_BUDGET // len(rules.rules))
        if count:
            _cross_check(snapshot, model, count)
        return snapshot

    def judge(
        self, user: str, domain: str, verb: str, obj: str, roles: Collection[str] = ()
    ) -> tuple[bool, AccessRule | None]:
        """Whether a request is allowed, and the deciding rule; None: no rule matched.

        Requires valid tokens (`fault_in_request`).

        Args:
            user: The user, or a role.
            domain: The domain.
            verb: The verb.
            obj: The object.
            roles: Further roles of this request, `role:NAME`.
        """
        index = self._index
        segments = obj.split("/")
        found: AccessRule | None = None
        denied: AccessRule | None = None
        for subject in self._subjects(user, domain, roles):
            for rule_domain in (domain, "*"):
                trees = index.get((subject, rule_domain, verb))
                if trees is None:
                    continue
                allow, deny = trees
                if deny is not None:
                    denied = _first(denied, _match(deny, segments))
                if denied is None and allow is not None:
                    found = _first(found, _match(allow, segments))
        if denied is not None:
            return False, denied
        return found is not None, found

    def judge_subtree(
        self, user: str, domain: str, verb: str, obj: str, roles: Collection[str] = ()
    ) -> tuple[bool, AccessRule | None]:
        """Whether a request for everything at and below an object is allowed; see `judge`.

        Stricter than necessary: any denial of the verb under the same first segment denies.
        """
        allowed, rule = self.judge(user, domain, verb, obj, roles)
        if allowed and "/" not in obj:
            allowed, rule = self.judge(user, domain, verb, f"{obj}/{_ANY_OTHER}", roles)
        if not allowed:
            return allowed, rule
        root = obj.split("/", maxsplit=1)[0]
        for subject in self._subjects(user, domain, roles):
            for rule_domain in (domain, "*"):
                for denied in self._denials.get((subject, rule_domain, verb), ()):
                    if denied == root or "*" in denied:
                        return False, None
        return True, rule

    def rules_on(self, domain: str, verbs: Collection[str], obj: str) -> tuple[AccessRule, ...]:
        """Every rule that matches an object for one of some verbs, whoever it is about."""
        segments = obj.split("/")
        return tuple(
            rule
            for rule in self.rules.rules
            if rule.domain in ("*", domain)
            and not set(verbs).isdisjoint(_verbs_of(rule.verb))
            and _match(_insert(None, rule), segments) is not None
        )

    def roles_of(self, user: str, domain: str) -> tuple[str, ...]:
        """Every role that a user has in a domain, directly or through another role."""
        return tuple(sorted({*self._reached(user, domain, MAX_ROLE_STEPS)} - {user}))

    def path_to(self, user: str, role: str, domain: str) -> tuple[str, ...]:
        """The shortest chain of grants from a user to a role, both included; empty if none."""
        links = self._members.get(domain, self._members["*"])
        chains: list[tuple[str, ...]] = [(user,)]
        seen = {user}
        for _ in range(MAX_ROLE_STEPS + 1):
            for chain in chains:
                if chain[-1] == role:
                    return chain
            longer = []
            for chain in chains:
                for above in links.get(chain[-1], ()):
                    if above not in seen:
                        seen.add(above)
                        longer.append((*chain, above))
            chains = longer
        return ()

    def _subjects(self, user: str, domain: str, roles: Collection[str]) -> tuple[str, ...]:
        """The user and all roles that count; a further role is one step from the user."""
        own = self._reached(user, domain, MAX_ROLE_STEPS)
        if not roles:
            return own
        subjects = dict.fromkeys(own)
        for role in roles:
            subjects.update(dict.fromkeys(self._reached(role, domain, MAX_ROLE_STEPS - 1)))
        return tuple(subjects)

    def _reached(self, member: str, domain: str, steps: int) -> tuple[str, ...]:
        if domain not in self._members:
            domain = "*"
        links = self._members[domain]
        if member not in links:
            return (member,)
        known = self._reach.get((member, domain, steps))
        if known is None:
            # Only the policy's own members and domains are cached, so the cache stays small.
            known = self._reach[member, domain, steps] = reached(member, links, steps)
        return known


def _verbs_of(pattern: str) -> list[str]:
    if "*" not in pattern:
        return [pattern]
    pieces = tuple(pattern.split("*"))
    return [verb for verb in VERBS if _fits(pieces, verb)]


def _insert(root: _Node | None, rule: AccessRule) -> _Node:
    root = root or _Node({}, {})
    node = root
    for part in rule.object.split("/"):
        if part == "**":
            node.everything = _first(node.everything, rule)
            return root
        node = _step(node, part)
    node.exact = _first(node.exact, rule)
    return root


def _step(node: _Node, part: str) -> _Node:
    """The child of a node for a segment of a pattern."""
    if "*" not in part:
        return node.below.get(part) or node.below.setdefault(part, _Node({}, {}))
    if part == "*":
        node.any_one = node.any_one or _Node({}, {})
        return node.any_one
    return node.globs.setdefault(tuple(part.split("*")), _Node({}, {}))


def _match(root: _Node, segments: list[str]) -> AccessRule | None:
    found: AccessRule | None = None
    nodes = [root]
    for part in segments:
        reached = []
        for node in nodes:
            if node.everything is not None:
                found = _first(found, node.everything)
            below = node.below.get(part)
            if below is not None:
                reached.append(below)
            if node.any_one is not None:
                reached.append(node.any_one)
            reached += [below for pieces, below in node.globs.items() if _fits(pieces, part)]
        if not reached:
            return found
        nodes = reached
    for node in nodes:
        found = _first(_first(found, node.everything), node.exact)
    return found


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    """Whether a text consists of the pieces in order, with any characters between them."""
    first, *middle, last = pieces
    if len(text) < len(first) + len(last):
        return False
    if not (text.startswith(first) and text.endswith(last)):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        position = text.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True


def _first(one: AccessRule | None, other: AccessRule | None) -> AccessRule | None:
    if one is None or other is None:
        return one or other
    return one if one.line <= other.line else other


def casbin_enforcer(model: str, rules: AccessRules) -> Any:
    """Casbin's own enforcer over the same rules, for comparison.

    Rules are passed as lists of tokens: Casbin's adapters join them with commas and split them
    again, which turns a name with a comma into another rule. Roles follow Casbin's domain matching,
    so that a grant in `*` holds in every domain.

    Raises:
        PolicyError: If Casbin cannot read the model, or the superseded distribution shadows it.
    """
    import casbin
    from casbin.model import Model
    from casbin.util import key_match_func

    refuse_superseded_casbin()
    try:
        parsed = Model()
        parsed.load_model_from_text(model)
        enforcer = casbin.Enforcer(parsed)
        enforcer.add_named_domain_matching_func("g", key_match_func)
        for rule in rules.rules:
            parsed.model["p"]["p"].policy.append(list(rule.tokens))
        for grant in rules.grants:
            parsed.model["g"]["g"].policy.append(list(grant.tokens))
        enforcer.build_role_links()
    except PolicyError:
        raise
    except Exception as error:  # Casbin raises RuntimeError, KeyError, AttributeError...
        raise PolicyError(
            "Casbin cannot read the access model.", remedy="compare it with the packaged one"
        ) from error
    return enforcer


def refuse_superseded_casbin() -> None:
    """Raises an error if the superseded distribution `casbin` is installed beside `pycasbin`.

    Raises:
        PolicyError: If it is installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        version("casbin")
    except PackageNotFoundError:
        return
    raise PolicyError(
        "The superseded distribution 'casbin' is installed beside 'pycasbin'; whichever was "
        "installed last decides.",
        remedy="pip uninstall casbin casbin-sqlalchemy-adapter, "
        "then pip install --force-reinstall pycasbin",
    )


def _cross_check(snapshot: Snapshot, model: str, count: int) -> None:
    enforcer = casbin_enforcer(model, snapshot.rules)
    for user, domain, verb, obj in _sample(snapshot.rules, count):
        theirs = _ask_casbin(enforcer, user, domain, obj, verb)
        ours, rule = snapshot.judge(user, domain, verb, obj)
        if ours != theirs:
            raise PolicyError(
                f"Casbin decides differently on {verb} on {obj} (rule at line "
                f"{rule.line if rule else 0}).",
                remedy="use the packaged model.conf; other matchers are not supported",
            )


def _ask_casbin(enforcer: Any, *request: str) -> bool:
    # Casbin parses its matcher at each call, and CPython's parser fails now and then with a
    # SystemError while other threads run; that says nothing about the policy.
    for _ in range(_PARSER_ATTEMPTS):
        try:
            return bool(enforcer.enforce(*request))
        except SystemError:
            continue
        except Exception as error:
            raise PolicyError(
                "Casbin fails on this access policy.", remedy="use the packaged model.conf"
            ) from error
    raise PolicyError(
        "Casbin fails on this access policy repeatedly.", remedy="load the policy again"
    )


def _sample(rules: AccessRules, count: int) -> Iterator[_Request]:
    """Requests spread evenly over the rules, by members of the roles that the rules name."""
    members = {grant.role: grant for grant in rules.grants}
    step = max(1, len(rules.rules) // count)
    for rule in rules.rules[::step][:count]:
        grant = members.get(rule.subject)
        user = grant.member if grant else rule.subject
        domain = next((d for d in (rule.domain, grant.domain if grant else "*") if d != "*"), "d")
        verb = _verbs_of(rule.verb)[0]
        yield user, domain, verb, rule.object.replace("**", "x/y").replace("*", "x")
