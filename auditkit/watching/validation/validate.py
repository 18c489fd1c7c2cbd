"""Validates a table against a contract: columns, kinds, ranges, levels, keys, times, units."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from auditkit.errors import NothingToAuditError
from auditkit.evidence import Outcome
from auditkit.tables.convert import table_digest, to_pandas
from auditkit.watching.profile.counting import as_numbers, as_texts
from auditkit.watching.validation.contract import Contract, ContractColumn
from auditkit.watching.validation.result import Mask, Result, Validated, judged

_CHECK: Final = "validation.contract"
_COMPARE: Final = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
# What a column's values are multiplied by if its unit changes, and how near a ratio must be.
_UNITS: Final = (10.0, 100.0, 1000.0, 1_000_000.0, 2.54, 3.6, 0.453592, 1.60934, 60.0, 12.0)
_NEAR: Final = 0.05
_FEWEST: Final = 30


def validate(
    batch: Any, *, contract: str | Path | Contract, as_of: datetime | None = None
) -> Validated:
    """Validates a table against a contract.

    Args:
        batch: Any common table.
        contract: A contract, or the path of its file.
        as_of: The time after which a row's time lies in the future; None: that is not asked.

    Raises:
        NothingToAuditError: If the table has no rows.
        PolicyError: If the contract is not there, or wrong.
    """
    frame, rules = to_pandas(batch, what="batch"), Contract.read(contract)
    if not len(frame):
        raise NothingToAuditError("batch has no rows.", remedy="give some, or wait for them")
    refused = np.zeros(len(frame), dtype=bool)
    results = list(_about_columns(frame, rules))
    for name, column in rules.columns.items():
        if name in frame.columns:
            for result, wrong in _about_values(name, column, frame[name]):
                results.append(result)
                if result.severity == "hard":
                    refused |= wrong
    for result, wrong in _about_rows(frame, rules, as_of):
        results.append(result)
        if result.severity == "hard":
            refused |= wrong
    return Validated(
        results=tuple(results),
        rows=len(frame),
        refused=refused,
        digests={"contract": str(rules.digest), "table": str(table_digest(frame))},
    )


def _about_columns(frame: pd.DataFrame, rules: Contract) -> Iterator[Result]:
    for name in rules.columns:
        gone = name not in frame.columns
        yield judged(_CHECK, "column missing", int(gone), 1, column=name, of_rows=False)
    extra = [name for name in frame.columns if name not in rules.columns]
    if rules.extra != "ignore":
        named = ", ".join(extra[:3]) + (", ..." if len(extra) > 3 else "")
        found = judged(
            _CHECK, "columns that the contract does not name", len(extra), len(frame.columns),
            severity=rules.extra, reason=named, of_rows=False,
        )  # fmt: skip
        yield found


def _about_values(
    name: str, column: ContractColumn, values: pd.Series[Any]
) -> Iterator[tuple[Result, Mask]]:
    rows = len(values)
    missing = values.isna().to_numpy()
    few = judged(
        _CHECK, "missing", int(missing.sum()), rows, column=name, tolerance=column.most_missing,
        severity=column.severity, sampled=True,
    )  # fmt: skip
    # The share is the table's fault, not that of each row without a value.
    yield few, missing & (column.most_missing == 0)
    held = ~missing

    def wrong(question: str, mask: Mask) -> tuple[Result, Mask]:
        found = judged(
            _CHECK, question, int(mask.sum()), int(held.sum()), column=name,
            severity=column.severity,
            reason="" if held.any() else "every value is missing",
        )  # fmt: skip
        return found, mask

    distinct = values.nunique()
    if column.kind == "number" and values.dtype.kind not in "mM":
        numbers = as_numbers(values, what=name)
        finite = np.isfinite(numbers)
        yield wrong("not a finite number", held & ~finite)
        with np.errstate(invalid="ignore"):
            if column.at_least is not None:
                yield wrong("below the least", held & finite & (numbers < column.at_least))
            if column.at_most is not None:
                yield wrong("above the greatest", held & finite & (numbers > column.at_most))
        if column.median and finite.sum() >= _FEWEST:
            yield _unit(name, column.median, float(np.median(numbers[finite]))), ~held & held
    elif column.kind == "time":
        yield wrong("not a time", held & times_of(values).isna().to_numpy())
    elif column.kind == "number":
        yield wrong("not a finite number", held)
    elif column.levels:
        codes, texts = as_texts(values)
        known = np.array([*(text in column.levels for text in texts), True])
        yield wrong("not among the levels", ~known[codes])
    if not column.constant and held.sum() >= _FEWEST:
        found = judged(
            _CHECK,
            "one value only",
            int(distinct == 1),
            1,
            column=name,
            severity="soft",
            of_rows=False,
        )
        yield found, ~held & held


def _unit(name: str, before: float, now: float) -> Result:
    """Whether the ratio of medians is one of two units, or the change that of Fahrenheit."""
    ratio = now / before
    factors = [f for unit in _UNITS for f in (unit, 1 / unit)]
    scaled = [f for f in factors if abs(ratio / f - 1) < _NEAR] if ratio > 0 else []
    warmer = abs(now - (1.8 * before + 32)) < _NEAR * abs(now) and abs(before) > 1
    reason = f"the median is {ratio:.3g} times that of the contract" if scaled or warmer else ""
    found = bool(scaled) or warmer
    return judged(
        _CHECK,
        "unit changed",
        int(found),
        1,
        column=name,
        severity="soft",
        reason=reason,
        of_rows=False,
    )


def _about_rows(
    frame: pd.DataFrame, rules: Contract, as_of: datetime | None
) -> Iterator[tuple[Result, Mask]]:
    again = frame.astype(str).duplicated().to_numpy()
    yield judged(_CHECK, "whole row twice", int(again.sum()), len(frame), severity="soft"), again
    if rules.key and all(name in frame.columns for name in rules.key):
        twice = frame.duplicated(list(rules.key)).to_numpy()
        found = judged(
            _CHECK, "key twice", int(twice.sum()), len(frame), column=", ".join(rules.key)
        )
        yield found, twice
    for rule in rules.rules:
        if rule.left not in frame.columns or rule.right not in frame.columns:
            continue
        kinds: set[str] = {rules.columns[name].kind for name in (rule.left, rule.right)}
        left, right = (_comparable(frame[name], kinds) for name in (rule.left, rule.right))
        both = left.notna() & right.notna()
        broken = (both & ~_COMPARE[rule.operator](left, right)).to_numpy(dtype=bool)
        columns = f"{rule.left} {rule.operator} {rule.right}"
        yield judged(
            _CHECK, f"rule {rule.id} broken", int(broken.sum()), int(both.sum()), column=columns,
            severity=rule.severity,
        ), broken  # fmt: skip
    if rules.time and rules.time in frame.columns:
        yield from _about_time(frame[rules.time], rules.time, as_of)


def _about_time(
    column: pd.Series[Any], name: str, as_of: datetime | None
) -> Iterator[tuple[Result, Mask]]:
    times = times_of(column)
    known = times.dropna()
    back = (times.diff() < pd.Timedelta(0)).to_numpy(dtype=bool)
    yield judged(
        _CHECK, "earlier than the row before", int(back.sum()), len(known), column=name,
        severity="soft",
    ), back  # fmt: skip
    if as_of is None:
        return
    moment = pd.Timestamp(as_of)
    moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    late = (times > moment).to_numpy(dtype=bool)
    yield judged(_CHECK, "in the future", int(late.sum()), len(known), column=name), late


def times_of(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column as times in UTC; what is none is missing."""
    return pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")


def _comparable(column: pd.Series[Any], kinds: set[str]) -> pd.Series[Any]:
    if kinds == {"time"}:
        return times_of(column)
    if kinds == {"number"}:
        numbers = pd.Series(as_numbers(column, what=str(column.name)))
        return numbers.where(np.isfinite(numbers))
    return column.astype("string")


def exit_code(validated: Validated) -> int:
    """The exit code: 0 met, 10 a hard exception, 11 uncertain, soft, or not tested."""
    if validated.outcome in (Outcome.FAIL, Outcome.ERROR):
        return 10
    return 0 if validated.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) else 11
