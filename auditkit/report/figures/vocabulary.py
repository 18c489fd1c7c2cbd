"""The numbers in the templates' own text, each inside the name of a standard.

A test compares this list with the templates. A report carries its own list (`rules`), so that it
can be verified after the templates were reworded; `is_standard` bounds what such a list may hold.
"""

from __future__ import annotations

import re
from typing import Final

VOCABULARY: Final[tuple[str, ...]] = ("SHA-256",)

# Names of standards with their numbers, which no reader takes for measurements. A later version may
# have more of them, never fewer.
_STANDARD: Final = re.compile(
    r"(?:SHA-\d{1,3}|RFC \d{1,5}|ISO(?:/IEC)? \d{1,5}(?:-\d)?|\d{2} CFR \d{1,4}(?:\.\d{1,4})?"
    r"|NIST SP \d{3}-\d{1,3}|FIPS \d{2,3}(?:-\d)?|PDF/A-\d|PDF/UA-\d|Local Law \d{1,3})\Z",
    re.ASCII,
)


def is_standard(phrase: str) -> bool:
    """Whether a phrase with numbers is the name of a standard, for example "SHA-256"."""
    return bool(_STANDARD.match(phrase))
