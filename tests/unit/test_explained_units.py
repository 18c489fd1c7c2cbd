"""For every objective: the explained number is the model's own, on the scale that the unit says.

The model is asked twice: what it predicts, which the unit leads to, and coalition by coalition.
"""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import sklearn.ensemble as se
import sklearn.linear_model as sl
import xgboost
from scipy.special import logit
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from auditkit.errors import InputError
from auditkit.loading import prepare
from auditkit.measures.attribution.explain import explain
from auditkit.measures.shapley import linear, sampled, tree_ensembles
from auditkit.model.units import Unit, unit_of
from auditkit.subject import Inputs
from tests.support.coalitions import enumerated

RNG = np.random.default_rng(5)
TRAIN = pd.DataFrame(RNG.normal(size=(300, 3)), columns=["a", "b", "c"])
ROWS = pd.DataFrame(RNG.normal(size=(3, 3)), columns=["a", "b", "c"])
REFERENCE = pd.DataFrame(RNG.normal(size=(25, 3)), columns=["a", "b", "c"])
TWO = (TRAIN.a + TRAIN.b * TRAIN.c > 0).astype(int)
THREE = TWO + (TRAIN.c > 0.5).astype(int)
SIZE = TRAIN.a * 3 - TRAIN.b * TRAIN.c
POSITIVE = np.exp(TRAIN.a / 2) * 100 + 1
COUNT = np.floor(np.exp(TRAIN.a))
SHARE = 1 / (1 + np.exp(-TRAIN.a))
GROUPS = [30] * 10
GRADES = np.clip(np.round(TRAIN.a + 1), 0, 3).astype(int)

PATHS, COEFFICIENTS = tree_ensembles.METHOD, linear.METHOD
ASKED = sampled.ENUMERATED


def logistic(true, margin):
    """Gradient and curvature of the logistic loss, as an objective of one's own."""
    chance = 1 / (1 + np.exp(-margin))
    return chance - true, chance * (1 - chance)


def squares(true, predicted):
    """Of squared errors."""
    return predicted - true, np.ones(len(true))


def xgb(label, kind=xgboost.XGBRegressor, **given):
    return kind(n_estimators=6, max_depth=3, **given), label


def lgb(label, kind=lightgbm.LGBMRegressor, **given):
    return kind(n_estimators=6, num_leaves=7, verbose=-1, **given), label


def cat(label, kind=catboost.CatBoostRegressor, **given):
    quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    return kind(iterations=6, depth=3, **quiet, **given), label


