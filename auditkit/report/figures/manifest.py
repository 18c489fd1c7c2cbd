"""Numbers with addresses, and the check that the pages print exactly those.

Every number of a report is written by a `FigureLedger`, which knows where it comes from.
`figures.json`, attached to the report, lists them all and carries the `rules` by which they were
written; `check_figures` reads the pages again and compares each number with the statement. It does
not depend on today's templates, fonts or number formats: a report that was true stays true.

Laws:
    - A figure is the statement's value, rounded to no fewer decimals than its record says, and on
      its own side of its threshold (`rounding`).
    - The pages and the list hold the same multiset of numeric tokens.
    - A token that is listed apart from the figures has a source that can be looked up: a string of
      the statement or the receipt, a count of the statement's lists, a page, an axis, or the name
      of a standard in the text of the templates.

A listed number is one of:
    - a figure: `{text, evidence, key, field, digits, threshold}`; from a table,
      `{text, evidence, table, row, column, digits}`. `digits` is the number of decimals, null for
      whole numbers, "exact" for a value as its author wrote it.
    - fixed: `{text, source, ...}`, see the table of sources in `_unfounded`.

This proves, even if the audited party wrote pages and `figures.json` itself: every number on a page
is a value of the signed evidence, or is in a text of the statement, the receipt or the people
behind the report, or is one that they counted in the log, or is one of a few that measure nothing
(pages, sections, round ticks of an axis, names of standards), or repeats one of those texts; every
open finding is quoted whole. It does not prove that a true number is beside the right words, or
that the file's fonts draw what its text says. For that there is the statement, which is signed and
complete.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from auditkit.canonical import Digest, canonical_bytes
from auditkit.errors import VerificationError
from auditkit.evidence import Outcome
from auditkit.judgement.findings import rules_in
from auditkit.report.figures.rounding import prints, prints_percent
from auditkit.report.figures.rules import ReadingRules
from auditkit.report.typeset.text import shown
from auditkit.wording import number, number_against, typeset

FORMAT: Final = 2
Digits = int | str | None
SMALL: Final = object()  # A suppressed number: it is based on fewer than `small_cell` people.

_TOKEN: Final = re.compile(r"\u2212?\d+(?:[.,]\d+)*")
_HEX: Final = re.compile(r"[0-9a-f]{12,64}\Z")
_BREAK: Final = re.compile(r"\s+")
# The character that a hyphen at the end of a line becomes in a page's text.
_HYPHEN: Final = re.compile("[\u00ad\u2010\u2011\ufffe\x02]")
_NUMBERED: Final = re.compile(r"[1-9]\d?(\.[1-9]\d?)?\Z")


def tokens(text: str) -> list[str]:
    """The numbers in a text, in order: `["0.86", "2,041"]`."""
    return _TOKEN.findall(text)


def written(value: float | str, *, digits: Digits, threshold: float | None = None) -> str:
    """Formats a value; every number of a report is formatted here.

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
) -> list[str]:
    """Compares the pages of a report with its statement.

    Args:
        page_texts: The text of each page, as a PDF reader extracts it.
        figures: The attached `figures.json`.
        statement: The attached statement.
        tables: The attached tables by name: `{"columns": [...], "rows": [...]}`.
        receipt: The attached receipt; None: quotations from it are not checked.

    Returns:
        One sentence for each number that does not agree; empty if all do.

    Raises:
        UnverifiableError: If the report was written by rules of a later version.
    """
    try:
        rules = ReadingRules.of(figures)
        problems = _false_figures(figures["figures"], statement, tables, rules)
        problems += _unfounded(figures, statement, receipt, rules, page_texts)
        listed = Counter(t for f in figures["figures"] for t in tokens(f["text"]))
        seen = Counter(t for page in page_texts for t in tokens(page))
        for fixed in figures["fixed"]:
            often = fixed.get("count", 1)
            for token in tokens(fixed["text"]):
                if type(often) is not int or not 1 <= often <= max(1, seen[token]):
                    problems.append(f"The report lists {token} {often} times, which is not so.")
                    break
                listed[token] += often
        problems += _missing_findings(figures, statement, rules)
    except VerificationError as error:
        return [error.message]
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError) as error:
        return [f"figures.json cannot be read: {type(error).__name__}."]
    for token, count in sorted((seen - listed).items()):
        problems.append(f"The pages print {token} {_times(count)} more than the report lists.")
    for token, count in sorted((listed - seen).items()):
        problems.append(f"The report lists {token} {_times(count)} more than the pages print.")
    return problems


