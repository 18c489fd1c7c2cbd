"""One request, judged: decided by the policy, held to four eyes and evidence, logged, let through.

Laws:
    - Nothing takes effect before its decision is in the log; without a log, nothing takes effect.
    - One request is judged by one policy, whole, even if another comes into force meanwhile.
    - Whatever goes wrong is a refusal.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditkit.access.approvals import (
    CLAIMED,
    DEMOTED,
    DONE,
    POLICY,
    RUN_MADE,
    VERSION_MADE,
    Book,
    Target,
)
from auditkit.access.authentication import Caller
from auditkit.access.control import AccessControl, Decision, decide_under
from auditkit.access.folder import PolicyFolder
from auditkit.access.log import Recorder
from auditkit.access.mlflow_app.internals import Stores
from auditkit.access.mlflow_app.plan import Plan
from auditkit.access.settings import Promotion
from auditkit.access.verdicts import missing_evidence
from auditkit.access.vocabulary import alias_object, folded, model_object, segment, stage_object
from auditkit.canonical import Json
from auditkit.errors import AuditkitError, LedgerError

DECISION: Final = "access.decision"


class RefusedError(AuditkitError):
    """A request that is not let through.

    Args:
        status: The HTTP status.
        code: MLflow's error code, as "PERMISSION_DENIED".
        message: Why, for the caller.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Admission:
    """A request that was let through.

    Attributes:
        id: Of the request, in the log.
        caller: Who asked.
        plan: What it does.
        access: The policy it was judged by.
        domain: The workspace.
        then: What to log when it has succeeded: kinds and payloads.
    """

    id: str
    caller: Caller
    plan: Plan
    access: AccessControl
    domain: str
    then: tuple[tuple[str, dict[str, Json]], ...] = ()


