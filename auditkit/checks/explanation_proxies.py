"""Which features stand in for a protected attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.checks.check import Check, NotAssessed, Result
from auditkit.evidence import Measurement, Term
from auditkit.measures.attribution.proxies import FeatureOrder, Separation
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
    told = [
        (attribute, group, groups == group, groups != UNKNOWN)
        for attribute, groups in case.groups.items()
        for group in _to_tell(groups.tolist())
    ]

    def of_feature(feature: str) -> list[Measurement]:
        order = FeatureOrder(case.features[feature], seed=case.seed)
        return [
            _proxy(
                order.separation(
                    member, known, level=parameters.level, at_least=parameters.at_least
                ),
                (("feature", feature), (attribute, group)),
                parameters,
            )
            for attribute, group, member, known in told
        ]

    # Feature by feature, since each is sorted once; listed group by group.
    by_feature = [of_feature(feature) for feature in case.features.columns]
    measurements = tuple(m for of_group in zip(*by_feature, strict=True) for m in of_group)
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
    found: Separation, group: tuple[tuple[str, str], ...], parameters: Parameters
) -> Measurement:
    content: dict[str, Any] = {
        "level": parameters.level,
        "lower": found.lower,
        "upper": found.upper,
    }
    if found.auc is None:
        content = {"reason": f"fewer than {parameters.at_least} members, or others, have a value"}
    return Measurement(
        name="proxy_auc",
        value=found.auc,
        n=found.members + found.others,
        unit="AUC",
        method="area under the ROC curve, at least 0.5; DeLong",
        group=group,
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
