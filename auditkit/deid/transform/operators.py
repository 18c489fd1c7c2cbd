"""What a treatment does to the distinct values of a column.

Every function maps values to values; a value that cannot be read is withheld, as None. Presidio's
operators do the replacing and masking. What depends on the value, other than through a random
token, is derived from it, and 45 CFR 164.514(c) does not take it for a re-identification code.

Why there is no format-preserving encryption: docs/adr/0003.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from auditkit.deid.planning.treatments import ColumnPlan, Treatment
from auditkit.deid.rules.field_names import name_words
from auditkit.deid.transform.linked_values import value_words
from auditkit.deid.transform.vault import Vault
from auditkit.deid.vocabulary.generalize import age_of, band_of, read_date, year_of, zip3_of
from auditkit.deid.vocabulary.normalization import plain_words
from auditkit.errors import InputError, MissingExtraError, argument

_MAX_DAYS: Final = 365
_MIN_KEY: Final = 16
_MAX_TRIES: Final = 100


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What treatments with a secret need.

    Attributes:
        vault: Keeps random tokens.
        secret: For keyed pseudonyms, shifted dates and surrogates, at least 16 bytes; the same
            secret gives the same pseudonym in every table.
    """

    vault: Vault | None = None
    secret: bytes | None = None

    def __repr__(self) -> str:
        return f"Keys(vault={self.vault is not None}, secret={self.secret is not None})"


def treated_values(
    entry: ColumnPlan, values: Sequence[str], *, as_of: date, keys: Keys
) -> list[str | None]:
    """A column's distinct values after its treatment.

    Args:
        entry: What is to be done; not dates to shift, which need their rows (`shifted`).
        values: The distinct values.
        as_of: When the table is released.
        keys: For treatments that need any.

    Raises:
        InputError: If a key is missing.
        MissingExtraError: If surrogates are wanted and Faker is not installed.
    """
    kind = entry.kind
    if entry.treatment is Treatment.TOKEN:
        tokens = _vault(entry, keys).tokens(kind, values)
        return [tokens[value] for value in values]
    one: Callable[[str], str | None]
    if entry.treatment is Treatment.YEAR:
        birth = kind == "BIRTH_DATE"
        one = partial(year_of, birth=birth, as_of=as_of, width=int(entry.width or 1))
    elif entry.treatment is Treatment.AGE:
        one = partial(age_of, width=int(entry.width or 1))
    elif entry.treatment is Treatment.BAND:
        one = partial(band_of, width=entry.width)
    elif entry.treatment is Treatment.ZIP3:
        one = zip3_of
    elif entry.treatment is Treatment.PSEUDONYM:
        one = _pseudonym(kind, _secret(entry, keys))
    elif entry.treatment is Treatment.SURROGATE:
        return surrogates(entry, values, keys)
    elif entry.treatment is Treatment.MASK:
        one = _presidio("Mask", {"masking_char": "*", "chars_to_mask": 10**6, "from_end": False})
    else:
        one = _presidio("Replace", {"new_value": f"<{kind}>"})
    return [one(value) for value in values]


def shifted(
    entry: ColumnPlan, cells: Sequence[str | None], subjects: Sequence[str | None], keys: Keys
) -> list[str | None]:
    """Dates moved by a number of days that is one subject's own: intervals within it stay.

    Args:
        entry: Names the column in errors.
        cells: The dates.
        subjects: Whose each date is; without a subject a date is withheld.
        keys: Holds the secret; one subject moves alike in every table.

    Returns:
        Dates by ISO 8601; None where there was none or it could not be read.
    """
    secret = _secret(entry, keys)
    moved: list[str | None] = []
    for cell, subject in zip(cells, subjects, strict=True):
        day = read_date(cell) if cell else None
        if day is None or not subject:
            moved.append(None)
            continue
        number = int.from_bytes(_digest(secret, "shift", subject)[:8], "big")
        days = number % (2 * _MAX_DAYS) - _MAX_DAYS
        moved.append((day + timedelta(days=days if days < 0 else days + 1)).isoformat())
    return moved


