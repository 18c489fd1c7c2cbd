"""Invented patients with clinical notes. Nobody in here exists; Faker makes them under a seed."""

from __future__ import annotations

import math
import random
import re
from datetime import date, timedelta

import pandas as pd
from faker import Faker

SEED = 164
AS_OF = date(2026, 11, 24)

# Slots in braces are filled per patient; what fills them is what people would label.
NOTES = (
    (
        "{name} is a {age}-year-old {sex} admitted on {visit} with shortness of breath. "
        "BP 142/88, HR 96. PCP Dr. {doctor}, phone {phone}. Furosemide 40 mg IV started."
    ),
    (
        "MRN {mrn}. Seen with {relation} {relative}, who lives at {street} and helps with "
        "insulin. HbA1c 8.1%."
    ),
    (
        "Pt. {last} called from {phone} on {visit}; asked to fax the results to {fax}. "
        "No fever, no chills."
    ),
    (
        "Follow-up of {first} after knee replacement. Implant serial {serial}. Works at "
        "{employer}; back to work in 6 weeks. Member ID {plan}."
    ),
    "Chest x-ray of {visit} is clear. Troponin 0.01. Discharged home in {city}. E-mail {email}.",
    "{last}, {first} (DOB {birth}) was referred by {doctor}, NPI {npi}. Lisinopril 10 mg daily.",
    "No change since the last visit. Wound is dry, sutures out. Tylenol as needed.",
)
# How much each makes a readmission likelier, in log-odds; invented like everything here.
DIAGNOSES = {"heart failure": 1.3, "diabetes": 0.2, "fracture": -1.0, "asthma": -0.6}
ABOUT_SAMPLE = (
    "the notes of the table themselves; their text and labels were generated together from seven "
    "sentence patterns (examples/hospital/patients.py), in English; no person wrote or labelled "
    "them, so recall on notes that people wrote may be lower."
)
_SLOT = re.compile(r"\{(\w+)\}")
_KIND_OF = {
    "name": "PERSON", "first": "PERSON", "last": "PERSON", "doctor": "PERSON",
    "relative": "PERSON", "visit": "DATE_TIME", "birth": "DATE_TIME", "phone": "PHONE_NUMBER",
    "fax": "FAX_NUMBER", "mrn": "MEDICAL_RECORD", "street": "ADDRESS", "serial": "DEVICE",
    "employer": "ORGANIZATION", "plan": "HEALTH_PLAN", "city": "CITY", "email": "EMAIL_ADDRESS",
    "npi": "NPI",
}  # fmt: skip


def _spoken(day: date, number: int) -> str:
    """A date as different people write it."""
    forms = ("%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%Y-%m-%d")
    return day.strftime(forms[number % len(forms)])


def hospital(rows: int = 400) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """A table of visits, and its notes with every identifier labelled.

    Args:
        rows: Number of visits, >= 1.
    """
    fake = Faker("en_US")
    fake.seed_instance(SEED)
    chance = random.Random(SEED)
    table, labelled = [], []
    for number in range(rows):
        first, last = fake.first_name(), fake.last_name()
        born = fake.date_between_dates(AS_OF - timedelta(days=37_200), AS_OF - timedelta(days=365))
        visit = AS_OF - timedelta(days=fake.random_int(1, 900))
        slots = {
            "name": f"{first} {last}",
            "first": first,
            "last": last,
            "age": str((visit - born).days // 365),
            "sex": ("female", "male")[number % 2],
            "visit": _spoken(visit, number),
            "birth": _spoken(born, number + 1),
            "doctor": fake.name_female(),
            "relation": fake.random_element(("her daughter", "his wife", "a neighbour", "her son")),
            "relative": fake.first_name(),
            "street": fake.street_address().replace("\n", ", "),
            "city": fake.city(),
            "phone": fake.numerify("(617) 555-01##"),
            "fax": fake.numerify("617-555-01##"),
            "mrn": fake.numerify("44#####"),
            "serial": fake.bothify("??#######").upper(),
            "employer": fake.company(),
            "plan": fake.bothify("???-#####-##").upper(),
            "email": f"{first}.{last}{number}@example.com".lower(),
            "npi": "1234567893",
        }
        zip_code = fake.random_element(("02139", "02140", "03601", "10001", "60614"))
        diagnosis = fake.random_element(tuple(DIAGNOSES))
        stay = fake.random_int(0, 14)
        admission = chance.choice(("emergency", "planned"))
        note, spans = _filled(NOTES[number % len(NOTES)], slots)
        labelled.append({"text": note, "spans": spans})
        table.append(
            {
                "patient_name": slots["name"],
                "mrn": slots["mrn"],
                "birth_date": born.isoformat(),
                "sex": slots["sex"],
                "zip": zip_code,
                "phone": slots["phone"],
                "email": slots["email"],
                "visit_date": visit.isoformat(),
                "diagnosis": diagnosis,
                "length_of_stay": stay,
                "admission": admission,
                "readmitted": _readmitted(chance, diagnosis, stay, admission, (visit - born).days),
                "note": note,
            }
        )
    return pd.DataFrame(table), labelled


def _readmitted(
    chance: random.Random, diagnosis: str, stay_days: int, admission: str, age_days: int
) -> str:
    """Whether the patient comes back within a month, drawn by the log-odds of what is known."""
    log_odds = DIAGNOSES[diagnosis] + 0.25 * (stay_days - 7) + 0.03 * (age_days / 365 - 55)
    log_odds += 0.9 if admission == "emergency" else -0.9
    return "yes" if chance.random() < 1 / (1 + math.exp(-log_odds)) else "no"


def _filled(template: str, slots: dict[str, str]) -> tuple[str, list[dict[str, object]]]:
    text, done, spans = "", 0, []
    for match in _SLOT.finditer(template):
        text += template[done : match.start()]
        value = slots[match[1]]
        if match[1] in _KIND_OF:
            spans.append(
                {"start": len(text), "end": len(text) + len(value), "kind": _KIND_OF[match[1]]}
            )
        text += value
        done = match.end()
    return text + template[done:], spans
