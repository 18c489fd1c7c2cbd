"""Judges requests: decides by the policy, checks approvals and evidence, logs, and admits.

Laws:
    - Nothing takes effect before its decision is in the log; without a log, nothing takes effect.
    - One request is judged by one policy only, even if another comes into force meanwhile.
    - Any error is a refusal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditkit.access.kept.source import PolicyInForce
from auditkit.access.login.authentication import Caller
from auditkit.access.policy.control import AccessControl, AccessDecision
from auditkit.access.policy.vocabulary import model_object, segment
from auditkit.access.record.approvals import DECISION, FAILED, POLICY
from auditkit.access.record.log import Recorder
from auditkit.canonical import Json
from auditkit.errors import AuditkitError, LedgerError
from auditkit.mlflow_guard.guard.authority import Authority
from auditkit.mlflow_guard.guard.locations import refuse_taken
from auditkit.mlflow_guard.guard.logged_request import LoggedRequest
from auditkit.mlflow_guard.guard.promotions import Admitted, Entries, Promotions
from auditkit.mlflow_guard.guard.serving import Alert
from auditkit.mlflow_guard.requests.plan import RequestPlan
from auditkit.mlflow_guard.upstream.refusals import RefusedError, denied, unavailable, unlogged
from auditkit.mlflow_guard.upstream.stores import Stores


@dataclass(frozen=True, kw_only=True)
class Admission:
    """An admitted request.

    Attributes:
        id: The request's id in the log.
        caller: Who asked.
        plan: What it does.
        access: The policy it was judged by.
        domain: The workspace.
        on_success: What to log after it succeeded: kinds and payloads.
        claim: The log's id of the move that it began; empty: none.
        logged: Its entry in the log.
    """

    id: str
    caller: Caller
    plan: RequestPlan
    access: AccessControl
    domain: str
    on_success: Entries = ()
    claim: str = ""
    logged: LoggedRequest

    @property
    def authority(self) -> Authority:
        """The caller, under the policy it was judged by."""
        return Authority(self.caller, self.access)


LATEST: Final = "model:latest"


class Gate:
    """Judges requests.

    Args:
        policy: The policy in force.
        recorder: Writes to the log.
        stores: Reads MLflow's stores.
        clock: The time, UTC.
        alert: Is told of a copy of approved files that was changed; None: nobody is.
    """

    def __init__(
        self,
        policy: PolicyInForce,
        recorder: Recorder,
        stores: Stores,
        *,
        clock: Callable[[], datetime],
        alert: Alert | None = None,
    ) -> None:
        self.policy = policy
        self.recorder = recorder
        self.stores = stores
        self.clock = clock
        self.promotions = Promotions(recorder, stores, clock=clock, alert=alert)

    def admit(
        self, caller: Caller, plan: RequestPlan, *, endpoint: str, domain: str, method: str
    ) -> Admission:
        """Admits a request or refuses it; either is in the log when this returns.

        Raises:
            RefusedError: If it is refused.
        """
        access = self._policy()
        authority = Authority(caller, access)
        try:
            owning = [self.promotions.roles_of_owner(authority, n, domain) for n in plan.needs]
        except LedgerError as error:
            raise unlogged() from error
        decisions = [
            authority.decide(n.verb, n.object, domain, subtree=n.subtree, roles=roles)
            for n, roles in zip(plan.needs, owning, strict=True)
        ]
        refusal = self._refusal(authority, plan, decisions)
        if refusal is None and plan.latest_of:
            refusal = self._latest_refusal(authority, plan.latest_of, decisions, domain)
        held = Admitted()
        if refusal is None and plan.is_held:
            try:
                refuse_taken(plan)
                held = self.promotions.hold(authority, plan, domain)
            except RefusedError as error:
                refusal = error
            except LedgerError as error:
                raise unlogged() from error
        number = secrets.token_hex(8)
        entry = LoggedRequest(
            request=number,
            time=self.clock(),
            **_who(caller),
            groups=authority.groups(domain) or None,
            endpoint=endpoint,
            method=method,
            domain=domain,
            policy_digest=str(access.policy_digest),
            allowed=refusal is None,
            reason=refusal.message if refusal else "",
            decisions=tuple(decision.part for decision in decisions),
            writes=tuple(plan.writes) or None,
        )
        try:
            if not plan.mutates:
                self.promotions.catch_up()  # it is served what was approved by now
            if refusal or plan.mutates:
                index = self.recorder.now(DECISION, entry.to_json())
                if (plan.writes or plan.changes) and not refusal:
                    self._refuse_overtaken(access, plan, domain, entry, index)
            else:
                self.recorder.soon(entry.to_json())
        except LedgerError as error:
            raise unlogged() from error
        if refusal is not None:
            raise refusal
        return Admission(
            id=number,
            caller=caller,
            plan=plan,
            access=access,
            domain=domain,
            on_success=held.on_success,
            claim=held.claim,
            logged=entry,
        )

    def finish(
        self, admission: Admission, status: int, made: tuple[str, dict[str, Json]] | None = None
    ) -> None:
        """Logs how an admitted request ended.

        Args:
            admission: What `admit` returned.
            status: The HTTP status that was answered.
            made: The model, version or run that it made: the kind of its entry, and its name.
        """
        user = segment(admission.caller.user)
        succeeded = 200 <= status < 300
        try:
            if succeeded:
                for kind, payload in admission.on_success:
                    self.recorder.now(kind, payload)
                if made is not None:
                    kind, thing = made
                    self.recorder.now(kind, {**thing, "user": user, "domain": admission.domain})
            elif admission.claim:
                self.recorder.now(FAILED, {"claim": admission.claim, "status": status})
            if admission.plan.mutates:
                self.recorder.soon({"outcome_of": admission.id, "status": status})
        except LedgerError as error:
            raise unlogged() from error

    def take_back(self, logged: LoggedRequest, error: RefusedError) -> None:
        """Logs that a request was denied after its admission was logged.

        Args:
            logged: Its entry in the log.
            error: Why.

        Raises:
            LedgerError: If it cannot be logged.
        """
        taken_back = replace(logged, allowed=False, reason=error.message)
        self.recorder.now(DECISION, taken_back.to_json())

    def finishes_at_once(self, admission: Admission) -> bool:
        """Whether `finish` never waits: it hands at most one line to the log's queue."""
        return not (admission.on_success or admission.claim) and self.recorder.ready

    def refuse_unjudged(
        self, caller: Caller, error: RefusedError, *, endpoint: str, domain: str, method: str
    ) -> RefusedError:
        """Logs the refusal of a request whose effect cannot be determined.

        Returns:
            The error to raise: the refusal, or that it could not be logged.
        """
        entry = LoggedRequest(
            request=secrets.token_hex(8),
            time=self.clock(),
            **_who(caller),
            endpoint=endpoint,
            method=method,
            domain=domain,
            allowed=False,
            reason=error.message,
        )
        try:
            self.recorder.now(DECISION, entry.to_json())
        except LedgerError:
            return unlogged()
        return error

    def failed_login(self, endpoint: str, reason: str = "nobody was named") -> None:
        """Logs a request without a user, within a second: a flood of them need not be durable."""
        entry = LoggedRequest(
            time=self.clock(), user="", endpoint=endpoint, allowed=False, reason=reason
        )
        try:
            self.recorder.soon(entry.to_json())
        except LedgerError as error:
            raise unlogged() from error

    def denied_elsewhere(self, user: str, endpoint: str, method: str) -> None:
        """Logs a denial by MLflow's own permissions, in composed mode."""
        entry = LoggedRequest(
            time=self.clock(),
            user=segment(user) if user else "",
            authenticated="mlflow" if user else "",
            endpoint=endpoint,
            method=method,
            allowed=False,
            reason="denied by MLflow's own permissions",
        )
        try:
            if user:
                self.recorder.now(DECISION, entry.to_json())
            else:
                self.recorder.soon(entry.to_json())
        except LedgerError as error:
            raise unlogged() from error

    def refuse_unasked(self, what: str, error: RefusedError) -> None:
        """Logs that the server was kept from doing something that no request asked for.

        Raises:
            LedgerError: If it cannot be logged.
        """
        entry = LoggedRequest(
            time=self.clock(), user="", endpoint=what, allowed=False, reason=error.message
        )
        self.recorder.now(DECISION, entry.to_json())

    def decide(
        self, admission: Admission, verb: str, obj: str, *, domain: str | None = None
    ) -> AccessDecision:
        """A further decision for an admitted request, which is not logged: what to show.

        Args:
            admission: The admitted request.
            verb: The verb.
            obj: The object.
            domain: The workspace; the request's unless given.
        """
        return admission.authority.decide(verb, obj, domain or admission.domain)

    def visible(self, admission: Admission, name: str) -> bool:
        """Whether a list may show a model to the caller."""
        return self.decide(admission, "model:read", model_object(name)).allowed

    def sees_all(self, admission: Admission) -> bool:
        """Whether the caller may read every model, so that lists need no filter."""
        where = admission.domain
        return admission.authority.decide("model:read", "models", where, subtree=True).allowed

    def refuse_unready(self) -> None:
        """Refuses, as every request would be, while no policy is in force or nothing can be logged.

        Raises:
            RefusedError: If so.
        """
        self._policy()
        if not self.recorder.ready:
            raise unlogged()

    def _policy(self) -> AccessControl:
        try:
            access, _ = self.policy.current()
            if self.promotions.policy != str(access.policy_digest):
                access = self._activated()
        except LedgerError as error:
            raise unlogged() from error
        except RefusedError:
            raise
        except AuditkitError as error:
            raise unavailable("the access policy cannot be read") from error
        return access

    def _activated(self) -> AccessControl:
        """Logs that a policy has come into force, and settles unfinished moves."""
        with self.promotions.lock:
            access, seal = self.policy.current(wait=True)
            book = self.promotions.book()
            if book.policy != str(access.policy_digest):
                if book.policy_approved and seal.time < book.policy_approved:
                    raise unavailable(
                        "the access policy is older than the one that was in force; it has to be "
                        "approved again"
                    )
                payload: dict[str, Json] = {"policy_digest": str(access.policy_digest)}
                self.recorder.now(POLICY, {**payload, **seal.to_json()})
            self.promotions.settle()
            return access

    def _refuse_overtaken(
        self,
        access: AccessControl,
        plan: RequestPlan,
        domain: str,
        entry: LoggedRequest,
        index: int,
    ) -> None:
        """Takes a change back, before it begins, if what it changes was approved before its entry.

        This worker may not have read an approval that another worker logged. An approval that comes
        after the entry sees it, and is itself refused.
        """
        try:
            self.promotions.refuse_pinned(access, plan, domain, until=index)
        except RefusedError as error:
            self.take_back(entry, error)
            raise

    def _latest_refusal(
        self, authority: Authority, model: str, decisions: list[AccessDecision], domain: str
    ) -> RefusedError | None:
        """Why not to tell which version of a model with a protected alias is the latest."""
        if not self.promotions.has_protected_alias(authority.access, model):
            return None
        decision = authority.decide(LATEST, model_object(model), domain)
        decisions.append(decision)
        if decision.allowed:
            return None
        return RefusedError(
            409,
            "INVALID_STATE",
            f"{model} has a protected alias, and its latest version may not be approved: load it "
            f"by the alias, models:/NAME@ALIAS, or by a version's number ({authority.user} may not "
            f"{LATEST} on {decision.object}: {decision.reason})",
        )

    def _refusal(
        self, authority: Authority, plan: RequestPlan, decisions: list[AccessDecision]
    ) -> RefusedError | None:
        digest = authority.access.policy_digest
        for decision in decisions:
            if not decision.allowed:
                message = (
                    f"{authority.user} may not {decision.verb} on {decision.object}: "
                    f"{decision.reason} (policy {digest.short})"
                )
                if plan.promotes and decision.verb == "model:promote":
                    verb, obj, domain = "model:request", decision.object, decision.domain
                    if authority.decide(verb, obj, domain).allowed:
                        message += f". {plan.promotes.to_ask}"
                return denied(message)
        if not decisions:
            return denied("this endpoint is not classified")
        if plan.refusal:
            return RefusedError(400, "INVALID_PARAMETER_VALUE", plan.refusal)
        return None


def _who(caller: Caller) -> dict[str, Any]:
    """The fields of a log entry that say who asked, and how that is known."""
    found: dict[str, Any] = {"user": segment(caller.user), "authenticated": caller.method}
    if caller.token is not None:
        found |= {"token": caller.token.id, "only": (caller.token.role, caller.token.domain)}
    return found
