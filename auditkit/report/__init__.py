"""The report: a PDF whose every number can be traced to the evidence it came from.

    judgement, receipt, options --page--> view model --html--> HTML --pdf--> PDF, not yet signed

Laws:
    - It reads only the judgement, the receipt, the envelope and the options.
    - Every number on a page is in the attached `figures.json`, with the address of the value in
      the statement that it was rounded from; a number without one is an error.
    - The same arguments give the same bytes.
"""

from __future__ import annotations

from auditkit.report.figures.manifest import check_figures
from auditkit.report.html_copy import render_twin
from auditkit.report.options import ReportOptions
from auditkit.report.render import render
from auditkit.report.renderer import get_ready, rendered

__all__ = [
    "ReportOptions",
    "check_figures",
    "get_ready",
    "render",
    "render_twin",
    "rendered",
]
