"""Outcomes by group: rates, ratios to the best-treated group, errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from auditkit.charts import HALF, WHOLE, ForestRow, forest, text_width
from auditkit.evidence import Evidence, Measurement
from auditkit.report.blocks.kinds import Block, Cell, ChartBlock, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText
from auditkit.report.sections.generic import measurements, of_group, plain, small_print

Group = tuple[tuple[str, str], ...]
_IN_THE_TABLE: Final = ("selection_rate", "impact_ratio", "selection_rate_difference")
# A chart's names get as much room as they need, up to this many points; then they are cut.
_LABELS: Final = 112.0
_LONG_LABELS: Final = 230.0


def selection_rates(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Selection rates, their ratios and differences, by each attribute and their intersections."""
    rates = {m.group: m for m in evidence.named("selection_rate") if m.group}
    ratios = {m.group: m for m in evidence.named("impact_ratio")}
    if not rates or not ratios:
        return plain(book, evidence)
    eid = book.quote(evidence.id)
    lowest = _lowest(ratios.values())
    title: Text = "Selection rates by group, relative to the group with the highest rate."
    if lowest is not None:
        title = Line(
            "The lowest ratio is ",
            book.value(evidence, lowest),
            ": ",
            book.group(lowest.group),
            " against ",
            book.group(lowest.compared_with),
            ".",
        )
    return [
        _table(book, evidence, rates),
        forest_of(
            book,
            evidence,
            ratios.values(),
            title=title,
            measure="Impact ratio",
            axis_label="Ratio to the highest selection rate (log scale)",
            lines=(0.8, 1.0),
            log=True,
            how=(
                f"How to read it: left of the solid line a group is {book.decision.favourable} "
                "less often than the reference; the dashed line is the four-fifths rule of thumb. "
            ),
            eid=eid,
        ),
        forest_of(
            book,
            evidence,
            rates.values(),
            title="Selection rate of each group.",
            measure="Selection rate",
            axis_label=f"Share of cases {book.decision.favourable}",
            how="How to read it: where intervals overlap widely, "
            "the data show no clear difference between groups. ",
            eid=eid,
        ),
        *measurements(
            book,
            evidence,
            [m for m in evidence.measurements if m.name not in _IN_THE_TABLE],
        ),
    ]


