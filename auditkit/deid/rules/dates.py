"""Rules for dates in digits and words, and ages over 89."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rules.rule import ANY_CASE, DIGIT_WORDS, PatternRule, needs

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_MONTH_PARTS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:1[89]\d\d|20\d\d)"
_WEEKDAY: Final = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? )?"
_YEAR_IN_WORDS: Final = (
    r"(?:nineteen|twenty|two thousand)(?:[ -](?:and|hundred|oh|ten|eleven|twelve|\w{3,5}teen|twenty|thirty|forty|fifty|"
    rf"sixty|seventy|eighty|ninety|{DIGIT_WORDS})){{1,3}}"
)
_TIME: Final = r"(?:[T ,]{1,2}(?:at )?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]\.?m\b\.?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_TENS: Final = rf"ninety(?:[- ](?:{DIGIT_WORDS}))?"

_ORDINAL: Final = (
    r"(?:(?:twenty|thirty)[- ])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|"
    r"twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)

# Digits without separators. Year, month and day in this order are a date wherever they stand
# alone (one eight-digit number in a thousand); other orders need a cue.
_MM: Final = "(?:1[0-2]|0[1-9])"
_DD: Final = r"(?:3[01]|[12]\d|0[1-9])"
_YYYY: Final = r"(?:19\d\d|20[0-4]\d)"
_YMD: Final = rf"{_YYYY}{_MM}{_DD}"
_DAY_FIRST: Final = rf"(?:{_DD}{_MM}|{_MM}{_DD}){_YYYY}"
_SHORT: Final = rf"(?:\d\d{_MM}{_DD}|{_DD}{_MM}\d\d|{_MM}{_DD}\d\d)"
_CLOCK: Final = (
    r"(?:[T_]?(?:[01]\d|2[0-3]):?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)"
)
_DATED: Final = (
    r"d\.?o\.?b|birth ?da(?:te|y)|birth|born|dates?|dated|dos|dod|admi(?:t(?:ted|s)?|ssion)|adm|discharged?|d/c|seen|visit(?:ed)?|"
    r"scan(?:ned)?|exam(?:ined)?|since|until|till|signed|issued|expir(?:es|y)|effective|due|hired|deceased|died|surgery|collected|received|reviewed"
)
_AROUND: Final = r"(?<![A-Za-z0-9.,$\u20ac\u00a3#/+])(?<!\d-)"
_COMPACT: Final = re.compile(rf"{_YMD}{_CLOCK}?|{_DAY_FIRST}|{_SHORT}")


def is_compact_date(written: str) -> bool:
    """Whether digits alone can be a date, in any order, if a cue says so."""
    return bool(_COMPACT.fullmatch(written))


DATE_RULES: Final[tuple[PatternRule, ...]] = (
    PatternRule(
        "date-iso",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.-]){_YEAR}([-/.])(?:1[0-2]|0?[1-9])\1(?:3[01]|[12]\d|0?[1-9]){_TIME}(?![\w]|-\d|[-.]?(?:rc|alpha|beta|dev|post)\d)",
            ANY_CASE,
        ),
        0.9,
        needs=needs(6),
    ),
    PatternRule(
        "date-numeric",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.$-])(?:3[01]|[12]\d|0?[1-9])([-/.]| / )(?:3[01]|[12]\d|0?[1-9])\1(?:{_YEAR}|\d\d){_TIME}(?![\w]|[-/]\d)",
            ANY_CASE,
        ),
        0.85,
        needs=needs(4, "/|-|."),
    ),
    PatternRule(
        "date-range",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w./$-])(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])(?:/(?:{_YEAR}|\d\d))? ?(?:-|to|thru|through) ?"
            rf"(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])(?:/(?:{_YEAR}|\d\d))?(?![\w/%]|\.\d)"
        ),
        0.7,
        needs=needs(4, "/"),
    ),
    PatternRule(
        "date-slash",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w./$-])(?<!pain )(?<!score )(?<!Pain )(?<!strength )(?:1[0-2]|0?[1-9])/(?:{_YEAR}|(?:3[01]|[12]\d|0[1-9]))(?![\w/%]|\.\d)"
        ),
        0.5,
        needs=needs(3, "/"),
    ),
    PatternRule(
        "date-slash-cued",
        "DATE_TIME",
        re.compile(
            r"\b(?:on|since|from|by|until|till|til|through|before|after|dated?|seen|admitted|discharged|born|dob|"
            r"visit|week of|as of|starting|effective|adm|dos|d/c)[ :]{1,2}(?P<x>(?:1[0-2]|0?[1-9])[/-](?:3[01]|[12]\d|0?[1-9]))(?![\w/%-]|\.\d)",
            ANY_CASE,
        ),
        0.7,
        needs=needs(2, "/|-"),
    ),
    PatternRule(
        "date-compact",
        "DATE_TIME",
        re.compile(
            rf"(?<!\w){_DAY}-?{_MONTH}-?(?:{_YEAR}|\d\d)(?!\w)"
            rf"|(?<!\w)(?:3[01]|[12]\d|0?[1-9])([-./ ])(?:x|i{{1,3}}|iv|vi{{0,3}}|ix|xi{{1,2}})\1{_YEAR}(?!\w)",
            ANY_CASE,
        ),
        0.8,
        needs=needs(3),
    ),
    PatternRule(
        "date-plain",
        "DATE_TIME",
        re.compile(rf"{_AROUND}{_YMD}{_CLOCK}?(?:-{_YMD})?(?![A-Za-z0-9%]|[.,]\d|-\d)"),
        0.8,
        needs=needs(parts="19|20", run=8),
        unless=re.compile(r"\b(?:build|version|ver|rev|revision|release)[ .:#=-]{0,3}\Z", ANY_CASE),
    ),
    PatternRule(
        "date-plain-cued",
        "DATE_TIME",
        re.compile(
            rf"\b(?:{_DATED}|on|from|to|by|through|before|after|of)\b[^\d\n]{{1,20}}(?P<x>{_DAY_FIRST})(?![\w%]|[.,]\d)",
            ANY_CASE,
        ),
        0.8,
        needs=needs(run=8),
    ),
    PatternRule(
        "date-short-cued",
        "DATE_TIME",
        re.compile(
            rf"\b(?:{_DATED})\b[ :=#\"'>.(]{{1,4}}(?:on |in |of )?(?P<x>{_SHORT})(?![\w%]|[.,-]\d)",
            ANY_CASE,
        ),
        0.7,
        needs=needs(run=6),
    ),
    PatternRule(
        "date-spelled",
        "DATE_TIME",
        re.compile(
            rf"(?<!\w)(?:(?:the )?{_ORDINAL}(?: day)? of {_MONTH}|{_MONTH} (?:the )?{_ORDINAL})(?:,? (?:{_YEAR}|{_YEAR_IN_WORDS}))?(?!\w)",
            ANY_CASE,
        ),
        0.8,
        needs=needs(0, _MONTH_PARTS),
    ),
    PatternRule(
        "date-words",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w]){_WEEKDAY}(?:(?:the )?{_DAY}(?: day)?(?: of)?[ -]{{0,2}}{_MONTH}(?![a-z])(?:[ ,'-]{{1,3}}(?:{_YEAR}|\d\d(?!\d)))?"
            rf"|{_MONTH}[ -]{{0,2}}{_DAY}(?![\w%]|\.\d)(?:[ ,'-]{{1,3}}{_YEAR})?|{_MONTH}[ ,'-]{{1,3}}(?:of )?{_YEAR}){_TIME}(?![\w])",
            ANY_CASE,
        ),
        0.85,
        needs=needs(1, _MONTH_PARTS),
    ),
    PatternRule(
        "age-over-89",
        "AGE",
        re.compile(
            rf"(?<![\w.$-])(?P<x>9\d|1[0-2]\d|{_TENS}|(?:a |one )?hundred(?:[ -]and[ -]\w+| \w+)?)(?=[- ]{{0,2}}(?:years?|yrs?)[- ](?:old|of age|young)|[- ]?y[./]?o\b|[- ]year[- ]old| ?(?-i:[MF])\b| (?:male|female|man|woman|lady|gentleman)\b)",
            ANY_CASE,
        ),
        0.9,
        needs=needs(0, "y|m|f|lady"),
    ),
    PatternRule(
        "age-told",
        "AGE",
        re.compile(
            r"\b(?:he|she|who|mother|father|mom|dad|they)(?: is| was|'s|'m| are) (?P<x>9\d|1[01]\d)(?=[.;]?(?:\s|$)(?!percent|degrees|%)|,)",
            ANY_CASE,
        ),
        0.6,
        needs=needs(2, "9|10|11"),
    ),
    PatternRule(
        "age-in-words",
        "AGE",
        re.compile(
            r"\b(?:(?:in|into) (?:his|her|their) (?:early |mid[- ]?|late )?(?P<x>nineties|90'?s|hundreds)|nonagenarian|centenarian)\b",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, "nineties|90|hundreds|arian"),
    ),
    PatternRule(
        "aged-over-89",
        "AGE",
        re.compile(
            rf"\b(?:(?:aged?|age of|turn(?:s|ed|ing)|at)[ :]{{1,2}}|(?:is|was|now)[ :]{{1,2}}(?=ninety))(?P<x>9\d|1[0-2]\d"
            rf"|{_TENS})(?![\w%]|[.,:/-]\d)(?! ?(?:am|pm|percent|per|degrees|dollars|minutes|mg|ml|bpm|%))",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, "age|turn|at |at:|ninety"),
        unless=re.compile(
            r"(?:\b(?:hr|rate|rr|sats?|spo2|satting|saturat\w+|o2|bp|pressure|glucose|pulse|temp\w*|map|held|set|stable|dose|level|score|speed|capped|fixed|running|percentile))"
            r"\W{1,3}(?:was |is |to )?at[ :]{1,2}\Z",
            ANY_CASE,
        ),
    ),
)
