"""Sections on explanations: of all scores, and of unfavourable decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.charts import HALF, WHOLE, beeswarm, importance, letters, text_width, waterfall
from auditkit.evidence import Evidence, Table
from auditkit.report.blocks.kinds import Block, Cell, ChartBlock, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText
from auditkit.report.sections.generic import attached, measurements, plain
from auditkit.report.typeset.text import shown

_MOST: Final = 15
_STEPS: Final = 8
# Names are cut here to their column, so that the ledger notes what the drawing shows. Names up to
# this width, in points, fit a chart of half the page; longer ones get a chart of the whole page.
_NAMES: Final = 112.0
_LONG_NAMES: Final = 230.0
_STEPS_WIDTH: Final = 112.0


def overall(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """Importance with intervals, and the contributions case by case."""
    found = [m for m in evidence.named("mean_abs_shap") if m.value is not None and m.group]
    if not found:
        return plain(book, evidence)
    ranked = sorted(found, key=lambda m: (-float(m.value or 0), m.key))[:_MOST]
    names = [m.group[0][1] for m in ranked]
    width, room = _room(names)
    labels = [_named(book, name, room) for name in names]
    eid = book.quote(evidence.id)
    unit = book.quote(ranked[0].unit, limit=24)
    level = next((m for m in ranked if m.level is not None), None)
    how: Text = "How to read it: the longer the bar, the more the scores move with the feature."
    if level is not None:
        how = Line(how, " Lines: intervals at ", book.percent(evidence, level), ".")
    blocks: list[Block] = [
        ChartBlock(
            title=Line(
                "Scores move most with ", _listed([book.words(n, limit=60) for n in names[:3]]), "."
            ),
            chart=importance(
                [str(label) for label in labels],
                [float(m.value or 0) for m in ranked],
                lower=[m.lower for m in ranked],
                upper=[m.upper for m in ranked],
                axis_label=f"Mean absolute SHAP value ({unit})",
                width=width,
                label_width=room + 6,
            ),
            texts=[*labels, unit],
            how=how,
            evidence=eid,
        )
    ]
    swarm = _swarm(book, evidence, names, unit)
    if swarm is not None:
        blocks.append(swarm)
    rest = [m for m in evidence.measurements if m.name != "mean_abs_shap"]
    if rest:
        blocks += measurements(book, evidence, rest, caption="How far to trust them")
    return blocks


def denials(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The number of unfavourable decisions with reasons, and one case in full."""
    blocks: list[Block] = [
        *measurements(
            book,
            evidence,
            evidence.measurements,
            caption=f"Cases {book.decision.unfavourable}, and their reasons",
        )
    ]
    table = next((t for t in evidence.tables if t.name == "denial_reasons"), None)
    if table is None or not table.rows:
        return blocks
    blocks.append(_one_case(book, evidence, table))
    drawn = _way_down(book, evidence, table)
    if drawn is not None:
        blocks.append(drawn)
    return blocks


def _one_case(book: FigureLedger, evidence: Evidence, table: Table) -> TableBlock:
    cases, chosen = table.column("row"), _nearest(table)
    features = table.column("feature")
    rows: list[list[Cell]] = [
        [
            book.cell(evidence, table, i, "rank"),
            book.words(str(features[i])),
            *(
                book.cell(evidence, table, i, c)
                for c in ("value", "reference_value", "contribution")
            ),
        ]
        for i in range(len(table.rows))
        if cases[i] == chosen
    ]
    first = cases.index(chosen)
    return TableBlock(
        caption=Line(
            "Of the cases ",
            book.decision.unfavourable,
            " the one closest to the cut-off (row ",
            book.cell(evidence, table, first, "row"),
            ", score ",
            book.cell(evidence, table, first, "score"),
            "), relative to ",
            _population(evidence),
        ),
        columns=[
            TableColumn(heading="Rank", narrow=True),
            TableColumn(heading="Feature"),
            TableColumn(heading="Value", align="right"),
            TableColumn(heading="Reference", align="right"),
            TableColumn(heading="Contribution", align="right"),
        ],
        rows=rows,
        evidence=book.quote(evidence.id),
        note=attached(book, evidence, table, printed=len(rows)),
    )


def _nearest(table: Table) -> object:
    """The case nearest to the cut-off, which most deserves a second look."""
    scores = table.column("score")
    return table.column("row")[max(range(len(scores)), key=lambda i: (_real(scores[i]), -i))]


