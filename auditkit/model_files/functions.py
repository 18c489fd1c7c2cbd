"""A function in a folder of Python code, as a model; loaded in the confined process alone.

Of the folder, a copy is made, hashed and run: nobody else has it, and nothing else is readable.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditkit.errors import InputError

_NAME: Final = re.compile(
    r"(?P<folder>[A-Za-z_]\w{0,99})(?P<rest>(\.[A-Za-z_]\w{0,99})*):(?P<function>[A-Za-z_]\w{0,99})\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function by its name, `scoring.model:predict`.

    Attributes:
        folder: The name of the folder that holds the code, `scoring`.
        module: The module's whole name, `scoring.model`.
        function: The function's name, `predict`.
    """

    folder: str
    module: str
    function: str

    @classmethod
    def parse(cls, text: str) -> FunctionName | None:
        """Reads a name; None: it is none."""
        found = _NAME.match(text)
        if found is None:
            return None
        return cls(found["folder"], found["folder"] + found["rest"], found["function"])


def load_function(name: str, folder: str) -> Any:
    """Imports a function from its folder; runs the code in it.

    Args:
        name: As `scoring.model:predict`.
        folder: Where the folder `scoring` is.

    Raises:
        InputError: If there is no such module or function, or importing it fails.
    """
    known = FunctionName.parse(name)
    assert known is not None
    try:
        _import_package(known.folder, Path(folder))
        function = getattr(importlib.import_module(known.module), known.function)
    except Exception as error:
        raise InputError(
            f"{name} cannot be imported: {type(error).__name__}: {str(error)[:200]}",
            remedy=f"name a function of a module in the folder {known.folder}; it may import what "
            "lies in that folder and installed packages",
        ) from error
    if not callable(function):
        raise InputError(f"{name} is not a function.", remedy="name a function: table -> scores")
    return function


def _import_package(name: str, folder: Path) -> None:
    """Makes a package of a folder, which alone is looked in; its parent cannot be read."""
    start = folder / "__init__.py"
    found = importlib.util.spec_from_file_location(
        name, start if start.is_file() else None, submodule_search_locations=[str(folder)]
    )
    if found is None:
        found = importlib.machinery.ModuleSpec(name, None, is_package=True)
        found.submodule_search_locations = [str(folder)]
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    if found.loader is not None:
        found.loader.exec_module(module)
