"""The folder that MLflow's `log_model` writes: which of its files is the model.

Laws:
    - No code of the folder's author is run here, and MLflow is not needed: the file `MLmodel` is
      read as any YAML, and the model by the reader of single files.
    - What is audited is what MLflow would load. A folder whose model MLflow would load by other
      code, or from another file, is refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from auditkit.documents import parse_document
from auditkit.errors import InputError
from auditkit.files import read_text

DESCRIPTION: Final = "MLmodel"

_ADDED_BY_DOWNLOADS: Final = "registered_model_meta"
# By flavour: its keys for the model's file, in its own section and in that of `python_function`.
_FILES: Final = {
    "xgboost": ("data", "data"),
    "lightgbm": ("data", "data"),
    "sklearn": ("pickled_model", "model_path"),
    "onnx": ("data", "data"),
    "catboost": ("data", "data"),
}
# By flavour: where its classes are, if it names them.
_PACKAGES: Final = {"xgboost": "xgboost.", "lightgbm": "lightgbm."}
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}\Z")
_LOG_IT: Final = (
    "log it with the flavour of its library, such as mlflow.sklearn.log_model(model) or "
    "mlflow.xgboost.log_model(model)"
)


class Description(BaseModel):
    """What is read of an `MLmodel` file.

    Attributes:
        flavors: By the name of a library, how MLflow loads the model with it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    flavors: dict[str, dict[str, Any]]


def model_file(folder: Path) -> str:
    """The name of the file in a folder that holds the model.

    Args:
        folder: As MLflow's `log_model` writes it; or a folder with one file, the model.

    Raises:
        InputError: If there is none that can be read as data.
        PolicyError: If its `MLmodel` is not valid.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise InputError(
            f"The folder {folder.name!r} cannot be read.", remedy="check that it may be read"
        ) from error
    if DESCRIPTION not in names:
        if len(names) == 1 and (folder / names[0]).is_file():
            return names[0]
        raise InputError(
            f"The model {folder.name} is a folder without a file {DESCRIPTION}.",
            remedy="give a folder that MLflow's log_model wrote; or the model's file in it: an "
            "XGBoost .json or .ubj, or a LightGBM .txt",
        )
    if _ADDED_BY_DOWNLOADS in names:
        raise InputError(
            f"The folder {folder.name!r} holds {_ADDED_BY_DOWNLOADS}, which MLflow adds to what it "
            "downloads, so its digest is not the version's.",
            remedy="remove that file, or let auditkit fetch the version: model: models:/NAME/7",
        )
    written = read_text(folder / DESCRIPTION, what=DESCRIPTION)
    return _described(parse_document(Description, written, source=DESCRIPTION))


def _described(found: Description) -> str:
    read = [flavour for flavour in _FILES if flavour in found.flavors]
    if len(read) != 1:
        named = ", ".join(sorted(found.flavors)) or "none"
        raise InputError(
            f"The model is in no form that is read here: its flavours are {named}.", remedy=_LOG_IT
        )
    (kind,) = read
    own, served = _FILES[kind]
    flavour = found.flavors[kind]
    if kind in _PACKAGES and not str(flavour.get("model_class", "")).startswith(_PACKAGES[kind]):
        raise InputError(f"The model is of a class that {kind} does not have.", remedy=_LOG_IT)
    name = flavour.get(own)
    if not isinstance(name, str) or not _FILE_NAME.match(name):
        raise InputError(
            f"{DESCRIPTION} does not name a file in its own folder as the model.", remedy=_LOG_IT
        )
    function = found.flavors.get("python_function", {})
    loads = (function.get("loader_module", f"mlflow.{kind}"), function.get(served, name))
    if loads != (f"mlflow.{kind}", name) or function.get("code") or flavour.get("code"):
        raise InputError(
            "MLflow would run code of the model's author, or load another file, instead of the "
            "model that an audit reads.",
            remedy="log it without code_paths and without a model class of your own",
        )
    return name
