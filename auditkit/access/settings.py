"""What a promotion needs beyond a rule that allows it: approvals, evidence, and in an emergency.

Casbin says who may ask, approve and promote. How many others must have approved, on what evidence
and for how long is said in `access.yaml`, beside the rules, and is part of the policy's digest.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from pydantic import Field, field_validator

from auditkit.access.vocabulary import folded, segment
from auditkit.policy import Document, Text, parse_document


class EvidenceRequirement(Document):
    """A passed gate that must be in the log before an alias moves.

    Attributes:
        policy: Id of the audit policy that the gate judged by.
        max_age_days: How old the verdict may be.
    """

    policy: Text
    max_age_days: int = Field(gt=0)


class Promotion(Document):
    """What it takes to move certain aliases or stages of certain models.

    Attributes:
        models: Pattern of model names, `*` for any run of characters.
        aliases: Aliases that are protected, in any case of letters; `*` protects all.
        stages: Stages that are protected.
        approvals: How many distinct people must have approved, none of them the requester, the
            version's creator or the run's owner. 0 asks for none.
        valid_hours: How long an approved request may be used.
        evidence: A gate that must have passed on the same bytes; None: none is asked for.
    """

    models: Text = "*"
    aliases: tuple[Text, ...] = ()
    stages: tuple[Text, ...] = ()
    approvals: int = Field(default=1, ge=0)
    valid_hours: float = Field(default=72, gt=0)
    evidence: EvidenceRequirement | None = None

    @field_validator("aliases", "stages")
    @classmethod
    def _fold(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(folded(name) for name in names)

    def covers(self, model: str, *, kind: str, name: str) -> bool:
        """Whether it speaks of an alias or stage of a model.

        Args:
            model: The model's name as the registry has it.
            kind: "alias" or "stage".
            name: The alias or stage.
        """
        names = self.aliases if kind == "alias" else self.stages
        return fnmatchcase(segment(model).casefold(), self.models.casefold()) and any(
            pattern in ("*", folded(name)) for pattern in names
        )


class BreakGlass(Document):
    """The way round in an emergency.

    Attributes:
        valid_minutes: How long one invocation lasts.
        review_hours: Within how many hours somebody else must have reviewed it.
    """

    valid_minutes: float = Field(default=60, gt=0, le=1440)
    review_hours: float = Field(default=72, gt=0)


class AccessSettings(Document):
    """The file `access.yaml`.

    Attributes:
        id: Short name of the policy.
        version: Its version.
        title: What it is for.
        promotions: The first that covers an alias or stage decides what it takes.
        breakglass: The way round in an emergency; None: there is none.
    """

    id: Text
    version: Text
    title: Text
    promotions: tuple[Promotion, ...] = ()
    breakglass: BreakGlass | None = None

    def promotion(self, model: str, *, kind: str, name: str) -> Promotion | None:
        """What it takes to move an alias or stage; None: a rule that allows it is enough."""
        for promotion in self.promotions:
            if promotion.covers(model, kind=kind, name=name):
                return promotion
        return None


def parse_settings(text: str, *, source: str = "access.yaml") -> AccessSettings:
    """Reads `access.yaml`.

    Raises:
        PolicyError: If it is not YAML or does not fit.
    """
    return parse_document(AccessSettings, text, source=source)
