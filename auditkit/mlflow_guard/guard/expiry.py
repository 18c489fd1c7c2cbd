"""What happens by the passing of time: requests expire, and reviews of break-glass are overdue.

A move that another server began and never ended, since it was killed, is settled as well.

Each is an entry of the log, so that what follows from it, and who is told, follows from the log.
Of two that two servers write, the first counts.
"""

from __future__ import annotations

from datetime import timedelta

from auditkit.access.record.approvals import EXPIRED, OVERDUE
from auditkit.mlflow_guard.guard.gate import Gate


def log_expiries(gate: Gate) -> None:
    """Logs each request that expired unused, and each break-glass that nobody reviewed in time.

    Settles each move that was begun more than a minute ago and not ended.

    Raises:
        AuditkitError: If the policy or the log cannot be read, or the log not be written.
    """
    access, _ = gate.policy.current()
    now = gate.clock()
    with gate.promotions.lock:
        book = gate.promotions.book()
        for request in book.requests.values():
            promotion = gate.promotions.required(access, request.target)
            if (
                not request.is_over
                and promotion is not None
                and now - request.asked > timedelta(hours=promotion.valid_hours)
            ):
                gate.recorder.now(EXPIRED, {"request": request.id})
        for emergency in book.emergencies.values():
            if (
                not emergency.reviewed_by
                and emergency.overdue is None
                and now > emergency.review_by
            ):
                gate.recorder.now(OVERDUE, {"id": emergency.id})
        gate.promotions.book()
    gate.promotions.settle(overdue=True)
