"""What goes from notes, letters, logs and documents of data, what stays, and under which class."""

import pytest

from auditkit.deid import Deidentifier
from auditkit.deid.rules.dates import is_compact_date
from auditkit.deid.rules.fields import match_fields
from auditkit.deid.vocabulary.entity_types import class_of

DEID = Deidentifier()
LONG = """PROGRESS NOTE
S: Feels better, sleeps six hours. No chest pain. Walks to the shop each morning.
O: Alert, well. Lungs clear, no oedema. Weight stable since the spring visit.
A/P: Asthma. Continue the inhaler, bloods again in 6 weeks. {}
Return if short of breath. Questions answered, leaflet given.
"""


def found(text):
    return {text[s.start : s.end]: s.kind for s in DEID.find([text])[0]}


def survives(text, part):
    return part in DEID.redact(text)


@pytest.mark.parametrize(
    ("code", "letter"),
    [
        ("INS-772018345", "I"), ("POL-5510932", "I"), ("MBR-88201-02", "I"), ("CLM-2023-7712", "I"),
        ("MRN-00418829", "H"), ("PAT_7718293", "H"), ("ENC-88310292", "H"), ("NH-448120", "H"),
        ("ACCT-5529104", "J"), ("LN-40091827", "J"), ("DL-K2291-88", "K"), ("PPT-X8812044", "K"),
        ("LIC-G77120", "K"), ("EMP-77120", "R"), ("NID-661820945", "R"), ("RX-40218834", "R"),
        ("STU-2291048", "R"), ("SSN-219-09-9999", "G"), ("VIN-1HGCM82633A004352", "L"),
        ("SN-A998120", "M"), ("emp_20931", "R"), ("EMP48213", "R"),
    ],
)  # fmt: skip
def test_a_code_that_names_itself_goes_under_its_own_class(code, letter):
    for text in (f"Seen by staff, {code} on file.", LONG.format(f"Noted {code}.")):
        kinds = {kind for part, kind in found(text).items() if code[-4:] in part}
        assert {class_of(kind) for kind in kinds} == {letter}, text
        assert not survives(text, code[-4:])


@pytest.mark.parametrize(
    "name",
    [
        "ISO-13485", "RFC-8785", "IEC-62304", "COVID-19", "SARS-CoV-2", "HTLV-1", "OPS-1182",
        "CVE-2023-44487", "SHA-256", "UTF-8", "CA-125", "PHQ-9", "L4-L5", "A320-200", "TP53 R175H",
    ],
)  # fmt: skip
def test_names_of_standards_diseases_and_tickets_stay(name):
    assert survives(f"As of last week {name} is in use.", name)


@pytest.mark.parametrize(
    ("text", "gone", "stays"),
    [
        ('{"employeeId": "77120", "score": 0.7731, "visits": 12}', "77120", ["0.7731", "12"]),
        ('{"patient-name": "Greta Lindqvist", "dob": "19610228"}', "Lindqvist 19610228", []),
        ('{"memberId": "K99-2210", "copay": 20}', "K99-2210", ["20"]),
        (r'"{\"empNo\": \"E4-58821\"}"', "58821", []),
        ('{"name": [{"family": "Nwosu", "given": ["Amara"]}]}', "Nwosu Amara", []),
        ('{"name": "empId", "value": "20931"}', "20931", []),
        ('<visit empid="EMP-48213" member="XK-2231-77A" rate="88"/>', "48213 2231-77A", ["88"]),
        ("<empId>20931</empId><vital>72</vital>", "20931", ["72"]),
        ("<field name='passportNo'>X8812044</field>", "X8812044", []),
        ("status=200 user_id=u-448210 duration_ms=1843", "448210", ["200", "1843"]),
        ("patient_mrn: 00418829\nbatch_size: 512", "00418829", ["512"]),
        ("empno;hired;grade\n77120;20190401;7\n77121;20200115;6", "77120 77121", ["grade"]),
        ('{"pan": "378282246310005", "amount": 1200}', "378282246310005", ["1200"]),
    ],
)  # fmt: skip
def test_the_name_of_a_field_says_what_its_value_is(text, gone, stays):
    left = DEID.redact(text)
    assert not [part for part in gone.split() if part in left], left
    assert all(part in left for part in stays), left


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Linear Regression", "version": "2.3.1", "id": 7}',
        '{"age": 71, "device": "cuda:0", "patient_id": "string", "owner": null}',
        "model_name=resnet50 host_name=node-17 file_name=data.csv",
        "step,loss,accuracy\n100,0.731,0.88\n200,0.655,0.90",
        "<mean>0.8812</mean><count>4096</count>",
    ],
)
def test_fields_of_other_things_hold_no_identifiers(text):
    assert list(match_fields(text)) == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("MRI 20231117: unchanged.", "20231117"),
        ("admit 2023-11-17, scan 20231118, home 2023-11-21", "20231118"),
        ("Collected 20231117T0930, resulted the same day.", "20231117T0930"),
        ("PID|1||A||B||19520814|F\nOBX|1|202311171405", "19520814"),
        ("born 05031948 in a village", "05031948"),
        ("DOB: 03251948", "03251948"),
        ("seen 231117 for review", "231117"),
    ],
)
def test_dates_without_separators_go(text, day):
    assert not survives(text, day)
    assert {class_of(kind) for part, kind in found(text).items() if day in part} == {"C"}


