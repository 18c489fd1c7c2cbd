"""What a check is: one question about a case, answered with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from auditkit.canonical import Json
from auditkit.errors import PolicyError
from auditkit.evidence import Evidence, Outcome
from auditkit.parameters import Declared
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
        parameters: Every parameter, by name; a policy may override them. Given as `Parameter`s,
            with type, range and default, or as a plain default, which says the type alone. Read as
            a mapping they are the defaults.
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

    def __post_init__(self) -> None:
        """Lays the parameters out as declarations."""
        if not isinstance(self.parameters, Declared):
            object.__setattr__(self, "parameters", Declared(self.parameters))

    @property
    def declared(self) -> Declared:
        """The parameters with their types and ranges."""
        assert isinstance(self.parameters, Declared)
        return self.parameters

    def parameters_with(self, overrides: Mapping[str, Json]) -> dict[str, Any]:
        """The defaults with a policy's overrides.

        Raises:
            PolicyError: If the policy names a parameter that the check does not have, or gives
                one a value of another type or out of its range.
        """
        chosen = dict(self.parameters)
        for name, value in overrides.items():
            if name not in self.parameters:
                raise PolicyError(
                    f"The check {self.id} has no parameter {name!r}.",
                    remedy=f"its parameters: {', '.join(self.parameters) or 'none'}",
                )
            chosen[name] = self.declared.read(name, value, of=self.id, error=PolicyError)
        return chosen

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
