"""veraPDF's judgement of a report: PDF/A-3a and PDF/UA-1 in one file.

The judge is a program called as `verapdf PROFILE FILE`, which exits with 0 if the file conforms.
It lies beside the repository, or where the environment variable VERAPDF says.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from auditkit.report import ReportOptions, render
from tests.fixtures import lending

JUDGE = os.environ.get("VERAPDF") or Path(__file__).parents[3] / "shared" / "tools" / "verapdf"


@pytest.mark.parametrize("page_size", ["A4", "Letter"])
def test_a_report_is_archival_and_accessible(tmp_path, page_size):
    path = tmp_path / "report.pdf"
    options = ReportOptions(organisation="Example Bank", page_size=page_size, status="DRAFT")
    path.write_bytes(
        render(lending.judgement(), receipt=lending.RECEIPT, envelope=b"{}", options=options)
    )
    for profile in ("PDFA-3A", "PDFUA-1"):
        judged = subprocess.run([JUDGE, profile, path], capture_output=True, text=True, check=False)
        assert judged.returncode == 0, f"{profile}: {judged.stdout}"
