"""A monitor that is killed by SIGKILL again and again, and goes on; run as a process of its own.

    python -m tests.support.killed_monitor FOLDER

FOLDER/calm: ten days that nobody disturbs. FOLDER/killed: the same days, begun anew after each
kill, which comes some writes later each time. FOLDER/found.json: both states, and what was told.
The processes are forked before anything that has threads is used.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from auditkit.watching.monitor.journal import Journal
from auditkit.watching.monitor.store import Store
from tests.support.small_monitor import START, World, rows

DAYS = (0, 2, 2, None, 0, 0, 0, 2, 0, 0)
MORE = """\
retraining: {checks: [drift.features], cooldown_days: 3}
fallback: {order: [previous-approved, person], checks: [drift.features]}
notify:
  - program: tell
    on: [alert.opened, alert.cleared, alert.reopened, fallback.entered, fallback.left]
"""
_WRITES = [(Journal, "write"), (Store, "put_profile"), (Store, "put_rows"), (Store, "put_evidence")]


def live(folder: Path) -> None:
    """The days, from the first one; what was done before changes nothing."""
    folder.mkdir(exist_ok=True, parents=True)
    program = folder / "tell"
    if not program.exists():
        program.write_text(f"#!/bin/sh\ncat >> {folder}/told\necho >> {folder}/told\n")
        program.chmod(0o700)
    world = World(folder, more=MORE)
    acknowledged = folder / "acknowledged"
    known = {digest for w in world.monitor.state.windows.values() for digest in w.parts}
    if acknowledged.exists():
        assert set(acknowledged.read_text().split()) <= known, "something was lost"
    for day, shift in enumerate(DAYS):
        world.now = START + timedelta(days=day, hours=12)
        if shift is not None:
            start = world.now.date()
            (profile,) = world.monitor.observe(
                rows(600, day + 1, shift).drop(columns="bad"),
                window=(start, start + timedelta(days=1)),
            )
            with acknowledged.open("a") as file:
                file.write(f"{profile.digest}\n")
        world.now += timedelta(days=1)
        world.monitor.step()
    world.monitor.close()


def killed_at(point: int) -> None:
    """From now on the process is killed before its write number `point`, or after it."""
    seen = [0]

    def passed() -> None:
        seen[0] += 1
        if seen[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            passed()
            found = write(*given, **named)
            passed()
            return found

        return instead

    for home, name in _WRITES:
        setattr(home, name, dying(getattr(home, name)))


def forked(do: Callable[[], None]) -> int:
    """Does something in a process of its own; how that ended, as `os.waitpid` says it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        do()
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def killed_run(folder: Path, point: int) -> None:
    """The days, up to a write."""
    killed_at(point)
    live(folder)


def main(folder: Path) -> None:
    """Lives both, and writes what is known at the end."""
    assert forked(lambda: live(folder / "calm")) == 0
    point, kills = 1, 0
    while True:
        status = forked(lambda at=point: killed_run(folder / "killed", at))  # type: ignore[misc]
        if not os.WIFSIGNALED(status):
            assert status == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        point, kills = point + 3, kills + 1
    found: dict[str, Any] = {"kills": kills}
    for name in ("calm", "killed"):
        world = World(folder / name, more=MORE)
        found[name] = {
            "state": world.monitor.state.to_json(),
            "entries": [
                (e.kind, {k: v for k, v in (e.payload or {}).items() if k != "entry"})
                for e in world.monitor.log.entries()
            ],
            "told": [
                json.loads(line)
                for line in (folder / name / "told").read_text().splitlines()
                if line
            ],
        }
        world.monitor.close()
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
