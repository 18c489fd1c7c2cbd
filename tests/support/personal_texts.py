"""Invented texts with every identifier labelled, to measure a detector on what it was not made for.

Nobody in here exists: Faker makes them under a seed. Slots in braces are filled from one person's
record, so a name comes back in one text as it would in life; what fills a slot is the label. Four
sets: clinical notes, disguised spellings, business texts, and texts with nothing to find. Every set
is made from two halves of templates: half 0 was looked at while the rules were mended, half 1 never.
"""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from typing import Final

from faker import Faker

from auditkit.deid.detect.recall import Labelled

NEUTRAL: Final = "NEUTRAL"  # neither an identifier by the rule nor wrong to take out
_SLOT = re.compile(r"\{(\w+)\}")
_LOCALES = (
    "en_US",
    "en_GB",
    "es_MX",
    "de_DE",
    "fr_FR",
    "pl_PL",
    "it_IT",
    "en_IN",
    "tr_TR",
    "sv_SE",
)
_WORD_NAMES = (
    "Mark Hope", "April May", "Grant Long", "Rose Young", "Will Banks", "Faith Stone", "Bill Rich",
    "Summer Fields", "Dale Brook", "Joy Wise", "Chase Parker", "Dawn Winter", "Jack Frost",
)  # fmt: skip
_OTHER_NAMES = (
    "Siobh\u00e1n O\u2019Reilly", "Jos\u00e9 Nu\u00f1ez", "Bj\u00f6rn \u00c5kesson", "Nguy\u1ec5n Th\u1ecb Mai",
    "Fran\u00e7oise Lef\u00e8vre", "Aoife N\u00ed Dhomhnaill", "Zolt\u00e1n K\u0151v\u00e1ri", "D\u2019Angelo Russo-Bianchi",
    "Olu\u1e63eun Adey\u1eb9mi", "\u0141ukasz W\u00f3jcik", "Chukwuemeka Obi", "Hyun-woo Park", "Xiu Ying Zhao",
    "Priyanka Venkataraman", "Abdulrahman al-Farsi", "Wanjiru Kamau", "Tama\u0161 Dvo\u0159\u00e1k", "Mar\u00eda del Carmen Ortiz",
)  # fmt: skip
_HOSPITALS = (
    "Mercy General Hospital", "St. Luke's Medical Center", "Lakeside Clinic", "Northfield Community Hospital",
    "Riverside Rehabilitation Center", "Beth Shalom Hospital", "Harbor View Nursing Home",
)  # fmt: skip


