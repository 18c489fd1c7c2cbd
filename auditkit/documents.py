"""Reads every YAML and JSON file that people write: strictly, and within bounds.

Every YAML file of the product is a kind of `Document`: policies, control packs, audit files,
de-identification plans, settings. `parse_document` reads them all.

Laws:
    - A key that is unknown or given twice is an error, and so is a value of another type: `true`
      and "5" are not numbers, and `no` is not a person's name.
    - Keys are text, as written. `yes` and `no` are words, as in tables; numbers and dates are
      those of YAML 1.2, so that 012 and 1:30 stay text.
    - No anchors, aliases, merges or tags; at most 2 MiB, and 20 levels. One file cannot take a
      machine's memory or its stack.
    - An error names the file, the line and the key. It never quotes the file's content, because it
      may be the wrong file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from auditkit.errors import PolicyError

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 20

M = TypeVar("M", bound=BaseModel)

# Keys that an error may name. Any other text may not be a key at all, but data.
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
# Words for yes, no and nothing: they are not names of people.
_NOBODY_TEXT: Final = "yes no y n on off true false null none nil nan na n/a nobody tbd todo"
_NOBODY: Final = frozenset(_NOBODY_TEXT.split())


def names_somebody(text: object) -> bool:
    """Whether a value can be a person's name: one line of text, with a letter, not yes or no."""
    return (
        isinstance(text, str)
        and text.isprintable()
        and any(map(str.isalpha, text))
        and text.strip().casefold() not in _NOBODY
    )


def _person(value: object) -> object:
    if not names_somebody(value):
        raise ValueError("name a person, in text")
    return value


def _person_or_nobody(value: object) -> object:
    return value if value == "" else _person(value)


Text = Annotated[str, Field(min_length=1)]
DigestText = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Person = Annotated[str, BeforeValidator(_person)]
PersonOrNobody = Annotated[str, BeforeValidator(_person_or_nobody)]


class Document(BaseModel):
    """A part of a YAML file: frozen, with no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        """Refuses booleans and texts as numbers, even if they could be converted."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool | str) and kinds & {int, float} and type(value) not in kinds:
            raise ValueError("write a number, without quotes")
        return value


def parse_document(kind: type[M], text: str, *, source: str) -> M:
    """Reads one YAML file as a kind of document, with errors for people.

    Args:
        kind: The class of the document.
        text: YAML, at most 2 MiB and 20 levels deep.
        source: The text's name in errors, for example the file's.

    Raises:
        PolicyError: Naming the line, the key, what is wrong, and the nearest valid key.
    """
    root, content = _loaded(text, source=source)
    needed = ", ".join(
        _called(kind, name) for name, f in kind.model_fields.items() if f.is_required()
    )
    if content is None:
        raise PolicyError(f"{source} is empty.", remedy=f"write its keys: {needed}")
    if root is None or not isinstance(content, dict):
        raise PolicyError(
            f"{source} must be a mapping of keys to values.", remedy=f"write its keys: {needed}"
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _explain(kind, error, source, root) from None


def keys_of(text: str, *, source: str) -> Mapping[str, Any]:
    """The keys of a YAML file, whatever they are; empty if it is no mapping.

    Args:
        text: As for `parse_document`.
        source: The text's name in errors.

    Raises:
        PolicyError: If it is not YAML, or not within the bounds.
    """
    _, content = _loaded(text, source=source)
    return content if isinstance(content, dict) else {}


def _loaded(text: str, *, source: str) -> tuple[yaml.Node | None, Any]:
    if len(text) > MAX_BYTES:
        raise PolicyError(
            f"{source} has more than {MAX_BYTES:,} characters.",
            remedy="check that it is the right file",
        )
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        content = None if root is None else loader.construct_document(root)
    except _ProblemError as error:
        raise PolicyError(
            f"{source}, line {error.line}, column {error.column}: {error.problem}.",
            remedy=error.remedy,
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PolicyError(
            f"{source} is not valid YAML{where}.",
            remedy="check the indentation and the quotes there",
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return root, content


def lines_of(text: str, places: Iterable[tuple[int | str, ...]]) -> list[int]:
    """The lines, counted from 1, of keys and items of a YAML file that `parse_document` read.

    Args:
        text: The file's text.
        places: Keys and positions from the top, as `("rules", 0)`; for what is not there, the line
            of what would hold it.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    return [1 if root is None else _line(root, place) for place in places]


class _ProblemError(yaml.YAMLError):
    """Something that YAML allows and a document does not, with its place, counted from 1."""

    def __init__(self, problem: str, mark: yaml.Mark, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy
        self.line, self.column = mark.line + 1, mark.column + 1


class _Loader(yaml.SafeLoader):
    """Safe YAML within the laws of this module."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _ProblemError(
                "anchors and aliases are not allowed", event.start_mark, "write the value out"
            )
        if getattr(event, "tag", None) is not None:
            raise _ProblemError("tags are not allowed", event.start_mark, "leave the tag out")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _ProblemError(
                f"nested more than {MAX_DEPTH} levels deep", event.start_mark, "write it flatter"
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = True) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the library's signature
        found: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _ProblemError("a key is not text", key.start_mark, "write keys as text")
            if key.value in found:
                raise _ProblemError(
                    f"the key{_quoted(key.value)} is there twice",
                    key.start_mark,
                    "remove one of them",
                )
            found[key.value] = self.construct_object(value, deep=deep)
        return found

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - the library's signature
        try:
            found = super().construct_object(node, deep=deep)
            if isinstance(found, str):
                found.encode()  # half of a surrogate pair is not text
        except (ValueError, OverflowError):
            raise _ProblemError(
                "a value that cannot be read", node.start_mark, "quote it if it is text"
            ) from None
        return found


def _construct_yaml_map(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node)


# YAML 1.2's core schema, without infinities: the other numbers, booleans, merges and times of day
# of YAML 1.1 are text.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)\Z", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z",
        "-+0123456789.",
    ),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", "0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_yaml_map)


