"""Names of people and firms by lists and by the words beside them.

The lists are the U.S. Census's of 1990: they know common names of one country. A model finds the
others; the lists find the common ones where a model looks away, as in text without capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from auditkit.deid.rule import CAPITALS
from auditkit.deid.spans import Span
from auditkit.resources import data_path

_NAME: Final = rf"[{CAPITALS}][\w'\u2019-]+"
_INITIAL: Final = rf"[{CAPITALS}]\."
_PARTICLE: Final = r"(?:(?:van|von|de|del|da|di|la|le|bin|al|el|of) )?"
_PERSON_CUE: Final = re.compile(
    r"(?<![\w])(?:(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sr|Sra|Rev|Hon|Capt|Sgt|Lt|Nurse|Judge)\.?|"
    r"MR|MRS|MS|DR|(?i:his|her|their|my|patient'?s?|pt'?s?)(?: (?i:late|older|younger|ex-?|step-?|"
    r"grand-?))?[ -]?(?i:wife|husband|spouse|partner|mother|father|mom|dad|sister|brother|son|daughter|"
    r"aunt|uncle|cousin|niece|nephew|friend|neighbou?r|boyfriend|girlfriend|fianc[e\u00e9]+|roommate|"
    r"caregiver|guardian|grandmother|grandfather|colleague|boss|supervisor|employer|doctor|pcp)|"
    r"(?i:my name is|i am|i'm|this is|name:|named|called|signed(?: by)?[:,]?|sincerely,|regards,|"
    r"dear|attn:?|(?:referred|seen|dictated|reviewed|requested|ordered|witnessed|prepared|e-?signed|"
    r"transcribed|performed|given) (?:by|to):?|discussed with|d/w|cc:?)),?[ \n]{1,3})"
    rf"(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?:[ ](?:[{CAPITALS}]\.? ?)?{_PARTICLE}{_NAME}){{0,3}})"
)
# `Surgeon: Ann Lee`: a role, a colon, and a name on the same line.
_ROLE_CUE: Final = re.compile(
    r"(?<!\w)(?i:attending|surgeon|assistant|an(?:a)?esthesi\w+|physician|provider|pcp|gp|therapist|nurse|"
    r"counsel(?:l?or)?|caregiver|contact(?: person)?|next of kin|kin|guardian|poa|signature|signed|author|"
    r"from|to|applicant|borrower|tenant|employee|patient|pt|client|customer|caller|agent|manager|"
    r"name|witness|beneficiary|payee|payer|sender|recipient|interpreter|technologist|resident|interviewer|"
    r"spouse|mother|father|owner|holder|consultant|reported by|prepared by)(?: name)?[ \t]*[:=][ \t]{0,8}"
    rf"(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?:,? (?:[{CAPITALS}]\.? ?)?{_PARTICLE}{_NAME}){{0,3}})"
)
# Initials that are said to be a person's, and a name with what its bearer is licensed to do.
_INITIALS: Final = re.compile(
    rf"(?<!\w)(?i:pt|patient|mr|mrs|ms|dr|client|resident|subject)\.? (?P<x>{_INITIAL} ?{_INITIAL}(?: ?{_INITIAL})?)"
)
_LICENSED: Final = re.compile(
    rf"(?<![\w.])(?P<x>(?:{_INITIAL} ?){{0,2}}{_NAME}(?: (?:[{CAPITALS}]\.? )?{_PARTICLE}{_NAME}){{0,3}})"
    r"(?=,? (?:M\.?D|D\.?O|R\.?N|L\.?P\.?N|N\.?P|P\.?A(?:-C)?|Ph\.?D|D\.?D\.?S|Pharm\.?D|D\.?P\.?M|LCSW|MSW|APRN|CRNA|FNP|DVM|"
    r"Esq|CPA|RPh|RD|PT|OT|SLP)\b\.?(?!\w))"
)
# `my name is ann lee`: without capitals the lists must know the first of the names.
_LOWER_CUE: Final = re.compile(
    r"(?<!\w)(?i:(?:my|his|her|their) (?:name is|wife|husband|spouse|partner|mother|father|mom|dad|sister|"
    r"brother|son|daughter|aunt|uncle|cousin|niece|nephew|friend|boss|doctor)|this is|i am|i'm|dear|hi|hello|"
    r"ask(?:ed)?|tell|told|spoke (?:to|with)|talked to|met|caller:|name:),? "
    r"(?P<x>(?P<first>[^\W\d_]{3,})(?: (?P<second>[^\W\d_]{3,}))?)(?![\w'])"
)
_FIRM_CUE: Final = re.compile(
    r"(?<!\w)(?i:work(?:s|ed|ing)? (?:for|at|with)|employed (?:by|at|with)|employer(?: is|:)?|hired by|"
    r"job (?:at|with)|(?:retired|laid off|fired|resigned) from|assistant (?:at|to)|(?:ceo|cfo|cto|president|"
    r"owner|founder|director|manager|employee) (?:of|at)) (?:the )?"
    rf"(?P<x>(?:\d{{1,3}} )?{_NAME}(?:(?: (?:and|&|of) | |, )(?:{_NAME})){{0,4}})"
)
_FIRM: Final = re.compile(
    rf"(?<!\w)(?:(?:\d{{1,3}} )?(?:St\. )?(?:{_NAME}|[A-Z]&[A-Z])(?:,? (?:and |& |of )?)){{1,5}}"
    r"(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Company|Co|GmbH|AG|PLC|LLP|LP|SA|SpA|BV|AB|Group|"
    r"Partners|Associates|Brothers|Bros|(?:and|&) Sons?|Holdings|Industries|Bank|Insurance|Hospital|"
    r"Clinic|Cent(?:er|re)|Home|School|Pharmacy|Church|University|College|Institute|Foundation|Systems|Technologies|Solutions|Services|Consulting|Labs?)\b\.?"
)
_NOT_NAMES_TEXT: Final = """
The This That These Those There Here It He She They We You I If And But Or Not No Yes A An In On At
Of For From To By With As Is Are Was Were Be Been Has Have Had Do Does Did Will Would Can Could May
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July
August September October November December Patient Pt Doctor Nurse Sir Madam Team Customer Support
Sorry Glad Happy Going Calling Writing Looking Unable Sure Not Just So Very Also Then Still Now
"""
_NOT_NAMES: Final = frozenset(_NOT_NAMES_TEXT.split())
# `Holloway, Alexander and Bell`: surnames in a series.
_SERIES: Final = re.compile(rf"(?<![\w-])({_NAME}), ({_NAME}),? (?:and|&) ({_NAME})(?![\w-])")
_PAIR: Final = re.compile(r"(?<![\w'-])([^\W\d_]{3,})( (?:[a-zA-Z]\.? )?)([^\W\d_]{3,})(?![\w'])")


def spans_of_people(text: str) -> Iterator[Span]:
    """Names that are announced, names of firms by their form, and listed names in pairs.

    Args:
        text: As `folding.fold` gives it.
    """
    for pattern, kind, score, name in (
        (_PERSON_CUE, "PERSON", 0.75, "announced name"),
        (_ROLE_CUE, "PERSON", 0.75, "announced name"),
        (_LICENSED, "PERSON", 0.75, "licensed name"),
        (_INITIALS, "PERSON", 0.75, "initials"),
        (_FIRM_CUE, "ORGANIZATION", 0.9, "announced employer"),
    ):
        for match in pattern.finditer(text):
            start, end = match.span("x")
            words = text[start:end].split()
            if words[0].rstrip(",") in _NOT_NAMES:
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
    given, family = listed("given_names.txt"), listed("surnames.txt")
    for match in _SERIES.finditer(text):
        if sum(word.lower() in family for word in match.groups()) >= 2:
            yield Span(match.start(), match.end(), "ORGANIZATION", 0.6, "surnames in series")
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


@cache
def listed(name: str) -> frozenset[str]:
    """The lower-case names in one of the packaged lists."""
    lines = data_path("policies", "deid", name).read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
