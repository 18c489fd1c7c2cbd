"""The blocks of a section. A block holds the content; the templates decide how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from auditkit.charts import Chart
from auditkit.evidence import Evidence, Outcome
from auditkit.report.figures.figure_ledger import Text, TracedText


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """An outcome, always shown as a sign and a word.

    Attributes:
        outcome: The outcome.
    """

    outcome: Outcome

    @property
    def words(self) -> str:
        """See `Outcome.words`."""
        return self.outcome.words


Cell = Text | Status


@dataclass(frozen=True, kw_only=True, slots=True)
class TableColumn:
    """A column of a table.

    Attributes:
        heading: The heading, with the unit if there is one.
        align: "left", or "right" for numbers.
        narrow: Whether to keep it as narrow as its cells allow.
        code: Whether to set it in the fixed-width font.
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
        rows: One sequence of cells per row.
        evidence: The id printed in the margin; None: the cells have ids.
        note: A note below the table.
        wide: Whether it reaches into the margin column.
        layout: The style sheet's class with the widths of the columns; empty: as wide as their
            cells need.
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
        evidence: The id printed in the margin.
        wide: Whether it reaches into the margin column.
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
        text: The text.
        note: Small print after it.
        evidence: The id printed in the margin; None: none.
    """

    text: Text
    note: Text = ""
    evidence: TracedText | None = None
    kind: str = field(default="prose", init=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two blocks side by side.

    Attributes:
        left: The block to read first.
        right: The block to read second.
        share: The left one's share of the width, in percent.
    """

    left: TableBlock | ChartBlock
    right: TableBlock | ChartBlock
    share: int
    kind: str = field(default="pair", init=False)


Block = TableBlock | ChartBlock | Prose | Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The subsection of one check's evidence.

    Attributes:
        evidence: The evidence.
        id: Its id.
        number: The number of the subsection.
        title: Its heading.
        basis: Its basis: n, population, check and version.
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
    """The statement's place in the log.

    Attributes:
        origin: The log's name.
        size: The number of entries that the checkpoint covers.
        root: Its root hash, base64.
        index: The index of the statement's entry.
        checkpoint: The signed checkpoint, as the log wrote it.
        counts: How many audits of this subject it holds, one row for each fact by which they are
            of the same: the fact, then the numbers of audits, of each verdict and of those without
            one. Empty: nobody counted.
        unknown: How many more it holds of which nothing is known; None: none.
    """

    origin: TracedText
    size: TracedText
    root: TracedText
    index: TracedText
    checkpoint: str
    counts: Sequence[tuple[str, Sequence[TracedText]]] = ()
    unknown: TracedText | None = None
