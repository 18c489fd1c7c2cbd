"""Checks whose measuring was done before the audit, by the step that had the means to do it.

De-identification sees the raw table and access control sees the requests; the audit sees neither.
Each hands over evidence under the id of the check, and the check takes it up, or says that nobody
handed it over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from auditkit.evidence import Evidence, Outcome
from auditkit.subject import Case

if TYPE_CHECKING:
    from auditkit.checks._check import Check, Parameters


def taken_up(check: Callable[[], Check], *, maker: str) -> Callable[[Case, Parameters], Evidence]:
    """A check's `run` that takes up evidence made before the audit.

    Args:
        check: Gives the check that this is the `run` of.
        maker: What makes the evidence, as "auditkit.deid"; named when it is lacking.
    """

    def run(case: Case, parameters: Parameters) -> Evidence:
        this = check()
        made = [e for e in case.evidence if e.check == this.id]
        if len(made) > 1:
            return this.evidence(
                outcome=Outcome.ERROR,
                reason=f"{len(made)} pieces of evidence were handed over, one is wanted",
                parameters=parameters,
            )
        if not made:
            return this.evidence(
                outcome=Outcome.NOT_ASSESSED,
                reason=f"no evidence from {maker} was handed over",
                parameters=parameters,
            )
        return made[0]

    return run
