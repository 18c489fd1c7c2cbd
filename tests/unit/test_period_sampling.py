"""Samples of a population: the same by `sha256sum` and `sort`, each item proved."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess

import pytest

from auditkit.cli import run as command
from auditkit.errors import InputError, VerificationError
from auditkit.ledger import Receipt, verify_receipt
from auditkit.period.extract import write_population
from auditkit.period.sampling import check_sample, draw_sample
from auditkit.period.window import Period
from tests.support.period_log import BEGIN, END, Book

SHELL = """
tail -n +2 "$1" | cut -d, -f1 | while read -r item; do
  printf '%s  %s\\n' "$(printf '%s:%s' "$2" "$item" | sha256sum | cut -c1-64)" "$item"
done | LC_ALL=C sort | head -n "$3" | cut -c67-
"""


def shell(script, *arguments):
    line = ["sh", "-c", script, "sh", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "audit.db")
    for day in range(30):
        made.at(day).decision(f"user{day}", allowed=day % 3 > 0)
    made.reads("bob", "cy", "")
    yield made
    made.close()


@pytest.fixture
def table(book, tmp_path):
    write_population(book.log, "access", Period(BEGIN, END), tmp_path / "access", at=END)
    return tmp_path / "access" / "population.csv"


@pytest.mark.parametrize("n", [1, 7, 33, 50])
def test_the_shell_draws_the_same(book, table, tmp_path, n):
    book.decision("after")
    size = book.log.size
    root = book.log.checkpoint().split("\n")[2]
    sample = draw_sample(book.log, table, tmp_path / "s", n=n, seed=f"checkpoint:{size}")
    decode = "printf %s \"$1\" | base64 -d | od -An -tx1 | tr -d ' \\n'"
    root = shell(decode, root)
    drawn = shell(SHELL, str(table), root, str(n)).split()
    assert [one["item_id"] for one in sample["items"]] == drawn
    assert len(drawn) == min(n, 33)
    assert (sample["seed"], sample["seed_after_population"]) == (root, True)
    with (tmp_path / "s" / "sample.csv").open(newline="") as file:
        assert [row["item_id"] for row in csv.DictReader(file)] == drawn


def test_each_item_is_proved(book, table, tmp_path):
    draw_sample(book.log, table, tmp_path, n=5, seed=f"checkpoint:{book.log.size}")
    sample = json.loads((tmp_path / "sample.json").read_text())
    receipts = [Receipt.from_json(one) for one in sample["receipts"]]
    for receipt in receipts:
        verify_receipt(receipt, book.key.verifier)
    assert {r.index for r in receipts} == {one["ledger_index"] for one in sample["items"]}
    assert check_sample(book.log, table, tmp_path / "sample.json")["n"] == 5
    assert sample["seed_after_population"] is False


def test_a_seed_that_was_never_published_says_so(book, table, tmp_path):
    sample = draw_sample(book.log, table, tmp_path, n=5, seed="checkpoint:9")
    assert sample["seed_published"] is False


def test_the_examiner_names_items(book, table, tmp_path):
    sample = draw_sample(book.log, table, tmp_path, items=["L3", "L30.1", "L3"])
    assert [one["item_id"] for one in sample["items"]] == ["L3", "L30.1"]
    assert "examiner" in sample["selected"]
    with pytest.raises(InputError, match="1 of the items are not"):
        draw_sample(book.log, table, tmp_path, items=["L3", "L99"])


def test_a_population_that_changed_is_noticed(book, table, tmp_path):
    seed = f"checkpoint:{book.log.size}"
    draw_sample(book.log, table, tmp_path, n=5, seed=seed)
    table.write_text(table.read_text().replace("user7,", "user8,"))
    with pytest.raises(VerificationError, match="has changed since the sample"):
        check_sample(book.log, table, tmp_path / "sample.json")
    with pytest.raises(VerificationError, match="not the one that its"):
        draw_sample(book.log, table, tmp_path, n=5, seed=seed)


def test_one_that_was_extracted_anew_is_noticed_too(book, table, tmp_path):
    draw_sample(book.log, table, tmp_path, n=5, seed=f"checkpoint:{book.log.size}")
    book.at(40).decision("new")
    write_population(book.log, "access", Period(BEGIN, END), table.parent, at=END)
    with pytest.raises(VerificationError, match="has changed since the sample"):
        check_sample(book.log, table, tmp_path / "sample.json")


def test_files_that_agree_and_that_the_log_does_not_give_are_refused(book, table, tmp_path):
    lines = table.read_bytes().split(b"\r\n")
    table.write_bytes(b"\r\n".join(lines[:-2]) + b"\r\n")
    ipe = json.loads((table.parent / "ipe.json").read_text())
    ipe["file_sha256"] = hashlib.sha256(table.read_bytes()).hexdigest()
    (table.parent / "ipe.json").write_text(json.dumps(ipe))
    with pytest.raises(VerificationError, match="log does not give"):
        draw_sample(book.log, table, tmp_path, n=5, seed=f"checkpoint:{book.log.size}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 5}, "seed or by a list"),
        ({"n": 5, "seed": "checkpoint:9", "items": ["L1"]}, "seed or by a list"),
        ({"n": 0, "seed": "checkpoint:9"}, "at least one"),
        ({"n": 5, "seed": "18342"}, "no checkpoint"),
        ({"n": 5, "seed": "checkpoint:0"}, "no checkpoint"),
        ({"n": 5, "seed": "checkpoint:18342"}, "The log has 31 entries"),
    ],
)
def test_what_cannot_be_drawn_is_refused(book, table, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        draw_sample(book.log, table, tmp_path, **options)


def test_the_command_draws_and_checks(book, table, tmp_path, capsys):
    where = ["--log", str(book.path), "--key", str(book.pub)]
    drawn = ["evidence", "sample", str(table), "--n", "4", "--seed-from", "checkpoint:31", *where]
    assert command([*drawn, "-o", str(tmp_path / "s")]) == 0
    assert "4 of 33 items" in capsys.readouterr().err
    check = ["evidence", "sample", str(table), "--check", str(tmp_path / "s" / "sample.json")]
    assert command([*check, *where]) == 0
    table.write_text(table.read_text() + "L99\r\n")
    assert command([*check, *where]) == 12
