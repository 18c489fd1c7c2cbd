"""Names of people and firms by lists and by the words beside them.

The lists are the U.S. Census's of 1990: they know common names of one country. A model finds the
others; the lists find the common ones where a model looks away, as in text without capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from auditkit.deid.spans import Span
from auditkit.resources import data_path

_NAME: Final = r"[A-Z\u00c0-\u00de][\w\u00c0-\u024f'\u2019-]+"
_PERSON_CUE: Final = re.compile(
    r"(?<![\w])(?:(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sr|Sra|Rev|Hon|Capt|Sgt|Lt|Nurse|Judge)\.?|"
    r"MR|MRS|MS|DR|(?i:his|her|their|my|patient'?s?|pt'?s?)(?: (?i:late|older|younger|ex-?|step-?|"
    r"grand-?))?[ -]?(?i:wife|husband|spouse|partner|mother|father|mom|dad|sister|brother|son|daughter|"
    r"aunt|uncle|cousin|niece|nephew|friend|neighbou?r|boyfriend|girlfriend|fianc[e\u00e9]+|roommate|"
    r"caregiver|guardian|grandmother|grandfather|colleague|boss|supervisor|employer|doctor|pcp)|"
    r"(?i:my name is|i am|i'm|this is|name:|named|called|signed(?: by)?[:,]?|sincerely,|regards,|"
    r"dear|attn:?|attending:?|physician:?|referred by|seen by|dictated by|reviewed by|cc:)),?[ \n]{1,3})"
    rf"(?P<x>{_NAME}(?:[ ](?:[A-Z]\.? ?)?(?:(?:van|von|de|del|da|di|la|le|bin|al|el|of) )?{_NAME}){{0,3}})"
)
_FIRM_CUE: Final = re.compile(
    r"(?<!\w)(?:work(?:s|ed|ing)? (?:for|at|with)|employed (?:by|at|with)|employer(?: is|:)?|hired by|"
    r"job (?:at|with)|(?:retired|laid off|fired|resigned) from|assistant (?:at|to)|(?:ceo|cfo|cto|president|"
    r"owner|founder|director|manager|employee) (?:of|at)) (?:the )?"
    rf"(?P<x>(?:\d{{1,3}} )?{_NAME}(?:(?: (?:and|&|of) | |, )(?:{_NAME})){{0,4}})"
)
_FIRM: Final = re.compile(
    rf"(?<!\w)(?:(?:\d{{1,3}} )?(?:{_NAME}|[A-Z]&[A-Z])(?:,? (?:and |& |of )?)){{1,5}}"
    r"(?:Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|Company|Co|GmbH|AG|PLC|LLP|LP|SA|SpA|BV|AB|Group|"
    r"Partners|Associates|Brothers|Bros|(?:and|&) Sons?|Holdings|Industries|Bank|Insurance|Hospital|"
    r"Clinic|University|College|Institute|Foundation|Systems|Technologies|Solutions|Services|Consulting|Labs?)\b\.?"
)
_NOT_NAMES_TEXT: Final = """
The This That These Those There Here It He She They We You I If And But Or Not No Yes A An In On At
Of For From To By With As Is Are Was Were Be Been Has Have Had Do Does Did Will Would Can Could May
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July
August September October November December Patient Pt Doctor Nurse Sir Madam Team Customer Support
Sorry Glad Happy Going Calling Writing Looking Unable Sure Not Just So Very Also Then Still Now
"""
_NOT_NAMES: Final = frozenset(_NOT_NAMES_TEXT.split())
_PAIR: Final = re.compile(r"(?<![\w'-])([^\W\d_]{3,})( (?:[a-zA-Z]\.? )?)([^\W\d_]{3,})(?![\w'])")


def spans_of_people(text: str) -> Iterator[Span]:
    """Names that are announced, names of firms by their form, and listed names in pairs.

    Args:
        text: As `folding.fold` gives it.
    """
    for pattern, kind, score, name in (
        (_PERSON_CUE, "PERSON", 0.75, "announced name"),
        (_FIRM_CUE, "ORGANIZATION", 0.7, "announced employer"),
    ):
        for match in pattern.finditer(text):
            start, end = match.span("x")
            words = text[start:end].split()
            if words[0] in _NOT_NAMES:
                continue
            yield Span(start, end, kind, score, name)
    for match in _FIRM.finditer(text):
        start = match.start()
        opening, _, rest = match.group().partition(" ")
        if opening in _NOT_NAMES:
            if " " not in rest:
                continue
            start += len(opening) + 1
        yield Span(start, match.end(), "ORGANIZATION", 0.7, "firm")
    position = 0
    given, family = listed("given_names.txt"), listed("surnames.txt")
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
