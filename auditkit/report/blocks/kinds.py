"""What a section is made of. Each block knows what it says; the templates know how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from auditkit.charts import Chart
from auditkit.evidence import Evidence, Outcome
from auditkit.report.figures.figure_ledger import Text, TracedText


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How something came out: always a sign and a word.

    Attributes:
        outcome: The outcome.
    """

    outcome: Outcome

    @property
    def words(self) -> str:
        """As `Outcome.words`."""
        return self.outcome.words


Cell = Text | Status


@dataclass(frozen=True, kw_only=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        heading: With the unit, where there is one.
        align: Numbers stand at the right.
        narrow: Is not widened beyond what its cells need.
        code: Is set in the fixed-width font.
    """

    heading: Text
    align: Literal["left", "right"] = "left"
    narrow: bool = False
    code: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TableBlock:
    """A table; its first column names the row.

    Attributes:
        caption: What the rows are.
        columns: At most eight.
        rows: One sequence of cells a row.
        evidence: Id printed in the margin; None: the cells carry their own.
        note: Below the table.
        wide: Reaches into the margin column.
        layout: The class of the style sheet that says how wide the columns are; empty: as wide
            as their cells need.
    """

    caption: Text
    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[Cell]]
    evidence: TracedText | None = None
    note: Text = ""
    wide: bool = False
    layout: str = ""
    kind: str = field(default="table", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartBlock:
    """A chart with the sentence that says what it shows.

    Attributes:
        title: What the chart shows, as a sentence.
        chart: The drawing.
        texts: The numbers in the drawing, noted when it is printed.
        how: How to read it, in one line.
        evidence: Id printed in the margin.
        wide: Reaches into the margin column.
    """

    title: Text
    chart: Chart
    texts: Sequence[Text] = ()
    how: Text = ""
    evidence: TracedText
    wide: bool = False
    kind: str = field(default="chart", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prose:
    """A paragraph.

    Attributes:
        text: What it says.
        note: Said in small print after it.
        evidence: Id printed in the margin; None: none.
    """

    text: Text
    note: Text = ""
    evidence: TracedText | None = None
    kind: str = field(default="prose", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two blocks side by side.

    Attributes:
        left: Is read first.
        right: Is read second.
        share: How much of the width the left one takes, in percent.
    """

    left: TableBlock | ChartBlock
    right: TableBlock | ChartBlock
    share: int
    kind: str = field(default="pair", init=False)


Block = TableBlock | ChartBlock | Prose | Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one check found.

    Attributes:
        evidence: The evidence.
        id: Its id.
        number: Number of the subsection.
        title: Its heading.
        basis: What it rests on: n, population, check and version.
        blocks: Tables, charts, paragraphs.
        notes: How to read it and how it misleads.
    """

    evidence: Evidence
    id: TracedText
    number: TracedText
    title: Text
    basis: Text
    blocks: Sequence[Block]
    notes: Sequence[Text]


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """One section of evidence."""

    number: TracedText
    title: Text
    anchor: str
    parts: Sequence[Part]


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Where the statement stands in the log.

    Attributes:
        origin: The log's name.
        size: How many entries the checkpoint covers.
        root: Its root hash, base64.
        index: The statement's entry.
        checkpoint: The signed checkpoint, as the log wrote it.
    """

    origin: TracedText
    size: TracedText
    root: TracedText
    index: TracedText
    checkpoint: str
