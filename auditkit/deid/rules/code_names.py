"""Codes that name themselves, such as `INS-913420877` and `EMP_48213`.

The letters before a code are also the names of fields that hold one (`member="XK-2231-77A"`), so
both are defined here. A word that also names tickets, parts or findings must be followed by more
digits, and so must one without a hyphen before its code: `INS 913420877`.
"""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rules.rule import ANY_CASE, PatternRule, needs

# entity type -> words for it, and words that have other meanings too.
_WORDS: Final = {
    "MEDICAL_RECORD": (
        "mrn mrno pat patient ptid chart enc encounter hn uhid emr ehr nhs nh accn acsn",
        "pt mr med vis visit spec hosp pid adm cht",
    ),
    "HEALTH_PLAN": (
        "ins insurance pol plcy policy mbr member subscr subscriber ben beneficiary hic hicn mbi "
        "hpn covg clm claim medicare medicaid",
        "mem sub grp group cov plan pln hp enr mcd mcr",
    ),
    "ACCOUNT": ("acct account acc ban loan ln mtg cif", "act sav chk bank"),
    "CREDIT_CARD": ("", "card cc"),
    "US_SSN": ("ssn", "ss"),
    "TAX_ID": ("tin ein itin", "tax vat"),
    "DRIVER_LICENSE": ("dl dln cdl", "drv"),
    "PASSPORT": ("ppt passport psp", "pp"),
    "LICENSE": ("lic licence license cert nmls", "cred bar permit"),
    "NPI": ("npi", ""),
    "DEA": ("dea", ""),
    "VEHICLE": ("vin veh vehicle", ""),
    "LICENSE_PLATE": ("plate lpn plt", ""),
    "DEVICE": ("sn serial imei meid udi", "dev device impl"),
    "BIOMETRIC": ("fpr", "fp bio"),
    "ID": (
        "emp empl employee staff stu stud student nid nin cust customer cus client usr userid uid "
        "pers person badge bdg donor subj participant",
        "rx cli user app appl applicant case ref ord order inv invoice trk tracking txn bkg "
        "booking pnr prov provider presc voter",
    ),
}
_SURE: Final = 3
_UNSURE: Final = 5

# word -> entity type, and the least number of digits of a code after it.
TYPE_OF_CODE: Final = {
    word: (entity_type, digits)
    for entity_type, groups in _WORDS.items()
    for words, digits in zip(groups, (_SURE, _UNSURE), strict=True)
    for word in words.split()
}


def _rule(entity_type: str) -> PatternRule:
    sure, unsure = (_any(words) for words in _WORDS[entity_type])
    every = _any(" ".join(_WORDS[entity_type]).upper())
    return PatternRule(
        f"named-{entity_type.lower().replace('_', '-')}",
        entity_type,
        re.compile(
            rf"(?<![\w./@-])(?:(?:{sure})[-_]{_code(_SURE, './')}"
            rf"|(?:{unsure})[-_]{_code(_UNSURE, './')}"
            rf"|(?-i:(?:{every}))(?: ?[:#/_] ?| |(?=\d))(?P<x>(?-i:{_code(_UNSURE, '')})))(?!\w|[.,]\d)",
            ANY_CASE,
        ),
        0.85,
        needs=needs(_SURE, words="|".join(" ".join(_WORDS[entity_type]).split())),
    )


def _any(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True)) or r"(?!)"


def _code(digits: int, separators: str) -> str:
    """A code with at least some digits, its parts joined by hyphens and the like."""
    tied = f"[{separators}-]"
    return (
        rf"(?=(?:[A-Z]|{tied}){{0,6}}\d(?:(?:[A-Z]|{tied}){{0,6}}\d){{{digits - 1}}})"
        rf"[A-Z0-9]{{1,24}}(?:{tied}[A-Z0-9]{{1,24}}){{0,5}}"
    )


NAMED_CODE_RULES: Final = tuple(map(_rule, _WORDS))
