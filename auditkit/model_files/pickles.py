"""Loads pickles and joblib files with a list of what they may name; in the confined process alone.

A pickle is a program that calls what it names. It is run twice: first with stand-ins for all that
it names, which do nothing, to list the names; then, if each is on the list, as it is. Whatever is
not on the list is refused by its name, and there is no list of what is forbidden.

Laws:
    - A name is a module and one attribute of it: no dots, so no way to the attribute's own parts.
    - scikit-learn's estimators are known by what they are, classes of their module that inherit
      from `BaseEstimator`; everything else is known by its exact name.
    - Every byte of the file is read: nothing may follow the pickle.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from auditkit.errors import InputError
from auditkit.model_files.formats import compression_of, is_pickle

# A file may be as many times larger when it is decompressed, and as large.
_MAX_RATIO, _MAX_BYTES = 200, 4 << 30
_SMALL: Final = 1 << 24

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
_WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# They say how long an array is, so that what follows it can be read.
_SHAPES: Final = {("numpy", "dtype"), ("numpy", "ndarray")}


def load_pickle(data: bytes, *, trusted_types: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """The object that a pickle holds, and what it names.

    Args:
        data: A pickle as `pickle` or `joblib` writes it, compressed or not.
        trusted_types: What else it may name, as `module:name`.

    Raises:
        InputError: If it names something that is not known, is malformed, too large when it is
            decompressed, or followed by other bytes.
    """
    trusted = _trusted(trusted_types)
    whole = _decompressed(data)
    if not is_pickle(whole):
        raise InputError(
            "The file is not a pickle of protocol 2 or later.",
            remedy="save it again: joblib.dump(model, 'model.joblib')",
        )
    named: dict[tuple[str, str], None] = {}

    def stand_in(module: str, name: str) -> Any:
        named.setdefault((module, name))
        if (module, name) in _SHAPES:
            return getattr(import_module(module), name)
        return _array_wrapper(stand_in) if (module, name) == _WRAPPER else _StandIn

    _run(whole, stand_in)
    unknown = [f"{m}:{n}" for m, n in named if not _is_known(m, n, trusted)]
    if unknown:
        listed = ", ".join(unknown[:8]) + (", ..." if len(unknown) > 8 else "")
        raise InputError(
            f"The pickle names what a model need not: {listed}.",
            remedy="find out what it does before you trust it; a class of your own goes into "
            f"trusted_types: [{unknown[0]}]",
        )

    def find(module: str, name: str) -> Any:
        if not _is_known(module, name, trusted):
            raise InputError(
                f"The pickle names {module}:{name} only when it is loaded.",
                remedy="do not use this file",
            )
        found = getattr(import_module(module), name)
        return _array_wrapper(find) if (module, name) == _WRAPPER else found

    return _run(whole, find), tuple(f"{m}.{n}" for m, n in sorted(named))


def _trusted(types: Sequence[str]) -> set[tuple[str, str]]:
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


def _is_known(module: str, name: str, trusted: set[tuple[str, str]]) -> bool:
    if not name.isidentifier():
        return False
    if name in _KNOWN.get(module, "").split() or (module, name) in trusted:
        return True
    return module.startswith("sklearn.") and _is_estimator(module, name)


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


class _StandIn:
    """What stands for a class or a function while names are listed: it takes all, does nothing."""

    def __new__(cls, *_given: Any, **_named: Any) -> _StandIn:  # noqa: PYI034 - it stands for any
        return object.__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *_given: Any, **_named: Any) -> _StandIn:
        return _StandIn()

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    def add(self, item: Any) -> None:
        pass

    def update(self, items: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _run(data: bytes, find: Callable[[str, str], Any]) -> Any:
    file = io.BytesIO(data)
    try:
        reader = _unpickler(file, find)
        found = reader.load()
        frame = reader._unframer.current_frame  # noqa: SLF001 - Python's own reader, in Python
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"The pickle cannot be read: {type(error).__name__}.",
            remedy="load it with the versions that wrote it, and save it again",
        ) from error
    rest = len(data) - file.tell() + (0 if frame is None else len(frame.read()))
    if rest:
        raise InputError(
            f"{rest:,} bytes follow the pickle, which nobody would read.",
            remedy="save the model again; do not use this file",
        )
    return found


def _unpickler(file: io.BytesIO, find: Callable[[str, str], Any]) -> Any:
    """Joblib's reader, which reads plain pickles too, with the names found by us."""
    from joblib.numpy_pickle import NumpyUnpickler

    class Listed(NumpyUnpickler):  # type: ignore[misc] # joblib has no types
        def find_class(self, module: str, name: str) -> Any:
            # protocol 2 has the names of Python 2
            return find("builtins" if module == "__builtin__" else module, name)

        def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002 - none is known
            raise pickle.UnpicklingError("a reference to something outside of the file")

    # extension codes are names, too, of a registry that this process does not have
    return Listed("", file, ensure_native_byte_order=False)


def _array_wrapper(find: Callable[[str, str], Any]) -> Any:
    """Joblib's wrapper of an array, whose arrays of objects are pickles inside the pickle."""
    from joblib.numpy_pickle import NumpyArrayWrapper

    class Wrapper(NumpyArrayWrapper):  # type: ignore[misc] # joblib has no types
        def read_array(self, unpickler: Any, *given: Any, **named: Any) -> Any:
            if self.dtype.hasobject:
                return _unpickler(unpickler.file_handle, find).load()
            return super().read_array(unpickler, *given, **named)

    return Wrapper


def _decompressed(data: bytes) -> bytes:
    """The bytes of a compressed joblib file, up to a size; others as they are."""
    how = compression_of(data)
    if not how:
        return data
    most = min(_MAX_BYTES, max(_SMALL, _MAX_RATIO * len(data)))
    try:
        with _OPENERS[how](io.BytesIO(data)) as file:
            whole: bytes = file.read(most + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"The file begins as {how}, and cannot be decompressed.", remedy="copy it again"
        ) from error
    if len(whole) > most:
        raise InputError(
            f"The file decompresses to more than {most:,} bytes.",
            remedy="save the model without compression, if it is so large",
        )
    if compression_of(whole):
        raise InputError(
            "The file is compressed within a compressed file.", remedy="decompress it once"
        )
    return whole


def _zlib(file: io.BytesIO) -> Any:
    from joblib.compressor import BinaryZlibFile

    return BinaryZlibFile(file, "rb")


_OPENERS: Final[dict[str, Callable[[io.BytesIO], Any]]] = {
    "zlib": _zlib,
    "gzip": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "lzma": lzma.open,
}