XC, XR, XF = xgboost.XGBClassifier, xgboost.XGBRanker, xgboost.XGBRFClassifier
LC, LR = lightgbm.LGBMClassifier, lightgbm.LGBMRanker
CC = catboost.CatBoostClassifier
FOREST = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}
DART = {"boosting_type": "dart", "drop_rate": 0.5}
LOG, ODDS, OUTPUT, CHANCE, MARGIN = (
    Unit.LOG_OUTPUT,
    Unit.LOG_ODDS,
    Unit.OUTPUT,
    Unit.PROBABILITY,
    Unit.MARGIN,
)
# The model with its label; the unit; how it is explained; the class.
MODELS = {
    "xgboost tweedie": (*xgb(POSITIVE, objective="reg:tweedie"), LOG, PATHS),
    "xgboost gamma": (*xgb(POSITIVE, objective="reg:gamma"), LOG, PATHS),
    "xgboost poisson": (*xgb(COUNT, objective="count:poisson"), LOG, PATHS),
    "xgboost cox": (*xgb(POSITIVE, objective="survival:cox"), LOG, PATHS),
    "xgboost logistic regression": (*xgb(SHARE, objective="reg:logistic"), ODDS, PATHS),
    "xgboost squared logs": (*xgb(POSITIVE, objective="reg:squaredlogerror"), OUTPUT, PATHS),
    "xgboost median": (*xgb(SIZE, objective="reg:absoluteerror"), OUTPUT, PATHS),
    "xgboost quantile": (
        *xgb(SIZE, objective="reg:quantileerror", quantile_alpha=0.9),
        OUTPUT,
        PATHS,
    ),
    "xgboost of a base score": (*xgb(SIZE, base_score=40.0), OUTPUT, PATHS),
    "xgboost of one's own": (*xgb(SIZE, objective=squares), OUTPUT, PATHS),
    "xgboost dropout": (
        *xgb(POSITIVE, objective="reg:gamma", booster="dart", rate_drop=0.5),
        LOG,
        PATHS,
    ),
    "xgboost forest": (
        *xgb(SIZE, num_parallel_tree=4, subsample=0.6, learning_rate=1.0),
        OUTPUT,
        PATHS,
    ),
    "xgboost linear poisson": (
        *xgb(COUNT, objective="count:poisson", booster="gblinear", updater="coord_descent"),
        LOG,
        COEFFICIENTS,
    ),
    "xgboost forest of classes": (*xgb(TWO, XF), ODDS, PATHS),
    "xgboost of the first class": (*xgb(TWO, XC, base_score=0.2), ODDS, PATHS, 0),
    "xgboost of three": (*xgb(THREE, XC), MARGIN, PATHS, 1),
    "xgboost hinge": (*xgb(TWO, XC, objective="binary:hinge"), MARGIN, PATHS),
    "xgboost raw": (*xgb(TWO, XC, objective="binary:logitraw"), ODDS, PATHS),
    "xgboost class of one's own": (*xgb(TWO, XC, objective=logistic), ODDS, PATHS),
    "xgboost ranks": (*xgb(GRADES, XR, objective="rank:ndcg"), OUTPUT, PATHS),
    "lightgbm tweedie": (*lgb(POSITIVE, objective="tweedie"), LOG, PATHS),
    "lightgbm gamma": (*lgb(POSITIVE, objective="gamma"), LOG, PATHS),
    "lightgbm poisson": (*lgb(COUNT, objective="poisson"), LOG, PATHS),
    "lightgbm quantile": (*lgb(SIZE, objective="quantile", alpha=0.9), OUTPUT, PATHS),
    "lightgbm of shares": (*lgb(SHARE, objective="cross_entropy"), ODDS, PATHS),
    "lightgbm of shares, otherwise": (
        *lgb(SHARE, objective="cross_entropy_lambda"),
        MARGIN,
        PATHS,
    ),
    "lightgbm of roots": (*lgb(POSITIVE, reg_sqrt=True), MARGIN, PATHS),
    "lightgbm of one's own": (*lgb(SIZE, objective=squares), OUTPUT, PATHS),
    "lightgbm without a start": (*lgb(SIZE + 50, boost_from_average=False), OUTPUT, PATHS),
    "lightgbm dropout": (*lgb(COUNT, objective="poisson", **DART), LOG, PATHS),
    "lightgbm forest": (*lgb(SIZE, **FOREST), OUTPUT, PATHS),
    "lightgbm forest of classes": (*lgb(TWO, LC, **FOREST), ODDS, PATHS),
    "lightgbm forest of three": (*lgb(THREE, LC, **FOREST), MARGIN, PATHS, 2),
    "lightgbm of the first class": (*lgb(TWO, LC), ODDS, PATHS, 0),
    "lightgbm steep": (*lgb(TWO, LC, sigmoid=2.0), MARGIN, PATHS),
    "lightgbm of three": (*lgb(THREE, LC), MARGIN, PATHS, 2),
    "lightgbm one against all": (*lgb(THREE, LC, objective="multiclassova"), ODDS, PATHS, 2),
    "lightgbm class of one's own": (*lgb(TWO, LC, objective=logistic), MARGIN, PATHS),
    "lightgbm ranks": (*lgb(GRADES, LR), OUTPUT, PATHS),
    "lightgbm of lines": (*lgb(SIZE, linear_tree=True), OUTPUT, ASKED),
    "catboost poisson": (*cat(COUNT, loss_function="Poisson"), LOG, PATHS),
    "catboost tweedie": (*cat(POSITIVE, loss_function="Tweedie:variance_power=1.5"), LOG, PATHS),
    "catboost quantile": (*cat(SIZE, loss_function="Quantile:alpha=0.9"), OUTPUT, PATHS),
    "catboost of the first class": (*cat(TWO, CC), ODDS, PATHS, 0),
    "catboost of three": (*cat(THREE, CC), MARGIN, PATHS, 1),
    "catboost one against all": (
        *cat(THREE, CC, loss_function="MultiClassOneVsAll"),
        ODDS,
        PATHS,
        1,
    ),
    "histogram poisson": (se.HistGradientBoostingRegressor(loss="poisson"), COUNT, LOG, PATHS),
    "histogram gamma": (se.HistGradientBoostingRegressor(loss="gamma"), POSITIVE, LOG, PATHS),
    "histogram quantile": (
        se.HistGradientBoostingRegressor(loss="quantile", quantile=0.9),
        SIZE,
        OUTPUT,
        PATHS,
    ),
    "boosting": (se.GradientBoostingClassifier(n_estimators=6), TWO, ODDS, PATHS),
    "boosting, exponential": (
        se.GradientBoostingClassifier(n_estimators=6, loss="exponential"),
        TWO,
        MARGIN,
        PATHS,
    ),
    "boosting from a model": (
        se.GradientBoostingRegressor(n_estimators=6, init=sl.LinearRegression()),
        SIZE,
        OUTPUT,
        ASKED,
    ),
    "boosting from nothing": (
        se.GradientBoostingRegressor(n_estimators=6, init="zero"),
        SIZE + 50,
        OUTPUT,
        PATHS,
    ),
    "forest": (se.RandomForestRegressor(6), POSITIVE, OUTPUT, PATHS),
    "forest of chances": (se.ExtraTreesClassifier(6), THREE, CHANCE, PATHS, 2),
    "a tree of counts": (
        DecisionTreeRegressor(criterion="poisson", max_depth=4),
        COUNT,
        OUTPUT,
        PATHS,
    ),
    "bagging": (se.BaggingClassifier(n_estimators=4), TWO, CHANCE, ASKED),
    "bagged sizes": (se.BaggingRegressor(n_estimators=4), SIZE, OUTPUT, ASKED),
    "adaboost": (se.AdaBoostClassifier(n_estimators=4), TWO, CHANCE, ASKED, 0),
    "poisson": (sl.PoissonRegressor(), COUNT, LOG, COEFFICIENTS),
    "gamma": (sl.GammaRegressor(), POSITIVE, LOG, COEFFICIENTS),
    "tweedie": (sl.TweedieRegressor(power=1.5), POSITIVE, LOG, COEFFICIENTS),
    "tweedie without a link": (sl.TweedieRegressor(power=0), SIZE, OUTPUT, COEFFICIENTS),
    "descent": (sl.SGDClassifier(loss="log_loss"), TWO, ODDS, COEFFICIENTS),
    "descent by hinges": (sl.SGDClassifier(loss="modified_huber"), TWO, MARGIN, COEFFICIENTS),
    "discriminant": (LinearDiscriminantAnalysis(), TWO, ODDS, COEFFICIENTS, 0),
    "support": (LinearSVC(), TWO, MARGIN, COEFFICIENTS),
    "support by kernels": (SVC(), TWO, MARGIN, ASKED, 0),
    "ridge classes": (sl.RidgeClassifier(), THREE, MARGIN, COEFFICIENTS, 1),
}


