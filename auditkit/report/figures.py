"""Numbers with addresses, and the check that the pages print exactly those.

Every number of a report is written by a `Book`, which knows where it comes from. `figures.json`,
attached to the report, lists them all; `check_figures` reads the pages again, computes each number
anew from the statement, and compares.

Laws:
    - A number is written in one way only, by `auditkit.wording`, with a true minus.
    - What stands on the pages and what is listed are the same multiset of numeric tokens.
    - A token that is listed apart from the figures has a source that can be looked up: a string of
      the statement or the receipt, a count of the statement's lists, a page, an axis, or the text
      of the templates.

A listed number is one of:
    - a figure: `{text, evidence, key, field, digits, threshold}`; from a table,
      `{text, evidence, table, row, column, digits}`. `digits` is the number of decimals, null for
      whole numbers, "exact" for a value as its author wrote it.
    - fixed: `{text, source, ...}`, see the table of sources in `_unfounded`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from auditkit.canonical import Digest, canonical_bytes
from auditkit.evidence import SEVEREST_FIRST, Outcome
from auditkit.report.text import shown
from auditkit.report.vocabulary import VOCABULARY
from auditkit.wording import number, number_against, typeset

FORMAT: Final = 1
Digits = int | str | None

_TOKEN: Final = re.compile(r"\u2212?\d+(?:[.,]\d+)*")
_HEX: Final = re.compile(r"[0-9a-f]{12,64}\Z")
_NUMBERED: Final = re.compile(r"[1-9]\d?(\.[1-9]\d?)?\Z")


def tokens(text: str) -> list[str]:
    """The numbers in a text, in order: `["0.86", "2,041"]`."""
    return _TOKEN.findall(text)


def written(value: float | str, *, digits: Digits, threshold: float | None = None) -> str:
    """The one way in which a value is printed.

    Args:
        value: From the statement or a table.
        digits: Decimals; None for a whole number; "exact" for a number as its author wrote it.
        threshold: Rounding keeps the value on its side of this.
    """
    if isinstance(value, bool | str):
        return shown(str(value))
    if digits == "exact":
        text = f"{float(value):.12g}"
    elif digits is None:
        text = f"{int(value):,}"
    elif threshold is not None:
        text = number_against(float(value), threshold, digits=int(digits))
    else:
        text = number(float(value), digits=int(digits))
    return typeset(text)


def check_figures(
    page_texts: Sequence[str],
    figures: Mapping[str, Any],
    statement: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    *,
    receipt: Mapping[str, Any] | None = None,
    vocabulary: Collection[str] = VOCABULARY,
) -> list[str]:
    """Compares the pages of a report with its statement.

    Args:
        page_texts: The text of each page, as a PDF reader extracts it.
        figures: The attached `figures.json`.
        statement: The attached statement.
        tables: The attached tables by name: `{"columns": [...], "rows": [...]}`.
        receipt: The attached receipt; None: what is quoted from it is taken as listed.
        vocabulary: The numeric tokens in the templates' own text.

    Returns:
        One sentence for each number that does not hold; empty if all do.
    """
    try:
        if figures["format"] != FORMAT:
            return [f"figures.json has the unknown format {figures['format']!r}."]
        problems = _false_figures(figures["figures"], statement, tables)
        problems += _unfounded(figures, statement, receipt, vocabulary, pages=len(page_texts))
        listed = Counter(t for f in figures["figures"] for t in tokens(f["text"]))
        listed += Counter(
            t for f in figures["fixed"] for t in tokens(f["text"]) * int(f.get("count", 1))
        )
        problems += _missing_findings(figures, statement)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        return [f"figures.json cannot be read: {type(error).__name__}."]
    seen = Counter(t for page in page_texts for t in tokens(page))
    for token, count in sorted((seen - listed).items()):
        problems.append(f"The pages print {token} {_times(count)} more than the report lists.")
    for token, count in sorted((listed - seen).items()):
        problems.append(f"The report lists {token} {_times(count)} more than the pages print.")
    return problems


def resolve(
    figure: Mapping[str, Any], statement: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> str:
    """The text of a figure, computed anew from the statement and its tables.

    Raises:
        KeyError: If the address leads nowhere.
    """
    predicate = statement["predicate"]
    digits, threshold = figure.get("digits"), figure.get("threshold")
    if "pointer" in figure:
        value: Any = predicate
        for part in figure["pointer"]:
            value = value[part]
        return written(value, digits=digits, threshold=threshold)
    evidence = next(e for e in predicate["evidence"] if e["id"] == figure["evidence"])
    if "table" in figure:
        if figure["table"] not in {t["name"] for t in evidence["tables"]}:
            raise KeyError(figure["table"])
        table = tables[figure["table"]]
        value = table["rows"][figure["row"]][table["columns"].index(figure["column"])]
        return written(value, digits=digits, threshold=threshold)
    holder = evidence
    if figure["key"] is not None:
        holder = next(m for m in evidence["measurements"] if m["key"] == figure["key"])
    value = holder[figure["field"]]
    small = figure.get("below")
    if small is not None:
        # Reports of before numbers were suppressed in the statement have the n there.
        is_small = value < small if value is not None else holder["suppressed"] == "small"
        if small != predicate["policy"]["content"]["small_cell"] or not is_small:
            raise KeyError("below")
        return f"< {small}"
    if figure.get("percent"):
        return f"{float(value):.{digits}%}".replace("-", "\u2212")
    return written(value, digits=digits, threshold=threshold)


def _false_figures(
    listed: Iterable[Mapping[str, Any]],
    statement: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    problems = []
    for figure in listed:
        place = f"{figure.get('evidence') or 'the statement'}, {_address(figure)}"
        try:
            true = resolve(figure, statement, tables)
        except (KeyError, StopIteration, IndexError, ValueError, TypeError):
            problems.append(f"{figure['text']!r} has the address {place}, which leads nowhere.")
            continue
        if true != figure["text"]:
            problems.append(f"{place} is {true} in the statement and {figure['text']} on the page.")
    return problems


def _address(figure: Mapping[str, Any]) -> str:
    if "table" in figure:
        return f"{figure['table']}[{figure['row']}].{figure['column']}"
    if "pointer" in figure:
        return "/".join(str(part) for part in figure["pointer"])
    return f"{figure.get('key') or 'evidence'}.{figure.get('field')}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _strings(value: Any) -> Iterable[str]:
    """Every string in a JSON value, and the names of its objects' members."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{float(value):.12g}"
        if isinstance(value, int):
            yield f"{value:,}"


