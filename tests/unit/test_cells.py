"""Cells of CSV files: what a spreadsheet, a terminal or a reader of text would obey is disarmed."""

from __future__ import annotations

import csv
import io
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.evidence import Finding, Outcome, Table
from auditkit.output import findings_csv
from auditkit.output.spreadsheet import is_table_csv, table_csv
from auditkit.tables.cells import cell, csv_bytes, write_csv

TEXTS = st.text(st.characters(), max_size=12)
WHOLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "\n=1", " =1+1", "\u00a0=1", "\u3000=1",
        "\uff1d1+1", "\uff0bA1", "\uff0dA1", "\uff20A1", "+49 170 555", "--1",
        "-1+cmd|' /C calc'!A0", "\u200b=1",
    ],
)  # fmt: skip
def test_text_that_could_be_a_formula_begins_with_an_apostrophe(text):
    assert cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-0.43", "+1", "-1e-05", "-.5", "0.8", "1E+300"])
def test_text_that_is_a_number_stays_one(text):
    assert cell(text) == text
    assert float(read(csv_bytes([["a"], [text]]))[1][0]) == float(text)


def test_numbers_read_back_as_numbers():
    data = csv_bytes([["a", "b"], [-0.43, 1], [1e-300, -7], [None, 0]])
    table = pd.read_csv(io.BytesIO(data))
    assert table["a"].tolist()[:2] == [-0.43, 1e-300]
    assert table["a"].isna().tolist() == [False, False, True]
    assert table["b"].tolist() == [1, -7, 0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", "a\\u001b[31mred"),
        ("a\x00b", "a\\u0000b"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("a\ud800b", "a\\ud800b"),
        ("a\rb", "a\\rb"),
        ("a\x9b2J", "a\\u009b2J"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("line\nline\ttab", "line\nline\ttab"),
        ("नमस्ते Zoë \U0001f469\u200d\U0001f52c", "नमस्ते Zoë \U0001f469\u200d\U0001f52c"),
    ],
)
def test_what_is_obeyed_is_shown(text, shown):
    assert cell(text) == shown


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_rows_read_back_and_hold_nothing_that_is_obeyed(rows):
    """Against the csv module and the Unicode database."""
    data = csv_bytes(rows)
    assert read(data) == [[cell(value) for value in row] for row in rows]
    for character in data.decode("utf-8"):
        assert character in "\n\t\r" or unicodedata.category(character) not in {"Cc", "Cs"}
        assert unicodedata.bidirectional(character) not in {
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        }  # fmt: skip


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_where_the_comma_is_decimal_no_cell_begins_as_a_formula_either(rows):
    read_there = csv.reader(io.StringIO(csv_bytes(rows).decode(), newline=""), delimiter=";")
    for line in read_there:
        for value in line:
            # What stands between two of our cells; a quoted cell is whole and begins by its rule.
            assert value[:1] not in {"=", "@"}


@given(st.lists(st.lists(WHOLE, min_size=2, max_size=2)))
def test_exact_rows_read_back_as_they_were(rows):
    written = io.StringIO(newline="")
    write_csv(written, rows, exact=True)
    assert list(csv.reader(io.StringIO(written.getvalue(), newline=""), strict=True)) == rows


def test_findings_hold_words_and_no_formula():
    finding = Finding(
        rule="=R", title="", outcome=Outcome.NOT_ASSESSED, statement="a\x1b[2J", evidence="E-0001",
        check="x", key="rate[a=@b]", value=-0.43, operator=">=", threshold=1, severity="high",
        citation="",
    )  # fmt: skip
    header, row = read(findings_csv([finding]))
    assert dict(zip(header, row, strict=True)) == {
        "rule": "'=R", "outcome": "not tested", "statement": "a\\u001b[2J", "evidence": "E-0001",
        "key": "rate[a=@b]", "value": "-0.43", "lower": "", "upper": "", "finding_id": "",
        "group": "", "n": "0", "operator": ">=", "threshold": "1", "severity": "high",
        "waived_until": "", "statement_sha256": "",
    }  # fmt: skip


def test_a_reports_spreadsheet_is_known_as_any_release_wrote_it():
    table = Table(name="t", title="t", columns=("a\x1b", "b"), rows=(("-1", -1.5), ("=x", None)))
    rows = table.to_bytes()
    now, before = table_csv(rows), b"a\x1b,b\r\n'-1,-1.5\r\n'=x,\r\n"
    assert now == b"a\\u001b,b\r\n-1,-1.5\r\n'=x,\r\n"
    assert is_table_csv(now, rows)
    assert is_table_csv(before, rows)
    assert not is_table_csv(before.replace(b"1.5", b"2.5"), rows)
