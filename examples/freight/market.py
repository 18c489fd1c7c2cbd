"""Invented quotes for moving freight: what a customer asks for, and what moving it will cost.

Seeded. From week 9 on everything costs 18 % more, for a reason that no feature knows (new tolls).
In week 5 the service logs `lead_days` in hours. In week 18 it is down.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

SEED = 26
WEEKS, PER_WEEK = 26, 1000
DRIFT_WEEK, SKEWED_WEEK, OUTAGE_WEEK = 9, 5, 18
FEATURES = ["distance_km", "weight_t", "lead_days", "fuel_index", "stops"]
# A Monday.
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
# What is added to the cost that a model predicts.
MARGIN = 1.10


def start_of(week: int) -> datetime:
    """The Monday on which a week begins; the first one is week 1."""
    return BEGIN + timedelta(weeks=week - 1)


def quotes(week: int, n: int = PER_WEEK) -> pd.DataFrame:
    """The quotes of a week; week 0 is the time before the model was in use.

    Columns: quote, the features, `cost`, and `limit`: the highest price that the customer pays.
    """
    draw = np.random.default_rng([SEED, week])
    frame = pd.DataFrame(
        {
            "quote": [f"{week:02d}-{i:05d}" for i in range(n)],
            "distance_km": draw.gamma(3, 80, n).round(0) + 20,
            "weight_t": draw.uniform(1, 24, n).round(1),
            "lead_days": draw.integers(0, 15, n),
            "fuel_index": draw.uniform(0.9, 1.1, n).round(3),
            "stops": draw.integers(1, 5, n),
        }
    )
    road = frame["distance_km"] * (0.8 + 0.02 * frame["weight_t"]) * frame["fuel_index"]
    level = 1.18 if week >= DRIFT_WEEK else 1.0
    rush = 1 + 0.06 * (frame["lead_days"] < 2)
    noise = np.exp(draw.normal(0, 0.06, n))
    frame["cost"] = ((80 + road + 25 * frame["stops"]) * rush * level * noise).round(2)
    frame["limit"] = (frame["cost"] * draw.uniform(1.0, 1.25, n)).round(2)
    return frame


def logged(frame: pd.DataFrame, week: int) -> pd.DataFrame:
    """The features as the service has them."""
    found = frame[["quote", *FEATURES]].copy()
    if week == SKEWED_WEEK:
        found["lead_days"] *= 24
    return found


def profit(price: pd.Series, frame: pd.DataFrame) -> float:
    """What is earned: price less cost of the quotes that customers took."""
    taken = price <= frame["limit"]
    return float((price - frame["cost"])[taken].sum())
