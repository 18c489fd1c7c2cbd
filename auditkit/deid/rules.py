"""Identifiers that have a form: patterns, the words that announce them, and their check digits.

Patterns read folded text (see `folding`). A rule either has a form of its own (an e-mail address)
or needs a cue: `MRN 4471023` is a medical record number because it says so. The named group `x`,
where there is one, is the identifier; the rest of a match is its cue and stays in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from auditkit.deid import checksums
from auditkit.deid.spans import Span


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of one kind of identifier.

    Attributes:
        name: Names the rule in a span's source.
        kind: What it finds.
        pattern: Matches it; group `x` is the identifier, if there is such a group.
        score: Score of a match.
        valid: Says whether the bare characters can be one; None: any match is.
    """

    name: str
    kind: str
    pattern: re.Pattern[str]
    score: float
    valid: Callable[[str], bool] | None = None


def _has_digit(bare: str) -> bool:
    return any(c.isdigit() for c in bare)


def _phone(bare: str) -> bool:
    return 7 <= len(bare) <= 15


_I = re.IGNORECASE
# A cue, then "no.", "number", "#", "is" and the like, then the identifier.
_LINK: Final = r"(?:[ \t]{0,3}(?:(?:id|no|nr|num|number|code|is|was|of|ending(?: in)?)\b\.?|[:#=().-])){0,4}[ \t]{0,3}"
_CODE: Final = r"(?P<x>(?=[A-Z0-9./-]*\d)[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9])){2,24})\b"
_CODE_SPACED: Final = (
    r"(?P<x>(?=[A-Z0-9 ./-]{0,12}\d)[A-Z0-9]+(?:[ ./-](?=[A-Z]{0,4}\d)[A-Z0-9]+){0,6})\b"
)


def _cued(name: str, kind: str, cues: str, *, score: float = 0.9, code: str = _CODE) -> Rule:
    return Rule(
        name,
        kind,
        re.compile(rf"(?<![A-Z0-9])(?:{cues}){_LINK}{code}", _I),
        score,
        _has_digit,
    )


