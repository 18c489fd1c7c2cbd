"""Rendering in a child process: the same bytes as in this one, and a way on where there is none."""

from __future__ import annotations

import pytest

from auditkit.errors import OutputError
from auditkit.isolation import ChildUnavailableError
from auditkit.judgement.restored import restored
from auditkit.judgement.statement import Judgement
from auditkit.report import ReportOptions, render, rendered, renderer
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
