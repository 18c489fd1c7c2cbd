"""Treatments, the vault and the modes; generalizations against the rule's own text."""

import csv
import re
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.access import AccessControl, vault_object
from auditkit.access.policy.control import read_texts
from auditkit.deid import Deidentifier, Keys, Plan, Vault, read_key
from auditkit.deid.transform.linked_values import find_linked, index_text
from auditkit.deid.vocabulary.generalize import (
    age_of,
    allowed_zip3,
    read_date,
    year_of,
    zip3_digest,
    zip3_of,
)
from auditkit.deid.vocabulary.spans import merged, replaced
from auditkit.errors import (
    AccessDeniedError,
    InputError,
    KeyFileError,
    OutputError,
    PolicyError,
    VerificationError,
)

KEY = bytes(range(32))
SECRET = b"a secret of some length"
# Areas of 20,000 people or fewer in the 2020 Census, as compliance reviewers list them.
SMALL_TEXT = "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893"
SMALL = SMALL_TEXT.split()


@pytest.fixture(scope="module")
def deid():
    return Deidentifier(model=False)


def visits():
    return pd.DataFrame(
        {
            "patient_name": ["Ann Lee", "Ann Lee", "Bob Stone", "Eva Novak"],
            "mrn": ["4471001", "4471001", "4471002", "4471003"],
            "visit_date": ["2021-03-01", "2021-03-15", "2021-12-31", "2022-01-01"],
            "zip": ["02139", "02139", "03601", "99950"],
            "age": [34, 34, 91, 102],
            "note": ["Ann is well.", "Saw Ms. Lee.", "B. Stone left.", "No change."],
        }
    )


def ruling(user="kim"):
    texts = read_texts(None)
    texts["policy.csv"] += "g, kim, role:privacy-officer, *\n"
    access = AccessControl.from_texts(texts)
    return access.decide(user, "vault:reveal", vault_object("v.db"))


def changed(plan, **treatments):
    for column, treatment in treatments.items():
        plan = plan.with_column(column, treatment=treatment)
    return plan


def test_zip_areas_are_the_census_of_2020s():
    path = Path("policies/deid/zip3_census2020.csv")
    rows = {
        row["zip3"]: int(row["pop2020"]) for row in csv.DictReader(path.read_text().splitlines())
    }
    assert len(rows) == 894
    assert sum(rows.values()) == 334_726_586
    assert sorted(z for z, people in rows.items() if people <= 20_000) == SMALL
    assert len(allowed_zip3()) == 894 - 18
    assert str(zip3_digest()).startswith("sha256:dff8cd09")


@pytest.mark.parametrize(
    ("zip_code", "kept"),
    [("02139", "021"), ("02139-4307", "021"), ("2139", "021"), ("03601", "000"), ("09012", "000"),
     ("00801", "000"), ("K1A 0B1", "000"), ("", "000"), ("57601", "576"), ("06301", "063")],
)  # fmt: skip
def test_zip_codes_keep_three_digits_where_many_live(zip_code, kept):
    assert zip3_of(zip_code) == kept


@given(st.dates(date(1850, 1, 1), date(2026, 11, 23)))
def test_a_date_keeps_its_year_in_every_spelling(day):
    as_of = date(2026, 11, 24)
    expected = "90+" if as_of.year - day.year >= 90 else str(day.year)
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "%Y%m%d"):
        written = day.strftime(form)
        assert read_date(written) == day, form
        assert year_of(written, birth=True, as_of=as_of) == expected
        assert year_of(written, birth=False, as_of=as_of) == str(day.year)


def test_what_cannot_be_read_is_withheld():
    assert year_of("yesterday", birth=False, as_of=date(2026, 1, 1)) is None
    assert year_of("from 2019 to 2020", birth=False, as_of=date(2026, 1, 1)) is None
    assert age_of("unknown") is None
    assert [age_of(str(a)) for a in (0, 89, 90, 120)] == ["0", "89", "90+", "90+"]