class Gate:
    """Judges requests.

    Args:
        folder: The policy in force.
        recorder: Writes to the log.
        stores: What the server knows.
        clock: The time, UTC.
    """

    def __init__(
        self,
        folder: PolicyFolder,
        recorder: Recorder,
        stores: Stores,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.folder = folder
        self.recorder = recorder
        self.stores = stores
        self.clock = clock
        self._book = Book()
        self._lock = threading.RLock()
        self._adopted: set[str] | None = None

    def admit(
        self, caller: Caller, plan: Plan, *, endpoint: str, domain: str, method: str
    ) -> Admission:
        """Lets a request through, or refuses it; either is in the log when this returns.

        Raises:
            RefusedError: If it is not let through.
        """
        access = self._policy()
        user = segment(caller.user)
        decisions = [
            decide_under(access.snapshot, user, n.verb, n.object, domain, whole=n.whole)
            for n in plan.needs
        ]
        admission = Admission(
            id=secrets.token_hex(8), caller=caller, plan=plan, access=access, domain=domain
        )
        refusal = self._refusal(access, user, plan, decisions)
        if refusal is None and (plan.promotes or plan.demotes or plan.brings or plan.writes):
            try:
                with self._lock:
                    admission = self._held_to_more(admission)
            except RefusedError as error:
                refusal = error
            except LedgerError as error:
                raise _unlogged() from error
        entry: dict[str, Json] = {
            "request": admission.id,
            "time": self.clock().isoformat(),
            "user": user,
            "authenticated": caller.method,
            "endpoint": endpoint,
            "method": method,
            "domain": domain,
            "policy_digest": str(access.policy_digest),
            "allowed": refusal is None,
            "reason": refusal.message if refusal else "",
            "decisions": [
                {
                    "verb": d.verb,
                    "object": d.object,
                    "allowed": d.allowed,
                    "rule": d.rule,
                }
                for d in decisions
            ],
        }
        try:
            if refusal or plan.mutates:
                self.recorder.now(DECISION, entry)
            else:
                self.recorder.soon(entry)
        except LedgerError as error:
            raise _unlogged() from error
        if refusal is not None:
            raise refusal
        return admission

    def finish(
        self, admission: Admission, status: int, made: dict[str, Json] | None = None
    ) -> None:
        """Logs how an admitted request ended.

        Args:
            admission: What `admit` returned.
            status: The HTTP status that was answered.
            made: What it made, for the log: the version or the run.
        """
        user = segment(admission.caller.user)
        succeeded = 200 <= status < 300
        try:
            if succeeded:
                for kind, payload in admission.then:
                    self.recorder.now(kind, payload)
                if made is not None:
                    kind = VERSION_MADE if "version" in made else RUN_MADE
                    self.recorder.now(kind, {**made, "user": user})
            if admission.plan.mutates:
                self.recorder.soon({"outcome_of": admission.id, "status": status})
        except LedgerError as error:
            raise _unlogged() from error

    def failed_login(self, endpoint: str) -> None:
        """Logs a request without a user, within a second: floods of them are not durable."""
        try:
            self.recorder.soon(
                {
                    "time": self.clock().isoformat(),
                    "user": "",
                    "endpoint": endpoint,
                    "allowed": False,
                    "reason": "nobody was named",
                }
            )
        except LedgerError as error:
            raise _unlogged() from error

    def denied_elsewhere(self, user: str, endpoint: str, method: str) -> None:
        """Logs a denial by MLflow's own permissions, in composed mode."""
        payload: dict[str, Json] = {
            "time": self.clock().isoformat(),
            "user": segment(user) if user else "",
            "authenticated": "mlflow" if user else "",
            "endpoint": endpoint,
            "method": method,
            "allowed": False,
            "reason": "denied by MLflow's own permissions",
        }
        try:
            if user:
                self.recorder.now(DECISION, payload)
            else:
                self.recorder.soon(payload)
        except LedgerError as error:
            raise _unlogged() from error

    def visible(self, admission: Admission, name: str) -> bool:
        """Whether a list may show a model to whoever asked for it."""
        return decide_under(
            admission.access.snapshot,
            segment(admission.caller.user),
            "model:read",
            model_object(name),
            admission.domain,
        ).allowed

    def sees_all(self, admission: Admission) -> bool:
        """Whether a list of models need not be looked through."""
        return decide_under(
            admission.access.snapshot,
            segment(admission.caller.user),
            "model:read",
            "models",
            admission.domain,
            whole=True,
        ).allowed

    def book(self) -> Book:
        """What the log amounts to, up to now. Hold `lock` while reading it."""
        self._book.read(self.recorder.log.entries(begin=self._book.next_index))
        return self._book

    @property
    def lock(self) -> threading.RLock:
        """Held while the book is read or written to."""
        return self._lock

    def promotion_of(self, access: AccessControl, target: Target) -> Promotion | None:
        """What it takes to move an alias or stage; None: a rule is enough."""
        return access.settings.promotion(target.model, kind=target.kind, name=target.name)

    def facts(self, target: Target) -> dict[str, Any]:
        """What an approval of a move is bound to, as it is now.

        Raises:
            RefusedError: If there is no such version, or its files cannot be read.
        """
        try:
            version = self.stores.version(target.model, target.version)
            run = str(version.run_id or "")
            made_by = {
                self._book.creators.get((target.model, target.version), ""),
                self._book.run_owners.get(run, ""),
                segment(self.stores.run_owner(run)) if run else "",
            } - {"", "%empty"}
            return {
                "artifact_digest": str(self.stores.version_digest(target.model, target.version)),
                "source": self.stores.version_source(target.model, target.version),
                "made_by": sorted(made_by),
            }
        except Exception as error:
            raise RefusedError(
                404, "RESOURCE_DOES_NOT_EXIST", "the version or its files cannot be found"
            ) from error

    def _policy(self) -> AccessControl:
        access, seal = self.folder.current()
        digest = str(access.policy_digest)
        if self._book.policy != digest:
            with self._lock:
                if self.book().policy != digest:
                    payload: dict[str, Json] = {"policy_digest": digest, **seal.to_json()}
                    try:
                        self.recorder.now(POLICY, payload)
                    except LedgerError as error:
                        raise _unlogged() from error
                    self.book()
        return access

    def _refusal(
        self, access: AccessControl, user: str, plan: Plan, decisions: list[Decision]
    ) -> RefusedError | None:
        for decision in decisions:
            if not decision.allowed:
                return RefusedError(
                    403,
                    "PERMISSION_DENIED",
                    f"{user} may not {decision.verb} on {decision.object}: {decision.reason} "
                    f"(policy {access.policy_digest.short})",
                )
        if not decisions:
            return RefusedError(403, "PERMISSION_DENIED", "this endpoint is not classified")
        if plan.refusal:
            return RefusedError(400, "INVALID_PARAMETER_VALUE", plan.refusal)
        return None

    def _held_to_more(self, admission: Admission) -> Admission:
        """Four eyes, evidence, and files that stay what they are."""
        plan, access = admission.plan, admission.access
        user = segment(admission.caller.user)
        for target in plan.brings:
            if self.promotion_of(access, target) is not None:
                raise RefusedError(
                    403,
                    "PERMISSION_DENIED",
                    f"the {target.kind} {target.name} is protected under the new name; take it "
                    "off first, rename, and have it approved there",
                )
        book = self.book()
        for path in plan.writes:
            self._refuse_pinned(book, access, path)
        then: list[tuple[str, dict[str, Json]]] = [
            (DEMOTED, {**target_json(target), "user": user, "how": "demoted"})
            for target in plan.demotes
            if self.promotion_of(access, target) is not None
        ]
        if plan.promotes is not None:
            promotion = self.promotion_of(access, plan.promotes)
            if promotion is not None:
                then.append(self._promoted(admission, plan.promotes, promotion))
        return replace(admission, then=tuple(then))

    def _promoted(
        self, admission: Admission, target: Target, promotion: Promotion
    ) -> tuple[str, dict[str, Json]]:
        user, now = segment(admission.caller.user), self.clock()
        book = self.book()
        facts = self.facts(target)
        done: dict[str, Json] = {
            **target_json(target),
            "user": user,
            "how": "promoted",
            "artifact_digest": facts["artifact_digest"],
            "source": facts["source"],
            "policy_digest": str(admission.access.policy_digest),
        }
        emergency = book.emergency(user, target_object(target), now)
        if emergency is not None:
            return DONE, {**done, "how": "break-glass", "breakglass": emergency.id}
        if promotion.evidence is not None:
            lack = missing_evidence(
                book.verdicts, promotion.evidence, facts["artifact_digest"], now
            )
            if lack is not None:
                raise RefusedError(
                    403,
                    "PERMISSION_DENIED",
                    f"{lack}. To produce the evidence: auditkit run audit.yaml --ledger LOG "
                    f"(policy {promotion.evidence.policy}, files {facts['artifact_digest']})",
                )
        if promotion.approvals == 0:
            return DONE, done
        usable = book.usable(
            target,
            promotion,
            promoter=user,
            artifact_digest=facts["artifact_digest"],
            policy_digest=str(admission.access.policy_digest),
            now=now,
        )
        if isinstance(usable, str):
            raise RefusedError(
                403,
                "PERMISSION_DENIED",
                f"{target.name} of {target.model} is protected, and {usable}. To ask: auditkit "
                f"registry request {target.model} {target.version} --{target.kind} {target.name}",
            )
        claim = secrets.token_hex(16)
        self.recorder.now(
            CLAIMED,
            {"request": usable.id, "user": user, "claim": claim, "admission": admission.id},
        )
        if self.book().requests[usable.id].claim != claim:
            raise RefusedError(409, "RESOURCE_CONFLICT", "the approval was used meanwhile")
        return DONE, {**done, "request": usable.id}

    def _refuse_pinned(self, book: Book, access: AccessControl, path: str) -> None:
        if self._adopted is None:
            self._adopted = self.stores.protected_sources(
                lambda model, alias: (
                    access.settings.promotion(model, kind="alias", name=folded(alias)) is not None
                )
            )
        for source in book.pinned_sources() | self._adopted:
            if overlap(path, source):
                raise RefusedError(
                    403,
                    "PERMISSION_DENIED",
                    "these files belong to a version that was approved or promoted; register a "
                    "new version instead",
                )


def overlap(path: str, source: str) -> bool:
    """Whether one of two normalised paths is the other or lies above it, in any case of letters.

    Some artifact stores lie on file systems that do not tell cases apart.
    """
    one, other = f"{path.casefold().strip('/')}/", f"{source.casefold().strip('/')}/"
    return path in ("", ".") or one.startswith(other) or other.startswith(one)


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
    }


def _unlogged() -> RefusedError:
    return RefusedError(
        503, "TEMPORARILY_UNAVAILABLE", "the decision could not be logged, so nothing was done"
    )
