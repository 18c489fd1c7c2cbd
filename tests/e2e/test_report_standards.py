"""veraPDF's judgement of a report: PDF/A-3a and PDF/UA-1 in one file."""

from __future__ import annotations

import pytest

from auditkit.report import ReportOptions, render
from tests.fixtures import lending
from tests.support.verapdf import assert_conforms


@pytest.mark.parametrize("page_size", ["A4", "Letter"])
def test_a_report_is_archival_and_accessible(tmp_path, page_size):
    path = tmp_path / "report.pdf"
    options = ReportOptions(organisation="Example Bank", page_size=page_size, status="DRAFT")
    path.write_bytes(
        render(lending.judgement(), receipt=lending.RECEIPT, envelope=b"{}", options=options)
    )
    for profile in ("PDFA-3A", "PDFUA-1"):
        assert_conforms(profile, path)
