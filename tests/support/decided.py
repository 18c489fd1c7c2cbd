"""Labels, decisions and groups drawn at random."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sample(seed, n, *, skew=0.5):
    """Labels, decisions and groups of `n` people; `skew` is the share of favourable labels."""
    rng = np.random.default_rng(seed)
    labels, decisions = rng.random(n) < skew, rng.random(n) < 0.5
    groups = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "race": rng.choice(["a", "b", "c"], n, p=[0.7, 0.25, 0.05]),
        }
    )
    return labels, decisions, groups
