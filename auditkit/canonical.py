"""Makes the bytes that are hashed or signed; no other module does.

JSON is written by RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units,
no white space, numbers as ECMAScript prints them. Equal values give equal bytes on any machine,
whatever the order of a dict or the locale.

Laws:
    - `canonical_bytes(parse(canonical_bytes(v))) == canonical_bytes(v)`.
    - A value without a single JSON form is refused: NaN, infinities, integers beyond 2**53, keys
      that are not strings, lone surrogates, duplicate names on reading.
    - A name holds no character that hides, reorders or ends text (`check_name`).
    - A digest names its algorithm, and `digest_of` separates kinds of document, so the digest of
      a policy can never pass for that of a statement.

Example:
    >>> canonical_bytes({"b": 1.0, "a": [True, None, 1e21]})
    b'{"a":[true,null,1e+21],"b":1}'
    >>> str(Digest.of(b"abc"))[:23]
    'sha256:ba7816bf8f01cfea'
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from auditkit.errors import InputError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

# The types of signed documents: in-toto statements, and their predicates.
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
AUDIT_PREDICATE: Final = "urn:auditkit:audit:v1"

# Characters that are invisible or reorder text, so that it looks different. The rule is fixed, and
# not that of the installed Unicode version. Joiners are allowed: emoji and Persian need them.
HIDING: Final = (
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_NOT_IN_NAMES: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{HIDING}]")
_MAX_SAFE_INTEGER: Final = 2**53
_quoted: Final = json.encoder.encode_basestring
_HEX64: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Digest:
    """A SHA-256 digest that carries the name of its algorithm.

    Attributes:
        hex: 64 lower-case hexadecimal digits.
    """

    hex: str

    def __post_init__(self) -> None:
        if not _HEX64.match(self.hex):
            raise InputError("A SHA-256 digest is 64 lower-case hexadecimal digits.")

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of some bytes."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Reads what `str` wrote: `sha256:<hex>`.

        Raises:
            InputError: If the text is anything else.
        """
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256":
            raise InputError("A digest is written 'sha256:' and 64 hexadecimal digits.")
        return cls(value)

    def __str__(self) -> str:
        """The digest with its algorithm, `sha256:<hex>`."""
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """The first 16 hexadecimal digits, for people; never compare them."""
        return self.hex[:16]


def is_clear(name: str) -> bool:
    """Whether a name is what it looks like: no character in it controls, reorders or hides text."""
    return not _NOT_IN_NAMES.search(name)


def check_name(name: str, *, what: str) -> str:
    """A name of a model, a key, a log or a person, as it may be signed and logged.

    Args:
        name: The name; empty if it is not stated.
        what: Its name in the message, for example "The model's name".

    Raises:
        InputError: If it is not text, or holds a character that hides or reorders text.
    """
    if not isinstance(name, str):
        raise InputError(f"{what} is not text.")
    if found := _NOT_IN_NAMES.search(name):
        raise InputError(
            f"{what} holds the character U+{ord(found[0]):04X}, which hides or turns what people "
            "read.",
            remedy="leave it out: control characters, bidirectional controls and line breaks are "
            "in no name",
        )
    return name


def digest_of(kind: str, value: Json) -> Digest:
    """The digest of a JSON value as a document of a kind.

    Hashes `auditkit/<kind>`, a zero byte, then the canonical bytes, so that two kinds of document
    with the same content have different digests.

    Args:
        kind: The kind of document, for example "policy/v1".
        value: Any JSON value.
    """
    return Digest.of(b"auditkit/" + kind.encode() + b"\0" + canonical_bytes(value))


def canonical_bytes(value: Json) -> bytes:
    """Writes a JSON value by RFC 8785.

    Args:
        value: None, bool, int, float, str, or sequences and string-keyed mappings of them.

    Raises:
        InputError: If the value has no canonical form (see the module's laws).
    """
    parts: list[str] = []
    try:
        _write(value, parts)
    except RecursionError as error:
        raise InputError("A value is nested too deeply to be written as JSON.") from error
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("A string holds half of a surrogate pair, which is not text.") from error


def parse_json(data: bytes | str) -> Any:
    """Reads JSON strictly: duplicate names, NaN and infinities are errors.

    Whole numbers beyond 2**53 are read as floats, which is how `canonical_bytes` wrote them.

    Raises:
        InputError: If the bytes are not one JSON value.
    """
    try:
        return json.loads(
            data,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constants,
            parse_int=_whole_number,
            parse_float=_finite,
        )
    except (ValueError, OverflowError, RecursionError) as error:
        raise InputError("The bytes are not valid JSON.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _whole_number(text: str) -> int | float:
    value = int(text)
    return value if abs(value) <= _MAX_SAFE_INTEGER else float(value)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("too large for a number")
    return value


def _no_constants(name: str) -> None:
    raise ValueError(name)


def _write(value: Json, parts: list[str]) -> None:
    if type(value) is float:  # most of what is written, of tables of evidence
        parts.append(_number(value))
    elif type(value) is list:
        _write_array(value, parts)
    elif isinstance(value, str):
        parts.append(_quoted(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        if abs(value) > _MAX_SAFE_INTEGER:
            raise InputError("An integer beyond 2**53 has no exact JSON form; write it as text.")
        parts.append(int.__repr__(value))
    elif isinstance(value, float):
        parts.append(_number(value))
    elif isinstance(value, Mapping):
        _write_object(value, parts)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        _write_array(value, parts)
    else:
        raise InputError(f"A value of type {type(value).__name__} has no JSON form.")


def _write_array(value: Sequence[Json], parts: list[str]) -> None:
    parts.append("[")
    for position, item in enumerate(value):
        if position:
            parts.append(",")
        _write(item, parts)
    parts.append("]")


def _write_object(value: Mapping[str, Json], parts: list[str]) -> None:
    for key in value:
        if not isinstance(key, str):
            raise InputError("The names in a JSON object are strings.")
    parts.append("{")
    # Sorted by UTF-16 code units, as the RFC requires, not by code points; equal for ASCII.
    units = None if all(map(str.isascii, value)) else _utf16_units
    for position, key in enumerate(sorted(value, key=units)):
        if position:
            parts.append(",")
        parts.append(_quoted(key))
        parts.append(":")
        _write(value[key], parts)
    parts.append("}")


def _utf16_units(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """Formats a float like ECMAScript's Number::toString."""
    text = float.__repr__(value)
    if "e" not in text and "n" not in text:  # Python's is the same, but for a whole number's .0
        return text.removesuffix(".0") if value else "0"
    if not math.isfinite(value):
        raise InputError("NaN and infinities have no JSON form; say why there is no value instead.")
    if value == 0:
        return "0"
    sign, shortest = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, exponent = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    # The value is 0.DIGITS x 10**point, DIGITS without zeros at either end.
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = f"{point - 1:+d}"
        text = f"{digits[0]}e{power}" if count == 1 else f"{digits[0]}.{digits[1:]}e{power}"
    return sign + text