def predicted(model, of):
    """What the model itself predicts for a table: the class's chance, or its output."""

    def predict(table):
        if isinstance(model, catboost.CatBoostClassifier) or hasattr(model, "predict_proba"):
            return model.predict_proba(table)[:, of]
        return model.predict(table)

    return predict


def margin(model, of):
    """What the model adds up, where that is no function of one prediction."""

    def predict(table):
        if isinstance(model, lightgbm.LGBMModel):
            forest = model.get_params()["boosting_type"] == "rf"
            out = model.predict(table, raw_score=True) / (model.n_estimators if forest else 1)
        elif isinstance(model, xgboost.XGBModel):
            out = model.predict(table, output_margin=True)
        elif isinstance(model, catboost.CatBoost):
            out = model.predict(table, prediction_type="RawFormulaVal")
        else:
            out = model.decision_function(table)
        out = np.asarray(out, dtype=float)
        return out[:, of] if out.ndim == 2 else out if of == 1 else -out

    return predict


BACK = {CHANCE: lambda p: p, OUTPUT: lambda p: p, ODDS: logit, LOG: np.log}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_the_explained_number_is_the_models_own(name):
    model, label, unit, method, of = (*MODELS[name], 1)[:5]
    grouped = {"group": GROUPS} if isinstance(model, XR | LR) else {}
    model.fit(TRAIN, label, **grouped)
    classes = hasattr(model, "classes_") and len(np.shape(model.classes_)) > 0
    e = explain(model, ROWS, reference=REFERENCE, target_class=of if classes else None)
    assert (e.unit, e.method.partition(" (not")[0]) == (unit, method)
    own = margin(model, of)
    if unit is not MARGIN and name != "xgboost raw":
        asked = predicted(model, of)
        np.testing.assert_allclose(e.unit.predicted(e.outputs), asked(ROWS), rtol=2e-5, atol=1e-7)

        def own(table):
            return BACK[unit](np.asarray(asked(table), dtype=float))

    size = max(1.0, np.abs(e.outputs).max())
    expected = enumerated(own, ROWS, REFERENCE)
    np.testing.assert_allclose(e.values, expected, atol=3e-5 * size)
    np.testing.assert_allclose(e.base, own(REFERENCE).mean(), atol=3e-5 * size)
    assert e.residual.max() <= 1e-4 * size


@pytest.mark.parametrize(
    "name", ["xgboost of three", "lightgbm steep", "lightgbm forest of classes"]
)
def test_chances_are_asked_for_where_they_do_not_add_up(name):
    model, label, _, _, of = (*MODELS[name], 1)[:5]
    model.fit(TRAIN, label)
    e = explain(model, ROWS, reference=REFERENCE, target_class=of, unit="probability")
    asked = predicted(model, of)
    np.testing.assert_allclose(e.outputs, asked(ROWS), atol=1e-6)
    np.testing.assert_allclose(e.values, enumerated(asked, ROWS, REFERENCE), atol=1e-5)
    assert (e.unit, e.method) == (CHANCE, ASKED)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_classifier_without_probabilities_is_not_scored_by_its_margins():
    model, label, *_ = MODELS["lightgbm class of one's own"]
    model.fit(TRAIN, label)
    with pytest.raises(InputError, match="gives one number per row, not probabilities"):
        prepare(Inputs(model=model, data=TRAIN, labels=label))


