"""Files: tables and models, opened by what they are, not by what they are called.

Law: reading a model must not run its author's code. Only formats that are data are read; a pickle
is refused, whatever its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pandas as pd

from auditkit.canonical import Digest
from auditkit.errors import InputError, MissingExtraError
from auditkit.files import require_file
from auditkit.registry.digest import ArtifactFile, digest_of_files

_REMEDY: Final = "check the path; in an audit file it is relative to the file's folder"


def load_table(path: Path) -> pd.DataFrame:
    """Reads CSV, JSON Lines or Parquet.

    Raises:
        InputError: If the file is missing, of another kind, or cannot be read.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".jsonl": lambda p: pd.read_json(p, lines=True),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name} is not a kind of table that can be read.",
            remedy="give a .csv, .parquet or .jsonl file",
        )
    require_file(path, what="table", remedy=_REMEDY)
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name} is not UTF-8: byte {error.start} cannot be read.",
            remedy="save the file as UTF-8",
        ) from error
    except Exception as error:
        raise InputError(
            f"{path.name} cannot be read as {path.suffix[1:]}: {type(error).__name__}.",
            remedy="check that the file is whole",
        ) from error


def load_model(path: Path) -> tuple[Any, Digest]:
    """Reads an XGBoost (JSON, UBJSON) or LightGBM (text) model, and the digest of the file.

    The bytes are read once: what is hashed is what is loaded. The digest is the one that the
    model registry gives a version of this one file, so that evidence and version meet.

    Raises:
        InputError: If the file is missing, a pickle, or of no known format.
        MissingExtraError: If the library that reads it is not installed.
    """
    require_file(path, what="model", remedy=_REMEDY)
    data = path.read_bytes()
    file = ArtifactFile(path.name, len(data), hashlib.sha256(data).hexdigest())
    if data[:1] == b"{":
        return _xgboost(data, path), digest_of_files((file,))
    if data[:5] == b"tree\n":
        return _lightgbm(data), digest_of_files((file,))
    if data[:2] in (b"\x80\x03", b"\x80\x04", b"\x80\x05") or data[:2] == b"PK":
        raise InputError(
            f"{path.name} is a pickle or an archive; opening it could run code.",
            remedy="save the model as data: XGBoost save_model('model.json'), LightGBM save_model",
        )
    raise InputError(
        f"{path.name} is of no known model format.",
        remedy="give an XGBoost .json or .ubj, or a LightGBM .txt",
    )


def _xgboost(data: bytes, path: Path) -> Any:
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
            f"{path.name} is not an XGBoost classifier that this version can read.",
            remedy="save it again with save_model of a classifier",
        ) from error
    return model


def _lightgbm(data: bytes) -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise InputError(
            "Reading a LightGBM model needs lightgbm.", remedy="pip install lightgbm"
        ) from error
    return lightgbm.Booster(model_str=data.decode())
