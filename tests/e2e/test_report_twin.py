"""The report in a real browser: it sorts, filters, copies, and asks nobody for anything."""

from __future__ import annotations

import pytest

from auditkit.report import ReportOptions, render_twin
from tests.fixtures import lending


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("twin") / "report.html"
    file.write_bytes(
        render_twin(
            lending.judgement(),
            receipt=lending.RECEIPT,
            options=ReportOptions(organisation="Example Bank", signer="demo key"),
        )
    )
    return file


@pytest.fixture
def page(browser, file):
    context = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.complaints, opened.asked = [], []
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(file.as_uri())
    yield opened
    assert opened.complaints == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [file.as_uri()]
    context.close()


def numbers(page, column):
    cells = page.locator(f"#conditions ~ .block tbody tr td:nth-child({column})")
    return [float(t.replace(",", "")) for t in cells.all_inner_texts() if t[:1].isdigit()]


def test_a_table_sorts_by_its_columns_and_back(page):
    printed = numbers(page, 5)
    head = page.locator("#conditions ~ .block thead th:nth-child(5)")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert numbers(page, 5) == sorted(printed)
    head.locator("button").press("Enter")
    assert numbers(page, 5) == sorted(printed, reverse=True)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert numbers(page, 5) == printed


def test_conditions_filter_by_how_they_came_out(page):
    rows = page.locator("#conditions ~ .block tbody tr")
    of_one = rows.filter(has=page.locator(".status.pass"))
    before = of_one.count()
    assert 0 < before < rows.count()
    button = page.get_by_role("button", name="met", exact=True)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not any(of_one.nth(i).is_visible() for i in range(before))
    button.click()
    assert all(of_one.nth(i).is_visible() for i in range(before))


def test_a_digest_can_be_copied(page):
    digest = lending.judgement().subject.digest.hex
    page.locator(".digest", has_text=digest).get_by_role("button").click()
    assert page.evaluate("navigator.clipboard.readText()") == digest


def test_a_number_says_where_it_comes_from(page):
    title = page.locator(".traced").first.get_attribute("title")
    assert title.startswith("E-0")


@pytest.mark.parametrize("width", [1400, 900, 390])
def test_nothing_runs_out_of_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert drawn
    fonts = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].filter((f) => f.status === 'error'))"
    )
    assert fonts == []
