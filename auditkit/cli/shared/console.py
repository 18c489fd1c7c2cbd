"""How the command line talks: to stderr, in plain lines, without escapes from the data."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

_LATE_SECONDS: Final = 2.0
_BETWEEN_SECONDS: Final = 10.0


def say(text: str) -> None:
    """Writes one line to stderr."""
    print(harmless(text), file=sys.stderr)


def complain(message: str, remedy: str | None) -> None:
    """Writes an error, and what to do about it, to stderr."""
    say(f"Error: {message}")
    if remedy:
        say(f"To fix: {remedy}")


def harmless(text: str) -> str:
    """Text with its control characters escaped, so that a terminal does not obey them."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def one_line(text: str) -> str:
    """The same, with line breaks escaped: a hostile text cannot add a line to our output."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


class Work:
    """Shows the progress of a command on stderr.

    On a terminal one line changes. In a pipe, the first line is written after two seconds, and then
    at most one every ten: a log shows what is going on, and short work writes nothing.

    Args:
        title: What the work is.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_live = sys.stderr.isatty()
        self._told_at = time.perf_counter()
        self._late = threading.Timer(_LATE_SECONDS, self._write, [title])
        self._late.daemon = True

    def __enter__(self) -> Self:
        if self._is_live:
            self._write(self._title)
        else:
            self._late.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._late.cancel()
        if self._is_live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def tell(self, text: str) -> None:
        """Shows how far the work is."""
        if self._is_live or time.perf_counter() - self._told_at > _BETWEEN_SECONDS:
            self._write(f"{self._title}: {text}")

    def tell_step(self, position: int, count: int, title: str) -> None:
        """The same, for a progress callback that is called before each check or step."""
        self.tell(f"{title} ({position + 1} of {count})")

    def _write(self, text: str) -> None:
        self._told_at = time.perf_counter()
        begin, end = ("\r\x1b[K", "") if self._is_live else ("", "\n")
        print(f"{begin}  {one_line(text)} ...", end=end, file=sys.stderr, flush=True)


class Step(list[str]):
    """The results of a step, which are printed when it ends; also shows its progress."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.tell, self.tell_step = work.tell, work.tell_step


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Prints one line when a step ends: its title, what it appended to the list, and its time."""
    began = time.perf_counter()
    try:
        with Work(title) as work:
            result = Step(work)
            yield result
    except BaseException:
        say(f"  {title}: stopped")
        raise
    results = f": {', '.join(result)}" if result else ""
    say(f"  {title}{results} ({time.perf_counter() - began:.1f} s)")


def quiet_mlflow() -> None:
    """Silences MLflow's progress bars, addresses and log messages below warnings.

    These are settings of the whole process: call it once, before opening a registry.

    Raises:
        MissingExtraError: If MLflow is not installed.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from auditkit.registry.models import import_mlflow

    import_mlflow()  # which sets the levels of both loggers
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> None:
    """Prints a table for people, or as a list of JSON objects."""
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
        return
    lines = [tuple(columns), *([harmless(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())
