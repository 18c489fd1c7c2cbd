"""What a model file may name of other code: an exact list, and what the audit file adds to it.

Laws:
    - A name is a module and one attribute of it: no dots, so no way to the attribute's own parts.
    - scikit-learn's estimators are known by what they are, classes of their module that inherit
      from `BaseEstimator`; everything else is known by its exact name.
    - There is no list of what is forbidden but for those names that the audit file may not add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Final

from auditkit.errors import InputError

_KNOWN: Final = {
    "_codecs": "encode",
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice "
    "str tuple",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "_reconstructor",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "joblib.numpy_pickle": "NumpyArrayWrapper",
    "numpy": "absolute bool bool_ dtype exp expm1 float16 float32 float64 int16 int32 int64 int8 "
    "log log10 log1p log2 ndarray object_ sqrt square str_ uint16 uint32 uint64 uint8",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.core.numeric": "_frombuffer",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.random": "RandomState",
    "numpy.random.mtrand": "RandomState",
    "numpy.random._generator": "Generator",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "scipy.sparse._csr": "csr_array csr_matrix",
    "scipy.sparse._csc": "csc_array csc_matrix",
    "scipy.sparse._coo": "coo_array coo_matrix",
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss._loss": "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss "
    "CyHalfMultinomialLoss CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss "
    "CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss "
    "HalfMultinomialLoss HalfPoissonLoss HalfSquaredError HalfTweedieLoss "
    "HalfTweedieLossIdentity HuberLoss PinballLoss",
    "sklearn.calibration": "_CalibratedClassifier",
    "sklearn.compose._column_transformer": "_RemainderColsList make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.linear_model._sgd_fast": "EpsilonInsensitive Hinge Huber Log ModifiedHuber "
    "SquaredEpsilonInsensitive SquaredHinge SquaredLoss",
    "sklearn.metrics._dist_metrics": "EuclideanDistance64 EuclideanDistance32 newObj",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared "
    "Exponentiation Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss "
    "f1_score jaccard_score log_loss matthews_corrcoef precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": "max_error mean_absolute_error mean_squared_error "
    "median_absolute_error r2_score root_mean_squared_error",
    "sklearn.metrics._scorer": "_PassthroughScorer _Scorer",
    "sklearn.model_selection._split": "GroupKFold KFold LeaveOneOut PredefinedSplit RepeatedKFold "
    "RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold "
    "StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.neighbors._ball_tree": "BallTree BallTree64 newObj",
    "sklearn.neighbors._kd_tree": "KDTree KDTree64 newObj",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.tree._tree": "Tree",
    "sklearn.utils._bunch": "Bunch",
    "xgboost.core": "Booster",
    "xgboost.sklearn": "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor XGBRanker",
    "lightgbm.basic": "Booster",
    "lightgbm.sklearn": "LGBMClassifier LGBMRegressor LGBMRanker",
    "catboost.core": "CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker",
    "pandas": "Index",
    "pandas.core.indexes.base": "Index _new_Index",
}  # fmt: skip
# With these a file can do anything: not even `trusted_types` may add them.
_NEVER: Final = frozenset(
    {"asyncio", "builtins", "code", "codeop", "ctypes", "functools", "importlib", "marshal"}
    | {"multiprocessing", "nt", "operator", "os", "pdb", "pickle", "_pickle", "pkgutil", "posix"}
    | {"pty", "runpy", "shutil", "signal", "socket", "subprocess", "sys", "threading", "types"}
    | {"webbrowser", "joblib", "cloudpickle", "dill", "torch"}
)


def trusted_names(types: Sequence[str]) -> set[tuple[str, str]]:
    """The names that an audit file trusts, from `module:name` each.

    Raises:
        InputError: If one is malformed, or would let a file do anything.
    """
    found = set()
    for one in types:
        module, colon, name = one.partition(":")
        if not colon or not name.isidentifier() or not module.replace(".", "_").isidentifier():
            raise InputError(
                f"trusted_types holds {one!r}.", remedy="write module:name, such as mine:Ratio"
            )
        if module.partition(".")[0] in _NEVER:
            raise InputError(
                f"trusted_types holds {one!r}, with which a file can do anything.",
                remedy="trust classes of your own, not functions of Python",
            )
        found.add((module, name))
    return found


def is_allowed(module: str, name: str, trusted: set[tuple[str, str]]) -> bool:
    """Whether a model file may name this."""
    if not name.isidentifier():
        return False
    if name in _KNOWN.get(module, "").split() or (module, name) in trusted:
        return True
    return module.startswith("sklearn.") and _is_estimator(module, name)


def refuse_others(
    named: Iterable[tuple[str, str]], trusted: set[tuple[str, str]], *, what: str
) -> None:
    """Refuses a file that names what it may not.

    Args:
        named: Its names.
        trusted: As `trusted_names` gives them.
        what: The file in the error: "The pickle".

    Raises:
        InputError: If there is such a name.
    """
    unknown = [f"{m}:{n}" for m, n in named if not is_allowed(m, n, trusted)]
    if unknown:
        listed = ", ".join(unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            f"{what} names what a model need not: {listed}.",
            remedy="find out what it does before you trust it; a class of your own goes into "
            f"trusted_types: [{unknown[0]}]",
        )


def _is_estimator(module: str, name: str) -> bool:
    """Whether a name is an estimator of scikit-learn, at home in this very module."""
    from sklearn.base import BaseEstimator

    if any(part in module.split(".") for part in ("externals", "tests", "_testing", "datasets")):
        return False
    try:
        found = getattr(import_module(module), name)
    except Exception:  # noqa: BLE001 - a module that is not there, or does not load
        return False
    return isinstance(found, type) and issubclass(found, BaseEstimator) and (
        found.__module__ == module
    )  # fmt: skip
