"""What a caller may do: everything that is decided for a caller is decided here.

Laws:
    - A caller has the roles that the policy grants them, and those that it gives their groups.
    - A token restricts: its account must be allowed it, and so must the token's role, in the
      token's domain. It grants nothing.
    - What takes a person (`BY_PEOPLE`), such as an approval, is never done with a token.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditkit.access.login.authentication import Caller
from auditkit.access.policy.control import AccessControl, AccessDecision, decide_under
from auditkit.access.policy.vocabulary import segment
from auditkit.access.record.moves import Target
from auditkit.access.record.rulings import Ruling


@dataclass(frozen=True, slots=True)
class Authority:
    """A caller under one policy.

    Attributes:
        caller: Who asks.
        access: The policy.
    """

    caller: Caller
    access: AccessControl

    @property
    def user(self) -> str:
        """The caller's name in rules and in the log."""
        return segment(self.caller.user)

    @property
    def only(self) -> tuple[str, str] | None:
        """The role and the domain that the caller's token is restricted to; None: no token."""
        token = self.caller.token
        return (token.role, token.domain) if token is not None else None

    def groups(self, domain: str) -> tuple[str, ...]:
        """The caller's groups that give a role in a domain."""
        groups, settings = self.caller.groups, self.access.settings
        return tuple(group for group in groups if settings.roles_of((group,), domain))

    def ruling(self, target: Target) -> Ruling:
        """What the policy says about a move and the caller as a party to it."""
        groups = tuple(self.caller.groups)
        return Ruling.by(self.access, target, self.user, groups=groups, only=self.only)

    def decide(
        self,
        verb: str,
        obj: str,
        domain: str,
        *,
        subtree: bool = False,
        roles: Collection[str] = (),
    ) -> AccessDecision:
        """One decision for the caller. Never raises.

        Args:
            verb: The verb.
            obj: The object.
            domain: The workspace.
            subtree: Whether nothing below the object may be denied either.
            roles: Further roles of this one request, `role:NAME`.
        """
        given = self.access.settings.roles_of(self.caller.groups, domain)
        return decide_under(
            self.access.snapshot,
            self.user,
            verb,
            obj,
            domain,
            subtree=subtree,
            roles=(*roles, *given),
            only=self.only,
        )
