"""Converts estimates to measurements."""

from __future__ import annotations

from auditkit.evidence import Measurement
from auditkit.measures.groups.membership import Group
from auditkit.measures.numbers.intervals import Estimate


def measured(
    name: str,
    estimate: Estimate,
    *,
    unit: str = "proportion",
    group: Group = (),
    compared_with: Group = (),
) -> Measurement:
    """An estimate as a measurement."""
    return Measurement(
        name=name,
        value=estimate.value,
        n=estimate.n,
        unit=unit,
        lower=estimate.lower,
        upper=estimate.upper,
        level=estimate.level,
        method=estimate.method,
        group=group,
        compared_with=compared_with,
        reason=estimate.reason,
    )
