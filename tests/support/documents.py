"""The Markdown that people read, taken apart: its blocks, links, and what is marked to be run.

A block is marked by a comment before its fence: `<!-- run -->` in a tutorial, `<!-- yaml: policy
-->` where a schema is to hold. What stands after the colon says how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Everything that is written for readers; what lies in docs/ as a link is read where it is.
PAGES = sorted(
    {path.resolve() for path in DOCS.rglob("*.md")}
    | {ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")}
)
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>run|yaml)(?:: (?P<how>[^\n]+))? -->\n)?"
    r"```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)(?:\s[^)]*)?\)")
_HEADING = re.compile(r"^#+ (.*?)(?: *\{ *#([\w-]+) *\})?$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        kind: Its language, as "python"; empty for commands.
        text: What it holds.
        mark: "run" or "yaml" if it is marked; else empty.
        how: What the mark says beyond that, in parts.
    """

    kind: str
    text: str
    mark: str
    how: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    return [
        Block(
            kind=found["kind"],
            text=found["text"],
            mark=found["mark"] or "",
            how=tuple((found["how"] or "").split(", ")) if found["how"] else (),
        )
        for found in _BLOCK.finditer(page.read_text())
    ]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Where a page's links and pictures lead."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    found = set()
    for title, name in _HEADING.findall(prose(page)):
        words = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
        found.add(name or re.sub(r"[ ]+", "-", words.strip()))
    return found
