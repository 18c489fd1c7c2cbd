"""Requirements for promotions beyond an allowing rule: approvals, evidence, break-glass.

Casbin decides who may request, approve and promote. The file `access.yaml` beside the rules says
how many others must approve, on what evidence, and for how long. It is part of the policy's digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Final

from pydantic import Discriminator, Field, Tag, field_validator

from auditkit.access.policy.rules import DOMAIN
from auditkit.access.policy.vocabulary import folded, role_name, segment
from auditkit.documents import Document, Text, parse_document

_MODELS: Final = re.compile(r"[A-Za-z0-9_.@%+=*-]+\Z")
_ALIAS: Final = re.compile(r"[a-z0-9_*-]+\Z")


class EvidenceRequirement(Document):
    """A passed gate that the log must hold before an alias moves.

    Attributes:
        policy: Id of the audit policy that the gate judged by.
        policy_digest: Digest of that policy, as a statement's `policy.digest` says it; empty: any
            policy with this id.
        max_age_days: How old the audit may be.
        signers: Fingerprints of statement keys, as `auditkit keys list` shows them; one of them
            must have signed the audit's statement. Empty: whoever may record a verdict.
    """

    policy: Text
    policy_digest: str = ""
    max_age_days: int = Field(gt=0)
    signers: tuple[Text, ...] = ()


class Promotion(Document):
    """The requirements for moving protected aliases or stages of some models.

    Attributes:
        models: Pattern of model names, written as in rules, `*` for any run of characters.
        aliases: Protected aliases, case-insensitive; `*` for any run of characters.
        stages: Protected stages: staging, production, or `*` for both.
        approvals: How many distinct people must have approved, none of them the requester, the
            version's creator or the run's owner. 0: no approval is required.
        valid_hours: How long an approved request may be used.
        evidence: A gate that must have passed on the same files; None: no gate is required.
        rollback_max_age_days: How long ago the version that a rollback returns to may have been
            promoted; None: any time.
    """

    models: Text = "*"
    aliases: tuple[Text, ...] = ()
    stages: tuple[Text, ...] = ()
    approvals: int = Field(default=1, ge=0)
    valid_hours: float = Field(default=72, gt=0)
    evidence: EvidenceRequirement | None = None
    rollback_max_age_days: int | None = Field(default=None, gt=0)

    @field_validator("aliases", "stages")
    @classmethod
    def _fold(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(folded(name) for name in names)

    # A pattern that matches nothing would silently protect nothing.
    @field_validator("models")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        if not _MODELS.match(pattern):
            raise ValueError("write models as in rules, a space as %20, and no wildcard but *")
        return pattern

    @field_validator("aliases")
    @classmethod
    def _are_aliases(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ALIAS.match(name) for name in names):
            raise ValueError("an alias may have only letters, digits, _ and -, and * for any text")
        return names

    @field_validator("stages")
    @classmethod
    def _are_stages(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not set(names) <= {"staging", "production", "*"}:
            raise ValueError("a stage is staging or production, or * for both")
        return names

    def covers(self, model: str, *, kind: str, name: str) -> bool:
        """Whether it covers an alias or stage of a model.

        Args:
            model: The model's name in the registry.
            kind: "alias" or "stage".
            name: The alias or stage.
        """
        names = self.aliases if kind == "alias" else self.stages
        return fnmatchcase(segment(model).casefold(), self.models.casefold()) and any(
            fnmatchcase(folded(name), pattern) for pattern in names
        )


class BreakGlass(Document):
    """Break-glass: promotion without approval in an emergency.

    Attributes:
        valid_minutes: How long one invocation lasts.
        review_hours: Hours within which somebody else must review it.
    """

    valid_minutes: float = Field(default=60, gt=0, le=1440)
    review_hours: float = Field(default=72, gt=0)


class GroupRole(Document):
    """A role that the members of a group have, in one domain.

    Attributes:
        role: The role's name, as `release-manager`.
        domain: The workspace or environment; `*`: every one.
    """

    role: Text
    domain: Text = "*"

    # A domain that no request is in would silently give nothing.
    @field_validator("domain")
    @classmethod
    def _is_domain(cls, domain: str) -> str:
        if not DOMAIN.match(domain):
            raise ValueError("name one domain, or write * for all")
        return domain


def _form(value: object) -> str | None:
    """The form in which a group's roles are written."""
    forms: dict[type, str] = {str: "name", dict: "one", GroupRole: "one", list: "roles"}
    return "roles" if isinstance(value, tuple) else forms.get(type(value))


_BY_FORM: Final = Discriminator(
    _form,
    custom_error_type="form",
    custom_error_message="write a role's name, a role with its domain, or a list of these",
)
_OneRole = Annotated[Text, Tag("name")] | Annotated[GroupRole, Tag("one")]
GroupRoles = Annotated[
    _OneRole
    | Annotated[tuple[Annotated[_OneRole, _BY_FORM], ...], Field(min_length=1), Tag("roles")],
    _BY_FORM,
]


class AccessSettings(Document):
    """The file `access.yaml`.

    Attributes:
        id: Short name of the policy.
        version: Its version.
        title: What it is for.
        promotions: The first that covers an alias or stage gives its requirements.
        breakglass: The settings of break-glass; None: there is no break-glass.
        groups: Groups of the identity provider or the proxy, each with the role of its members: a
            role's name, `{role: trainer, domain: team-a}` for one workspace, or a list of these.
    """

    id: Text
    version: Text
    title: Text
    promotions: tuple[Promotion, ...] = ()
    breakglass: BreakGlass | None = None
    groups: dict[Text, GroupRoles] = Field(default_factory=dict)

    def roles_of(self, groups: Iterable[str], domain: str) -> tuple[str, ...]:
        """The roles, `role:NAME`, that some groups give in a domain."""
        if not self.groups:
            return ()
        given = (grant for group in groups for grant in self.group_roles(group))
        return tuple(dict.fromkeys(g.role for g in given if g.domain in ("*", domain)))

    def group_roles(self, group: str) -> tuple[GroupRole, ...]:
        """What the policy gives a group, each role as `role:NAME`."""
        return self.given_to_groups.get(group, ())

    @cached_property
    def given_to_groups(self) -> dict[str, tuple[GroupRole, ...]]:
        """What each group is given, in one form."""
        found = {}
        for group, written in self.groups.items():
            parts = written if isinstance(written, tuple) else (written,)
            roles = [GroupRole(role=part) if isinstance(part, str) else part for part in parts]
            found[group] = tuple(
                GroupRole(role=role_name(given.role), domain=given.domain) for given in roles
            )
        return found

    def promotion(self, model: str, *, kind: str, name: str) -> Promotion | None:
        """The requirements for moving an alias or stage; None: an allowing rule is enough."""
        for promotion in self.promotions:
            if promotion.covers(model, kind=kind, name=name):
                return promotion
        return None


def parse_settings(text: str, *, source: str = "access.yaml") -> AccessSettings:
    """Reads `access.yaml`.

    Raises:
        PolicyError: If it is not YAML or not valid.
    """
    return parse_document(AccessSettings, text, source=source)
