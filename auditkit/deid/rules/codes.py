"""Rules for other unique codes: biometrics, photographs, and numbers given out by offices."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rules.rule import ANY_CASE, CODE_GROUPED, PatternRule, cued, needs

CODE_RULES: Final[tuple[PatternRule, ...]] = (
    cued(
        "biometric",
        "BIOMETRIC",
        r"(?:finger|thumb|voice|palm|retinal?|iris|face|facial|dna|gait|hand|vein)[ -]?(?:print|scan|id|template|sample|profile|geometry)s?"
        r"(?: hash| id| file| template| no| number)?",
        needs=needs(1, "finger|thumb|voice|palm|retina|iris|fac|dna|gait|hand|vein"),
    ),
    PatternRule(
        "biometric-file",
        "BIOMETRIC",
        re.compile(
            r"(?<![\w/])[\w./\\-]{0,80}(?:finger|thumb|voice|palm|retina|iris)[\w-]{0,40}\.(?:wav|mp3|flac|m4a|ogg|wsq|bmp|png|jpe?g|tiff?|dat|bin)\b",
            ANY_CASE,
        ),
        0.85,
        needs=needs(0, "finger|thumb|voice|palm|retina|iris"),
    ),
    PatternRule(
        "photo",
        "PHOTO",
        re.compile(
            r"(?<![\w/])[\w./\\-]{0,80}(?:(?:photo|portrait|headshot|selfie|face|mugshot|dsc|img)[\w-]{0,40}\.(?:png|bmp|gif|webp)|[\w-]{1,80}\.(?:jpe?g|heic|tiff?|dcm))\b",
            ANY_CASE,
        ),
        0.85,
        needs=needs(0, ".jp|.png|.heic|.tif|.dcm|.bmp|.gif|.webp"),
    ),
    PatternRule(
        "uuid",
        "ID",
        re.compile(
            r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])",
            ANY_CASE,
        ),
        0.9,
        needs=needs(1, "-"),
    ),
    PatternRule(
        "user",
        "ID",
        re.compile(
            r"\b(?:user(?:[ _-]?(?:name|id))?|login|uid|logname)[\"']?[ \t]{0,2}[:=][ \t]{0,2}[\"']?(?P<x>(?!(?:true|false|none|null|ok|yes|no|failed|"
            r"unknown|anonymous|root|admin|guest)\b)[\w.@\\-]{3,40})",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, "user|login|uid|logname"),
    ),
    cued(
        "code-bare",
        "ID",
        r"order|ticket|case|claim|invoice|report|reference|ref|accession|confirmation|tracking|file|contract|booking|reservation|specimen|pathology",
        score=0.6,
        code=r"(?P<x>(?=(?:[A-Z./-]{0,4}\d){5})[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9])){4,24})\b",
        needs=needs(5),
    ),
    cued(
        "code",
        "ID",
        r"(?:customer|client|case|ticket|order|application|applicant|employee|emp|student|reference|ref|file|record|tracking|confirmation|user|study|subject|participant|"
        r"loyalty|membership|locator|badge|band|job|provider|cause|docket|lease|warrant|complaint|report|policy|claim|voucher|donor|unos|agency)"
        r"(?: id| no| number|#| ?#| identifier| code)|\bni (?:no|number)|national insurance(?: no| number)?|record locator|\bpnr\b|\ba-(?:number|no)|alien (?:registration )?(?:number|no)",
        score=0.7,
        code=CODE_GROUPED,
        needs=needs(1, " id|no|num|#|code|ident|national insurance|locator|pnr"),
    ),
    PatternRule(
        "code-dated",
        "ID",
        # A laboratory's or an office's number with its year: `SP-24-00931`.
        re.compile(
            r"(?<![\w-])(?!CVE|CWE|ISO|IEC|RFC|DIN|FY)[A-Z]{1,3}-?(?:20)?[12]\d-\d{3,7}(?:-\d{1,4})?(?![\w-])"
        ),
        0.5,
        needs=needs(5, "-"),
    ),
    PatternRule(
        "numbered",
        "ID",
        re.compile(
            # Any word and "no.", "number" or "#" before four digits or more, except things that are not a person's.
            r"\b(?=[a-z]{2,20}[ .]{0,2}(?:n|#)|(?-i:ID))(?!(?:model|part|item|section|version|page|chapter|question|figure|table|line|row|step|flight|room|phase|grant|"
            r"sku|product|catalog(?:ue)?|error|build|patent|atomic|style|lot|batch|phone|the|a|total|large|small|maximum|"
            r"minimum|average|any|this|that|whole|random|port|bug|issue|pr)\b)(?:[a-z]{2,20}[ .]{0,2}(?:no\.?|number|num\.?|nr\.?|#)|(?-i:ID))[ :#]{1,3}"
            r"(?P<x>(?=(?:[A-Z/-]{0,6}\d){4})[A-Z0-9](?:[A-Z0-9]|[/-](?=[A-Z0-9])){3,24})(?![\w.]\d|\w)",
            ANY_CASE,
        ),
        0.5,
        needs=needs(4, "no|num|#|nr|id"),
    ),
)
