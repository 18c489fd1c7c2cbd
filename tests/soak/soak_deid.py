"""A CSV of about 1 GB through `auditkit deid apply`: memory, speed, and what a stop leaves.

    python tests/soak/soak_deid.py [GIGABYTES]

The table is that of tests/benchmarks/bench_deid.py: name, e-mail, SSN, city, income and a note.
Asserts that no more than 2 GiB of memory are used, that every row comes out, that none of the
first rows' identifiers does, and that after Ctrl-C and after a kill nothing lies at the output.
First, that a process which reads texts of ever new words does not grow by them.
"""

from __future__ import annotations

import random
import resource
import signal
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from bench_deid import people

from auditkit.deid import Deidentifier

ROWS_A_PART = 100_000
MAX_BYTES = 2 * 2**30
# Texts of forty new words each; what they may add to resident memory after the first fifth.
TEXTS = 10_000
MAX_GROWTH = 24 * 2**20


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def reading_forgets() -> None:
    """Reads texts for a while; resident memory must come to rest."""
    rng = random.Random(1)
    deid = Deidentifier()
    start = 0
    for done in range(0, TEXTS, TEXTS // 10):
        words = (
            " ".join("".join(rng.choices(string.ascii_lowercase, k=8)) for _ in range(40))
            for _ in range(TEXTS // 10)
        )
        deid.find([f"{text} said Ann Lee at 617-555-0188." for text in words])
        start = resident() if done == TEXTS // 10 else start
        tell(f"{done + TEXTS // 10:,} texts read: {resident() / 2**20:,.0f} MiB")
    assert resident() - start < MAX_GROWTH


def made(path: Path, size: int) -> int:
    """Writes a CSV of at least some bytes and gives its number of rows."""
    rows = part = 0
    while not path.exists() or path.stat().st_size < size:
        table = people(ROWS_A_PART, distinct_notes=0.3, seed=part)
        table.to_csv(path, mode="a", header=not part, index=False)
        rows, part = rows + len(table), part + 1
    return rows


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def command(source: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "auditkit", "deid", "apply", str(source), str(target)]


def interrupted(source: Path, folder: Path, how: signal.Signals) -> None:
    """Stops a run in its middle; only the source may remain at its place."""
    target = folder / "stopped.csv"
    with subprocess.Popen(command(source, target), stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        line = run.stderr.readline()
        while " rows" not in line:
            line = run.stderr.readline()
        run.send_signal(how)
        run.wait()
    left = sorted(p.name for p in folder.iterdir() if p != source)
    # A kill cannot be tidied up after; the rest is a hidden file that no one takes for the output.
    assert not target.exists()
    assert how is signal.SIGKILL or left == [], left
    tell(f"{how.name}: exit {run.returncode}, nothing at the output's place")
    for path in folder.iterdir():
        if path != source:
            path.unlink()


def main(gigabytes: float) -> None:
    # Whoever starts this in a shell's background has SIGINT ignored, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    reading_forgets()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = folder / "in.csv", folder / "out.csv"
        rows = made(source, int(gigabytes * 1e9))
        tell(f"{rows:,} rows, {source.stat().st_size / 1e9:.2f} GB")
        interrupted(source, folder, signal.SIGINT)
        interrupted(source, folder, signal.SIGKILL)
        start = time.perf_counter()
        subprocess.run(command(source, target), check=True, stderr=subprocess.DEVNULL)
        took = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak = used.ru_maxrss * 1024
        tell(
            f"{took:,.0f} s ({used.ru_utime + used.ru_stime:,.0f} s of processor time), "
            f"{rows / took:,.0f} rows/s, {source.stat().st_size / took / 1e6:.1f} MB/s, "
            f"peak {peak / 2**20:,.0f} MiB"
        )
        assert peak < MAX_BYTES
        with target.open() as lines:
            head = [next(lines) for _ in range(1000)]
            assert 1000 + sum(1 for _ in lines) == rows + 1
        first = people(ROWS_A_PART, distinct_notes=0.3, seed=0).head(len(head) - 1)
        text = "".join(head)
        assert not [v for c in ("email", "ssn", "name") for v in first[c] if v in text]
        assert sorted(p.name for p in folder.iterdir()) == ["in.csv", "out.csv"]


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
