"""Identifiers that have a form: patterns, the words that announce them, and their check digits.

Patterns read folded text (see `folding`). A rule either has a form of its own (an e-mail address)
or needs a cue: `MRN 4471023` is a medical record number because it says so. The named group `x`,
where there is one, is the identifier; the rest of a match is its cue and stays in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from auditkit.deid import checksums
from auditkit.deid.code_rules import CODE_RULES
from auditkit.deid.date_rules import DATE_RULES
from auditkit.deid.number_rules import NUMBER_RULES
from auditkit.deid.place_rules import PLACE_RULES
from auditkit.deid.rule import ANY_CASE, Rule
from auditkit.deid.spans import Span

RULES: Final[tuple[Rule, ...]] = (*NUMBER_RULES, *PLACE_RULES, *DATE_RULES, *CODE_RULES)

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
# What streets of Europe are called, or how their names end; a blank follows.
_STREETS_TEXT: Final = """
strasse stra\u00dfe str. gata gatan gate gaten v\u00e4gen vagen veien vejen vej gade weg laan straat
gasse platz katu tie kuja alle allee all\u00e9 all\u00e9e stig stigen plein damm kade singel braut brautd
ul. via viale rue avenue calle c/ rua plaza piazza chemin boulevard avda avda. av. r.
"""
_STREETS: Final = tuple(f"{word} " for word in _STREETS_TEXT.split())
# What a text with a match must hold: a number of digits, and one of some lower-case parts. Looking
# for these first is ten times as fast as trying every pattern.
_NEEDS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "ssn": (9, ()),
    "ssn-cued": (4, ("ss", "soc")),
    "ssn-last-four": (4, ("ssn", "social", "last")),
    "ssn-masked": (4, ("xx", "**")),
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
            "acc",
            "nhs",
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
            "nhs",
        ),
    ),
    "mbi": (5, ()),
    "card": (12, ()),
    "card-cued": (12, ("card", "visa", "amex", "credit", "debit", "payment", "bank")),
    "iban": (10, ()),
    "iban-cued": (8, ("iban",)),
    "crypto": (1, ()),
    "card-last-four": (4, ("ending",)),
    "national-id": (4, ()),
    "routing": (9, ("routing", "aba", "rtn")),
    "account": (1, ("acc", "a/c", "loan", "iban", "swift")),
    "passport": (1, ("passport",)),
    "driver-license": (1, ("driv", "dl", "d.l")),
    "license": (1, ("lic", "nmls", "cert", "cred", "permit", "badge", "bar", "board")),
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
    "email-underscored": (0, ("_at_",)),
    "email-apart": (0, ("@",)),
    "email-spaced": (0, ("@", "at]", "at)", "at}", "at>", "at ")),
    "url": (0, ("://", "www.", "]//")),
    "ipv4": (4, (".",)),
    "ipv6": (1, ("::", ":")),
    "coordinates": (7, (".",)),
    "phone-us": (10, ()),
    "phone-international": (8, ("+", "00")),
    "phone-cued": (7, ()),
    "extension": (3, ("pag", "beep", "bpr", "pgr", "ext", "x")),
    "digits-spelled": (0, ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")),
    "digits-apart": (7, ()),
    "date-iso": (6, ()),
    "date-numeric": (4, ("/", "-", ".")),
    "date-range": (4, ("/",)),
    "date-slash": (3, ("/",)),
    "date-slash-cued": (2, ("/", "-")),
    "date-compact": (3, ()),
    "date-spelled": (0, _MONTHS),
    "date-words": (1, _MONTHS),
    "age-over-89": (0, ("y", "m", "f", "lady")),
    "age-in-words": (0, ("nineties", "90", "hundreds", "arian")),
    "aged-over-89": (0, ("aged", "age ", "age:", "turn", " at ", "ninety")),
    "street": (1, ()),
    "street-european": (1, _STREETS),
    "unit": (1, ()),
    "street-unnumbered": (
        0,
        (
            "street",
            "ave",
            "road",
            " rd",
            "boulevard",
            "blvd",
            " lane",
            " ln",
            "highway",
            "hwy",
            "parkway",
            "pkwy",
        ),
    ),
    "corner": (0, ("corner of", "intersection of", "junction of")),
    "domain": (0, (".",)),
    "po-box": (1, ("box",)),
    "military": (1, ("psc", "apo", "fpo", "dpo")),
    "state-zip": (5, ()),
    "zip-cued": (1, ("zip", "post")),
    "postcode": (2, ()),
    "zip-plus-four": (9, ("-",)),
    "biometric": (
        1,
        (
            "finger",
            "thumb",
            "voice",
            "palm",
            "retina",
            "iris",
            "fac",
            "dna",
            "gait",
            "hand",
            "vein",
        ),
    ),
    "biometric-file": (0, ("finger", "thumb", "voice", "palm", "retina", "iris")),
    "user": (0, ("user", "login", "uid", "logname")),
    "photo": (0, (".jp", ".png", ".heic", ".tif", ".dcm", ".bmp", ".gif", ".webp")),
    "uuid": (1, ("-",)),
    "code-bare": (5, ()),
    "code": (1, (" id", "no", "num", "#", "code", "ident")),
    "numbered": (4, ("no", "num", "#", "nr", "id")),
    "code-dated": (5, ("-",)),
    "json-id": (1, ('":', "':", '" :')),
    "hl7-record": (1, ("^^^",)),
    "phone-trunk": (9, ("0",)),
    "age-told": (2, ("9", "10", "11")),
}
_NO_NEEDS: Final[tuple[int, tuple[str, ...]]] = (0, ())
_PARTS: Final = frozenset(part for _, parts in _NEEDS.values() for part in parts)

# One glance tells that a text holds nothing with a form: most texts, most of the time.
_NOTHING: Final = re.compile(
    r"[\d@=]|\b(?:www\.|ninet|hundred|at .{1,40} dot )|[a-z]\.[a-z]{2}|://|arian\b|user|login|_at_"
    r"|\b(?:Street|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Highway|Hwy|Parkway|Pkwy)|\b(?:oh|zero|one|two|three|four|five|six|seven|eight|nine)[ ,.()-]{1,2}(?:oh|zero|one|two|three|four|five|six|seven|eight|nine)\b"
    r"|[\[({<] ?(?:at|dot)\b|(?:first|second|third|th)\b",
    ANY_CASE,
)
# Groups that are cut off a number until its check digits agree.
_MOST_GROUPS: Final = 9
_FAX: Final = re.compile(r"(?:fax|facsimile)\W{0,12}(?:no|number|is|to)?\W{0,4}\Z", ANY_CASE)
_FAX_AFTER: Final = re.compile(r"[ \t]{0,2}[-(,]?[ \t]{0,2}fax\b", ANY_CASE)


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
    held = {part for part in _PARTS if part in low}
    for rule in rules:
        fewest, parts = _NEEDS.get(rule.name, _NO_NEEDS)
        if digits < fewest or (parts and held.isdisjoint(parts)):
            continue
        for match in rule.pattern.finditer(text):
            start, end = match.span("x") if match.groupdict().get("x") else match.span()
            if rule.valid is not None:
                end = _valid_end(text, start, end, rule.valid)
                if end == start:
                    continue
            kind = rule.kind
            if kind == "PHONE_NUMBER" and (
                _FAX.search(text, max(0, start - 24), start) or _FAX_AFTER.match(text, end)
            ):
                kind = "FAX_NUMBER"
            yield Span(start, end, kind, rule.score, rule.name)


def _valid_end(text: str, start: int, end: int, valid: Callable[[str], bool]) -> int:
    """Where the longest run of whole groups from `start` that is valid ends; `start` if none is.

    What stands after a number with check digits may look like more of it: `... 1111 12/27`.
    """
    for _ in range(_MOST_GROUPS):
        if valid(checksums.bare(text[start:end])):
            return end
        gap = max(text.rfind(" ", start, end), text.rfind("-", start, end))
        if gap <= start:
            break
        end = gap
    return start
