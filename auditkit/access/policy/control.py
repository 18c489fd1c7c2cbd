"""Access decisions under one policy, each with its rule and the policy's digest.

Example:
    >>> from auditkit.resources import data_path
    >>> access = AccessControl.load(data_path("policies", "access"))
    >>> decision = access.decide("ann", "model:promote", "models/credit/aliases/champion")
    >>> decision.allowed, decision.reason
    (False, 'no rule allows it')

Laws:
    - Fail closed: an unknown user, verb or object, an invalid name, and any exception are denials.
    - A policy is read whole or not at all, and replaced by one assignment: no decision sees half
      of it.
    - The digest covers the model, the rules and the settings, names and contents.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from auditkit.access.policy.lint import (
    refuse_granted_owner,
    refuse_lost_groups,
    refuse_lost_links,
)
from auditkit.access.policy.rules import AccessRule, AccessRules, parse_rules
from auditkit.access.policy.settings import AccessSettings, parse_settings
from auditkit.access.policy.snapshot import Snapshot
from auditkit.access.policy.vocabulary import BY_PEOPLE, DEFAULT_DOMAIN, OWNER, fault_in_request
from auditkit.canonical import Digest, Json, digest_of
from auditkit.errors import AccessDeniedError, PolicyError
from auditkit.files import read_text
from auditkit.resources import data_path

FILES = ("model.conf", "policy.csv", "access.yaml")


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """The decision whether a user may do something to an object.

    Attributes:
        user: The user who asked.
        verb: The verb.
        object: The object.
        allowed: Whether it is allowed.
        rule: The deciding rule, as it is written in the policy; empty if none matched.
        policy_digest: Digest of the policy in force.
        reason: The reason, as text.
        domain: The workspace or environment.
        role: The role through which the rule applies; empty if it names the user.
        owned: Whether it was decided as by the object's owner.
    """

    user: str
    verb: str
    object: str
    allowed: bool
    rule: str
    policy_digest: Digest
    reason: str
    domain: str = DEFAULT_DOMAIN
    role: str = ""
    owned: bool = False

    def __bool__(self) -> bool:
        """Whether it is allowed."""
        return self.allowed

    @property
    def part(self) -> dict[str, Json]:
        """Its part of the log entry for a request with several decisions."""
        part: dict[str, Json] = {
            "verb": self.verb,
            "object": self.object,
            "allowed": self.allowed,
            "rule": self.rule,
        }
        return {**part, "owned": True} if self.owned else part

    def to_json(self) -> dict[str, Json]:
        """The decision as the log writes it."""
        return {
            "user": self.user,
            "verb": self.verb,
            "object": self.object,
            "domain": self.domain,
            "allowed": self.allowed,
            "rule": self.rule,
            "role": self.role,
            "reason": self.reason,
            "policy_digest": str(self.policy_digest),
        }


class AccessControl:
    """Decides under one policy at a time.

    Args:
        rules: The rules.
        settings: The requirements for promotions.
        model: Text of the Casbin model; default: the packaged one.
    """

    def __init__(
        self,
        rules: AccessRules,
        settings: AccessSettings | None = None,
        *,
        model: str | None = None,
    ) -> None:
        if model is None:
            model = data_path("policies", "access", "model.conf").read_text(encoding="utf-8")
        self._in_force = _compile(rules, settings or _NO_SETTINGS, model)

    @classmethod
    def load(cls, folder: str | Path | None = None) -> AccessControl:
        """Reads a policy from a folder.

        Args:
            folder: Holds `policy.csv`, and `access.yaml` and `model.conf` if they differ from the
                packaged ones. Default: the packaged policy, which has roles but no users.

        Raises:
            PolicyError: If a file is missing, unreadable or invalid; then no policy is in force.
        """
        return cls.from_texts(read_texts(folder))

    @classmethod
    def from_texts(cls, texts: dict[str, str]) -> AccessControl:
        """Like `load`, from texts that were already read.

        Args:
            texts: The texts, by the names in `FILES`.

        Raises:
            PolicyError: If one is invalid.
        """
        rules = parse_rules(texts["policy.csv"], source="policy.csv")
        settings = parse_settings(texts["access.yaml"])
        return cls(rules, settings, model=texts["model.conf"])

    def replace(self, other: AccessControl) -> None:
        """Puts another policy into force, in one assignment."""
        self._in_force = other._in_force

    @property
    def rules(self) -> AccessRules:
        """The rules in force."""
        return self._in_force[0].rules

    @property
    def settings(self) -> AccessSettings:
        """The settings in force."""
        return self._in_force[1]

    @property
    def snapshot(self) -> Snapshot:
        """The policy in force, for several decisions under the same policy."""
        return self._in_force[0]

    @property
    def policy_digest(self) -> Digest:
        """The digest of the policy in force."""
        return self._in_force[0].digest

    def decide(
        self,
        user: str,
        verb: str,
        object: str,  # noqa: A002
        *,
        domain: str = DEFAULT_DOMAIN,
        roles: Collection[str] = (),
        groups: Collection[str] = (),
        only: tuple[str, str] | None = None,
    ) -> AccessDecision:
        """Whether a user may do something. Never raises.

        Args:
            user: As authenticated.
            verb: One of `VERBS`, for example "model:promote".
            object: For example "models/credit/aliases/champion"; see
                `auditkit.access.policy.vocabulary`.
            domain: The workspace or environment.
            roles: Further roles of this request, `role:NAME`.
            groups: The user's groups at the identity provider.
            only: See `decide_under`.
        """
        snapshot, settings = self._in_force
        roles = (*roles, *settings.roles_of(groups, domain))
        return decide_under(snapshot, user, verb, object, domain, roles=roles, only=only)

    def require(
        self,
        user: str,
        verb: str,
        object: str,  # noqa: A002
        *,
        domain: str = DEFAULT_DOMAIN,
    ) -> AccessDecision:
        """Like `decide`, but a denial raises an error.

        Raises:
            AccessDeniedError: If it is not allowed.
        """
        decision = self.decide(user, verb, object, domain=domain)
        if not decision.allowed:
            raise AccessDeniedError(
                f"{user} may not {verb} on {object}: {decision.reason}.",
                remedy="ask for a role that allows it, or ask somebody who has such a role",
            )
        return decision


def decide_under(
    snapshot: Snapshot,
    user: str,
    verb: str,
    obj: str,
    domain: str,
    *,
    subtree: bool = False,
    roles: Collection[str] = (),
    only: tuple[str, str] | None = None,
) -> AccessDecision:
    """One decision under a given snapshot. Never raises.

    Args:
        snapshot: The policy.
        user: As authenticated.
        verb: The verb.
        obj: The object.
        domain: The workspace or environment.
        subtree: Whether nothing below the object may be denied either.
        roles: Further roles of this request, `role:NAME`. They count as if they were granted to
            the user in the request's domain.
        only: A role, `role:NAME`, and a domain, `*` for all, that the request is restricted to:
            the role by itself must be allowed it too, the domain must be the request's, and the
            verb must not be one that takes a person.
    """
    allowed, rule = False, None
    try:
        reason = fault_in_request(user, domain, verb, obj)
        if only is not None and verb in BY_PEOPLE:
            reason = "it takes a person, who logs in without a token"
        if reason is None:
            _check_roles((*roles, only[0]) if only else roles)
            judge = snapshot.judge_subtree if subtree else snapshot.judge
            allowed, rule = judge(user, domain, verb, obj, roles)
            reason = _why(rule, user)
            if allowed and only is not None:
                role, where = only
                in_domain = where in ("*", domain)
                allowed, by = judge(role, domain, verb, obj) if in_domain else (False, None)
                if not allowed:
                    rule = by
                    why = _why(by, user) if in_domain else "it is for another domain"
                    reason = f"not within the token for {role} in {where}: {why}"
    except Exception as error:  # noqa: BLE001  (any error is a denial)
        allowed, rule = False, None
        reason = f"the decision failed ({type(error).__name__})"
    line, role = ("", "") if rule is None else (str(rule), _role(rule, user))
    return AccessDecision(
        user,
        verb,
        obj,
        allowed,
        line,
        snapshot.digest,
        reason,
        domain,
        role,
        owned=OWNER in roles,
    )


def _check_roles(roles: Collection[str]) -> None:
    """A name without `role:` would be a user's."""
    if not all(role.startswith("role:") for role in roles):
        raise ValueError("a role is written role:NAME")


