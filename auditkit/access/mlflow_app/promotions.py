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
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from auditkit.access.approvals import CLAIMED, DEMOTED, DONE, FAILED, Book, Target
from auditkit.access.control import AccessControl
from auditkit.access.log import Recorder
from auditkit.access.mlflow_app.internals import Stores
from auditkit.access.mlflow_app.plan import Plan
from auditkit.access.mlflow_app.refusals import RefusedError, denied
from auditkit.access.settings import Promotion
from auditkit.access.verdicts import missing_evidence
from auditkit.access.vocabulary import alias_object, folded, segment, stage_object
from auditkit.canonical import Json

# No request takes so long from its claim to its effect.
_MOVE_SECONDS: Final = timedelta(seconds=60)

Entries = tuple[tuple[str, dict[str, Json]], ...]


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
        self._book = Book()
        self._adopted: set[str] | None = None

    @property
    def policy(self) -> str:
        """The digest of the policy that the log, as far as it was read, says is in force."""
        return self._book.policy

    def book(self) -> Book:
        """What the log amounts to, up to now. Hold `lock` while reading it."""
        self._book.read(self.recorder.log.entries(begin=self._book.next_index))
        return self._book

    def required(self, access: AccessControl, target: Target) -> Promotion | None:
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

    def hold(self, user: str, access: AccessControl, plan: Plan) -> tuple[Entries, str]:
        """Holds a request that the rules allow to what else it takes.

        Args:
            user: Who asks.
            access: The policy it is judged by.
            plan: What it would do.

        Returns:
            What to log when it has succeeded, and the claim that it began; empty: none.

        Raises:
            RefusedError: If something is missing.
            LedgerError: If the log cannot be read or written.
        """
        with self.lock:
            for target in plan.brings:
                if self.required(access, target) is not None:
                    raise denied(
                        f"the {target.kind} {target.name} is protected under the new name; take "
                        "it off first, rename, and have it approved there"
                    )
            book = self.book()
            for path in plan.writes:
                self._refuse_pinned(book, access, path)
            then: list[tuple[str, dict[str, Json]]] = [
                (DEMOTED, {**target_json(target), "user": user, "how": "demoted"})
                for target in plan.demotes
                if self.required(access, target) is not None
            ]
            promotion = self.required(access, plan.promotes) if plan.promotes else None
            if plan.promotes is None or promotion is None:
                return tuple(then), ""
            move = self._move(user, access, plan.promotes, promotion)
            claim = self.begin(move)
            return (*then, (DONE, {**move, "claim": claim})), claim

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
            raise RefusedError(409, "RESOURCE_CONFLICT", "the approval was used meanwhile")
        return claim

    def settle(self) -> None:
        """Says of each move that was begun and not reported whether it happened.

        Raises:
            LedgerError: If the log cannot be read or written.
        """
        with self.lock:
            for claim, begun in list(self.book().begun.items()):
                settled: dict[str, Json] = {**begun.move, "claim": claim, "settled": True}
                if self._points_to(begun.target):
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
        self, user: str, access: AccessControl, target: Target, promotion: Promotion
    ) -> dict[str, Json]:
        book, now = self.book(), self.clock()
        facts = self.facts(target)
        policy_digest = str(access.policy_digest)
        move: dict[str, Json] = {
            **target_json(target),
            "user": user,
            "how": "promoted",
            "artifact_digest": facts["artifact_digest"],
            "source": facts["source"],
            "policy_digest": policy_digest,
        }
        emergency = book.emergency(user, target_object(target), now)
        if emergency is not None:
            return {**move, "how": "break-glass", "breakglass": emergency.id}
        if promotion.evidence is not None:
            lack = missing_evidence(
                book.verdicts, promotion.evidence, facts["artifact_digest"], now
            )
            if lack is not None:
                raise denied(
                    f"{lack}. To produce the evidence: auditkit run audit.yaml --ledger LOG "
                    f"(policy {promotion.evidence.policy}, files {facts['artifact_digest']})"
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
        )
        if isinstance(usable, str):
            raise denied(
                f"{target.name} of {target.model} is protected, and {usable}. To ask: auditkit "
                f"registry request {target.model} {target.version} --{target.kind} {target.name}"
            )
        return {**move, "request": usable.id}

    def _refuse_pinned(self, book: Book, access: AccessControl, path: str) -> None:
        if self._adopted is None:
            self._adopted = self.stores.protected_sources(
                lambda model, alias: (
                    access.settings.promotion(model, kind="alias", name=folded(alias)) is not None
                )
            )
        for source in book.pinned_sources() | self._adopted:
            if overlap(path, source):
                raise denied(
                    "these files belong to a version that was approved or promoted; register a "
                    "new version instead"
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
