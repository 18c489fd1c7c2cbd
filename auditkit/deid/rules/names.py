"""Names of people and firms by lists and by the words beside them.

The lists are the U.S. Census's of 1990: they know common names of one country. A model finds the
others; the lists find the common ones where a model looks away, as in text without capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditkit.deid.rules.rule import CAPITALS
from auditkit.deid.vocabulary.spans import Span
from auditkit.deid.vocabulary.word_lists import given_names, not_names, surnames

_NAME: Final = rf"[{CAPITALS}][\w'\u2019-]+"
_INITIAL: Final = rf"[{CAPITALS}]\."
_PARTICLE: Final = r"(?:(?:van|von|de|del|da|di|la|le|bin|al|el|of) )?"
# Cues before a name: a title, a relative or another relation, a phrase.
_TITLES: Final = (
    r"Pt\.|(?:Mr|Mrs|Ms|Miss|Dr|Drs|Prof|Sr|Sra|Rev|Hon|Capt|Sgt|Lt|Cpl|Pvt|Maj|Col|Det|Ofc|Ptl|Atty|Fr|Nurse|"
    r"CRNA|CNM|LPN|CNA|PA-C|APRN|ARNP|Judge|Officer|Rabbi|Imam|Pastor|Deacon|Mme|Mlle|Herr|Frau|Hr|Se\u00f1ora?)\.?|MR|MRS|MS|DR"
)
_SOMEBODY: Final = (
    r"(?i:(?:great-?|grand-?|step-?|ex-?|half-?){0,3}(?:wife|husband|spouse|partner|mother|father|mom|dad|sister|brother|"
    r"son|daughter|child|aunt|uncle|cousin|niece|nephew|friend|neighbou?r|boyfriend|girlfriend|fianc[e\u00e9]+|"
    r"roommate|caregiver|guardian|colleague|boss|supervisor|employer|doctor|pcp|pediatrician|landlord|tenant|"
    r"co-?signer|attorney|lawyer|executor|nominee|adjuster|priest)(?:-in-law)?)"
)
_DONE: Final = (
    r"(?:referred|seen|dictated|reviewed|requested|ordered|witnessed|prepared|e-?signed|transcribed|performed|given|"
    r"followed|read|delivered|interpreted|driven|accompanied|treated|evaluated|examined|submitted|verified|"
    r"co-?signed|approved|written|addressed|routed|assigned|transferred) (?:by|to|per)"
)
_PHRASE: Final = (
    rf"(?i:my name is|i am|i'm|this is|name:|named|called|signed(?: by)?[:,]?|sincerely,|regards,|dear|attn:?|{_DONE}:?|"
    r"(?:discussed|spoke|met|follow-?up|f/u) (?:with|to|w/)|f/u|d/w|cc:?|goes by|known as|a\.?k\.?a\.?|lives with|married to|welcome|thanks,?|thank you,?|hey|hi|"
    r"hello|good (?:morning|afternoon|evening))"
)
# Lower-case roles before a name: `dentist Bo Andersson`; with a capital it is a heading.
_ROLES: Final = (
    r"(?:dentist|prescriber|surgeon|therapist|physician|provider|nurse|aide|midwife|pharmacist|counselor|social worker|"
    r"student|teacher|professor|advisor|coach|driver|officer|agent|clerk|manager|assistant|interpreter|registrant|petitioner|"
    r"caller|client|patient|resident|chair|daughters|sons|children|brothers|sisters|parents)"
)
_OF: Final = (
    r"(?i:(?:his|her|their|my|patient'?s?|pt'?s?) (?:(?:late|older|younger|elder|twin|ex) ){0,2})?"
)
_WHOLE_NAME: Final = rf"(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?:[ ](?:[{CAPITALS}]\.? ?)?{_PARTICLE}{_NAME}){{0,3}}(?: [{CAPITALS}]\.)?)"
_PERSON_CUE: Final = re.compile(
    rf"(?<!\w)(?=\w)(?:{_TITLES}|{_OF}{_SOMEBODY}|{_ROLES}|{_PHRASE}),?[ \n]{{1,3}}[\"(]?{_WHOLE_NAME}"
)
# `Surgeon: Ann Lee`: a role, a colon or dots, and a name on the same line.
_ROLE_CUE: Final = re.compile(
    r"(?<!\w)(?i:attendings?|surgeons?|assistants?|consultants?|an(?:a)?esthesi\w+|physicians?|providers?|pcp|gp|"
    r"therapist|nurse|rn|counsel(?:l?or)?|attorney|caregiver|contact(?: person)?|next of kin|kin|guardian|poa|signature|signed|"
    r"author|from|to|(?:co-?)?applicant|(?:co-?)?borrower|tenant|landlord|employee|patient|pt|client|customer|caller|agent|"
    r"manager|supervisor|name|witness|beneficiary|nominee|payee|payer|sender|recipient|donor|interpreter|technologist|"
    r"resident|interviewer|presenter|scribe|spouse|mother|father|child|student|teacher|principal|owner|holder|occupier|"
    r"subscriber|member|policyholder|insured|plaintiff|defendant|driver|passenger|victim|executor|adjuster|coordinator|"
    r"radiologist|pathologist|submitting|reported by|prepared by|read by)(?: name)?[ \t]*(?:[:=]|\.{3,40}|_{3,40})[ \t]{0,8}"
    rf"(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?:,? (?:[{CAPITALS}]\.? ?)?{_PARTICLE}{_NAME}){{0,3}}(?: [{CAPITALS}]\.)?)"
)
# `Pa Houa Vang, 63, says`: a name and an age.
_AGED: Final = re.compile(
    rf"(?<![\w])(?P<x>{_NAME}(?: (?:[{CAPITALS}]\.? )?{_PARTICLE}{_NAME}){{1,3}})"
    r"(?=,? \(?(?:aged? )?\d{2,3}(?:,|\)| ?y[/.]?o\b| ?-?years?\b| ?[MF]\b))"
)
# `QUISPE^ROSARIO^M`: names in HL7 messages.
_CARETS: Final = re.compile(r"(?<![\w^])(?P<x>[A-Z][A-Z'-]+(?:\^[A-Z][A-Z'.-]*){1,4})(?![\w])")
# `Okonkwo, Cardiology`: a name and a specialty.
_PRACTISING: Final = re.compile(
    rf"(?<![\w.])(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?: {_PARTICLE}{_NAME}){{0,2}})"
    r"(?=, (?:(?:Cardio|Nephro|Neuro|Pulmono|Onco|Radio|Patho|Uro|Hemato|Rheumato|Dermato|Endocrino|Gastroentero|Anesthesio)"
    r"logy|Psychiatry|Surgery|Orthopedics|Pediatrics)\b)"
)
# Initials announced as a person's, and a name with a licence.
_INITIALS: Final = re.compile(
    rf"(?<!\w)(?i:pt|patient|mr|mrs|ms|dr|client|resident|subject)\.? (?P<x>{_INITIAL} ?{_INITIAL}(?: ?{_INITIAL})?)"
)
_LICENSED: Final = re.compile(
    rf"(?<![\w.])(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?: (?:[{CAPITALS}]\.? )?{_PARTICLE}{_NAME}){{0,3}})"
    r"(?=,? (?:M\.?D|D\.?O|R\.?N|L\.?P\.?N|N\.?P|P\.?A(?:-C)?|Ph\.?D|D\.?D\.?S|Pharm\.?D|D\.?P\.?M|LCSW|MSW|APRN|CRNA|FNP|DVM|"
    r"Esq|CPA|RPh|RD|PT|OT|SLP)\b\.?(?!\w))"
)
# `LINDGREN/STEN MR`: names on tickets and manifests.
_LETTERS_APART: Final = re.compile(r"(?<!\w)[^\W\d_](?:[ .]{1,3}[^\W\d_]){3,40}(?![\w'])")
_PASSENGER: Final = re.compile(
    r"(?<![\w/])(?P<x>[A-Z][A-Z'-]+/[A-Z][A-Z' -]*[A-Z] ?(?:MR|MRS|MS|MISS|MSTR|DR))\b"
)
# `my name is ann lee`: without capitals, the first name must be on the list.
_LOWER_CUE: Final = re.compile(
    r"(?<!\w)(?i:(?:my|his|her|their) (?:name is|wife|husband|spouse|partner|mother|father|mom|dad|sister|"
    r"brother|son|daughter|aunt|uncle|cousin|niece|nephew|friend|boss|doctor)|this is|i am|i'm|dear|hi|hello|"
    r"ask(?:ed)?|tell|told|spoke (?:to|with)|talked to|met|caller:|name:),? "
    r"(?P<x>(?P<first>[^\W\d_]{3,})(?: (?P<second>[^\W\d_]{3,}))?)(?![\w'])"
)
_LOWER_INITIAL: Final = re.compile(r"(?<![\w.])[a-z]\. ?([a-z]{3,20})(?![\w'])")
_FIRM_CUE: Final = re.compile(
    r"(?<!\w)(?i:work(?:s|ed|ing)? (?:for|at|with)|employed (?:by|at|with)|employer(?: is|:)?|hired by|"
    r"job (?:at|with)|(?:retired|laid off|fired|resigned) from|assistant (?:at|to)|attends|goes to|joins|"
    r"(?:a|an|as|the|former|retired|senior|junior|head) (?:[a-z]+ )?(?:[a-z]{2,12}(?:ist|cher|ver|ner|der|ter|ger|nter|lor|tor|cian|"
    r"lyst|eer|man|woman)|nurse|clerk|attorney|barista|cook|aide) (?:at|for)|(?:ceo|cfo|cto|president|"
    r"owner|founder|director|manager|employee) (?:of|at)) (?:the )?"
    rf"(?P<x>(?:\d{{1,3}} )?{_NAME}(?:(?: (?:and|&|of) | |, )(?:{_NAME})){{0,4}})"
)
_FIRM: Final = re.compile(
    rf"(?<!\w)(?:(?:\d{{1,3}} )?(?:St\. )?(?!(?:FROM|IN|AT|TO|THE|OF|BY|HIS|HER|AND|WAS|IS|FOR|ON)\b)"
    rf"(?:{_NAME}|[A-Z]&[A-Z])(?:,? (?:and |& |of )?)){{1,5}}"
    r"(?:HOSPITAL|CLINIC|MEDICAL CENTER|NURSING HOME|HOME|BANK|UNIVERSITY|COLLEGE|SCHOOL|CHURCH|PHARMACY|ASSOCIATES|INC|LLC|LTD|CORP|"
    r"Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Company|Co|GmbH|AG|PLC|LLP|LP|SA|SpA|BV|AB|Group|"
    r"Partners|Associates|Brothers|Bros|(?:and|&) Sons?|Holdings|Industries|Bank|Insurance|Hospital|"
    r"Clinic|Cent(?:er|re)|Home|School|Elementary|Academy|Pharmacy|Church|Parish|Cathedral|Mosque|Synagogue|University|"
    r"College|Institute|Foundation|Systems|Technologies|Solutions|Services|Consulting|Labs?|Pediatrics|Orthop(?:a)?edics|"
    r"Dental|Dentistry|Optical|Optics|Hospice|Dialysis|Rehab|Manor|Villa|Assisted Living|Family Practice|Roofing|Plumbing|"
    r"Landscaping|Logistics|Freight|Trucking|Motors|Realty|Properties|Rentals|Credit Union|Savings|Mortgage|Lending|Airlines|"
    r"Airways|Counseling|Cargo|Spa|Supply|Acupuncture|Hotel|Restaurant|Caf\u00e9|Diner|Bakery|Coffee|Salon)\b\.?"
)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz"
_NOT_NAMES_TEXT: Final = """
The This That These Those There Here It He She They We You I If And But Or Not No Yes A An In On At
Of For From To By With As Is Are Was Were Be Been Has Have Had Do Does Did Will Would Can Could May
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July
August September October November December Patient Pt Doctor Nurse Sir Madam Team Customer Support
Sorry Glad Happy Going Calling Writing Looking Unable Sure Not Just So Very Also Then Still Now
"""
_NOT_NAMES: Final = frozenset(_NOT_NAMES_TEXT.split())
# `Phelps, Kayla`: a listed surname before a listed given name.
_LAST_FIRST: Final = re.compile(rf"(?<![\w'-])({_NAME}), ({_NAME})(?![\w'-])")
# `Holloway, Alexander and Bell`: surnames in a series.
_SERIES: Final = re.compile(rf"(?<![\w-])({_NAME}), ({_NAME}),? (?:and|&) ({_NAME})(?![\w-])")
_PAIR: Final = re.compile(r"(?<![\w'-])([^\W\d_]{3,})( (?:[a-zA-Z]\.? )?)([^\W\d_]{3,})(?![\w'])")
# Each with parts of which every match contains one: a cheap test before the pattern.
ANNOUNCED: Final = (
    (_PERSON_CUE, " \n", "PERSON", 0.75, "announced name"),
    (_ROLE_CUE, (":", "=", "...", "___"), "PERSON", 0.75, "announced name"),
    (_LICENSED, " ,", "PERSON", 0.75, "licensed name"),
    (
        _PRACTISING,
        ("logy", "Psychiatry", "Surgery", "Ortho", "Pedia"),
        "PERSON",
        0.75,
        "licensed name",
    ),
    (_PASSENGER, "/", "PERSON", 0.75, "passenger"),
    (_CARETS, "^", "PERSON", 0.6, "name in parts"),
    (_AGED, "0123456789", "PERSON", 0.6, "name and age"),
    (_INITIALS, ".", "PERSON", 0.75, "initials"),
    (_FIRM_CUE, " ", "ORGANIZATION", 0.9, "announced employer"),
)


def match_names(text: str) -> Iterator[Span]:
    """Names after a cue, names of firms by their form, and pairs of listed names.

    Args:
        text: Normalized.
    """
    for pattern, parts, kind, score, name in ANNOUNCED:
        if not any(part in text for part in parts):
            continue
        for match in pattern.finditer(text):
            start, end = match.span("x")
            words = text[start:end].split()
            first = words[0].rstrip(",.:")
            if first in _NOT_NAMES or all(w.lower().strip(",.:") in not_names() for w in words):
                continue
            yield Span(start, end, kind, score, name)
    for match in _FIRM.finditer(text):
        start = match.start()
        opening, _, rest = match.group().partition(" ")
        if opening in _NOT_NAMES:
            if " " not in rest:
                continue
            start += len(opening) + 1
        yield Span(start, match.end(), "ORGANIZATION", 0.9, "firm")
    given, family = given_names(), surnames()
    for match in _LAST_FIRST.finditer(text):
        if match[1].lower() in family and match[2].lower() in given:
            yield Span(match.start(), match.end(), "PERSON", 0.7, "listed name")
    for match in _SERIES.finditer(text):
        if sum(word.lower() in family for word in match.groups()) >= 2:
            yield Span(match.start(), match.end(), "ORGANIZATION", 0.6, "surnames in series")
    for match in _LETTERS_APART.finditer(text):
        letters = "".join(filter(str.isalpha, match.group())).lower()
        if len(letters) >= 5 and letters not in _ALPHABET:
            yield Span(match.start(), match.end(), "PERSON", 0.5, "letters apart")
    for match in _LOWER_INITIAL.finditer(text):
        if match[1] in family:
            yield Span(match.start(), match.end(), "PERSON", 0.6, "initial and name")
    for match in _LOWER_CUE.finditer(text):
        first, second = match["first"], match["second"] or ""
        if first.islower() and first in given:
            end = match.end("x") if second in family else match.end("first")
            yield Span(match.start("x"), end, "PERSON", 0.6, "announced name")
    position = 0
    while pair := _PAIR.search(text, position):
        first, second = pair[1], pair[3]
        cased = first[0].isupper() and second[0].isupper()
        if first.lower() in given and (cased or second.lower() in family):
            if cased or (first.islower() and second.islower()):
                yield Span(pair.start(), pair.end(), "PERSON", 0.7, "listed name")
            position = pair.end()
        else:
            position = pair.end(1)
