# ruff: noqa: E501 - a case reads better on one line
"""What leaves with a table is more than its columns: every part is treated, or the run stops."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import pickle
import uuid

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.deid import Deidentifier, Keys, Plan
from auditkit.deid.pipeline.files import apply_to_file, propose_for_file
from auditkit.deid.planning.strays import find_by_form, strays
from auditkit.deid.table.frames import read_columns
from auditkit.errors import AuditkitError, InputError, PolicyError

ROWS = 60
SSN = [f"{500 + i % 99}-{10 + i % 89}-{1000 + i}" for i in range(400)]
BARE = [number.replace("-", "") for number in SSN]
MAIL = [f"ann{i}@example.org" for i in range(ROWS)]
PEOPLE = ["Ilse Braun", "Tom Reyes", "Ann Lee", "Bob Miller", "Carla Petrov", "Eva Garcia"] * 10
READER = Deidentifier(model=False)


def frame(**columns):
    return pd.DataFrame({"v": range(ROWS), **columns})


def everything_in(table):
    """All bytes that who gets the table could read: pickled, printed, and as Arrow sends it."""
    if isinstance(table, pd.DataFrame):
        return pickle.dumps(table).decode("latin1") + table.to_csv() + repr(table.attrs)
    if isinstance(table, pl.DataFrame):
        return repr(table.to_dict(as_series=False)) + repr(table.schema)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue().decode("latin1") + repr(table.to_pylist())


def applied(table, **options):
    return Plan.propose(table, **options).apply(table, deidentifier=READER)


def left(table, secrets):
    text = everything_in(applied(table).table)
    return [secret for secret in secrets if secret in text]


def levels():
    return pd.MultiIndex.from_arrays([PEOPLE, MAIL, range(ROWS)], names=["who", None, "k"])


def with_attributes():
    table = frame()
    table.attrs["source"] = MAIL[0]
    return table


def codes(values):
    return pa.DictionaryArray.from_arrays(pa.array([0, 1] * 30), pa.array(["x", "y", *values]))


PARTS = {
    "index": (lambda: frame().set_index(pd.Index(MAIL)), MAIL),
    "named index": (lambda: frame().set_index(pd.Index(SSN[:ROWS], name="ref")), SSN[:ROWS]),
    "index of numbers": (lambda: frame().set_index(pd.Index(map(int, BARE[:ROWS]))), BARE[:ROWS]),
    "levels of an index": (lambda: frame().set_index(levels()), [*MAIL, *PEOPLE[:6]]),
    "level that a slice left": (lambda: frame().set_index(levels()).iloc[:3].assign(a=1), MAIL),
    "index of dates": (
        lambda: frame().set_index(pd.date_range("2020-01-05", periods=ROWS)),
        ["2020-01-05", "2020-02-10"],
    ),
    "categories of an index": (
        lambda: frame().set_index(pd.CategoricalIndex(["a", "b"] * 30, categories=["a", "b", *MAIL])),
        MAIL,
    ),
    "categories": (lambda: frame(c=pd.Categorical(["x"] * ROWS, categories=["x", *MAIL])), MAIL),
    "some categories": (lambda: frame(c=pd.Categorical(["x"] * 50 + MAIL[:10])), MAIL[:10]),
    "attributes": (with_attributes, MAIL[:1]),
    "lists": (lambda: frame(t=[["x", s] for s in SSN[:ROWS]]), SSN[:ROWS]),
    "one list": (lambda: frame(t=[["x"]] * 59 + [["x", SSN[0]]]), SSN[:1]),
    "tuples": (lambda: frame(t=[("x", s) for s in SSN[:ROWS]]), SSN[:ROWS]),
    "sets": (lambda: frame(t=[{"x", s} for s in SSN[:ROWS]]), SSN[:ROWS]),
    "arrays": (lambda: frame(t=[np.array(["x", s], object) for s in SSN[:ROWS]]), SSN[:ROWS]),
    "numbers in lists": (lambda: frame(t=[[int(s)] for s in BARE[:ROWS]]), BARE[:ROWS]),
    "records": (
        lambda: frame(t=[{"k": 1, "name": n, "no": {"ssn": s}} for n, s in zip(PEOPLE, SSN, strict=False)]),
        [*SSN[:ROWS], *PEOPLE[:6]],
    ),
    "cells of many types": (lambda: frame(t=[1, "a", 2.5] * 19 + [SSN[0], {"z": SSN[1]}, [SSN[2]]]), SSN[:3]),
    "bytes": (lambda: frame(t=[s.encode() for s in SSN[:ROWS]]), SSN[:ROWS]),
    "bytes that are no text": (lambda: frame(t=[b"\xff\0" + s.encode() for s in SSN[:ROWS]]), SSN[:ROWS]),
    "nullable numbers": (lambda: frame(t=pd.array([*map(int, BARE[:59]), None], dtype="Int64")), BARE[:59]),
    "sparse text": (lambda: frame(t=pd.arrays.SparseArray(np.array(MAIL, object))), MAIL),
    "arrow text": (lambda: frame(t=pd.array(MAIL, dtype="string[pyarrow]")), MAIL),
    "arrow lists": (lambda: frame(t=pd.arrays.ArrowExtensionArray(pa.array([["x", s] for s in SSN[:ROWS]]))), SSN[:ROWS]),
    "arrow structs": (
        lambda: frame(t=pd.arrays.ArrowExtensionArray(pa.array([{"a": s} for s in SSN[:ROWS]]))), SSN[:ROWS]
    ),
    "arrow dictionary": (lambda: frame(t=pd.arrays.ArrowExtensionArray(codes(MAIL))), MAIL),
    "pyarrow list": (lambda: pa.table({"t": [["x", s] for s in SSN[:ROWS]]}), SSN[:ROWS]),
    "pyarrow struct": (
        lambda: pa.table({"t": [{"name": n, "q": {"no": s}} for n, s in zip(PEOPLE, SSN, strict=False)]}),
        [*SSN[:ROWS], *PEOPLE[:6]],
    ),
    "pyarrow map": (
        lambda: pa.table({"t": pa.array([[(s, 1)] for s in SSN[:ROWS]], pa.map_(pa.string(), pa.int64()))}),
        SSN[:ROWS],
    ),
    "pyarrow metadata": (
        lambda: pa.table({"v": [1]}).replace_schema_metadata({"source": MAIL[0]}), MAIL[:1]
    ),
    "pyarrow metadata of a field": (
        lambda: pa.table([pa.array([1])], schema=pa.schema([pa.field("v", pa.int64(), metadata={"s": MAIL[0]})])),
        MAIL[:1],
    ),
    "pyarrow metadata inside": (
        lambda: pa.table([pa.array([[1]], pa.list_(pa.field("item", pa.int64(), metadata={"s": MAIL[0]})))], names=["v"]),
        MAIL[:1],
    ),
    "pyarrow dictionary": (lambda: pa.table({"v": codes(MAIL)}), MAIL),
    "pyarrow with pandas's index": (
        lambda: pa.Table.from_pandas(frame().set_index(pd.Index(MAIL))), MAIL
    ),
    "record batch": (lambda: pa.RecordBatch.from_pydict({"e": MAIL}), MAIL),
    "polars list": (lambda: pl.DataFrame({"t": [["x", s] for s in SSN[:ROWS]]}), SSN[:ROWS]),
    "polars struct": (
        lambda: pl.DataFrame({"t": [{"name": n, "ssn": s} for n, s in zip(PEOPLE, SSN, strict=False)]}),
        [*SSN[:ROWS], *PEOPLE[:6]],
    ),
    "polars enum": (lambda: pl.DataFrame({"t": pl.Series(["x"], dtype=pl.Enum(["x", *MAIL]))}), MAIL),
    "polars objects": (
        lambda: pl.DataFrame({"t": pl.Series([{s} for s in SSN[:ROWS]], dtype=pl.Object)}), SSN[:ROWS]
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_a_table_carries_an_identifier_out(part):
    make, secrets = PARTS[part]
    table = make()
    before = table.copy() if isinstance(table, pd.DataFrame) else None
    assert not left(table, secrets)
    if before is not None:
        pd.testing.assert_frame_equal(table, before, obj="the input")
        assert table.attrs == before.attrs


def test_a_duckdb_relation_becomes_an_arrow_table():
    people = pd.DataFrame({"name": PEOPLE, "v": range(ROWS)})  # noqa: F841 - DuckDB finds it
    query = (
        "select *, {'n': name} as s, 'x'::ENUM('x', 'Ann Lee') as e, 12::hugeint as h from people"
    )
    result = applied(duckdb.connect().sql(query))
    assert result.table.column_names == ["name", "v", "s.n", "e", "h"]
    assert not [n for n in PEOPLE if n in everything_in(result.table)]


TITLES = [
    (lambda: frame(**{MAIL[0]: 1}), "The name of column 2"),
    (lambda: frame(**{SSN[0]: 1}), "The name of column 2"),
    (lambda: pd.DataFrame({501101000: [1], 5: [2]}), "The name of column 1"),
    (lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", MAIL[0])])),
     "The name of column 2"),
    (lambda: frame().rename_axis(MAIL[0]), "A name of the index"),
    (lambda: frame().rename_axis(SSN[0], axis=1), "A name of the index"),
    (lambda: pd.DataFrame([range(6)], columns=pd.Index(PEOPLE[:6], name="patient")), "names of the columns"),
    (lambda: pd.DataFrame([range(6)], columns=pd.date_range("2020-01-05", periods=6)), "names of the columns"),
    (lambda: frame(t=[{s: 1} for s in SSN[:ROWS]]), "The name of column 2"),
    (lambda: pl.DataFrame({MAIL[0]: [1]}), "The name of column 1"),
    (lambda: pa.table({SSN[0]: [1]}), "The name of column 1"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(TITLES)))
def test_a_title_that_identifies_stops_the_run_and_is_not_repeated(case):
    make, told = TITLES[case]
    with pytest.raises(InputError, match=told) as caught:
        applied(make())
    assert caught.value.remedy
    assert not [s for s in (*MAIL[:1], *SSN, *PEOPLE, "501101000") if s in str(caught.value)]


def test_titles_of_all_kinds_come_back_as_they_were():
    numbers = pd.DataFrame({0: MAIL, 1: range(ROWS)})
    assert list(applied(numbers).table.columns) == [0, 1]
    tuples = pd.MultiIndex.from_tuples([("id", "name"), ("id", "ssn"), ("x", "")], names=["a", "b"])
    table = pd.DataFrame([[n, s, 1] for n, s in zip(PEOPLE, SSN, strict=False)], columns=tuples)
    result = applied(table)
    assert result.table.columns.equals(tuples)
    assert [set(result.table[c]) for c in (("id", "name"), ("id", "ssn"), ("x", ""))] == [
        {"<PERSON>"}, {"<US_SSN>"}, {1}
    ]  # fmt: skip
    for twice in (pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame({0: [1], "0": [2]})):
        with pytest.raises(InputError, match="the same name"):
            applied(twice)


def test_an_index_is_a_column_of_the_plan_and_row_numbers_are_none():
    table = frame().set_index(levels())
    plan = Plan.propose(table)
    assert [c.column for c in plan.columns] == ["who", "index level 2", "k", "v"]
    made = plan.with_column("who", treatment="drop").apply(table, deidentifier=READER).table
    assert made.index.names == [None, "k"]
    assert list(made.index.get_level_values("k")) == list(range(ROWS))
    filtered = frame().query("v % 2 == 0")
    assert [c.column for c in Plan.propose(filtered).columns] == ["v"]
    assert applied(filtered).table.index.equals(filtered.index)


IDENTIFIERS = {
    "US_SSN": SSN,
    "US_SSN bare": BARE,
    "EMAIL_ADDRESS": MAIL,
    "PHONE_NUMBER": [f"617-555-{i:04}" for i in range(400)],
    "PHONE_NUMBER bare": [f"617555{i:04}" for i in range(400)],
    "DATE_TIME": [f"2020-03-{1 + i % 28:02}" for i in range(400)],
    "IBAN_CODE": ["GB82WEST12345698765432", "DE89370400440532013000"],
    "CREDIT_CARD": ["4111 1111 1111 1111", "5500-0055-5555-5559"],
    "CREDIT_CARD bare": ["4111111111111111", "5500005555555559", "4012888888881881"],
    "IP_ADDRESS": [f"10.2.3.{i % 250}" for i in range(400)],
    "URL": [f"https://example.org/u/{i}" for i in range(400)],
    "ADDRESS": [f"{12 + i} Maple Street" for i in range(400)],
    "MEDICAL_RECORD": [f"MRN: 44{i:05}" for i in range(400)],
    "ID": [f"PT-{104482 + 7 * i}" for i in range(400)],
    "VEHICLE": ["1HGCM82633A004352"],
    "MAC_ADDRESS": ["00:1A:2B:3C:4D:5E"],
    "PERSON": PEOPLE,
}


@pytest.mark.parametrize("kind", IDENTIFIERS)
@pytest.mark.parametrize("percent", [5, 30, 70])
@pytest.mark.parametrize("filling", ["A3", "17", "open"])
def test_a_column_with_some_identifiers_keeps_none(kind, percent, filling):
    values = IDENTIFIERS[kind]
    cells = [values[i % len(values)] if (i * 37) % 100 < percent else filling for i in range(400)]
    result = applied(pd.DataFrame({"ref": cells}))
    kept = set(result.table["ref"])
    assert not kept & set(values)
    assert result.evidence[1].measurement("leaks").value == 0


@pytest.mark.parametrize("secret", [MAIL[0], SSN[0], "call 617-555-0188", "closed 2020-03-04",
                                    "\uff15\uff10\uff11-\uff11\uff10-\uff11\uff10\uff10\uff11"])  # fmt: skip
def test_one_cell_is_enough(secret):
    table = pd.DataFrame({"status": ["open", "closed"] * 300 + [secret]})
    assert secret not in set(applied(table).table["status"])


PLAIN = [
    "4 wheel drive", "2 door coupe", "12:30:45", "1,234,567.89", "$12,345,678", "100000-200000",
    "2020-2021", "3/4", "E11.9", "S72.001A", "v2024.10.3", "Q1-2024-123456", "P-2023-000123",
    "978-3-16-148410-0", "10.1000/xyz123", "NCT01234567", "SKU-0012345678", "AB1234563",
    "2023-W05", "GL-4000-1000-200", "000-00-1234", "1e-10", "file.txt", "LOINC 12345-6",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_values_that_only_look_like_identifiers_are_none(text):
    assert not find_by_form([text])


@given(st.integers(0, 2**32), st.sampled_from([str, int]))
@settings(max_examples=25, deadline=None)
def test_amounts_are_nobodys_numbers(seed, kind):
    """Amounts over many orders of magnitude, as incomes and prices are."""
    drawn = np.random.default_rng(seed).lognormal(13, 3, 3000)
    (column,) = read_columns(pd.DataFrame({"q": [kind(int(x)) for x in drawn]})).values()
    assert not strays(column)


KEPT = {
    "durations": pd.to_timedelta(range(ROWS), "D"),
    "intervals": pd.interval_range(0, ROWS),
    "decimals": [decimal.Decimal(i) for i in range(ROWS)],
    "complex": [complex(i, 1) for i in range(ROWS)],
    "nullable": pd.array([1, None] * 30, dtype="Int64"),
    "booleans": pd.array([True, None] * 30, dtype="boolean"),
    "sparse": pd.arrays.SparseArray([0, 1] * 30),
    "halves": np.arange(ROWS, dtype="float16"),
    "large": np.arange(ROWS, dtype="uint64") + 2**63,
    "huge": [10**30] * ROWS,
    "times": [dt.time(i % 24) for i in range(ROWS)],
    "bands": pd.cut(range(ROWS), 5),
    "arrow durations": pd.array(
        pd.to_timedelta(range(ROWS), "D"), dtype=pd.ArrowDtype(pa.duration("s"))
    ),
    "moments": [[1_700_000_000 + i, 2_125_550_199, 5] for i in range(3)] * 20,
    "vectors": [[0.1 * i, 12345678.25, 3.0] for i in range(ROWS)],
}


@pytest.mark.parametrize("name", KEPT)
def test_a_dtype_that_holds_nobody_is_kept_as_it_is(name):
    table = frame(q=KEPT[name])
    pd.testing.assert_frame_equal(applied(table).table, table)


@pytest.mark.parametrize(
    "days",
    [
        pd.date_range("2020-01-05", periods=ROWS, tz="Europe/Berlin"),
        pd.period_range("2020-01-05", periods=ROWS, freq="D"),
        pd.interval_range(pd.Timestamp("2020-01-05"), periods=ROWS),
        [dt.date(2020, 1, 1 + i % 28) for i in range(ROWS)],
    ],
)
def test_days_of_any_dtype_become_years(days):
    assert set(applied(frame(q=days)).table["q"]) == {"2020"}


def cyclic():
    inside: list[object] = []
    inside.append(inside)
    return inside


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (object(), "values of the type object"),
        (cyclic(), "more than 100 levels"),
        (["\ud800"], "no Unicode"),
        ([b"\xff"], "bytes that are no text"),
        (pd.Series([1]), "values of the type Series"),
    ],
)
def test_a_cell_that_cannot_be_searched_is_refused_in_words(cell, told):
    column = np.empty(ROWS, object)
    column[:] = [cell] * ROWS
    with pytest.raises(InputError, match="Column 'q' holds") as caught:
        applied(frame(q=column))
    assert told in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "kind",
    ["null", "duration[s]", "time32[s]", "halffloat", "string_view", "binary_view", "uuid"],
)
def test_arrow_types_without_a_value_are_kept(kind):
    of = {"string_view": pa.string_view(), "binary_view": pa.binary_view(), "uuid": pa.uuid()}
    of |= {"null": pa.null(), "halffloat": pa.float16(), "duration[s]": pa.duration("s")}
    table = pa.table({"q": pa.array([None] * 3, of.get(kind, pa.time32("s")))})
    assert applied(table).table.equals(table)


def test_uuids_are_codes():
    assert set(applied(frame(q=[uuid.UUID(int=i) for i in range(ROWS)])).table["q"]) == {"<ID>"}


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (SSN[:ROWS], "holds identifiers"),
        (["a"] * 59 + MAIL[:1], r"1 of its 60 cells hold an identifier by form \(an e-mail"),
        ([[s] for s in SSN[:ROWS]], "holds identifiers"),
        (PEOPLE, "holds identifiers"),
        ([f"Seen {n} again today, no change since" for n in PEOPLE], "holds free text"),
        ([f"PT-{104482 + i}" if i % 3 else "web" for i in range(ROWS)], "40 of its 60 cells"),
    ],
)
def test_an_old_plan_does_not_keep_what_a_later_table_holds(later, told):
    plan = Plan.propose(frame(q=["a", "b"] * 30))
    with pytest.raises(PolicyError, match=told) as caught:
        plan.apply(frame(q=later), deidentifier=READER)
    assert not [s for s in (*SSN, *MAIL, *PEOPLE) if s in str(caught.value)]
    accepted = plan.with_column("q", accepted="J. Doe, test data")
    assert list(accepted.apply(frame(q=later), deidentifier=READER).table["q"]) == list(later)


def test_other_categories_of_a_later_table_do_not_leave():
    plan = Plan.propose(frame(q=pd.Categorical(["a", "b"] * 30)))
    later = frame(q=pd.Categorical(["a"] * ROWS, categories=["a", *MAIL]))
    made = plan.apply(later, deidentifier=READER).table
    assert list(made["q"].cat.categories) == ["a"]


@pytest.mark.parametrize("mode", ["limited-data-set", "expert"])
def test_a_limited_data_set_keeps_dates_and_no_other_identifier(mode):
    table = frame(city=["Boston"] * 59 + SSN[:1], day=["2020-01-05"] * 59 + MAIL[:1])
    text = everything_in(applied(table, mode=mode).table)
    assert SSN[0] not in text
    assert MAIL[0] not in text
    dates = frame(q=["open"] * 59 + ["2020-01-05"])
    kept = Plan.propose(dates, mode="limited-data-set")
    assert kept["q"].kind == ""
    assert list(kept.apply(dates, deidentifier=READER).table["q"])[-1] == "2020-01-05"


@pytest.mark.parametrize("value", [True, 1, " ", "no", "Yes", "null", "-", "a\nb"])
def test_who_accepts_has_a_name(value):
    plan = Plan.propose(frame(ssn=SSN[:ROWS]))
    with pytest.raises(PolicyError, match="nobody's name"):
        plan.with_column("ssn", treatment="keep", accepted=value)


def test_nothing_in_nothing_out():
    for table in (pd.DataFrame(), pd.DataFrame({"ssn": []}), pa.table({"ssn": pa.array([], "str")}),
                  pl.DataFrame({"ssn": []}), pd.DataFrame({"a": []}, index=pd.Index([], name="b"))):  # fmt: skip
        assert len(applied(table).table) == 0
    for no_table in (None, pd.Series([1]), {"a": [1]}, np.zeros((2, 2)), pl.LazyFrame({"a": [1]})):
        with pytest.raises(AuditkitError, match="not a table") as caught:
            applied(no_table)
        assert caught.value.remedy


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_files_are_read_in_the_same_way(tmp_path, ending):
    source, target = tmp_path / "in.parquet", tmp_path / f"out{ending}"
    table = frame(t=[{"name": n, "ssn": s} for n, s in zip(PEOPLE, SSN, strict=False)],
                  l=[["x", s] for s in SSN[:ROWS]], e=[[1.5, 2]] * ROWS,
                  c=pd.Categorical(["x"] * ROWS, categories=["x", *MAIL]))  # fmt: skip
    table.attrs["source"] = MAIL[0]
    table.set_index(pd.Index(MAIL, name="who")).to_parquet(source)
    plan = propose_for_file(source)
    apply_to_file(plan, source, target, keys=Keys(), deidentifier=READER)
    text = target.read_bytes().decode("latin1")
    if ending == ".parquet":
        text += everything_in(pq.read_table(target))
    assert not [s for s in (*SSN, *MAIL, *PEOPLE) if s in text]
    assert {"t.name", "t.ssn", "who"} <= {c.column for c in plan.columns}


def test_a_later_batch_of_a_file_is_looked_at_too(tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    lines = ["a"] * 25_000 + [SSN[0]]
    source.write_text("ref\n" + "\n".join(lines) + "\n")
    plan = propose_for_file(source)
    with pytest.raises(PolicyError, match=r"1 of its 5,001 cells"):
        apply_to_file(plan, source, target, keys=Keys(), deidentifier=READER)
    assert not target.exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"a": "\\ud800"}', "by line 1: text that is not Unicode"),
        ('{"a": 1, "a": 2}', "line 1"),
        ('{"a": NaN}', "line 1"),
    ],
)
def test_json_lines_that_say_two_things_are_refused(tmp_path, line, told):
    source = tmp_path / "in.jsonl"
    source.write_text(line + "\n")
    with pytest.raises(InputError, match=told):
        propose_for_file(source)


def test_json_is_flattened_to_a_bounded_depth(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.csv"
    source.write_text('{"a":' * 300 + f'"{SSN[0]}"' + "}" * 300 + "\n")
    plan = propose_for_file(source)
    apply_to_file(plan, source, target, keys=Keys(), deidentifier=READER)
    assert SSN[0] not in target.read_text()
