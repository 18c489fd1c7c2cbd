"""One request in full: its version beside the one that stands now, and what is still missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import folded, model_object
from auditkit.access.record.approvals import PromotionState
from auditkit.access.record.moves import PromotionRequest, Target
from auditkit.access.record.verdicts import LoggedVerdict, missing_evidence
from auditkit.errors import AuditkitError, LedgerError
from auditkit.mlflow_guard.guard.actions import approval_refusal
from auditkit.mlflow_guard.guard.promotions import target_object
from auditkit.mlflow_guard.page.reading import Reader, RequestRow
from auditkit.mlflow_guard.requests.experiments import experiment_object
from auditkit.mlflow_guard.upstream.refusals import RefusedError
from auditkit.mlflow_guard.upstream.versions import VersionFacts, places, version_facts
from auditkit.registry.digest import ArtifactFile, digest_of_files

MAX_FILES: Final = 500
MAX_MEASURES: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two versions.

    Attributes:
        version: Its number; empty: none stands there now.
        facts: What MLflow has of it; None if there is no such version.
        digest: Digest of its files, `sha256:...`; empty if unknown.
        metrics: Its run's metrics; None if the caller may not see them.
        verdicts: The last verdict of the gate on its files, by audit policy.
    """

    version: str
    facts: VersionFacts | None
    digest: str
    metrics: Mapping[str, float] | None
    verdicts: Mapping[str, LoggedVerdict]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One number of both versions.

    Attributes:
        name: Its name.
        asked: That of the requested version; None: it has none.
        stands: That of the version that stands now; None: it has none.
        outcome: The outcome of the rule that the requested version's decided; empty: none did.
    """

    name: str
    asked: float | None
    stands: float | None
    outcome: str = ""

    @property
    def difference(self) -> float | None:
        """The requested version's less the other's; None if one of them is missing."""
        if self.asked is None or self.stands is None:
            return None
        found = self.asked - self.stands
        return found if math.isfinite(found) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """Something that a move needs.

    Attributes:
        name: What it is.
        met: Whether it is there.
        says: The present state, in words.
    """

    name: str
    met: bool
    says: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestSight:
    """A request in full.

    Attributes:
        row: The request.
        asked: The version that it is for.
        stands: The version that stands there now.
        files: The version's files; None if they are not shown.
        files_note: Why they are not shown, or not all.
        metrics: The metrics of both.
        verdicts: For each audit policy: its name, and the verdicts on both.
        requirements: What the move needs.
        makers: Who made the version.
        approve_refusal: Why the caller may not approve it; empty if they may.
        reject_refusal: Why the caller may not reject it; empty if they may.
    """

    row: RequestRow
    asked: Side
    stands: Side
    files: Sequence[ArtifactFile] | None
    files_note: str
    metrics: Sequence[Compared]
    verdicts: Sequence[tuple[str, LoggedVerdict | None, LoggedVerdict | None]]
    requirements: Sequence[Requirement]
    makers: Sequence[str]
    approve_refusal: str
    reject_refusal: str


def request_sight(reader: Reader, number: str) -> RequestSight:
    """A request in full.

    Args:
        reader: Reads for the caller.
        number: An id of a request in the caller's workspace.

    Raises:
        LedgerError: If the log cannot be read.
    """
    gate = reader.gate
    promotions = gate.promotions
    with promotions.lock:
        row = reader.row(promotions.book().requests[number])
    request, target = row.request, row.request.target
    # Files may be large: they are read before the lock is taken.
    files, note = _files(reader, target)
    now = str(digest_of_files(tuple(files))) if files is not None else ""
    makers = _makers(reader, request)
    with promotions.lock:
        book = promotions.book()
        promotion = promotions.required(reader.admission.access, target)
        facts = {"artifact_digest": now or request.artifact_digest, "made_by": makers}
        refusal = approval_refusal(gate, reader.admission, request, facts)
        asked = _side(reader, book, target, target.version, now or request.artifact_digest)
        standing = _standing(target)
        stands = _side(reader, book, target, standing, _digest_of(book, target, standing))
        needs = _requirements(book, row, promotion, now, gate.clock())
    ruled = gate.decide(reader.admission, "model:approve", target_object(target))
    by_rule = "" if ruled.allowed else f"you may not answer it: {ruled.reason}"
    ended = f"it is {request.state()} already" if request.claimed_by or request.rejected_by else ""
    policies = sorted({*asked.verdicts, *stands.verdicts})
    return RequestSight(
        row=row,
        asked=asked,
        stands=stands,
        files=files[:MAX_FILES] if files is not None else None,
        files_note=note,
        metrics=_compared(asked.metrics or {}, stands.metrics or {}),
        verdicts=[(p, asked.verdicts.get(p), stands.verdicts.get(p)) for p in policies],
        requirements=needs,
        makers=makers,
        approve_refusal=by_rule or (refusal.message if refusal is not None else ""),
        reject_refusal=by_rule or ended,
    )


def measures(asked: LoggedVerdict | None, stands: LoggedVerdict | None) -> list[Compared]:
    """What the gate measured on both, as far as the log holds it."""
    figures = {f.id: f for verdict in (stands, asked) if verdict for f in verdict.figures}
    of_asked = {f.id: f for f in asked.figures} if asked else {}
    of_stands = {f.id: f for f in stands.figures} if stands else {}
    titles = Counter(figure.title for figure in figures.values())
    # What decided a rule comes first, under the rule's title.
    ordered = sorted(figures.values(), key=lambda figure: (not figure.outcome, figure.id))
    return [
        Compared(
            name=figure.title if titles[figure.title] == 1 else f"{figure.title} ({figure.id})",
            asked=of_asked[figure.id].value if figure.id in of_asked else None,
            stands=of_stands[figure.id].value if figure.id in of_stands else None,
            outcome=of_asked[figure.id].outcome if figure.id in of_asked else "",
        )
        for figure in ordered[:MAX_MEASURES]
    ]


def _verdicts(book: PromotionState, target: Target, digest: str) -> dict[str, LoggedVerdict]:
    """The last verdict on some files under each audit policy."""
    found = [v for v in book.verdicts_on(target) if digest and v.artifact_digest == digest]
    return {verdict.policy: verdict for verdict in sorted(found, key=lambda v: v.made)}


def _compared(asked: Mapping[str, float], stands: Mapping[str, float]) -> list[Compared]:
    names = sorted({*asked, *stands})[:MAX_MEASURES]
    return [Compared(name=n, asked=asked.get(n), stands=stands.get(n)) for n in names]


def _files(reader: Reader, target: Target) -> tuple[Sequence[ArtifactFile] | None, str]:
    decision = reader.gate.decide(reader.admission, "model:download", model_object(target.model))
    if not decision.allowed:
        return None, f"You may not see the files: {decision.reason}."
    try:
        files = reader.gate.stores.version_files(target.model, target.version)
    except LedgerError:
        raise
    except AuditkitError as error:
        return None, error.message
    except Exception:  # noqa: BLE001 - whatever the store answers, the rest of the page is shown
        return None, "The version or its files cannot be found."
    left = len(files) - MAX_FILES
    return files, f"{left} more are not listed." if left > 0 else ""


def _makers(reader: Reader, request: PromotionRequest) -> list[str]:
    try:
        now = reader.gate.promotions.makers(request.target)
    except (LedgerError, RefusedError):
        raise
    except Exception:  # noqa: BLE001 - the version is gone; who made it is in the request
        now = []
    return sorted({*now, *request.made_by})


def _side(reader: Reader, book: PromotionState, target: Target, version: str, digest: str) -> Side:
    facts = version_facts(target.model, version) if version else None
    shown = facts is not None and (
        not facts.experiment or reader.may("experiment:read", experiment_object(facts.experiment))
    )
    return Side(
        version=version,
        facts=facts,
        digest=digest,
        metrics=facts.metrics if facts is not None and shown else None,
        verdicts=_verdicts(book, target, digest),
    )


def _standing(target: Target) -> str:
    found = places(target.model, target.kind)
    return next((v for name, v in found.items() if folded(name) == target.name), "")


def _digest_of(book: PromotionState, target: Target, version: str) -> str:
    """Digest of the files of the version that stands there, as of its move; empty if unknown."""
    last = next((m for m in reversed(book.moves) if m.target.place == target.place), None)
    return last.artifact_digest if last is not None and last.target.version == version else ""


def _requirements(
    book: PromotionState, row: RequestRow, promotion: Promotion | None, files: str, now: datetime
) -> list[Requirement]:
    """What the move needs besides a rule; empty if it needs no more."""
    if promotion is None:
        return []
    request, given = row.request, len(row.request.approvals)
    same = files == request.artifact_digest
    says = "They are those of the request." if same else "They are not those of the request."
    found = [
        Requirement(
            name="Approvals by others", met=given >= row.needed, says=f"{given} of {row.needed}"
        ),
        Requirement(
            name="Unchanged files", met=same, says=says if files else "They could not be compared."
        ),
    ]
    if promotion.evidence is not None:
        lack = missing_evidence(
            book.verdicts_on(request.target), promotion.evidence, request.artifact_digest, now
        )
        passed = f"Passed under {promotion.evidence.policy!r}."
        found.append(
            Requirement(
                name="A passed gate on these files",
                met=lack is None,
                says=passed if lack is None else f"{lack[0].upper()}{lack[1:]}.",
            )
        )
    return found
