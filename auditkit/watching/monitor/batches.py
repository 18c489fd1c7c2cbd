"""Divides the rows of a batch into windows and versions, by the columns that monitor.yaml names."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from auditkit.errors import InputError, NothingToAuditError
from auditkit.tables.convert import to_pandas
from auditkit.watching.monitor.record.facts import end_of, refuse_other_slot, slot_of, text_of
from auditkit.watching.monitor.record.settings import Columns, ModelSettings
from auditkit.watching.profile.profile import Profile
from auditkit.watching.profile.window import window_of


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one window.

    Attributes:
        window: The window.
        frame: All columns.
    """

    window: tuple[str, str]
    frame: pd.DataFrame


def table_of(batch: Any, columns: Columns, *, what: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """A batch as a table.

    Raises:
        InputError: If a column that monitor.yaml names is missing.
        NothingToAuditError: If it has no rows.
    """
    frame = to_pandas(batch, what=what)
    named = {getattr(columns, name) for name in needed} - {""}
    if missing := sorted((named | set(columns.groups)) - set(frame.columns)):
        raise InputError(
            f"The {what} has no column {missing[0]!r}, which monitor.yaml names.",
            remedy="give the column, or change `columns` in monitor.yaml",
        )
    if not len(frame):
        raise NothingToAuditError(f"The {what} has no rows.", remedy="give rows, or wait for some")
    return frame


def divided(
    frame: pd.DataFrame, columns: Columns, window: Any, *, seconds: int, now: datetime
) -> Iterator[Part]:
    """The rows of each window, in order.

    Args:
        frame: The batch.
        columns: The columns.
        window: The window of all rows; None: by the column of times, else the window of now.
        seconds: The length of a window.
        now: The time.

    Raises:
        InputError: If a time cannot be read or lies in the future, or the window is none of the
            schedule's.
    """
    if window is None and columns.time:
        times = pd.to_datetime(frame[columns.time], utc=True, errors="coerce", format="ISO8601")
        if times.isna().any():
            raise InputError(
                f"{int(times.isna().sum()):,} rows have no readable time in {columns.time!r}.",
                remedy="write times as 2026-11-29T08:00:00Z",
            )
        starts = times.map(lambda t: text_of(slot_of(t.to_pydatetime(), seconds)))
        parts = [
            Part(window=(start, end_of(start, seconds)), frame=rows)
            for start, rows in frame.groupby(starts, sort=True)
        ]
    else:
        start = text_of(slot_of(now, seconds))
        given = window_of(window) or (start, end_of(start, seconds))
        refuse_other_slot(given, seconds)
        parts = [Part(window=given, frame=frame)]
    if late := [p.window[0] for p in parts if p.window[0] > text_of(now)]:
        raise InputError(
            f"The window from {late[0]} lies in the future: it is {text_of(now)}.",
            remedy="check the machine's clock, and the zone of the times",
        )
    yield from parts


def served(frame: pd.DataFrame, columns: Columns, version: str) -> dict[str, dict[str, int]]:
    """How many rows each version decided, and why it did; empty: no column of reasons is named.

    Args:
        frame: The rows.
        columns: The columns.
        version: The model's version, which needs no reason.

    Raises:
        InputError: If a row does not say what decided, or another version than the model's did and
            it does not say why.
    """
    if not columns.version:
        return {}
    by = frame[columns.version].astype("string").fillna("").str.strip()
    if missing := int((by == "").sum()):
        raise InputError(
            f"{missing:,} rows do not say what decided, in {columns.version!r}.",
            remedy="write `monitor.serving.version` into every decision",
        )
    if not columns.reason:
        return {}
    why = frame[columns.reason].astype("string").fillna("").str.strip()
    if missing := int(((by != version) & (why == "")).sum()):
        raise InputError(
            f"{missing:,} rows were not decided by version {version} of the model, and do not say "
            f"why, in {columns.reason!r}.",
            remedy="write `monitor.serving.reason` into every decision",
        )
    found: dict[str, dict[str, int]] = {}
    for (one, reason), rows in Counter(zip(by, why, strict=True)).items():
        found.setdefault(one, {})[reason] = rows
    return found


def counted(base: Profile, part: Part, columns: Columns) -> Profile:
    """The profile of a window's rows, each under the version that decided.

    Raises:
        InputError: If a column is missing, or cannot be used.
    """
    frame = part.frame
    versions = frame.groupby(columns.version, sort=True) if columns.version else [(None, frame)]
    found = [
        base.of(
            _features(base, rows),
            scores=_column(rows, columns.score),
            decided=_column(rows, columns.decided),
            labels=_column(rows, columns.label) if columns.label in rows else None,
            groups=rows[list(columns.groups)] if columns.groups else None,
            version=None if version is None else str(version),
            window=part.window,
        )
        for version, rows in versions
    ]
    profile: Profile = sum(found[1:], found[0])
    return profile


def fitted(
    frame: pd.DataFrame,
    columns: Columns,
    named: tuple[str, ...],
    *,
    salt: bytes,
    model: ModelSettings,
    small_cell: int,
) -> Profile:
    """The profile of a baseline's table; what is named as nothing else is a feature."""
    others = {getattr(columns, name) for name in named} | set(columns.ignore)
    names = [c for c in frame.columns if c not in others and c not in columns.groups]
    return Profile.fit(
        frame[names],
        scores=_column(frame, columns.score),
        decided=_column(frame, columns.decided),
        labels=_column(frame, columns.label),
        groups=frame[list(columns.groups)] if columns.groups else None,
        version=model.version,
        digest=model.digest or None,
        personal=columns.personal,
        salt=salt,
        small_cell=small_cell,
    )


def _features(base: Profile, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the baseline has; a missing one is refused when they are counted."""
    names = [c.name for c in base.layout.of_role("feature")]
    return frame[[name for name in names if name in frame.columns]]


def _column(frame: pd.DataFrame, name: str) -> Any:
    return frame[name].to_numpy() if name else None


def waiting(frame: pd.DataFrame, columns: Columns, salt: bytes) -> pd.DataFrame:
    """What must be kept of each row until its label comes: a salted key, outputs, groups."""
    kept = {"key": keyed(frame[columns.key], salt)}
    for name in ("score", "decided"):
        if column := getattr(columns, name):
            kept[name] = frame[column].to_numpy()
    found = pd.DataFrame(kept)
    for name in columns.groups:
        found[f"group {name}"] = frame[name].astype("string").to_numpy()
    if columns.version:
        found["version"] = frame[columns.version].astype("string").to_numpy()
    return found


def keyed(column: pd.Series[Any], salt: bytes) -> list[str]:
    """The keys of rows as salted digests."""
    return [
        hmac.new(salt, str(value).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        for value in column
    ]


def labelled(
    base: Profile, rows: pd.DataFrame, labels: Any, columns: Columns, window: tuple[str, str]
) -> Profile:
    """The profile of labels that came later, with the outputs of their rows."""
    groups = {name: rows[f"group {name}"].to_numpy() for name in columns.groups}
    return base.of(
        None,
        labels=labels,
        scores=rows["score"].to_numpy() if "score" in rows else None,
        decided=rows["decided"].to_numpy() if "decided" in rows else None,
        groups=pd.DataFrame(groups) if groups else None,
        version=None,
        window=window,
    )