def value_at(
    figure: Mapping[str, Any], statement: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> Any:
    """The value in the statement or its tables at a figure's address; `SMALL` if suppressed.

    Raises:
        KeyError, StopIteration, IndexError, ValueError, TypeError: If the address leads nowhere.
    """
    predicate = statement["predicate"]
    if "pointer" in figure:
        value: Any = predicate
        for part in figure["pointer"]:
            value = value[part]
        return value
    evidence = next(e for e in predicate["evidence"] if e["id"] == figure["evidence"])
    if "table" in figure:
        if figure["table"] not in {t["name"] for t in evidence["tables"]}:
            raise KeyError(figure["table"])
        table = tables[figure["table"]]
        return table["rows"][figure["row"]][table["columns"].index(figure["column"])]
    holder = evidence
    if figure["key"] is not None:
        holder = next(m for m in evidence["measurements"] if m["key"] == figure["key"])
    value = holder[figure["field"]]
    return SMALL if value is None and holder.get("suppressed") == "small" else value


def is_printed(
    figure: Mapping[str, Any], value: Any, statement: Mapping[str, Any], rules: ReadingRules
) -> bool:
    """Whether a figure's text is the value at its address.

    Args:
        figure: Its record.
        value: The result of `value_at`.
        statement: Its policy has the size below which no count is printed.
        rules: The rules by which the report was written.
    """
    text, digits = figure["text"], figure.get("digits")
    if isinstance(value, bool | str):
        return bool(text == rules.shown(str(value)))
    small = figure.get("below")
    if small is not None:
        stated = statement["predicate"]["policy"]["content"]["small_cell"]
        # In reports from before the statement suppressed numbers, the n is in the statement.
        is_small = value is SMALL or value < small
        return bool(small == stated and is_small and text == f"< {small}")
    if figure.get("percent"):
        return prints_percent(text, value, digits=digits or 0)
    return prints(text, value, digits=digits, threshold=figure.get("threshold"))


def _false_figures(
    listed: Iterable[Mapping[str, Any]],
    statement: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    rules: ReadingRules,
) -> list[str]:
    problems = []
    for figure in listed:
        place = f"{figure.get('evidence') or 'the statement'}, {_address(figure)}"
        try:
            value = value_at(figure, statement, tables)
            true = is_printed(figure, value, statement, rules)
        except (KeyError, StopIteration, IndexError, ValueError, TypeError, ArithmeticError):
            problems.append(f"{figure['text']!r} has the address {place}, which does not exist.")
            continue
        if not true:
            said = "suppressed" if value is SMALL else shown(str(value), limit=80)
            problems.append(f"{place} is {said} in the statement and {figure['text']} on the page.")
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
    rules: ReadingRules,
    page_texts: Sequence[str],
) -> list[str]:
    """Fixed texts that are not in their source."""
    digest = Digest.of(canonical_bytes(statement)).hex
    in_statement = {rules.shown(s) for s in _strings(statement)}
    hexes = {s.removeprefix("sha256:") for s in in_statement if _HEX.match(s[-64:])} | {digest}
    in_receipt = None if receipt is None else "\n".join(_strings(receipt))
    logged = set(_strings(figures.get("logged")))
    exported = set(_strings(figures.get("exported")))
    stated = {rules.shown(str(v)) for k, v in figures.get("stated", {}).items() if k in STATED}
    repeatable = {t for f in figures["fixed"] if f["source"] != "repeat" for t in tokens(f["text"])}
    repeatable |= {t for f in figures["figures"] if "pointer" in f for t in tokens(f["text"])}
    sections = {f["text"] for f in figures["fixed"] if f["source"] == "number"}
    in_templates = _in_templates(rules, page_texts)

    def in_count(fixed: Mapping[str, Any]) -> bool:
        predicate = statement["predicate"]
        # What is counted are rules, not their conditions.
        found = rules_in(predicate) if fixed["of"] == "findings" else predicate[fixed["of"]]
        where = dict(fixed["where"])
        count = sum(all(x.get(k) == v for k, v in where.items()) for x in found)
        return str(fixed["text"]) == f"{count:,}"

    holds: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "statement": lambda f: f["text"] in in_statement or _is_cut(f["text"], in_statement),
        "digest": lambda f: _is_digest(f["text"], hexes, digest),
        "receipt": lambda f: in_receipt is None or f["text"] in in_receipt,
        "stated": lambda f: f["text"] in stated or _is_cut(f["text"], stated),
        "logged": lambda f: f["text"] in logged,
        "exported": lambda f: f"sha256:{f['text']}" in exported,
        "count": in_count,
        "axis": lambda f: _is_scale(f["text"].split()),
        "number": lambda f: _is_section(f["text"], sections),
        "page": lambda f: f["text"] in {str(p) for p in range(1, len(page_texts) + 1)},
        "template": lambda f: int(f.get("count", 1)) <= in_templates[f["text"]],
        "repeat": lambda f: f["text"] in repeatable,
    }
    problems = []
    for fixed in figures["fixed"]:
        rule = holds.get(fixed["source"])
        if rule is None or not rule(fixed):
            problems.append(f"{fixed['text']!r} is listed as {fixed['source']} and is not there.")
    return problems