def test_eight_digits_are_a_date_only_if_a_calendar_could_hold_them():
    days = [f"{n:08}" for n in range(0, 100_000_000, 7_919) if is_compact_date(f"{n:08}")]
    assert days
    for day in days:
        year_first = day[:2] in {"19", "20"} and "01" <= day[4:6] <= "12"
        year_last = day[4:6] in {"19", "20"} and (
            "01" <= day[2:4] <= "12" or "01" <= day[:2] <= "12"
        )
        assert year_first or year_last, day
    assert not is_compact_date("20241305")
    assert not is_compact_date("32011999")


@pytest.mark.parametrize(
    "text", ["EUR 20240305.00 due", "build 20240305.4", "v20240305", "$20240305"]
)
def test_amounts_and_builds_are_no_dates(text):
    assert "DATE_TIME" not in found(text).values()


@pytest.mark.parametrize(
    ("text", "streets"),
    [
        ("He lives at the corner of Elm and Pine.", "Elm Pine"),
        ("Found at the intersection of Harbor & Lindell.", "Harbor Lindell"),
        ("Their flat is at the junction of Quay Road and Mill Lane.", "Quay Mill"),
        ("She lives on Walnut between Third and Fourth.", "Walnut Third Fourth"),
        ("The shop is between 5th and 6th.", "5th 6th"),
        ("Meet me at Elm & Pine.", "Elm Pine"),
        ("He was hit at 5th and Main.", "5th Main"),
        ("the corner of elm st and pine ave", "elm pine"),
    ],
)
def test_corners_of_streets_go(text, streets):
    left = DEID.redact(text)
    assert not [street for street in streets.split() if street in left], left


@pytest.mark.parametrize(
    "text",
    [
        "Tender between the 5th and 6th ribs.",
        "Catheter tip at the junction of the SVC and RA.",
        "A sore at the corner of the mouth and the left cheek.",
        "Stenosis at the junction of L4 and L5.",
    ],
)
def test_corners_of_the_body_stay(text):
    assert DEID.redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "On exam HR 92, RR 18, T 37.6. Lungs clear.",
        "Na 141, K 3.9, CO2 26, BUN 18, glucose 97",
        "ABG: pH 7.31, pCO2 52, pO2 88, HCO3 25.",
        "Dilated LA and RV, EF 40 %.",
        "QTc 440. PR 160. QRS 92. NYHA II.",
        "RA 8, RV 42/6, PA 40/18, PCWP 14, CI 2.5.",
        "TV 420, RR 16, PEEP 8, FiO2 40%.",
        "Satting at 95 on room air.",
        "ECOG 1, KPS 90, T2N1M0, Ki-67 18 %.",
        "accuracy 0.8720930232 on fold 3",
        "HTTP/1.1 404 Not Found",
        "HTTP/1.1 200 OK",
        "502 Bad Gateway after 3 retries",
        "DLCO 54, KPS 90",
        "sha256:3b7e1f0c2a9d8e7f6a5b4c3d2e1f00998877665544332211ffeeddccbbaa9988",
        "1700230000.00 -1.25",
        "error code 500 after 17 retries, took 3412 ms",
        "CPT 99213, LOINC 2345-7, ICD-10 C50.911",
    ],
)
def test_findings_laboratory_lines_and_numbers_of_machines_stay(text):
    assert DEID.redact(text) == text


@pytest.mark.parametrize(
    ("text", "number", "kind"),
    [
        ("Call +63 917 555 0123 tomorrow", "+63 917 555 0123", "PHONE_NUMBER"),
        ("Ring (+49) 1522 343 3333 at noon", "1522 343 3333", "PHONE_NUMBER"),
        ("tel. 63 917 555 0123", "63 917 555 0123", "PHONE_NUMBER"),
        ("paid with 6011 0009 9013 9424", "6011 0009 9013 9424", "CREDIT_CARD"),
        ("paid with 3782 822463 10005", "3782 822463 10005", "CREDIT_CARD"),
    ],
)
def test_a_foreign_telephone_is_no_card_and_a_card_no_telephone(text, number, kind):
    assert {k for part, k in found(text).items() if number in part} == {kind}
