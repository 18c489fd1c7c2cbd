"""What faults do to the log, as functions with a number of rounds: short in the tests, long here.

    python tests/soak/soak_ledger.py        (make soak)

After every fault the same is asked: the whole log verifies, what was acknowledged is there and is
what was written, what was not is there whole or not at all, and the next append works.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from auditkit import merkle
from auditkit.ledger import Ledger, NoteSigner, open_checkpoint, verify_receipt

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path(__file__).with_name("ledger_writer.py")
KEY = NoteSigner.generate("example.com/audit")
CALLS = (
    "fsync", "fdatasync", "write", "pwrite64", "ftruncate", "openat", "unlink", "mmap", "flock",
    "fcntl",
)  # fmt: skip


class Place:
    """A folder with a log and its key."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.url = url or f"sqlite:///{folder}/a.db"
        self.key_file = folder / "key.pem"
        self.key_file.write_bytes(KEY.to_pem())
        self.acknowledged: dict[int, tuple[str, int]] = {}

    def open(self) -> Ledger:
        return Ledger.open(self.url, key=KEY, head=self.folder / "a.db.head")

    def start(
        self, name: str, count: int, *extra: str, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        words = [self.url, self.key_file, self.folder / "a.db.head", count, name, *extra]
        return subprocess.Popen(
            [*before, sys.executable, WRITER, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def note(self, name: str, output: bytes) -> int:
        """Remembers what a writer had acknowledged; a torn last line is none."""
        found = re.findall(rb"(?m)^(\d+) (\d+)\n", output)
        for index, n in found:
            assert int(index) not in self.acknowledged, "two writers got one index"
            self.acknowledged[int(index)] = (name, int(n))
        return len(found)

    def check(self) -> int:
        """Checks everything that is promised after a fault, and appends once more."""
        with self.open() as log:
            report = log.verify()
            entries = list(log.entries())
            assert report.size == len(entries)
            for entry in entries:
                assert entry.payload is not None
            for index, (name, n) in self.acknowledged.items():
                assert entries[index].payload == {"w": name, "n": n}, f"entry {index} was lost"
            receipt = log.append(kind="test.entry", payload={"w": "check", "n": 0})
            verify_receipt(receipt, KEY.verifier)
            self.acknowledged[receipt.index] = ("check", 0)
            return report.size


def kill_rounds(place: Place, rounds: int, *, seed: int = 0) -> int:
    """Kills a writer with SIGKILL at a random moment, again and again."""
    chance = random.Random(seed)
    for turn in range(rounds):
        writer = place.start(f"k{turn}", 100_000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
        output, _ = writer.communicate()
        place.note(f"k{turn}", first + output)
        if turn % 10 == 9 or turn == rounds - 1:
            place.check()
    return len(place.acknowledged)


def injected(
    place: Place,
    faults: Sequence[str],
    *,
    calls: Sequence[str] = CALLS,
    step: int = 1,
    most: int = 400,
) -> tuple[int, int]:
    """Fails or kills a writer at every system call on the log's files, one at a time.

    Returns:
        How many runs there were, and in how many of them the writer was refused or died.
    """
    done = hurt = 0
    for fault in faults:
        for call in calls:
            for when in range(1, most, step):
                name = f"{fault}-{call}-{when}"
                rule = f"inject={call}:{fault}:when={when}"
                trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
                # Only calls on the log's own files: others are Python's start.
                only = [part for file in _files(place) for part in ("-P", file)]
                writer = place.start(name, 2, before=[*trace, *only, "-e", rule])
                output, errors = writer.communicate(timeout=120)
                # Refused with a type, or killed: never a crash of our own.
                assert writer.returncode in (0, 3, -9, 137), errors.decode()
                acknowledged = place.note(name, output)
                place.check()
                done, hurt = done + 1, hurt + (writer.returncode != 0)
                if writer.returncode == 0 and acknowledged == 2 and b"refused" not in output:
                    break  # The writer made fewer calls than that.
    return done, hurt


def _files(place: Place) -> list[str]:
    base = str(place.folder / "a.db")
    return [base, f"{base}-wal", f"{base}-shm", f"{base}-journal", f"{base}.head"]


def full_disk(place: Place, limits: Sequence[int]) -> int:
    """Writes until no file may grow further, then goes on with room."""
    refused = 0
    for limit in limits:
        name = f"full-{limit}"
        writer = place.start(name, 2000, "--fsize", str(limit))
        output, _ = writer.communicate(timeout=120)
        place.note(name, output)
        refused += b"refused" in output
        place.check()
    return refused


def many_processes(place: Place, processes: int, appends: int) -> int:
    """Writers side by side, while a reader checks each checkpoint it sees against the last."""
    with place.open():
        pass
    writers = {f"p{n}": place.start(f"p{n}", appends) for n in range(processes)}
    seen = None
    with Ledger.open(place.url, key=KEY.verifier, head=place.folder / "a.db.head") as reader:
        pipes = {name: writer.stdout for name, writer in writers.items()}
        for pipe in pipes.values():
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        collected = dict.fromkeys(writers, b"")
        while any(writer.poll() is None for writer in writers.values()):
            for name, pipe in pipes.items():
                assert pipe is not None
                collected[name] += pipe.read() or b""
            with reader.reading() as session:
                now = open_checkpoint(session.head().note, [KEY.verifier])
            if seen is not None and seen.size:
                proof = reader.prove_consistency(seen.size, now.size)
                merkle.verify_consistency(seen.size, now.size, proof, seen.root, now.root)
            seen = now
            time.sleep(0.02)
    for name, writer in writers.items():
        rest, errors = writer.communicate()
        assert writer.returncode == 0, errors.decode()
        assert place.note(name, collected[name] + (rest or b"")) == appends
    assert place.check() >= processes * appends
    return len(place.acknowledged)


def main() -> None:
    """The long forms."""
    for title, run in (
        ("kill -9, 200 rounds", lambda p: kill_rounds(p, 200)),
        ("8 processes x 2,000 appends", lambda p: many_processes(p, 8, 2000)),
        ("full disk", lambda p: full_disk(p, range(40_000, 400_000, 9_000))),
        (
            "EIO, ENOSPC and KILL at every system call",
            lambda p: injected(p, ("error=EIO", "error=ENOSPC", "signal=KILL")),
        ),
    ):
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        began = time.monotonic()
        try:
            told = run(Place(folder))
            sys.stdout.write(f"{title}: {told} ({time.monotonic() - began:.0f} s)\n")
            sys.stdout.flush()
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
