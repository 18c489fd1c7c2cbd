"""A monitor's entries in a small log, written day by day without a monitor."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.period_log import Book

DAY = 86_400
WEEK = 7 * DAY


def stamp(moment: datetime) -> str:
    """As a monitor writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class MonitorBook:
    """Writes what a monitor would.

    Args:
        book: The log.
        first: The start of the first window.
        name: The monitor's name.
        seconds: The length of its windows.
    """

    def __init__(
        self, book: Book, first: datetime, *, name: str = "pricing", seconds: int = DAY
    ) -> None:
        self.book, self.name, self.first, self.seconds = book, name, first, seconds
        self.version = "3"
        self.write("monitor.baseline", first, at=first, baseline="sha256:" + "b" * 64,
                   first=stamp(first), seconds=seconds)  # fmt: skip

    def start(self, number: int) -> datetime:
        """The start of a window, from 0."""
        return self.first + timedelta(seconds=number * self.seconds)

    def write(
        self, kind: str, start: datetime, /, *, at: datetime, windows: int = 1, **more
    ) -> None:
        """Writes an entry at a time."""
        end = start + timedelta(seconds=windows * self.seconds)
        self.book.clock.now = max(self.book.clock.now, at)
        payload = {
            "monitor": self.name, "model": {"name": "credit", "version": self.version},
            "policy": "sha256:" + "c" * 64, "baseline": "sha256:" + "b" * 64,
            "evidence": "sha256:" + "e" * 64, "window": [stamp(start), stamp(end)], "rows": 0,
            "actor": "monitor", "at": stamp(at), "windows": windows,
        }  # fmt: skip
        self.book.add(kind, **(payload | more))

    def judged(
        self,
        number: int,
        *,
        rows: int = 100,
        broken: str = "",
        hours: float = 0.1,
        served: dict[str, dict[str, int]] | None = None,
    ) -> None:
        """A window was observed in its last hour, and judged some hours after its end."""
        start = self.start(number)
        end = self.start(number + 1)
        digest = f"sha256:{number:064x}"
        self.write("monitor.observed", start, at=end - timedelta(hours=1), rows=rows,
                   evidence=digest, served=served or {})  # fmt: skip
        checks = {"drift.features": {"outcome": "fail" if broken else "pass", "broken": []}}
        self.write("monitor.window", start, at=end + timedelta(hours=hours), rows=rows, revision=1,
                   outcome="fail" if broken else "pass", checks=checks)  # fmt: skip

    def missed(self, number: int, count: int, *, at: datetime) -> None:
        """Windows in a row that had no rows."""
        last = self.start(number + count - 1)
        self.write("monitor.missed", self.start(number), at=at, windows=count, last=stamp(last))

    def alert(self, name: str, number: int, *, at: datetime) -> None:
        """An alert opens for a window."""
        self.write("alert.opened", self.start(number), at=at, alert=name, check="drift.features",
                   severity="high", rank=1.0, numbers=["ks"], worst={"number": "ks"},
                   silenced=False)  # fmt: skip

    def person(self, kind: str, name: str, *, at: datetime, **more) -> None:
        """Somebody acknowledges, triages or closes."""
        self.write(f"alert.{kind}", self.first, at=at, alert=name, actor="ann", note="", **more)

    def moved(self, kind: str, serving: str, reason: str, *, at: datetime) -> None:
        """The fallback moves."""
        self.write(f"fallback.{kind}", self.first, at=at, serving=serving, reason=reason)
