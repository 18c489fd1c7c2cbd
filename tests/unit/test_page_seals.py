"""What the page for reviewers believes: sealed texts, where requests come from, forms, paths."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.access.login.authentication import Caller
from auditkit.mlflow_guard.page.browser import is_foreign, is_foreign_call, path_within
from auditkit.mlflow_guard.page.forms import Signed, form_token, read_form
from auditkit.mlflow_guard.page.seals import Seals
from auditkit.mlflow_guard.page.templates import Links, environment
from auditkit.mlflow_guard.upstream.refusals import RefusedError

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = bytes(range(32))
HOUR = timedelta(hours=1)


def seals(*, key: bytes = KEY, later: timedelta = timedelta()) -> Seals:
    return Seals(key, clock=lambda: NOW + later)


def test_what_was_sealed_opens_elsewhere_with_the_same_key_until_it_ends():
    sealed = seals().seal("session", {"user": "rita"}, lasts=HOUR)
    assert seals().opened("session", sealed) == {"user": "rita"}
    assert seals(later=HOUR).opened("session", sealed) is None
    assert seals().opened("form", sealed) is None
    assert seals(key=bytes(32)).opened("session", sealed) is None
    with pytest.raises(ValueError, match="32 bytes"):
        Seals(b"short", clock=lambda: NOW)
    with pytest.raises(ValueError, match="too long"):
        seals().seal("session", {"groups": ["g" * 4000]}, lasts=HOUR)


@given(st.data())
def test_a_changed_text_does_not_open(data: st.DataObject):
    sealed = seals().seal("session", {"user": "rita"}, lasts=HOUR)
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda c: c != sealed[place]))
    assert seals().opened("session", sealed[:place] + other + sealed[place + 1 :]) is None
    assert seals().opened("session", sealed[:place]) is None


@given(st.text())
def test_no_text_that_was_not_sealed_opens(text: str):
    assert seals().opened("session", text) is None


HOST = "mlflow.example:5000"
OURS = {"https://shown.example"}


@pytest.mark.parametrize(
    ("method", "headers", "foreign"),
    [
        ("GET", {}, False),
        ("GET", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),
        # A link in a mail or on another site is followed.
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        # A frame, an image or a script's request is not.
        (
            "GET",
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "iframe",
            },
            True,
        ),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, True),
        ("GET", {"Origin": "http://localhost:3000"}, True),
        ("POST", {}, True),
        ("POST", {"Origin": "null"}, True),
        ("POST", {"Origin": "http://mlflow.example:5000"}, False),
        ("POST", {"Origin": "http://mlflow.example"}, True),
        ("POST", {"Origin": "http://mlflow.example:5000.evil.example"}, True),
        ("POST", {"Origin": "http://evil@mlflow.example:5000"}, True),
        ("POST", {"Origin": "http://mlflow.example:5000, http://evil.example"}, True),
        ("POST", {"Origin": "ftp://mlflow.example:5000"}, True),
        ("POST", {"Origin": "http://["}, True),
        ("POST", {"Origin": "https://shown.example"}, False),
        ("POST", {"Origin": "https://shown.example.evil.example"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, False),
        ("POST", {"Sec-Fetch-Site": "none"}, True),
        ("POST", {"Sec-Fetch-Site": "same-site"}, True),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "http://mlflow.example:5000"}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, True),
    ],
)
def test_a_request_from_another_sites_page_is_told(
    method: str, headers: dict[str, str], foreign: bool
):
    assert is_foreign(headers, method, HOST, OURS) is foreign


def test_a_program_calls_the_api_and_another_sites_page_does_not():
    near = "http://localhost:3000"
    for headers, allowed, foreign in (
        ({}, (), False),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}, (), False),
        ({"Origin": near, "Sec-Fetch-Site": "same-site"}, (), True),
        ({"Sec-Fetch-Site": "cross-site"}, (), True),
        ({"Origin": "null"}, (), True),
        ({"Origin": near, "Sec-Fetch-Site": "same-site"}, (near,), False),
        ({"Origin": near}, ("*",), False),
        ({"origin": near, "sec-fetch-site": "same-site"}, ("http://*.example",), True),
        ({"origin": "http://a.example"}, ("http://*.example",), False),
    ):
        assert is_foreign_call(headers, "POST", HOST, allowed) is foreign, headers
    # A script of another site reads no answer; what is only shown, it cannot read.
    assert is_foreign_call({"Origin": near, "Sec-Fetch-Site": "same-site"}, "GET", HOST, ())
    assert not is_foreign_call({"Sec-Fetch-Site": "cross-site"}, "GET", HOST, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//evil.example",
        "https://evil.example/auditkit",
        "/auditkit//evil.example",
        "/auditkit\\evil",
        "/\\evil.example",
        "/auditkit/../login",
        "/auditkitten",
        "/auditkit\r\nSet-Cookie: a=b",
        "/auditkit?next=\x00",
        "javascript:alert(1)",
        "/auditkit/é",
        "/auditkit#//evil.example",
    ],
)
def test_a_log_in_goes_on_to_no_other_site(text: str):
    assert path_within(text, "/auditkit") == "/auditkit"


def test_a_log_in_goes_on_to_the_page_that_was_asked_for():
    for text in ("/auditkit", "/auditkit/requests/a1", "/auditkit/history?model=a%2Fb&page=2"):
        assert path_within(text, "/auditkit") == text
    assert path_within("/auditkit", "/mlflow/auditkit") == "/mlflow/auditkit"


RITA = Signed(caller=Caller("rita", "oidc"), session="s1")
PATH = "/auditkit/requests/r1/approve"


def sent(token: str, **fields: str) -> Any:
    return SimpleNamespace(content_length=100, form={"token": token, **fields})


def test_a_form_is_read_for_whom_and_what_it_was_made():
    token = form_token(seals(), RITA, PATH)
    read = read_form(sent(token, comment="a\r\nb"), seals(later=HOUR / 2), RITA, PATH)
    assert read == {"comment": "a\nb"}


@pytest.mark.parametrize(
    ("signed", "path"),
    [
        (Signed(caller=Caller("rob", "oidc"), session="s1"), PATH),
        (Signed(caller=Caller("rita", "oidc"), session="s2"), PATH),
        (Signed(caller=Caller("rita", "basic"), session="s1"), PATH),
        (RITA, "/auditkit/requests/r1/reject"),
        (RITA, "/auditkit/requests/r2/approve"),
    ],
)
def test_a_form_of_another_user_session_or_action_is_refused(signed: Signed, path: str):
    token = form_token(seals(), signed, path)
    with pytest.raises(RefusedError, match="not made here for you"):
        read_form(sent(token), seals(), RITA, PATH)


def test_a_form_without_a_good_token_is_refused():
    old = form_token(seals(), RITA, PATH)
    session = seals().seal("session", RITA.content(PATH), lasts=HOUR)
    for token, when in (("", 0), ("x.y", 0), (old, 1), (session, 0)):
        with pytest.raises(RefusedError):
            read_form(sent(token), seals(later=when * HOUR), RITA, PATH)
    large = SimpleNamespace(content_length=10**6, form={"token": old})
    with pytest.raises(RefusedError, match="too large"):
        read_form(large, seals(), RITA, PATH)


def test_links_keep_names_whole_and_the_workspace():
    links = Links("/auditkit", "team-a")
    assert links.to() == "/auditkit?workspace=team-a"
    assert (
        links.to("history", model="a&b=<c>")
        == "/auditkit/history?model=a%26b%3D%3Cc%3E&workspace=team-a"
    )
    assert links.to("requests", "../x", workspace="") == "/auditkit/requests/..%2Fx"


def test_no_text_is_markup_and_none_hides():
    written = environment().from_string('<p title="{{ text }}">{{ text }}</p>')
    shown = written.render(text='"><script>\u202egpj.exe</script>\x00')
    assert "<script>" not in shown
    assert "\\u202egpj.exe" in shown
    assert "\x00" not in shown
    assert (
        environment()
        .from_string("{{ value|number }} {{ less|signed }}")
        .render(value=float("nan"), less=-0.5)
        == "not a number -0.5"
    )
