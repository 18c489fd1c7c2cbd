"""Loads models from files: what they are, whether they may be loaded, and in which process.

Laws:
    - What a file makes runs in a confined process of its own, never in this one.
    - The bytes are read once: what is hashed is what is loaded.
    - What can hold code is loaded only if somebody has said by its digest which file that is.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, Literal, get_args

from auditkit.canonical import Digest
from auditkit.errors import InputError, MissingExtraError
from auditkit.files import read_bytes
from auditkit.loading.model_folder import model_file
from auditkit.model_files.confined import ConfinedModel, confined
from auditkit.model_files.formats import FUNCTION, Format, format_of
from auditkit.model_files.functions import FunctionName
from auditkit.model_files.served import served_model
from auditkit.registry.digest import ArtifactFile, artifact_files, digest_of_files
from auditkit.registry.reference import is_served

Isolation = Literal["default", "strict"]

_REMEDY: Final = "check the path; in an audit file it is relative to the file's folder"
# A forest of thousands of deep trees has a few hundred million bytes.
_MODEL_BYTES: Final = 4 * 2**30


def load_model(
    path: str | Path,
    *,
    expect: str | Digest | None = None,
    isolation: str = "default",
    trusted_types: Sequence[str] = (),
) -> Any:
    """Loads a model from its file into a confined process of its own.

    What is returned looks like a fitted estimator: it has `predict_proba` or `predict`, and
    `classes_`, if the model does. The process ends with it. Its digest is the one that the model
    registry gives a version of these files, so that evidence and version meet.

    Args:
        path: The model's file: XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.cbm, .json),
            ONNX, or scikit-learn (.joblib, .pkl, .skops); the bytes decide which it is, not the
            name. Or the folder that MLflow's `log_model` wrote. Or a function in a folder of
            Python code: "scoring.model:predict" is in the folder `scoring`. Or the address of a
            model that is served by the Open Inference Protocol, version 2:
            "http://127.0.0.1:8080/v2/models/credit"; it runs where it is, and `#OUTPUT` behind it
            names one of several outputs.
        expect: The digest that its files must have, `sha256:...`; of one file, that of its bytes
            will do. A pickle or a function is loaded only if it is given: that runs what its
            author wrote, if only in that process.
        isolation: "strict" refuses a machine whose kernel cannot keep files, programs, processes
            and the network from the process; "default" takes what the kernel has, and says so.
        trusted_types: Classes and functions, as `module:name`, that a pickle may hold besides
            those of scikit-learn and the boosting libraries.

    Raises:
        InputError: If it is missing, of no known format, cannot be loaded, or is not the expected
            one.
        MissingExtraError: If the library that reads it is not installed.
        PolicyError: If a folder's `MLmodel` is not valid.
    """
    if isolation not in get_args(Isolation):
        raise InputError(
            f"The isolation {isolation!r} is none that there is.", remedy="give default or strict"
        )
    if isinstance(path, str) and is_served(path):
        served = served_model(path, isolation=isolation)
        _refuse_other(served.digest, expect)
        return served
    path = Path(path)
    function = FunctionName.parse(path.name)
    if function is not None and not path.exists():
        return _function(path, function.folder, expect=expect, isolation=isolation)
    if path.is_dir():
        data, files = _of_folder(path)
        own = None
    else:
        data = read_bytes(path, what="model", limit=_MODEL_BYTES, remedy=_REMEDY)
        files = (_hashed(path.name, data),)
        own = Digest.of(data)
    form, digest = format_of(data, path.name), digest_of_files(files)
    _refuse_unpinned(form, digest, path.name, expect=digest if expect == str(own) else expect)
    for package in form.needs:
        if find_spec(package) is None:
            raise MissingExtraError(
                package, extra=form.extra or package, purpose=f"Reading {form.words}"
            )
    model = confined(data, form, digest=digest, isolation=isolation, trusted_types=trusted_types)
    model.file_digest = own
    return model


def _function(
    path: Path, folder: str, *, expect: str | Digest | None, isolation: str
) -> ConfinedModel:
    """A function of a copy of its folder, which nobody else has, and its process alone reads."""
    copy = Path(mkdtemp(prefix="auditkit-"))
    try:
        digest = digest_of_files(_copied(path.parent / folder, copy / folder))
        _refuse_unpinned(FUNCTION, digest, path.name, expect=expect)
        told = f"{path.name}\n{copy / folder}".encode()
        return confined(told, FUNCTION, digest=digest, isolation=isolation, folder=copy)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _copied(folder: Path, to: Path) -> tuple[ArtifactFile, ...]:
    if folder.is_symlink() or not folder.is_dir():
        raise InputError(
            f"There is no folder {folder.name!r} with the code of the model.",
            remedy=f"put the module into a folder of its own, {folder.name}/, beside the audit "
            "file, with all that it needs and nothing else",
        )
    if sum(file.size for file in artifact_files(folder)) > _MODEL_BYTES:
        raise InputError(
            f"The folder {folder.name!r} is larger than {_MODEL_BYTES:,} bytes.",
            remedy="leave only the model's files in it",
        )
    try:
        # What Python has compiled comes and goes, and is not the model.
        shutil.copytree(folder, to, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise InputError(
            f"The folder {folder.name!r} cannot be read.", remedy="check that it may be read"
        ) from error
    return artifact_files(to)


def _refuse_unpinned(
    form: Format, digest: Digest, name: str, *, expect: str | Digest | None
) -> None:
    """Refuses a file of another digest than expected, and code of which none is expected."""
    _refuse_other(digest, expect)
    if expect is None and form.kind == "C":
        raise InputError(
            f"{name} is {form.words}; opening it can run code of its author.",
            remedy="if you know who made it, demand these very bytes, by --expect of 'auditkit "
            f"init' or in the audit file: expect: {{model: {digest}}}; or save the model as data, "
            "such as XGBoost's "
            "save_model('model.json')",
        )


def _refuse_other(digest: Digest, expect: str | Digest | None) -> None:
    if expect is not None and str(expect) != str(digest):
        raise InputError(
            f"The model is not the expected one: its digest is {digest}, not {expect}.",
            remedy="give the model that is meant, or correct what is expected",
        )


def _of_folder(folder: Path) -> tuple[bytes, tuple[ArtifactFile, ...]]:
    name = model_file(folder)
    data = read_bytes(folder / name, what="model", limit=_MODEL_BYTES, remedy=_REMEDY)
    files = artifact_files(folder)
    # The folder was read twice, and named the model before it was hashed.
    if _hashed(name, data) not in files or model_file(folder) != name:
        raise InputError(
            f"The files of {folder.name} change while they are read.",
            remedy="audit them once nothing writes to them",
        )
    return data, files


def _hashed(name: str, data: bytes) -> ArtifactFile:
    return ArtifactFile(name, len(data), hashlib.sha256(data).hexdigest())
