"""Which features stand in for a protected attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.checks._check import Check, Parameters
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.measures.attribution.proxies import separation
from auditkit.measures.groups.membership import UNKNOWN
from auditkit.parameters import COUNT, LEVEL

if TYPE_CHECKING:
    from auditkit.subject import Case


def _run(case: Case, parameters: Parameters) -> Evidence:
    if not case.groups:
        return CHECK.evidence(
            outcome=Outcome.NOT_ASSESSED,
            reason="no protected attribute was given",
            parameters=parameters,
        )
    measurements = tuple(
        _proxy(case, feature, attribute, group, parameters)
        for attribute in case.groups
        for group in _to_tell(case.groups[attribute].tolist())
        for feature in case.features.columns
    )
    return CHECK.evidence(
        parameters={**parameters, "seed": case.seed},
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
    level, at_least = float(parameters["level"]), int(parameters["at_least"])
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


CHECK: Check = Check(
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
    parameters={"level": LEVEL, "at_least": COUNT.of(10)},
    run=_run,
)