def test_tokens_are_random_stable_and_open_only_with_the_key(tmp_path, deid):
    plan = changed(Plan.propose(visits()), patient_name="token", mrn="token")
    with Vault(tmp_path / "v.db", KEY) as vault:
        result = plan.apply(visits(), keys=Keys(vault=vault), deidentifier=deid)
    names = result.table["patient_name"]
    assert names[0] == names[1] != names[2]
    assert all(re.fullmatch(r"PERSON-[0-9a-f]{20}", n) for n in names)
    raw = (tmp_path / "v.db").read_bytes()
    assert not [v for v in (b"Ann Lee", b"4471001", b"Stone") if v in raw]
    with pytest.raises(KeyFileError, match="does not open this vault"):
        Vault(tmp_path / "v.db", bytes(32))
    with Vault(tmp_path / "v.db", KEY) as vault:
        again = plan.apply(visits(), keys=Keys(vault=vault), deidentifier=deid)
        assert list(again.table["patient_name"]) == list(names)
        value = vault.reveal([names[2]], purpose="audit", at="2026-11-24", ruling=ruling())
        assert value == {names[2]: "Bob Stone"}
    with Vault(tmp_path / "other.db", KEY) as other:
        third = plan.apply(visits(), keys=Keys(vault=other), deidentifier=deid)
        assert set(third.table["patient_name"]).isdisjoint(names)


def test_reidentification_is_written_down_even_when_denied(tmp_path):
    with Vault(tmp_path / "v.db", KEY) as vault:
        token = vault.tokens("PERSON", ["Ann Lee"])["Ann Lee"]
        ask = {"purpose": "appeal 7", "at": "2026-11-24T00:00:00Z"}
        with pytest.raises(AccessDeniedError, match="no rule allows it"):
            vault.reveal([token], ruling=ruling("eve"), **ask)
        vault.reveal([token], ruling=ruling("kim"), **ask)
        with pytest.raises(InputError, match="needs a purpose"):
            vault.reveal([token], purpose=" ", at="", ruling=ruling())
        with pytest.raises(InputError, match="not in this vault"):
            vault.reveal(["PERSON-0"], ruling=ruling(), **ask)
        denied, given, _ = vault.log()
        assert (denied.by, denied.purpose, denied.tokens, denied.allowed) == (
            *("eve", "appeal 7", 1), False,
        )  # fmt: skip
        assert (given.by, given.allowed) == ("kim", True)
        assert "role:privacy-officer; policy sha256:" in given.ruling


def test_what_could_not_be_written_down_is_not_given_out(tmp_path):
    """A trigger that refuses every entry stands for a full disk."""
    with Vault(tmp_path / "v.db", KEY) as vault:
        token = vault.tokens("PERSON", ["Ann Lee"])["Ann Lee"]
        with sqlite3.connect(tmp_path / "v.db") as raw:
            raw.execute(
                "CREATE TRIGGER full BEFORE INSERT ON reidentifications "
                "BEGIN SELECT RAISE(FAIL, 'disk full'); END"
            )
        with pytest.raises(OutputError, match="written down"):
            vault.reveal([token], purpose="p", at="t", ruling=ruling())


def test_rotation_keeps_tokens_and_locks_out_the_old_key(tmp_path):
    path, new = tmp_path / "v.db", bytes(reversed(range(32)))
    with Vault(path, KEY) as vault:
        before = vault.tokens("PERSON", ["Ann", "Bob"])
        assert vault.rotate(new) == 2
        assert vault.tokens("PERSON", ["Ann", "Bob"]) == before
    with pytest.raises(KeyFileError):
        Vault(path, KEY)
    with Vault(path, new) as vault:
        assert vault.reveal(before.values(), purpose="p", at="t", ruling=ruling()) == {
            before["Ann"]: "Ann", before["Bob"]: "Bob"
        }  # fmt: skip


