"""The log against the registry, both ways: what the log shows was logged, and what was not.

The log shows that nothing was taken out after it was logged. That everything was logged it cannot
show by itself: somebody may write to the registry's database behind the server's back. So versions
and aliases are compared with the entries about them.

Limits: an alias that no policy protects is logged as a decision, and not as a move. Such a decision
counts as an entry about it, whichever version it was about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from auditkit.access.policy.vocabulary import alias_object, folded
from auditkit.canonical import Json
from auditkit.ledger.reader import LogReader
from auditkit.ledger.records.entry import Entry

_KINDS: Final = (
    "version.created", "model.renamed", "promotion.claimed", "promotion.done",
    "promotion.demoted", "access.decision",
)  # fmt: skip

Place = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """What a registry holds now.

    Attributes:
        versions: Workspace, model and version of each version.
        aliases: The version that each alias points to, by workspace, model and alias.
    """

    versions: frozenset[Place]
    aliases: dict[Place, str]


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that the log and the registry do not agree on.

    Attributes:
        kind: "version without an entry", "entry without a version", "alias without an entry",
            "alias other than logged", or "alias logged and gone".
        workspace: The workspace.
        model: The model.
        name: The version, or the alias.
        logged: What the log says; empty: nothing.
        registered: What the registry says; empty: nothing.
        index: The entry; None: there is none.
    """

    kind: str
    workspace: str
    model: str
    name: str
    logged: str
    registered: str
    index: int | None

    def to_json(self) -> dict[str, Json]:
        """As commands print it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Logged:
    """What the log says is registered."""

    versions: dict[Place, int] = field(default_factory=dict)
    aliases: dict[Place, tuple[str, int]] = field(default_factory=dict)
    decided: dict[tuple[str, str], int] = field(default_factory=dict)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            body = entry.body
            if body is None or (entry.kind == "access.decision" and b"/aliases/" not in body):
                continue
            entry.check_payload()
            payload = json.loads(body)
            if isinstance(payload, dict):
                self._apply(entry.kind, payload, entry.index)

    def _apply(self, kind: str, payload: dict[str, Any], index: int) -> None:
        where, model = str(payload.get("domain") or "default"), str(payload.get("model"))
        if kind == "version.created":
            self.versions[where, model, str(payload.get("version"))] = index
        elif kind == "model.renamed":
            self._rename(where, model, str(payload.get("new_name")))
        elif kind == "promotion.claimed":
            self.claims[str(payload.get("claim"))] = payload
        elif kind == "promotion.done":
            move = {**self.claims.pop(str(payload.get("claim")), {}), **payload}
            self._move(move, str(move.get("version")), index)
        elif kind == "promotion.demoted":
            self._move(payload, "", index)
        elif payload.get("allowed"):
            for part in payload.get("decisions") or (payload,):
                if isinstance(part, dict) and str(part.get("verb")) != "model:read":
                    self.decided[where, str(part.get("object"))] = index

    def _move(self, move: dict[str, Any], version: str, index: int) -> None:
        if move.get("kind") == "alias":
            where = str(move.get("domain") or "default")
            place = (where, str(move.get("model")), folded(str(move.get("name"))))
            self.aliases[place] = (version, index)

    def _rename(self, where: str, model: str, new: str) -> None:
        _rename_in(self.versions, where, model, new)
        _rename_in(self.aliases, where, model, new)


def _rename_in(held: dict[Place, Any], where: str, model: str, new: str) -> None:
    for key in [key for key in held if key[:2] == (where, model)]:
        held[where, new, key[2]] = held.pop(key)


def compare(log: LogReader, registered: Registered) -> tuple[Gap, ...]:
    """What the log and the registry do not agree on, the registry's side first.

    Args:
        log: The log of the server that guards the registry.
        registered: What the registry holds now.

    Raises:
        VerificationError: If a payload is not the one that was logged.
    """
    logged = _Logged()
    logged.read(log.entries(kind=_KINDS))
    found = [
        Gap("version without an entry", *version, "", version[2], None)
        for version in sorted(registered.versions - logged.versions.keys())
    ]
    for place, version in sorted(registered.aliases.items()):
        where, model, alias = place
        last = logged.aliases.get((where, model, folded(alias)))
        decided = logged.decided.get((where, alias_object(model, alias)))
        if last is None and decided is None:
            found.append(Gap("alias without an entry", where, model, alias, "", version, None))
        elif last is not None and last[0] != version and (decided is None or decided < last[1]):
            found.append(
                Gap("alias other than logged", where, model, alias, last[0], version, last[1])
            )
    for version_, index in sorted(logged.versions.items()):
        if version_ not in registered.versions:
            found.append(Gap("entry without a version", *version_, version_[2], "", index))
    held = {(where, model, folded(alias)) for where, model, alias in registered.aliases}
    for place, (version, index) in sorted(logged.aliases.items()):
        if version and place not in held:
            found.append(Gap("alias logged and gone", *place, version, "", index))
    return tuple(found)