class Person:
    """One invented person: what fills the slots of a text."""

    def __init__(self, rng: random.Random, fakes: dict[str, Faker]) -> None:
        self._rng = rng
        self._fakes = fakes
        self._here = fakes["en_US"]
        self._known: dict[str, tuple[str, str]] = {}

    def slot(self, name: str) -> tuple[str, str]:
        """The kind and value of a slot; the same slot holds the same value all through a text."""
        if name not in self._known:
            self._known[name] = getattr(self, "_" + name.rstrip("0123456789"))()
        return self._known[name]

    def _digits(self, n: int) -> str:
        return str(self._rng.randint(1, 9)) + "".join(self._rng.choices("0123456789", k=n - 1))

    def _day(self) -> date:
        return date(2019, 1, 1) + timedelta(days=self._rng.randint(0, 2500))

    def _anyone(self) -> tuple[str, str]:
        fake = self._fakes[self._rng.choice(_LOCALES)]
        return fake.first_name(), fake.last_name()

    def _first(self):
        self._given, self._family = self._anyone()
        return "PERSON", self._given

    def _last(self):
        self.slot("first")
        return "PERSON", self._family

    def _name(self):
        return "PERSON", f"{self.slot('first')[1]} {self.slot('last')[1]}"

    def _initials(self):
        return "PERSON", f"{self.slot('first')[1][0]}. {self.slot('last')[1][0]}."

    def _listed(self):
        return "PERSON", f"{self.slot('last')[1]}, {self.slot('first')[1]}"

    def _caps(self):
        return "PERSON", self.slot("name")[1].upper()

    def _lower(self):
        return "PERSON", self.slot("name")[1].lower()

    def _doctor(self):
        return "PERSON", " ".join(self._anyone())

    def _family_name(self):
        return "PERSON", self._anyone()[1]

    def _signed(self):
        given, family = self._anyone()
        return "PERSON", f"{given[0]}. {family}"

    def _relative(self):
        return "PERSON", self._anyone()[0]

    def _wordname(self):
        return "PERSON", self._rng.choice(_WORD_NAMES)

    def _othername(self):
        return "PERSON", self._rng.choice(_OTHER_NAMES)

    def _hospital(self):
        return "ORGANIZATION", self._rng.choice(_HOSPITALS)

    def _employer(self):
        return "ORGANIZATION", self._here.company()

    def _street(self):
        return "ADDRESS", self._here.street_address()

    def _city(self):
        return "CITY", self._here.city()

    def _town(self):
        return "CITY", self._fakes[self._rng.choice(("de_DE", "fr_FR", "en_GB", "pl_PL"))].city()

    def _county(self):
        return "CITY", f"{self._here.last_name()} County"

    def _state(self):
        return NEUTRAL, self._here.state()

    def _st(self):
        return NEUTRAL, self._here.state_abbr()

    def _zip(self):
        return "ZIP_CODE", self._here.postcode()

    def _mrn(self):
        return "MEDICAL_RECORD", self._rng.choice(
            (
                self._digits(7),
                self._digits(8),
                "M" + self._digits(6),
                f"{self._digits(3)}-{self._digits(2)}-{self._digits(3)}",
            )
        )

    def _account(self):
        return "ACCOUNT", self._rng.choice(
            (self._digits(10), self._digits(4) + "-" + self._digits(6))
        )

    def _plan(self):
        return "HEALTH_PLAN", self._rng.choice(
            (
                "XQH" + self._digits(9),
                self._digits(9) + "A",
                f"H{self._digits(4)}-{self._digits(3)}",
            )
        )

    def _phone(self):
        return "PHONE_NUMBER", self._telephone()

    def _fax(self):
        return "FAX_NUMBER", self._telephone()

    def _pager(self):
        return "PHONE_NUMBER", self._rng.choice((f"555-{self._digits(4)}", self._telephone()))

    def _telephone(self) -> str:
        a, b, c = self._digits(2) + "7", "555", self._digits(4)
        a = str(max(2, int(a[0]))) + a[1:]
        return self._rng.choice(
            (f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"{a}.{b}.{c}", f"+1 {a} {b} {c}", f"{a} {b} {c}")
        )

    def _birth(self):
        day = self._day().replace(year=self._rng.randint(1925, 2004))
        return "DATE_TIME", self._written(day)

    def _visit(self):
        return "DATE_TIME", self._written(self._day())

    def _short(self):
        day = self._day()
        return "DATE_TIME", f"{day.month}/{day.day}"

    def _prose(self):
        day = self._day()
        ordinal = f"{day.day}{'th' if 4 <= day.day <= 20 or 24 <= day.day <= 30 else ('st', 'nd', 'rd')[day.day % 10 - 1]}"
        return "DATE_TIME", self._rng.choice(
            (
                f"the {ordinal} of {day:%B}",
                f"{day:%B} {ordinal}",
                f"{day:%B} {day.day}, {day.year}",
                f"{day.day} {day:%b} {day.year}",
            )
        )

    def _written(self, day: date) -> str:
        return day.strftime(
            self._rng.choice(
                ("%m/%d/%Y", "%Y-%m-%d", "%B %d, %Y", "%d %b %Y", "%m/%d/%y", "%d.%m.%Y")
            )
        )

    def _old(self):
        return "AGE", str(self._rng.randint(90, 104))

    def _age(self):
        return NEUTRAL, str(self._rng.randint(19, 88))

    def _serial(self):
        return "DEVICE", self._rng.choice(
            (
                f"SN{self._digits(7)}",
                f"PX-{self._digits(4)}-{self._digits(3)}",
                self._digits(8) + "B",
            )
        )

    def _vin(self):
        return "VEHICLE", self._here.vin()

    def _plate(self):
        return "LICENSE_PLATE", self._here.license_plate()

    def _ssn(self):
        return "US_SSN", self._here.ssn()

    def _email(self):
        given, family = self.slot("first")[1], self.slot("last")[1]
        plain = re.sub(r"[^a-z.]", "", f"{given}.{family}".lower()) or "reader"
        return (
            "EMAIL_ADDRESS",
            f"{plain}{self._rng.randint(1, 99)}@{self._rng.choice(('example.com', 'example.org', 'mail.example.net'))}",
        )

    def _user(self):
        return "PERSON", re.sub(r"\W", "", self.slot("first")[1][0] + self.slot("last")[1]).lower()

    def _url(self):
        return "URL", f"https://portal.example.org/patients/{self._digits(6)}"

    def _ip(self):
        return "IP_ADDRESS", self._here.ipv4_public()

    def _licence(self):
        return "LICENSE", f"{self._here.state_abbr()}{self._digits(6)}"

    def _dl(self):
        return "DRIVER_LICENSE", f"{self._rng.choice('ABCDEFGH')}{self._digits(7)}"

    def _card(self):
        return "CREDIT_CARD", self._here.credit_card_number("visa")

    def _iban(self):
        return "IBAN_CODE", self._fakes["de_DE"].iban()

    def _npi(self):
        return "NPI", "1" + self._digits(9)

    def _order(self):
        return "ID", f"{self._rng.choice('ABKR')}-{self._digits(6)}"


