"""What a check is: one question about a case, answered with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditkit.canonical import Json
from auditkit.errors import PolicyError
from auditkit.evidence import Evidence, Outcome
from auditkit.subject import Case

Parameters = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. It measures; it sets no threshold.

    Attributes:
        id: `area.name`, as "fairness.selection_rates".
        version: Changes when the meaning of a number changes.
        title: A section's heading.
        area: As `Evidence.area`.
        measures: What it measures, in one or two sentences; `auditkit checks` prints it.
        misleads: When its numbers mislead.
        source: Where its measures are defined.
        parameters: Every parameter with its default; a policy may override them.
        run: The check itself; a pure function.
    """

    id: str
    version: str
    title: str
    area: str
    measures: str
    misleads: str
    source: str
    run: Callable[[Case, Parameters], Evidence]
    parameters: Parameters = field(default_factory=dict)

    def parameters_with(self, overrides: Mapping[str, Json]) -> dict[str, Any]:
        """The defaults with a policy's overrides.

        Raises:
            PolicyError: If the policy names a parameter that the check does not have.
        """
        for name in overrides:
            if name not in self.parameters:
                raise PolicyError(
                    f"The check {self.id} has no parameter {name!r}.",
                    remedy=f"its parameters: {', '.join(self.parameters) or 'none'}",
                )
        return {**self.parameters, **overrides}

    def evidence(
        self,
        *,
        outcome: Outcome = Outcome.PASS,
        reason: str = "",
        parameters: Mapping[str, Json],
        **content: Any,
    ) -> Evidence:
        """Evidence that carries this check's id, version, title and area."""
        return Evidence(
            check=self.id,
            version=self.version,
            title=self.title,
            area=self.area,
            outcome=outcome,
            reason=reason,
            parameters=parameters,
            **content,
        )
