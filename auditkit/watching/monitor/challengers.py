"""What a monitor's retrainings have made: judged, requested in the registry, promoted by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, overload

from auditkit.errors import InputError
from auditkit.judgement.statement import Judgement
from auditkit.loading.places import load_policy
from auditkit.watching.monitor.journal import Journal
from auditkit.watching.monitor.record import challenging, people
from auditkit.watching.monitor.record.plan import Step
from auditkit.watching.monitor.record.settings import ChallengerSettings, MonitorSettings


class Registry(Protocol):
    """What a monitor asks of a registry; `auditkit.registry.client.RegistryClient` is one."""

    def request(self, model: str, version: str, *, alias: str) -> dict[str, Any]:
        """Requests the promotion of a version to an alias; `request` of the answer is its id."""

    def approved_digest(self, model: str, *, alias: str) -> tuple[str, str]:
        """The version at an alias, and the digest of the files that were approved."""


class Challengers(Sequence[str]):
    """The requests for retraining that have made a challenger which nobody has judged.

    Args:
        settings: What is watched.
        folder: The folder that the settings are in.
        journal: The monitor's entries.
        now: The time.
        registry: Whom promotions are requested of; None: nobody.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        folder: Path,
        journal: Journal,
        now: Callable[[], datetime],
        registry: Registry | None,
    ) -> None:
        self._settings, self._folder = settings, folder
        self._journal, self._now, self._registry = journal, now, registry
        retraining = settings.retraining
        self._wanted = retraining.challenger if retraining is not None else None
        self._waiting = challenging.waiting(journal.state, self._wanted)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._waiting)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """One, or some, in their order."""
        return self._waiting[index]

    @property
    def settings(self) -> ChallengerSettings:
        """How a challenger is judged.

        Raises:
            InputError: If monitor.yaml does not say it.
        """
        if self._wanted is None:
            raise InputError(
                "monitor.yaml does not say how a challenger is judged.",
                remedy="write `retraining.challenger`, with its audit file and policies",
            )
        return self._wanted

    @property
    def policies(self) -> tuple[str | Path, ...]:
        """The policies that a challenger must pass: files, or names of those with auditkit."""
        besides = [(name, self._folder / name) for name in self.settings.policies]
        return tuple(path if path.is_file() else name for name, path in besides)

    def judge(self, request: str, audits: Sequence[Judgement]) -> tuple[Step, ...]:
        """Takes the audits of what a retraining made; its promotion is requested if it passes.

        Args:
            request: The retraining.
            audits: By each of `policies` one, as `ak.compare` makes it.

        Returns:
            The entries that were written; none: it was judged before.

        Raises:
            PolicyError: If a policy cannot be read.
            InputError: If an audit is missing, or they are not all of one challenger beside the
                model in use, or no policy compares these two.
            AuditkitError: If the registry refuses, or cannot be asked; the judgement is logged.
        """
        policies, now = [load_policy(name)[0] for name in self.policies], self._now()
        step = self._journal.write(
            lambda state: challenging.judged(state, request, audits, policies, now)
        )
        return (*([step] if step else []), *self.request_promotions())

    def request_promotions(self) -> tuple[Step, ...]:
        """Requests of the registry what was not yet requested of it.

        Returns:
            The entries that were written.

        Raises:
            AuditkitError: As `judge`.
        """
        done: list[Step] = []
        if self._registry is None:
            return ()
        for request, found in challenging.to_request(self._journal.state, self._wanted):
            alias = self.settings.alias
            asked = self._registry.request(self._settings.model.name, found.version, alias=alias)
            step = self._journal.write(
                partial(
                    challenging.requested,
                    request=request,
                    promotion=str(asked["request"]),
                    alias=alias,
                    now=self._now(),
                )
            )
            done += [step] if step is not None else []
        return tuple(done)

    def promoted(self, request: str, *, by: str) -> None:
        """Records that a challenger which passed serves from now on. Set its baseline next.

        Args:
            request: The retraining that made it.
            by: The person who says so.

        Raises:
            InputError: If it did not pass, or the registry's alias names other files.
            AccessDeniedError: If the access policy does not allow it.
        """
        people.require(self._settings, self._folder, by)
        now, alias, digest = self._now(), self.settings.alias, None
        if self._registry is not None and alias:
            _, digest = self._registry.approved_digest(self._settings.model.name, alias=alias)
        self._journal.write(
            lambda state: challenging.promoted(state, request, by, now, at_alias=digest)
        )