def test_values_that_change_places_do_not_open(tmp_path):
    from cryptography.exceptions import InvalidTag

    with Vault(tmp_path / "v.db", KEY) as vault:
        tokens = vault.tokens("PERSON", ["Ann", "Bob"])
    with sqlite3.connect(tmp_path / "v.db") as raw:
        nonce, sealed = raw.execute(
            "SELECT nonce, sealed FROM tokens WHERE token = ?", (tokens["Bob"],)
        ).fetchone()
        raw.execute(
            "UPDATE tokens SET nonce = ?, sealed = ? WHERE token = ?",
            (nonce, sealed, tokens["Ann"]),
        )
    with Vault(tmp_path / "v.db", KEY) as vault, pytest.raises(InvalidTag):
        vault.reveal([tokens["Ann"]], purpose="p", at="t", ruling=ruling())


def test_a_vault_is_its_owners_alone(tmp_path):
    with Vault(tmp_path / "vault.db", bytes(32)) as vault:
        vault.tokens("PERSON", ["Ann Lee"])
    assert (tmp_path / "vault.db").stat().st_mode & 0o777 == 0o600


def test_keys_and_files_that_are_none_are_refused(tmp_path):
    assert read_key(KEY.hex() + "\n") == KEY
    # A text of 32 characters may be a path; it is no key.
    for bad in ("", "ab", "z" * 64, b"\xff" * 31, "/secrets/deid/vault/aaaaaaaa.key"):
        with pytest.raises(KeyFileError, match="32 bytes"):
            read_key(bad)
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(OutputError, match="cannot be opened"):
        Vault(tmp_path / "text", KEY)


def test_safe_harbor_refuses_what_is_derived_from_a_value():
    plan = Plan.propose(visits())
    for column, treatment in (("mrn", "pseudonym"), ("mrn", "mask"), ("visit_date", "shift")):
        with pytest.raises(PolicyError, match=r"164\.514"):
            plan.with_column(column, treatment=treatment)
    with pytest.raises(PolicyError, match="is for AGE"):
        plan.with_column("mrn", treatment="age")


def test_a_limited_data_set_keeps_dates_and_places_and_nothing_direct(deid):
    plan = Plan.propose(visits(), mode="limited-data-set")
    result = plan.apply(visits(), deidentifier=deid)
    kept = ["visit_date", "zip", "age"]
    pd.testing.assert_frame_equal(result.table[kept], visits()[kept])
    assert "not de-identified" in result.evidence[0].notes[0]
    with pytest.raises(PolicyError, match="class H"):
        plan.with_column("mrn", treatment="keep")


def expert():
    table = visits()
    plan = Plan.propose(table, mode="expert")
    plan = Plan(columns=plan.columns, mode=plan.mode, as_of=plan.as_of, subject="mrn")
    return changed(plan, mrn="pseudonym", patient_name="surrogate", visit_date="shift")


def test_shifted_dates_keep_a_subjects_intervals(deid):
    result = expert().apply(visits(), keys=Keys(secret=SECRET), deidentifier=deid)
    moved = [date.fromisoformat(d) for d in result.table["visit_date"]]
    real = [date.fromisoformat(d) for d in visits()["visit_date"]]
    assert moved[1] - moved[0] == real[1] - real[0] == timedelta(days=14)
    assert all(a != b for a, b in zip(moved, real, strict=True))
    assert moved[2] - moved[0] != real[2] - real[0]


def test_pseudonyms_and_surrogates_are_the_same_in_every_table(deid):
    keys = Keys(secret=SECRET)
    first = expert().apply(visits(), keys=keys, deidentifier=deid).table
    second = expert().apply(visits().iloc[::-1], keys=keys, deidentifier=deid).table.iloc[::-1]
    pd.testing.assert_frame_equal(first, second)
    assert first["patient_name"][0] == first["patient_name"][1]
    assert set(first["patient_name"]).isdisjoint(visits()["patient_name"])
    other = expert().apply(visits(), keys=Keys(secret=b"x" * 16), deidentifier=deid).table
    assert set(other["mrn"]).isdisjoint(first["mrn"])
    with pytest.raises(InputError, match="needs a secret"):
        expert().apply(visits(), deidentifier=deid)
    assert "secret=True" in repr(keys)
    assert SECRET.decode() not in repr(keys)


