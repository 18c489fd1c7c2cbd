"""The order of promotions at one alias or stage, and where a rollback returns to.

Laws:
    - A rollback goes back by one in the order of promotions, so two go back two.
    - It returns only to a version that was promoted there as the policy asks. One that came by
      break-glass alone did not, nor one whose break-glass was rejected in its review; a later
      promotion makes up for either.
"""

from __future__ import annotations

from auditkit.access.record.moves import Moved


class PromotionOrder:
    """What stood at one alias or stage, in order."""

    def __init__(self) -> None:
        # What stood there and was not rolled back, the present one last.
        self._standing: list[Moved] = []
        self._points_nowhere = True
        self._promoted: dict[str, Moved] = {}
        # What each break-glass moved there.
        self._broken: dict[str, set[str]] = {}
        self._rejected: set[str] = set()

    @property
    def present(self) -> str:
        """The version that stands there now; empty: none."""
        return "" if self._points_nowhere else self._standing[-1].target.version

    @property
    def before(self) -> Moved | None:
        """The last promotion of the version that a rollback returns to; None: there is none.

        If nothing stands there now, that is what stood there last.
        """
        versions = (move.target.version for move in reversed(self._standing))
        return next(
            (
                self._promoted[version]
                for version in versions
                if version != self.present and self.obstacle(version) is None
            ),
            None,
        )

    def promotion(self, version: str) -> Moved | None:
        """The last promotion of a version there, other than by break-glass."""
        return self._promoted.get(version)

    def obstacle(self, version: str) -> str | None:
        """Why a rollback may not return to a version; None: it may."""
        if version in self._rejected:
            return "the break-glass that moved it there was rejected in its review"
        if version in self._promoted:
            return None
        if any(version in moved for moved in self._broken.values()):
            return "it came there by break-glass alone"
        return "it was never promoted there"

    def add(self, move: Moved, *, rejected: bool) -> None:
        """Applies a move of this alias or stage, in the order of the log.

        Args:
            move: The move.
            rejected: Whether it came by a break-glass whose review rejected it.
        """
        version = move.target.version
        if move.how == "demoted":
            # Of two versions in one stage, the other may have left it.
            self._points_nowhere = self._points_nowhere or version in ("", self.present)
            return
        if move.how == "promoted":
            self._promoted[version] = move
            self._rejected.discard(version)
        if move.breakglass:
            self._broken.setdefault(move.breakglass, set()).add(version)
        if rejected:
            self._rejected.add(version)
        if move.how == "rolled back":
            self._go_back(version)
        if not self._standing or self._standing[-1].target.version != version:
            self._standing.append(move)
        self._points_nowhere = False

    def reject(self, breakglass: str) -> None:
        """Applies a review that rejected a break-glass."""
        self._rejected |= self._broken.get(breakglass, set())

    def _go_back(self, version: str) -> None:
        """Forgets what stood there after a version, if that stood there."""
        for position in reversed(range(len(self._standing))):
            if self._standing[position].target.version == version:
                del self._standing[position + 1 :]
                return
