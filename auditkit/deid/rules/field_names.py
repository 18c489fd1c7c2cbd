"""The entity type that a field's name suggests: of a table's column, a JSON member, an attribute.

Example:
    >>> type_by_name("employeeId"), type_by_name("date-of-birth"), type_by_name("accuracy")
    ('ID', 'BIRTH_DATE', '')
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditkit.deid.vocabulary.normalization import normalize

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD: Final = re.compile(r"[^A-Za-z0-9]+")


def whole_words(pattern: str) -> re.Pattern[str]:
    """Matches one of some names among lower-case words."""
    return re.compile(rf"(?<![a-z])(?:{pattern})(?![a-z])")


# A field of names of people or of categories: the values must contain common names.
SOMEBODY: Final = "SOMEBODY"

# Read from the top; the first match is the proposal. Names come as lower-case words.
NAMES: Final = tuple(
    (whole_words(pattern), kind)
    for pattern, kind in (
        (r"e ?mail(?: address)?|mail address", "EMAIL_ADDRESS"),
        (r"fax|facsimile", "FAX_NUMBER"),
        (r"phone|telephone|tel|mobile|cell|cellphone|pager|contact (?:no|number)", "PHONE_NUMBER"),
        (r"ssn|social security|soc sec|social", "US_SSN"),
        (r"itin|tax(?:payer)? id|tin|ein", "TAX_ID"),
        (r"mrn|medical record|(?:patient|chart|encounter|admission|visit) ?(?:id|no|num|nbr|number|identifier)", "MEDICAL_RECORD"),
        (r"(?:member|mbr|subscriber|beneficiary|enrollee|health plan|insurance|ins|policy|pol|medicare|medicaid) ?(?:id|no|num|nbr|number|identifier)|mbi|hicn", "HEALTH_PLAN"),
        (r"iban", "IBAN_CODE"),
        (r"(?:credit |debit |payment )?card (?:no|num|nbr|number)|credit card|cc (?:no|number|num)|pan", "CREDIT_CARD"),
        (r"routing(?: no| number)?|aba", "ROUTING_NUMBER"),
        (r"(?:bank )?(?:account|acct|loan) ?(?:id|no|num|nbr|number)", "ACCOUNT"),
        (r"npi", "NPI"),
        (r"dea(?: no| number)?", "DEA"),
        (r"driver s? ?licen[cs]e(?: no| number)?|drivers licen[cs]e(?: no| number)?|driving licen[cs]e|dl (?:no|number)", "DRIVER_LICENSE"),
        (r"passport(?: no| number)?", "PASSPORT"),
        (r"vin|vehicle (?:id|identification)(?: number)?", "VEHICLE"),
        (r"(?:licen[cs]e )?plate(?: no| number)?|vehicle tag", "LICENSE_PLATE"),
        (r"(?:licen[cs]e|certificate|credential|permit)(?: id| no| num| nbr| number)", "LICENSE"),
        (r"mac(?: address)?", "MAC_ADDRESS"),
        (r"(?:device|serial|imei|implant|udi|equipment) ?(?:id|no|number|serial|identifier)?", "DEVICE"),
        (r"(?:ip|ipv4|ipv6)(?: address| addr)?", "IP_ADDRESS"),
        (r"url|web ?site|web page|home ?page|link|profile url", "URL"),
        (r"(?:photo|picture|portrait|image|headshot|avatar)(?: url| file| path)?", "PHOTO"),
        (r"fingerprint|voice ?print|iris|retina|biometric|face ?(?:id|print|template)", "BIOMETRIC"),
        (r"(?:date of birth|birth ?date|birth ?day|dob|born|birth ?year|year of birth|yob)", "BIRTH_DATE"),
        (r"age(?: years| yrs| at \w+)?|\w+ age", "AGE"),
        (r"zip(?: ?code)?|postal ?code|post ?code|postcode|zip ?5|zip ?4", "ZIP_CODE"),
        (r"(?:street|home|mailing|postal|billing|residence|residential|property|work)? ?(?:address|addr)(?: line)?(?: \d)?|street(?: name)?|house (?:no|number)", "ADDRESS"),
        (r"(?<!state )fips|county (?:code|fips)|census (?:tract|block)|tract|block ?group|geo ?id", "LOCATION"),
        (r"city|town|county|municipality|precinct|borough|village|suburb|neighbou?rhood|place of (?:birth|residence)|birth ?place", "CITY"),
        (r"lat|latitude|lon|lng|longitude|geo ?code|geo ?hash|coordinates", "COORDINATES"),
        (r"(?:\w+ )?(?:date|datetime|timestamp|day)(?: of \w+)?|(?:admitted|discharged|created|updated|visited|opened|closed|signed)(?: at| on)?|dod|death date", "DATE_TIME"),
        (r"employer|company|organi[sz]ation|workplace|hospital|clinic|school", "ORGANIZATION"),
        (r"(?:first|last|middle|full|given|family|maiden|sur|applicant|patient|customer|client|borrower|co ?borrower|employee|"
         r"physician|doctor|provider|nurse|officer|spouse|mother|father|parent|guardian|relative|emergency contact|contact|user|person|member|next of kin|insured|account holder|subject)s? ?names?"
         r"|surname|forename|lastname|firstname|fullname|name|spouse|mother|father|guardian|next of kin|emergency contact|physician|doctor", "PERSON"),
        (r"badge|(?:emp|staff|worker|loyalty|membership|ticket|claim|order|invoice|tracking|accession|specimen) ?(?:id|no|num|nbr|number|code)", "ID"),
        (r"(?:record|customer|client|user|person|employee|applicant|application|case|subject|participant|patient|row|student|study|uuid|guid|national|government) ?(?:id|no|num|nbr|number|identifier|key|code)|uuid|guid|user ?name|login|id", "ID"),
        (r"(?:pt|patient|emp|cust|f|l|m) ?(?:nm|name)|nm|first|last|middle|family|given|attending|surgeon|prescriber|provider|referring(?: \w+)?|"
         r"(?:co ?)?(?:applicant|borrower|signer)|manager|supervisor|agent|owner|author|caregiver|witness|attorney|counsel|adjuster|"
         r"underwriter|(?:loan )?officer|patient|customer|client|employee|tenant|landlord|assigned to|reported by|created by", SOMEBODY),
    )
)  # fmt: skip


def name_words(name: str) -> str:
    """A field's name as lower-case words: `applicantName` and `APPLICANT_NAME` give the same."""
    spaced = _CAMEL.sub(" ", normalize(name).text)
    return _NOT_WORD.sub(" ", spaced).strip().lower()


def proposals(name: str) -> Iterator[tuple[str, str]]:
    """The entity types that a field's name suggests, with the words that do; the likeliest first.

    `SOMEBODY` stands for a person where values must decide.
    """
    words = name_words(name)
    for pattern, kind in NAMES:
        if match := pattern.search(words):
            yield kind, match.group().strip()


def type_by_name(name: str) -> str:
    """The likeliest entity type for a field's name; "" if none."""
    return next((kind for kind, _ in proposals(name)), "")