CLINICAL: Final = (
    (
        "DISCHARGE SUMMARY\nPatient: {name}\nMRN: {mrn}   DOB: {birth}\nAdmitted: {visit}  Discharged: {visit2}\n"
        "Attending: Dr. {doctor}\n\nHISTORY OF PRESENT ILLNESS: {last} is a {age} y/o male with COPD and CHF who came to "
        "{hospital} with three days of dyspnea. His wife {relative} noted leg swelling since {short}.\n"
        "MEDICATIONS: Lasix 40 mg daily, metoprolol 25 mg BID.\nFOLLOW-UP: Dr. {family_name} in 2 weeks, phone {phone}.",
        "Pt {initials} is a {old} year old woman transferred from {hospital} on {prose}. Lives with her daughter {relative} "
        "in {city}, {state}. Hx of CVA, HTN, T2DM. A&O x3. BP 138/76.\nPCP: {doctor}, MD. Fax {fax}. Pager {pager}.",
        "NURSING NOTE {visit} 0715\nPt resting, no c/o pain. Daughter {relative} at bedside, asks to be called at {phone}. "
        "Foley 400 ml. IV in left AC. Report given to {signed}, RN. Ward 4B, bed 12.",
        "OPERATIVE REPORT\nSURGEON: {doctor}\nASSISTANT: {doctor2}\nANESTHESIA: general, Dr. {family_name}\nPROCEDURE: Left total hip "
        "arthroplasty on {visit}.\nIMPLANT: cup serial {serial}, stem serial {serial2}.\nEBL 250 ml. No complications.",
        "Thank you for referring {name}, whom I saw on {prose}. She works at {employer} and lives at {street}, {city}, {st} {zip}. "
        "Her brother {relative} had colon cancer at 48. Colonoscopy was normal.\nSincerely,\n{doctor}, M.D.\nNPI {npi}",
        "RADIOLOGY\nNAME: {caps}\nACCESSION: {order}\nDOB {birth}\nCT head without contrast, compared with {visit}. No bleed. "
        "Findings discussed with Dr. {family_name} by phone at 14:20 on {visit2}.",
        "SOCIAL HISTORY: {first} is divorced, works for {employer}, drinks socially. Emergency contact: {doctor} (sister), {phone}. "
        "Insurance member ID {plan}, SSN {ssn}.",
        "ED triage: {age}yo F, brought by EMS from {street}. Son {relative} states she fell. GCS 15. Family name {last}. "
        "Seen by {signed} PA-C, then {signed2}, MD.",
    ),
    (
        "PSYCHIATRY CONSULT\nRequested by: {doctor}, MD\nPatient name: {listed}\nMed rec no. {mrn}\nDate of service {visit}\n"
        "{first} reports low mood since her mother {relative} died in {prose}. Denies SI. Sertraline 50 mg. Therapist: {doctor2}.",
        "Mr. {last} ({age}M) called the clinic {short} re: his pacemaker (serial no. {serial}). He now lives in {county} with "
        "his son {relative}. Device check at {hospital} on {prose}. Cell: {phone}",
        "ASSESSMENT AND PLAN\n1. Pneumonia: ceftriaxone day 3. Cultures from {short} negative.\n2. Dispo: to {hospital} when bed "
        "available, d/w daughter {relative} ({phone}).\nE-signed {doctor}, DO on {visit} at 08:12. Dictated by {signed}.",
        "{caps} | {birth} | {mrn}\nCC: chest pain. 57 y/o. Former smoker. Troponin 0.02, EKG NSR at 72. Cardiology (Dr. {family_name}) "
        "aware. Home phone {phone}, fax for pharmacy {fax}.",
        "Home visit to {name} at {street}, {city}. Aged {old}, deaf, cared for by neighbor {doctor}. Glucose meter s/n {serial}. "
        "Next visit {prose}. Medicare number on file {plan}.",
        "Hospice intake: {first} {last}, age {old}, prefers to be called {relative}. POA is nephew {doctor}, {email}. "
        "Funeral home chosen. DNR signed {visit}.",
        "Pathology {order}: specimen of {listed}, received {visit} from {doctor}. Invasive ductal carcinoma, ER 95 %, PR 80 %. "
        "cc {doctor2}; {hospital}, {city}.",
        "LETTER TO EMPLOYER: {employer}. To whom it may concern, {name} (born {birth}) was under my care from {visit} to {visit2} "
        "and may return to light duty. License no. {licence}. Dr. {doctor}",
    ),
)  # fmt: skip

