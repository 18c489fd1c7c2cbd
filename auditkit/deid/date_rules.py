"""When: dates in figures and in words, and ages over 89."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rule import ANY_CASE, DIGIT_WORDS, Rule

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
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

DATE_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "date-iso",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.-]){_YEAR}([-/.])(?:1[0-2]|0?[1-9])\1(?:3[01]|[12]\d|0?[1-9]){_TIME}(?![\w]|-\d)",
            ANY_CASE,
        ),
        0.9,
    ),
    Rule(
        "date-numeric",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.$-])(?:3[01]|[12]\d|0?[1-9])([-/.]| / )(?:3[01]|[12]\d|0?[1-9])\1(?:{_YEAR}|\d\d){_TIME}(?![\w]|[-/]\d)",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "date-range",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w./$-])(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])(?:/(?:{_YEAR}|\d\d))? ?(?:-|to|thru|through) ?"
            rf"(?:1[0-2]|0?[1-9])/(?:3[01]|[12]\d|0?[1-9])(?:/(?:{_YEAR}|\d\d))?(?![\w/%]|\.\d)"
        ),
        0.7,
    ),
    Rule(
        "date-slash",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w./$-])(?<!pain )(?<!score )(?<!Pain )(?<!strength )(?:1[0-2]|0?[1-9])/(?:{_YEAR}|(?:3[01]|[12]\d|0[1-9]))(?![\w/%]|\.\d)"
        ),
        0.5,
    ),
    Rule(
        "date-slash-cued",
        "DATE_TIME",
        re.compile(
            r"\b(?:on|since|from|by|until|till|til|through|before|after|dated?|seen|admitted|discharged|born|dob|"
            r"visit|week of|as of|starting|effective)[ :]{1,2}(?P<x>(?:1[0-2]|0?[1-9])[/-](?:3[01]|[12]\d|0?[1-9]))(?![\w/%-]|\.\d)",
            ANY_CASE,
        ),
        0.7,
    ),
    Rule(
        "date-compact",
        "DATE_TIME",
        re.compile(
            rf"(?<!\w){_DAY}-?{_MONTH}-?(?:{_YEAR}|\d\d)(?!\w)"
            rf"|(?<!\w)(?:3[01]|[12]\d|0?[1-9])([-./ ])(?:x|i{{1,3}}|iv|vi{{0,3}}|ix|xi{{1,2}})\1{_YEAR}(?!\w)"
            rf"|(?:dob|date|born|birth)[ :=#]{{1,3}}(?P<x>{_YEAR}(?:1[0-2]|0[1-9])(?:3[01]|[12]\d|0[1-9]))(?!\d)",
            ANY_CASE,
        ),
        0.8,
    ),
    Rule(
        "date-spelled",
        "DATE_TIME",
        re.compile(
            rf"(?<!\w)(?:(?:the )?{_ORDINAL}(?: day)? of {_MONTH}|{_MONTH} (?:the )?{_ORDINAL})(?:,? (?:{_YEAR}|{_YEAR_IN_WORDS}))?(?!\w)",
            ANY_CASE,
        ),
        0.8,
    ),
    Rule(
        "date-words",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w]){_WEEKDAY}(?:(?:the )?{_DAY}(?: day)?(?: of)?[ -]{{0,2}}{_MONTH}(?![a-z])(?:[ ,'-]{{1,3}}(?:{_YEAR}|\d\d(?!\d)))?"
            rf"|{_MONTH}[ -]{{0,2}}{_DAY}(?![\w%]|\.\d)(?:[ ,'-]{{1,3}}{_YEAR})?|{_MONTH}[ ,'-]{{1,3}}(?:of )?{_YEAR}){_TIME}(?![\w])",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "age-over-89",
        "AGE",
        re.compile(
            rf"(?<![\w.$-])(?P<x>9\d|1[0-2]\d|{_TENS}|(?:a |one )?hundred(?:[ -]and[ -]\w+| \w+)?)(?=[- ]{{0,2}}(?:years?|yrs?)[- ](?:old|of age|young)|[- ]?y[./]?o\b|[- ]year[- ]old| ?(?-i:[MF])\b| (?:male|female|man|woman|lady|gentleman)\b)",
            ANY_CASE,
        ),
        0.9,
    ),
    Rule(
        "age-told",
        "AGE",
        re.compile(
            r"\b(?:he|she|who|mother|father|mom|dad|they)(?: is| was|'s|'m| are) (?P<x>9\d|1[01]\d)(?=[.;]?(?:\s|$)(?!percent|degrees|%)|,)",
            ANY_CASE,
        ),
        0.6,
    ),
    Rule(
        "age-in-words",
        "AGE",
        re.compile(
            r"\b(?:(?:in|into) (?:his|her|their) (?:early |mid[- ]?|late )?(?P<x>nineties|90'?s|hundreds)|nonagenarian|centenarian)\b",
            ANY_CASE,
        ),
        0.7,
    ),
    Rule(
        "aged-over-89",
        "AGE",
        re.compile(
            rf"\b(?:aged?|age of|turn(?:s|ed|ing)|at|is|was|now(?=[ ]ninety))[ :]{{1,2}}(?P<x>(?:9\d|1[0-2]\d)(?<!is[ ]\d\d)(?<!is[ ]\d\d\d)"
            rf"(?<!was[ ]\d\d)(?<!was[ ]\d\d\d)|{_TENS})(?![\w%]|[.,:/-]\d)(?! ?(?:am|pm|percent|per|degrees|dollars|minutes|mg|ml|bpm|%))",
            ANY_CASE,
        ),
        0.7,
    ),
)