def _role(rule: AccessRule, user: str) -> str:
    return rule.subject if rule.subject != user else ""


def _why(rule: AccessRule | None, user: str) -> str:
    if rule is None:
        return "no rule allows it"
    effect = "allowed" if rule.effect == "allow" else "denied"
    role = _role(rule, user)
    return f"{effect} by the rule at line {rule.line}{f' for {role}' if role else ''}"


def read_texts(folder: str | Path | None) -> dict[str, str]:
    """The files of a policy; `model.conf` and `access.yaml` default to the packaged ones.

    Raises:
        PolicyError: If there is no `policy.csv`, or a file cannot be read.
    """
    packaged = data_path("policies", "access")
    base = Path(folder) if folder is not None else packaged
    texts = {}
    for name in FILES:
        path = base / name
        if name != "policy.csv" and not path.exists():
            path = packaged / name
        remedy = f"put a readable {name} into the folder"
        texts[name] = read_text(path, what="access policy's file", kind=PolicyError, remedy=remedy)
    return texts


_NO_SETTINGS = AccessSettings(id="none", version="0", title="No promotion needs an approval")


def _compile(
    rules: AccessRules, settings: AccessSettings, model: str
) -> tuple[Snapshot, AccessSettings]:
    written = settings.model_dump(mode="json")
    content: dict[str, Json] = {
        "model": model,
        "rules": [list(rule.tokens) for rule in rules.rules],
        "grants": [list(grant.tokens) for grant in rules.grants],
        "settings": written,
    }
    if not settings.groups:
        del written["groups"]  # as it was before there were groups
    refuse_lost_links(rules)
    refuse_granted_owner(rules, settings)
    refuse_lost_groups(rules, settings)
    digest = digest_of("access-policy/v1", content)
    return Snapshot.compile(rules, digest, model=model), settings