def test_outputs_are_asked_for_behind_a_link():
    model = sl.PoissonRegressor().fit(TRAIN, COUNT)
    e = explain(model, ROWS, reference=REFERENCE, unit="output")
    np.testing.assert_allclose(e.values, enumerated(model.predict, ROWS, REFERENCE), atol=1e-9)
    assert (e.unit, e.method) == (OUTPUT, ASKED)
    with pytest.raises(InputError, match="in log of output has no exact form in 'log-odds'"):
        explain(model, ROWS, reference=REFERENCE, unit="log-odds")


def boosters():
    data = lightgbm.Dataset(TRAIN, TWO, free_raw_data=False)
    matrix = xgboost.DMatrix(TRAIN, TWO)
    return {
        "lightgbm": lightgbm.train({"objective": "binary", "verbose": -1}, data, 5),
        "xgboost": xgboost.train({"objective": "binary:logistic"}, matrix, 5),
        "xgboost counts": xgboost.train({"objective": "count:poisson"}, matrix, 5),
    }


@pytest.mark.parametrize(
    ("name", "of", "unit"),
    [
        ("lightgbm", 1, ODDS),
        ("lightgbm", 0, ODDS),
        ("xgboost", 0, ODDS),
        ("xgboost counts", None, LOG),
    ],
)
def test_bare_boosters(name, of, unit):
    model = boosters()[name]
    e = explain(model, ROWS, reference=REFERENCE, target_class=of)
    asked = model.predict(xgboost.DMatrix(ROWS) if name != "lightgbm" else ROWS)
    assert e.unit is unit
    np.testing.assert_allclose(
        e.unit.predicted(e.outputs), 1 - asked if of == 0 else asked, rtol=1e-5
    )


@pytest.mark.parametrize(
    "kind",
    ["xgboost", "xgboost forest", "xgboost dropout", "lightgbm", "lightgbm forest", "catboost"],
)
def test_models_that_stopped_early_are_explained_by_the_trees_that_predict(kind):
    other = pd.DataFrame(RNG.normal(size=(80, 3)), columns=list("abc"))
    noise = (RNG.random(80) < 0.5).astype(int)
    stop = {"early_stopping_rounds": 2, "n_estimators": 40, "max_depth": 3}
    if kind.startswith("xgboost"):
        more = {"num_parallel_tree": 3} if "forest" in kind else {}
        more |= {"booster": "dart", "rate_drop": 0.4} if "dropout" in kind else {}
        model = XC(**stop, **more).fit(TRAIN, TWO, eval_set=[(other, noise)], verbose=False)
    elif kind.startswith("lightgbm"):
        model = LC(n_estimators=40, verbose=-1, **(FOREST if "forest" in kind else {}))
        stop_at = [lightgbm.early_stopping(2, verbose=False)]
        model.fit(TRAIN, TWO, eval_set=[(other, noise)], callbacks=stop_at)
    else:
        model = cat(TWO, CC)[0].set_params(iterations=40)
        model.fit(TRAIN, TWO, eval_set=(other, noise), early_stopping_rounds=2)
    e = explain(model, ROWS, reference=REFERENCE)
    np.testing.assert_allclose(e.probabilities, model.predict_proba(ROWS)[:, 1], atol=1e-6)
    expected = enumerated(
        lambda t: logit(model.predict_proba(t)[:, 1].astype(float)), ROWS, REFERENCE
    )
    np.testing.assert_allclose(e.values, expected, atol=1e-4)
    assert e.method.startswith(PATHS)


@pytest.mark.parametrize("unit", [u for u in Unit if u is not MARGIN])
def test_a_scale_is_told_by_what_it_leads_to(unit):
    added = RNG.uniform(0.1, 0.9, 20)
    among = tuple(u for u in Unit if u is not MARGIN)
    told = unit_of(added, unit.predicted(added), among=among)
    assert told is (CHANCE if unit is OUTPUT else unit)  # of chances both are true
    assert unit_of(added, added**3, among=among) is MARGIN


def test_near_certain_chances_still_tell_the_scale():
    added = np.array([7.0, 9.0, -8.0])
    steep = 1 / (1 + np.exp(-2 * added))
    assert unit_of(added, steep, among=(CHANCE, ODDS)) is MARGIN
    assert unit_of(2 * added, steep, among=(CHANCE, ODDS)) is ODDS
