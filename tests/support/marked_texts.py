"""Invented texts of many styles, written out one by one, with their identifiers marked in place.

A text stands between lines of `===`, its style on its first line after `#`. `{P:Ann Lee}` marks a
person; the letters are below. Unlike the templates of `personal_texts`, no two texts are alike.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from auditkit.deid.detect.recall import Labelled
from tests.support.personal_texts import NEUTRAL

FOLDER: Final = Path(__file__).parents[1] / "fixtures" / "deid"
_MARK: Final = re.compile(r"\{([A-Z]{1,2}):([^{}]*)\}")
_KINDS: Final = {
    "P": "PERSON", "O": "ORGANIZATION", "A": "ADDRESS", "C": "CITY", "Z": "ZIP_CODE",
    "B": "COORDINATES", "D": "DATE_TIME", "AG": "AGE", "T": "PHONE_NUMBER", "F": "FAX_NUMBER",
    "E": "EMAIL_ADDRESS", "S": "US_SSN", "M": "MEDICAL_RECORD", "H": "HEALTH_PLAN", "J": "ACCOUNT",
    "K": "LICENSE", "L": "VEHICLE", "V": "DEVICE", "U": "URL", "I": "IP_ADDRESS", "R": "BIOMETRIC",
    "Q": "PHOTO", "X": "ID", "N": NEUTRAL,
}  # fmt: skip


def marked_texts(name: str) -> dict[str, list[Labelled]]:
    """The texts of one file by style: clinical, business, disguised, nothing."""
    texts: dict[str, list[Labelled]] = {}
    _, *blocks = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("\n===\n")
    for block in blocks:
        style, _, marked = block.strip("\n").partition("\n")
        texts.setdefault(style.removeprefix("#"), []).append(_labelled(marked))
    return texts


def _labelled(marked: str) -> Labelled:
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    length = done = 0
    for match in _MARK.finditer(marked):
        before = marked[done : match.start()]
        parts += [before, match[2]]
        start = length + len(before)
        length = start + len(match[2])
        spans.append((start, length, _KINDS[match[1]]))
        done = match.end()
    parts.append(marked[done:])
    return Labelled(text="".join(parts), spans=tuple(spans))