_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?"
_YEAR: Final = r"(?:1[89]\d\d|20\d\d)"
_TIME: Final = r"(?:[T ,]{1,2}(?:at )?\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]\.?m\b\.?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_TENS: Final = r"ninety(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?"

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "ssn",
        "US_SSN",
        re.compile(r"(?<![\w-])\d{3}([- .\u00b7]|- ?| -)\d{2}\1\d{4}(?![\w]|-\d)"),
        0.9,
        checksums.ssn,
    ),
    Rule(
        "ssn-cued",
        "US_SSN",
        re.compile(
            rf"(?<![A-Z])(?:ssns?|social(?: security)?|soc\.? sec\.?|ss ?#){_LINK}"
            r"(?P<x>(?:[\dX*][- ./]{0,2}){5}(?:\d[- ./]{0,2}){3}\d)(?!\d)",
            _I,
        ),
        0.95,
    ),
    Rule(
        "ssn-last-four",
        "US_SSN",
        re.compile(
            r"(?:ssn|social)[^.\n]{0,20}?(?:last (?:4|four)(?: digits)?|ending(?: in| with)?)"
            r"[ :]{0,2}(?:of |is |are |in )?(?P<x>\d{4})\b",
            _I,
        ),
        0.8,
    ),
    Rule(
        "itin",
        "TAX_ID",
        re.compile(r"(?<![\w-])9\d{2}([- ])\d{2}\1\d{4}(?![\w-])"),
        0.8,
        checksums.itin,
    ),
    _cued(
        "tax-id",
        "TAX_ID",
        r"e\.?i\.?n|t\.?i\.?n|itin|tax(?:payer)? id(?:entification)?",
        code=_CODE,
    ),
    _cued(
        "medical-record",
        "MEDICAL_RECORD",
        r"m\.?r\.?n|med(?:ical)?\.? rec(?:ord)?s?|(?:chart|patient|hospital|encounter|accession|"
        r"specimen|visit)(?: id| no| number|#| ?#| identifier)",
    ),
    _cued(
        "health-plan",
        "HEALTH_PLAN",
        r"(?:member|subscriber|beneficiary|enrollee|policy|group|insurance|plan|medicare|medicaid|"
        r"hicn?|mbi|claim)(?: id| no| number|#| ?#| identifier| card| policy)",
    ),
    Rule(
        "mbi",
        "HEALTH_PLAN",
        re.compile(r"(?<![\w-])[1-9][A-Z][A-Z0-9]\d-?[A-Z][A-Z0-9]\d-?[A-Z]{2}\d{2}(?![\w-])", _I),
        0.9,
        checksums.mbi,
    ),
    Rule(
        "card",
        "CREDIT_CARD",
        re.compile(r"(?<![\w.-])\d(?:[ -]{0,2}\d){11,18}(?![\w]|[-.]\d)"),
        0.95,
        checksums.card,
    ),
    _cued(
        "card-cued",
        "CREDIT_CARD",
        r"(?:credit|debit|visa|master ?card|amex|payment|bank)(?: card)?|card",
        code=r"(?P<x>\d(?:[ -]?\d){11,18})(?!\d)",
    ),
    Rule(
        "iban",
        "IBAN_CODE",
        re.compile(r"(?<![\w])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}(?![\w])", _I),
        0.95,
        checksums.iban,
    ),
    Rule(
        "routing",
        "ROUTING_NUMBER",
        re.compile(rf"(?:routing|aba|rtn)(?: transit)?{_LINK}(?P<x>\d{{9}})(?!\d)", _I),
        0.9,
    ),
    _cued(
        "account",
        "ACCOUNT",
        r"(?:bank |savings |checking |loan |customer |brokerage )?(?:account|acct|a/c)s?|loan(?: id| no| number|#| ?#)|iban|swift",
        code=r"(?P<x>(?=[A-Z0-9 -]{0,10}\d)[A-Z0-9]+(?:[ -](?=[A-Z]{0,3}\d)[A-Z0-9]+){0,6}(?<=\w{4}))\b",
    ),
    _cued("passport", "PASSPORT", r"passport"),
    _cued(
        "driver-license",
        "DRIVER_LICENSE",
        r"(?:driver'?s?'?|driving)[ -](?:licen[cs]e|lic|permit)\.?|d\.?l\.? ?(?:no|number|#)|\bDL",
        code=_CODE_SPACED,
    ),
    _cued(
        "license",
        "LICENSE",
        r"(?:licen[cs]e|lic|certificate|cert|credential|permit|badge|bar|board)\.?(?: id| no| number|#| ?#)",
    ),
    Rule(
        "npi",
        "NPI",
        re.compile(rf"\bnpi{_LINK}(?P<x>\d{{10}})(?!\d)", _I),
        0.95,
    ),
    Rule(
        "dea",
        "DEA",
        re.compile(r"(?<![\w-])[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}(?![\w-])", _I),
        0.9,
        checksums.dea,
    ),
    _cued("dea-cued", "DEA", r"dea", code=r"(?P<x>[A-Z][A-Z9]\d{7})\b"),
    Rule(
        "vin",
        "VEHICLE",
        re.compile(r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])", _I),
        0.95,
        checksums.vin,
    ),
    _cued(
        "vin-cued",
        "VEHICLE",
        r"vin|vehicle identification",
        code=r"(?P<x>(?=[A-Z]*\d)[A-Z0-9]{11,17})\b",
    ),
    _cued(
        "plate",
        "LICENSE_PLATE",
        r"(?:licen[cs]e |number |vehicle |car |registration )?plates?|(?:vehicle|car) (?:tag|registration|reg)|"
        r"plate|registration (?:no|number)",
        code=r"(?P<x>(?=[A-Z0-9 -]{0,8}\d)[A-Z0-9]{1,8}(?:[ -][A-Z0-9]{1,5}(?=\b)(?<![a-z])){0,2})\b",
    ),
    _cued(
        "device",
        "DEVICE",
        r"(?:device|implant|pacemaker|pump|meter|monitor|equipment)?[ ]?(?:serial|s/n|\bsn\b)|"
        r"(?:device|implant|pacemaker|imei|meid|udi|lot|handset|asset)(?: id| no| number|#| ?#| identifier| model)?",
        score=0.8,
    ),
    Rule(
        "udi", "DEVICE", re.compile(r"\(01\)\d{14}(?:\((?:1[017]|21)\)[A-Z0-9]{1,20})*", _I), 0.95
    ),
    Rule("imei", "DEVICE", re.compile(rf"\bimei{_LINK}(?P<x>\d(?:[ -]?\d){{14}})(?!\d)", _I), 0.95),
    Rule(
        "mac",
        "MAC_ADDRESS",
        re.compile(r"(?<![\w:-])[0-9A-F]{2}([:-])(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}(?![\w:-])", _I),
        0.95,
    ),
    Rule(
        "email",
        "EMAIL_ADDRESS",
        re.compile(
            r"(?<![\w.+-])[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]{0,63}@(?:[\w-]{1,63}\.)+\w{2,24}\b"
        ),
        0.95,
    ),
    Rule(
        "email-spelled",
        "EMAIL_ADDRESS",
        re.compile(
            r"\b[\w.+-]{2,40} ?[\[({<]? ?\bat\b ?[\])}>]? ?[\w-]{2,40}(?: ?[\[({<]? ?\bdot\b ?[\])}>]? ?[a-z]{2,12}){1,3}\b",
            _I,
        ),
        0.85,
    ),
    Rule(
        "url",
        "URL",
        re.compile(r"\b(?:https?|ftp|sftp|file)://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]", _I),
        0.95,
    ),
    Rule(
        "domain",
        "URL",
        re.compile(
            r"(?<![\w@.-])(?:www\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}"
            r"(?:com|org|net|edu|gov|mil|int|info|biz|name|health|app|dev|io|ai|me|us|uk|ca|de|fr|it|es|nl|eu|ch|au|in|br|"
            r"se|no|dk|fi|pl|pt|cz|sk|hu|at|be|ie|gr|cy|ru|jp|cn|mx|za|nz|co)(?:\.[a-z]{2})?\b(?:/[^\s<>\"')\]]*[^\s<>\"')\].,;:!?])?",
            _I,
        ),
        0.7,
    ),
    Rule(
        "ipv4",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2})?(?![\w]|\.\d)"
        ),
        0.9,
    ),
    Rule(
        "ipv6",
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?=[0-9a-f:]*::)(?:[0-9a-f]{1,4})?(?::{1,2}[0-9a-f]{1,4}){1,7}(?:::)?)(?![\w:])",
            _I,
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
            r"(?<![\w/.-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}"
            r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\w]|-\d)",
            _I,
        ),
        0.85,
    ),
    Rule(
        "phone-international",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}[ .()/-]{0,3}(?:\(0\)[ .-]?)?\d(?:[ .()/-]{0,2}\d){5,12}(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w])",
            _I,
        ),
        0.85,
        lambda bare: _phone(bare.split("X")[0]),
    ),
    Rule(
        "phone-cued",
        "PHONE_NUMBER",
        re.compile(
            r"(?<![a-z])(?:phones?|tel(?:ephone)?|cell(?:phone)?|mobile|fax|facsimile|call(?:ed|ing)?|text(?:ed)?|pager|whatsapp|"
            r"reach(?:ed)?|dial|ring|contact|callback|voicemail|sms)\b[^\d\n+(]{0,24}"
            r"(?P<x>[+(]?\d(?:[ .()/-]{0,2}\d){6,14})(?: ?(?:x|ext\.?) ?\d{1,6})?(?![\w]|[-/.]\d)",
            _I,
        ),
        0.8,
        _phone,
    ),
    Rule(
        "date-iso",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.-]){_YEAR}([-/.])(?:1[0-2]|0?[1-9])\1(?:3[01]|[12]\d|0?[1-9]){_TIME}(?![\w]|-\d)",
            _I,
        ),
        0.9,
    ),
    Rule(
        "date-numeric",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w.$-])(?:3[01]|[12]\d|0?[1-9])([-/.])(?:3[01]|[12]\d|0?[1-9])\1(?:{_YEAR}|\d\d){_TIME}(?![\w]|[-/]\d)",
            _I,
        ),
        0.85,
    ),
    Rule(
        "date-slash",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w./$-])(?:1[0-2]|0?[1-9])/(?:{_YEAR}|(?:3[01]|[12]\d|0[1-9]))(?![\w/%]|\.\d)"
        ),
        0.5,
    ),
    Rule(
        "date-words",
        "DATE_TIME",
        re.compile(
            rf"(?<![\w])(?:(?:the )?{_DAY}(?: day)?(?: of)?[ -]{{0,2}}{_MONTH}(?![a-z])(?:[ ,'-]{{1,3}}(?:{_YEAR}|\d\d(?!\d)))?"
            rf"|{_MONTH}[ -]{{0,2}}{_DAY}(?![\w])(?:[ ,'-]{{1,3}}{_YEAR})?|{_MONTH}[ ,'-]{{1,3}}(?:of )?{_YEAR}){_TIME}(?![\w])",
            _I,
        ),
        0.85,
    ),
    Rule(
        "age-over-89",
        "AGE",
        re.compile(
            rf"(?<![\w.$-])(?P<x>9\d|1[0-2]\d|{_TENS}|(?:a |one )?hundred(?:[ -]and[ -]\w+| \w+)?)(?=[- ]{{0,2}}(?:years?|yrs?)[- ](?:old|of age)|[- ]?y[./]?o\b|[- ]year[- ]old)",
            _I,
        ),
        0.9,
    ),
    Rule(
        "aged-over-89",
        "AGE",
        re.compile(
            rf"\b(?:aged?|age of|turn(?:s|ed|ing)|at)[ :]{{1,2}}(?P<x>9\d|1[0-2]\d|{_TENS})(?![\w%]|[.,:/-]\d)(?! (?:am|pm|percent|degrees|mg|ml|bpm))",
            _I,
        ),
        0.7,
    ),
    Rule(
        "street",
        "ADDRESS",
        re.compile(
            r"(?<![\w.$/-])\d{1,6}(?:-\d{1,5})?[A-Za-z]?,? (?:[NSEW]{1,2}\.? |(?:north|south|east|west) )?(?:(?:st\. )?[^\W_][\w'-]{0,24} ){1,4}?"
            r"(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|ter|way|circle|cir|"
            r"parkway|pkwy|highway|hwy|square|sq|trail|trl|alley|aly|loop|plaza|row|run|crescent|close|path|pike|turnpike|bypass)\b\.?"
            r"(?: [NSEW]{1,2}\b\.?)?(?:,? (?:apt|apartment|suite|ste|unit|floor|fl|room|rm|#)\.? ?#?\w{1,6})?",
            _I,
        ),
        0.85,
    ),
    Rule(
        "street-european",
        "ADDRESS",
        re.compile(
            r"(?<!\w)(?:\d{1,5},? )?(?:[^\W\d_][\w'.-]+ ){0,2}[^\W\d_]{3,}(?:stra(?:ss|\u00df)e|str\.|gat[ae]n?|v[\u00e4a]gen|ve[ij]en|"
            r"vej|gade|weg|laan|straat|gasse|platz|katu|tie|kuja|all[e\u00e9]e?|stig(?:en)?|plein|damm|kade|singel|brautd?|braut) \d{1,5}[a-z]?\b"
            r"|(?<!\w)(?:\d{1,5},? )*(?:ul\.|via|viale|rue|avenue|calle|c/|rua|plaza|piazza|chemin|boulevard|avda\.?|av\.|allee|r\.) "
            r"(?:(?:de la|de|del|della|delle|des|du|da|do|dos|las?|les?|el|los) ){0,2}[^\W\d_][\w'.-]+(?: [^\W\d_a-z][\w'.-]+){0,3}(?:,? \d{1,5}[a-z]?)?\b",
            _I,
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
            _I,
        ),
        0.6,
    ),
    Rule(
        "po-box",
        "ADDRESS",
        re.compile(
            r"(?<![\w])(?:p\.? ?o\.? ?box|post office box|psc \d+,? box|unit \d+,? box|box) ?#?\d{1,6}\b",
            _I,
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
            rf"(?<![\w])(?:zip|postal|post)(?: ?code)?{_LINK}(?P<x>\d{{5}}(?:-\d{{4}})?|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}})\b",
            _I,
        ),
        0.9,
    ),
    Rule("zip-plus-four", "ZIP_CODE", re.compile(r"(?<![\w.-])\d{5}-\d{4}(?![\w-])"), 0.7),
    _cued(
        "biometric",
        "BIOMETRIC",
        r"(?:finger|voice|palm|retina|retinal|iris|face)[ -]?(?:print|scan|id|template)s?(?: hash| id| file| template| no| number)?",
    ),
    Rule(
        "photo",
        "PHOTO",
        re.compile(
            r"(?<![\w/])[\w./\\-]{0,80}(?:photo|portrait|headshot|selfie|face|mugshot|dsc|img)[\w-]{0,40}\.(?:jpe?g|png|heic|tiff?|bmp|gif|webp|dcm)\b",
            _I,
        ),
        0.85,
    ),
    Rule(
        "uuid",
        "ID",
        re.compile(
            r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])", _I
        ),
        0.9,
    ),
    _cued(
        "code",
        "ID",
        r"(?:customer|client|case|ticket|order|application|applicant|employee|student|reference|ref|file|record|tracking|confirmation|user|study|subject|participant)"
        r"(?: id| no| number|#| ?#| identifier| code)",
        score=0.7,
    ),
)