BUSINESS: Final = (
    (
        "hi this is {name}, my order {order} never came. can u call me on {phone}? thx",
        "From: {name} <{email}>\nTo: support@example.com\nSubject: change of address\n\nHello,\nI moved to {street}, {city}, {st} {zip}. "
        "Please update account {account}.\n\nBest regards,\n{first}\n--\n{name}\nOperations, {employer}\nT: {phone}  F: {fax}",
        '{"id": 71, "customer": {"first_name": "{first}", "last_name": "{last}", "phone": "{phone}", "email": "{email}"}, "total": 129.90}',
        "Name: {name}\nDate of birth: {birth}\nAddress: {street}\nCity: {city}\nZIP: {zip}\nDriver's license: {dl}\nEmployer: {employer}",
        "2024-05-06T10:12:44Z INFO login user={user} ip={ip} session=ok latency=31ms",
        "Dear Ms. {last},\nYour application of {visit} was declined. Income of $52,000 could not be verified with {employer}. "
        "Call {doctor} at {phone}.\nYours, {doctor2}",
        "agent: thanks for waiting, who am I speaking with?\ncaller: {lower}\nagent: and your date of birth?\ncaller: {birth}",
        "{listed};{birth};{street};{city};{zip};{phone};active;3",
        "Meeting notes: {first} to send the deck by Friday, {relative} to ask {doctor} about budget. {employer} signed on {visit}.",
        "Payment of 240.00 EUR to {name}, IBAN {iban}, reference {order}.",
    ),
    (
        "@{first} could you look at ticket {order}? {doctor} from {employer} says the card {card} was charged twice",
        "Applicant: {caps}\nCo-applicant: {doctor}\nSSN: {ssn}\nVehicle: 2019 Honda, VIN {vin}, plate {plate}\nLoan no. {account}",
        "id,name,email,city,amount\n17,{name},{email},{city},88.20\n18,{doctor},{email2},{city},12.00",
        "Good morning {first}, it is {relative} from the front desk. Your parcel is at {street}. Ring me back: {phone}.",
        'ERROR payment failed {"payer":"{name}","card":"{card}","ip":"{ip}"} retry=3',
        "MEMORANDUM\nTO: {doctor}\nFROM: {doctor2}\nRE: transfer of {name}\nDATE: {visit}\n\n{last} will join the {city} office on {prose}.",
        "I, {name}, residing at {street}, {city}, {st} {zip}, authorize {employer} to debit account {account}. Signed {visit}.",
        "Kind regards\n\n{doctor}\nSenior Counsel | {employer}\n{street}, {city}\nm {phone} | {email}",
        "User {name} ({user}) changed the password from {ip}; see {url}",
        "pls tell {relative} and {relative2} that {lower} is out sick til monday, her # is {phone}",
    ),
)  # fmt: skip

