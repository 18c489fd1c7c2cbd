"""From the view model to HTML.

Laws: every text is escaped; a misspelled name in a template is an error; templates can load only
the charts, by names that exist in memory only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from auditkit.report.blocks.kinds import ChartBlock
from auditkit.report.page import Page
from auditkit.report.typeset.text import shown
from auditkit.resources import data_path

if TYPE_CHECKING:
    import jinja2

# Numbers and names up to this many letters stay on one line; longer ones may break.
_LONG: Final = 28


class Drawings:
    """The pictures of one document, by the names that the page uses."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def chart(self, page: Page, block: ChartBlock) -> Markup:
        """An image element for a chart; notes every number that is drawn."""
        for text in block.texts:
            if not isinstance(text, str):
                text.note()
        for axis in block.chart.axes:
            page.book.note({"text": " ".join(axis), "source": "axis"})
        return self.image(
            block.chart.svg, alt=block.chart.alt, width=block.chart.width, height=block.chart.height
        )

    def code(self, text: str) -> Markup:
        """A QR code of a text, with a description."""
        import io

        import segno

        drawn = io.BytesIO()
        segno.make(text, error="l", micro=False).save(
            drawn, kind="svg", border=0, xmldecl=False, svgns=True, nl=False, omitsize=True
        )
        return self.image(
            drawn.getvalue().decode(),
            alt="QR code of the log's signed checkpoint",
            width=62,
            height=62,
        )

    def image(self, svg: str, *, alt: str, width: float, height: float) -> Markup:
        """An image element for a drawing."""
        name = f"drawing:{len(self.files) + 1}"
        self.files[name] = svg.encode("utf-8")
        return Markup('<img src="{}" alt="{}" style="width:{}pt;height:{}pt">').format(
            name, escape(alt), f"{width:g}", f"{height:g}"
        )


def to_html(
    page: Page, drawings: Drawings, *, template: str = "report.html.j2", whole: bool = True
) -> str:
    """Renders a document: the whole report or its first page on paper, or a page for a screen.

    Args:
        page: The view model; printing it notes its numbers.
        drawings: Collects the pictures.
        template: One of report_templates/.
        whole: Whether to render more than page one.
    """
    found = environment().get_template(template)
    return found.render(page=page, drawings=drawings, whole=whole, screen=page.screen)


def environment() -> jinja2.Environment:
    """The templates, under the laws above."""
    import jinja2

    known = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(data_path("report_templates")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known.filters["shown"] = shown
    known.tests["long"] = lambda text: len(str(text)) > _LONG
    return known
