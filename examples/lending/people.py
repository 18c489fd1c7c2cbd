"""Invented identities for a table that has none, so that the example has something to remove.

Nobody in here exists: names, numbers and addresses come from Faker under a fixed seed. Because the
notes are put together from known parts, it is known where in them an identifier stands: some of
them, drawn at random, are the labelled sample that recall is measured on.
"""

from __future__ import annotations

import random
import re

import pandas as pd
from faker import Faker

from auditkit.deid.detect.recall import Labelled

SEED = 1990
SAMPLE = 400
ABOUT_SAMPLE = (
    f"{SAMPLE} of the notes, drawn at random; their text and labels were generated together from "
    "ten sentence patterns (examples/lending/people.py), in English; no person wrote or labelled "
    "them, so recall on notes that people wrote may be lower."
)

NOTES = (
    "Called {first} {last} on {phone}. Income documents received, file is complete.",
    "{name} asked that we write to {email} from now on.",
    "Met Mr/Ms {last} at {street}; the house is in good repair.",
    "Applicant ({name}, SSN {ssn}) explained the late payments of last spring.",
    "Employer confirmed the position. {first} will send the pay slips this week.",
    "Second application by {last}, {first}. Date of birth {birth_date} checked against licence.",
    "Co-signer discussed by phone, call back {phone} after five.",
    "No contact with the applicant; decision made on the file alone.",
    "Appraisal is above the asking price. Informed {name}.",
    "Insurance was refused once before, says {first}; letter from the insurer is on file.",
)


_KINDS = {
    "first": "PERSON", "last": "PERSON", "name": "PERSON", "ssn": "US_SSN",
    "email": "EMAIL_ADDRESS", "phone": "PHONE_NUMBER", "street": "ADDRESS",
    "birth_date": "BIRTH_DATE",
}  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")


def with_people(applications: pd.DataFrame) -> tuple[pd.DataFrame, list[Labelled]]:
    """The applications with invented identity columns and a loan officer's note in front.

    Returns:
        The table, and a random sample of its notes with every identifier labelled.
    """
    fake = Faker("en_US")
    fake.seed_instance(SEED)
    people, notes = [], []
    for number in range(len(applications)):
        first, last = fake.first_name(), fake.last_name()
        person = {
            "name": f"{first} {last}",
            "ssn": fake.ssn(),
            "email": f"{first}.{last}{number}@{fake.free_email_domain()}".lower(),
            "phone": fake.numerify("617-555-01##"),
            "street": fake.street_address(),
            "birth_date": fake.date_of_birth(minimum_age=21, maximum_age=92).isoformat(),
        }
        pattern = NOTES[fake.random_int(0, len(NOTES) - 1)]
        notes.append(_filled(pattern, {**person, "first": first, "last": last}))
        people.append({**person, "officer_note": notes[-1].text})
    table = pd.concat([pd.DataFrame(people), applications.reset_index(drop=True)], axis="columns")
    return table, random.Random(SEED).sample(notes, min(SAMPLE, len(notes)))


def _filled(pattern: str, values: dict[str, str]) -> Labelled:
    """A note, and where in it which kind of identifier stands."""
    text, done, spans = "", 0, []
    for slot in _SLOT.finditer(pattern):
        text += pattern[done : slot.start()]
        value = values[slot[1]]
        spans.append((len(text), len(text) + len(value), _KINDS[slot[1]]))
        text, done = text + value, slot.end()
    return Labelled(text=text + pattern[done:], spans=tuple(spans))
