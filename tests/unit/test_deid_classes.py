"""Each identifier class of 45 CFR 164.514(b)(2)(i): what must go, what looks like it and stays.

The rules alone are asked, without the models: a class must not hang on a model's mood.
"""

import pytest

from auditkit.deid import Deidentifier
from auditkit.deid.vocabulary.entity_types import CLASSES, class_of

# Class, text, what must be found in it as that class.
FOUND = [
    ("A", "Mr. Okonkwo-Reyes was seen.", "Okonkwo-Reyes"),
    ("A", "His wife Susan called.", "Susan"),
    ("A", "Surgeon: \u0141ucja \u017b\u00f3\u0142\u0107", "\u0141ucja \u017b\u00f3\u0142\u0107"),
    ("A", "Given by K. Tlustek, RN at noon.", "K. Tlustek"),
    ("A", "She works at Acme Widgets Inc since May.", "Acme Widgets Inc"),
    ("A", "Consultants: Okonkwo, Cardiology; Ray, Nephrology", "Ray"),
    ("A", "Great-granddaughter Poppy visits.", "Poppy"),
    ("A", "2. LINDGREN/STEN MR", "LINDGREN/STEN"),
    ("A", "PID|1||QUISPE^ROSARIO^M", "QUISPE^ROSARIO^M"),
    ("A", "Pa Houa Vang, 63, fell.", "Pa Houa Vang"),
    ("A", "owed by D e l g a d o", "D e l g a d o"),
    ("A", "a barista at Copper Kettle", "Copper Kettle"),
    ("B", "Montr\u00e9al H2X 1K9", "H2X 1K9"),
    ("B", "bought on Quarry Ridge Rd", "Quarry Ridge Rd"),
    ("C", "period 01/04/24-03/03/24", "01/04/24-03/03/24"),
    ("C", "born 14-III-1951", "14-III-1951"),
    ("C", "Irma is ninety one.", "ninety one"),
    ("C", "He was 97.", "97"),
    ("D", "pager 31877", "31877"),
    ("D", "call six one seven 555 0188", "six one seven 555 0188"),
    ("D", "07911 123456", "07911 123456"),
    ("F", "k a r e n @ e x a m p l e . c o m", "k a r e n @ e x a m p l e . c o m"),
    ("F", "ann&#64;example&#46;org", "ann&#64;example&#46;org"),
    ("F", "?to=ann%40example.org", "ann%40example.org"),
    ("G", "her last four 4471", "4471"),
    ("J", "card ending in 4242", "4242"),
    ("J", "4111 1111 1111 1111 12/27", "4111 1111 1111 1111"),
    ("J", "IBAN: IE29 AIBK 9311 5212 3456 78 BIC X", "IE29 AIBK 9311 5212 3456 78"),
    (
        "J",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ),
    ("L", "VIN: 1HG CM8 263 3A0 04352", "1HG CM8 263 3A0 04352"),
    ("N", "hxxps://portal[.]example[.]com/u/44", "hxxps://portal[.]example[.]com/u/44"),
    ("O", "203[.]0[.]113[.]9", "203[.]0[.]113[.]9"),
    ("R", "NI number QQ 12 34 56 C", "QQ 12 34 56 C"),
    ("R", "specimen SP-24-00931", "SP-24-00931"),
    ("R", "Band number 77120-A", "77120-A"),
    ("B", "Lives at 12 Elm Street.", "12 Elm Street"),
    ("B", "Springfield, IL 62704", "IL 62704"),
    ("B", "P.O. Box 1182", "P.O. Box 1182"),
    ("B", "at 42.36012, -71.05891", "42.36012, -71.05891"),
    ("C", "admitted 03/14/2023", "03/14/2023"),
    ("C", "on the 5th of May, 2021", "5th of May"),
    ("C", "since the third of March", "third of March"),
    ("C", "swelling since 3/8", "3/8"),
    ("C", "collected 15MAR2024", "15MAR2024"),
    ("C", "a 93 y/o woman", "93"),
    ("C", "94F with fever", "94"),
    ("C", "ninety-four year old", "ninety-four"),
    ("C", "well into her nineties", "nineties"),
    ("C", "a centenarian", "centenarian"),
    ("D", "call 617-555-0188", "617-555-0188"),
    ("D", "+44 20 7946 0958", "+44 20 7946 0958"),
    ("D", "ring 6 1 7 5 5 5 0 1 8 8", "6 1 7 5 5 5 0 1 8 8"),
    ("E", "Fax: 617-555-0199", "617-555-0199"),
    ("E", "617-555-0199 (fax)", "617-555-0199"),
    ("F", "to ann.lee@example.com", "ann.lee@example.com"),
    ("F", "ann dot lee at example dot com", "ann dot lee at example dot com"),
    ("F", "ann (at) example (dot) com", "ann (at) example (dot) com"),
    ("F", "ann[at]example.com", "ann[at]example.com"),
    ("G", "SSN 123-45-6789", "123-45-6789"),
    ("G", "ssn 123456789", "123456789"),
    ("G", "XXX-XX-6789", "6789"),
    ("H", "MRN: 4471023", "4471023"),
    ("H", "med rec no. 44-71-023", "44-71-023"),
    ("I", "Member ID XJK-99281-02", "XJK-99281-02"),
    ("I", "1EG4-TE5-MK73", "1EG4-TE5-MK73"),
    ("J", "acct 0012345678", "0012345678"),
    ("J", "4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("J", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
    ("J", "routing 021000021", "021000021"),
    ("K", "license no. MA448812", "MA448812"),
    ("K", "driver's license D1234567", "D1234567"),
    ("K", "NPI 1234567893", "1234567893"),
    ("K", "prescribed under AB1234563", "AB1234563"),
    ("K", "passport X1234567", "X1234567"),
    ("L", "1HGCM82633A004352", "1HGCM82633A004352"),
    ("L", "plate 7ABC123", "7ABC123"),
    ("L", "license plate 123 ABC", "123 ABC"),
    ("M", "Pacemaker serial SN-A99812", "SN-A99812"),
    ("M", "(01)00844588003288(17)141120(10)7654321D", "00844588003288"),
    ("M", "IMEI 490154203237518", "490154203237518"),
    ("M", "00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
    ("N", "see https://x.example.org/p?id=3", "https://x.example.org/p?id=3"),
    ("O", "from 192.168.0.12", "192.168.0.12"),
    ("O", "2001:db8::1", "2001:db8::1"),
    ("P", "fingerprint ID FP-88213", "FP-88213"),
    ("P", "see voice_sample_12.wav", "voice_sample_12.wav"),
    ("Q", "attached john_face.jpg", "john_face.jpg"),
    ("Q", "DSC_0012.JPG", "DSC_0012.JPG"),
    ("R", "order B-859210 never came", "B-859210"),
    ("R", "user=sgray ip=none", "sgray"),
    ("R", "6f9619ff-8b86-4011-b42d-00c04fc964ff", "6f9619ff-8b86-4011-b42d-00c04fc964ff"),
]

# Class, text in which nothing is of that class.
LEFT = [
    ("A", "Parkinson's disease, Bell's palsy and a Foley catheter."),
    ("A", "Vitamin D. The dose was doubled; hepatitis B. Surface antigen was negative."),
    ("B", "Take 2 tablets by mouth; way below the limit of 12 units."),
    ("A", "Give Humira, then hold; Killip II, Wells 4.5, Sj\u00f6gren syndrome."),
    ("B", "ECG showed 2 mm ST depressions, seen at 7, referred by Dr. at noon."),
    ("C", "Pain 4/10, APR 7.49 percent."),
    ("R", "model number 44711-B, page no. 12044"),
    ("C", "BP 140/90, strength 5/5, ratio 3/4 of the dose, on 2 L of oxygen."),
    ("C", "a 72 y/o man, SpO2 94 %, temperature 98.6"),
    ("D", "Score 712 of 850, income 85,000, 1 0 1 1 0 0 1 0 1"),
    ("E", "The fax machine is broken."),
    ("F", "meet at noon, dot the i, 3 @ 4.50 each"),
    ("G", "part 000-12-3456 and 666-12-3456, 900-12-3456"),
    ("H", "The medical record was complete on 4 counts."),
    ("I", "Her health plan pays 80 percent."),
    ("J", "4111 1111 1111 1112 is no card"),
    ("J", "GB83 WEST 1234 5698 7654 32 is no IBAN"),
    ("K", "AB1234567 has a wrong check digit; a licensed nurse"),
    ("L", "1HGCM82633A004353 has a wrong check digit; the plate was clean"),
    ("M", "Serial numbers are fine. Serial troponins were flat."),
    ("N", "e.g. version 2.14.3 i.e. the latest"),
    ("O", "Version 2.14.3.1024 and time 12:30:45"),
    ("P", "Fingers were warm, voice hoarse, face symmetric."),
    ("Q", "His face was swollen; figure.png shows the curve."),
    ("R", "The order of the day: 12 cases, 3 tickets, 15 files."),
]


@pytest.fixture(scope="module")
def deid():
    return Deidentifier(model=False)


@pytest.mark.parametrize(("letter", "text", "part"), FOUND)
def test_what_must_go(deid, letter, text, part):
    start = text.index(part)
    spans = deid.find_by_rules([text])[0]
    seen = {i for s in spans for i in range(s.start, s.end)}
    assert seen.issuperset(i for i in range(start, start + len(part)) if text[i].isalnum()), spans
    assert letter in {class_of(s.kind) for s in spans if s.end > start}, spans


@pytest.mark.parametrize(("letter", "text"), LEFT)
def test_what_looks_like_it_and_stays(deid, letter, text):
    assert letter not in {class_of(s.kind) for s in deid.find_by_rules([text])[0]}


def test_no_class_is_left_out():
    assert {letter for letter, *_ in FOUND} == {letter for letter, _ in LEFT} == set(CLASSES)
