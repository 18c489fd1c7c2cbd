"""Watching a window: quiet if nothing changed, a breach if something did, honest if too few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

import auditkit as ak
from auditkit.evidence import Outcome
from auditkit.watching.policy import WatchPolicy, load_watch_policy


def rows(n: int, seed: int, *, shift: float = 0.0, learned: float = 1.0) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(draw.normal(size=(n, 4)), columns=list("abcd"))
    frame["a"] += shift
    frame["town"] = draw.choice(["Aldham", "Bures", "Colne"], n)
    odds = frame["a"] + frame["b"]
    return {
        "batch": frame,
        "scores": stats.logistic.cdf(odds),
        "labels": (draw.random(n) < stats.logistic.cdf(learned * odds)).astype(int),
        "groups": pd.DataFrame({"sex": draw.choice(["f", "m"], n)}),
    }


def fitted(given: dict[str, Any]) -> ak.Profile:
    given = dict(given)
    return ak.Profile.fit(given.pop("batch"), **given)


BASE = fitted(rows(20_000, 0))


def outcomes(watched: ak.Watched) -> dict[str, str]:
    return {f.rule: f.outcome.words for f in watched.findings}


def one_rule(check: str, measure: str, bound: float, **more: Any) -> WatchPolicy:
    rule = {
        "id": "R", "title": "t", "check": check, "measure": measure, "severity": "high",
        "citation": "c", "why": "w",
    } | ({"at_most": bound} if "at_least" not in more else {}) | more  # fmt: skip
    return WatchPolicy.model_validate(
        {"id": "p", "version": "1", "title": "t", "as_of": "2026-12-01", "rules": [rule]}
    )


@pytest.mark.parametrize("policy", ["starter-watch", "watch-lending"])
def test_a_day_like_the_baseline_breaks_nothing(policy: str) -> None:
    found = ak.watch(BASE, BASE.of(**rows(5000, 1)), policy=policy)
    assert found.alerts == ()
    assert found.outcome in (Outcome.PASS, Outcome.UNCERTAIN)
    assert outcomes(ak.watch(BASE, BASE.of(**rows(5000, 1))))["WF-1"] == "met"


def test_half_a_standard_deviation_in_one_feature_is_found_in_a_day():
    found = ak.watch(BASE, BASE.of(**rows(2000, 1, shift=0.5)))
    frame = found.to_frame().query("check == 'drift.features'").set_index("feature")
    assert frame["outcome"].to_dict() == {
        "a": "exception", "b": "met", "c": "met", "d": "met", "town": "met"
    }  # fmt: skip
    assert found.outcome is Outcome.FAIL
    assert [f.rule for f in found.alerts] == ["WP-2", "WF-1"]
    assert found.findings[0].lower > 0.1  # type: ignore[operator]


def test_it_is_found_among_three_hundred_features_over_a_month():
    draw = np.random.default_rng(5)
    names = [f"x{i}" for i in range(300)]
    base = ak.Profile.fit(pd.DataFrame(draw.normal(size=(10_000, 300)), columns=names))
    day = pd.DataFrame(draw.normal(size=(2000, 300)), columns=names)
    policy = one_rule("drift.features", "psi", 0.1, min_n=200)
    assert ak.watch(base, base.of(day), policy=policy).outcome is Outcome.PASS
    day["x7"] += 0.5
    found = ak.watch(base, base.of(day), policy=policy)
    assert found.to_frame().query("outcome == 'exception'")["feature"].tolist() == ["x7"]


def test_small_windows_are_not_tested():
    found = ak.watch(BASE, BASE.of(**rows(100, 1, shift=3)))
    assert set(outcomes(found).values()) == {"not tested"}


def test_a_concept_that_changed_shows_in_labels_and_not_in_the_estimate():
    day = BASE.of(**rows(3000, 2, learned=0.0))
    found = outcomes(ak.watch(BASE, day, policy="watch-lending"))
    assert found["LO-1"] == "exception"
    assert found["LE-1"] != "exception"
    evidence = {e.check: e for e in ak.watch(BASE, day, policy="watch-lending").evidence}
    assert "Assumes that outcomes depend on scores" in evidence["performance.estimated"].notes[1]


def test_performance_without_labels_is_not_tested_and_says_so():
    given = rows(3000, 2)
    given["labels"] = np.where(np.arange(3000) < 1000, given["labels"], np.nan)
    found = next(f for f in ak.watch(BASE, BASE.of(**given)).findings if f.rule == "WO-1")
    assert found.outcome is Outcome.NOT_ASSESSED
    assert "1,000 of 3,000 labels are known" in found.statement


def test_tracked_numbers_are_those_of_the_rows():
    given, day = rows(20_000, 0), rows(4000, 3, learned=0.5)
    policy = one_rule("performance.tracked", "auc_loss", 0.03)
    found = ak.watch(BASE, BASE.of(**day), policy=policy).to_frame().iloc[0]
    exact = roc_auc_score(given["labels"], given["scores"]) - roc_auc_score(
        day["labels"], day["scores"]
    )
    assert found["value"] == pytest.approx(exact, abs=0.001)
    policy = one_rule("performance.tracked", "accuracy_loss", 0.03)
    found = ak.watch(BASE, BASE.of(**day), policy=policy).to_frame().iloc[0]
    right = [np.mean((of["scores"] >= 0.5) == of["labels"]) for of in (given, day)]
    assert found["value"] == pytest.approx(right[0] - right[1])


def test_estimates_without_labels_are_near_what_labels_show():
    """Scores near 0.5 become more frequent: the model is right less often, as it knows."""
    given = rows(8000, 4)
    near = np.abs(given["scores"] - 0.5) < 0.2
    day = {k: v[near].reset_index(drop=True) if hasattr(v, "iloc") else v[near]
           for k, v in given.items()}  # fmt: skip
    window = BASE.of(**day)
    for measure in ("accuracy_loss", "auc_loss"):
        tracked = one_rule("performance.tracked", measure, 0.03)
        guessed = one_rule("performance.estimated", f"estimated_{measure}", 0.03)
        seen = ak.watch(BASE, window, policy=tracked).to_frame().iloc[0]
        found = ak.watch(BASE, window, policy=guessed).to_frame().iloc[0]
        assert seen["value"] > 0.05
        assert found["value"] == pytest.approx(seen["value"], abs=0.03)
        assert found["outcome"] == "exception"


def test_a_regression_s_error_is_tracked_and_estimated():
    draw = np.random.default_rng(0)

    def prices(n: int, low: float, noise: float = 1.0) -> tuple[Any, Any, Any]:
        x = draw.uniform(low, 10, n)
        return pd.DataFrame({"x": x}), x, x + noise * draw.normal(0, 1 + x, n)

    frame, predicted, truth = prices(8000, 0)
    base = ak.Profile.fit(frame, scores=predicted, labels=truth)
    frame, predicted, truth = prices(3000, 6)
    day = base.of(frame, scores=predicted, labels=truth)
    seen = ak.watch(base, day, policy=one_rule("performance.tracked", "absolute_error_ratio", 1.2))
    measure = "estimated_absolute_error_ratio"
    found = ak.watch(base, day, policy=one_rule("performance.estimated", measure, 1.2))
    assert seen.outcome is found.outcome is Outcome.FAIL
    assert found.to_frame()["value"][0] == pytest.approx(seen.to_frame()["value"][0], rel=0.06)


def test_a_gap_between_groups_that_opens_is_found():
    day = rows(6000, 5)
    women = (day["groups"]["sex"] == "f").to_numpy()
    day["scores"] = np.where(women, day["scores"] * 0.6, day["scores"])
    found = ak.watch(BASE, BASE.of(**day))
    frame = found.to_frame().query("check == 'fairness.drift'").set_index("group")
    assert frame["outcome"].to_dict() == {"sex=f": "exception", "sex=m": "exception"}
    rates = {
        "f": [np.mean(of["scores"][(of["groups"]["sex"] == "f").to_numpy()] >= 0.5)
              for of in (rows(20_000, 0), day)],
        "m": [np.mean(of["scores"][(of["groups"]["sex"] == "m").to_numpy()] >= 0.5)
              for of in (rows(20_000, 0), day)],
    }  # fmt: skip
    gap = [f - m for f, m in zip(rates["f"], rates["m"], strict=True)]
    assert frame["value"]["sex=f"] == pytest.approx(abs(gap[1] - gap[0]))


def test_small_groups_of_a_window_are_suppressed():
    day = rows(1000, 5)
    day["groups"] = pd.DataFrame({"sex": ["f"] * 6 + ["m"] * 994})
    policy = one_rule("fairness.drift", "selection_rate_gap_change", 0.1, min_n=11)
    frame = ak.watch(BASE, BASE.of(**day), policy=policy).to_frame()
    assert frame["value"].isna().all()
    assert frame["n"].isna().all()
    assert set(frame["outcome"]) == {"not tested"}


def test_missing_values_text_and_new_levels_are_found():
    day = rows(2000, 6)
    frame = day["batch"].astype({"b": object})
    frame.loc[:400, "a"] = np.nan
    frame.loc[:400, "b"] = "n/a"
    frame.loc[:400, "town"] = "Dedham"
    found = outcomes(ak.watch(BASE, BASE.of(**day | {"batch": frame})))
    assert {found[r] for r in ("WM-1", "WM-2", "WM-3")} == {"exception"}


def test_shares_of_explanations_are_compared():
    draw = np.random.default_rng(0)
    names = ["a", "b"]
    shap = pd.DataFrame(draw.normal(size=(3000, 2)), columns=names)
    base = ak.Profile.fit(shap, attributions=shap)
    other = shap.iloc[:1000] * [4, 1]
    policy = one_rule("explanation.drift", "share_change", 0.05)
    assert ak.watch(
        base, base.of(shap[:1000], attributions=shap[:1000]), policy=policy
    ).outcome is (Outcome.PASS)
    assert ak.watch(base, base.of(other, attributions=other), policy=policy).outcome is Outcome.FAIL


def test_an_auc_may_be_bounded_on_both_sides():
    day = BASE.of(**rows(2000, 1, shift=-0.5))
    low = one_rule("drift.features", "auc", 0, at_least=0.4)
    assert ak.watch(BASE, day, policy=low).outcome is Outcome.FAIL
    assert ak.watch(BASE, day, policy=one_rule("drift.features", "auc", 0.6)).alerts == ()


def test_the_same_profiles_and_policy_give_the_same_json():
    day = BASE.of(**rows(2000, 1), window=("2026-11-29", "2026-11-30"))
    again = ak.Profile.from_bytes(day.to_bytes())
    base = ak.Profile.from_bytes(BASE.to_bytes())
    first, second = ak.watch(BASE, day).to_json(), ak.watch(base, again).to_json()
    assert first == second
    assert first["digests"]["baseline"] == str(BASE.digest)  # type: ignore[index, call-overload]


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(ak.AuditkitError, match="no rows"):
        ak.watch(BASE, BASE.of(rows(10, 1)["batch"].iloc[:0]))
    with pytest.raises(ak.AuditkitError, match="which is not watched"):
        ak.watch(BASE, BASE, policy=one_rule("performance.ranking", "auc", 1))
    with pytest.raises(ak.AuditkitError, match="different baselines"):
        ak.watch(BASE, fitted(rows(300, 1)))
    with pytest.raises(ak.AuditkitError, match="no policy 'strict'"):
        load_watch_policy("strict")


def test_a_plot_shows_multiples_of_tolerances():
    chart = ak.watch(BASE, BASE.of(**rows(2000, 1, shift=0.5))).plot(most=3)
    assert "psi: a 2." in chart.alt
    assert "95% intervals" in chart.alt
