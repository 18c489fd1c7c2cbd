"""What a check is: one question about a case, answered with evidence.

A check is one file: its parameters as a frozen dataclass, a pure function from a case to what was
found, and a `CHECK` that names both, the words for its measures, and when they mislead.

Example:
    @dataclass(frozen=True, kw_only=True)
    class Parameters:
        at_least: int = COUNT.field(10)

    def _run(case: Case, parameters: Parameters) -> Result:
        if case.scores is None:
            raise NotApplicable("decisions were given without scores")
        ...
        return Result(n=..., measurements=...)

    CHECK = Check(id="own.rows", ..., parameters=Parameters, run=_run)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from auditkit.errors import PolicyError
from auditkit.evidence import Evidence, Outcome
from auditkit.parameters import declared
from auditkit.subject import Task

if TYPE_CHECKING:
    from auditkit.canonical import Json
    from auditkit.evidence import Measurement, Table, Term
    from auditkit.parameters import Parameter
    from auditkit.subject import Case

P = TypeVar("P")


class Unmeasured(Exception):  # noqa: N818 - a signal to the runner, which makes evidence of it
    """Raised by a check that measured nothing: `NotAssessed` or `NotApplicable`.

    Args:
        reason: Why, without a full stop; printed in the report.
    """

    outcome: ClassVar[Outcome]

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotAssessed(Unmeasured):
    """Something that the check needs was not given."""

    outcome = Outcome.NOT_ASSESSED


class NotApplicable(Unmeasured):
    """The check's question does not arise in this case."""

    outcome = Outcome.NOT_APPLICABLE


@dataclass(frozen=True, kw_only=True)
class NoParameters:
    """The parameters of a check that has none."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a check found; with the check's name it becomes evidence.

    Attributes:
        n: Number of rows or items examined.
        population: What those are.
        measurements: The numbers.
        tables: The rows behind them.
        notes: How to read it, and how it misleads.
        parameters: What the numbers depend on beside the check's own parameters, as the seed.
    """

    n: int = 0
    population: str = "rows"
    measurements: tuple[Measurement, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Check(Generic[P]):
    """One check. It measures; it sets no threshold.

    Attributes:
        id: `area.name`, for example "fairness.selection_rates".
        version: Changes when the meaning of a number changes.
        title: A section's heading.
        area: As `Evidence.area`.
        measures: What it measures, in one or two sentences; `auditkit checks` prints it.
        misleads: When its numbers mislead.
        source: Where its measures are defined.
        terms: For each measure its words and its definition, which reports print.
        parameters: A frozen dataclass with a default for each parameter, and with a range where
            it is declared by `Parameter.field`; a policy may override them.
        run: The check itself; a pure function. It raises `NotAssessed` or `NotApplicable` where it
            cannot measure.
        tasks: What a model must predict for the question to arise. An audit of another task leaves
            the check out, unless a condition reads it: then it is not applicable.
        compares: Whether the question is about two models. An audit of one leaves the check out,
            unless a condition reads it: then it is not assessed.
    """

    id: str
    version: str
    title: str
    area: str
    measures: str
    misleads: str
    source: str
    run: Callable[[Case, P], Result | Evidence]
    terms: Mapping[str, Term] = field(default_factory=dict)
    parameters: type[P] = NoParameters  # type: ignore[assignment]
    tasks: frozenset[Task] = frozenset(Task)
    compares: bool = False

    def asks(self, case: Case) -> bool:
        """Whether its question arises in a case."""
        return case.task in self.tasks and (case.champion is not None or not self.compares)

    @property
    def declared(self) -> Mapping[str, Parameter]:
        """Every parameter by name, with its type, range and default."""
        return declared(self.parameters)

    def parameters_with(self, overrides: Mapping[str, Any]) -> P:
        """The defaults with a policy's overrides.

        Raises:
            PolicyError: If the policy names a parameter that the check does not have, or gives
                one a value of another type or out of its range.
        """
        known = self.declared
        chosen = {}
        for name, value in overrides.items():
            if name not in known:
                raise PolicyError(
                    f"The check {self.id} has no parameter {name!r}.",
                    remedy=f"its parameters: {', '.join(known) or 'none'}",
                )
            chosen[name] = known[name].read(value, name=f"{name} of {self.id}", error=PolicyError)
        return self.parameters(**chosen)

    def assess(self, case: Case, parameters: P) -> Evidence:
        """Runs the check.

        Args:
            case: What is audited.
            parameters: From `parameters_with`.

        Returns:
            What it found; or evidence that says why it found nothing.

        Raises:
            AuditkitError: What the check raises, as do all other errors.
        """
        own: dict[str, Json] = asdict(parameters)  # type: ignore[call-overload]
        try:
            if case.task not in self.tasks:
                raise NotApplicable(f"the model {case.task.words}")
            found = self.run(case, parameters)
        except Unmeasured as why:
            return self.evidence(outcome=why.outcome, reason=why.reason, parameters=own)
        if not isinstance(found, Result):
            return found
        return self.evidence(
            parameters=own | dict(found.parameters),
            n=found.n,
            population=found.population,
            measurements=found.measurements,
            tables=found.tables,
            notes=found.notes,
        )

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
