"""A comparison of groups as a page shows it: rates and ratios, small counts hidden."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from auditkit.evidence import describe_group
from auditkit.measures.groups.hidden import MEMBERS, hidden_groups, relative
from auditkit.measures.groups.membership import SUPPRESS_BELOW, is_unknown
from auditkit.wording import html_table, interval, plural

if TYPE_CHECKING:
    from auditkit.measures.fairness.frames import GroupFrames

_MAX_ROWS: Final = 20
_HEAD: Final = ("group", "n", "selection rate", "impact ratio")
_FOUR_FIFTHS: Final = 0.8


def text_of(result: GroupFrames) -> str:
    """For a terminal: at most 20 groups, and how many more there are."""
    rows = [_HEAD, *_rows(result)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([_title(result), *lines, *_rest(result)])


def html_of(result: GroupFrames) -> str:
    """For a notebook."""
    rest = "".join(f"<p>{escape(line.strip())}</p>" for line in _rest(result))
    return html_table(_title(result), _HEAD, _rows(result)) + rest


def _title(result: GroupFrames) -> str:
    names = ", ".join(result.partition.names)
    decisions, groups = plural(result.n, "decision"), plural(len(result.groups), "group")
    return f"Fairness of {decisions}, {groups} by {names}"


def _rest(result: GroupFrames) -> list[str]:
    more = len(result.groups) - _MAX_ROWS
    return [f"  and {more} more groups: to_frame() holds all"] if more > 0 else []


def _rows(result: GroupFrames) -> list[tuple[str, str, str, str]]:
    selection, ratio = result.estimates("selection_rate"), result.ratios("selection_rate")
    small_cell = SUPPRESS_BELOW if result.small_cell is None else result.small_cell
    counts = {MEMBERS: result.partition.rows}
    hidden = hidden_groups(result.partition, counts, small_cell=small_cell)[MEMBERS]
    relation = relative(hidden, result.reference)
    shown = []
    for i, group in enumerate(result.groups[:_MAX_ROWS]):
        name, n = describe_group(group), int(result.partition.rows[i])
        if hidden[i]:
            size = f"< {small_cell}" if n < small_cell else "suppressed"
            shown.append((name, size, "suppressed", "suppressed"))
            continue
        one, other = selection.at(i), ratio.at(i)
        if one.value is None:
            shown.append((name, f"{n:,}", f"not estimable: {one.reason}", "not compared"))
            continue
        if is_unknown(group):
            told = "not compared"
        elif result.reference[i] == i:
            told = "1.00 reference"
        elif relation[i]:
            told = "suppressed"
        elif other.value is None:
            told = f"not estimable: {other.reason}"
        else:
            told = interval(other.value, other.lower, other.upper, threshold=_FOUR_FIFTHS)
        if result.is_small(i):
            told += ", small group"
        shown.append((name, f"{n:,}", interval(one.value, one.lower, one.upper), told))
    return shown
