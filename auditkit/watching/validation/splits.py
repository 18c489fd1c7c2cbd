"""Whether training and test are apart: rows, keys, households, near duplicates, time, leakage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from auditkit.errors import InputError, NothingToAuditError
from auditkit.evidence import Outcome
from auditkit.measures.numbers.area import area_under_curve
from auditkit.tables.convert import table_digest, to_pandas
from auditkit.watching.profile.counting import as_numbers, as_texts
from auditkit.watching.profile.fitting import kind_of
from auditkit.watching.validation.result import Result, Validated, judged
from auditkit.watching.validation.validate import times_of

_SPLITS: Final = "validation.splits"
_LEAKAGE: Final = "validation.leakage"
# A feature that alone ranks as well as this knows the answer, or deserves a look.
MOST_AUC: Final = 0.95
_FEWEST: Final = 30
_DIGITS: Final = 3


def splits(
    train: Any,
    test: Any,
    *,
    key: str | Sequence[str] = (),
    household: str | Sequence[str] = (),
    time: str = "",
    label: str = "",
) -> Validated:
    """Looks for what training and test share, and for features that give the answer away.

    Args:
        train: The training rows: any common table.
        test: The test rows, with the same columns.
        key: The columns that name a person or a case.
        household: The columns that rows of one household, or of one firm, share.
        time: The column with the time of each decision: training must be before test.
        label: The column with the outcome; without it leakage is not tested.

    Raises:
        NothingToAuditError: If either has no rows.
        InputError: If a column is missing, or they share none.
    """
    one, other = to_pandas(train, what="train"), to_pandas(test, what="test")
    if not len(one) or not len(other):
        raise NothingToAuditError("train or test has no rows.", remedy="give both")
    named = [*_names(key), *_names(household), *_names(time), *_names(label)]
    for name in named:
        for what, frame in (("train", one), ("test", other)):
            if name not in frame.columns:
                raise InputError(
                    f"{what} has no column {name!r}.", remedy="name one of its columns"
                )
    features = [c for c in one.columns if c in other.columns and c not in named]
    if not features:
        raise InputError("train and test share no feature.", remedy="give the same columns")
    results = [
        _shared(one, other, [*features, *_names(label)], "row in both"),
        _shared(_rounded(one[features]), _rounded(other[features]), features,
                "near duplicate in both", severity="soft"),
    ]  # fmt: skip
    if key:
        results.append(_shared(one, other, _names(key), "key in both"))
    if household:
        results.append(_shared(one, other, _names(household), "household in both"))
    if time:
        results.append(_ordered(one[time], other[time], time))
    if label:
        results += _leaks(one, features, label, _names(key))
        if time:
            results += _later(one, features, time)
    else:
        results.append(
            Result(
                check=_LEAKAGE, question="leakage", outcome=Outcome.NOT_ASSESSED, severity="soft",
                reason="no label is named",
            )
        )  # fmt: skip
    return Validated(
        results=tuple(results),
        rows=len(other),
        digests={"train": str(table_digest(one)), "test": str(table_digest(other))},
    )


def _names(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) and given else list(given)


def _shared(
    one: pd.DataFrame, other: pd.DataFrame, columns: list[str], question: str, **more: Any
) -> Result:
    """How many rows of the test are also in the training, by some columns."""
    both = pd.concat([_hashable(one[columns]), _hashable(other[columns])], ignore_index=True)
    hashes = pd.util.hash_pandas_object(both, index=False).to_numpy()
    known = np.isin(hashes[len(one) :], hashes[: len(one)])
    blank = other[columns].isna().all(axis=1).to_numpy()
    known &= ~blank
    named = ", ".join(columns) if len(columns) <= 3 else ""
    return judged(_SPLITS, question, int(known.sum()), len(other), column=named, **more)


def _hashable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns whose equal values are equal in both tables, whatever their types there."""
    made = {}
    for name in frame.columns:
        column = frame[name]
        if kind_of(column) == "number" and column.dtype.kind not in "mM":
            made[name] = as_numbers(column, what=name) + 0.0
        else:
            codes, texts = as_texts(column)
            made[name] = np.array([*texts, ""], dtype=object)[codes]
    return pd.DataFrame(made)


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers with three significant digits, and text without case and spaces."""
    made = {}
    for name in frame.columns:
        column = frame[name]
        if kind_of(column) == "number" and column.dtype.kind not in "mM":
            numbers = as_numbers(column, what=name)
            with np.errstate(divide="ignore", invalid="ignore"):
                size = np.floor(np.log10(np.abs(numbers)))
                unit = 10.0 ** (size - _DIGITS + 1)
                short = np.where(np.isfinite(size), np.round(numbers / unit) * unit, numbers)
            made[name] = np.round(short, 12)
        else:
            codes, texts = as_texts(column)
            plain = [" ".join(text.casefold().split()) for text in texts]
            made[name] = np.array([*plain, None], dtype=object)[codes]
    return pd.DataFrame(made)


def _ordered(train: pd.Series[Any], test: pd.Series[Any], name: str) -> Result:
    """How many rows of the test are not later than all of the training."""
    one, other = times_of(train), times_of(test).dropna()
    if one.dropna().empty:
        return judged(_SPLITS, "not after the training", 0, 0, column=name, reason="no times")
    early = int((other <= one.max()).sum())
    return judged(_SPLITS, "not after the training", early, len(other), column=name)


def _leaks(
    train: pd.DataFrame, features: list[str], label: str, key: list[str]
) -> Iterator[Result]:
    """Features that alone give the label, and keys that rank it."""
    codes, texts = as_texts(train[label])
    if len(texts) != 2:
        yield Result(
            check=_LEAKAGE, question="leakage", column=label, outcome=Outcome.NOT_ASSESSED,
            severity="soft", reason="the label has other than two values",
        )  # fmt: skip
        return
    known = codes >= 0
    truth = codes == 1
    for name in [*features, *key]:
        column = train[name]
        if column.dtype.kind in "mM":
            continue
        if kind_of(column) == "number":
            values = as_numbers(column, what=name)
            held = known & np.isfinite(values)
            scores = values
        else:
            own, _ = as_texts(column)
            held = known & (own >= 0)
            scores = _by_other_half(own, truth, held)
        if min(int((held & truth).sum()), int((held & ~truth).sum())) < _FEWEST:
            continue
        found = area_under_curve(truth[held], scores[held], level=0.95).value or 0.5
        alone = max(found, 1 - found)
        yield judged(
            _LEAKAGE, "gives the label alone", int(alone >= MOST_AUC), 1, column=name,
            of_rows=False,
            reason=f"area under the ROC curve {alone:.3f}" if alone >= MOST_AUC else "",
        )  # fmt: skip


def _by_other_half(codes: Any, truth: Any, held: Any) -> Any:
    """Each row's share of the label among rows of its level in the other half of the table."""
    found = np.full(len(codes), 0.5)
    halves = np.arange(len(codes)) % 2 == 0
    for half in (halves, ~halves):
        own = held & ~half
        n = np.bincount(codes[own], minlength=codes.max(initial=0) + 1)
        hits = np.bincount(codes[own & truth], minlength=len(n))
        found[half & held] = ((hits + 0.5 * 2) / (n + 2))[codes[half & held]]
    return found


def _later(train: pd.DataFrame, features: list[str], time: str) -> Iterator[Result]:
    """Features that are dated after the decision."""
    decided = times_of(train[time])
    for name in features:
        if train[name].dtype.kind != "M":
            continue
        dated = times_of(train[name])
        both = dated.notna() & decided.notna()
        late = int((both & (dated > decided)).sum())
        yield judged(_LEAKAGE, "later than the decision", late, int(both.sum()), column=name)