def test_a_mask_leaves_four_characters_and_so_needs_acceptance(deid):
    plan = changed(Plan.propose(visits(), mode="expert"), mrn="mask")
    assert plan.apply(visits(), deidentifier=deid).table["mrn"][0] == "***1001"
    table = visits().assign(ssn=["123-45-6789", "123-45-6789", "223-45-6780", "323-45-6781"])
    plan = changed(Plan.propose(table, mode="expert"), ssn="mask")
    with pytest.raises(VerificationError, match="'ssn'"):
        plan.apply(table, deidentifier=deid)
    accepted = plan.with_column("ssn", accepted="K. Roe, 2026-11-24")
    result = accepted.apply(table, deidentifier=deid)
    assert any("K. Roe" in note for note in result.evidence[0].notes)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "pandas"])
def test_every_kind_of_table_comes_back_as_it_came(kind, deid):
    import polars as pl
    import pyarrow as pa

    frame = visits()
    table = {"polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas, "pandas": lambda t: t}[
        kind
    ](frame)
    result = Plan.propose(table).apply(table, deidentifier=deid)
    assert type(result.table) is type(table)
    rows = result.table if kind == "pandas" else result.table.to_pandas()
    assert list(rows["zip"]) == ["021", "021", "000", "999"]
    assert list(rows["age"]) == ["34", "34", "90+", "90+"]
    assert list(rows["note"]) == [
        "<PERSON> is well.",
        "Saw Ms. <PERSON>.",
        "<PERSON> left.",
        "No change.",
    ]


def test_an_empty_table_and_nulls_are_read(deid):
    empty = visits().iloc[:0]
    assert len(Plan.propose(empty).apply(empty, deidentifier=deid).table) == 0
    table = visits()
    table.loc[1, ["patient_name", "note", "zip"]] = None
    result = Plan.propose(table).apply(table, deidentifier=deid).table
    assert result.loc[1, ["patient_name", "note", "zip"]].isna().all()


KNOWN = (
    ("PERSON", "José O'Brien-Núñez"),
    ("US_SSN", "123-45-6789"),
    ("PHONE_NUMBER", "+1 617-555-0188"),
    ("BIRTH_DATE", "1980-04-03"),
    ("ADDRESS", "12 North Maple Street"),
    ("EMAIL_ADDRESS", "jose.ob@example.com"),
)


@pytest.mark.parametrize(
    "written",
    [
        "JOSE called", "jose o'brien-nunez", "O\u2019BRIEN-N\u00da\u00d1EZ, Jos\u00e9",
        "Jo\u200bs\u00e9 was here",
        "123 45 6789", "123456789", "1\u200b23.45.6789", "last four 6789", "(617) 555-0188",
        "617.555.0188", "6175550188", "April 3, 1980", "4/3/1980", "03.04.1980",
        "3rd of April 1980",
        "JOS\u00c9's", "O'Brien-Nunez\u2019s",
        "12 n maple st", "12 NORTH MAPLE STREET", "mail JOSE.OB@EXAMPLE.COM",
    ],
)  # fmt: skip
def test_known_values_are_found_in_any_usual_spelling(written):
    text = f"He said: {written}."
    spans = find_linked(index_text(text), KNOWN)
    assert spans
    left = replaced(text, merged(spans, text), lambda _s, _t: "")
    kept = set(re.findall(r"[a-z0-9]+", left.lower()))
    assert kept <= {"s", "he", "said", "called", "was", "here", "last", "four", "mail"}


