"""Every kind of task runs end to end: what is measured, and what is not tested and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import auditkit as ak
from auditkit.errors import InputError
from auditkit.evidence import Outcome

N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["income", "debt", "years"])
GROUPS = {"sex": RNG.choice(["f", "m"], N)}
Y = (X.income - X.debt + RNG.normal(size=N) > 0).astype(int)
SCORER = LogisticRegression().fit(X, Y)
SCORES = SCORER.predict_proba(X)[:, 1]
NEED_LABELS = (
    "performance.classification",
    "performance.ranking",
    "fairness.error_rates",
    "fairness.calibration",
    "fairness.threshold_sweep",
)


def audited(policy="starter", **given):
    return ak.run(ak.Inputs(data=X, groups=GROUPS, **given), policy=policy, progress=False)


def outcome_of(audit, check):
    found = audit.evidence_of(check)
    return found.outcome, found.reason


@pytest.mark.parametrize(
    "given",
    [{"model": SCORER, "reference": X}, {"scores": SCORES}, {"predictions": SCORES >= 0.5}],
    ids=["model", "scores", "decisions"],
)
def test_without_labels_what_needs_them_is_not_tested_and_the_rest_as_with_them(given):
    without, beside = audited(**given), audited(**given, labels=Y)
    for check in NEED_LABELS:
        outcome, reason = outcome_of(without, check)
        if "scores" not in reason:
            assert (outcome, reason) == (Outcome.NOT_ASSESSED, "no labels were given")
    needing = {e.check for e in without.evidence if e.check in NEED_LABELS}
    for one, other in zip(without.evidence, beside.evidence, strict=True):
        if one.check not in needing:
            assert one.to_json() == other.to_json()
    assert without.verdict.decision.value in ("fail", "incomplete")
    assert "None" not in repr(ak.Inputs(data=X, **given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"predictions": np.arange(N) % 3}, "predictions has 3 distinct values; decisions have"),
        ({"predictions": np.where(Y, "yes", "no")}, "the favourable one is unknown"),
        ({"predictions": np.where(Y, "yes", "no"), "favourable": "Yes"}, "No decision has the"),
    ],
)
def test_decisions_without_labels_that_say_nothing_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        audited(**given)
