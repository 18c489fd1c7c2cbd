"""Which blocks of a section stand side by side: neighbours that fit, in their order."""

from __future__ import annotations

import pytest

from auditkit.charts import Chart
from auditkit.report.blocks.kinds import ChartBlock, Pair, Prose, TableBlock, TableColumn
from auditkit.report.blocks.layout import laid_out
from auditkit.report.figures.figure_ledger import TracedText


def table(*texts: str, rows: int = 4, caption: str = "c", note: str = "") -> TableBlock:
    return TableBlock(
        caption=caption,
        columns=[TableColumn(heading=f"h{i}") for i in range(len(texts))],
        rows=[list(texts)] * rows,
        note=note,
    )


def chart(width: float = 228.0, title: str = "t") -> ChartBlock:
    return ChartBlock(
        title=title,
        chart=Chart(svg="", alt="", width=width, height=150.0),
        evidence=TracedText("E-0001", None, None),
    )


def test_neighbours_that_fit_stand_side_by_side_in_their_order():
    (pair,) = laid_out([table("a", "1"), chart()])
    assert isinstance(pair, Pair)
    assert isinstance(pair.left, TableBlock)
    assert isinstance(pair.right, ChartBlock)


def test_of_three_the_two_are_paired_that_spare_most_height():
    alone, pair = laid_out([table("a", "1", rows=2), chart(title="x"), chart(title="y")])
    assert isinstance(alone, TableBlock)
    assert (pair.left.title, pair.right.title) == ("x", "y")


@pytest.mark.parametrize(
    "blocks",
    [
        [chart(300.0), chart()],
        [table(*["m" * 30] * 4), chart()],
        [table("a", "1", rows=33), chart()],
        [Prose(text="words"), chart()],
    ],
    ids=["two wide charts", "a wide table", "a long table", "a paragraph"],
)
def test_what_does_not_fit_stands_alone(blocks):
    assert [type(b) for b in laid_out(blocks)] == [type(b) for b in blocks]


def test_a_table_that_its_column_is_too_narrow_for_gets_the_whole_page():
    narrow, wide = laid_out([Prose(text="w"), table(*["n" * 40] * 4, rows=20)])
    assert isinstance(narrow, Prose)
    assert wide.wide


def test_a_long_narrow_table_becomes_two_halves_that_hold_every_row_and_one_note():
    block = table("a", "1", rows=11, caption="Ranks", note="how")
    (pair,) = laid_out([block])
    assert [*pair.left.rows, *pair.right.rows] == block.rows
    assert (str(pair.left.caption), str(pair.right.caption)) == ("Ranks", "Ranks, continued")
    assert (pair.left.note, pair.right.note) == ("how", "")


def test_tables_without_rows_are_one_sentence():
    (sentence,) = laid_out(
        [table("a", rows=0, caption="Moves"), table("a", rows=0, caption="Uses")]
    )
    assert str(sentence.text) == "Moves: none. Uses: none."