def _in_templates(rules: ReadingRules, page_texts: Sequence[str]) -> Counter[str]:
    """The most times that each number may occur in the templates' own text.

    That is as often as the names that it belongs to are on the pages, wherever lines break. The
    first version listed bare numbers.
    """
    pages = _BREAK.sub("", _HYPHEN.sub("-", "\n".join(page_texts)))
    found: Counter[str] = Counter()
    for phrase in rules.vocabulary:
        often = len(pages) if phrase.isdecimal() else pages.count(_BREAK.sub("", phrase))
        for token in tokens(phrase):
            found[token] += often
    return found


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
    """Whether labels could be an axis's: rising, in even round steps or all of them round."""
    values = [float(label.replace("\u2212", "-").replace(",", "")) for label in labels]
    if any(b <= a for a, b in pairwise(values)):
        return False
    if all(_mantissa(v) in _ROUND_RATIOS for v in values):
        return True
    steps = [b - a for a, b in pairwise(values)]
    if not steps or max(steps) - min(steps) > 1e-6 * max(abs(v) for v in values):
        return False
    step = sum(steps) / len(steps)
    return (
        _mantissa(step) in _ROUND_STEPS and abs(values[0] / step - round(values[0] / step)) < 1e-6
    )


def _mantissa(value: float) -> float:
    """The digits of a number without its power of ten: 2.5 for 0.025."""
    return float(f"{value:.6e}".partition("e")[0])


_ROUND_STEPS: Final = frozenset({1.0, 2.0, 2.5, 5.0})
_ROUND_RATIOS: Final = frozenset({*map(float, range(1, 10)), 1.25, 1.5, 2.5})


def _is_section(text: str, sections: Collection[str]) -> bool:
    """Whether a text is a section's number: the sections before and above it exist."""
    if not _NUMBERED.match(text):
        return False
    above, dot, last = text.rpartition(".")
    before = above if last == "1" else f"{above}{dot}{int(last) - 1}"
    return (not before or before in sections) and (not above or above in sections)


def _missing_findings(
    figures: Mapping[str, Any], statement: Mapping[str, Any], rules: ReadingRules
) -> list[str]:
    """Rules with an open finding that is not printed, and outcomes whose count is not."""
    quoted = {f["text"] for f in figures["fixed"] if f["source"] == "statement"}
    counted = {
        dict(f["where"]).get("outcome")
        for f in figures["fixed"]
        if f["source"] == "count" and f["of"] == "findings"
    }
    findings = rules_in(statement["predicate"])
    problems = [
        f"The finding {finding['rule']} is not on the pages."
        for finding in findings
        if finding["outcome"] not in {Outcome.PASS, Outcome.NOT_APPLICABLE}
        and tokens(sentence := rules.shown(finding["statement"]))
        and sentence not in quoted
    ]
    problems += [
        f"The pages do not say how many conditions are {outcome}."
        for outcome in sorted({*rules.outcomes, *(f["outcome"] for f in findings)})
        if outcome not in counted
    ]
    return problems