DISGUISED: Final = (
    (
        ("Please call {name} today about the claim.", "name", "zero-width"),
        ("My social is {ssn}, thanks.", "ssn", "spaced"),
        ("The account holder is {name} and lives in {city}.", "name", "look-alike"),
        ("SSN {ssn}; call {phone}.", "ssn", "full-width"),
        ("the claim of {lower} was paid last week", None, ""),
        ("NOTE: {caps} DID NOT SHOW UP FOR THE APPOINTMENT", None, ""),
        ("write to me at {email} please", "email", "at-dot"),
        ("The letter was signed by {othername} on Monday.", None, ""),
        ("We met with {wordname} about the loan.", None, ""),
        ("The report mentions {name}, the co-owner.", "name", "line-broken"),
        ("ring {phone} after six", "phone", "spaced"),
    ),
    (
        ("Payment is for {name}, as agreed.", "name", "soft-hyphen"),
        ("card {card} expires soon", "card", "spaced"),
        ("Contact {name} or {doctor} for access.", "name", "full-width"),
        ("i spoke to {lower} and her mother {relative} yesterday", None, ""),
        ("FINAL NOTICE TO {caps}: BALANCE DUE", None, ""),
        ("email is {email} ok", "email", "brackets"),
        ("Dr. {othername} will see you now, said {othername2}.", None, ""),
        ("{wordname} signed; {wordname2} did not.", None, ""),
        ("ssn: {ssn}", "ssn", "dotted"),
        ("born {birth}, phone {phone}", "phone", "zero-width"),
        ("The invoice went to {name} in March.", "name", "spaced-letters"),
    ),
)  # fmt: skip

NOTHING: Final = (
    (
        "Parkinson's disease and Bell's palsy were ruled out. Babinski negative, Romberg positive.",
        "Start Lipitor 20 mg, Zoloft 50 mg and Synthroid 88 mcg. Stop Plavix before surgery.",
        "WBC 11.2, Hgb 13.4, Plt 210, Na 139, K 4.1, Cr 0.9, INR 1.1, HbA1c 6.8%.",
        "ICD-10: E11.9, I10, J44.1, Z79.4. CPT 99213. LOINC 4548-4.",
        "Version 2.14.3 fixes 17 bugs; upgrade from 2.13.x takes 5 minutes.",
        "The oven heats to 250 degrees in 8 minutes and comes with a 2 year warranty.",
        "Revenue grew 12.5% to $4.2 million, margins were flat at 31.0%.",
        "Set batch_size=64, lr=3e-4, epochs=10; accuracy 0.913 on 12,000 rows.",
        "Turkey is best roasted slowly; serve with a Caesar salad and French fries.",
        "Alzheimer's, Crohn's and Hodgkin's are eponyms. Cushing's syndrome too.",
        "Glasgow Coma Scale 14, Apgar 8 and 9, NYHA class II, Gleason 3+4.",
        "The committee will decide whether the rule may apply to small lenders.",
    ),
    (
        "Apply Neosporin twice a day. Continue Humalog 6 units and Lantus 18 units at bedtime.",
        "Foley catheter removed, Kerlix dressing in place, Jackson-Pratt drain 30 ml.",
        "Debt-to-income 0.36, loan-to-value 0.80, term 360 months, rate 6.125%.",
        "The jacket has four pockets, weighs 310 g and is washable at 30 C.",
        "Error 404: resource not found. Retry in 30 s or raise the limit to 500.",
        "Graves' disease, Hashimoto's thyroiditis and Addison's disease were considered.",
        "Dow fell 1.3% and crude rose to 81.20 a barrel.",
        "Use the Python 3.11 wheel, NumPy 2.4 and pandas 3.1.",
        "Vitals: T 98.6, HR 72, RR 16, BP 120/80, SpO2 98% on 2 L.",
        "A Bayesian network and a Markov chain were fitted with Gibbs sampling.",
        "Doppler ultrasound shows patent Fontan circuit; Swan-Ganz not needed.",
        "Press the red button for three seconds until the lamp blinks twice.",
    ),
)  # fmt: skip

