"""The program that the monitor runs for a retraining: python retrain.py REQUEST."""

from __future__ import annotations

import pandas as pd
from market import FEATURES, SEED
from xgboost import XGBRegressor


def fitted(rows: pd.DataFrame, features: list[str]) -> XGBRegressor:
    """A model of the cost."""
    model = XGBRegressor(
        n_estimators=150, max_depth=4, learning_rate=0.08, random_state=SEED, n_jobs=1
    )
    return model.fit(rows[features], rows["cost"])


if __name__ == "__main__":
    fitted(pd.read_csv("train.csv"), FEATURES).save_model("3.json")
