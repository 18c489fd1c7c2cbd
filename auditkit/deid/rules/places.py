"""Rules for places: postal and network addresses, telephone numbers, coordinates."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rules.rule import (
    ANY_CASE,
    CAPITALS,
    DIGIT_WORDS,
    LINK,
    PatternRule,
    needs,
    phone,
)

# Words that are not part of a street's name, between a number and an abbreviation such as "dr.".
_NO_STREET: Final = (
    r"(?:by|per|with|to|for|and|or|was|were|is|are|in|on|at|from|as|mm|cm|mg|mcg|ml|g|kg|lb|lbs|oz|units?|hours?|hrs?|"
    r"days?|weeks?|months?|years?|yrs?|yo|times?|referred|seen|discussed|spoke|called|pm|am|percent|%)"
)

# European words for streets, and endings of street names; a blank follows.
_EUROPEAN_TEXT: Final = """
strasse stra\u00dfe str. gata gatan gate gaten v\u00e4gen vagen veien vejen vej gade weg laan straat
gasse platz katu tie kuja alle allee all\u00e9 all\u00e9e stig stigen plein damm kade singel braut brautd
ul. via viale rue avenue calle c/ rua plaza piazza chemin boulevard avda avda. av. r.
"""
_EUROPEAN_PARTS: Final = "|".join(f"{word} " for word in _EUROPEAN_TEXT.split())

# Names of streets as they stand in words: `Elm`, `St. James`, `5th`, `Third Avenue`.
_TYPE: Final = "(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|highway|hwy|parkway|pkwy|terrace|court|row|hill|gate|square)s?"
_TYPE_CASED: Final = rf"(?i:{_TYPE})"
_NTH: Final = r"\d{0,2}(?:1st|2nd|3rd|\dth)"
_ORDINAL_STREET: Final = rf"(?:{_NTH}|(?:First|Second|Third|Fourth|Fifth|Sixth|Seventh|Eighth|Ninth|Tenth|Eleventh|Twelfth)\b)"
_CAPITAL: Final = rf"[{CAPITALS}][a-z\u00df-\u00ff][\w'\u2019-]{{1,24}}"
_STREET_NAME: Final = (
    rf"(?:(?:St|N|S|E|W|North|South|East|West|Old|New)\.? )?{_CAPITAL}(?: {_CAPITAL}){{0,2}}"
)
_STREET: Final = rf"(?:{_STREET_NAME}|{_ORDINAL_STREET}(?: {_TYPE_CASED}\b)?)"
_STREET_TYPED: Final = rf"(?:{_CAPITAL} ){{1,3}}{_TYPE_CASED}\b"
# Things with ordinals that are not streets, and corners that are not intersections.
_COUNTED: Final = (
    r"(?:rib|inter|meta|percent|cent|grade|week|month|day|decade|toe|finger|digit|cranial|vertebra|nerve|place|dose|cycle|"
    r"lumbar|thoracic|cervical|sacral|year|quarter|time|attempt|edition|chapter|floor|trimester|ventric|degree|molar|round|generation)\w*"
)
_NO_CORNER: Final = re.compile(
    r"(?:\b(?:eye|mouth|eyelid|lip|catheter|tip|vein|artery|bowel|ureter|gastro\w+|costo\w+|uretero\w+|sets?|anatomical|cavoatrial)\b[^.\n]{0,12})\Z",
    re.IGNORECASE,
)

PLACE_RULES: Final[tuple[PatternRule, ...]] = (
    PatternRule(
        "email",
        "EMAIL_ADDRESS",
        re.compile(
            r"(?<![\w.+-])[\w!#$%'*+^`~-][\w.!#$%'*+^`~-]{0,63}@(?:[\w-]{1,63}\.)+\w{2,24}\b"
        ),
        0.95,
        needs=needs(0, "@"),
    ),
    PatternRule(
        "email-spelled",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[\w+-]{1,40}(?:(?:\.| ?[\[({<]? ?\bdot\b ?[\])}>]? ?)[\w+-]{1,40}){0,3} ?[\[({<]? ?\bat\b ?[\])}>]? ?"
            r"[\w-]{2,40}(?: ?[\[({<]? ?\bdot\b ?[\])}>]? ?[a-z]{2,12}){1,3}\b",
            ANY_CASE,
        ),
        0.85,
        needs=needs(0, "dot"),
    ),
    PatternRule(
        "email-underscored",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[a-z0-9][a-z0-9.-]{0,40}_at_[a-z0-9-]{2,40}(?:_dot_[a-z]{2,12}){1,3}\b", ANY_CASE
        ),
        0.85,
        needs=needs(0, "_at_"),
    ),
    PatternRule(
        "email-apart",
        "EMAIL_ADDRESS",
        re.compile(r"(?<!\w)\w(?: [\w.+-]){1,40} ?@ ?(?:\w ){1,40}\. ?\w(?: [\w.]){1,12}(?!\w)"),
        0.85,
        needs=needs(0, "@"),
    ),
    PatternRule(
        "email-spaced",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[\w.+-]{1,64}(?: ?[\[({<] ?at ?[\])}>] ?| ?@ ?)[\w-]{1,40}(?:(?: \. ?|\.| ?[\[({<] ?(?:dot|\.) ?[\])}>] ?)[a-z]{2,12}){1,3}\b",
            ANY_CASE,
        ),
        0.85,
        needs=needs(0, "@|at]|at)|at}|at>|at "),
    ),
    PatternRule(
        "url",
        "URL",
        re.compile(
            r"\b(?:(?:h(?:tt|xx)ps?|ftp|sftp|file)(?:://|\[:\]//)(?:[^\s<>\"')\]\[]|\[\.\])+(?<![.,;:!?])"
            r"|www\.(?:[\w-]{1,63}\.){1,4}[a-z]{2,12}\b(?:/[^\s<>\"')\]]*(?<![.,;:!?]))?)",
            ANY_CASE,
        ),
        0.95,
        needs=needs(0, "://|www.|]//"),
    ),
    PatternRule(
        "domain",
        "URL",
        re.compile(
            r"(?<![\w@.-])(?:www\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}"
            r"(?:com|org|net|edu|gov|mil|int|info|biz|name|health|app|dev|io|ai|me|us|uk|ca|de|fr|it|es|nl|eu|ch|au|in|br|"
            r"se|no|dk|fi|pl|pt|cz|sk|hu|at|be|ie|gr|cy|ru|jp|cn|mx|za|nz|co)(?:\.[a-z]{2})?\b(?:/[^\s<>\"')\]]*[^\s<>\"')\].,;:!?])?",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, "."),
    ),
    PatternRule(
        "ipv4",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|\[\.\]| \. )){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?(?![\w]|\.\d)"
        ),
        0.9,
        needs=needs(4, "."),
    ),
    PatternRule(
        "ipv6",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?=[a-f:]*\d)(?=[0-9a-f:]*::)(?:[0-9a-f]{1,4})?(?::{1,2}[0-9a-f]{1,4}){1,7}(?:::)?)(?![\w:])",
            ANY_CASE,
        ),
        0.9,
        needs=needs(1, ":"),
    ),
    PatternRule(
        "coordinates",
        "COORDINATES",
        re.compile(
            r"(?<![\w.])-?\d{1,2}\.\d{3,}(?: ?\u00b0 ?[NS]?)?[,;/ ]{1,3}-?\d{1,3}\.\d{3,}(?: ?\u00b0 ?[EW]?)?(?![\w])"
        ),
        0.85,
        needs=needs(7, "."),
    ),
    PatternRule(
        "phone-us",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w/.-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}(?:[ .-]| [.\u00b7-] ))[2-9]\d{2}(?:[ .-]| [.\u00b7-] )\d{4}"
            r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\w]|-\d)",
            ANY_CASE,
        ),
        0.85,
        needs=needs(10),
    ),
    PatternRule(
        "phone-international",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}[ .()/-]{0,3}(?:\(0\)[ .-]?)?\d(?:[ .()/-]{0,2}\d){5,12}(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w])",
            ANY_CASE,
        ),
        0.85,
        lambda bare: phone(bare.split("X")[0]),
        needs=needs(7, "+|00"),
    ),
    PatternRule(
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
        needs=needs(7),
    ),
    PatternRule(
        "phone-trunk",
        "PHONE_NUMBER",
        # With the trunk prefix of most of the world: `07911 123456`.
        re.compile(r"(?<![\w.,-])\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])"),
        0.6,
        needs=needs(9, "0"),
    ),
    PatternRule(
        "extension",
        "PHONE_NUMBER",
        re.compile(
            r"(?<!\w)(?:(?:pager|beeper|bpr|pgr|extension|ext)\b\.?[ :#]{0,3}(?P<x>\d{3,6})|x\d{4,5})(?![\w-])",
            ANY_CASE,
        ),
        0.7,
        needs=needs(3, "pag|beep|bpr|pgr|ext|x"),
    ),
    PatternRule(
        "digits-spelled",
        "PHONE_NUMBER",
        re.compile(
            rf"(?<!\w)(?=(?:(?:zero|oh|double|triple)[ ,.()-]{{1,2}}){{0,3}}(?:{DIGIT_WORDS}))"
            rf"(?:(?:zero|oh|{DIGIT_WORDS}|double|triple)[ ,.()-]{{1,2}}){{3}}"
            rf"(?:(?:zero|oh|{DIGIT_WORDS}|double|triple|\d{{1,4}})\b[ ,.()-]{{0,2}}){{2,12}}(?<=\w)",
            ANY_CASE,
        ),
        0.6,
        needs=needs(0, "one|two|three|four|five|six|seven|eight|nine"),
    ),
    PatternRule(
        "digits-apart",
        "PHONE_NUMBER",
        re.compile(r"(?<![\w.,])[+(]?\d(?:[ .()/-]{1,3}\d){6,15}(?![\w]|[.,]\d)"),
        0.6,
        lambda bare: len(set(bare)) >= 4,
        needs=needs(7),
    ),
    PatternRule(
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
        needs=needs(1),
    ),
    PatternRule(
        "street-unnumbered",
        "ADDRESS",
        re.compile(
            r"(?<![\w-])(?:[A-Z\u00c0-\u00de][\w'-]{1,24} ){1,3}(?:Street|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Highway|Hwy|Parkway|Pkwy)\b"
        ),
        0.6,
        needs=needs(0, "street|ave|road| rd|boulevard|blvd| lane| ln|highway|hwy|parkway|pkwy"),
    ),
    PatternRule(
        "street-european",
        "ADDRESS",
        re.compile(
            r"(?<!\w)(?:\d{1,5},? )?(?:[^\W\d_][\w'.-]{1,40} ){0,2}[^\W\d_]{3,40}(?:stra(?:ss|\u00df)e|str\.|gat[ae]n?|v[\u00e4a]gen|ve[ij]en|"
            r"vej|gade|weg|laan|straat|gasse|platz|katu|tie|kuja|all[e\u00e9]e?|stig(?:en)?|plein|damm|kade|singel|brautd?|braut) \d{1,5}[a-z]?\b"
            r"|(?<!\w)(?:\d{1,5},? ){0,3}(?:ul\.|viale|rue|avenue|calle|rua|plaza|piazza|chemin|boulevard|avda\.?|allee|(?:via|r\.|av\.|c/)(?= (?-i:[A-Z])[^\n\d]{2,60} \d)) "
            r"(?:(?:de la|de|del|della|delle|des|du|da|do|dos|las?|les?|el|los) ){0,2}[^\W\d_][\w'.-]{1,40}(?: [^\W\d_a-z][\w'.-]{1,40}){0,3}(?:,? \d{1,5}[a-z]?)?\b",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, _EUROPEAN_PARTS),
    ),
    PatternRule(
        "corner",
        "ADDRESS",
        # `the corner of Elm and Pine`, `the junction with Mill Lane`, `cross streets: Oak / 9th`.
        re.compile(
            rf"(?<!\w)(?i:(?:the )?(?:(?:corner|intersection|junction|crossing|crossroads)(?: (?:of|with|at|near|between))?|cross[- ]?streets?(?: are)?:?)) (?:the )?"
            rf"(?:(?=[{CAPITALS}\d]|\w{{1,5}}\. )(?:[\w'.\u2019/-]+ ){{1,6}}?(?:and|&|/|at|with|x) (?:the )?(?=\d|[{CAPITALS}][^ ]*[a-z])[{CAPITALS}\d][\w'.-]*(?: [{CAPITALS}][\w'.-]*){{0,3}}|{_STREET_TYPED})"
        ),
        0.7,
        needs=needs(0, "corner|intersection|junction|cross"),
        unless=_NO_CORNER,
    ),
    PatternRule(
        "corner-small",
        "ADDRESS",
        re.compile(
            rf"(?<!\w)(?:corner|intersection|junction) (?:of )?(?P<x>(?:[\w'.-]+ ){{1,3}}?{_TYPE}\b\.? ?(?:and|&|/|at) ?(?:[\w'.-]+ ?){{1,3}}?{_TYPE}\b)",
            ANY_CASE,
        ),
        0.7,
        needs=needs(0, "corner|intersection|junction"),
    ),
    PatternRule(
        "crossing",
        "ADDRESS",
        # `at Elm & Pine`, `5th and Main`, `on Walnut between Third and Fourth`.
        re.compile(
            rf"(?<![\w-])(?:(?i:at|near|on|by|off|around|from|to|outside|live[sd]?(?: at| on)?) (?P<x>{_CAPITAL}(?: {_CAPITAL}){{0,2}} ?& ?{_CAPITAL}(?: {_CAPITAL}){{0,2}})"
            rf"|{_NTH}(?: {_TYPE_CASED})? ?(?:and|&|/) ?(?!Final|Last|Only){_STREET_NAME}|{_STREET_NAME} ?(?:and|&|/) ?{_NTH}(?: {_TYPE_CASED}\b)?"
            rf"|(?i:on|off) {_STREET} between (?:the )?{_STREET} (?:and|&) {_STREET}"
            rf"|(?i:between) {_ORDINAL_STREET} (?:and|&) {_ORDINAL_STREET}(?: {_TYPE_CASED}\b|(?= on [A-Z]| in [A-Z]|[.,;)]|\n|\Z)))(?! (?:{_COUNTED}))"
        ),
        0.6,
        needs=needs(0, "&|between|1st|2nd|3rd|0th|1th|2th|3th|4th|5th|6th|7th|8th|9th"),
        unless=_NO_CORNER,
    ),
    PatternRule(
        "unit",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:apt|apartment|suite|ste|unit|bldg|building|room|rm|lot)\b\.? ?#? ?(?=\w{0,5}\d)\w{1,6}\b",
            ANY_CASE,
        ),
        0.6,
        needs=needs(1),
    ),
    PatternRule(
        "po-box",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:p\.? ?o\.? ?box|post office box|psc \d+,? box|unit \d+,? box|box) ?#?\d{1,6}\b",
            ANY_CASE,
        ),
        0.85,
        needs=needs(1, "box"),
    ),
    PatternRule(
        "military",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:PSC \d+|(?:APO|FPO|DPO),? (?:AA|AE|AP)(?: \d{5}(?:-\d{4})?)?)\b", ANY_CASE
        ),
        0.9,
        needs=needs(0, "psc|apo|fpo|dpo"),
    ),
    PatternRule(
        "state-zip",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AIT]|W[AIVY]),? \d{5}(?:-\d{4})?(?![\w-])"
        ),
        0.9,
        needs=needs(5),
    ),
    PatternRule(
        "zip-cued",
        "ZIP_CODE",
        re.compile(
            rf"(?<![\w])(?:zip|postal|post)(?: ?code)?{LINK}(?P<x>\d{{3,6}}(?:-\d{{3,4}})?|\d(?: \d){{4}}|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}})\b",
            ANY_CASE,
        ),
        0.9,
        needs=needs(1, "zip|post"),
    ),
    PatternRule(
        "postcode",
        "ZIP_CODE",
        re.compile(
            # Canada's; the United Kingdom's and Ireland's with their blank.
            r"(?<![\w-])(?:[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d"
            r"|(?:[A-PR-UWYZ]\d{1,2}|[A-PR-UWYZ][A-HK-Y]\d{1,2}|[A-PR-UWYZ]\d[A-HJKPSTUW]|[A-PR-UWYZ][A-HK-Y]\d[ABEHMNPRVWXY])"
            r" \d[ABD-HJLNP-UW-Z]{2}|[AC-FHKNPRTV-Y]\d[\dW] (?=\d{1,3}[A-Z]|[A-Z]+\d)[0-9AC-FHKNPRTV-Y]{4}|(?<=[a-z] - )[1-9]\d{5}|(?<=[a-z]-)[1-9]\d{5})(?![\w-])"
        ),
        0.7,
        needs=needs(2),
    ),
    PatternRule(
        "zip-plus-four",
        "ZIP_CODE",
        re.compile(r"(?<![\w.-])\d{5}-\d{4}(?![\w-])"),
        0.7,
        needs=needs(9, "-"),
    ),
)
