"""Where and when: addresses of the post and of networks, telephones, positions, dates, ages."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rule import ANY_CASE, CODE_GROUPED, LINK, Rule, cued, has_digit, phone

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:1[89]\d\d|20\d\d)"
_WEEKDAY: Final = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? )?"
_UNITS_WORDS: Final = "one|two|three|four|five|six|seven|eight|nine"
_YEAR_IN_WORDS: Final = (
    r"(?:nineteen|twenty|two thousand)(?:[ -](?:and|hundred|oh|ten|eleven|twelve|\w{3,5}teen|twenty|thirty|forty|fifty|"
    rf"sixty|seventy|eighty|ninety|{_UNITS_WORDS})){{1,3}}"
)
_TIME: Final = r"(?:[T ,]{1,2}(?:at )?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]\.?m\b\.?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_TENS: Final = rf"ninety(?:[- ](?:{_UNITS_WORDS}))?"

_ORDINAL: Final = (
    r"(?:(?:twenty|thirty)[- ])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|"
    r"twelfth|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)

# No part of a street's name: what stands between a number and an abbreviation such as "dr." or "st".
_NO_STREET: Final = (
    r"(?:by|per|with|to|for|and|or|was|were|is|are|in|on|at|from|as|mm|cm|mg|mcg|ml|g|kg|lb|lbs|oz|units?|hours?|hrs?|"
    r"days?|weeks?|months?|years?|yrs?|yo|times?|referred|seen|discussed|spoke|called|pm|am|percent|%)"
)

PLACE_RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "email",
        "EMAIL_ADDRESS",
        re.compile(
            r"(?<![\w.+-])[\w!#$%'*+^`~-][\w.!#$%'*+^`~-]{0,63}@(?:[\w-]{1,63}\.)+\w{2,24}\b"
        ),
        0.95,
    ),
    Rule(
        "email-spelled",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[\w+-]{1,40}(?:(?:\.| ?[\[({<]? ?\bdot\b ?[\])}>]? ?)[\w+-]{1,40}){0,3} ?[\[({<]? ?\bat\b ?[\])}>]? ?"
            r"[\w-]{2,40}(?: ?[\[({<]? ?\bdot\b ?[\])}>]? ?[a-z]{2,12}){1,3}\b",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "email-underscored",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[a-z0-9][a-z0-9.-]{0,40}_at_[a-z0-9-]{2,40}(?:_dot_[a-z]{2,12}){1,3}\b", ANY_CASE
        ),
        0.85,
    ),
    Rule(
        "email-apart",
        "EMAIL_ADDRESS",
        re.compile(r"(?<!\w)\w(?: [\w.+-]){1,40} ?@ ?(?:\w ){1,40}\. ?\w(?: [\w.]){1,12}(?!\w)"),
        0.85,
    ),
    Rule(
        "email-spaced",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[\w.+-]{1,64}(?: ?[\[({<] ?at ?[\])}>] ?| ?@ ?)[\w-]{1,40}(?:(?: \. ?|\.| ?[\[({<] ?(?:dot|\.) ?[\])}>] ?)[a-z]{2,12}){1,3}\b",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "url",
        "URL",
        re.compile(
            r"\b(?:(?:h(?:tt|xx)ps?|ftp|sftp|file)(?:://|\[:\]//)(?:[^\s<>\"')\]\[]|\[\.\])+(?<![.,;:!?])"
            r"|www\.(?:[\w-]{1,63}\.){1,4}[a-z]{2,12}\b(?:/[^\s<>\"')\]]*(?<![.,;:!?]))?)",
            ANY_CASE,
        ),
        0.95,
    ),
    Rule(
        "domain",
        "URL",
        re.compile(
            r"(?<![\w@.-])(?:www\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}"
            r"(?:com|org|net|edu|gov|mil|int|info|biz|name|health|app|dev|io|ai|me|us|uk|ca|de|fr|it|es|nl|eu|ch|au|in|br|"
            r"se|no|dk|fi|pl|pt|cz|sk|hu|at|be|ie|gr|cy|ru|jp|cn|mx|za|nz|co)(?:\.[a-z]{2})?\b(?:/[^\s<>\"')\]]*[^\s<>\"')\].,;:!?])?",
            ANY_CASE,
        ),
        0.7,
    ),
    Rule(
        "ipv4",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|\[\.\]| \. )){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?(?![\w]|\.\d)"
        ),
        0.9,
    ),
    Rule(
        "ipv6",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?=[0-9a-f:]*::)(?:[0-9a-f]{1,4})?(?::{1,2}[0-9a-f]{1,4}){1,7}(?:::)?)(?![\w:])",
            ANY_CASE,
        ),
        0.9,
    ),
    Rule(
        "coordinates",
        "COORDINATES",
        re.compile(
            r"(?<![\w.])-?\d{1,2}\.\d{3,}(?: ?\u00b0 ?[NS]?)?[,;/ ]{1,3}-?\d{1,3}\.\d{3,}(?: ?\u00b0 ?[EW]?)?(?![\w])"
        ),
        0.85,
    ),
    Rule(
        "phone-us",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w/.-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}(?:[ .-]| [.\u00b7-] ))[2-9]\d{2}(?:[ .-]| [.\u00b7-] )\d{4}"
            r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\w]|-\d)",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "phone-international",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}[ .()/-]{0,3}(?:\(0\)[ .-]?)?\d(?:[ .()/-]{0,2}\d){5,12}(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w])",
            ANY_CASE,
        ),
        0.85,
        lambda bare: phone(bare.split("X")[0]),
    ),
    Rule(
        "phone-cued",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![a-z])(?:phones?|tel(?:ephone)?|cell(?:phone)?|mobile|fax|facsimile|call(?:ed|ing)?|text(?:ed)?|pager|whatsapp|"
            r"reach(?:ed)?|dial|ring|contact|callback|voicemail|sms)\b[^\d\n+(]{0,24}"
            r"(?P<x>[+(]?\d(?:[ .()/-]{0,2}\d){6,14})(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w]|[-/.]\d)",
            ANY_CASE,
        ),
        0.8,
        phone,
    ),
    Rule(
        "phone-trunk",
        "PHONE_NUMBER",
        # With the trunk prefix of most of the world: `07911 123456`.
        re.compile(r"(?<![\w.,-])\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])"),
        0.6,
    ),
    Rule(
        "extension",
        "PHONE_NUMBER",
        re.compile(
            r"(?<!\w)(?:(?:pager|beeper|bpr|pgr|extension|ext)\b\.?[ :#]{0,3}(?P<x>\d{3,6})|x\d{4,5})(?![\w-])",
            ANY_CASE,
        ),
        0.7,
    ),
    Rule(
        "digits-spelled",
        "PHONE_NUMBER",
        re.compile(
            rf"(?<!\w)(?:(?:zero|oh|{_UNITS_WORDS}|double|triple)[ ,.()-]{{1,2}}){{3}}"
            rf"(?:(?:zero|oh|{_UNITS_WORDS}|double|triple|\d{{1,4}})\b[ ,.()-]{{0,2}}){{2,12}}(?<=\w)",
            ANY_CASE,
        ),
        0.6,
    ),
    Rule(
        "digits-apart",
        "PHONE_NUMBER",
        re.compile(r"(?<![\w.,])[+(]?\d(?:[ .()/-]{1,3}\d){6,15}(?![\w]|[.,]\d)"),
        0.6,
        lambda bare: len(set(bare)) >= 4,
    ),
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
    Rule(
        "street",
        "ADDRESS",
        re.compile(
            rf"(?<![\w.$/-])\d{{1,6}}(?:-\d{{1,5}})?[A-Za-z]?,? (?:[NSEW]{{1,2}}\.? |(?:north|south|east|west) )?(?:(?:st\. )?(?!{_NO_STREET}\b)[^\W_][\w'-]{{0,24}} ){{1,4}}?"
            r"(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|ter|way|circle|cir|"
            r"parkway|pkwy|highway|hwy|square|sq|trail|trl|alley|aly|loop|plaza|row|run|crescent|close|path|pike|turnpike|bypass)\b\.?"
            r"(?: [NSEW]{1,2}\b\.?)?(?:,? (?:apt|apartment|suite|ste|unit|floor|fl|room|rm|#)\.? ?#?\w{1,6})?",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "street-unnumbered",
        "ADDRESS",
        re.compile(
            r"(?<![\w-])(?:[A-Z\u00c0-\u00de][\w'-]{1,24} ){1,3}(?:Street|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Highway|Hwy|Parkway|Pkwy)\b"
        ),
        0.6,
    ),
    Rule(
        "street-european",
        "ADDRESS",
        re.compile(
            r"(?<!\w)(?:\d{1,5},? )?(?:[^\W\d_][\w'.-]{1,40} ){0,2}[^\W\d_]{3,40}(?:stra(?:ss|\u00df)e|str\.|gat[ae]n?|v[\u00e4a]gen|ve[ij]en|"
            r"vej|gade|weg|laan|straat|gasse|platz|katu|tie|kuja|all[e\u00e9]e?|stig(?:en)?|plein|damm|kade|singel|brautd?|braut) \d{1,5}[a-z]?\b"
            r"|(?<!\w)(?:\d{1,5},? ){0,3}(?:ul\.|via(?= (?-i:[A-Z]))|viale|rue|avenue|calle|c/|rua|plaza|piazza|chemin|boulevard|avda\.?|av\.|allee|r\.) "
            r"(?:(?:de la|de|del|della|delle|des|du|da|do|dos|las?|les?|el|los) ){0,2}[^\W\d_][\w'.-]{1,40}(?: [^\W\d_a-z][\w'.-]{1,40}){0,3}(?:,? \d{1,5}[a-z]?)?\b",
            ANY_CASE,
        ),
        0.7,
    ),
    Rule(
        "corner",
        "ADDRESS",
        re.compile(
            r"(?<!\w)(?i:(?:the )?(?:corner|intersection|junction) of) (?:[\w'.\u2019/-]+ ){1,6}?(?:and|&|at) (?:[A-Z0-9\u00c0-\u00de][\w'.-]*)(?: [A-Z\u00c0-\u00de][\w'.-]*){0,3}"
        ),
        0.7,
    ),
    Rule(
        "unit",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:apt|apartment|suite|ste|unit|bldg|building|room|rm|lot)\b\.? ?#? ?(?=\w{0,5}\d)\w{1,6}\b",
            ANY_CASE,
        ),
        0.6,
    ),
    Rule(
        "po-box",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:p\.? ?o\.? ?box|post office box|psc \d+,? box|unit \d+,? box|box) ?#?\d{1,6}\b",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "military",
        "ADDRESS",
        re.compile(r"(?<![\w])(?:PSC \d+|(?:APO|FPO|DPO),? (?:AA|AE|AP)(?: \d{5}(?:-\d{4})?)?)\b"),
        0.9,
    ),
    Rule(
        "state-zip",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]),? \d{5}(?:-\d{4})?(?![\w-])"
        ),
        0.9,
    ),
    Rule(
        "zip-cued",
        "ZIP_CODE",
        re.compile(
            rf"(?<![\w])(?:zip|postal|post)(?: ?code)?{LINK}(?P<x>\d{{5}}(?:-\d{{4}})?|\d(?: \d){{4}}|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}})\b",
            ANY_CASE,
        ),
        0.9,
    ),
    Rule(
        "postcode",
        "ZIP_CODE",
        re.compile(
            # Canada's, and the United Kingdom's with its blank.
            r"(?<![\w-])(?:[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d"
            r"|(?:[A-PR-UWYZ]\d{1,2}|[A-PR-UWYZ][A-HK-Y]\d{1,2}|[A-PR-UWYZ]\d[A-HJKPSTUW]|[A-PR-UWYZ][A-HK-Y]\d[ABEHMNPRVWXY])"
            r" \d[ABD-HJLNP-UW-Z]{2}|(?<=[a-z] - )[1-9]\d{5}|(?<=[a-z]-)[1-9]\d{5})(?![\w-])"
        ),
        0.7,
    ),
    Rule("zip-plus-four", "ZIP_CODE", re.compile(r"(?<![\w.-])\d{5}-\d{4}(?![\w-])"), 0.7),
    cued(
        "biometric",
        "BIOMETRIC",
        r"(?:finger|thumb|voice|palm|retinal?|iris|face|facial|dna|gait|hand|vein)[ -]?(?:print|scan|id|template|sample|profile|geometry)s?"
        r"(?: hash| id| file| template| no| number)?",
    ),
    Rule(
        "biometric-file",
        "BIOMETRIC",
        re.compile(
            r"(?<![\w/])[\w./\\-]{0,80}(?:finger|thumb|voice|palm|retina|iris)[\w-]{0,40}\.(?:wav|mp3|flac|m4a|ogg|wsq|bmp|png|jpe?g|tiff?|dat|bin)\b",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "photo",
        "PHOTO",
        re.compile(
            r"(?<![\w/])[\w./\\-]{0,80}(?:(?:photo|portrait|headshot|selfie|face|mugshot|dsc|img)[\w-]{0,40}\.(?:png|bmp|gif|webp)|[\w-]{1,80}\.(?:jpe?g|heic|tiff?|dcm))\b",
            ANY_CASE,
        ),
        0.85,
    ),
    Rule(
        "uuid",
        "ID",
        re.compile(
            r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])",
            ANY_CASE,
        ),
        0.9,
    ),
    Rule(
        "user",
        "ID",
        re.compile(
            r"\b(?:user(?:[ _-]?(?:name|id))?|login|uid|logname)[\"']?[ \t]{0,2}[:=][ \t]{0,2}[\"']?(?P<x>(?!(?:true|false|none|null|ok|yes|no|failed|"
            r"unknown|anonymous|root|admin|guest)\b)[\w.@\\-]{3,40})",
            ANY_CASE,
        ),
        0.7,
    ),
    cued(
        "code-bare",
        "ID",
        r"order|ticket|case|claim|invoice|report|reference|ref|accession|confirmation|tracking|file|contract|booking|reservation|specimen|pathology",
        score=0.6,
        code=r"(?P<x>(?=(?:[A-Z./-]{0,4}\d){5})[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9])){4,24})\b",
    ),
    cued(
        "code",
        "ID",
        r"(?:customer|client|case|ticket|order|application|applicant|employee|emp|student|reference|ref|file|record|tracking|confirmation|user|study|subject|participant|"
        r"loyalty|membership|locator|badge|band|job|provider|cause|docket|lease|warrant|complaint|report|policy|claim|voucher|donor|unos|agency)"
        r"(?: id| no| number|#| ?#| identifier| code)|\bni (?:no|number)|national insurance(?: no| number)?|record locator|\bpnr\b|\ba-(?:number|no)|alien (?:registration )?(?:number|no)",
        score=0.7,
        code=CODE_GROUPED,
    ),
    Rule(
        "code-dated",
        "ID",
        # A laboratory's or an office's number with its year: `SP-24-00931`.
        re.compile(r"(?<![\w-])[A-Z]{1,3}-?(?:20)?[12]\d-\d{3,7}(?:-\d{1,4})?(?![\w-])"),
        0.5,
    ),
    Rule(
        "json-id",
        "ID",
        re.compile(
            r"[\"'](?:id|_id|uuid|identifier|mrn|ssn|account|member_?id|patient_?id|customer_?id)[\"'][ ]?:[ ]?[\"'](?P<x>[\w.:-]{4,64})[\"']",
            ANY_CASE,
        ),
        0.7,
        has_digit,
    ),
    Rule(
        "numbered",
        "ID",
        re.compile(
            # Any word and "no.", "number" or "#" before four digits or more, but for what is numbered and no one's.
            r"\b(?!(?:model|part|item|section|version|page|chapter|question|figure|table|line|row|step|flight|room|phase|grant|"
            r"sku|product|catalog(?:ue)?|error|build|patent|atomic|style|lot|batch|phone|the|a|total|large|small|maximum|"
            r"minimum|average|any|this|that|whole|random|port|bug|issue|pr)\b)(?:[a-z]{2,20}[ .]{0,2}(?:no\.?|number|num\.?|nr\.?|#)|(?-i:ID))[ :#]{1,3}"
            r"(?P<x>(?=(?:[A-Z/-]{0,6}\d){4})[A-Z0-9](?:[A-Z0-9]|[/-](?=[A-Z0-9])){3,24})(?![\w.]\d|\w)",
            ANY_CASE,
        ),
        0.5,
    ),
)
