"""Where the report's fonts lie. They come as packages, so that every machine has the same."""

from __future__ import annotations

from pathlib import Path


def font_files() -> dict[str, Path]:
    """Font files by the names under which the style sheet asks for them."""
    from fontpkg_ibm_plex_mono import ROOT as MONO
    from fontpkg_source_sans_3 import ROOT as SANS

    sans, mono = Path(SANS) / "files", Path(MONO) / "files"
    return {
        "sans": sans / "SourceSans3[wght].ttf",
        "sans-italic": sans / "SourceSans3-Italic[wght].ttf",
        "mono": mono / "IBMPlexMono-Regular.ttf",
    }