@pytest.mark.parametrize("other", ["It may rain", "Paid 1,234 dollars", "April 4, 1980", "617-555"])
def test_other_words_and_numbers_are_left(other):
    assert not find_linked(index_text(other), (*KNOWN, ("PERSON", "May Ito")))


def cases():
    return pd.DataFrame(
        {
            "patient_name": ["Ann Lee", "Bob Stone", "Eva Novak", "Ann Lee"],
            "phone": ["617-555-0188", "617-555-0189", "617-555-0190", "617-555-0188"],
            "address": ["12 Lee Street", "7 Oak Avenue", "9 Elm Road", "12 Lee Street"],
            "note": [
                "Ann Lee called; Ms. Lee's number is (617) 555-0188. ANN was well.",
                "Lives at 7 OAK AVE; Mr. Stone saw Ann Lee. <PERSON:7> is odd.",
                "Novak, Eva came with her daughter Maria.",
                "No change.",
            ],
        }
    )


def with_surrogates(table, **more):
    plan = Plan.propose(table, mode="expert")
    return changed(plan, **dict.fromkeys(("patient_name", "phone", "address"), "surrogate"), **more)


def test_a_note_names_the_invented_person_of_its_row(deid):
    table = cases()
    result = with_surrogates(table).apply(table, keys=Keys(secret=SECRET), deidentifier=deid).table
    first, bob, eva, _ = (name.split() for name in result["patient_name"])
    assert result["patient_name"][3] == result["patient_name"][0]
    assert result["note"][0] == (
        f"{' '.join(first)} called; Ms. {first[1]}'s number is {result['phone'][0]}. "
        f"{first[0].upper()} was well."
    )
    # Another row's person, and one of no row, have no surrogate here.
    assert result["note"][1] == (
        f"Lives at {result['address'][1].upper()}; Mr. {bob[1]} saw <PERSON>. <PERSON:7> is odd."
    )
    assert result["note"][2] == f"{eva[1]}, {eva[0]} came with her daughter <PERSON>."
    assert list(result["note"])[3] == "No change."


def test_an_invented_note_is_searched_for_what_was_there(deid):
    """The real name stands in no cell; a surrogate that a detector would find is no leak."""
    table = cases()
    result = with_surrogates(table).apply(table, keys=Keys(secret=SECRET), deidentifier=deid)
    text = result.table.to_csv()
    for value in ("Ann", "Lee", "Stone", "Novak", "Maria", "0188", "Oak"):
        assert value not in text
    assert result.evidence[1].measurement("leaks").value == 0
    leaky = table.assign(branch=table["patient_name"])
    with pytest.raises(VerificationError, match="'branch'"):
        with_surrogates(leaky, branch="surrogate").with_column(
            "branch", kind="", treatment="keep"
        ).apply(leaky, keys=Keys(secret=SECRET), deidentifier=deid)


def test_what_cannot_be_invented_anew_is_removed(deid):
    """Every address that could be invented is somebody's in this column."""
    ips = [f"192.0.2.{i}" for i in range(1, 255)]
    table = pd.DataFrame({"ip": ips, "email": [f"u{i}@example.com" for i in range(254)]})
    plan = changed(Plan.propose(table, mode="expert"), ip="surrogate", email="surrogate")
    made = plan.apply(table, keys=Keys(secret=SECRET), deidentifier=deid).table
    assert made["ip"].isna().all()
    assert made["email"].str.endswith("@example.com").all()
    assert set(made["email"]).isdisjoint(table["email"])


def test_first_and_last_names_are_invented_as_such(deid):
    table = pd.DataFrame({"first_name": ["Ann", "Bob"], "last_name": ["Lee", "Stone"]})
    plan = changed(
        Plan.propose(table, mode="expert"), first_name="surrogate", last_name="surrogate"
    )
    made = plan.apply(table, keys=Keys(secret=SECRET), deidentifier=deid).table
    assert all(len(name.split()) == 1 for c in made for name in made[c])
