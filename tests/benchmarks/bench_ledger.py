"""The log's speed, next to the machine's own syncs and to SQLite without proofs, in one run.

    python tests/benchmarks/bench_ledger.py

Appends are durable: each has returned only when its commit was synced. The syncs are counted by
strace in a run of their own, because counting slows the writers down.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from auditkit.ledger import Ledger, NoteSigner, verify_receipt
from auditkit.ledger.log import item

WRITERS = 8
APPENDS = 4000
ENTRIES = 1_000_000
RUNS = 5
KEY = NoteSigner.generate("example.com/audit")
PAYLOAD = {"allowed": True, "rule": "reviewer-may-read", "object": "model/credit/3"}


def syncs_per_second(folder: Path, seconds: float = 0.5) -> float:
    """How often the machine appends 4 KiB to a file and syncs it, one after another."""
    with (folder / "sync").open("wb", buffering=0) as file:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began)


def appends_per_second(folder: Path, writers: int, count: int) -> float:
    """Durable appends of threads that share one log."""
    with Ledger.open(f"sqlite:///{folder}/a.db", key=KEY) as log:

        def write(times: int) -> None:
            for _ in range(times):
                log.append(kind="access.decision", payload=PAYLOAD)

        began = time.perf_counter()
        with ThreadPoolExecutor(writers) as pool:
            list(pool.map(write, [count // writers] * writers))
        return count / (time.perf_counter() - began)


def inserts_per_second(folder: Path, count: int) -> float:
    """The peer without proofs: SQLite, one row and one synced commit at a time."""
    database = sqlite3.connect(folder / "plain.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, x BLOB)")
    began = time.perf_counter()
    for _ in range(count):
        database.execute("INSERT INTO t (x) VALUES (?)", (b"x" * 300,))
    seconds = time.perf_counter() - began
    database.close()
    return count / seconds


def appends_per_sync(folder: Path) -> float:
    """Appends for each fsync or fdatasync that the kernel saw."""
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from bench_ledger import appends_per_second
appends_per_second(Path({tempfile.mkdtemp(dir=folder)!r}), {WRITERS}, {APPENDS})
"""
    trace = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync"]
    done = subprocess.run(
        [*trace, sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    # Columns: % time, seconds, microseconds per call, calls, errors if any, name.
    rows = [line.split() for line in done.stderr.splitlines()]
    calls = sum(int(row[3]) for row in rows if row and row[-1] in {"fsync", "fdatasync"})
    return APPENDS / calls


def row(what: str, values: list[float], unit: str, target: str = "") -> None:
    """One line: the median and the range of the runs."""
    middle = statistics.median(values)
    spread = f"{min(values):,.3g} to {max(values):,.3g}"
    sys.stdout.write(f"{what:<44} {middle:>12,.4g} {unit:<12} ({spread})  {target}\n")


def large_log(folder: Path) -> None:
    """Opening, proving from and verifying a log of a million entries."""
    url = f"sqlite:///{folder}/large.db"
    with Ledger.open(url, key=KEY) as log:
        for _ in range(ENTRIES // 10_000):
            batch = [item("access.decision", PAYLOAD, "standard") for _ in range(10_000)]
            with log.writing() as session:
                log.add(session, batch)
    opens, proofs, checks, rates = [], [], [], []
    chance = random.Random(1)
    for _ in range(RUNS):
        began = time.perf_counter()
        with Ledger.open(url, key=KEY) as log:
            opens.append(1e3 * (time.perf_counter() - began))
            for _ in range(200):
                began = time.perf_counter()
                receipt = log.prove(chance.randrange(ENTRIES))
                proofs.append(1e3 * (time.perf_counter() - began))
                began = time.perf_counter()
                verify_receipt(receipt, KEY.verifier)
                checks.append(1e3 * (time.perf_counter() - began))
            began = time.perf_counter()
            log.verify()
            rates.append(ENTRIES / (time.perf_counter() - began))
    row(f"open a log of {ENTRIES:,}", opens, "ms", "target: 100 or less")
    row("receipt with proof from it", proofs, "ms", "target: 1 or less")
    row("verify such a receipt", checks, "ms")
    row("verify the whole log", rates, "entries/s", "target: 100,000 or more")


def main() -> None:
    """Prints the table."""
    folder = Path(tempfile.mkdtemp(prefix="bench-ledger-", dir="."))
    try:
        syncs, plain, alone, together = [], [], [], []
        for _ in range(RUNS):
            syncs.append(syncs_per_second(folder))
            plain.append(inserts_per_second(folder, 500))
            alone.append(appends_per_second(folder, 1, 500))
            together.append(appends_per_second(folder, WRITERS, APPENDS))
        row("syncs of 4 KiB, one after another", syncs, "/s")
        row("SQLite rows, one synced commit each", plain, "/s")
        row("durable appends, 1 writer", alone, "/s")
        row(f"durable appends, {WRITERS} writers", together, "/s")
        row(
            "   for each sync that the machine can do",
            [t / s for t, s in zip(together, syncs, strict=True)],
            "",
        )
        row(
            "   for each row of SQLite alone",
            [t / p for t, p in zip(together, plain, strict=True)],
            "",
        )
        if shutil.which("strace"):
            counted = [appends_per_sync(folder) for _ in range(3)]
            row("   for each sync that was made (strace)", counted, "", "target: 5 or more")
        large_log(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
