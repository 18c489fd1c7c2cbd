"""The explanation checks, on a case whose answers can be worked out."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xgboost

from auditkit.checks import TERMS, find_check
from auditkit.checks.explained import attribution_of
from auditkit.checks.explanation_denials import population_of
from auditkit.errors import InputError, PolicyError
from auditkit.glossary import Glossary
from auditkit.loading import prepare
from auditkit.report.blocks.kinds import ChartBlock, TableBlock
from auditkit.report.figures.figure_ledger import FigureLedger
from auditkit.report.sections.explanation import denials
from auditkit.subject import Inputs
from auditkit.wording import NEUTRAL


def applicants(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({n: rng.normal(size=rows) for n in ("income", "debt", "noise")})


def make_case(**changes):
    train, rows = applicants(800, 0), applicants(300, 1)
    repaid = (train.income - train.debt > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1).fit(train, repaid)
    given = {
        "model": model,
        "data": rows,
        "labels": (rows.income - rows.debt > 0).astype(int),
        "reference": train,
    }
    return prepare(Inputs(**{**given, **changes}))


@pytest.fixture(scope="module")
def case():
    return make_case()


def run(check_id, case, **overrides):
    check = find_check(check_id)
    return check.assess(case, check.parameters_with(overrides))


def test_global_ranks_what_the_label_was_made_of(case):
    e = run("explanation.global", case)
    order = [m.group[0][1] for m in e.named("mean_abs_shap")]
    assert order[-1] == "noise"
    income = e.measurement("mean_abs_shap[feature=income]")
    assert income.lower < income.value < income.upper
    assert income.unit == "log-odds"
    assert e.measurement("additivity_residual").value < 1e-5
    assert e.measurement("reference_rows").value == 800
    shap_values, feature_values = e.table("shap_values"), e.table("feature_values")
    assert shap_values.columns == ("row", "base", "output", "income", "debt", "noise")
    for row in shap_values.rows:
        assert sum(row[3:]) + row[1] == pytest.approx(row[2], abs=1e-5)
    assert feature_values.column("income") == tuple(case.features.income)


def test_every_denial_has_adverse_reasons(case):
    e = run("explanation.denials", case)
    denied = np.flatnonzero(~case.decisions)
    assert e.measurement("denials").value == len(denied)
    table = e.table("denial_reasons")
    assert set(table.column("row")) <= set(denied.tolist())
    assert all(c < 0 for c in table.column("contribution"))
    explained = set(table.column("row"))
    assert e.measurement("denials_with_reasons").value == len(explained) / len(denied)
    assert 0.9 < e.measurement("adverse_coverage").value <= 1
    for row, feature, value in zip(
        *(table.column(c) for c in ("row", "feature", "value")), strict=True
    ):
        assert case.features[feature][row] == value


def test_attributions_of_denials_are_those_of_their_reasons(case):
    """The waterfall of a case is drawn from them; it and the reasons have one reference."""
    e = run("explanation.denials", case)
    reasons, every = e.table("denial_reasons"), e.table("denial_attributions")
    rows = {r[0]: dict(zip(every.columns, r, strict=True)) for r in every.rows}
    assert set(rows) == set(np.flatnonzero(~case.decisions).tolist())
    for reason in (dict(zip(reasons.columns, r, strict=True)) for r in reasons.rows):
        assert rows[reason["row"]][reason["feature"]] == reason["contribution"]
    for one in rows.values():
        total = one["base"] + one["income"] + one["debt"] + one["noise"]
        assert total == pytest.approx(one["output"], abs=1e-5)
    marginal = find_check("explanation.denials").parameters_with({})
    assert len(population_of(case, marginal)) == e.parameters["reference_rows"]


def test_a_report_draws_a_denial_against_whom_its_reasons_are_relative_to(case):
    judgement = SimpleNamespace(
        glossary=Glossary(terms=TERMS),
        evidence_of=lambda check: None,
        policy=SimpleNamespace(small_cell=11, decision=SimpleNamespace(words=NEUTRAL)),
    )
    e = replace(run("explanation.denials", case), id="E-0001")
    book = FigureLedger(judgement)
    blocks = denials(book, e)
    drawn = next(b for b in blocks if isinstance(b, ChartBlock))
    listed = next(b for b in blocks if isinstance(b, TableBlock) and "closest" in str(b.caption))
    for text in (str(drawn.title), str(listed.caption)):
        assert "those at or just above the cut-off" in text
    shown = {str(cells[1]): str(cells[4]) for cells in listed.rows}
    for feature, contribution in shown.items():
        assert f"{feature} {contribution}" in drawn.chart.alt


def test_reasons_flip_with_the_favourable_class(case):
    """The same model, where class 0 is the good one: what spoke for now speaks against."""
    mirrored = make_case(favourable=0)
    denied_here = set(run("explanation.denials", case).table("denial_reasons").column("row"))
    denied_there = set(run("explanation.denials", mirrored).table("denial_reasons").column("row"))
    assert not denied_here & denied_there
    one, other = (run("explanation.global", c).table("shap_values") for c in (case, mirrored))
    np.testing.assert_allclose(one.column("income"), -np.array(other.column("income")))


def test_a_model_that_did_not_give_the_scores_is_refused(case):
    foreign = replace(case, score=lambda rows: np.full(len(rows), 0.5), _computed={})
    with pytest.raises(InputError, match="not the score"):
        run("explanation.global", foreign)


def test_reference_population_is_the_marginal_approvals_by_default(case):
    marginal = run("explanation.denials", case)
    everyone = run("explanation.denials", case, population="everyone in the reference")
    approved = int((case.score(case.reference) >= 0.5).sum())
    assert marginal.parameters["reference_rows"] == max(50, round(0.1 * approved))
    assert everyone.parameters["reference_rows"] == 800
    with pytest.raises(PolicyError, match="population"):
        run("explanation.denials", case, population="friends")


def test_stable_reasons_are_told_from_unstable_ones(case):
    e = run("explanation.denials", case)
    table = e.table("denial_reasons")
    kept, stable = table.column("kept"), table.column("stable")
    assert all(0 <= k <= 1 for k in kept)
    assert stable == tuple(k >= 0.95 for k in kept)
    by_row: dict[int, list[bool]] = {}
    for row, is_stable in zip(table.column("row"), stable, strict=True):
        by_row.setdefault(row, []).append(is_stable)
    share = e.measurement("stable_denials")
    assert share.value == np.mean([all(flags) for flags in by_row.values()])
    small = run("explanation.denials", case, marginal_rows=5, marginal_share=0.001)
    assert small.measurement("stable_denials").value is None
    assert not any(small.table("denial_reasons").column("stable"))


def test_a_protected_attribute_is_never_a_reason():
    debt = np.where(applicants(300, 1).debt > 0, "high", "low")
    e = run("explanation.denials", make_case(groups={"Debt": debt}))
    assert "debt" not in e.table("denial_reasons").column("feature")
    assert e.measurement("denials_on_protected").value > 0
    other = run("explanation.denials", make_case(groups={"sex": debt}))
    assert other.measurement("denials_on_protected").value == 0
    # Without a protected attribute nothing was looked for, and none found is no result.
    none = run("explanation.denials", make_case()).measurement("denials_on_protected")
    assert none.value is None
    assert none.reason == "no protected attribute was given"


@pytest.mark.parametrize("kind", ["estimator", "booster", "function"])
@pytest.mark.parametrize("favourable", [1, 0])
def test_what_is_explained_is_the_score_of_the_favourable_class(case, kind, favourable):
    booster = case.model.get_booster()
    model = {
        "estimator": case.model,
        "booster": booster,
        "function": lambda rows: booster.predict(xgboost.DMatrix(rows)),
    }[kind]
    digest = "sha256:" + 64 * "0"
    made = make_case(
        model=model,
        favourable=favourable,
        digest=digest,
        reference=case.reference.head(20),
        data=case.features.head(30),
        labels=[0, 1] * 15,
    )
    own = attribution_of(made)
    chances = case.model.predict_proba(made.features)[:, favourable]
    assert own.unit.predicted(own.outputs) == pytest.approx(chances, abs=1e-6)
    assert own.values.sum(axis=1) + own.base == pytest.approx(own.outputs, abs=1e-5)


def test_a_booster_on_columns_of_categories_is_scored_as_it_is_explained():
    rows = applicants(60, 2)
    rows["town"] = pd.Categorical(["a", "b", "c"] * 20)
    repaid = (rows.income + (rows.town == "a") > 0.5).astype(int)
    data = xgboost.DMatrix(rows, repaid, enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic"}, data, 5)
    case = prepare(Inputs(model=booster, data=rows, labels=repaid, reference=rows))
    assert case.scores == pytest.approx(booster.predict(data), abs=1e-6)
    own = attribution_of(case)
    assert own.unit.predicted(own.outputs) == pytest.approx(case.scores, abs=1e-6)
