"""Makes the small picture of a report's first page that the README shows.

    python examples/lending/page_one.py out/lending/report.pdf examples/lending/page-1.png

The picture is 800 pixels wide, in 32 greys and colours, so that the repository stays small.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pypdfium2

WIDTH = 800
COLOURS = 32


def main(report: str, picture: str) -> None:
    """Draws page one of a report.

    Args:
        report: The PDF.
        picture: Where the PNG goes.
    """
    document = pypdfium2.PdfDocument(Path(report).read_bytes())
    try:
        page = document[0]
        image = page.render(scale=WIDTH / page.get_width()).to_pil()
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    finally:
        document.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
