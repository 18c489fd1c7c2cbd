"""The report as one HTML file, for reading in a browser: the twin of the PDF.

Laws:
    - It is made from the same view model and says the same; its numbers are traced like the PDF's.
    - It fetches nothing, and runs only the script inside it, whose digest its own policy names.
    - It is a copy: only the PDF is signed and can be verified.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from auditkit.report.html import Drawings, environment, to_html
from auditkit.report.options import ReportOptions
from auditkit.report.page import Page
from auditkit.report.tracing import figures_manifest, verify_rendered
from auditkit.report.typeset.fonts import font_files
from auditkit.resources import data_path

if TYPE_CHECKING:
    from auditkit.judgement.statement import Judgement

_FACES: Final = {
    "sans": "Source Sans 3",
    "sans-italic": "Source Sans 3",
    "mono": "IBM Plex Mono",
}


def render_twin(
    judgement: Judgement,
    *,
    receipt: Mapping[str, Any] | None = None,
    options: ReportOptions | None = None,
) -> bytes:
    """The report as one self-contained HTML file.

    Args:
        judgement: The audit.
        receipt: The log's receipt for the statement; None: it was not logged.
        options: What the people behind the report state.

    Returns:
        UTF-8 text; the same bytes for the same arguments.

    Raises:
        OutputError: If a number on it cannot be traced to the statement.
    """
    chosen = options or ReportOptions()
    page, pictures = Page(judgement, chosen, receipt, screen=True), _Pictures()
    body = to_html(page, pictures, template="screen_body.html.j2")
    texts = ["\n".join([_visible(body), *pictures.texts])]
    verify_rendered(texts, figures_manifest(page.book, chosen, texts), judgement, receipt)
    letters = set(texts[0])
    style, script = _style(letters), _template("screen.js")
    whole = environment().get_template("screen.html.j2")
    return whole.render(
        judgement=judgement,
        body=Markup(pictures.placed(body, letters)),  # noqa: S704 - rendered with escapes above
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_digest=_source(style),
        script_digest=_source(script),
    ).encode("utf-8")


class _Pictures(Drawings):
    """Pictures that become part of the page, and the letters that they show."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def image(self, svg: str, *, alt: str, width: float, height: float) -> Markup:
        """An image element; its drawing is put in place when all letters are known."""
        super().image(svg, alt=alt, width=width, height=height)
        self.texts += re.findall(r"<text[^>]*>([^<]*)</text>", svg)
        # A point is four thirds of a pixel.
        return Markup('<img src="drawing:{}" alt="{}" width="{}" height="{}">').format(
            len(self.files), escape(alt), round(width * 4 / 3), round(height * 4 / 3)
        )

    def placed(self, body: str, letters: set[str]) -> str:
        """The page with its drawings inside, each with its font."""
        face = f"<style>{_face('sans', letters & set(''.join(self.texts)))}</style>"

        def inside(found: re.Match[str]) -> str:
            drawn = self.files[found[1]].decode("utf-8")
            head, end, rest = drawn.partition(">")
            return f'src="{_data_url("image/svg+xml", (head + end + face + rest).encode())}"'

        return re.sub(r'src="(drawing:\d+)"', inside, body)


class _Reader(HTMLParser):
    """Collects the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        """Collects a text."""
        self.texts.append(data)


def _visible(body: str) -> str:
    reader = _Reader()
    reader.feed(body)
    reader.close()
    return "\n".join(reader.texts)


def _style(letters: set[str]) -> str:
    """The style sheet of the paper and of the screen, with the fonts inside."""
    paper = re.sub(r"@font-face \{[^}]*\}\n?", "", _template("report.css"))
    faces = "\n".join(_face(name, letters) for name in font_files())
    return "\n".join([faces, paper, _template("screen.css")])


def _face(name: str, letters: set[str]) -> str:
    slanted = "italic" if name.endswith("italic") else "normal"
    weight = "400" if name == "mono" else "200 900"
    return (
        f'@font-face {{ font-family: "{_FACES[name]}"; font-style: {slanted}; '
        f"font-weight: {weight}; src: url({_data_url('font/ttf', _letters_of(name, letters))}) }}"
    )


def _letters_of(name: str, letters: set[str]) -> bytes:
    """A font with only the letters that are needed."""
    from fontTools.subset import Options, Subsetter, load_font

    options = Options(
        layout_features=["kern", "tnum"],
        hinting=False,
        recalc_timestamp=False,
        notdef_outline=True,
        drop_tables=["meta"],
    )
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(sorted(letters)))
    slim = io.BytesIO()
    with load_font(str(font_files()[name]), options) as font:
        subsetter.subset(font)
        font.save(slim)
    return slim.getvalue()


def _template(name: str) -> str:
    return data_path("report_templates", name).read_text("utf-8")


def _source(text: str) -> str:
    """The source expression by which a content security policy allows a text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
