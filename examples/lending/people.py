"""Invented identities for a table that has none, so that the example has something to remove.

Nobody in here exists: names, numbers and addresses come from Faker under a fixed seed.
"""

from __future__ import annotations

import pandas as pd
from faker import Faker

SEED = 1990

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


def with_people(applications: pd.DataFrame) -> pd.DataFrame:
    """The applications with invented identity columns and a loan officer's note in front."""
    fake = Faker("en_US")
    fake.seed_instance(SEED)
    people = []
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
        note = NOTES[fake.random_int(0, len(NOTES) - 1)]
        person["officer_note"] = note.format(**person, first=first, last=last)
        people.append(person)
    return pd.concat([pd.DataFrame(people), applications.reset_index(drop=True)], axis="columns")