def _explain(
    kind: type[BaseModel], error: ValidationError, source: str, root: yaml.Node
) -> PolicyError:
    problems = error.errors(include_url=False, include_input=False)
    # Report an unknown key first: it is usually why another one is missing.
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    unknown = first["type"] == "extra_forbidden"
    place = ".".join(str(part) for part in first["loc"])
    named = _quoted(place) if place else " at the top level"
    at = f"{source}, line {_line(root, first['loc'])}"
    if first["type"] == "missing":
        return PolicyError(f"{at}: the key{named} is missing.", remedy=f"add{named}")
    if not unknown:
        message = str(first["msg"]).removeprefix("Value error, ")
        key = f"{place}: " if named and place else ""
        return PolicyError(f"{at}: {key}{message}.", remedy=f"see line {_line(root, first['loc'])}")
    valid = _valid_keys(kind, first["loc"][:-1])
    near = difflib.get_close_matches(str(first["loc"][-1]), valid, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]!r}? " if near else ""
    return PolicyError(
        f"{at}: unknown key{named}.", remedy=f"{remedy}valid keys: {', '.join(valid)}"
    )


def _quoted(key: str) -> str:
    """A key for an error, after a space; empty if it does not look like a key."""
    return f" {key!r}" if _KEY.match(key) else ""


def _line(root: yaml.Node, place: tuple[int | str, ...]) -> int:
    """The line of a key or item, counted from 1; if it is missing, its parent's."""
    node, line = root, root.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(part) not in pairs:
                continue  # a missing key, or pydantic's name for one of several types
            key, node = pairs[str(part)]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
    return line + 1


def _valid_keys(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """The keys allowed at a place inside a document."""
    here = kind
    for part in path:
        fields = {_called(here, name): field for name, field in here.model_fields.items()}
        if part not in fields:
            continue  # the position in a list, or the name in a mapping
        nested = _inside(fields[str(part)].annotation)
        models = [a for a in nested if isinstance(a, type) and issubclass(a, BaseModel)]
        if not models:
            return []
        here = models[0]
    return sorted(_called(here, name) for name in here.model_fields)


def _inside(annotation: Any) -> list[Any]:
    """A type and every type that it is made of."""
    return [annotation, *(found for part in get_args(annotation) for found in _inside(part))]


def _called(kind: type[BaseModel], name: str) -> str:
    """A field's name in the file."""
    return kind.model_fields[name].alias or name
