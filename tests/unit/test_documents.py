"""The one reader of YAML files: what it refuses, where, and what it never says."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

import auditkit
from auditkit.access.policy.settings import parse_settings
from auditkit.deid import Plan
from auditkit.documents import (
    MAX_BYTES,
    MAX_DEPTH,
    Document,
    PersonOrNobody,
    Text,
    names_somebody,
    parse_document,
)
from auditkit.errors import PolicyError
from auditkit.judgement.controls import parse_pack
from auditkit.policy import parse_policy
from auditkit.report.letters.texts import parse_letter_texts


class Inner(Document):
    who: PersonOrNobody = ""
    share: float = 0.0


class Outer(Document):
    title: Text
    count: int = 0
    inner: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()
    notes: Mapping[str, object] = Field(default_factory=dict)


def read(text):
    return parse_document(Outer, text, source="my.yaml")


def refusal(text):
    with pytest.raises(PolicyError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: a\ntitle: b\n", "my.yaml, line 2, column 1: the key 'title' is there twice"),
        ("title: a\ninner:\n- {who: A, who: B}", "line 3, column 12: the key 'who' is there twice"),
        ("title: a\nnotes: {a: 1,\n 'a': 2}", "line 3, column 2: the key 'a' is there twice"),
        ("title: a\ncuont: 1\n", "line 2: unknown key 'cuont'"),
        ("title: a\ninner:\n- who: A\n- how: B", "line 4: unknown key 'inner.1.how'"),
        ("count: 1", "line 1: the key 'title' is missing"),
        ("title:\ncount: 1", "line 1: title:"),
        ("title: a\ncount: true", "line 2: count: write a number"),
        ("title: a\ncount: '3'", "line 2: count: write a number"),
        ("title: a\ncount: 012", "line 2: count: write a number"),
        ("title: a\ncount: 1:30", "line 2: count: write a number"),
        ("title: a\ninner: [{share: yes}]", "line 2: inner.0.share: write a number"),
        ("title: a\nwords: b", "line 2: words:"),
        ("title: &x a\nwords: [*x]", "line 1, column 8: anchors and aliases"),
        ("title: a\nwords: [*x]", "line 2, column 9: anchors and aliases"),
        ("title: !!python/name:os.system a", "line 1, column 8: tags are not allowed"),
        ("title: a\n<<: {count: 1}", "line 2"),
        ("title: a\n? [1]\n: b", "line 2, column 3: a key is not text"),
        ("title: a\nnotes: {d: 2026-02-31}", "line 2, column 12: a value that cannot be read"),
        ('title: "\\ud800"', "line 1, column 8: a value that cannot be read"),
        ("title: a\nnotes: {n: " + "9" * 5000 + "}", "line 2, column 12: a value"),
        ("title: " + "[" * 100_000, "nested more than 20 levels"),
        ("title: a\nnotes: " + "{a: " * 5000, "nested more than 20 levels"),
        ("- " * 5000, "nested more than 20 levels"),
        ("title: a\n---\ntitle: b", "not valid YAML at line 2"),
        ("title: \x00", "not valid YAML"),
        ("title: 'a\n", "not valid YAML at line"),
        ("a" * (MAX_BYTES + 1), "more than 2,097,152 characters"),
    ],
)
def test_refuses_with_file_line_and_key(text, told):
    assert "my.yaml" in refusal(text)
    assert told in refusal(text)


def test_depth_is_allowed_up_to_the_bound():
    inside = MAX_DEPTH - 2
    assert read("title: a\nnotes: {a: " + "[" * inside + "]" * inside + "}").notes
    assert "levels" in refusal("title: a\nnotes: {a: " + "[" * (inside + 1))


@pytest.mark.parametrize("value",
                         ["no", "Yes", "OFF", "~", "", "true", "5", "2026-01-01",
                                   "'no'", "'true'", "'-'", "' '", "n/a", '"a\\u202eb"', "[A]"],
)  # fmt: skip
def test_what_names_nobody_accepts_nothing(value):
    assert "line 2: inner.0.who: name a person" in refusal(f"title: a\ninner: [{{who: {value}}}]")


@pytest.mark.parametrize("value", ["Ann Lee", "'Lee, privacy board 7'", "李雷", "O'Brien"])
def test_people_have_names(value):
    assert read(f"title: a\ninner: [{{who: {value}}}]").inner[0].who == yaml.safe_load(value)


def test_numbers_are_those_of_yaml_1_2_and_what_looks_like_one_stays_text():
    found = read("title: a\nwords: [012, 1:30, 0x1F, 1_000, on, n, 2026-11-22T10:00, .inf, 1.2.3]")
    assert found.words == (
        "012", "1:30", "0x1F", "1_000", "on", "n", "2026-11-22T10:00", ".inf", "1.2.3"
    )  # fmt: skip
    assert read("title: a\nnotes: {a: -3, b: 1e-3, c: .5, d: 2.}").notes == {
        "a": -3, "b": 0.001, "c": 0.5, "d": 2.0
    }  # fmt: skip
    assert read("title: a\nnotes: {1: x, yes: y, ~: z}").notes == {"1": "x", "yes": "y", "~": "z"}


# Words that no message of ours has.
_SECRETS = st.text(alphabet="qxzjQXZJ", min_size=6, max_size=12)


@given(_SECRETS, st.sampled_from(["{}", "- {}", "title: [{}", "title: {}: b", "a b {}: c", "'{}",
                                  "title: a\ncount: {}", "title: a\n{} {}: 1", "{}:\n\t- a",
                                  "title: a\ninner: [{{share: {}}}]", "root:x:0:0:{}:/root\n",
                                  "title: a\nwords: {}", "title: !{} a", "title: *{}", "? {{{}}}",
                                  "title: a\ninner: [{{who: '\u202e{}'}}]"]))  # fmt: skip
def test_no_error_quotes_what_the_file_holds(secret, form):
    with pytest.raises(PolicyError) as caught:
        read(form.replace("{}", secret).replace("{{", "{").replace("}}", "}"))
    assert secret not in str(caught.value)
    printed = "".join(traceback.format_exception(caught.value)).split("PolicyError:")[-1]
    assert secret not in printed
    assert caught.value.__context__ is None or caught.value.__suppress_context__


READERS = [parse_policy, parse_pack, parse_settings, parse_letter_texts, Plan.from_yaml]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ["", "[", "- a", "x: 1", "a: " * 3, "{" * 3000, "a: &b [*b]"])
def test_every_kind_of_file_is_read_by_it(reader, text):
    with pytest.raises(PolicyError, match=r"my\.yaml"):
        reader(text, source="my.yaml")


def test_the_package_loads_yaml_in_one_place():
    sources = Path(auditkit.__file__).parent.rglob("*.py")
    loading = {p.stem for p in sources if "yaml.safe_load" in p.read_text() or "yaml.load" in
               p.read_text() or "yaml.SafeLoader" in p.read_text()}  # fmt: skip
    assert loading == {"documents"}


@given(st.text(max_size=30))
def test_a_name_has_a_letter_and_fits_a_line(text):
    assert not names_somebody(text) or (text.isprintable() and any(map(str.isalpha, text)))
