"""Where: addresses of the post and of networks, telephones, positions."""

from __future__ import annotations

import re
from typing import Final

from auditkit.deid.rule import ANY_CASE, DIGIT_WORDS, LINK, Rule, phone

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
            rf"(?<!\w)(?:(?:zero|oh|{DIGIT_WORDS}|double|triple)[ ,.()-]{{1,2}}){{3}}"
            rf"(?:(?:zero|oh|{DIGIT_WORDS}|double|triple|\d{{1,4}})\b[ ,.()-]{{0,2}}){{2,12}}(?<=\w)",
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
)
