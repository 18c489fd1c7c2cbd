"""Check digits and number ranges of identifiers that have them.

Each function takes the bare characters, separators removed, and says whether they can be that
identifier. A valid checksum is no proof: one random number in ten passes Luhn.
"""

from __future__ import annotations

import re
from typing import Final

_VIN_VALUES: Final = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
) | {str(d): d for d in range(10)}
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\Z")
_MBI: Final = re.compile(
    r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]"
    r"[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9][AC-HJKMNP-RT-Y]{2}[0-9]{2}\Z"
)
_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z]+")


def bare(text: str) -> str:
    """Letters and digits only, upper case."""
    return _SEPARATORS.sub("", text).upper()


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B: payment cards, and with a prefix the NPI."""
    if not digits.isdigit():
        return False
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) << (position & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(digits: str) -> bool:
    """A payment card: 12 to 19 digits, a first digit that is issued, Luhn."""
    return 12 <= len(digits) <= 19 and digits[0] in "23456" and luhn(digits)


def ssn(digits: str) -> bool:
    """A Social Security number that can have been issued: 20 CFR 422.103 and SSA's ranges.

    Areas 000, 666 and 900-999, group 00 and serial 0000 never were.
    """
    return (
        len(digits) == 9
        and digits.isdigit()
        and digits[:3] not in {"000", "666"}
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )


def itin(digits: str) -> bool:
    """An individual taxpayer number: 9xx, group 50-65, 70-88, 90-92, 94-99 (IRS)."""
    if len(digits) != 9 or not digits.isdigit() or digits[0] != "9":
        return False
    group = int(digits[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def npi(digits: str) -> bool:
    """A National Provider Identifier: ten digits, Luhn with the prefix 80840 (45 CFR 162.406)."""
    return len(digits) == 10 and digits.isdigit() and digits[0] in "12" and luhn("80840" + digits)


def dea(text: str) -> bool:
    """A DEA registration number: two letters (or letter and 9), six digits, check digit."""
    if len(text) != 9 or not text[0].isalpha() or not text[2:].isdigit():
        return False
    if not (text[1].isalpha() or text[1] == "9"):
        return False
    d = [int(c) for c in text[2:]]
    return (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def vin(text: str) -> bool:
    """A vehicle identification number: 49 CFR 565.15, 17 characters with check digit."""
    if len(text) != 17 or any(c not in _VIN_VALUES for c in text) or text.isdigit():
        return False
    rest = sum(_VIN_VALUES[c] * w for c, w in zip(text, _VIN_WEIGHTS, strict=True)) % 11
    return text[8] == ("X" if rest == 10 else str(rest))


def iban(text: str) -> bool:
    """An international bank account number: ISO 13616, remainder 1 modulo 97."""
    if not _IBAN.match(text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def routing(digits: str) -> bool:
    """An ABA routing number: nine digits, weights 3-7-1, a Federal Reserve prefix."""
    if len(digits) != 9 or not digits.isdigit():
        return False
    prefix = int(digits[:2])
    if not (prefix <= 12 or 21 <= prefix <= 32 or 61 <= prefix <= 72 or prefix == 80):
        return False
    d = [int(c) for c in digits]
    return (3 * sum(d[0::3]) + 7 * sum(d[1::3]) + sum(d[2::3])) % 10 == 0


def mbi(text: str) -> bool:
    """A Medicare Beneficiary Identifier: CMS's eleven positions, without S, L, O, I, B, Z."""
    return bool(_MBI.match(text))


def imei(digits: str) -> bool:
    """A mobile device's IMEI: fifteen digits, Luhn."""
    return len(digits) == 15 and luhn(digits)
