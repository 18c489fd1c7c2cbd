"""Removes false positives of the name models: medicines, measurements, scales, headings, fields.

A model guesses from a capitalised word. The context says more: a dose after it, the word
"syndrome", a colon at the end of a field's name. Matches of rules are only trimmed of line breaks
and stray punctuation.

Law: the parts of a span are inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditkit.deid.detect.number_guesses import is_measure
from auditkit.deid.vocabulary.spans import Span
from auditkit.deid.vocabulary.word_lists import eponyms, given_names, not_names, surnames

# spaCy's recognizer, the most general one.
GENERAL: Final = "SpacyRecognizer"
_MODELS: Final = (GENERAL, "model:")

_MONTHS: Final = (
    r"jan(?:uary)?|feb(?:ruary)?|march|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_DAY_OR_YEAR: Final = re.compile(
    r"(?<!\d)(?:1[89]|20)\d\d(?![\d+])(?!s\b)|(?<![\d./-])\d{1,2}([/.-])\d{1,2}\1\d{2,4}(?!\d)"
    r"|(?<![\d./$-])(?:1[0-2]|0?[1-9])[/-](?:3[01]|[12]\d|0?[1-9])(?![\d%]|\.\d)|\d{1,2}:\d\d"
    rf"|\b(?:{_MONTHS}|(?:mon|tues|wednes|thurs|fri|satur|sun)day)s?\b|\d(?:{_MONTHS})\d",
    re.IGNORECASE,
)
_AGE: Final = re.compile(r"\b(?:years?|yrs?|months?|weeks?|days?)[- ]old\b|\bage\b", re.IGNORECASE)
_SPAN_OF_TIME: Final = re.compile(
    r"\d{1,3}(?:-| to )\d{1,3} (?:second|minute|hour|day|week|month|year)s?", re.IGNORECASE
)
# Without line breaks, columns and separators of fields inside.
_PARTS: Final = re.compile(r"(?:(?! {2}|[\n\r\t|]).)+")
_WORDS: Final = re.compile(r"[^\W_](?:[\w'\u2019.-]*[^\W_])?")
_LABEL: Final = re.compile(r"[ \t]*(?::|\.{3})")
# A code of diseases or a setting: `I10`, `lr=3e-4`; a call: `train(model`.
_CODE: Final = re.compile(r"[A-Z]\d{1,2}(?:\.\w{1,4})?|[\w.]+=[\w.+-]+|[a-z_]+\([\w, ]*\)?")
# An abbreviation: `DNR`, `PET-CT`, `HER2`, `x3`, `4B`.
_ABBREVIATION: Final = re.compile(r"[A-Z0-9]{1,4}s?(?:[-/&][A-Z0-9]{1,4}){0,2}|[a-z]\d+")
# A standard, a disease, a ticket: `ISO-27001`, `COVID-19`, `CVE-2021-44228`.
_NUMBERED: Final = re.compile(r"[A-Z][A-Za-z]{1,9}-\d[\d.]*(?:-\d+)?")
# `UF 2.5 L`: an abbreviation, what was measured, and its unit.
_MEASURED: Final = re.compile(r"[A-Z/]{2,5} \d+(?:\.\d+)?(?: ?[A-Za-z/%]{1,5})?")
_SETTING: Final = re.compile(r"[_=]")
_DIGIT: Final = re.compile(r"\d")
_DIGEST: Final = re.compile(r"(?<![\w-])(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{20,}")
_STATES_TEXT: Final = """
AL AK AZ AR CA CO CT DC DE FL GA HI ID IL IN IA KS KY LA MA MD ME MI MN MO MS MT NC
ND NE NH NJ NM NV NY OH OK OR PA RI SC SD TN TX UK UT VA VT WA WI WV WY US EU
"""
_STATES: Final = frozenset(_STATES_TEXT.split())
_BEFORE_STATE: Final = re.compile(r"(?:,|\b(?:in|from|to|near|of|at))\s\Z", re.IGNORECASE)
_ABBREVIATED: Final = re.compile(r"[A-Z0-9&/+-]{2,10}")
_LETTERS: Final = re.compile(r"[^\W\d_]{2}")
# A grade after a scale's name: `Killip II`, `Fuhrman 2`.
_COUNTED: Final = re.compile(r"(?: [IVX]{1,4}| \d[\d.+=/-]*)\Z")
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "rev"})
_SMALL_WORDS: Final = frozenset(
    {"the", "of", "and", "a", "an", "in", "for", "at", "on", "to", "with"}
)
# Medicines: the words before them, and the endings of generic names.
_TAKEN: Final = re.compile(
    r"(?:\b(?:continue|start(?:ed)?|stop(?:ped)?|gave|take[sn]?|taking|resume|hold|held|tried|prescribed|"
    r"increased?|decreased?|titrate|switch(?:ed)? (?:to|from)|refill|mg of|dose of|allergic to)|\ballergies:) \Z",
    re.IGNORECASE,
)
_MEDICINE: Final = re.compile(
    r"\w{2,12}(?:mab|nib|pril|sartan|olol|statin|azole|cillin|mycin|floxacin|triptan|gliptin|gliflozin|glutide|"
    r"parin|xaban|setron|azepam|oxetine|tidine|prazole|dronate|cycline|sporin)",
    re.IGNORECASE,
)
# An amount follows a thing, not a person: `Coreg 12.5 BID`, `Wells 4.5`, `Killip II`.
_AMOUNT: Final = re.compile(
    r"[ \t]{1,2}(?:[=<>~]{0,2} ?\d|[IVX]{1,4}\b(?!\.)|[xX]\d|negative\b|positive\b|patent\b)"
)
_EPONYM: Final = re.compile(
    r"(?:'s|\u2019s)?(?:[ -](?:exact|sinus|type|node|lymph|bone|peak|functional))?[ -](?:disease|syndrome|sign|signs|"
    r"test|tests|scale|scales|score|scores|class|classification|grade|grading|level|levels|stage|index|criteria|criterion|"
    r"fracture|fractures|triad|triangle|reflex|phenomenon|palsy|chorea|ataxia|sarcoma|lymphoma|tumou?r|cyst|nodes?|"
    r"thyroiditis|esophagus|oesophagus|contracture|hernia|ulcer|gangrene|anemia|dystrophy|atrophy|arthritis|"
    r"catheter|drain|tube|clamp|clamps|forceps|retractor|retractors|needle|splint|dressing|bag|lift|mask|collar|stain|"
    r"maneuver|manoeuvre|procedure|operation|repair|incision|technique|method|methods|curve|curves|model|models|"
    r"correction|distribution|process|chain|sampling|sampler|transform|regression|coefficient|equation|law|"
    r"theorem|kappa|indices|virus|injury|injuries|lesion|foot|ring|tear|diverticulum|fontanelle|u\b|t-test|t\b|line|lines|point|position|space|duct|canal|circuit|cells?|bodies|formula|diet)\b",
    re.IGNORECASE,
)


def drop_false_positives(span: Span, text: str) -> Iterator[Span]:
    """The parts of a span that may be identifiers: all of it, some of it, or none.

    Args:
        span: A recognizer's finding.
        text: The normalized text.
    """
    guessed = span.source.startswith(_MODELS)
    written = text[span.start : span.end]
    if span.source == GENERAL and span.kind == "DATE_TIME":
        if not _DAY_OR_YEAR.search(written) or _AGE.search(written):
            return
        if _SPAN_OF_TIME.fullmatch(written):
            return
    if span.source.startswith("model:") and is_measure(span, text):
        return
    if span.kind not in {"PERSON", "ORGANIZATION", "CITY", "LOCATION"}:
        yield span
        return
    for match in _PARTS.finditer(text, span.start, span.end):
        part = _trimmed(span.over(*match.span()), text)
        if part is not None and guessed:
            part = _without_roles(part, text)
        if part is None or _is_field_name(part, text):
            continue
        if guessed and span.kind != "CITY" and _is_not_a_name(part, text):
            continue
        yield part


def _is_not_a_name(span: Span, text: str) -> bool:
    written = text[span.start : span.end]
    general = span.source == GENERAL
    if general and _is_technical(written):
        return True
    if general and (_CODE.fullmatch(written) or not _LETTERS.search(written)):
        return True
    words = _WORDS.findall(_COUNTED.sub("", written).lower())
    if general and (not words or (len(words) == 1 and words[0] in eponyms())):
        return True
    one = len(words) == 1 or ("-" in written and " " not in written)
    if any(word in given_names() for word in words):
        return general and one and bool(_EPONYM.match(text, span.end))
    if general and written.islower() and not any(w in surnames() for w in words):
        return _in_running_text(span, text)
    if general and _ABBREVIATION.fullmatch(written):
        if span.kind == "LOCATION":
            return len(written) == 2 and not _is_state(span, text)
        return len(written) <= 3 or words[0] not in surnames()
    if _EPONYM.match(text, span.end) and len(words) <= 2:
        return True
    if not general:
        return False
    if _TAKEN.search(text, max(0, span.start - 24), span.start) or _MEDICINE.fullmatch(written):
        return True
    if span.kind == "PERSON" and any(c.isdigit() for c in written):
        return True
    return one and bool(_AMOUNT.match(text, span.end))


def _is_technical(written: str) -> bool:
    """Whether a finding is a setting, a measurement, a digest, or the number of a standard or ticket."""
    if _SETTING.search(written):
        return True
    if not _DIGIT.search(written):
        return False
    if _MEASURED.fullmatch(written) or _DIGEST.search(written):
        return True
    words = _WORDS.findall(_COUNTED.sub("", written))
    others = [word for word in words if not _NUMBERED.fullmatch(word)]
    return len(others) < len(words) and all(
        w.isupper() or w.lower() in not_names() or w.lower() in _SMALL_WORDS for w in others
    )


def _is_state(span: Span, text: str) -> bool:
    """Whether two capitals are a state's code after a comma or after `in`, `from`, `to`."""
    written = text[span.start : span.end]
    return written in _STATES and bool(
        _BEFORE_STATE.search(text, max(0, span.start - 6), span.start)
    )


