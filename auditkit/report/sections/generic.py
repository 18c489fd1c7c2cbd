"""The plain form: measurements in tables, then the rows behind them.

A check without a form of its own is shown by it, so that nothing that was measured stays out of a
report. Numbers about groups are laid out with one row a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditkit.evidence import Evidence, Measurement, Table, describe_group
from auditkit.report.blocks.kinds import Block, Cell, Prose, TableBlock, TableColumn
from auditkit.report.figures.figure_ledger import FigureLedger, Line, Text, TracedText, joined

Group = tuple[tuple[str, str], ...]

_MAX_ROWS: Final = 24
_FIRST_ROWS: Final = 6
_MAX_COLUMNS: Final = 7
_ABREAST: Final = 4
_FEW: Final = 2
_ACROSS: Final = 4
# Units that the measure's name implies.
_PLAIN_UNITS: Final = frozenset({"proportion", "probability", "count"})


def plain(book: FigureLedger, evidence: Evidence) -> Sequence[Block]:
    """The section of a check without an entry in `blocks_of`."""
    blocks: list[Block] = list(measurements(book, evidence, evidence.measurements))
    blocks += [rows(book, evidence, table) for table in evidence.tables]
    return blocks


def measurements(
    book: FigureLedger,
    evidence: Evidence,
    shown: Sequence[Measurement],
    *,
    caption: Text = "What was measured",
) -> list[Block]:
    """Measurements with their intervals and n: a line if there are few, else a table.

    Args:
        book: Hands out the numbers.
        evidence: Whose measurements they are.
        shown: Those to show, in order.
        caption: Of the table of numbers about everyone.
    """
    blocks: list[Block] = []
    overall = [m for m in shown if not m.group]
    if overall and _fit_a_line(overall):
        blocks.append(_line(book, evidence, overall))
    elif overall:
        blocks.append(_list(book, evidence, overall, caption))
    for names in _together(shown):
        blocks += [
            _pivot(book, evidence, shown, names[start : start + _ABREAST])
            for start in range(0, len(names), _ABREAST)
        ]
    return blocks


def _together(shown: Sequence[Measurement]) -> list[list[str]]:
    """Names of measures in one table: those of the same groups, or of some of them."""
    tables: list[tuple[set[Group], list[str]]] = []
    for name in dict.fromkeys(m.name for m in shown if m.group):
        groups = {m.group for m in shown if m.name == name}
        for known, names in tables:
            if groups <= known:
                names.append(name)
                break
        else:
            tables.append((groups, [name]))
    return [names for _, names in tables]


def rows(book: FigureLedger, evidence: Evidence, table: Table) -> TableBlock:
    """The first rows of a table; the whole is attached to the report.

    Where a cell or a heading is the address of a group or a measurement, it is shown in words.
    """
    kept = table.columns[:_MAX_COLUMNS]
    printed = len(table.rows) if len(table.rows) <= _MAX_ROWS else _FIRST_ROWS
    named = (g for m in evidence.measurements for g in (m.group, m.compared_with) if g)
    groups = {describe_group(group): group for group in named}
    measured = {m.key: m for m in evidence.measurements if m.group}
    first = telling_digits(table.column(kept[0])[:printed])

    def heading(name: str) -> Text:
        of = measured.get(name)
        if name == "n":
            return name
        if of is None:
            known = name in book.glossary.terms
            return book.measure(name) if known else book.heading(name)
        return Line(book.measure(of.name), ", ", book.group(of.group))

    def cell(row: int, name: str) -> Cell:
        group = groups.get(str(table.rows[row][table.columns.index(name)]))
        if group is not None:
            return book.group(group)
        return book.cell(evidence, table, row, name, digits=first if name == kept[0] else 2)

    body = [[cell(i, name) for name in kept] for i in range(printed)]
    return TableBlock(
        caption=book.quote(table.title),
        columns=[
            TableColumn(heading=heading(name), align="right" if _numeric(table, name) else "left")
            for name in kept
        ],
        rows=body,
        evidence=book.quote(evidence.id),
        note=attached(book, evidence, table, printed=len(body)),
    )


def attached(book: FigureLedger, evidence: Evidence, table: Table, *, printed: int) -> Line | str:
    """Names the file that holds the whole table, if the page shows only a part."""
    if printed == len(table.rows) and (len(table.columns) <= _MAX_COLUMNS or not table.rows):
        return ""
    where = ("evidence", int(evidence.id[2:]) - 1, "tables", evidence.tables.index(table), "rows")
    return Line(
        "The attached table-",
        book.quote(table.name),
        ".csv has all ",
        book.fact(*where, value=len(table.rows)),
        " rows.",
    )


def small_print(book: FigureLedger, evidence: Evidence, shown: Sequence[Measurement]) -> Line:
    """The note of a whole table: level, methods, and why numbers are missing."""
    parts: list[Text] = []
    level = next((m for m in shown if m.level is not None), None)
    if level is not None:
        parts.append(Line("Intervals at ", book.percent(evidence, level), "."))
    methods: dict[str, dict[str, None]] = {}
    for m in shown:
        if (m.method and m.group != m.compared_with) or (m.method and not m.group):
            methods.setdefault(m.method, {})[m.name] = None
    if len(methods) == 1:
        parts.append(Line("Method: ", book.quote(next(iter(methods))), "."))
    elif methods:
        clauses = (
            Line(joined(", ", (book.measure(n) for n in names)), ": ", book.quote(method))
            for method, names in methods.items()
        )
        parts.append(Line("Methods: ", joined("; ", clauses), "."))
    reasons = dict.fromkeys(m.reason for m in shown if m.value is None)
    if reasons:
        clauses = (Line(book.quote(reason)) for reason in reasons)
        parts.append(Line("Not estimable: ", joined("; ", clauses), "."))
    left_out = dict.fromkeys(m.reason for m in shown if m.reason and m.value is not None)
    parts += [Line("Not over all groups: ", book.quote(why), ".") for why in left_out]
    return joined(" ", parts)


def of_group(
    book: FigureLedger, evidence: Evidence, found: Measurement | None
) -> TracedText | Line | str:
    """A cell about a group: the number with its interval, or that it is the reference."""
    if found is None:
        return "\u2013"
    if found.group and found.group == found.compared_with:
        return "reference"
    return book.interval(evidence, found)


def _fit_a_line(shown: Sequence[Measurement]) -> bool:
    return len(shown) <= (_FEW if any(m.lower is not None for m in shown) else 2 * _FEW)


def _line(book: FigureLedger, evidence: Evidence, shown: Sequence[Measurement]) -> Prose:
    """A few numbers about everyone, or about one group, as a sentence."""
    clauses: list[Text] = []
    for position, m in enumerate(shown):
        words = book.measure(m.name, inside=position > 0 or bool(m.group))
        unit: Text = "" if m.unit in _PLAIN_UNITS else Line(" ", book.quote(m.unit))
        clauses.append(Line(words, " ", of_group(book, evidence, m), unit))
        if position == len(shown) - 1 or m.n != shown[-1].n:
            clauses[-1] = Line(clauses[-1], ", n = ", book.n(evidence, m))
    about: Text = ""
    if shown[0].group:
        about = Line(book.group(shown[0].group), ": ")
    return Prose(
        text=Line(about, joined("; ", clauses), "."),
        note=small_print(book, evidence, shown),
        evidence=book.quote(evidence.id),
    )


def _list(
    book: FigureLedger, evidence: Evidence, shown: Sequence[Measurement], caption: Text
) -> TableBlock:
    """Numbers about everyone, one row each; what all rows share is printed once."""
    one_n = shown[0].n is not None and len({m.n for m in shown}) == 1
    units = {m.unit for m in shown}
    if units <= _PLAIN_UNITS:
        units = set()
    value: Text = "Value (interval)" if any(m.lower is not None for m in shown) else "Value"
    if len(units) == 1:
        value = Line(value, ", ", book.quote(units.pop()))
        units = set()
    columns = [TableColumn(heading="Measure"), TableColumn(heading=value, align="right")]
    if not one_n:
        columns.append(TableColumn(heading="n", align="right", narrow=True))
    if units:
        columns.append(TableColumn(heading="Unit", narrow=True))
    rows: list[list[Cell]] = []
    for m in shown:
        row: list[Cell] = [book.measure(m.name), book.interval(evidence, m)]
        row += [] if one_n else [book.n(evidence, m)]
        row += [book.quote(m.unit)] if units else []
        rows.append(row)
    return TableBlock(
        caption=Line(caption, ", n = ", book.n(evidence, shown[0])) if one_n else caption,
        columns=columns,
        rows=rows,
        evidence=book.quote(evidence.id),
        note=small_print(book, evidence, shown),
    )


def _pivot(
    book: FigureLedger, evidence: Evidence, shown: Sequence[Measurement], names: Sequence[str]
) -> TableBlock | Prose:
    found = {(m.name, m.group): m for m in shown if m.name in names and m.group}
    groups = list(dict.fromkeys(m.group for m in shown if m.name == names[0] and m.group))
    if len(groups) == 1 and _fit_a_line(list(found.values())):
        return _line(book, evidence, list(found.values()))
    crossed = _crossing(groups) if len(names) == 1 else None
    if crossed is not None:
        return _matrix(book, evidence, found, names[0], crossed)
    attributes = {tuple(a for a, _ in group) for group in groups}
    one = next(iter(attributes))[0] if attributes == {(groups[0][0][0],)} else None
    counts = {g: {m.n for m in found.values() if m.group == g} for g in groups}
    once = all(len(of) == 1 for of in counts.values())
    every = set.union(*counts.values())
    alike = len(groups) > 1 and len(every) == 1 and None not in every
    columns = [TableColumn(heading=book.heading(one) if one else "Group")]
    for name in names:
        columns.append(TableColumn(heading=book.measure(name), align="right"))
        if not once or (name == names[-1] and not alike):
            columns.append(TableColumn(heading="n", align="right", narrow=True))
    body: list[list[Cell]] = []
    for group in groups[:_MAX_ROWS]:
        row: list[Cell] = [book.words(group[0][1]) if one else book.group(group)]
        for name in names:
            m = found.get((name, group))
            row.append(of_group(book, evidence, m))
            if not once:
                row.append("\u2013" if m is None else book.n(evidence, m))
        if once and not alike:
            row.append(book.n(evidence, found[names[0], group]))
        body.append(row)
    caption = book.measures(names)
    if alike:
        caption = Line(caption, ", n = ", book.n(evidence, found[names[0], groups[0]]))
    return TableBlock(
        caption=caption,
        columns=columns,
        rows=body,
        evidence=book.quote(evidence.id),
        note=_cut(small_print(book, evidence, list(found.values())), groups),
    )


def _crossing(groups: Sequence[Group]) -> tuple[list[tuple[str, str]], list[Group]] | None:
    """Rows and columns, if the groups are all pairs of a first value and the rest."""
    if any(len(group) < 2 for group in groups) or len({group[0][0] for group in groups}) > 1:
        return None
    down = list(dict.fromkeys(group[0] for group in groups))
    across = list(dict.fromkeys(group[1:] for group in groups))
    full = len(groups) == len(down) * len(across)
    return (down, across) if full and 1 < len(across) <= _ACROSS and len(down) > 2 else None


def _matrix(
    book: FigureLedger,
    evidence: Evidence,
    found: dict[tuple[str, Group], Measurement],
    name: str,
    crossed: tuple[list[tuple[str, str]], list[Group]],
) -> TableBlock:
    down, across = crossed
    body: list[list[Cell]] = [
        [
            book.words(first[1]),
            *(of_group(book, evidence, found.get((name, (first, *rest)))) for rest in across),
        ]
        for first in down[:_MAX_ROWS]
    ]
    every = list(found.values())
    note = small_print(book, evidence, every)
    if len({m.n for m in every}) == 1:
        note = Line("n = ", book.n(evidence, every[0]), ". ", note)
    return TableBlock(
        caption=book.measure(name),
        columns=[
            TableColumn(heading=book.heading(down[0][0])),
            *(TableColumn(heading=book.group(rest), align="right") for rest in across),
        ],
        rows=body,
        evidence=book.quote(evidence.id),
        note=_cut(note, down),
    )


def _cut(note: Line, listed: Sequence[object]) -> Line:
    if len(listed) <= _MAX_ROWS:
        return note
    return Line(note, " The rest is in the attached statement.")


def telling_digits(cells: Sequence[object]) -> int:
    """The decimals that keep the rows' numbers distinct; 2 if none do."""
    numbers = {c for c in cells if isinstance(c, float)}
    enough = (d for d in range(2, 7) if len({f"{c:.{d}f}" for c in numbers}) == len(numbers))
    return next(enough, 2)


def _numeric(table: Table, name: str) -> bool:
    cells = [c for c in table.column(name) if c is not None]
    return bool(cells) and all(isinstance(c, int | float) for c in cells)


def binned(
    table: Table, columns: Sequence[str]
) -> list[tuple[float, float, float | None, float | None]]:
    """The bins of a table that have both means: x, y, and the ends of y's interval, if it has one.

    Args:
        table: One row a bin.
        columns: Its columns of x, y, lower and upper end.
    """

    def end(cell: object) -> float | None:
        return float(cell) if isinstance(cell, int | float) else None

    return [
        (float(x), float(y), end(low), end(high))
        for x, y, low, high in zip(*map(table.column, columns), strict=True)
        if isinstance(x, int | float) and isinstance(y, int | float)
    ]
