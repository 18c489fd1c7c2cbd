"""The wording of adverse-action letters, which people write, review and are accountable for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Self

from pydantic import model_validator

from auditkit.canonical import Digest, digest_of
from auditkit.documents import Document, Text, parse_document
from auditkit.evidence import Cell


class Creditor(Document):
    """Who answers the applicant.

    Attributes:
        name: The creditor's name.
        address: Its address, in one line.
        telephone: The number for questions; empty: not given.
    """

    name: Text
    address: Text
    telephone: str = ""


class Wording(Document):
    """The wording for one factor that spoke against an application.

    Attributes:
        higher: If it was higher than usual in the reference population.
        lower: If it was lower.
        other: If it was different: for categories, and if the direction means nothing.
    """

    higher: str = ""
    lower: str = ""
    other: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.higher or self.lower or self.other):
            raise ValueError("give wording for at least one of higher, lower, other")
        return self


class LetterTexts(Document):
    """Everything that a letter says and the evidence does not.

    Attributes:
        id: The file's id.
        version: Its version, which changes with the wording.
        reviewed_by: Who reviewed it, with the role; empty: nobody yet.
        reviewed_on: The day of the review; None: not yet.
        creditor: Who answers the applicant.
        subject: The subject line.
        decision: The decision, before the reasons.
        source: How the decision was made.
        notice: The notice that the law requires, with the agency's name and address.
        reasons: The wording for each factor.
    """

    id: Text
    version: Text
    reviewed_by: str = ""
    reviewed_on: date | None = None
    creditor: Creditor
    subject: Text
    decision: Text
    source: Text
    notice: Text
    reasons: Mapping[str, Wording]

    @property
    def reviewed(self) -> bool:
        """Whether it names its reviewer and the day of the review."""
        return bool(self.reviewed_by) and self.reviewed_on is not None

    @property
    def digest(self) -> Digest:
        """The digest of the whole wording."""
        return digest_of("letter-texts/v1", self.model_dump(mode="json"))

    def reason(self, feature: str, value: Cell, reference_value: Cell) -> tuple[str, bool]:
        """The wording of one reason, and whether the file has one for it.

        A factor without wording is "Other" with the factor's name, never the nearest match.

        Args:
            feature: The factor.
            value: The applicant's value.
            reference_value: The usual value in the reference population.
        """
        wording = self.reasons.get(feature)
        if wording is not None:
            direction = _direction(value, reference_value)
            text = getattr(wording, direction) or wording.other
            if text:
                return text, True
        return f"Other: {feature.replace('_', ' ')}", False


def parse_letter_texts(text: str, *, source: str) -> LetterTexts:
    """Reads the wording from YAML.

    Args:
        text: YAML.
        source: The text's name in errors.

    Raises:
        PolicyError: If it is not YAML, has an unknown key, or lacks one.
    """
    return parse_document(LetterTexts, text, source=source)


def _direction(value: Cell, usual: Cell) -> str:
    if isinstance(value, bool) or isinstance(usual, bool):
        return "other"
    if isinstance(value, int | float) and isinstance(usual, int | float) and value != usual:
        return "higher" if value > usual else "lower"
    return "other"
