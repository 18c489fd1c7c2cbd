"""The numbers in the templates' own text. A test compares this list with the templates."""

from __future__ import annotations

from typing import Final

VOCABULARY: Final[frozenset[str]] = frozenset({"256"})
