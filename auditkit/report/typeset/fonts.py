"""The fonts of reports, which come as packages."""

from __future__ import annotations

from pathlib import Path


def font_files() -> dict[str, Path]:
    """Font files, by the names that the style sheet uses."""
    from fontpkg_ibm_plex_mono import ROOT as MONO
    from fontpkg_source_sans_3 import ROOT as SANS

    sans, mono = Path(SANS) / "files", Path(MONO) / "files"
    return {
        "sans": sans / "SourceSans3[wght].ttf",
        "sans-italic": sans / "SourceSans3-Italic[wght].ttf",
        "mono": mono / "IBMPlexMono-Regular.ttf",
    }