def error_rates(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """True and false positive rates of each group, and the gaps between groups."""
    groups = dict.fromkeys(m.group for m in evidence.named("tpr") if m.group)
    if not groups:
        return plain(book, evidence)
    rows: list[list[Cell]] = []
    used: list[Measurement] = []
    for group in groups:
        row: list[Cell] = [book.group(group)]
        for name in ("tpr", "fpr"):
            rate, gap = _of(evidence, name, group), _of(evidence, f"{name}_difference", group)
            used += [m for m in (rate, gap) if m is not None]
            row += [
                book.n(evidence, rate) if rate else "\u2013",
                of_group(book, evidence, rate),
                of_group(book, evidence, gap),
            ]
        rows.append(row)
    blocks: list[Block] = [
        TableBlock(
            caption="Errors by group",
            columns=[
                TableColumn(heading="Group"),
                TableColumn(heading="n fav.", align="right", narrow=True),
                TableColumn(heading="True positive rate", align="right"),
                TableColumn(heading="Difference", align="right"),
                TableColumn(heading="n unfav.", align="right", narrow=True),
                TableColumn(heading="False positive rate", align="right"),
                TableColumn(heading="Difference", align="right"),
            ],
            rows=rows,
            evidence=book.quote(evidence.id),
            note=Line(
                "n: cases whose true outcome is favourable, and unfavourable. ",
                small_print(book, evidence, used),
            ),
        )
    ]
    rest = [m for m in evidence.measurements if m not in used]
    blocks += measurements(book, evidence, rest)
    return blocks


def _table(book: FigureLedger, evidence: Evidence, rates: dict[Group, Measurement]) -> TableBlock:
    rows: list[list[Cell]] = []
    for group, rate in rates.items():
        row: list[Cell] = [
            book.group(group),
            book.n(evidence, rate),
            book.interval(evidence, rate),
        ]
        for name in ("impact_ratio", "selection_rate_difference"):
            found = _of(evidence, name, group)
            row.append(of_group(book, evidence, found))
        rows.append(row)
    first = next(iter(rates.values()))
    note: Text = ""
    if first.level is not None:
        note = Line(
            "In brackets: intervals at ",
            book.percent(evidence, first),
            ". The reference is the "
            "group with the highest rate among those formed by the same attributes.",
        )
    return TableBlock(
        caption="Selection rates",
        columns=[
            TableColumn(heading="Group"),
            TableColumn(heading="n", align="right", narrow=True),
            TableColumn(heading="Selection rate", align="right"),
            TableColumn(heading="Impact ratio", align="right"),
            TableColumn(heading="Difference", align="right"),
        ],
        rows=rows,
        evidence=book.quote(evidence.id),
        note=note,
    )


def forest_of(
    book: FigureLedger,
    evidence: Evidence,
    found: Iterable[Measurement],
    *,
    title: Text,
    measure: str,
    axis_label: str,
    how: str,
    eid: TracedText,
    lines: Sequence[float] = (),
    log: bool = False,
) -> ChartBlock:
    """A forest plot of one number of each group, with the words around it.

    Args:
        book: Hands out the numbers.
        evidence: Whose numbers they are.
        found: The numbers, each about a group; at least one.
        title: What the chart shows, in one sentence.
        measure: Name of the numbers; begins the chart's description.
        axis_label: With its unit.
        how: How to read it.
        eid: The evidence's id.
        lines: Values to mark.
        log: Draws a logarithmic axis.
    """
    shown = _by_size(list(found))
    widest = max(text_width(str(book.group(m.group))) for m in shown)
    wide = widest > _LABELS
    room = min(widest, _LONG_LABELS)
    texts: list[Text] = []
    estimates: list[ForestRow] = []
    level: Measurement | None = None
    for m in shown:
        label, n = _label(book, m.group, room), book.n(evidence, m)
        texts += [label, n]
        level = level or (m if m.level is not None else None)
        reference = bool(m.group) and m.group == m.compared_with
        estimates.append(
            ForestRow(
                label=str(label),
                value=m.value,
                lower=m.lower,
                upper=m.upper,
                n=str(n),
                remark="reference" if reference else "",
                hollow=reference,
            )
        )
    tail: tuple[Text, ...] = ()
    if level is not None:
        tail = ("Lines: intervals at ", book.percent(evidence, level), ".")
    return ChartBlock(
        title=title,
        chart=forest(
            estimates,
            measure=measure,
            axis_label=axis_label,
            lines=lines,
            log=log,
            width=WHOLE if wide else HALF,
            label_width=room + 8,
        ),
        texts=texts,
        how=Line(how, *tail),
        evidence=eid,
    )


def _label(book: FigureLedger, group: Group, room: float) -> Line:
    """A group's name, cut to a width in points."""
    whole = book.group(group)
    if text_width(str(whole)) <= room:
        return whole
    most = sum(len(name) + len(value) + 3 for name, value in group)
    cut = (book.group(group, limit=limit) for limit in range(most - 1, 0, -1))
    return next((label for label in cut if text_width(str(label)) <= room), whole)


def _by_size(found: list[Measurement]) -> list[Measurement]:
    """Attribute by attribute in the order given; within one the largest group first."""
    order = list(dict.fromkeys(tuple(a for a, _ in m.group) for m in found))
    return sorted(found, key=lambda m: (order.index(tuple(a for a, _ in m.group)), -(m.n or 0)))


def _lowest(ratios: Iterable[Measurement]) -> Measurement | None:
    known = [m for m in ratios if m.value is not None and m.group != m.compared_with]
    return min(known, key=lambda m: (float(m.value or 0), m.key), default=None)


def _of(evidence: Evidence, name: str, group: Group) -> Measurement | None:
    return next((m for m in evidence.named(name) if m.group == group), None)
