"""A monitor: takes what a model decided and what came of it, judges it, and tells people.

    m = ak.Monitor.open("monitor.yaml")
    m.baseline(ak.Profile.fit(...))
    m.observe(batch)
    m.labels(frame)
    m.step()
    m.alerts

Laws:
    - What it knows is in the log (`auditkit.watching.monitor.record`). Whatever dies in between,
      the next step goes on where the log ends.
    - When `observe`, `labels` or what a person did returns, it is durable; the same again changes
      nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

from auditkit.errors import AuditkitError, InputError, NothingToAuditError
from auditkit.evidence import Outcome
from auditkit.signing import KeyStore
from auditkit.watching.monitor import (
    batches,
    drilling,
    labelling,
    opening,
    running,
    telling,
)
from auditkit.watching.monitor.challengers import Registry
from auditkit.watching.monitor.known import Known
from auditkit.watching.monitor.labelling import LabelsTaken
from auditkit.watching.monitor.record import challenging, facts, people, plan
from auditkit.watching.monitor.record.judging import importance_of, judged
from auditkit.watching.monitor.record.plan import Step
from auditkit.watching.monitor.record.settings import read_settings
from auditkit.watching.monitor.record.state import State
from auditkit.watching.profile.profile import Profile
from auditkit.watching.profile.window import window_of
from auditkit.watching.validation.validate import validate
from auditkit.watching.watched import Watched


class Monitor(Known):
    """Watches one model. Made by `Monitor.open`; close it, or use it in a `with` block.

    Args:
        settings: What is watched.
        folder: The folder that paths in the settings begin at.
        log: The log, open for writing.
        keys: The key store, which holds the salt.
        clock: Returns the time, UTC.
        url: The log's URL, for those who follow it; empty: nobody is told.
        registry: Whom a challenger's promotion is requested of; None: nobody.
    """

    @classmethod
    def open(
        cls,
        path: str | Path = "monitor.yaml",
        *,
        keys: KeyStore | None = None,
        clock: Callable[[], datetime] | None = None,
        registry: Registry | None = None,
    ) -> Self:
        """Opens a monitor and its log, which is made if it is not there.

        Args:
            path: The settings, monitor.yaml.
            keys: The key store. Default: the user's.
            clock: Returns the time with its zone. Default: the machine's.
            registry: Whom a challenger's promotion is requested of. Default: nobody.

        Raises:
            PolicyError: If the settings are wrong.
            KeyFileError: If a key cannot be read.
            LedgerError: If the log cannot be opened.
        """
        file = Path(path)
        settings = read_settings(file)
        store = keys or opening.user_keys()
        time = clock or opening.machine_clock
        url = opening.log_place(settings.log, file.parent, store)
        log = opening.open_log(url, store, time)
        try:
            return cls(
                settings, folder=file.parent, log=log, keys=store, clock=time, url=url,
                registry=registry,
            )  # fmt: skip
        except BaseException:
            log.close()
            raise

    # What comes in.

    def salt(self) -> bytes:
        """The salt for a baseline with personal columns; made when it is first asked for."""
        return opening.salt_of(self._keys, self.settings.name, make=True)

    def fit(self, reference: Any) -> Profile:
        """The profile of a table, by the columns that monitor.yaml names.

        Args:
            reference: The rows of the baseline; what is named as nothing else is a feature.

        Raises:
            InputError: If a named column is missing, or a column cannot be used.
        """
        named = ("time", "key", "score", "decided", "label", "version", "reason")
        columns = self.settings.columns
        frame = batches.table_of(
            reference, columns, what="baseline", needed=("score", "decided", "label")
        )
        return batches.fitted(
            frame, columns, named, salt=self.salt(), model=self.settings.model,
            small_cell=self.policy.small_cell,
        )  # fmt: skip

    def baseline(self, profile: Profile, *, start: date | str | None = None) -> None:
        """Sets what later windows are compared with.

        Args:
            profile: The baseline; its model is the one that is watched.
            start: The day of the first window. Default: today.

        Raises:
            InputError: If it is of another model than the settings name, or has no rows; or with
                `retraining.challenger`, if it is of a model that nobody has promoted.
        """
        stated, found = self.settings.model, profile.layout
        if stated.digest and found.model != stated.digest:
            raise InputError(
                "The baseline is of another model than monitor.yaml names."
                if found.model
                else "The baseline does not say which model it is of.",
                remedy="fit it with the model, or with digest=; or correct model.digest",
            )
        if not profile.rows:
            raise NothingToAuditError("The baseline has no rows.", remedy="give those of the audit")
        self.salt()
        digest = self._store.put_profile(profile, alone=True)
        now, seconds = self.now, self.settings.schedule.seconds
        first = (
            now if start is None else facts.time_of((window_of((start, "9999-12-31")) or ("",))[0])
        )
        model = {"name": stated.name, "version": stated.version, "digest": found.model}

        def decide(state: State) -> Step | None:
            challenging.require_promoted(state, self.settings, model)
            if (state.baseline, state.seconds) == (digest, seconds):
                return None
            state_step = plan.step(
                state, facts.BASELINE, at=now, window=("", ""), rows=profile.rows, evidence=digest,
                seconds=seconds, first=facts.text_of(facts.slot_of(first, seconds)),
            )  # fmt: skip
            state_step.payload.update(
                model=model, baseline=digest, policy=str(self.policy.digest), window=None
            )
            return state_step

        self._journal.write(decide)

    def observe(
        self, batch: Any, *, window: tuple[date | str, date | str] | None = None
    ) -> tuple[Profile, ...]:
        """Counts rows that the model decided about.

        The same rows again change nothing; other rows of a window are added to it.

        Args:
            batch: The rows, with the columns that the baseline and monitor.yaml name.
            window: The window of all rows, one of the schedule's. Default: by the column of times
                that monitor.yaml names; else the window of now.

        Returns:
            What was counted of each window.

        Raises:
            InputError: If a column is missing or cannot be used, or the window is none of the
                schedule's. That rows were refused, and why, is logged.
            NothingToAuditError: If there are no rows.
        """
        base, columns, now = self._baseline(), self.settings.columns, self.now
        frame = batches.table_of(
            batch, columns, what="batch",
            needed=("time", "key", "score", "decided", "version", "reason"),
        )  # fmt: skip
        version = self.settings.model.version
        try:
            self._refuse_broken(frame, now)
            parts = list(
                batches.divided(frame, columns, window, seconds=self.state.seconds, now=now)
            )
            served = [batches.served(part.frame, columns, version) for part in parts]
            profiles = [batches.counted(base, part, columns) for part in parts]
        except InputError as error:
            refusal = error.message
            self._journal.write(
                lambda state: plan.step(
                    state, facts.ROWS_REFUSED, at=now, rows=len(frame), reason=refusal
                )
            )
            raise
        for part, profile, by in zip(parts, profiles, served, strict=True):
            digest = self._store.put_profile(profile, alone=False)
            if columns.key:
                kept = batches.waiting(part.frame, columns, self.salt())
                self._store.put_rows("rows", digest, kept)
            self._add(facts.OBSERVED, part.window, digest, profile.rows, now, served=by)
        return tuple(profiles)

    def labels(self, frame: Any) -> LabelsTaken:
        """Takes true outcomes of rows that were observed before.

        They count in the window of the decision, which is judged again.

        Args:
            frame: The columns `key` and `label` of monitor.yaml.

        Raises:
            InputError: If monitor.yaml names no key and label, or no row is known.
        """
        taken = labelling.labelled(
            frame,
            self.settings.columns,
            base=self._baseline(),
            store=self._store,
            state=self.state,
            salt=self.salt(),
        )
        for part in taken.parts:
            self._store.put_rows("labels", part.digest, part.keys)
            self._add(facts.LABELS, part.window, part.digest, len(part.keys), self.now)
        return taken.counts

    # What it does.

    def step(self) -> tuple[Step, ...]:
        """Judges what has ended, opens and clears alerts, asks for retraining, tells people.

        To be called as often as the schedule's heartbeat says, by cron or a loop.

        Returns:
            The entries that were written.
        """
        couriers = self._couriers()
        now, done = self.now, []
        for start in plan.to_judge(self.state, now):
            done += self._written(self._judgement(start, now))
        while more := self._written(lambda state: plan.next_step(state, self.settings, now)):
            done += more
        if self.settings.retraining is not None:
            for request in running.due(self.state, self.settings.retraining, now):
                done += self._retrain(request)
        telling.send(couriers)
        return (*done, *self.challengers.request_promotions())

    def drill(self, *, by: str) -> list[dict[str, Any]]:
        """Rehearses an alert and the fallback, sends a drill to every receiver, and logs it.

        Args:
            by: Who rehearses.

        Returns:
            Each step with its outcome: "done", or why not.
        """
        people.require(self.settings, self._folder, by)
        self._baseline()
        now = self.now
        results = drilling.rehearsed(self.state, self.settings, now)
        results += drilling.sent(self.settings, self._folder, self._clock, by)
        self._journal.write(
            lambda state: plan.step(state, facts.DRILL, at=now, actor=by, results=results)
        )
        return results

    # The rest.

    def _refuse_broken(self, frame: Any, now: datetime) -> None:
        """Refuses a batch that breaks a hard rule of the contract.

        Raises:
            InputError: If it does.
        """
        if not self.settings.contract:
            return
        found = validate(frame, contract=self._folder / self.settings.contract, as_of=now)
        if found.outcome is Outcome.FAIL:
            broken = next(f for f in found.findings if f.outcome is Outcome.FAIL)
            raise InputError(
                f"The batch breaks a hard rule of the contract: {broken.statement}",
                remedy="see: auditkit validate DATA --contract FILE",
            )

    def _couriers(self) -> telling.Couriers:
        """Those who tell receivers, from before this step: what it writes is sent."""
        return telling.couriers(self.settings, self._folder, self._url, self._journal, self._clock)

    def _add(
        self, kind: str, window: tuple[str, str], digest: str, rows: int, now: datetime, **more: Any
    ) -> None:
        def decide(state: State) -> Step | None:
            known = state.windows.get(window[0])
            if known is not None and digest in (*known.parts, *known.labels):
                return None
            return plan.step(state, kind, at=now, window=window, rows=rows, evidence=digest, **more)

        self._journal.write(decide)

    def _judgement(self, start: str, now: datetime) -> Callable[[State], Step | None]:
        revision = self.state.windows[start].revision
        found: Watched | None = None
        problem = ""
        try:
            found = self.watched(start)
        except (AuditkitError, ArithmeticError) as error:
            problem = error.message if isinstance(error, AuditkitError) else type(error).__name__
            if not isinstance(error, NothingToAuditError):
                raise
        weights = importance_of(self._baseline(), self.settings.importance)
        clear_at = self.settings.alerts.clear_at
        evidence = self._store.put_evidence(found.to_json()) if found is not None else ""

        def decide(state: State) -> Step | None:
            window = state.windows[start]
            if window.revision != revision or window.judged == revision:
                return None  # somebody else was faster, or more has come
            made = plan.step(
                state, facts.WINDOW, at=now, window=(window.start, window.end), rows=window.rows,
                evidence=evidence, revision=revision, parts=window.parts, labels=window.labels,
                outcome=found.outcome.value if found is not None else "error",
                checks=judged(found, state, weights, clear_at) if found is not None else {},
                problem=problem,
            )  # fmt: skip
            made.payload["policy"] = str(self.policy.digest)
            return made

        return decide

    def _written(self, decide: Callable[[State], Step | None]) -> list[Step]:
        step = self._journal.write(decide)
        return [] if step is None else [step]

    def _retrain(self, request: str) -> list[Step]:
        assert self.settings.retraining is not None
        begun = self._written(lambda state: running.started(state, request, self.now))
        if not begun:
            return []
        outcome = running.run(self.settings.retraining, self._folder, request)
        return begun + self._written(
            lambda state: running.finished(state, request, outcome, self.now)
        )
