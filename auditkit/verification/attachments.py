"""The names of a report's attachments."""

from __future__ import annotations

from typing import Final

STATEMENT: Final = "statement.json"
ENVELOPE: Final = "statement.dsse.json"
RECEIPT: Final = "receipt.json"
FIGURES: Final = "figures.json"
RENDERING: Final = "render.json"


def table_file(name: str) -> str:
    """The attachment that holds a table of the evidence."""
    return f"table-{name}.json"
