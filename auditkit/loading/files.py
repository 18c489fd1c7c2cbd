"""Reads tables and models from files, by their content and not by their names.

Law: reading a model must not run its author's code. Only formats that are data are read; a pickle
is refused, whatever its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pandas as pd

from auditkit.canonical import Digest
from auditkit.errors import InputError, MissingExtraError
from auditkit.files import read_bytes
from auditkit.registry.digest import ArtifactFile, artifact_files, digest_of_files

# Words that others write for a missing value. Here they are words, unless the caller says so.
OFTEN_MISSING: Final = frozenset(
    {"NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-nan", "NULL", "null"}
    | {"None", "none", "NONE", "missing", "?", "-", "."}
)
_REMEDY: Final = "check the path; in an audit file it is relative to the file's folder"
# A forest of thousands of deep trees has a few hundred million bytes.
_MODEL_BYTES: Final = 4 * 2**30
_TRUTH: Final = ("True", "TRUE", "true", "False", "FALSE", "false")
_WHOLE: Final = r"^[+-]?[0-9]+$"
_NUMBER: Final = (
    r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?([iI]nf|INF|[iI]nfinity|INFINITY)$"
)


def load_table(
    path: Path, *, text: Collection[str] = (), missing: Collection[str] = ()
) -> pd.DataFrame:
    """Reads CSV, JSON Lines or Parquet.

    A column of CSV or JSON Lines all of whose cells read as numbers holds numbers, and one of
    `true` and `false` booleans; any other holds text, each cell as it is written. An empty cell is
    missing, and no word is unless it is named: NA may be a country, and None an answer.

    Args:
        path: The file.
        text: Columns that are text whatever they look like: 007 is a code.
        missing: Words that mean a missing value, such as NA.

    Raises:
        InputError: If the file is missing, of another kind, or cannot be read, or names two
            columns alike.
    """
    from auditkit.tables.reading import read_table

    table = read_table(path)
    parsed = path.suffix.lower() != ".parquet"
    for position, name in enumerate(table.column_names):
        column = _without_missing(table.column(position), missing)
        if parsed and name not in text:
            column = _typed(column)
        table = table.set_column(position, name, column)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _without_missing(column: Any, missing: Collection[str]) -> Any:
    """A column whose empty texts, and the words for missing, are null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    words = pa.array(["", *missing], column.type)
    return pc.if_else(pc.is_in(column, value_set=words), pa.scalar(None, column.type), column)


def _typed(column: Any) -> Any:
    """A column of texts as what all of its texts are: whole numbers, numbers, booleans, or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return pc.cast(column, pa.float64())
    trimmed = pc.utf8_trim_whitespace(column)
    if _all(pc.match_substring_regex(trimmed, _NUMBER)):
        plain = pc.replace_substring_regex(trimmed, r"^\+", "")
        if not column.null_count and _all(pc.match_substring_regex(trimmed, _WHOLE)):
            try:
                return pc.cast(plain, pa.int64())
            except pa.ArrowInvalid:  # beyond 64 bits, where a number would lose digits: a code
                return column
        return pc.cast(plain, pa.float64())
    if _all(pc.is_in(trimmed, value_set=pa.array(_TRUTH))):
        return pc.equal(pc.utf8_lower(trimmed), "true")
    return column


def _all(true: Any) -> bool:
    """Whether all that are not null are true."""
    import pyarrow.compute as pc

    return bool(pc.all(true).as_py())


def load_model(path: Path) -> tuple[Any, Digest]:
    """Reads an XGBoost (JSON, UBJSON) or LightGBM (text) model, and the digest of its files.

    The bytes are read once: what is hashed is what is loaded. The digest is the one that the
    model registry gives a version of these files, so that evidence and version meet.

    Args:
        path: The model's file; or the folder that MLflow's `log_model` wrote.

    Raises:
        InputError: If it is missing, a pickle, or of no known format.
        MissingExtraError: If the library that reads it is not installed.
        PolicyError: If a folder's `MLmodel` is not valid.
    """
    if path.is_dir():
        return _of_folder(path)
    data = read_bytes(path, what="model", limit=_MODEL_BYTES, remedy=_REMEDY)
    return _model(data, path.name), digest_of_files((_hashed(path.name, data),))


def _of_folder(folder: Path) -> tuple[Any, Digest]:
    from auditkit.loading.model_folder import model_file

    name = model_file(folder)
    data = read_bytes(folder / name, what="model", limit=_MODEL_BYTES, remedy=_REMEDY)
    model, files = _model(data, name), artifact_files(folder)
    # The folder was read twice, and named the model before it was hashed.
    if _hashed(name, data) not in files or model_file(folder) != name:
        raise InputError(
            f"The files of {folder.name} change while they are read.",
            remedy="audit them once nothing writes to them",
        )
    return model, digest_of_files(files)


def _hashed(name: str, data: bytes) -> ArtifactFile:
    return ArtifactFile(name, len(data), hashlib.sha256(data).hexdigest())


def _model(data: bytes, name: str) -> Any:
    if data[:1] == b"{":
        return _xgboost(data, name)
    if data[:5] == b"tree\n":
        return _lightgbm(data)
    if data[:2] in (b"\x80\x03", b"\x80\x04", b"\x80\x05") or data[:2] == b"PK":
        raise InputError(
            f"{name} is a pickle or an archive; opening it could run code.",
            remedy="save the model as data: XGBoost save_model('model.json'), LightGBM save_model",
        )
    raise InputError(
        f"{name} is not in a known model format.",
        remedy="give an XGBoost .json or .ubj, or a LightGBM .txt",
    )


def _xgboost(data: bytes, name: str) -> Any:
    try:
        import xgboost
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "xgboost", extra="xgboost", purpose="Reading an XGBoost model"
        ) from error
    model = xgboost.XGBClassifier()
    try:
        model.load_model(bytearray(data))
    except Exception as error:
        raise InputError(
            f"{name} is not an XGBoost classifier that this version can read.",
            remedy="save it again with save_model of a classifier",
        ) from error
    return model


def _lightgbm(data: bytes) -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "lightgbm", extra="lightgbm", purpose="Reading a LightGBM model"
        ) from error
    return lightgbm.Booster(model_str=data.decode())
