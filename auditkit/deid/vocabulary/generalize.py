"""Safe Harbor's generalizations: 45 CFR 164.514(b)(2)(i)(B) and (C).

Dates keep their year, ages over 89 become one class, ZIP codes keep three digits where the area
holds more than 20,000 people. What cannot be read is withheld, never passed through.
"""

from __future__ import annotations

import csv
import math
import re
from datetime import date
from functools import cache
from typing import Final

from auditkit.canonical import Digest
from auditkit.resources import data_path

OLDEST: Final = "90+"
_ZIP3_FILE: Final = ("policies", "deid", "zip3_census2020.csv")
_SMALLEST_AREA: Final = 20_000
_MONTH_NAMES: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_ISO: Final = re.compile(r"\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?\s*\Z")
_COMPACT: Final = re.compile(r"\s*((?:18|19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\s*\Z")
_NUMERIC: Final = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:[T ,].*)?\s*\Z")
_DAY_FIRST: Final = re.compile(
    r"\s*(?:the )?(\d{1,2})(?:st|nd|rd|th)?(?: day)?(?: of)?[ -]+([a-z]{3,9})\.?"
    r"[ ,'-]+(\d{4}|\d{2})\b.*\Z",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    r"\s*([a-z]{3,9})\.?[ -]+(\d{1,2})(?:st|nd|rd|th)?[ ,'-]+(\d{4})\b.*\Z", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_NUMBER: Final = re.compile(r"\s*(\d{1,3})(?:\.\d+)?\b")
_ZIP: Final = re.compile(r"\s*(\d{5})(?:-?\d{4})?\s*\Z")
_SHORT_ZIP: Final = re.compile(r"\s*\d{3,4}\s*\Z")


def read_date(text: str, *, latest_year: int = 2100) -> date | None:
    """The day that a text names; None if it names none.

    Numeric dates are read month first; day first where the month could not be. A year of two
    digits is the latest that is not past `latest_year`.
    """
    for pattern, order in (
        (_ISO, "ymd"),
        (_COMPACT, "ymd"),
        (_NUMERIC, "mdy"),
        (_DAY_FIRST, "dmy"),
        (_MONTH_FIRST, "mdy"),
    ):
        match = pattern.match(text)
        if match is None:
            continue
        part = dict(zip(order, match.groups(), strict=True))
        month = _MONTHS.get(part["m"][:3].lower(), 0) if part["m"].isalpha() else int(part["m"])
        day, year = int(part["d"]), int(part["y"])
        if len(part["y"]) == 2:
            year += 2000 if 2000 + year <= latest_year else 1900
        if month > 12 and day <= 12:
            month, day = day, month
        try:
            return date(year, month, day)
        except ValueError:
            return None
    return None


def year_of(text: str, *, birth: bool, as_of: date, width: int = 1) -> str | None:
    """The year of a date; of a birth that makes a person 90 or older, `OLDEST`.

    Args:
        text: A date in any usual form, or a year.
        birth: Whether it is a date of birth. A year alone then hides the birthday, so everyone
            who turns 90 within that year counts as 90.
        as_of: When the table is released.
        width: Years become bands of this many, which begin at multiples of it.

    Returns:
        A year or a band of years, `OLDEST`, or None if the text names no year.
    """
    day = read_date(text, latest_year=as_of.year)
    if day is None:
        years = _YEAR.findall(text)
        # Nine digits that are no date may be a Social Security number.
        if len(set(years)) != 1 or sum(map(str.isdigit, text)) == 9:
            return None
        year = int(years[0])
    else:
        year = day.year
    if not birth:
        return _band(year, width)
    youngest_of_the_oldest = as_of.year - 90
    # No band names a year that only people of 90 or more were born in.
    return (
        OLDEST
        if year <= youngest_of_the_oldest
        else _band(year, width, first=youngest_of_the_oldest + 1)
    )


def age_of(text: str, *, width: int = 1) -> str | None:
    """An age, or a band of ages, with all over 89 as one class; None if there is no number."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    age = int(match.group(1))
    return OLDEST if age >= 90 else _band(age, width, last=89)


def band_of(text: str, *, width: float) -> str | None:
    """The band that a number lies in, as `20 to under 40`; None if the text is no number.

    Args:
        text: A number.
        width: Bands begin at multiples of it; > 0.
    """
    try:
        number = float(text)
        place = math.floor(number / width)
    except (ValueError, OverflowError):
        return None
    low, high = (f"{(place + i) * width:.12g}" for i in (0, 1))
    # The quotient was rounded, and so are the ends: 0.3 / 0.1 is under 3.
    if number >= float(high):
        low, high = high, f"{(place + 2) * width:.12g}"
    elif number < float(low):
        low, high = f"{(place - 1) * width:.12g}", low
    return f"{low} to under {high}"


def _band(number: int, width: int, *, first: int = 0, last: int = 10**6) -> str:
    if width == 1:
        return str(number)
    low = number // width * width
    return f"{max(low, first)} to {min(low + width - 1, last)}"


def zip3_of(text: str) -> str:
    """The first three digits of a ZIP code, or `000`.

    Only prefixes that the 2020 Census counts more than 20,000 people in are kept: an allow-list,
    so a prefix without a census area, a typing error or a foreign code becomes `000`. Codes that
    lost their leading zeros as numbers get them back.
    """
    match = _ZIP.match(text)
    if match is None:
        if not _SHORT_ZIP.match(text):
            return "000"
        text = text.strip().zfill(5)
    else:
        text = match.group(1)
    return text[:3] if text[:3] in allowed_zip3() else "000"


@cache
def allowed_zip3() -> frozenset[str]:
    """The three-digit areas with more than 20,000 people."""
    rows = csv.DictReader(data_path(*_ZIP3_FILE).read_text().splitlines())
    return frozenset(row["zip3"] for row in rows if int(row["pop2020"]) > _SMALLEST_AREA)


@cache
def zip3_digest() -> Digest:
    """The digest of the table of areas, for evidence."""
    return Digest.of(data_path(*_ZIP3_FILE).read_bytes())