def _in_running_text(span: Span, text: str) -> bool:
    """Whether there are capitals nearby, so that a lower-case word is probably not a name."""
    return any(c.isupper() for c in text[max(0, span.start - 80) : span.end + 80])


def _is_field_name(span: Span, text: str) -> bool:
    words = text[span.start : span.end].lower()
    non_names = not_names()
    general = span.source == GENERAL
    if words in non_names:
        return True
    if general and all(word in non_names or word in _SMALL_WORDS for word in _WORDS.findall(words)):
        return True
    if words in eponyms() and span.source.startswith(_MODELS):
        return True
    opens_line = span.start == 0 or text[span.start - 1] in "\n>"
    if not opens_line or span.kind == "ORGANIZATION" or not _LABEL.match(text, span.end):
        return False
    if general:
        return not any(word in given_names() for word in words.split())
    return words.split()[-1] in non_names


def _without_roles(span: Span, text: str) -> Span | None:
    """Without roles and degrees: `Niece Ann Lee, RN` becomes `Ann Lee`."""
    words = [
        (span.start + m.start(), span.start + m.end())
        for m in _WORDS.finditer(text[span.start : span.end])
    ]
    non_names = not_names()
    while len(words) > 1 and _is_role(text[slice(*words[0])], non_names):
        words.pop(0)
    while len(words) > 1 and _is_degree(text[slice(*words[-1])], non_names):
        words.pop()
    if not words:
        return span
    start = span.start if words[0][0] == span.start else words[0][0]
    ends_with = text[words[-1][1] : span.end]
    end = span.end if not any(map(str.isalnum, ends_with)) else words[-1][1]
    return _trimmed(span.over(start, end), text)


def _is_role(word: str, non_names: frozenset[str]) -> bool:
    low = word.lower()
    return low in non_names and low not in given_names() and low not in _TITLES


def _is_degree(word: str, non_names: frozenset[str]) -> bool:
    """A listed abbreviation in capitals, such as `MD`, or one with a digit, such as `PGY-2`."""
    if not _ABBREVIATED.fullmatch(word):
        return False
    return word.lower() in non_names or any(c.isdigit() for c in word)


def _trimmed(span: Span, text: str) -> Span | None:
    """Without white space and stray punctuation at the ends; None if nothing is left."""
    start, end = span.start, span.end
    while start < end and not text[start].isalnum() and text[start] not in "+(@#<":
        start += 1
    while end > start and not text[end - 1].isalnum() and text[end - 1] not in ")*":
        end -= 1
    return span.over(start, end) if start < end else None
