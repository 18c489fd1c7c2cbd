"""Rules for numbers of persons: government, health, banks, licences, vehicles and devices."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rules import checksums
from auditkit.deid.rules.rule import (
    ANY_CASE,
    CODE_GROUPED,
    CODE_SPACED,
    LINK,
    PatternRule,
    cued,
    has_digit,
    needs,
)

# Cues of a telephone number, which passes Luhn one time in ten.
_DIALLED: Final = re.compile(
    r"(?:[+(]|\b(?:tel|telephone|phone|mobile|mob|cell|fax|whatsapp|sms|pager|dial|call|ring)(?: ?(?:no|number|nr))?\b[.: ]{0,3})\Z",
    ANY_CASE,
)

NUMBER_RULES: Final[tuple[PatternRule, ...]] = (
    PatternRule(
        "ssn",
        "US_SSN",
        re.compile(r"(?<![\w-])\d{3}([- .\u00b7]|- ?| -)\d{2}\1\d{4}(?![\w]|-\d)"),
        0.9,
        checksums.ssn,
        needs=needs(9),
    ),
    PatternRule(
        "ssn-cued",
        "US_SSN",
        re.compile(
            rf"(?<![A-Z])(?:ssns?|social(?: security)?|soc\.? sec\.?|ss ?#){LINK}"
            r"(?P<x>(?:[\dX*][- ./]{0,2}){5}(?:\d[- ./]{0,2}){3}\d)(?!\d)",
            ANY_CASE,
        ),
        0.95,
        needs=needs(4, "ss|soc"),
    ),
    PatternRule(
        "ssn-last-four",
        "US_SSN",
        re.compile(
            r"(?:(?:ssn|social)[^.\n]{0,20}?(?:last (?:4|four)(?: digits)?|ending(?: in| with)?)"
            r"|\blast (?:4|four)(?: digits)?(?: of (?:the |his |her |their )?(?:ssn?|social))?)"
            r"[ :#]{0,2}(?:of |is |are |in |were )?(?P<x>\d{4})\b",
            ANY_CASE,
        ),
        0.8,
        needs=needs(4, "ssn|social|last"),
    ),
    PatternRule(
        "ssn-masked",
        "US_SSN",
        re.compile(
            r"(?<![\w*-])(?:[X*]{3}|[X*\d]{3})[- ]?[X*]{2}[- ]?(?P<x>\d{4})(?![\w-])", ANY_CASE
        ),
        0.8,
        needs=needs(4, "x|*"),
    ),
    PatternRule(
        "itin",
        "TAX_ID",
        re.compile(r"(?<![\w-])9\d{2}([- ])\d{2}\1\d{4}(?![\w-])"),
        0.8,
        checksums.itin,
        needs=needs(9, "9"),
    ),
    cued(
        "tax-id",
        "TAX_ID",
        r"e\.?i\.?n|t\.?i\.?n|itin|tax(?:payer)? id(?:entification)?",
        needs=needs(1, "tin|ein|t.i|ti.|e.i|ei.|tax"),
    ),
    cued(
        "medical-record",
        "MEDICAL_RECORD",
        r"m\.?r\.?n|med(?:ical)?\.? rec(?:ord)?s?|(?:chart|patient|hospital|encounter|acc(?:ession)?|"
        r"specimen|visit|nhs)(?: id| no| number|#| ?#| identifier)",
        code=CODE_GROUPED,
        needs=needs(1, "mr|m.r|med|chart|patient|hospital|encounter|acc|specimen|visit|nhs"),
    ),
    PatternRule(
        "hl7-record",
        "MEDICAL_RECORD",
        re.compile(r"(?<![\w^])\w{4,20}(?=\^\^\^)"),
        0.7,
        has_digit,
        needs=needs(1, "^^^"),
    ),
    cued(
        "health-plan",
        "HEALTH_PLAN",
        r"(?:member|subscriber|beneficiary|enrollee|policy|group|insurance|plan|medicare|medicaid|"
        r"hicn?|mbi|claim|nhs)(?: id| no| number|#| ?#| identifier| card| policy)|\bhicn?(?=[:# ])",
        code=CODE_GROUPED,
        needs=needs(
            1,
            "member|subscriber|beneficiary|enrollee|policy|group|insurance|plan|medic|hic|mbi|claim|nhs",
        ),
    ),
    PatternRule(
        "mbi",
        "HEALTH_PLAN",
        re.compile(
            r"(?<![\w-])[1-9][A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}(?![\w-])", ANY_CASE
        ),
        0.9,
        checksums.mbi,
        needs=needs(5),
    ),
    PatternRule(
        "card",
        "CREDIT_CARD",
        # Its first group has four digits, or it is not in groups: `63 917 555 0123` is a telephone.
        re.compile(
            r"(?<![\w.-])(?=\d(?:\d{3}(?:\d|\b)| ?[ -] ?\d\b))\d(?:(?:[ -]{0,2}| - )\d){11,18}(?![\w]|[-.]\d)"
        ),
        0.95,
        checksums.card,
        needs=needs(12),
        unless=_DIALLED,
    ),
    cued(
        "card-cued",
        "CREDIT_CARD",
        r"(?:credit|debit|visa|master ?card|amex|payment|bank)(?: card)?|card",
        code=r"(?P<x>\d(?:[ -]?\d){11,18})(?!\d)",
        needs=needs(12, "card|visa|amex|credit|debit|payment|bank"),
    ),
    PatternRule(
        "iban",
        "IBAN_CODE",
        re.compile(r"(?<![\w])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}(?![\w])", ANY_CASE),
        0.95,
        checksums.iban,
        needs=needs(10),
    ),
    PatternRule(
        "iban-cued",
        "IBAN_CODE",
        re.compile(
            rf"\biban{LINK}(?P<x>[A-Z]{{2}}\d{{2}}(?:[ -]?(?=[A-Z]{{0,4}}\d|[A-Z]{{4}} ?\d)[A-Z0-9]{{1,4}}){{3,8}})(?![\w])",
            ANY_CASE,
        ),
        0.9,
        needs=needs(3, "iban"),
    ),
    PatternRule(
        "crypto",
        "CRYPTO",
        re.compile(
            r"(?<!\w)(?:0x[0-9a-fA-F]{40}|(?:bc1|ltc1)[ac-hj-np-z02-9]{25,60}|[13][1-9A-HJ-NP-Za-km-z]{25,34})(?!\w)"
        ),
        0.8,
        has_digit,
        needs=needs(1),
    ),
    PatternRule(
        "card-last-four",
        "CREDIT_CARD",
        re.compile(
            r"\b(?:card|account|acct|visa|mastercard|amex)\b[^.\n\d]{0,20}?\bending (?:in |with )?(?P<x>\d{4})\b",
            ANY_CASE,
        ),
        0.8,
        needs=needs(4, "ending"),
    ),
    PatternRule(
        "routing",
        "ROUTING_NUMBER",
        re.compile(rf"(?:routing|aba|rtn)(?: transit)?{LINK}(?P<x>\d{{9}})(?!\d)", ANY_CASE),
        0.9,
        needs=needs(parts="routing|aba|rtn", run=9),
    ),
    cued(
        "account",
        "ACCOUNT",
        r"(?:bank |savings |checking |loan |customer |brokerage )?(?:account|acct|a/c)s?|loan(?: id| no| number|#| ?#)|iban|swift",
        code=r"(?P<x>(?=[A-Z0-9 -]{0,10}\d)[A-Z0-9]+(?:[ -](?=[A-Z]{0,3}\d)[A-Z0-9]+){0,6}(?<=\w{4}))\b",
        needs=needs(1, "acc|a/c|loan|iban|swift"),
    ),
    cued("passport", "PASSPORT", r"passport", needs=needs(1, "passport")),
    cued(
        "driver-license",
        "DRIVER_LICENSE",
        r"(?:driver'?s?'?|driving)[ -](?:licen[cs]e|lic|permit)\.?|d\.?l\.? ?(?:no|number|#)|\bDL(?![A-Z])",
        code=CODE_SPACED,
        needs=needs(1, "driv|dl|d.l"),
    ),
    cued(
        "license",
        "LICENSE",
        r"(?:licen[cs]e|lic|certificate|cert|credential|permit|badge|bar|board)\.?(?: id| no| number|#| ?#)|\blic\b\.?|nmls(?: id)?",
        needs=needs(1, "lic|nmls|cert|cred|permit|badge|bar|board"),
    ),
    PatternRule(
        "npi",
        "NPI",
        re.compile(rf"\bnpi{LINK}(?P<x>\d{{10}})(?!\d)", ANY_CASE),
        0.95,
        needs=needs(parts="npi", run=10),
    ),
    PatternRule(
        "dea",
        "DEA",
        re.compile(r"(?<![\w-])[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}(?![\w-])", ANY_CASE),
        0.9,
        checksums.dea,
        needs=needs(run=7),
    ),
    cued(
        "dea-cued",
        "DEA",
        r"dea",
        code=r"(?P<x>[A-Z][A-Z9]\d{7})\b",
        needs=needs(parts="dea", run=7),
    ),
    PatternRule(
        "vin",
        "VEHICLE",
        re.compile(r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])", ANY_CASE),
        0.95,
        checksums.vin,
        needs=needs(1),
    ),
    cued(
        "vin-cued",
        "VEHICLE",
        r"vin|vehicle identification",
        code=r"(?P<x>(?=[A-Z]*\d)[A-Z0-9](?:[ -]?[A-Z0-9]){10,16})\b",
        needs=needs(1, "vin|vehicle"),
    ),
    cued(
        "plate",
        "LICENSE_PLATE",
        r"(?:licen[cs]e |number |vehicle |car |registration )?plates?|(?:vehicle|car) (?:tag|registration|reg)|"
        r"plate|registration (?:no|number)|\btags?(?= ?[#:]?[ ]?[A-Z]{0,3}-?\d)|\breg(?= ?[#:]?[ ][A-Z]{2}\d)",
        code=r"(?P<x>(?=[A-Z0-9 -]{0,8}\d)[A-Z0-9]{1,8}(?:[ -](?-i:[A-Z0-9]{1,5})\b){0,2})\b",
        needs=needs(1, "plate|tag|reg"),
    ),
    cued(
        "device",
        "DEVICE",
        r"(?:device|implant|pacemaker|pump|meter|monitor|equipment)?[ ]?(?:serial|s/n|\bsn\b)|"
        r"(?:device|implant|pacemaker|imei|meid|udi|lot|handset|asset)(?: id| no| number|#| ?#| identifier| model)?",
        score=0.8,
        needs=needs(1, "serial|s/n|sn|device|implant|pacemaker|imei|meid|udi|lot|handset|asset"),
    ),
    PatternRule(
        "udi",
        "DEVICE",
        re.compile(r"\(01\)\d{14}(?:\((?:1[017]|21)\)[A-Z0-9]{1,20})*", ANY_CASE),
        0.95,
        needs=needs(14, "(01)"),
    ),
    PatternRule(
        "imei",
        "DEVICE",
        re.compile(rf"\bimei{LINK}(?P<x>\d(?:[ -]?\d){{14}})(?!\d)", ANY_CASE),
        0.97,  # it passes Luhn, as a card does
        needs=needs(15, "imei"),
    ),
    PatternRule(
        "mac",
        "MAC_ADDRESS",
        re.compile(
            r"(?<![\w:-])[0-9A-F]{2}([:-])(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}(?![\w:-])", ANY_CASE
        ),
        0.95,
        needs=needs(1, ":|-"),
    ),
    PatternRule(
        "national-id",
        "ID",
        re.compile(
            # The United Kingdom's NINO, India's PAN, Canada's SIN, India's Aadhaar.
            r"(?<![\w-])(?:(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]"
            r"|[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]|(?:sin|aadhaar)(?: no\.?| number|:|#)? ?\d{3,4}[ -]?\d{3,4}[ -]?\d{3,4})(?![\w-])"
        ),
        0.8,
        needs=needs(4),
    ),
)
