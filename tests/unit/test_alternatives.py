"""The search for less disparate alternatives, against fairlearn and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_ratio
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import auditkit as ak
from auditkit.checks import find_check
from auditkit.errors import InputError
from auditkit.evidence import Outcome
from auditkit.measures.fairness.alternatives import IN_USE


def people(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Group b has less of a feature that says little, and as much of one that says more."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["a", "b"], rows)
    proxy, skill = rng.normal(size=rows) - 1.5 * (group == "b"), rng.normal(size=rows)
    labels = skill + 0.3 * proxy + rng.normal(size=rows) > 0
    return pd.DataFrame({"proxy": proxy, "skill": skill}), labels, pd.DataFrame({"g": group})


TRAIN, TAUGHT, TRAIN_GROUPS = people(1500, 0)
DATA, LABELS, GROUPS = people(1500, 1)
GIVEN = {
    "train": ak.Inputs(data=TRAIN, labels=TAUGHT, groups=TRAIN_GROUPS),
    "data": DATA,
    "labels": LABELS,
    "groups": GROUPS,
}


@pytest.fixture(scope="module")
def model():
    return LogisticRegression().fit(TRAIN, TAUGHT)


@pytest.fixture(scope="module")
def found(model):
    return ak.alternatives(model, **GIVEN, grid_size=7, loss=0.05)


def test_what_is_in_use_and_cut_offs_equal_fairlearn_and_scikit_learn(model, found):
    scores = model.predict_proba(DATA)[:, 1]
    by_name = {c.name: c for c in found.candidates}
    for name, cut in ((IN_USE, 0.5), ("cut-off 0.35", 0.35), ("cut-off 0.7", 0.7)):
        decided = scores >= cut
        ratio = demographic_parity_ratio(LABELS, decided, sensitive_features=GROUPS["g"])
        assert by_name[name].ratio.value == pytest.approx(ratio, abs=1e-12)
        accuracy = balanced_accuracy_score(LABELS, decided)
        assert by_name[name].balanced_accuracy.value == pytest.approx(accuracy, abs=1e-12)
        assert by_name[name].ratio.lower <= ratio <= by_name[name].ratio.upper


def test_fitting_anew_finds_what_no_cut_off_does(found):
    better = found.less_disparate
    assert any(c.name.startswith("fitted anew") for c in better)
    now = found.candidates[0]
    for c in better:
        assert c.ratio.value >= now.ratio.value + found.min_gain
        assert c.balanced_accuracy.value >= now.balanced_accuracy.value - found.loss


def test_who_decides_by_group_is_marked_and_never_an_alternative(found):
    by_group = [c for c in found.candidates if c.uses_group]
    assert [c.name for c in by_group] == ["a cut-off for each group"]
    assert by_group[0].ratio.value > 0.9
    assert by_group[0] not in found.less_disparate
    assert not by_group[0].frontier


def test_the_frontier_is_what_nothing_beats(found):
    frame = found.to_frame()
    fair = frame[~frame["uses_group"]]
    for _, own in fair.iterrows():
        as_good = (fair["balanced_accuracy"] >= own["balanced_accuracy"]) & (
            fair["smallest_ratio"] >= own["smallest_ratio"]
        )
        better = (fair["balanced_accuracy"] > own["balanced_accuracy"]) | (
            fair["smallest_ratio"] > own["smallest_ratio"]
        )
        assert own["frontier"] == (not (as_good & better).any())


def test_the_evidence_is_taken_up_and_the_plot_tells_every_candidate(found):
    evidence = found.evidence()
    check = find_check(evidence.check)
    assert (check.version, check.title) == (evidence.version, evidence.title)
    count = evidence.measurement("less_disparate_alternatives[g=(all)]")
    assert count.value == len(found.less_disparate)
    assert len(evidence.tables[0].rows) == len(found.candidates) == 1 + 19 + 7 + 1
    alt = found.plot().alt
    assert all(c.name in alt for c in found.candidates if c.ratio.value is not None)
    audit = ak.run(
        ak.Inputs(
            scores=np.full(len(LABELS), 0.5) + LABELS * 0.1,
            data=DATA,
            labels=LABELS,
            groups=GROUPS,
            evidence=[evidence],
        ),
        policy="starter",
    )
    taken = next(e for e in audit.evidence if e.check == "fairness.alternatives")
    assert taken.outcome is Outcome.PASS
    assert taken.measurements == evidence.measurements


def test_the_model_is_not_changed_and_the_seed_decides(model, found):
    before = model.coef_.copy()
    again = ak.alternatives(model, **GIVEN, grid_size=7, loss=0.05)
    assert (model.coef_ == before).all()
    pd.testing.assert_frame_equal(again.to_frame(), found.to_frame())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:-1]}, "rows"),
        (
            {"train": ak.Inputs(data=TRAIN, labels=TAUGHT, groups=TRAIN_GROUPS.replace("b", None))},
            "unknown",
        ),
        ({"groups": GROUPS.assign(h="x")}, "2 columns"),
        ({"weight_name": "no_such"}, "fitted anew"),
    ],
    ids=str,
)
def test_bad_input_is_refused(model, change, message):
    with pytest.raises(InputError, match=message):
        ak.alternatives(model, **{**GIVEN, **change}, grid_size=2)


def test_only_classifiers_are_searched_for():
    with pytest.raises(InputError, match="predict_proba"):
        ak.alternatives(lambda rows: rows["skill"], **GIVEN)
