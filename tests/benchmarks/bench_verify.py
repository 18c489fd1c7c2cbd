"""How long a real report takes to verify: every claim, next to pdfsig, which checks the signature.

The report is the lending fixture's; its number of pages is printed.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from auditkit.pdf.pages import page_texts
from auditkit.verification import verify
from tests.support.whole_report import whole_report

RUNS = 9


def median_ms(work: Callable[[], object], *, runs: int = RUNS) -> float:
    """The median time of several runs after one that does not count, in milliseconds."""
    work()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def main() -> None:
    """Prints one line for each way of checking the same file."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    whole = whole_report()
    pages = len(page_texts(whole.signed))
    sys.stdout.write(
        f"verify, a report of {pages} pages and {len(whole.signed):,} bytes, {RUNS} runs" + "\n"
    )

    def ours(*, render: bool = False) -> None:
        found = verify(whole.signed, trust=whole.trust, log_keys=[whole.log_key], render=render)
        assert found.exit_code == 0, found

    rendered_ms = median_ms(lambda: ours(render=True), runs=3)
    sys.stdout.write(f"  the same, pages rendered anew  {rendered_ms:8.1f} ms" + "\n")
    ours_ms = median_ms(ours)
    sys.stdout.write(
        f"  auditkit.verify, no rendering  {ours_ms:8.1f} ms   {ours_ms / pages:6.2f} ms a page\n"
    )
    sys.stdout.write(
        f"  30 pages at that rate          {30 * ours_ms / pages:8.1f} ms   (at most 1,000)" + "\n"
    )
    if shutil.which("pdfsig"):
        path = Path(tempfile.mkdtemp()) / "report.pdf"
        path.write_bytes(whole.signed)
        command = ["pdfsig", "-nocert", str(path)]
        theirs = median_ms(lambda: subprocess.run(command, capture_output=True, check=False))
        ratio = ours_ms / theirs
        sys.stdout.write(
            f"  pdfsig -nocert, signature only {theirs:8.1f} ms   ratio {ratio:.1f}" + "\n"
        )
    sign_ms = median_ms(lambda: whole.signer.sign_pdf(whole.unsigned))
    sys.stdout.write(f"  signing it                     {sign_ms:8.1f} ms" + "\n")


if __name__ == "__main__":
    main()
