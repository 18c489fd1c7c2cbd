"""Shows the progress of an audit: one line that changes, in a terminal or a notebook.

The core only calls a function before each step; this module makes that function write to a stream.

Laws:
    - Nothing is shown in a pipe, a log or a redirected stream, or with `progress=False`.
    - The process's own things are not touched: no stream is replaced, no signal caught.
    - When the work ends, however it ends, the line is removed; in a notebook it says the time
      taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

# Called before each step with its position, the number of steps and its title.
Progress = Callable[[int, int, str], None]


@contextmanager
def shown(title: str, *, progress: Progress | bool | None) -> Iterator[Progress | None]:
    """A function to call before each step, with its position, the number of steps and its title.

    Args:
        title: The name of the whole work.
        progress: None or True: show it in a terminal or notebook; False: show nothing; a function:
            call it.
    """
    if progress is False or callable(progress):
        yield None if progress is False else progress
        return
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:
        with _in_notebook(title) as tell:
            yield tell
    elif console.is_terminal and not console.is_dumb_terminal:
        with _in_terminal(title, console) as tell:
            yield tell
    else:
        yield None


def of_step(progress: Progress, position: int, count: int, title: str) -> Callable[[float], None]:
    """A function to call within a step with the share of it that is done, in (0, 1].

    Args:
        progress: It is called with a title that says the share, and the time left.
        position: Of the step.
        count: Of all steps.
        title: Of the step.
    """
    began = time.perf_counter()

    def tell(share: float) -> None:
        left = (time.perf_counter() - began) * (1 - share) / share
        progress(position, count, f"{title}: {share:.0%}, {_span(left)} left")

    return tell


def _span(seconds: float) -> str:
    """A time in words, for example 40 s or 3 min."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@contextmanager
def _in_terminal(title: str, console: Any) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Display

    display = Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        # Rich would replace the process's streams with its own.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with display:
        task = display.add_task(title, total=None)

        def tell(position: int, count: int, step: str) -> None:
            display.update(task, completed=position, total=count, description=f"{title}: {step}")

        yield tell


@contextmanager
def _in_notebook(title: str) -> Iterator[Progress]:
    display: Any = import_module("IPython.display").display
    began = time.perf_counter()
    shown_line = display(_plain(f"{title} ..."), raw=True, display_id=True)

    def tell(position: int, count: int, step: str) -> None:
        shown_line.update(_plain(f"{title}: {step} ({position + 1} of {count}) ..."), raw=True)

    ended = "stopped"
    try:
        yield tell
        ended = "done"
    finally:
        took = time.perf_counter() - began
        shown_line.update(_plain(f"{title}: {ended} ({took:.1f} s)"), raw=True)


def _plain(text: str) -> dict[str, str]:
    return {"text/plain": text}
