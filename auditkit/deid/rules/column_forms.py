"""Forms of the values of columns, and names of columns of notes; data for planning/columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from auditkit.deid.rules import checksums
from auditkit.deid.rules.field_names import SOMEBODY, whole_words
from auditkit.deid.rules.rule import CAPITALS
from auditkit.deid.vocabulary.generalize import read_date
from auditkit.deid.vocabulary.word_lists import given_names, surnames

NOTES: Final = whole_words(
    r"notes?|comments?|remarks?|description|narrative|text|memo|message|summary|report|history|free ?text|body|details?|reason|transcript|feedback"
)

_PERSONLIKE: Final = re.compile(
    r"(?:(?:mr|mrs|ms|miss|dr|prof)\.? )?[^\W\d_][\w'.-]*(?:,? [^\W\d_][\w'.-]*){0,4}\Z",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\D+")
# Two to four capitalised words: names of any country, and some categories.
_TITLE_CASE: Final = re.compile(rf"[{CAPITALS}][\w'.-]*(?: [{CAPITALS}][\w'.-]*){{1,3}}")
_TITLED: Final = re.compile(r"(?:mr|mrs|ms|miss|dr|prof)\b\.? ", re.IGNORECASE)
_CODE: Final = re.compile(
    r"(?=.*[A-Za-z]|0)(?=(?:.*\d){3})[A-Za-z0-9]{1,12}(?:[-/_.][A-Za-z0-9]{1,12}){0,4}"
)


def names_someone(text: str) -> bool:
    """Whether a value looks like a name and contains a common name or a title."""
    name = text.strip()
    if not _PERSONLIKE.match(name):
        return False
    words = [word.strip(".,").lower() for word in name.split()]
    return bool(
        _TITLED.match(name)
        or words[0] in given_names()
        or (len(words) == 1 and words[0] in surnames())
        or ("," in name and words[0] in surnames())
        or (len(words) > 1 and words[-1] in surnames() and words[1] in given_names())
    )


def is_title_case(text: str) -> bool:
    """Whether a value is two to four capitalised words."""
    return bool(_TITLE_CASE.fullmatch(text.strip()))


def is_full_name(text: str) -> bool:
    """Whether a value begins with a common given name and ends with a common surname."""
    words = text.lower().split()
    return len(words) > 1 and words[0] in given_names() and words[-1] in surnames()


def is_code(text: str) -> bool:
    """Whether a value is a code: letters and digits without blanks, or digits with leading zeros."""
    return bool(_CODE.fullmatch(text.strip()))


def has_digit(text: str) -> bool:
    """Whether a value can be a number of somebody."""
    return any(c.isdigit() for c in text)


def _us_phone(text: str) -> bool:
    digits = _DIGITS.sub("", re.split(r"(?i)x|ext", text)[0])
    if re.search(r"[A-Za-z]{4}", text):
        return False
    return (
        (len(digits) == 10 and digits[0] in "23456789" and digits[3] in "0123456789")
        or (len(digits) == 11 and digits[0] == "1")
        or (text.strip().startswith(("+", "00")) and 8 <= len(digits) <= 15)
    )


def _ip_address(text: str) -> bool:
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


FULL: Final[dict[str, Callable[[str], bool]]] = {
    "EMAIL_ADDRESS": lambda t: bool(re.fullmatch(r"\s*[^\s@]+@[^\s@]+\.[^\s@]{2,}\s*", t)),
    "URL": lambda t: bool(re.fullmatch(r"\s*(?:https?://\S+|www\.\S+|(?:[\w-]+\.)+[a-z]{2,6}(?:/\S*)?)\s*", t, re.IGNORECASE)),
    "IP_ADDRESS": _ip_address,
    "MAC_ADDRESS": lambda t: bool(re.fullmatch(r"\s*(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\s*", t, re.IGNORECASE)),
    "US_SSN": lambda t: bool(re.fullmatch(r"\s*\d{3}[- .]?\d{2}[- .]?\d{4}\s*", t)) and checksums.ssn(checksums.bare(t)),
    "IBAN_CODE": lambda t: checksums.iban(checksums.bare(t)),
    "CREDIT_CARD": lambda t: not re.search(r"[A-Za-z]", t) and checksums.card(checksums.bare(t)),
    "VEHICLE": lambda t: checksums.vin(checksums.bare(t)),
    "HEALTH_PLAN": lambda t: checksums.mbi(checksums.bare(t)),
    "DEA": lambda t: checksums.dea(checksums.bare(t)),
    "NPI": lambda t: checksums.npi(checksums.bare(t)),
    "PHONE_NUMBER": _us_phone,
    "DATE_TIME": lambda t: read_date(t) is not None,
    "ADDRESS": lambda t: bool(re.match(r"\s*(?:\d{1,6}[A-Za-z]?(?:-\d+)?,? (?:[\w.'-]+,? ){1,5}?(?:st|street|ave|avenue|rd|road|blvd|boulevard|ln|lane|dr|drive|ct|court|way|pl|place|ter|terrace|cir|circle|pkwy|parkway|hwy|highway|sq|square|trl|trail|loop|row|run|pike)\b|p\.? ?o\.? ?box \d)", t, re.IGNORECASE)),
    "COORDINATES": lambda t: bool(re.fullmatch(r"\s*-?\d{1,3}\.\d{3,}(?:[,; ]+-?\d{1,3}\.\d{3,})?\s*", t)),
    "ID": lambda t: bool(re.fullmatch(r"\s*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\s*", t, re.IGNORECASE)),
}  # fmt: skip
# Forms so particular that values alone decide, in this order.
BY_VALUE: Final = (
    "EMAIL_ADDRESS", "URL", "MAC_ADDRESS", "IP_ADDRESS", "IBAN_CODE", "VEHICLE", "CREDIT_CARD",
    "HEALTH_PLAN", "ID", "DATE_TIME", "US_SSN", "PHONE_NUMBER", "DEA", "ADDRESS",
)  # fmt: skip
# Values must fit for a name to be believed: the name is common, or the kind generalizes values.
MUST_FIT: Final[dict[str, Callable[[str], bool]]] = {
    "AGE": lambda t: bool(re.fullmatch(r"\s*\d{1,3}(?:\.\d+)?(?:\s*(?:years?|yrs?|y)?)\s*|90\+", t)) and float(re.split(r"[^\d.]", t.strip())[0] or 0) < 130,
    "ZIP_CODE": lambda t: bool(re.fullmatch(r"\s*(?:\d{3,5}(?:-?\d{4})?|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{3}\*\*)\s*", t)),
    "COORDINATES": lambda t: bool(re.fullmatch(r"[\s-]*\d{1,3}\.\d+.*", t)),
    "DATE_TIME": lambda t: read_date(t) is not None or bool(re.fullmatch(r"\s*(?:1[89]|20)\d\d\s*|\d{1,2}[/-]\d{2,4}", t)),
    "BIRTH_DATE": lambda t: read_date(t) is not None or bool(re.fullmatch(r"\s*(?:1[89]|20)\d\d\s*", t)),
    "PERSON": lambda t: bool(_PERSONLIKE.match(t.strip())),
    "CITY": lambda t: bool(_PERSONLIKE.match(t.strip())) or any(c.isalpha() for c in t),
    "ORGANIZATION": lambda t: any(c.isalpha() for c in t),
    "ADDRESS": lambda t: any(c.isalpha() for c in t),
    "PHOTO": lambda t: any(c.isalpha() for c in t),
    "URL": lambda t: "." in t,
    SOMEBODY: lambda t: names_someone(t) or bool(_TITLE_CASE.fullmatch(t.strip())),
    **dict.fromkeys(
        ("PHONE_NUMBER", "FAX_NUMBER", "US_SSN", "MEDICAL_RECORD", "HEALTH_PLAN", "ACCOUNT", "CREDIT_CARD", "ROUTING_NUMBER",
         "NPI", "DEA", "LICENSE", "DRIVER_LICENSE", "PASSPORT", "VEHICLE", "LICENSE_PLATE", "DEVICE", "TAX_ID"),
        has_digit,
    ),
}  # fmt: skip
