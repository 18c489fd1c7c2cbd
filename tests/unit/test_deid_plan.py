"""A plan for a loan table: proposed, applied, and searched for what it should have removed."""

import random

import pandas as pd
import pytest

from auditkit.deid import Deidentifier, Plan, Treatment
from auditkit.deid.detect.recall import Labelled, evaluate
from auditkit.deid.vocabulary.entity_types import CLASSES
from auditkit.errors import InputError, PolicyError, VerificationError

FIRST = ["Ann", "Bob", "Carla", "Dmitri", "Eva", "Farid", "Grace", "Hugo", "Inés", "Joon-ho"]
LAST = ["Lee", "Miller", "O'Brien", "Petrov", "García", "Nasser", "Hopper", "Brandt", "Ruiz", "Kim"]


def loans(rows=40, seed=7):
    rng = random.Random(seed)
    table = []
    for i in range(rows):
        first, last = FIRST[i % 10], LAST[(i * 3 + i // 10) % 10]
        ssn = f"{rng.randint(1, 665):03}-{rng.randint(1, 99):02}-{rng.randint(1, 9999):04}"
        phone = f"{rng.randint(201, 989)}-{rng.randint(200, 999)}-{rng.randint(0, 9999):04}"
        street = f"{rng.randint(1, 999)} {rng.choice(['Maple', 'Oak', 'Cedar'])} Street"
        born = f"{rng.randint(1930, 2000)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        notes = [
            f"Spoke with {first} at {phone}; income verified.",
            f"{last}, {first} sent pay stubs. SSN {ssn.replace('-', ' ')} checked.",
            f"Mailed letter to {street}. Applicant born {born}.",
            "No contact yet.",
        ]
        table.append(
            {
                "applicant_name": f"{first} {last}",
                "ssn": ssn,
                "email": f"{first}.{last}{i}@example.com".lower().replace("'", ""),
                "phone": phone,
                "street_address": street,
                "birth_date": born,
                "officer_note": notes[i % 4],
                "income": 30_000 + 17 * i,
                "dti_ratio": 0.2 + i / 100,
                "credit_history": i % 6,
                "decision": ["yes", "no"][i % 2],
            }
        )
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def applied():
    table = loans()
    plan = Plan.propose(table)
    return table, plan, plan.apply(table, deidentifier=Deidentifier(model=False))


# Name of a column, 12 values, the class that it must get ("" for none).
COLUMNS = [
    ("pt_nm", [f"{f} {n}" for f, n in zip(FIRST, LAST, strict=True)] * 2, "A"),
    ("attending", [f"Dr. {n}" for n in LAST], "A"),
    (
        "applicant",
        ["Nguy\u1ec5n V\u0103n H\u00f9ng", "Zhang Wei", "Thandiwe Mbeki", "Ngozi Okafor"],
        "A",
    ),
    ("agent", ["web", "call center", "branch"], ""),
    ("first", FIRST, "A"),
    ("who", ["Mary Smith", "James Garcia", "Linda Chen", "Peter Novak", "Susan Hall"] * 2, "A"),
    ("county_fips", [f"{n:05}" for n in range(1001, 1041)], "B"),
    ("census_tract", [f"{n:011}" for n in range(25025000100, 25025000120)], "B"),
    ("state_fips", ["25", "36", "06"], ""),
    ("birth_year", [1931, 1975, 2001], "C"),
    ("income_year", [2021, 2022, 2023], ""),
    ("income", [20240101, 52000, 61000], ""),
    ("emp_no", [f"{n:05}" for n in range(20)], "R"),
    ("reference", [f"TCK-{n * 7919 % 90000 + 10000}" for n in range(40)], "R"),
    ("icd10", ["E11.9", "I10", "J44.1"], ""),
    ("phone", ["iPhone", "Android"], ""),
    ("account", ["free", "pro"], ""),
    ("zip", [1607, 2139, 1033], "B"),
    ("insurance", ["Medicare", "Aetna", "Self"], ""),
    ("readmitted", [True, False], ""),
]


@pytest.mark.parametrize(("name", "values", "letter"), COLUMNS)
@pytest.mark.parametrize("rows", [6, 120])
def test_columns_of_other_tables_are_judged_by_name_and_values(name, values, letter, rows):
    distinct = len(values) if name in {"reference", "emp_no"} else rows
    table = pd.DataFrame({name: [values[i % len(values)] for i in range(distinct)]})
    (column,) = Plan.propose(table).columns
    assert column.identifier_class == letter, column
    assert column.reason


def test_columns_are_judged_by_what_they_hold():
    plan = Plan.propose(loans())
    kinds = {c.column: (c.identifier_class, c.treatment) for c in plan.columns}
    assert kinds == {
        "applicant_name": ("A", Treatment.REPLACE),
        "ssn": ("G", Treatment.REPLACE),
        "email": ("F", Treatment.REPLACE),
        "phone": ("D", Treatment.REPLACE),
        "street_address": ("B", Treatment.REPLACE),
        "birth_date": ("C", Treatment.YEAR),
        "officer_note": ("", Treatment.REDACT),
        "income": ("", Treatment.KEEP),
        "dti_ratio": ("", Treatment.KEEP),
        "credit_history": ("", Treatment.KEEP),
        "decision": ("", Treatment.KEEP),
    }
    assert all(c.reason for c in plan.columns)


def test_no_identifier_of_a_row_survives_anywhere(applied):
    table, _, result = applied
    text = result.table.to_csv().lower()
    for column in ("applicant_name", "ssn", "email", "phone", "street_address"):
        for value in table[column]:
            assert value.lower() not in text
    for first, last in (name.split(" ") for name in table["applicant_name"]):
        notes = " ".join(result.table["officer_note"]).lower()
        assert first.lower() not in notes.split()
        assert last.lower() not in notes.split()
    digits = "".join(c for c in text if c.isdigit())
    assert not [s for s in table["ssn"] if s.replace("-", "") in digits]


def test_columns_that_identify_no_one_come_back_as_they_were(applied):
    table, _, result = applied
    kept = ["income", "dti_ratio", "credit_history", "decision"]
    pd.testing.assert_frame_equal(result.table[kept], table[kept])
    assert list(result.table.columns) == list(table.columns)


def test_birth_dates_become_years_and_the_oldest_one_class(applied):
    table, plan, result = applied
    for born, year in zip(table["birth_date"], result.table["birth_date"], strict=True):
        oldest = plan.as_of.year - int(born[:4]) >= 90
        assert year == ("90+" if oldest else born[:4])


def test_evidence_counts_what_was_found_done_and_left(applied):
    table, _, result = applied
    identifiers, leaks, risk, classes = result.evidence
    names = ["identifiers", "leaks", "disclosure_risk", "safe_harbor_table"]
    assert [e.check for e in result.evidence] == [f"privacy.{name}" for name in names]
    assert risk.parameters["quasi_identifiers"] == ["birth_date"]
    years = result.table["birth_date"].value_counts()
    assert risk.measurement("k").value == years.min()
    assert risk.measurement("classes").value == len(years)
    assert sum(risk.table("class_sizes").column("rows")) == len(table)
    eighteen = classes.table("safe_harbor_table")
    assert "".join(eighteen.column("class")) == "ABCDEFGHIJKLMNOPQR"
    assert set(eighteen.column("residual")) == {0}
    present = {row[0] for row in eighteen.rows if row[2]}
    assert present == set("ABCDFG")
    assert set(eighteen.column("recall_in_text")) == {"not measured"}
    assert set(eighteen.column("recall_at_least")) == {None}
    found = identifiers.measurement("identifiers_found").value
    assert found == identifiers.measurement("identifiers_treated").value
    assert found >= 6 * len(table) + 30
    assert identifiers.measurement("columns_examined").value == 11
    lines = identifiers.table("identifier_columns")
    assert lines.columns == (
        "column", "identifier_class", "kinds", "found", "treated", "treatment", "reason"
    )  # fmt: skip
    assert leaks.measurement("leaks").value == 0
    assert {m.key for m in leaks.named("leaks")} >= {f"leaks[class={CLASSES[c]}]" for c in "ABCDFG"}
    assert all(m.n > 4 * len(table) for m in leaks.measurements)
    document = str([e.to_json() for e in result.evidence]) + str(lines.rows)
    assert not [v for c in ("applicant_name", "ssn", "email") for v in table[c] if v in document]


def test_a_plan_that_keeps_an_identifier_is_refused_unless_someone_accepts_it():
    plan = Plan.propose(loans())
    with pytest.raises(PolicyError, match="'ssn' holds identifiers"):
        plan.with_column("ssn", treatment="keep")
    accepted = plan.with_column("ssn", treatment="keep", accepted="J. Doe, needed until May")
    assert accepted["ssn"].accepted


def test_calling_an_identifier_none_needs_a_name_too():
    table, deid = loans(), Deidentifier(model=False)
    plan = Plan.propose(table).with_column("email", kind="", treatment="keep")
    with pytest.raises(PolicyError, match=r"'email' holds identifiers \(class F, e-mail"):
        plan.apply(table, deidentifier=deid)
    accepted = plan.with_column("email", accepted="J. Doe, public addresses")
    assert list(accepted.apply(table, deidentifier=deid).table["email"]) == list(table["email"])


@pytest.mark.parametrize("name", ["ann.lee@example.com", "paid by Ann Lee", "paidByAnnLee"])
def test_a_column_may_not_be_named_after_somebody(name):
    table = loans().assign(**{name: 1})
    with pytest.raises(InputError, match="The name of column 12 holds an identifier") as caught:
        Plan.propose(table).apply(table, deidentifier=Deidentifier(model=False))
    assert "Lee" not in str(caught.value)


def test_a_renamed_column_is_named():
    table = loans()
    with pytest.raises(InputError, match="lacks 'ssn'; the plan lacks 'social'"):
        Plan.propose(table).apply(table.rename(columns={"ssn": "social"}))


def test_a_plan_survives_its_file():
    plan = Plan.propose(loans(), mode="expert")
    assert Plan.from_yaml(plan.to_yaml()) == plan
    with pytest.raises(PolicyError, match="line 1: the key 'mode' is missing"):
        Plan.from_yaml("columns: 3")


def test_a_name_that_the_plan_keeps_as_none_is_refused_before_anything_is_done():
    table = loans()
    table["branch"] = table["applicant_name"]
    plan = Plan.propose(table).with_column("branch", kind="", treatment="keep")
    with pytest.raises(PolicyError, match="'branch' holds identifiers") as caught:
        plan.apply(table, deidentifier=Deidentifier(model=False))
    assert not [v for v in table["applicant_name"] if v in str(caught.value)]


def test_a_leak_stops_the_run_and_the_message_holds_no_value():
    table = loans()
    table["branch"] = [f"{i} / {name}" for i, name in enumerate(table["applicant_name"])]
    plan = Plan.propose(table).with_column("branch", kind="", treatment="keep")
    with pytest.raises(VerificationError, match="remain in the output, in 'branch'") as caught:
        plan.apply(table, deidentifier=Deidentifier(model=False))
    assert not [v for v in table["applicant_name"] if v in str(caught.value)]


def test_recall_stands_beside_what_was_found_if_the_same_detector_was_measured():
    table, deid = loans(), Deidentifier(model=False)
    spans = ((4, 15, "US_SSN"),)
    recall = evaluate([Labelled(text="ssn 123-45-6789", spans=spans)] * 3, deid, about="by hand")
    assert "by hand" in recall.notes[1]
    assert recall.table("recall_by_class").rows == (
        ("G", "Social Security numbers", 3, 3, 0, 1.0, pytest.approx(0.05 ** (1 / 3))),
    )
    result = Plan.propose(table).apply(table, deidentifier=deid, recall=recall)
    eighteen = result.evidence[3]
    lines = dict(
        zip(
            eighteen.table("safe_harbor_table").column("class"),
            eighteen.tables[0].rows,
            strict=True,
        )
    )
    assert lines["G"][7:9] == (1.0, pytest.approx(0.05 ** (1 / 3)))
    assert lines["A"][7:9] == ("not measured", None)
    assert eighteen.parameters["recall"] == str(recall.digest)
    other = Deidentifier(model=False, threshold=0.6)
    with pytest.raises(InputError, match="measured with another detector"):
        Plan.propose(table).apply(table, deidentifier=other, recall=recall)


def test_a_word_for_no_value_is_no_identifier_of_its_row():
    table = pd.DataFrame(
        {
            "patient_name": ["Ann Lee", "Bob Stone", "Nan Null"],
            "zip": ["02139", "nan", "N/A"],
            "income": ["51000", "nan", "47000"],
            "note": ["Ann came.", "No change.", "Nan came."],
        }
    )
    result = Plan.propose(table).apply(table, deidentifier=Deidentifier(model=False))
    assert result.evidence[1].measurement("leaks").value == 0
    assert "Nan" not in result.table["note"][2]


def test_a_wrong_plan_is_told_where():
    text = Plan.propose(loans()).to_yaml()
    assert "treatment: keep" in text
    with pytest.raises(
        PolicyError, match=r"line \d+: columns\.\d\.treatment: Input should be 'keep'"
    ) as told:
        Plan.from_yaml(text.replace("treatment: keep", "treatment: kept", 1))
    (line,) = [i for i, t in enumerate(text.splitlines(), 1) if "treatment: keep" in t][:1]
    assert told.value.remedy == f"see line {line}"
    with pytest.raises(PolicyError, match="not valid YAML at line 3"):
        Plan.from_yaml("mode: expert\ncolumns:\n  - : : [\n")
