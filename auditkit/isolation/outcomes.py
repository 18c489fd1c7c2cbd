"""How a job ended, as bytes: its answer, a refusal of ours, or an error by its type alone."""

from __future__ import annotations

from types import ModuleType

from auditkit.errors import AuditkitError
from auditkit.isolation.errors import ChildCrashError, ChildLimitError
from auditkit.isolation.messages import pack, unpack


def outcome(module: ModuleType, function: str, data: bytes | memoryview) -> bytes:
    """Calls a function of a module; the outcome, for `opened`."""
    try:
        return pack({"kind": "answer"}, [getattr(module, function)(data)])
    except AuditkitError as error:
        words = [error.message, error.remedy]
        return pack({"kind": "refused", "error": _class_name(error), "words": words})
    except MemoryError:
        return pack({"kind": "memory"})
    except Exception as error:  # noqa: BLE001 - hostile input ends in errors of any type
        return pack({"kind": "failed", "error": type(error).__name__})


def _class_name(error: AuditkitError) -> str:
    """The name of an error's first class that is in `auditkit.errors`."""
    return next(
        one.__name__ for one in type(error).__mro__ if one.__module__ == AuditkitError.__module__
    )


def opened(answer: bytes) -> bytes:
    """The answer that an outcome holds.

    Raises:
        AuditkitError: The error that the function raised, if it is one of `auditkit.errors`.
        ChildLimitError: If it ran out of memory.
        ChildCrashError: If there is none.
    """
    try:
        said, parts = unpack(answer)
        kind, error, words = said["kind"], said.get("error"), said.get("words")
        content = parts[0] if kind == "answer" else b""
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        raise ChildCrashError("The process that worked on it gave no answer.") from problem
    if kind == "answer":
        return content
    if kind == "memory":
        raise ChildLimitError("It takes more memory than allowed.")
    if kind == "refused":
        message, remedy = words
        raise _class_of(error)(message, remedy=remedy)
    raise ChildCrashError(f"It could not be processed ({error}).")


def _class_of(name: str) -> type[AuditkitError]:
    """The error class of this name in `auditkit.errors`; the root class if there is none."""
    waiting = [AuditkitError]
    while waiting:
        one = waiting.pop()
        if one.__name__ == name and one.__module__ == AuditkitError.__module__:
            return one
        waiting += one.__subclasses__()
    return AuditkitError
