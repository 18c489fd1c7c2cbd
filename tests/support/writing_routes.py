"""Which routes of MLflow's server touch files, read from MLflow's own source.

From the function of each route every function of MLflow that it names is followed, and every method
of a store; where that leads to a method of an artifact repository, the route touches files. A route
of a new release is found too.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import types
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# It looks whether a class has the methods that an archive needs, and calls none.
_LOOKS = "_validate_trace_archival_repository_support"
_STORES = (
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def touching(routes: Mapping[str, Any], methods: Collection[str]) -> set[str]:
    """The routes whose functions lead to one of some methods.

    Args:
        routes: Their functions, by name.
        methods: Names of methods of artifact repositories.
    """
    return {name for name, function in routes.items() if _leads_to(function, methods)}


def _leads_to(function: Any, methods: Collection[str]) -> bool:
    seen: set[Any] = set()
    waiting = [inspect.unwrap(function)]
    while waiting:
        found = waiting.pop()
        if found in seen or not isinstance(found, types.FunctionType) or found.__name__ == _LOOKS:
            continue
        seen.add(found)
        attributes, functions = _named(found)
        if attributes & set(methods):
            return True
        waiting += functions
    return False


@functools.cache
def _named(function: types.FunctionType) -> tuple[set[str], list[types.FunctionType]]:
    """The attributes that a function names, and the functions of MLflow that it names."""
    tree = _definitions(function.__code__.co_filename).get(function.__code__.co_firstlineno)
    if tree is None:
        return set(), []
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    known = dict(function.__globals__)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mlflow"):
            with suppress(ImportError):  # of a package that this server does not need
                module = importlib.import_module(str(node.module))
                known |= {alias.name: getattr(module, alias.name, None) for alias in node.names}
    found = [known.get(name) for name in names]
    found += [method for name in attributes for method in _store_methods().get(name, ())]
    functions = [inspect.unwrap(one) for one in found if isinstance(one, types.FunctionType)]
    return attributes, [one for one in functions if one.__module__.startswith("mlflow.")]


@functools.cache
def _definitions(file: str) -> dict[int, ast.AST]:
    """The functions in a file, by the line that each begins in, its decorators included."""
    nodes = ast.walk(ast.parse(Path(file).read_text()))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in nodes if isinstance(node, kinds)]
    return {min([n.lineno, *(d.lineno for d in n.decorator_list)]): n for n in found}


@functools.cache
def _store_methods() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for kind in _store_classes():
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            found.setdefault(name, []).append(method)
    return found


def _store_classes() -> Iterator[Any]:
    for name in _STORES:
        module = importlib.import_module(name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == name and kind.__name__.endswith("Store"):
                yield kind
