"""What explanations may cost: fewer permutations, then fewer rows, and never a denial left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

import auditkit as ak
from auditkit.errors import InputError, PolicyError
from auditkit.loading.audit_file import Explaining
from auditkit.measures.attribution.explainer import Explainer

ROWS = 300


@pytest.fixture(scope="module")
def world():
    draw = np.random.default_rng(3)
    table = pd.DataFrame(draw.normal(size=(700, 6)), columns=list("abcdef"))
    labels = (table.a + table.b * table.c + draw.normal(size=700) > 0).astype(int)
    model = CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=15), cv=2)
    return model.fit(table[:300], labels[:300]), table, labels


def audited(world, explain, *, model=None, champion=None):
    fitted, table, labels = world
    inputs = ak.Inputs(
        model=model or fitted, data=table[:ROWS], labels=labels[:ROWS],
        reference=table[ROWS:], explain=explain,
    )  # fmt: skip
    if champion is None:
        return ak.run(inputs, log=None, progress=False)
    given = {"data": inputs.data, "labels": inputs.labels, "reference": inputs.reference}
    return ak.compare(champion, inputs.model, log=None, progress=False, explain=explain, **given)


def number(audit, key):
    return audit.evidence_of("explanation.global").measurement(key).value


@pytest.mark.parametrize("budget", [2_000, 30_000, 300_000, 3_000_000])
def test_a_budget_bounds_evaluations_and_says_what_it_bought(world, budget):
    audit = audited(world, {"evaluations": budget})
    found = audit.evidence_of("explanation.global")
    assert found.parameters["budget"] == budget
    assert number(audit, "evaluations") <= budget / 2
    assert number(audit, "explained_share") == found.n / ROWS
    # Eight pairs of seven rows, there and back, for each explained row.
    assert (found.n < ROWS) == (budget / 2 < ROWS * 8 * 14)
    assert number(audit, "evaluations") == found.n * 14 * max(
        8, min(budget // 2 // 14 // found.n, 1024)
    )


def test_more_evaluations_are_surer(world):
    errors = [
        number(audited(world, {"evaluations": budget}), "standard_error[feature=a]")
        for budget in (100_000, 1_600_000)
    ]
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.2)


def test_values_agree_with_every_coalition_within_their_standard_errors(world):
    model, table, _ = world
    rows, reference = table[:40], table[ROWS : ROWS + 60]
    exact = ak.explain(model, rows, reference=reference)
    assert exact.standard_errors is None
    sampled = ak.explain(model, rows, reference=reference, evaluations=40 * 14 * 60)
    assert sampled.evaluations == 40 * 14 * 60
    off = np.abs(sampled.values - exact.values) / np.maximum(sampled.standard_errors, 1e-9)
    assert np.median(off) < 1
    assert np.quantile(off, 0.99) < 5


def test_the_explained_rows_keep_their_numbers(world):
    model, table, _ = world
    audit = audited(world, {"evaluations": 4_000})
    values = audit.evidence_of("explanation.global").table("feature_values")
    rows = [row[0] for row in values.rows]
    assert 0 < len(rows) < ROWS
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal([row[1:] for row in values.rows], table.iloc[rows].to_numpy())
    shap = audit.evidence_of("explanation.global").table("shap_values")
    assert [row[0] for row in shap.rows] == rows
    scores = model.predict_proba(table.iloc[rows])[:, 1]
    np.testing.assert_allclose(shap.column("output"), scores, atol=1e-9)


def test_every_denial_has_reasons_whatever_the_budget(world):
    few, whole = (audited(world, explain) for explain in ({"evaluations": 1}, None))
    for audit in (few, whole):
        found = audit.evidence_of("explanation.denials")
        assert found.measurement("denials").value == found.n
    assert few.evidence_of("explanation.denials").n == whole.evidence_of("explanation.denials").n


def test_the_evaluations_that_seconds_bought_give_the_same_statement(world):
    timed = audited(world, {"seconds": 0.2})
    budget = timed.evidence_of("explanation.global").parameters["budget"]
    assert audited(world, {"evaluations": budget}).statement == timed.statement


def test_an_exact_model_is_explained_whole(world):
    _, table, labels = world
    model = LogisticRegression().fit(table[:300], labels[:300])
    audit = audited(world, {"evaluations": 1}, model=model)
    found = audit.evidence_of("explanation.global")
    assert found.n == ROWS
    assert not found.named("standard_error")


def test_two_models_are_compared_on_the_rows_that_both_explain(world):
    _, table, labels = world
    exact = LogisticRegression().fit(table[:300], labels[:300])
    audit = audited(world, {"evaluations": 4_000}, champion=exact)
    compared = audit.evidence_of("comparison.explanations")
    assert compared.n == audit.evidence_of("explanation.global").n < ROWS


def test_shares_of_long_work_are_told(world):
    model, table, _ = world
    told = []
    explainer = Explainer(model, table[ROWS:])
    explainer.explain(table[:200], evaluations=500_000, tell=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] == 1
    titles = []
    ak.run(
        ak.Inputs(model=model, data=table[:ROWS], reference=table[ROWS:]),
        policy="starter", log=None, progress=lambda position, count, title: titles.append(title),
    )  # fmt: skip
    assert any(title.startswith("What the score rests on: 100%, 0 s left") for title in titles)


@pytest.mark.parametrize(
    "explain",
    [{}, {"minutes": 1}, {"seconds": 1, "evaluations": 1}, {"seconds": 0}, {"seconds": True},
     {"evaluations": 1.5}, {"evaluations": 0}, {"seconds": float("nan")}],
)  # fmt: skip
def test_what_is_no_budget_is_refused(world, explain):
    with pytest.raises(InputError, match="explain"):
        audited(world, explain)
    with pytest.raises(ValueError, match="validation error"):
        Explaining.model_validate(explain, strict=True)


def test_an_audit_file_names_it(tmp_path, world):
    from auditkit.loading.audit_file import inputs_of, read_audit_file

    world[1][:5].assign(score=0.5).to_csv(tmp_path / "rows.csv", index=False)
    text = "data: rows.csv\nscores: score\npolicy: starter\nexplain: {seconds: 5}\n"
    (tmp_path / "audit.yaml").write_text(text)
    audit = read_audit_file(tmp_path / "audit.yaml")
    assert inputs_of(audit, tmp_path).explain == {"seconds": 5}
    (tmp_path / "audit.yaml").write_text(text.replace("seconds", "minutes"))
    with pytest.raises(PolicyError, match="minutes"):
        read_audit_file(tmp_path / "audit.yaml")
