"""What an access policy says about one promotion and one party to it, as a digest.

A request and its approvals note it. When the approval is used, the policy in force has to say the
same: else it is void. A change elsewhere, such as a new viewer or a rule on another model, does not
touch it.

Laws:
    - It covers the requirement on the alias or stage, every rule that matches it for a request, an
      approval or the promotion, whoever the rule is about, and what the party may do of these by
      which rule.
    - Who promotes is not known before. The rules are covered, and who has which role is decided
      when they promote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from auditkit.access.policy.control import AccessControl
from auditkit.canonical import Digest, Json, digest_of

_VERBS: Final = ("model:request", "model:approve", "model:promote")


class Ruled(Protocol):
    """A move that policies say something about; `auditkit.access.record.moves.Target` is one."""

    @property
    def model(self) -> str:
        """The model's name in the registry."""

    @property
    def kind(self) -> str:
        """Whether an alias or a stage moves."""

    @property
    def name(self) -> str:
        """The alias or stage, folded."""

    @property
    def domain(self) -> str:
        """The workspace that the model is in."""

    @property
    def object(self) -> str:
        """Its object in rules."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy said about a move and a party to it.

    Attributes:
        user: The party.
        digest: The digest of what was said, `sha256:...`.
        groups: The party's groups at the identity provider.
        only: The role and the domain of the token that was shown; None: no token.
    """

    user: str
    digest: str
    groups: tuple[str, ...] = ()
    only: tuple[str, str] | None = None

    @classmethod
    def by(
        cls,
        access: AccessControl,
        target: Ruled,
        user: str,
        *,
        groups: tuple[str, ...] = (),
        only: tuple[str, str] | None = None,
    ) -> Ruling:
        """What a policy says.

        Args:
            access: The policy.
            target: The move.
            user: The party, see the attributes for what it brings.
            groups: Its groups.
            only: Its token.
        """
        return cls(user, str(_digest(access, target, user, groups, only)), groups, only)

    @classmethod
    def read(cls, payload: dict[str, Any]) -> Ruling | None:
        """The ruling that an entry notes; None: an entry from before there were rulings."""
        noted = payload.get("ruling")
        if noted is None:
            return None
        only = noted.get("only")
        return cls(
            str(payload.get("user")),
            str(noted.get("digest")),
            tuple(str(group) for group in noted.get("groups", ())),
            (str(only[0]), str(only[1])) if only else None,
        )

    def to_json(self) -> dict[str, Json]:
        """The ruling as an entry notes it, beside the entry's user."""
        noted: dict[str, Json] = {"digest": self.digest}
        if self.groups:
            noted["groups"] = list(self.groups)
        if self.only:
            noted["only"] = list(self.only)
        return {"ruling": noted}

    def stands(self, access: AccessControl, target: Ruled) -> bool:
        """Whether a policy says the same."""
        now = _digest(access, target, self.user, self.groups, self.only)
        return self.digest == str(now)


def _digest(
    access: AccessControl,
    target: Ruled,
    user: str,
    groups: tuple[str, ...],
    only: tuple[str, str] | None,
) -> Digest:
    promotion = access.settings.promotion(target.model, kind=target.kind, name=target.name)
    decided: list[Json] = []
    for verb in _VERBS:
        found = access.decide(
            user, verb, target.object, domain=target.domain, groups=groups, only=only
        )
        decided.append([verb, found.allowed, found.rule, found.role])
    rules = access.snapshot.rules_on(target.domain, _VERBS, target.object)
    content: dict[str, Json] = {
        "requirement": promotion.model_dump(mode="json") if promotion is not None else None,
        "rules": list[Json](sorted({str(rule) for rule in rules})),
        "decided": decided,
    }
    return digest_of("promotion-ruling/v1", content)