_TWINS = str.maketrans(
    "aeopcyxABEKMHOPCTX",
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425",
)
_WIDE = {i: i + 0xFEE0 for i in range(0x21, 0x7F)}


def _disguise(value: str, how: str, rng: random.Random) -> str:
    middle = max(1, len(value) // 3)
    match how:
        case "zero-width":
            return "\u200b".join(value)
        case "soft-hyphen":
            return value[:middle] + "\u00ad" + value[middle:]
        case "spaced":
            return " ".join(value.replace(" ", "").replace("-", ""))
        case "spaced-letters":
            return "  ".join(" ".join(word) for word in value.split())
        case "dotted":
            return value.replace("-", ".")
        case "look-alike":
            return "".join(c.translate(_TWINS) if i % 2 else c for i, c in enumerate(value))
        case "full-width":
            return value.translate(_WIDE)
        case "at-dot":
            return value.replace("@", " at ").replace(".", " dot ")
        case "brackets":
            return value.replace("@", " [at] ").replace(".", "(dot)")
        case "line-broken":
            first, _, rest = value.partition(" ")
            cut = max(2, len(rest) // 2)
            return (
                f"{first}\n{rest}" if rng.random() < 0.5 else f"{first} {rest[:cut]}-\n{rest[cut:]}"
            )
        case _:
            return value


def _text(
    template: str, person: Person, slot: str | None, how: str, rng: random.Random
) -> Labelled:
    parts: list[str] = []
    spans: list[tuple[int, int, str]] = []
    length = done = 0
    for match in _SLOT.finditer(template):
        before = template[done : match.start()]
        kind, value = person.slot(match[1])
        if slot and match[1] == slot:
            value = _disguise(value, how, rng)
        parts += [before, value]
        length += len(before)
        spans.append((length, length + len(value), kind))
        length += len(value)
        done = match.end()
    parts.append(template[done:])
    return Labelled(text="".join(parts), spans=tuple(spans))


def texts_of(name: str, half: int, n: int, *, seed: int = 7) -> list[Labelled]:
    """Labelled texts of one set.

    Args:
        name: `clinical`, `business`, `disguised` or `nothing`.
        half: 0 or 1, which half of the templates.
        n: Number of texts; templates are used in turn.
        seed: Of everything that is drawn.
    """
    rng = random.Random(f"{name} {half} {seed}")
    fakes = {locale: Faker(locale) for locale in _LOCALES}
    for fake in fakes.values():
        fake.seed_instance(rng.randint(0, 2**31))
    if name == "nothing":
        return [Labelled(text=text, spans=()) for text in NOTHING[half][:n]]
    templates: tuple = {"clinical": CLINICAL, "business": BUSINESS, "disguised": DISGUISED}[name][
        half
    ]
    made = []
    for i in range(n):
        chosen = templates[i % len(templates)]
        template, slot, how = chosen if isinstance(chosen, tuple) else (chosen, None, "")
        made.append(_text(template, Person(rng, fakes), slot, how, rng))
    return made
