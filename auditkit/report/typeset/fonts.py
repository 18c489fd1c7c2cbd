"""The files that a report includes: fonts, which come as packages, and the offline verifier."""

from __future__ import annotations

from pathlib import Path

from auditkit.errors import AuditkitError
from auditkit.resources import data_path


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


def offline_script() -> bytes | None:
    """The script that verifies a report's attachments without auditkit; None: not installed."""
    try:
        return data_path("report_templates", "verify_offline.py").read_bytes()
    except AuditkitError:
        return None
