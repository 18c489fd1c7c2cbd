"""Who made what, according to the log: the owners of runs, models and versions.

MLflow's own owner of a run is text that its client sends; this is who sent the request.

Laws:
    - One person owns a thing, or nobody does: a version that was made twice, after its model was
      deleted, is nobody's, and so is a model that somebody else made a version of.
    - A version that was approved or promoted is nobody's from then on, and neither is its model.
    - A renamed model keeps its makers under the new name, and its versions keep theirs under both.
"""

from __future__ import annotations

from typing import Any, Final

from auditkit.access.policy.vocabulary import DEFAULT_DOMAIN

VERSION_MADE: Final = "version.created"
MODEL_MADE: Final = "model.created"
RUN_MADE: Final = "run.created"
RENAMED: Final = "model.renamed"

# A thing that may have an owner: ("run", RUN), ("model", NAME) or ("version", NAME, VERSION).
Owned = tuple[str, ...]
_Place = tuple[str, str]


class Owners:
    """Who made which run, model and version: a projection of the log."""

    def __init__(self) -> None:
        self.of_runs: dict[str, str] = {}
        self._models: dict[_Place, set[str]] = {}
        self._versions: dict[_Place, dict[str, set[str]]] = {}
        self._kept: dict[_Place, set[str]] = {}

    def apply(self, kind: str, payload: dict[str, Any]) -> None:
        """Applies an entry of one of the kinds above."""
        user, domain = str(payload.get("user")), str(payload.get("domain", DEFAULT_DOMAIN))
        place = (domain, str(payload.get("model")))
        if kind == RUN_MADE:
            self.of_runs.setdefault(str(payload.get("run")), user)
        elif kind == MODEL_MADE:
            # A model can be made again only after it was deleted.
            self._models[place] = {user}
        elif kind == VERSION_MADE:
            versions = self._versions.setdefault(place, {})
            versions.setdefault(str(payload.get("version")), set()).add(user)
        elif kind == RENAMED:
            self._rename(place, (domain, str(payload.get("new_name"))))

    def keep(self, domain: str, model: str, version: str) -> None:
        """A version was approved or promoted: from now on it is nobody's own."""
        self._kept.setdefault((domain, model), set()).add(version)

    def makers(self, domain: str, model: str, version: str) -> frozenset[str]:
        """Who made a version; more than one if the model was deleted and made again."""
        return frozenset(self._versions.get((domain, model), {}).get(version, ()))

    def owns(self, user: str, thing: Owned, domain: str) -> bool:
        """Whether a user, and nobody else, made a thing."""
        kind, name, *rest = thing
        if kind == "run":
            return self.of_runs.get(name) == user
        kept = self._kept.get((domain, name), set())
        if kind == "version":
            return self.makers(domain, name, rest[0]) == {user} and rest[0] not in kept
        makers = self._models.get((domain, name), set())
        others = self._versions.get((domain, name), {}).values()
        return not kept and makers == {user} and all(users == {user} for users in others)

    def _rename(self, old: _Place, new: _Place) -> None:
        if old in self._models:
            self._models[new] = self._models.pop(old)
        else:
            self._models.pop(new, None)
        for version, users in self._versions.get(old, {}).items():
            kept = self._versions.setdefault(new, {})
            kept.setdefault(version, set()).update(users)
        if old in self._kept:
            self._kept.setdefault(new, set()).update(self._kept[old])