def surrogates(entry: ColumnPlan, values: Sequence[str], keys: Keys) -> list[str | None]:
    """Invented values of the same kind, the same for one value wherever it occurs.

    With a vault the invention hangs on a random token; without, on a keyed digest of the value.
    None of the column's whole values is invented, and nobody keeps a part of their name; where
    chance offers nothing else, the value is removed.
    """
    try:
        from faker import Faker
    except ImportError as error:
        raise MissingExtraError("faker", extra="surrogates", purpose="Inventing values") from error
    maker: Any = Faker("en_US")
    # A word alone, such as a given name, is nobody's in particular.
    real = frozenset(plain_words(value) for value in values if not value.isalpha())
    make = _maker(entry)
    if keys.vault is not None:
        seeds: Mapping[str, str] = keys.vault.tokens(entry.kind, values)
    else:
        secret = _secret(entry, keys)
        seeds = {v: _digest(secret, entry.kind, plain_words(v)).hex() for v in values}
    invented: list[str | None] = []
    for value in values:
        maker.seed_instance(seeds[value])
        own = frozenset(value_words(value) if entry.kind == "PERSON" else ())
        invented.append(_drawn(partial(make, maker), real, own))
    return invented


def _drawn(make: Callable[[], object], real: frozenset[str], own: frozenset[str]) -> str | None:
    """A value that is nobody's and has none of its owner's words; None if none was drawn."""
    for _ in range(_MAX_TRIES):
        new = str(make())
        if plain_words(new) not in real and own.isdisjoint(value_words(new)):
            return new.replace("\n", ", ")
    return None


_MAKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "PERSON": lambda fake: f"{fake.first_name()} {fake.last_name()}",
    "ORGANIZATION": lambda fake: fake.company(),
    "ADDRESS": lambda fake: fake.street_address(),
    "LOCATION": lambda fake: fake.city(),
    "CITY": lambda fake: fake.city(),
    "PHONE_NUMBER": lambda fake: f"{fake.numerify('%##')}-555-01{fake.numerify('##')}",
    "FAX_NUMBER": lambda fake: f"{fake.numerify('%##')}-555-01{fake.numerify('##')}",
    "EMAIL_ADDRESS": lambda fake: f"{fake.user_name()}{fake.numerify('####')}@example.com",
    # Numbers from ranges that are never issued.
    "US_SSN": lambda fake: f"9{fake.numerify('##-##-####')}",
    "URL": lambda fake: f"https://example.com/{fake.slug()}",
    "IP_ADDRESS": lambda fake: f"192.0.2.{fake.random_int(1, 254)}",
}


def _maker(entry: ColumnPlan) -> Callable[[Any], Any]:
    words = set(name_words(entry.column).split())
    if entry.kind == "PERSON" and words & {"first", "given", "forename", "firstname", "middle"}:
        return lambda fake: fake.first_name()
    if entry.kind == "PERSON" and words & {"last", "family", "surname", "lastname", "maiden"}:
        return lambda fake: fake.last_name()
    return _MAKERS.get(entry.kind, lambda fake: fake.bothify("??-#######").upper())


def _pseudonym(kind: str, secret: bytes) -> Callable[[str], str]:
    def one(value: str) -> str:
        digest = _digest(secret, kind, " ".join(plain_words(value).split()))
        return f"{kind}-{base64.b32encode(digest[:15]).decode().lower()}"

    return one


def _presidio(name: str, parameters: dict[str, Any]) -> Callable[[str], str]:
    from presidio_anonymizer import operators

    operator = getattr(operators, name)()

    def one(value: str) -> str:
        if name == "Mask":
            # All but the last four characters.
            parameters["chars_to_mask"] = max(0, len(value) - 4)
        return str(operator.operate(value, parameters))

    return one


def _digest(secret: bytes, purpose: str, value: str) -> bytes:
    return hmac.digest(secret, f"{purpose}\0{value}".encode(), hashlib.sha256)


def _vault(entry: ColumnPlan, keys: Keys) -> Vault:
    if keys.vault is None:
        raise InputError(
            f"Column {entry.column!r} is to be replaced by tokens, and there is no vault.",
            remedy=f"give a vault ({argument('vault')}) with its key",
        )
    return keys.vault


def _secret(entry: ColumnPlan, keys: Keys) -> bytes:
    if keys.secret is None or len(keys.secret) < _MIN_KEY:
        raise InputError(
            f"Column {entry.column!r}: {entry.treatment.value!r} needs a secret of 16 bytes.",
            remedy=f"give a secret ({argument('secret')})",
        )
    return keys.secret
