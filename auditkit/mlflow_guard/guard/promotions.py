"""What a move of a protected alias or stage is held to beyond a rule that allows it.

Laws:
    - A move begins with a claim in the log, which names what is moved where, and ends with an
      entry that says it was done or failed. What a server began and did not live to report is
      settled by the next: done if the alias points there, failed if it does not a minute later.
    - An approval is claimed once; of two claims the first in the log wins.
    - Files of what was approved or promoted are not written to.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.policy.control import AccessControl, decide_under
from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import alias_object, folded, segment, stage_object
from auditkit.access.record.approvals import CLAIMED, DEMOTED, DONE, FAILED, RENAMED, PromotionState
from auditkit.access.record.log import Recorder
from auditkit.access.record.moves import APPROVE, Target, overlap
from auditkit.access.record.verdicts import missing_evidence
from auditkit.canonical import Json
from auditkit.errors import InputError, LedgerError
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.upstream.internals import in_workspace
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied
from auditkit.mlflow_guard.upstream.stores import Stores

# No request takes so long from its claim to its effect.
_MOVE_SECONDS: Final = timedelta(seconds=60)
# How often, and how long apart, it is looked whether a write has ended.
_WRITE_CHECKS: Final = 10
_WRITE_PAUSE_SECONDS: Final = 0.2

Entries = tuple[tuple[str, dict[str, Json]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """A request that has what it takes.

    Attributes:
        on_success: What to log when it has succeeded: kinds and payloads.
        claim: The move that it began, in the log; empty: none.
    """

    on_success: Entries = ()
    claim: str = ""


class Promotions:
    """Holds moves to four eyes, evidence, and files that stay what they are.

    Args:
        recorder: Writes to the log.
        stores: What the server knows.
        clock: The time, UTC.

    Attributes:
        lock: Held while the book is read or written to.
    """

    def __init__(
        self, recorder: Recorder, stores: Stores, *, clock: Callable[[], datetime]
    ) -> None:
        self.lock = threading.RLock()
        self.recorder = recorder
        self.stores = stores
        self.clock = clock
        self._book = PromotionState()
        self._adopted: dict[tuple[str, str], set[str]] = {}

    @property
    def policy(self) -> str:
        """The digest of the policy that the log, as far as it was read, says is in force."""
        return self._book.policy

    def book(self) -> PromotionState:
        """What the log amounts to, up to now. Hold `lock` while reading it."""
        self._book.read(self.recorder.entries(self._book.next_index))
        return self._book

    def required(self, access: AccessControl, target: Target) -> Promotion | None:
        """What it takes to move an alias or stage; None: a rule is enough."""
        return access.settings.promotion(target.model, kind=target.kind, name=target.name)

    def facts(self, target: Target) -> dict[str, Any]:
        """What an approval of a move is bound to, as it is now.

        Raises:
            RefusedError: If there is no such version, its files cannot be read, or somebody writes
                to them.
            LedgerError: If the log cannot be read.
        """
        try:
            runs, versions = self.stores.lineage(target.model, target.version)
            with self.lock:
                book = self.book()
                made_by = {
                    user
                    for model, version in versions
                    for user in book.creators(replace(target, model=model, version=version))
                }
                made_by |= {book.run_owners.get(run, "") for run in runs}
            made_by |= {segment(self.stores.run_owner(run)) for run in runs}
            made_by -= {"", "%empty"}
            source = self.stores.version_source(target.model, target.version)
            self._wait_for_writes(source)
            return {
                "artifact_digest": str(self.stores.version_digest(target.model, target.version)),
                "source": source,
                "made_by": sorted(made_by),
            }
        except (LedgerError, RefusedError):
            raise
        except InputError as error:
            raise RefusedError(409, "INVALID_STATE", error.message.rstrip(".")) from error
        except Exception as error:
            raise RefusedError(
                404, "RESOURCE_DOES_NOT_EXIST", "the version or its files cannot be found"
            ) from error

    def hold(self, user: str, access: AccessControl, plan: RequestPlan, domain: str) -> Admitted:
        """Holds a request that the rules allow to what else it takes.

        Args:
            user: Who asks.
            access: The policy it is judged by.
            plan: What it would do.
            domain: The workspace.

        Raises:
            RefusedError: If something is missing.
            LedgerError: If the log cannot be read or written.
        """
        promotion = self.required(access, plan.promotes) if plan.promotes else None
        # Files may be large: they are read before the lock is taken.
        facts = self.facts(plan.promotes) if plan.promotes and promotion else {}
        with self.lock:
            for target in plan.aliases_moved:
                if self.required(access, target) is not None:
                    raise denied(
                        f"the {target.kind} {target.name} is protected under the new name; take "
                        "it off first, rename, and have it approved there"
                    )
            self.refuse_pinned(access, plan, domain)
            then: list[tuple[str, dict[str, Json]]] = [
                (DEMOTED, {**target_json(target), "user": user, "how": "demoted"})
                for target in plan.demotes
                if self.required(access, target) is not None
            ]
            if plan.renames is not None:
                old, new = plan.renames
                then.append((RENAMED, {"model": old, "new_name": new, "domain": domain}))
            if plan.promotes is None or promotion is None:
                return Admitted(on_success=tuple(then))
            move = self._move(user, access, plan.promotes, promotion, facts)
            claim = self.begin(move)
        if "request" not in move:
            self._refuse_changed(plan.promotes, move, claim)
        return Admitted(on_success=(*then, (DONE, {**move, "claim": claim})), claim=claim)

    def begin(self, move: dict[str, Json]) -> str:
        """Claims a move, durably, before it takes effect.

        Args:
            move: What is moved where, by whom, and the approved request that it uses, if any.

        Raises:
            RefusedError: If somebody else has used the approval meanwhile.
        """
        claim = secrets.token_hex(16)
        self.recorder.now(CLAIMED, {**move, "claim": claim})
        if claim not in self.book().begun:
            raise RefusedError(
                409,
                "RESOURCE_CONFLICT",
                "the approval was used meanwhile, or the files are being written to",
            )
        return claim

    def _refuse_changed(self, target: Target, move: dict[str, Json], claim: str) -> None:
        """Reads the files once more: those of an approved request were pinned, these only now."""
        if self.facts(target)["artifact_digest"] != move["artifact_digest"]:
            self.recorder.now(FAILED, {"claim": claim})
            raise RefusedError(409, "INVALID_STATE", "the version's files have changed meanwhile")

    def settle(self) -> None:
        """Says of each move that was begun and not reported whether it happened.

        Raises:
            LedgerError: If the log cannot be read or written.
        """
        with self.lock:
            for claim, begun in list(self.book().begun.items()):
                settled: dict[str, Json] = {**begun.move, "claim": claim, "settled": True}
                with in_workspace(begun.target.domain):
                    happened = self._points_to(begun.target)
                if happened:
                    self.recorder.now(DONE, settled)
                elif self.clock() - begun.time > _MOVE_SECONDS:
                    self.recorder.now(FAILED, settled)
            self.book()

    def _points_to(self, target: Target) -> bool:
        if target.kind == "stage":
            try:
                now = str(self.stores.version(target.model, target.version).current_stage)
            except Exception:  # noqa: BLE001 - a version that is gone is in no stage
                return False
            return folded(now) == target.name
        aliases = self.stores.aliases(target.model, target.version)
        return target.name in {folded(alias) for alias in aliases}

    def _move(
        self,
        user: str,
        access: AccessControl,
        target: Target,
        promotion: Promotion,
        facts: dict[str, Any],
    ) -> dict[str, Json]:
        book, now = self.book(), self.clock()
        policy_digest = str(access.policy_digest)
        move: dict[str, Json] = {
            **target_json(target),
            "user": user,
            "how": "promoted",
            "artifact_digest": facts["artifact_digest"],
            "source": facts["source"],
            "policy_digest": policy_digest,
        }
        emergency = book.emergency(user, target_object(target), now, domain=target.domain)
        if emergency is not None:
            return {**move, "how": "break-glass", "breakglass": emergency.id}
        if promotion.evidence is not None:
            lack = missing_evidence(
                book.verdicts, promotion.evidence, facts["artifact_digest"], now
            )
            if lack is not None:
                raise denied(
                    f"{lack}. To produce the evidence: auditkit run audit.yaml --ledger LOG "
                    f"(policy {promotion.evidence.policy}, files {facts['artifact_digest']}; "
                    "the keys of the log in AUDITKIT_KEYS)"
                )
        if promotion.approvals == 0:
            return move
        usable = book.usable(
            target,
            promotion,
            promoter=user,
            artifact_digest=facts["artifact_digest"],
            policy_digest=policy_digest,
            now=now,
            made_by=facts["made_by"],
        )
        if isinstance(usable, str):
            waits = APPROVE in usable  # Then there is a request, and it says itself what it lacks.
            ask = "" if waits else f". {self._to_ask(user, access, target)}"
            raise denied(f"{target.name} of {target.model} is protected, and {usable}{ask}")
        return {**move, "request": usable.id}

    def _to_ask(self, user: str, access: AccessControl, target: Target) -> str:
        verb, obj = "model:request", target_object(target)
        if decide_under(access.snapshot, user, verb, obj, target.domain).allowed:
            return target.to_ask
        return f"{target.to_ask} (by somebody who may {verb})"

    def refuse_pinned(
        self, access: AccessControl, plan: RequestPlan, domain: str, *, until: int = 0
    ) -> None:
        """Refuses to write to the files of what was approved, is being moved or was promoted.

        Args:
            access: The policy it is judged by.
            plan: What it would do.
            domain: The workspace.
            until: The entry up to which, excluded, the log needs to be read first.

        Raises:
            RefusedError: If the plan does.
            LedgerError: If the log cannot be read.
        """
        if not plan.writes:
            return
        with self.lock:
            if self._book.next_index < until:
                self._book.read(self.recorder.entries(self._book.next_index, until=until))
            pinned = self._book.pinned_sources() | self._adopted_sources(access, domain)
        if any(overlap(path, source) for path in plan.writes for source in pinned):
            raise denied(
                "these files belong to a version that was approved or promoted; register a "
                "new version instead"
            )

    def _adopted_sources(self, access: AccessControl, domain: str) -> set[str]:
        """Files that protected aliases pointed to before auditkit stood in front."""
        place = (str(access.policy_digest), domain)
        if place not in self._adopted:
            with in_workspace(domain):
                self._adopted[place] = self.stores.protected_sources(
                    lambda model, alias: (
                        access.settings.promotion(model, kind="alias", name=folded(alias))
                        is not None
                    )
                )
        return self._adopted[place]

    def _wait_for_writes(self, source: str) -> None:
        """Waits a moment for writes to end: that they have is logged within a second."""
        for _ in range(_WRITE_CHECKS):
            with self.lock:
                writing = self.book().writing(source, self.clock())
            if writing is None:
                return
            time.sleep(_WRITE_PAUSE_SECONDS)
        assert writing is not None
        raise RefusedError(
            409,
            "INVALID_STATE",
            f"{writing.user} is writing to the version's files; try again when that has ended, at "
            f"{writing.ends.isoformat(timespec='minutes')} at the latest",
        )


def target_object(target: Target) -> str:
    """The object of a move."""
    if target.kind == "alias":
        return alias_object(target.model, target.name)
    return stage_object(target.model, target.name)


def target_json(target: Target) -> dict[str, Json]:
    """A move as the log writes it."""
    return {
        "model": target.model,
        "version": target.version,
        "kind": target.kind,
        "name": target.name,
        "domain": target.domain,
    }
