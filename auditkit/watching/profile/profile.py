"""Counts of a table, of what the model made of it, and of what came of it, by version and group.

    base = ak.Profile.fit(reference, model=model, labels=y, groups=g)
    day = base.of(batch, scores=s, decided=d, groups=h, window=("2026-11-29", "2026-11-30"))
    week = sum(days)

Laws:
    - Counts are whole numbers and sums are exact. The rows of a window give the same bytes in any
      order, in any split, by any worker: `base.of(a) + base.of(b) == base.of(a and b)`.
    - Profiles of one baseline merge and are compared; others are refused.
    - A profile is confidential: it holds small counts. What leaves, as `to_frame` and every
      finding, is suppressed by the baseline's `small_cell`.
    - Labels may come later than the rows: `base.of(None, labels=..., ...)` counts what needs
      labels, and `window` is that of the decisions, not that of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from auditkit.canonical import Digest, Json, canonical_bytes, digest_of, parse_json
from auditkit.errors import InputError, UnverifiableError
from auditkit.watching.profile.baseline import fit_layout
from auditkit.watching.profile.counting import parse_units, units_text
from auditkit.watching.profile.layout import Layout, salt_digest
from auditkit.watching.profile.rows import Rows
from auditkit.watching.profile.strata import Stratum, Tallied
from auditkit.watching.profile.summary import summary
from auditkit.watching.profile.tally import Tally
from auditkit.watching.profile.window import Window, hull, window_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT: Final = "auditkit.profile/v1"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Profile:
    """Mergeable counts of rows over the cells of a layout.

    Attributes:
        layout: What is counted, frozen when the baseline was fitted.
        strata: The counts, by version and group; in their order.
        window: Start and end of the time that the rows are from, half open, in UTC; None: not
            stated.
    """

    layout: Layout
    strata: Mapping[Stratum, Tallied]
    window: Window = None
    _salt: bytes | None = field(default=None, repr=False)

    @classmethod
    def fit(
        cls,
        reference: Any,
        *,
        model: Any = None,
        scores: Any = None,
        decided: Any = None,
        labels: Any = None,
        groups: Any = None,
        attributions: Any = None,
        favourable: Any = None,
        threshold: float = 0.5,
        version: str = "",
        digest: str | None = None,
        personal: Sequence[str] = (),
        salt: bytes | None = None,
        small_cell: int = 11,
        window: tuple[date | str, date | str] | None = None,
    ) -> Profile:
        """Freezes the cells of a baseline, and counts it.

        Args:
            reference: The features of the baseline's rows, usually those of the audit: any common
                table. Times and identifiers of rows do not belong in it.
            model: A fitted estimator, which then scores the rows unless `scores` are given.
            scores: Scores of the favourable outcome, or predictions of numbers, shape `(n,)`.
            decided: Decisions, shape `(n,)`, values as in `labels`. Default: `scores` of at least
                `threshold`, if the labels have two values.
            labels: The true outcomes, shape `(n,)`: of two values, or numbers.
            groups: The attributes to compare groups by; a table or a mapping of columns.
            attributions: Contributions of each feature to each score, such as SHAP values, shape
                `(n, features)`, a table with columns of the features' names.
            favourable: The label value that is good for the person; default: 1 or True.
            threshold: As for `decided`.
            version: The model's version, which rows are counted under if none is stated.
            digest: `sha256:...` of the model's files. Default: computed from the model.
            personal: Columns whose levels are personal, and written as salted digests.
            salt: At least 16 random bytes that readers of the profile do not have. With it, rare
                levels are remembered as digests; without it they are one with new levels, and the
                level is then counted as other, not as unseen.
            small_cell: No edge, level or group rests on fewer rows, and no smaller count leaves.
            window: The time that the rows are from.

        Raises:
            InputError: If a table or column cannot be used.
        """
        layout, rows = fit_layout(
            reference,
            model=model,
            scores=scores,
            decided=decided,
            labels=labels,
            groups=groups,
            attributions=attributions,
            favourable=favourable,
            threshold=threshold,
            version=version,
            digest=digest,
            personal=personal,
            salt=salt,
            small_cell=small_cell,
        )
        empty = cls(layout=layout, strata={}, window=window_of(window), _salt=salt)
        return empty._counted(rows, version, window)

    def of(
        self,
        batch: Any,
        *,
        scores: Any = None,
        decided: Any = None,
        labels: Any = None,
        groups: Any = None,
        attributions: Any = None,
        version: str | None = None,
        window: tuple[date | str, date | str] | None = None,
    ) -> Profile:
        """Counts other rows over the cells of this profile.

        Args:
            batch: The features, with the baseline's columns; further columns are not counted. None
                for labels that came later than their rows.
            scores: As for `fit`; with `batch` None, those of the rows that got a label.
            decided: As for `fit`.
            labels: As for `fit`; a missing one is not known yet.
            groups: As for `fit`.
            attributions: As for `fit`.
            version: The version of the model that decided; default: the baseline's.
            window: The time that the rows are from.

        Raises:
            InputError: If a column is missing, or cannot be used.
        """
        rows = Rows.read(
            self.layout,
            batch,
            scores=scores,
            decided=decided,
            labels=labels,
            groups=groups,
            attributions=attributions,
        )
        return self._counted(rows, self.layout.version if version is None else version, window)

    def tally(
        self,
        *,
        version: str | None = None,
        window: tuple[date | str, date | str] | None = None,
    ) -> Tally[Profile]:
        """Counts decisions one by one, as a service makes them: see `Tally`."""

        def counted(batch: Any, **columns: Any) -> Profile:
            return self.of(batch, **columns, version=version, window=window)

        return Tally(self.layout, counted)

    def _counted(
        self, rows: Rows, version: str, window: tuple[date | str, date | str] | None
    ) -> Profile:
        strata = rows.tallied(self.layout, version, self._salt)
        return Profile(
            layout=self.layout, strata=strata, window=window_of(window), _salt=self._salt
        )

    @property
    def rows(self) -> int:
        """The number of rows of all versions."""
        return self.total().rows

    @cached_property
    def versions(self) -> tuple[str, ...]:
        """The versions of the model that rows were counted under."""
        return tuple(dict.fromkeys(s.version for s in self.strata))

    def total(self, attribute: str = "", group: str = "", *, version: str | None = None) -> Tallied:
        """The counts of everyone, or of a group; of one version, or of all.

        Args:
            attribute: The attribute that divides the rows; empty: everyone.
            group: The group.
            version: The version; None: all.
        """
        found = Tallied.nothing(self.layout)
        for stratum, tallied in self.strata.items():
            if stratum[1:] == (attribute, group) and version in (None, stratum.version):
                found = found + tallied
        return found

    def __add__(self, other: Profile) -> Profile:
        """Both profiles' rows together.

        Raises:
            InputError: If the two were counted over different layouts.
        """
        if not isinstance(other, Profile):
            return NotImplemented
        self.refuse_other(other)
        strata = dict(self.strata)
        for stratum, tallied in other.strata.items():
            strata[stratum] = strata[stratum] + tallied if stratum in strata else tallied
        return Profile(
            layout=self.layout,
            strata=dict(sorted(strata.items())),
            window=hull(self.window, other.window),
            _salt=self._salt or other._salt,
        )

    def __radd__(self, other: object) -> Profile:
        """So that `sum` of profiles works."""
        return self if other == 0 else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Whether layout, counts, sums and window are equal."""
        return isinstance(other, Profile) and self.digest == other.digest

    def __hash__(self) -> int:
        """The hash of the digest."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """The number of rows and columns, the window, and the start of the digest; no value."""
        of = f", {self.window[0]} to {self.window[1]}" if self.window else ""
        columns = len(self.layout.columns)
        return f"Profile({self.rows:,} rows, {columns} columns{of}, {self.digest.short})"

    def refuse_other(self, other: Profile) -> None:
        """Refuses a profile that was counted over another layout.

        Raises:
            InputError: If it was.
        """
        if self.layout is not other.layout and self.layout != other.layout:
            raise InputError(
                "The two profiles were counted over the cells of different baselines.",
                remedy="count both with of() of the same baseline",
            )

    @cached_property
    def digest(self) -> Digest:
        """The digest of layout, counts, sums and window."""
        return digest_of("profile/v1", self._json(str(self.layout.digest)))

    def to_bytes(self, *, alone: bool = True) -> bytes:
        """Canonical JSON. It is confidential: keep it with mode 0600, and attach it to nothing.

        Args:
            alone: With the layout, so that it can be read without the baseline. Otherwise with the
                layout's digest: a tenth of the size, for windows that are kept beside a baseline.
        """
        return canonical_bytes(
            self._json(self.layout.to_json() if alone else str(self.layout.digest))
        )

    def _json(self, layout: Json) -> dict[str, Json]:
        strata: list[Json] = []
        for stratum, tallied in sorted(self.strata.items()):
            at = np.flatnonzero(tallied.cells)
            strata.append(
                {
                    "version": stratum.version,
                    "attribute": stratum.attribute,
                    "group": stratum.group,
                    "rows": tallied.rows,
                    "at": at.tolist(),
                    "counts": tallied.cells[at].tolist(),
                    "sums": [units_text(total) for total in tallied.sums],
                }
            )
        return {
            "format": FORMAT,
            "layout": layout,
            "strata": strata,
            "window": list(self.window) if self.window else None,
        }

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        *,
        base: Profile | None = None,
        salt: bytes | None = None,
        source: str = "This",
    ) -> Profile:
        """Reads what `to_bytes` wrote.

        Args:
            data: The bytes.
            base: The baseline, if the profile was written without its layout.
            salt: The salt, to count further rows of columns that need it.
            source: The bytes' name in errors, for example the file's.

        Raises:
            InputError: If the bytes are anything else, or salt or baseline are others.
            UnverifiableError: If the layout is not in the bytes, and the baseline is not given.
        """
        try:
            content = parse_json(data)
            layout = _layout(content, base)
            found = cls(
                layout=layout,
                strata=dict(_stratum(layout, part) for part in content["strata"]),
                window=window_of(tuple(content["window"])) if content["window"] else None,
                _salt=salt,
            )
        except UnverifiableError:
            raise
        except (
            AssertionError, InputError, KeyError, TypeError, ValueError, AttributeError, IndexError,
            OverflowError,
        ) as error:  # fmt: skip
            raise InputError(
                f"{source} is not a profile that auditkit wrote.",
                remedy="count it again with the baseline's of()",
            ) from error
        if base is not None:
            base.refuse_other(found)
        stated = found.layout.salt
        if salt is not None and stated and salt_digest(salt) != stated:
            raise InputError(
                "The salt is not that of the profile.", remedy="give the one made with its baseline"
            )
        return found

    def to_frame(self) -> pd.DataFrame:
        """One row for each column of each version and group, suppressed.

        Columns: version, attribute, group, role, column, kind, n, missing, not_finite, other,
        unseen, mean, sd. Counts of fewer than `small_cell` rows are missing, and so is every count
        that would reveal one; mean and sd of fewer rows too. `mean` and `sd` are of the finite
        numbers.
        """
        return summary(self.layout, self.strata)


def _layout(content: Mapping[str, Any], base: Profile | None) -> Layout:
    """The layout in a profile's JSON: the baseline's own object, if it is that."""
    assert content["format"] == FORMAT
    given = content["layout"]
    if not isinstance(given, str):
        return Layout.from_json(given)
    if base is None or given != str(base.layout.digest):
        raise UnverifiableError(
            "The profile was written without its layout, and the baseline is "
            + ("not given." if base is None else "another."),
            remedy="give base=, the baseline that it was counted with",
        )
    return base.layout


def _stratum(layout: Layout, part: Mapping[str, Any]) -> tuple[Stratum, Tallied]:
    cells = np.zeros(layout.size, dtype=np.int64)
    at = np.array(part["at"], dtype=np.int64)
    counts = np.array(part["counts"], dtype=np.int64)
    assert np.all(np.diff(at, prepend=-1) > 0)
    assert np.all(counts > 0)
    cells[at] = counts
    sums = tuple(map(parse_units, part["sums"]))
    assert len(sums) == 2 * len(layout.summed)
    assert part["rows"] >= 0
    key = Stratum(part["version"], part["attribute"], part["group"])
    return key, Tallied(rows=part["rows"], cells=cells, sums=sums)