# What a text with a match must hold: a number of digits, and one of some lower-case parts. Looking
# for these first is ten times as fast as trying every pattern.
_NEEDS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "ssn": (9, ()),
    "ssn-cued": (4, ("ss", "soc")),
    "ssn-last-four": (4, ("ssn", "social")),
    "itin": (9, ("9",)),
    "tax-id": (1, ("tin", "ein", "t.i", "e.i", "tax")),
    "medical-record": (
        1,
        (
            "mrn",
            "m.r",
            "rec",
            "chart",
            "patient",
            "hospital",
            "encounter",
            "accession",
            "specimen",
            "visit",
        ),
    ),
    "health-plan": (
        1,
        (
            "member",
            "subscriber",
            "beneficiary",
            "enrollee",
            "policy",
            "group",
            "insurance",
            "plan",
            "medic",
            "hic",
            "mbi",
            "claim",
        ),
    ),
    "mbi": (5, ()),
    "card": (12, ()),
    "card-cued": (12, ("card", "visa", "amex", "credit", "debit", "payment", "bank")),
    "iban": (10, ()),
    "routing": (9, ("routing", "aba", "rtn")),
    "account": (1, ("acc", "a/c", "loan", "iban", "swift")),
    "passport": (1, ("passport",)),
    "driver-license": (1, ("driv", "dl", "d.l")),
    "license": (1, ("lic", "cert", "cred", "permit", "badge", "bar", "board")),
    "npi": (10, ("npi",)),
    "dea": (7, ()),
    "dea-cued": (7, ("dea",)),
    "vin": (1, ()),
    "vin-cued": (1, ("vin", "vehicle")),
    "plate": (1, ("plate", "tag", "reg")),
    "device": (
        1,
        (
            "serial",
            "s/n",
            "sn",
            "device",
            "implant",
            "pacemaker",
            "imei",
            "meid",
            "udi",
            "lot",
            "handset",
            "asset",
        ),
    ),
    "udi": (14, ("(01)",)),
    "imei": (15, ("imei",)),
    "mac": (1, (":", "-")),
    "email": (0, ("@",)),
    "email-spelled": (0, (" at", "[at", "(at", "{at", "<at")),
    "url": (0, ("://",)),
    "ipv4": (4, (".",)),
    "ipv6": (1, ("::", ":")),
    "coordinates": (7, (".",)),
    "phone-us": (10, ()),
    "phone-international": (8, ("+", "00")),
    "phone-cued": (7, ()),
    "date-iso": (6, ()),
    "date-numeric": (4, ("/", "-", ".")),
    "date-slash": (3, ("/",)),
    "age-over-89": (0, ("y",)),
    "aged-over-89": (0, ("age", "turn", "at")),
    "street": (1, ()),
    "street-european": (1, ()),
    "unit": (1, ()),
    "po-box": (1, ("box",)),
    "military": (1, ("psc", "apo", "fpo", "dpo")),
    "state-zip": (5, ()),
    "zip-cued": (1, ("zip", "post")),
    "zip-plus-four": (9, ("-",)),
    "biometric": (1, ("finger", "voice", "palm", "retina", "iris", "face")),
    "uuid": (1, ("-",)),
    "code": (1, (" id", "no", "num", "#", "code", "ident")),
}
_NO_NEEDS: Final[tuple[int, tuple[str, ...]]] = (0, ())

