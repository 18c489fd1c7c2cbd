"""How the command line talks: to stderr, in plain lines, without escapes from the data."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """One line of talk."""
    print(harmless(text), file=sys.stderr)


def complain(message: str, remedy: str | None) -> None:
    """An error and what to do about it."""
    say(f"Error: {message}")
    if remedy:
        say(f"To fix: {remedy}")


def harmless(text: str) -> str:
    """Text without control characters, which a terminal might obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def one_line(text: str) -> str:
    """The same without line breaks: text of a hostile file that would pass for a line of ours."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


@contextmanager
def step(title: str) -> Iterator[list[str]]:
    """One line for a step: its title, its result and its time.

    What the step appends to the list that it is given is printed as its result. On a terminal the
    title shows while the step runs.
    """
    live = sys.stderr.isatty()
    if live:
        print(f"  {title} ...", end="", file=sys.stderr, flush=True)
    began = time.perf_counter()
    result: list[str] = []
    try:
        yield result
    except BaseException:
        print(f"\r\x1b[K  {title}: stopped" if live else f"  {title}: stopped", file=sys.stderr)
        raise
    seconds = time.perf_counter() - began
    told = f": {harmless(', '.join(result))}" if result else ""
    line = f"  {title}{told} ({seconds:.1f} s)"
    print(f"\r\x1b[K{line}" if live else line, file=sys.stderr)


def quiet_mlflow() -> None:
    """Keeps MLflow's progress bars, addresses and talk below warnings out of a program's output.

    They are settings of the whole process, so a program makes them, before it opens a registry.

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
