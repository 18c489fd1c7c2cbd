"""Rendering in a child process: the same bytes as in this one, and a way on where there is none."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from auditkit.canonical import canonical_bytes, parse_json
from auditkit.errors import OutputError, UnverifiableError
from auditkit.isolation import ChildUnavailableError
from auditkit.isolation.messages import pack, unpack
from auditkit.judgement.restored import restored
from auditkit.judgement.statement import Judgement
from auditkit.pdf.pages import page_texts
from auditkit.report import ReportOptions, again, render, rendered, renderer, versions
from auditkit.report.render import rendering
from auditkit.report.typeset.libraries import made_with
from tests.support.small_report import TABLE, statement_bytes

OPTIONS = ReportOptions(organisation="Bank", status="DRAFT")


@pytest.fixture(scope="module")
def small() -> Judgement:
    return restored(statement_bytes(), {TABLE.name: TABLE.rows})


@pytest.fixture(scope="module")
def expected(small) -> bytes:
    return render(small, envelope=b"{}", options=OPTIONS)


def in_child(judgement: Judgement) -> bytes:
    with rendered(judgement, envelope=b"{}", options=OPTIONS) as pages:
        return pages.result()


def test_a_child_process_renders_the_same_bytes(small, expected):
    assert in_child(small) == expected


def test_without_a_child_process_it_is_rendered_here(small, expected, monkeypatch):
    def refuses(module):
        raise ChildUnavailableError("none", remedy="none")

    monkeypatch.setattr(renderer, "shared", refuses)
    renderer.get_ready()
    assert in_child(small) == expected


def test_an_error_of_the_pages_comes_back_as_it_is(small, monkeypatch):
    def refuses(*_, **__):
        raise OutputError("no", remedy="none")

    monkeypatch.setattr(renderer, "shared", lambda _: type("Refusing", (), {"call": refuses})())
    with pytest.raises(OutputError, match="no"):
        in_child(small)


def test_a_second_version_of_pages_is_added_without_changing_the_first(
    small, expected, monkeypatch
):
    def drawn_by_the_second(judgement, *, options, **rest):
        return render(judgement, options=replace(options, status="FINAL"), **rest)

    def pages_by(version):
        statement = parse_json(small.statement)
        statement["predicate"]["made_by"]["templates"] = version
        files = {
            "statement.json": canonical_bytes(statement),
            "render.json": rendering(OPTIONS, made_with()),
            "statement.dsse.json": b"{}",
            f"table-{TABLE.name}.json": TABLE.to_bytes(),
        }
        try:
            _, (made,) = unpack(again.again(pack(list(files), list(files.values()))))
        finally:
            gc.enable()
        return made

    with pytest.raises(UnverifiableError, match="templates that this version does not have"):
        pages_by(2)
    second = versions.Pages(report=drawn_by_the_second, copy=versions.render_twin)
    monkeypatch.setitem(versions.VERSIONS, 2, second)
    assert "FINAL" in "".join(page_texts(pages_by(2)))
    assert pages_by(1) == expected
    for unknown in (0, 3, "1", 1.5, None, True):
        with pytest.raises(UnverifiableError):
            pages_by(unknown)