# One glance tells that a text holds nothing with a form: most texts, most of the time.
_NOTHING: Final = re.compile(
    r"[\d@]|\b(?:www\.|ninety|hundred|at .{1,40} dot )|[a-z]\.[a-z]{2}|://", _I
)
_FAX: Final = re.compile(r"(?:fax|facsimile)\W{0,12}(?:no|number|is|to)?\W{0,4}\Z", _I)
_FAX_AFTER: Final = re.compile(r"[ \t]{0,2}[-(,]?[ \t]{0,2}fax\b", _I)


def spans_of(text: str, rules: tuple[Rule, ...] = RULES) -> Iterator[Span]:
    """Every match of every rule in a folded text; they may overlap.

    Args:
        text: As `folding.fold` gives it.
        rules: The rules to apply.
    """
    if not _NOTHING.search(text):
        return
    digits = sum(map(str.isdigit, text))
    low = text.lower()
    for rule in rules:
        fewest, parts = _NEEDS.get(rule.name, _NO_NEEDS)
        if digits < fewest or (parts and not any(part in low for part in parts)):
            continue
        for match in rule.pattern.finditer(text):
            start, end = match.span("x") if "x" in rule.pattern.groupindex else match.span()
            if rule.valid is not None and not rule.valid(checksums.bare(text[start:end])):
                continue
            kind = rule.kind
            if kind == "PHONE_NUMBER" and (
                _FAX.search(text, max(0, start - 24), start) or _FAX_AFTER.match(text, end)
            ):
                kind = "FAX_NUMBER"
            yield Span(start, end, kind, rule.score, rule.name)
