"""Finds the rows that labels which came later belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from auditkit.errors import InputError
from auditkit.watching.monitor import batches
from auditkit.watching.monitor.record.settings import Columns
from auditkit.watching.monitor.record.state import State
from auditkit.watching.monitor.store import Store
from auditkit.watching.profile.profile import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelsTaken:
    """What became of labels that came later.

    Attributes:
        matched: Labels of rows that were observed.
        unknown: Labels of no observed row.
        repeated: Labels of rows whose label had come before; the first one counts.
    """

    matched: int
    unknown: int
    repeated: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelsPart:
    """The labels of one window's rows.

    Attributes:
        window: The window.
        digest: The digest of their profile, which is stored.
        keys: The rows' salted keys.
    """

    window: tuple[str, str]
    digest: str
    keys: pd.DataFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """All labels that came, by window, and what became of them."""

    parts: tuple[LabelsPart, ...]
    counts: LabelsTaken


def labelled(
    frame: Any, columns: Columns, *, base: Profile, store: Store, state: State, salt: bytes
) -> Labelled:
    """The labels of each window, newest first; their profiles are stored.

    A key that several windows have is looked for in the newest.

    Raises:
        InputError: If monitor.yaml names no key and label, or no row is known.
    """
    if not columns.key or not columns.label:
        raise InputError(
            "monitor.yaml does not say which columns are the key and the label.",
            remedy="write columns.key and columns.label, and observe rows with the key",
        )
    bare = columns.model_copy(update={"groups": ()})
    table = batches.table_of(frame, bare, what="table of labels", needed=("key", "label"))
    keys = batches.keyed(table[columns.key], salt)
    given = pd.DataFrame({"key": keys, "label": table[columns.label].to_numpy()})
    given = given.dropna(subset=["label"])
    fresh = given.drop_duplicates("key", keep="first")
    parts, known, repeated = [], 0, len(given) - len(fresh)
    for window in reversed(state.windows.values()):
        rows = _rows(store, "rows", window.parts)
        if rows is None or not len(fresh):
            continue
        is_here = fresh["key"].isin(rows["key"])
        mine, fresh = fresh[is_here], fresh[~is_here]
        known += len(mine)
        done = _rows(store, "labels", window.labels)
        if done is not None:
            repeated += int(mine["key"].isin(done["key"]).sum())
            mine = mine[~mine["key"].isin(done["key"])]
        if len(mine):
            joined = mine.merge(rows.drop_duplicates("key", keep="last"), on="key")
            span = (window.start, window.end)
            profile = batches.labelled(base, joined, joined["label"].to_numpy(), columns, span)
            digest = store.put_profile(profile, alone=False)
            parts.append(LabelsPart(window=span, digest=digest, keys=mine[["key"]]))
    if not known:
        raise InputError(
            "No label is of a row that was observed.",
            remedy="check the key's column, and that the rows were observed with it",
        )
    matched = sum(len(part.keys) for part in parts)
    counts = LabelsTaken(matched=matched, unknown=len(fresh), repeated=repeated)
    return Labelled(parts=tuple(parts), counts=counts)


def _rows(store: Store, folder: str, digests: list[str]) -> pd.DataFrame | None:
    found = [store.rows(folder, digest) for digest in digests]
    kept = [frame for frame in found if frame is not None]
    return pd.concat(kept, ignore_index=True) if kept else None
