"""Decides which blocks of a section go side by side, and which need the whole page.

Widths are estimated from the texts, in points; the style sheet has the last word. The estimate
errs on the wide side, so that blocks side by side do fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from auditkit.charts import text_width
from auditkit.report.blocks.kinds import (
    Block,
    Cell,
    ChartBlock,
    Pair,
    Prose,
    TableBlock,
    TableColumn,
)
from auditkit.report.figures.figure_ledger import Line, joined

# The text's column and the whole page between its margins, on the narrower of both papers.
_COLUMN: Final = 386.0
_WHOLE: Final = 480.0
_BETWEEN: Final = 15.0
# A pair does not break across pages, so it has to be short.
_MAX_ROWS: Final = 16
_WORDS: Final = 96.0
_PADDING: Final = 7.4
# Type in tables is larger than in charts, whose texts are measured.
_LARGER: Final = 8.0 / 7.5
_STEP: Final = 5
# A table with fewer rows is not folded.
_FOLDED: Final = 6
_ROW: Final = 13.5
_AROUND: Final = 45.0


def laid_out(blocks: Iterable[Block]) -> list[Block]:
    """The blocks of one section, in their order, with neighbours paired where both fit.

    Of all ways to pair neighbours, the one with the least total height is taken.
    """
    given = list(_without_empty(blocks))
    # For each block the least height from it on, and the blocks that take it.
    least: list[tuple[float, list[Block]]] = [(0.0, [])]
    for position in range(len(given) - 1, -1, -1):
        block, (after, rest) = given[position], least[0]
        chosen = (_height(block) + after, [_widened(block), *rest])
        folded = _folded(block)
        if folded is not None and _height(folded) + after < chosen[0]:
            chosen = (_height(folded) + after, [folded, *rest])
        if position + 1 < len(given):
            pair = _pair(block, given[position + 1])
            after, rest = least[1]
            if pair is not None and _height(pair) + after < chosen[0]:
                chosen = (_height(pair) + after, [pair, *rest])
        least.insert(0, chosen)
    return least[0][1]


def _without_empty(blocks: Iterable[Block]) -> Iterator[Block]:
    """Turns tables without rows into one sentence."""
    for empty, group in groupby(blocks, lambda b: isinstance(b, TableBlock) and not b.rows):
        if not empty:
            yield from group
            continue
        tables = [b for b in group if isinstance(b, TableBlock)]
        yield Prose(
            text=joined(" ", (Line(b.caption, ": none.") for b in tables)),
            note=joined(" ", (b.note for b in tables if str(b.note))),
            evidence=tables[0].evidence,
        )


def _folded(block: Block) -> Pair | None:
    """A long and narrow table as two halves side by side."""
    if not isinstance(block, TableBlock) or not _FOLDED <= len(block.rows) <= 2 * _MAX_ROWS:
        return None
    half = (len(block.rows) + 1) // 2
    return _pair(
        replace(block, rows=block.rows[:half]),
        replace(block, rows=block.rows[half:], note="", caption=Line(block.caption, ", continued")),
    )


def _pair(left: Block, right: Block) -> Pair | None:
    if not (_is_short(left) and _is_short(right)):
        return None
    assert isinstance(left, ChartBlock | TableBlock)
    assert isinstance(right, ChartBlock | TableBlock)
    first, second = _need(left), _need(right)
    if first + second + _BETWEEN > _WHOLE:
        return None
    # Tables take the spare width as far as it saves them lines; a drawing does not grow.
    wanted = _need(left, words=_WHOLE), _need(right, words=_WHOLE)
    share = _STEP * round(100 * wanted[0] / sum(wanted) / _STEP)
    least = 100 * first / (_WHOLE - _BETWEEN)
    most = 100 - 100 * second / (_WHOLE - _BETWEEN)
    steps = [s for s in range(_STEP, 100, _STEP) if least <= s <= most]
    if not steps:
        return None
    share = min(steps, key=lambda s: abs(s - share))
    room = share / 100 * (_WHOLE - _BETWEEN)
    return Pair(left=_in(left, room), right=_in(right, _WHOLE - _BETWEEN - room), share=share)


def _in(block: ChartBlock | TableBlock, room: float) -> ChartBlock | TableBlock:
    """A block in its half of a pair; the names of its rows do not wrap if all of it fits."""
    if isinstance(block, ChartBlock):
        return replace(block, wide=False)
    first, *others = block.columns
    whole = _need(block, words=_WHOLE) <= room
    return replace(
        block, wide=False, columns=[replace(first, narrow=first.narrow or whole), *others]
    )


def _is_short(block: Block) -> bool:
    if isinstance(block, ChartBlock):
        return True
    return isinstance(block, TableBlock) and len(block.rows) <= _MAX_ROWS


def _widened(block: Block) -> Block:
    if isinstance(block, ChartBlock | TableBlock):
        return replace(block, wide=block.wide or _need(block, words=_WHOLE) > _COLUMN)
    return block


def _height(block: Block) -> float:
    """The estimated height of a block, in points."""
    if isinstance(block, Pair):
        return max(_height(block.left), _height(block.right))
    if isinstance(block, ChartBlock):
        return block.chart.height + _AROUND
    return _AROUND + (_ROW * len(block.rows) if isinstance(block, TableBlock) else 0.0)


def _need(block: ChartBlock | TableBlock, *, words: float = _WORDS) -> float:
    """The width below which a block would look cramped, in points.

    Args:
        block: A table or a chart.
        words: The width in which words wrap in a cell; numbers do not.
    """
    if isinstance(block, ChartBlock):
        return block.chart.width
    cells = [[row[i] for row in block.rows] for i in range(len(block.columns))]
    return sum(_column(c, of, words) for c, of in zip(block.columns, cells, strict=True))


def _column(column: TableColumn, cells: Sequence[Cell], wrapped: float) -> float:
    texts = [str(getattr(cell, "words", cell)) for cell in cells]
    head = max(map(text_width, str(column.heading).split()), default=0.0)
    words = max((text_width(w) for t in texts for w in t.split()), default=0.0)
    whole = max(map(text_width, texts), default=0.0)
    if column.align == "left" and not column.narrow:
        whole = max(words, min(whole, wrapped))
    return max(head, whole * _LARGER) + _PADDING
