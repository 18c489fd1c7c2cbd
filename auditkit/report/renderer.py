"""Renders a report in a child process, while this one goes on.

Loading what draws pages takes as long as drawing some of them. A process that has it loaded can be
started early, and leaves this one free to sign, or to make the copy for a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from auditkit.canonical import canonical_bytes
from auditkit.isolation import ChildError, ChildUnavailableError, Limits, shared
from auditkit.isolation.messages import pack, unpack
from auditkit.report.options import ReportOptions
from auditkit.report.render import render, rendering
from auditkit.report.typeset.libraries import made_with

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement

_MODULE: Final = "auditkit.report.again"
# Its input is our own. Limits are for what goes wrong, and then it is rendered in this process.
_LIMITS: Final = Limits(
    cpu_seconds=600,
    wall_seconds=1200.0,
    memory_bytes=8 << 30,
    answer_bytes=1 << 30,
    open_files=256,
    file_bytes=64 << 20,
)


def get_ready() -> None:
    """Starts loading what draws pages, in the child process, without waiting for it."""
    with suppress(ChildUnavailableError):  # then it is rendered in this process
        shared(_MODULE).start()


@contextmanager
def rendered(
    judgement: Judgement,
    *,
    receipt: Mapping[str, Any] | None = None,
    envelope: bytes | None = None,
    options: ReportOptions | None = None,
) -> Iterator[Future[bytes]]:
    """Renders a report, as `render` does, while the body of the `with` statement runs.

    Yields:
        The PDF to come; its errors are those of `render`.
    """
    chosen = options or ReportOptions()

    def in_child() -> bytes:
        files = {
            "statement.json": judgement.statement,
            "render.json": rendering(chosen, made_with()),
            **{f"table-{table.name}.json": table.to_bytes() for table in judgement.tables},
        }
        if receipt is not None:
            files["receipt.json"] = canonical_bytes(receipt)
        if envelope is not None:
            files["statement.dsse.json"] = envelope
        message = pack(list(files), list(files.values()))
        try:
            _, (pages,) = unpack(shared(_MODULE).call("again", message, limits=_LIMITS))
        except ChildError:
            return render(judgement, receipt=receipt, envelope=envelope, options=chosen)
        return bytes(pages)

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(in_child)
