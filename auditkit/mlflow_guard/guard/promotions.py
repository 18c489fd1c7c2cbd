"""The requirements of moving a protected alias or stage, beyond a rule that allows it.

Laws:
    - A move begins with a claim in the log, which names what is moved where, and ends with an
      entry that says it was done or failed. If a server dies between the two, the next one settles
      the move: done if the alias points there, failed if it still does not a minute later.
    - An approval is claimed once; of two claims the first in the log wins.
    - Files of an approved or promoted version are not written to.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.policy.control import AccessControl
from auditkit.access.policy.settings import Promotion
from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN, OWNER, folded, segment
from auditkit.access.record.approvals import (
    CLAIMED,
    DEMOTED,
    DESCRIBED,
    DONE,
    FAILED,
    PromotionState,
)
from auditkit.access.record.approved import logged_model_record, run_record
from auditkit.access.record.log import Recorder
from auditkit.access.record.moves import APPROVE, Target
from auditkit.access.record.owners import RENAMED
from auditkit.access.record.verdicts import RECORD, missing_evidence
from auditkit.canonical import Json
from auditkit.errors import InputError, LedgerError, OutputError, VerificationError
from auditkit.mlflow_guard.guard.authority import Authority
from auditkit.mlflow_guard.guard.serving import Alert, ApprovedReads
from auditkit.mlflow_guard.guard.unchanged import refuse_changes, refuse_elsewhere, unkept
from auditkit.mlflow_guard.requests.plan import RequestPlan, RequiredPermission
from auditkit.mlflow_guard.upstream.internals import in_workspace
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied
from auditkit.mlflow_guard.upstream.stores import Stores

# Longer than any request takes from its claim to its effect.
_MOVE_SECONDS: Final = timedelta(seconds=60)
# How often to look whether a write has ended, and how long to wait between looks.
_WRITE_CHECKS: Final = 10
_WRITE_PAUSE_SECONDS: Final = 0.2

Entries = tuple[tuple[str, dict[str, Json]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """A request that meets the requirements.

    Attributes:
        on_success: What to log after it succeeded: kinds and payloads.
        claim: The log's id of the move that it began; empty: none.
    """

    on_success: Entries = ()
    claim: str = ""


class Promotions:
    """Checks moves: approval by somebody else, evidence, and files that have not changed.

    Args:
        recorder: Writes to the log.
        stores: Reads MLflow's stores.
        clock: The time, UTC.
        alert: Is told of a copy of approved files that was changed; None: nobody is.

    Attributes:
        lock: Held while the state is read or changed.
        approved: What is served for the files of approved and promoted versions.
    """

    def __init__(
        self,
        recorder: Recorder,
        stores: Stores,
        *,
        clock: Callable[[], datetime],
        alert: Alert | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.recorder = recorder
        self.stores = stores
        self.clock = clock
        self.approved = ApprovedReads(stores, recorder, alert=alert)
        self._book = PromotionState()
        self._adopted: dict[tuple[str, str], set[str]] = {}

    @property
    def policy(self) -> str:
        """The digest of the policy in force, according to the log as far as it was read."""
        return self._book.policy

    def book(self) -> PromotionState:
        """The state that follows from the log up to now. Hold `lock` while reading it."""
        self._book.read(self.recorder.entries(self._book.next_index))
        self.approved.follow(self._book)
        return self._book

    def catch_up(self) -> None:
        """Reads the log up to now, so that what was approved by now is served and refused as such.

        Raises:
            LedgerError: If the log cannot be read.
        """
        with self.lock:
            self.book()

    def roles_of_owner(
        self, authority: Authority, need: RequiredPermission, domain: str
    ) -> tuple[str, ...]:
        """`role:owner` if the caller owns what a permission is about, and a rule asks for that.

        Raises:
            LedgerError: If the log cannot be read.
        """
        if not need.owned or need.verb not in authority.access.snapshot.owner_verbs:
            return ()
        with self.lock:
            owns = self.book().owners.owns(authority.user, need.owned, domain)
        return (OWNER,) if owns else ()

    def required(self, access: AccessControl, target: Target) -> Promotion | None:
        """The requirements of moving an alias or stage; None: a rule is enough."""
        return access.settings.promotion(target.model, kind=target.kind, name=target.name)

    def facts(self, target: Target, *, keep: bool = True) -> dict[str, Any]:
        """The current facts that an approval of a move is bound to: files, source and makers.

        Args:
            target: The move.
            keep: Whether to keep a copy of the files, which is served once they are approved.

        Raises:
            RefusedError: If there is no such version, its files cannot be read or kept, or somebody
                writes to them.
            LedgerError: If the log cannot be read.
        """
        try:
            made_by = self.makers(target)
            source = self.stores.version_source(target.model, target.version)
            refuse_elsewhere(source)
            self._wait_for_writes(source)
            digest = self.approved.digest(source)
            if digest is None:
                digest = self.stores.version_digest(target.model, target.version, keep=keep)
            return {
                "artifact_digest": str(digest),
                "source": source,
                "made_by": made_by,
                "made_from": self._made_from(target),
            }
        except (LedgerError, RefusedError):
            raise
        except (OutputError, VerificationError) as error:
            raise unkept(error) from error
        except InputError as error:
            raise RefusedError(409, "INVALID_STATE", error.message.rstrip(".")) from error
        except Exception as error:
            raise RefusedError(
                404, "RESOURCE_DOES_NOT_EXIST", "the version or its files cannot be found"
            ) from error

    def _made_from(self, target: Target) -> list[str]:
        """Names of the runs and logged models that a version's files come from, sorted."""
        runs, models = self.stores.origin(target.model, target.version)
        return sorted({*map(run_record, runs), *map(logged_model_record, models)})

    def makers(self, target: Target) -> list[str]:
        """Who made a version, or owns a run that its files come from, sorted.

        Raises:
            MlflowException: If there is no such version.
            LedgerError: If the log cannot be read.
        """
        runs, versions = self.stores.lineage(target.model, target.version)
        with self.lock:
            book = self.book()
            made_by = {
                user
                for model, version in versions
                for user in book.creators(replace(target, model=model, version=version))
            }
            made_by |= {book.owners.of_runs.get(run, "") for run in runs}
        made_by |= {segment(self.stores.run_owner(run)) for run in runs}
        return sorted(made_by - {"", "%empty"})

    def hold(self, authority: Authority, plan: RequestPlan, domain: str) -> Admitted:
        """Checks the other requirements of a request that the rules allow, and claims its move.

        Args:
            authority: Who asks, under the policy it is judged by.
            plan: What it would do.
            domain: The workspace.

        Raises:
            RefusedError: If something is missing.
            LedgerError: If the log cannot be read or written.
        """
        user, access = authority.user, authority.access
        promotion = self.required(access, plan.promotes) if plan.promotes else None
        # Files may be large: they are read before the lock is taken.
        facts = self.facts(plan.promotes) if plan.promotes and promotion else {}
        with self.lock:
            for target in plan.aliases_moved:
                if self.required(access, target) is not None:
                    raise denied(
                        f"the {target.kind} {target.name} is protected under the new name; remove "
                        "it, rename the model, and have it approved there"
                    )
            self.refuse_pinned(access, plan, domain)
            on_success: list[tuple[str, dict[str, Json]]] = [
                (DEMOTED, {**target_json(target), "user": user, "how": "demoted"})
                for target in plan.demotes
                if self.required(access, target) is not None
            ]
            if plan.renames is not None:
                old, new = plan.renames
                on_success.append((RENAMED, {"model": old, "new_name": new, "domain": domain}))
            if plan.describes is not None:
                model, version = plan.describes
                on_success.append(
                    (
                        DESCRIBED,
                        {"model": model, "version": version, "user": user, "domain": domain},
                    )
                )
            if plan.promotes is None or promotion is None:
                return Admitted(on_success=tuple(on_success))
            move = self.move(authority, plan.promotes, promotion, facts)
            claim = self.begin(move)
        if "request" not in move:
            self._refuse_changed(plan.promotes, move, claim)
        return Admitted(on_success=(*on_success, (DONE, {**move, "claim": claim})), claim=claim)

    def begin(self, move: dict[str, Json]) -> str:
        """Claims a move, durably, before it takes effect.

        Args:
            move: What is moved where, by whom, and the approved request that it uses, if any.

        Raises:
            RefusedError: If the approval was used, or its files are written to, meanwhile.
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
        """Reads the files again: without an approved request they are pinned only by the claim."""
        if self.facts(target)["artifact_digest"] != move["artifact_digest"]:
            self.recorder.now(FAILED, {"claim": claim})
            raise RefusedError(409, "INVALID_STATE", "the version's files have changed meanwhile")

    def settle(self, *, overdue: bool = False) -> None:
        """Logs of each move that was begun and not ended whether it happened.

        Args:
            overdue: Whether to leave those alone that a live server may still be about to end.

        Raises:
            LedgerError: If the log cannot be read or written.
        """
        with self.lock:
            for claim, begun in list(self.book().begun.items()):
                late = self.clock() - begun.time > _MOVE_SECONDS
                if overdue and not late:
                    continue
                settled: dict[str, Json] = {**begun.move, "claim": claim, "settled": True}
                with in_workspace(begun.target.domain):
                    happened = self._points_to(begun.target)
                if happened:
                    self.recorder.now(DONE, settled)
                elif late:
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

    def move(
        self,
        authority: Authority,
        target: Target,
        promotion: Promotion,
        facts: dict[str, Any],
    ) -> dict[str, Json]:
        """What is logged of a promotion that may be made now, with how it was allowed.

        Raises:
            RefusedError: If none of them covers it.
        """
        book, now = self.book(), self.clock()
        user, policy_digest = authority.user, str(authority.access.policy_digest)
        move: dict[str, Json] = {
            **target_json(target),
            "user": user,
            "how": "promoted",
            "artifact_digest": facts["artifact_digest"],
            "source": facts["source"],
            "made_from": facts["made_from"],
            "policy_digest": policy_digest,
        }
        emergency = book.emergency(user, target_object(target), now, domain=target.domain)
        # A person's break-glass is not their account's tokens'.
        if emergency is not None and authority.only is None:
            return {**move, "how": "break-glass", "breakglass": emergency.id}
        if promotion.evidence is not None:
            digest = str(facts["artifact_digest"])
            verdicts = book.verdicts_on(target)
            lack = missing_evidence(verdicts, promotion.evidence, digest, now)
            if lack is not None:
                version = f"models:/{target.model}/{target.version}"
                raise denied(
                    f"{lack}. To have them judged now: auditkit run audit.yaml --record, by "
                    f"somebody who may {RECORD}, with 'model: {version}' in audit.yaml and the "
                    f"policy {promotion.evidence.policy} (files {digest})"
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
            access=authority.access,
        )
        if isinstance(usable, str):
            is_requested = APPROVE in usable  # the text says what the request still needs
            ask = "" if is_requested else f". {_to_ask(authority, target)}"
            raise denied(f"{target.name} of {target.model} is protected, and {usable}{ask}")
        return {**move, "request": usable.id}

    def refuse_pinned(
        self, access: AccessControl, plan: RequestPlan, domain: str, *, until: int = 0
    ) -> None:
        """Refuses to change a version that was approved or promoted, or is moved.

        Its files are not written to, no link leads to them in the storage, and what is recorded of
        it and of the run and the logged model behind it stays as it was approved.

        Args:
            access: The policy it is judged by.
            plan: What it would do.
            domain: The workspace.
            until: The log is read at least up to this entry, excluded.

        Raises:
            RefusedError: If the plan does.
            LedgerError: If the log cannot be read.
        """
        if not (plan.writes or plan.changes or plan.links):
            return
        with self.lock:
            if self._book.next_index < until:
                self._book.read(self.recorder.entries(self._book.next_index, until=until))
                self.approved.follow(self._book)
            pinned: set[str] = set()
            if plan.writes or plan.links:
                pinned = self._book.pinned_sources() | self._adopted_sources(access, domain)
            refuse_changes(plan, frozen=self.approved.record.frozen, pinned=pinned)

    def has_protected(self, access: AccessControl) -> bool:
        """Whether a protected alias of any model of the default workspace points to a version."""
        return bool(self._adopted_sources(access, DEFAULT_DOMAIN))

    def has_protected_alias(self, access: AccessControl, model: str) -> bool:
        """Whether a model has an alias that a policy protects."""
        return any(
            access.settings.promotion(model, kind="alias", name=folded(alias)) is not None
            for alias in self.stores.aliases(model)
        )

    def _adopted_sources(self, access: AccessControl, domain: str) -> set[str]:
        """The files of versions that protected aliases point to under a policy, approved or not."""
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
        """Waits briefly for writes to end: the end of a write is logged within a second."""
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


def _to_ask(authority: Authority, target: Target) -> str:
    verb = "model:request"
    if authority.decide(verb, target_object(target), target.domain).allowed:
        return target.to_ask
    return f"{target.to_ask} (by somebody who may {verb})"


def target_object(target: Target) -> str:
    """The object of a move."""
    return target.object


def target_json(target: Target) -> dict[str, Json]:
    """A move as the log writes it."""
    return {
        "model": target.model,
        "version": target.version,
        "kind": target.kind,
        "name": target.name,
        "domain": target.domain,
    }