def _unfounded(
    figures: Mapping[str, Any],
    statement: Mapping[str, Any],
    receipt: Mapping[str, Any] | None,
    vocabulary: Collection[str],
    *,
    pages: int,
) -> list[str]:
    """Fixed texts whose source does not have them."""
    digest = Digest.of(canonical_bytes(statement)).hex
    in_statement = {shown(s) for s in _strings(statement)}
    hexes = {s.removeprefix("sha256:") for s in in_statement if _HEX.match(s[-64:])} | {digest}
    in_receipt = None if receipt is None else "\n".join(_strings(receipt))
    stated = {shown(str(v)) for k, v in figures.get("stated", {}).items() if k in STATED}
    repeatable = {t for f in figures["fixed"] if f["source"] != "repeat" for t in tokens(f["text"])}
    repeatable |= {t for f in figures["figures"] if "pointer" in f for t in tokens(f["text"])}

    def in_count(fixed: Mapping[str, Any]) -> bool:
        found = statement["predicate"][fixed["of"]]
        where = dict(fixed["where"])
        count = sum(all(x.get(k) == v for k, v in where.items()) for x in found)
        return str(fixed["text"]) == f"{count:,}"

    holds: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "statement": lambda f: f["text"] in in_statement or _is_cut(f["text"], in_statement),
        "digest": lambda f: _is_digest(f["text"], hexes, digest),
        "receipt": lambda f: in_receipt is None or f["text"] in in_receipt,
        "stated": lambda f: f["text"] in stated or _is_cut(f["text"], stated),
        "count": in_count,
        "axis": lambda f: _is_scale(f["text"].split()),
        "number": lambda f: bool(_NUMBERED.match(f["text"])),
        "page": lambda f: f["text"] in {str(p) for p in range(1, pages + 1)},
        "template": lambda f: f["text"] in vocabulary,
        "repeat": lambda f: f["text"] in repeatable,
    }
    problems = []
    for fixed in figures["fixed"]:
        rule = holds.get(fixed["source"])
        if rule is None or not rule(fixed):
            problems.append(f"{fixed['text']!r} is listed as {fixed['source']} and is not there.")
    return problems


STATED: Final = (
    "organisation",
    "status",
    "ran_by",
    "reviewed_by",
    "independence",
    "period",
    "signer",
    "fingerprint",
    "signing_time",
)


def _is_cut(text: str, whole: Collection[str]) -> bool:
    """Whether a text is the beginning of a longer one, with an ellipsis."""
    return text.endswith("…") and any(known.startswith(text[:-1]) for known in whole)


def _is_digest(text: str, hexes: Collection[str], own: str) -> bool:
    if text.startswith("AK-"):
        return text == f"AK-{own[:12]}"
    return bool(_HEX.match(text)) and any(known.startswith(text) for known in hexes)


def _is_scale(labels: Sequence[str]) -> bool:
    """Whether labels could stand on an axis: rising, and even steps or a scale of ratios."""
    from auditkit.charts.style import RATIO_TICKS

    values = [float(label.replace("\u2212", "-").replace(",", "")) for label in labels]
    if any(b <= a for a, b in pairwise(values)):
        return False
    if all(v in RATIO_TICKS for v in values):
        return True
    steps = [b - a for a, b in pairwise(values)]
    return len(values) >= 2 and max(steps) - min(steps) <= 1e-6 * max(abs(v) for v in values)


def _missing_findings(figures: Mapping[str, Any], statement: Mapping[str, Any]) -> list[str]:
    """Open findings whose sentence is not printed, and outcomes that are not counted."""
    quoted = {f["text"] for f in figures["fixed"] if f["source"] == "statement"}
    counted = {
        dict(f["where"]).get("outcome")
        for f in figures["fixed"]
        if f["source"] == "count" and f["of"] == "findings"
    }
    problems = [
        f"The finding {finding['rule']} is not on the pages."
        for finding in statement["predicate"]["findings"]
        if finding["outcome"] not in {Outcome.PASS, Outcome.NOT_APPLICABLE}
        and tokens(sentence := shown(finding["statement"]))
        and sentence not in quoted
    ]
    problems += [
        f"The pages do not say how many conditions are {outcome.words}."
        for outcome in SEVEREST_FIRST
        if Outcome(outcome).value not in counted
    ]
    return problems
