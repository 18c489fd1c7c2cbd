"""The checks of performance and fairness, on a small case with known numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from scipy import stats
from sklearn import metrics

from auditkit.canonical import Digest
from auditkit.checks import find_check
from auditkit.evidence import Outcome
from auditkit.subject import Case, Subject


def make_case(n=1200, seed=3, *, groups=True, scores=True, unknown=0):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.6
    score = np.clip(rng.normal(0.35, 0.2, n) + 0.3 * labels, 0, 1)
    sex = rng.choice(["female", "male"], n)
    race = rng.choice(["a", "b", "c"], n, p=[0.6, 0.385, 0.015]).astype("<U9")
    race[:unknown] = "(unknown)"
    return Case(
        subject=Subject(name="m", version="1", digest=Digest.of(b"m")),
        datasets=(),
        features=pd.DataFrame({"x": score}),
        labels=labels,
        decisions=score >= 0.5,
        scores=score if scores else None,
        groups={"sex": sex, "race": race} if groups else {},
        reference=None,
        model=None,
        score=None,
        threshold=0.5,
        evidence=(),
        seed=7,
    )


def evidence(check_id, case, **overrides):
    check = find_check(check_id)
    return check.assess(case, check.parameters_with(overrides))


def test_performance_equals_scikit_learn():
    case = make_case()
    found = evidence("performance.classification", case)
    y, p = case.labels, case.decisions
    want = {
        "accuracy": metrics.accuracy_score(y, p),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, p),
        "tpr": metrics.recall_score(y, p),
        "fpr": p[~y].mean(),
        "ppv": metrics.precision_score(y, p),
        "selection_rate": p.mean(),
        "base_rate": y.mean(),
    }
    assert {m.name: m.value for m in found.measurements} == pytest.approx(want, abs=1e-12)
    assert found.measurement("tpr").n == y.sum()
    assert all(m.lower < m.value < m.upper for m in found.measurements)


def test_ranking_equals_scikit_learn():
    case = make_case()
    found = evidence("performance.ranking", case)
    y, s = case.labels, case.scores
    assert found.measurement("auc").value == pytest.approx(metrics.roc_auc_score(y, s), abs=1e-12)
    assert found.measurement("brier").value == pytest.approx(metrics.brier_score_loss(y, s))
    fpr, tpr, _ = metrics.roc_curve(y, s, drop_intermediate=False)
    assert found.measurement("ks").value == pytest.approx(np.abs(tpr - fpr).max(), abs=1e-12)
    assert all(m.lower <= m.value <= m.upper for m in found.measurements)
    rows = found.table("calibration").rows
    assert len(rows) == 10
    assert all(row[2] is None or row[2] == 0 or row[2] >= 11 for row in rows)


def test_selection_rates():
    case = make_case(unknown=40)
    found = evidence("fairness.selection_rates", case)
    frame = MetricFrame(
        metrics=selection_rate,
        y_true=case.labels,
        y_pred=case.decisions,
        sensitive_features=pd.DataFrame(case.groups),
    )
    both = {m.group: m for m in found.named("selection_rate") if len(m.group) == 2}
    for (sex, race), value in frame.by_group.items():
        assert both[("sex", sex), ("race", race)].value == pytest.approx(value, abs=1e-12)
    ratios = [m for m in found.named("impact_ratio") if len(m.group) == 1]
    assert [m.group[0][1] for m in ratios] == ["female", "male", "a", "b", "c"]
    references = [m for m in ratios if m.group == m.compared_with]
    assert [(m.value, m.lower, m.upper) for m in references] == [(1, 1, 1)] * 2
    assert all(m.group[0][1] != "c" for m in references)
    assert found.measurement("impact_ratio[race=c]").estimable  # small, kept
    assert found.measurement("unknown_share[race=(all)]").value == pytest.approx(40 / 1200)
    assert any("fewer than 30" in note for note in found.notes)
    assert any("unknown" in note for note in found.notes)


def test_error_rates():
    case = make_case()
    found = evidence("fairness.error_rates", case, min_group=1)
    for name, metric in (("tpr", true_positive_rate), ("fpr", false_positive_rate)):
        frame = MetricFrame(
            metrics=metric,
            y_true=case.labels,
            y_pred=case.decisions,
            sensitive_features=case.groups["race"],
        )
        for race, value in frame.by_group.items():
            number = found.measurement(f"{name}[race={race}]")
            assert number.value == pytest.approx(value, abs=1e-12)
            where = case.labels if name == "tpr" else ~case.labels
            assert number.n == (where & (case.groups["race"] == race)).sum()
    for attribute in ("sex", "race"):
        number = found.measurement(f"equalized_odds_difference[{attribute}=(all)]")
        want = equalized_odds_difference(
            case.labels, case.decisions, sensitive_features=case.groups[attribute]
        )
        assert number.value == pytest.approx(want, abs=1e-12)
        assert number.lower <= number.value <= number.upper


def test_significance_and_its_table():
    case = make_case(unknown=40)
    found = evidence("fairness.significance", case)
    table = found.table("four_fifths")
    assert len(table.rows) == 2 + 3 + 6  # the unknown take no part
    columns = {name: table.column(name) for name in table.columns}
    p_value = dict(zip(columns["group"], columns["p_value"], strict=True))
    female = case.groups["sex"] == "female"
    counts = [[(case.decisions & s).sum(), (~case.decisions & s).sum()] for s in (female, ~female)]
    want = stats.chi2_contingency(counts, correction=False)
    reference = found.named("power")[0].compared_with[0][1]
    other = "male" if reference == "female" else "female"
    assert p_value[f"sex={other}"] == pytest.approx(want.pvalue)
    assert p_value[f"sex={reference}"] is None
    for adjusted in found.named("adjusted_p_value"):
        alone = p_value[adjusted.key.removeprefix("adjusted_p_value[").removesuffix("]")]
        assert alone is None or adjusted.value >= alone
    assert "Fisher" in found.measurement("adjusted_p_value[sex=female,race=c]").method
    small = [row for row in table.rows if row[table.columns.index("n")] < 11]
    assert small  # fewer than 11 of some race and sex
    assert all(row[table.columns.index("selected")] is not None for row in small)  # hides nothing


def test_calibration_by_group():
    case = make_case()
    found = evidence("fairness.calibration", case)
    for sex in ("female", "male"):
        rows = case.groups["sex"] == sex
        y, s = case.labels[rows], case.scores[rows]
        gap = found.measurement(f"calibration_gap[sex={sex}]")
        assert gap.value == pytest.approx(y.mean() - s.mean())
        assert gap.n == rows.sum()
        auc = found.measurement(f"auc[sex={sex}]")
        assert auc.value == pytest.approx(metrics.roc_auc_score(y, s), abs=1e-12)
    table = found.table("calibration_by_group")
    assert len(table.rows) == 5 * 10
    assert {row[:2] for row in table.rows} >= {("sex", "female"), ("race", "c")}
    assert evidence("fairness.calibration", make_case(scores=False)).outcome is (
        Outcome.NOT_APPLICABLE
    )


def test_threshold_sweep():
    case = make_case()
    found = evidence("fairness.threshold_sweep", case)
    table = found.table("threshold_sweep")
    assert len(table.rows) == 21 * 5
    in_use = [dict(zip(table.columns, row, strict=True)) for row in table.rows if row[1]]
    assert {row["threshold"] for row in in_use} == {0.5}
    for row in in_use:
        rows = case.groups[row["attribute"]] == row["group"]
        assert row["selection_rate"] == pytest.approx(case.decisions[rows].mean())
    frame = MetricFrame(
        metrics=selection_rate,
        y_true=case.labels,
        y_pred=case.decisions,
        sensitive_features=case.groups["sex"],
    )
    now = found.measurement("smallest_ratio[sex=(all)]")
    assert now.value == pytest.approx(frame.ratio(), abs=1e-12)
    assert found.measurement("alternative_ratio[sex=(all)]").value >= now.value
    overall = found.table("threshold_alternatives")
    row = next(r for r in overall.rows if r[1])
    for name, metric in (
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
    ):
        want = metric(case.labels, case.decisions)
        assert row[overall.columns.index(name)] == pytest.approx(want)


def test_local_law_144():
    case = make_case(unknown=40)
    found = evidence("fairness.local_law_144", case)
    ratio = found.measurement("category_impact_ratio[sex=female]")
    rates = [case.decisions[case.groups["sex"] == s].mean() for s in ("female", "male")]
    assert ratio.value == pytest.approx(rates[0] / max(rates))
    assert found.measurement("unknown_category[sex=(unknown),race=(unknown)]").value == 40
    left_out = [m for m in found.named("category_impact_ratio") if m.value is None]
    assert left_out
    assert all("small" in m.reason for m in left_out)
    table = found.table("local_law_144")
    assert len(table.rows) == 2 + 3 + 6
    missing = evidence("fairness.local_law_144", case, race="ethnicity")
    assert missing.outcome is Outcome.NOT_APPLICABLE


def test_nobody_large_enough_is_not_a_ratio_of_one():
    found = evidence("fairness.selection_rates", make_case(n=40), min_group=1000)
    assert all(m.value is None and m.reason for m in found.named("impact_ratio"))


def test_all_decisions_alike_leaves_no_ratio():
    case = make_case()
    case.decisions[:] = False
    found = evidence("fairness.selection_rates", case)
    assert {m.value for m in found.named("impact_ratio")} == {None}
    assert {m.value for m in found.named("selection_rate")} == {0.0}
    found = evidence("performance.classification", case)
    assert found.measurement("ppv").value is None