def _way_down(book: FigureLedger, evidence: Evidence, reasons: Table) -> ChartBlock | None:
    """The same case as a waterfall, from the mean over the same population."""
    shap = next((t for t in evidence.tables if t.name == "denial_attributions"), None)
    chosen = _nearest(reasons)
    if shap is None or chosen not in shap.column("row"):
        return None
    row = shap.column("row").index(chosen)
    features = [c for c in shap.columns if c not in {"row", "base", "output"}]
    ranked = sorted(features, key=lambda f: -abs(_real(shap.rows[row][shap.columns.index(f)])))
    kept = ranked[:_STEPS]
    source = book.judgement.evidence_of("explanation.global")
    found = (t for t in source.tables if t.name == "feature_values") if source else iter(())
    values = next((t for t in found if chosen in t.column("row")), None)
    at = values.column("row").index(chosen) if values is not None else 0
    labels: list[Text] = []
    for name in kept:
        if source is not None and values is not None and name in values.columns:
            value = book.cell(source, values, at, name)
            room = _STEPS_WIDTH - 4 - text_width(f" = {value}")
            labels.append(Line(_named(book, name, room), " = ", value))
        else:
            labels.append(_named(book, name, _STEPS_WIDTH - 4))
    texts = [book.cell(evidence, shap, row, name) for name in kept]
    contributions = [_real(shap.rows[row][shap.columns.index(name)]) for name in kept]
    base = book.cell(evidence, shap, row, "base")
    output = book.cell(evidence, shap, row, "output")
    start, end = (_real(shap.rows[row][shap.columns.index(c)]) for c in ("base", "output"))
    left = ranked[_STEPS:]
    unit = book.quote(str(evidence.parameters.get("unit", "in its own unit")), limit=24)
    return ChartBlock(
        title=Line(
            "The contributions to the score of this case, from the average of ",
            _population(evidence),
            ".",
        ),
        chart=waterfall(
            [str(label) for label in labels],
            contributions,
            [str(text) for text in texts],
            base=start,
            base_label=f"average {base}",
            rest=("all other features", end - start - sum(contributions)) if left else None,
            output_label=f"this case {output}",
            axis_label=f"Score ({unit})",
            width=HALF,
            label_width=_STEPS_WIDTH,
        ),
        texts=[base, *labels, *texts, output, unit],
        how="How to read it: filled bars lower the score, open bars raise it. They start from the "
        "average of the population that the reasons are relative to.",
        evidence=book.quote(evidence.id),
    )


def _population(evidence: Evidence) -> str:
    """The population that the reasons are relative to."""
    return str(evidence.parameters.get("relative_to", "the reference population"))


def _swarm(
    book: FigureLedger, evidence: Evidence, names: list[str], unit: TracedText
) -> ChartBlock | None:
    import numpy as np

    tables = {t.name: t for t in evidence.tables}
    shap, values = tables.get("shap_values"), tables.get("feature_values")
    if shap is None or values is None or len(shap.rows) < 3:
        return None
    known = [n for n in names if n in shap.columns and n in values.columns]
    if not known:
        return None
    contributions = np.array([[_real(c) for c in shap.column(n)] for n in known]).T
    features = np.array([[_real(c) for c in values.column(n)] for n in known]).T
    if len(contributions) != len(features):
        return None
    width, room = _room(names)
    labels = [_named(book, n, room) for n in known]
    return ChartBlock(
        title="Each dot is one case: how much a feature moved its score, and in which direction.",
        chart=beeswarm(
            [str(label) for label in labels],
            contributions,
            features,
            axis_label=f"SHAP value ({unit})",
            width=width,
            label_width=room + 6,
        ),
        texts=[*labels, unit],
        how="How to read it: right of the line a feature raised the score; dark dots are cases "
        "with a high value of the feature, light ones with a low value.",
        evidence=book.quote(evidence.id),
    )


def _room(names: Sequence[str]) -> tuple[float, float]:
    """Widths in points, of a chart and of its column of names, in which the names can be read."""
    widest = max(text_width(shown(name)) for name in names)
    return (HALF, widest) if widest <= _NAMES else (WHOLE, min(widest, _LONG_NAMES))


def _named(book: FigureLedger, name: str, room: float) -> Text:
    """A feature's name, cut to a width in points."""
    return book.words(name, limit=letters(shown(name), room))


def _real(cell: object) -> float:
    return float(cell) if isinstance(cell, int | float) else float("nan")


def _listed(texts: Sequence[Text]) -> Line:
    parts: list[Text] = []
    for position, text in enumerate(texts):
        if position:
            parts.append(" and " if position == len(texts) - 1 else ", ")
        parts.append(text)
    return Line(*parts)
