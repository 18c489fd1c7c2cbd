"""Entity types, and the eighteen classes of the Safe Harbor rule that they belong to.

An entity type is what a recognizer finds, by Presidio's name (`PERSON`, `US_SSN`). A class is the
letter of 45 CFR 164.514(b)(2)(i) under which it must be removed. Every class has at least one type.
Plans and spans call the type `kind`.

Example:
    >>> class_of("US_SSN"), CLASSES["G"]
    ('G', 'Social Security numbers')
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CLASSES: Final = MappingProxyType(
    {
        "A": "Names",
        "B": "Geographic subdivisions smaller than a state",
        "C": "Dates except the year, and ages over 89",
        "D": "Telephone numbers",
        "E": "Fax numbers",
        "F": "E-mail addresses",
        "G": "Social Security numbers",
        "H": "Medical record numbers",
        "I": "Health-plan beneficiary numbers",
        "J": "Account numbers",
        "K": "Certificate and licence numbers",
        "L": "Vehicle identifiers and plates",
        "M": "Device identifiers and serial numbers",
        "N": "Web addresses",
        "O": "IP addresses",
        "P": "Biometric identifiers",
        "Q": "Full-face photographs",
        "R": "Any other unique number, characteristic or code",
    }
)

# entity type -> (class, in words). The first of a class is the usual one.
_TYPES: Final = MappingProxyType(
    {
        "PERSON": ("A", "a name"),
        "ORGANIZATION": ("A", "the name of an employer or another organization"),
        "ADDRESS": ("B", "a street address or part of one"),
        "LOCATION": ("B", "a place"),
        "CITY": ("B", "a city, town or county"),
        "ZIP_CODE": ("B", "a postal code"),
        "COORDINATES": ("B", "a position on the globe"),
        "DATE_TIME": ("C", "a date"),
        "BIRTH_DATE": ("C", "a date of birth"),
        "AGE": ("C", "an age"),
        "PHONE_NUMBER": ("D", "a telephone number"),
        "FAX_NUMBER": ("E", "a fax number"),
        "EMAIL_ADDRESS": ("F", "an e-mail address"),
        "US_SSN": ("G", "a Social Security number"),
        "MEDICAL_RECORD": ("H", "a medical record number"),
        "HEALTH_PLAN": ("I", "a health-plan beneficiary number"),
        "ACCOUNT": ("J", "an account number"),
        "CREDIT_CARD": ("J", "a payment card number"),
        "IBAN_CODE": ("J", "an international bank account number"),
        "ROUTING_NUMBER": ("J", "a bank routing number"),
        "CRYPTO": ("J", "a crypto-currency address"),
        "LICENSE": ("K", "a certificate or licence number"),
        "DRIVER_LICENSE": ("K", "a driver's licence number"),
        "PASSPORT": ("K", "a passport number"),
        "NPI": ("K", "a National Provider Identifier"),
        "DEA": ("K", "a DEA registration number"),
        "VEHICLE": ("L", "a vehicle identification number"),
        "LICENSE_PLATE": ("L", "a licence plate"),
        "DEVICE": ("M", "a device identifier or serial number"),
        "MAC_ADDRESS": ("M", "a network interface address"),
        "URL": ("N", "a web address"),
        "IP_ADDRESS": ("O", "an IP address"),
        "BIOMETRIC": ("P", "a biometric identifier"),
        "PHOTO": ("Q", "a photograph or a link to one"),
        "ID": ("R", "a unique number or code"),
        "TAX_ID": ("R", "a taxpayer number"),
    }
)
ENTITY_TYPES: Final = tuple(_TYPES)

# Other names that recognizers use.
_ALIASES: Final = MappingProxyType(
    {
        "AGE_OVER_89": "AGE",
        "DOMAIN_NAME": "URL",
        "GPE": "LOCATION",
        "MEDICAL_LICENSE": "DEA",
        "STREET_ADDRESS": "ADDRESS",
        "TITLE": "PERSON",
        "US_BANK_NUMBER": "ACCOUNT",
        "US_DRIVER_LICENSE": "DRIVER_LICENSE",
        "ABA_ROUTING_NUMBER": "ROUTING_NUMBER",
        "US_ITIN": "TAX_ID",
        "US_MBI": "HEALTH_PLAN",
        "US_NPI": "NPI",
        "US_PASSPORT": "PASSPORT",
    }
)


def entity_type_named(name: str) -> str:
    """The entity type of a recognizer's name for it; an unknown name is a unique code, `ID`."""
    entity_type = _ALIASES.get(name, name)
    return entity_type if entity_type in _TYPES else "ID"


def is_entity_type(name: str) -> bool:
    """Whether a name is that of an entity type, or a recognizer's name for one."""
    return _ALIASES.get(name, name) in _TYPES


def class_of(entity_type: str) -> str:
    """The Safe Harbor letter of an entity type.

    Raises:
        KeyError: If there is no such type.
    """
    return _TYPES[entity_type][0]


def describe(entity_type: str) -> str:
    """An entity type in words, with its article: `a name`."""
    return _TYPES[entity_type][1]
