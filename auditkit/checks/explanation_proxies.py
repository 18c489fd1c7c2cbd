"""Which features stand in for a protected attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks.check import Check, NotAssessed, Result
from auditkit.evidence import Measurement, Term
from auditkit.measures.attribution.proxies import separation
from auditkit.measures.groups.membership import UNKNOWN
from auditkit.parameters import COUNT, LEVEL

if TYPE_CHECKING:
    from auditkit.subject import Case


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a policy may set.

    Attributes:
        level: Nominal coverage of intervals.
        at_least: The fewest members, and others, with a value of the feature.
    """

    level: float = LEVEL.field()
    at_least: int = COUNT.field(10)


def _run(case: Case, parameters: Parameters) -> Result:
    if not case.groups:
        raise NotAssessed("no protected attribute was given")
    measurements = tuple(
        _proxy(case, feature, attribute, group, parameters)
        for attribute in case.groups
        for group in _to_tell(case.groups[attribute].tolist())
        for feature in case.features.columns
    )
    return Result(
        parameters={"seed": case.seed},
        n=len(case.features),
        measurements=measurements,
        notes=(
            "0.5: the feature does not tell members of the group from others; 1: it always does.",
            "Several features together can tell what none of them tells alone.",
        ),
    )


def _to_tell(values: list[str]) -> list[str]:
    """The groups to tell from others; of two, either is told as well as the other."""
    groups = sorted(set(values) - {UNKNOWN})
    return groups if len(groups) > 2 else groups[:1]


def _proxy(
    case: Case, feature: str, attribute: str, group: str, parameters: Parameters
) -> Measurement:
    groups = case.groups[attribute]
    known = groups != UNKNOWN
    level, at_least = parameters.level, parameters.at_least
    found = separation(
        case.features[feature][known],
        np.asarray(groups[known] == group),
        level=level,
        at_least=at_least,
        seed=case.seed,
    )
    content: dict[str, Any] = {"level": level, "lower": found.lower, "upper": found.upper}
    if found.auc is None:
        content = {"reason": f"fewer than {at_least} members, or others, have a value"}
    return Measurement(
        name="proxy_auc",
        value=found.auc,
        n=found.members + found.others,
        unit="AUC",
        method="area under the ROC curve, at least 0.5; DeLong",
        group=(("feature", feature), (attribute, group)),
        **content,
    )


TERMS = {
    "proxy_auc": Term(
        "Proxy strength",
        "Area under the ROC curve of a feature alone telling members of a group from others.",
    ),
}

CHECK = Check(
    id="explanation.proxies",
    version="1",
    title="Features that stand in for a protected attribute",
    area="explanation",
    measures=(
        "For each feature and each group: the area under the ROC curve of the feature alone "
        "telling members of the group from others."
    ),
    misleads=(
        "A feature that tells members at both of its ends, or only together with another, is not "
        "found; a feature that is found need not be used as a proxy."
    ),
    source="DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988)",
    terms=TERMS,
    parameters=Parameters,
    run=_run,
)
