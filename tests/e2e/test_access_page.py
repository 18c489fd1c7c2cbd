"""The page for reviewers in a real browser, by keyboard, and against who attacks it."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from guarded_server import PASSWORD, Workplace, free_port, running

from tests.support.provider import CLIENT, SECRET, Provider

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
HOSTILE = '"><script>document.title = 1'
COOKIE = "auditkit_session"


@pytest.fixture(scope="module")
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory, provider):
    """A server with two workers, passwords and the provider; and its workplace."""
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "secret").chmod(0o600)
    oidc = (
        f"oidc: {{issuer: '{provider.url}', audience: mlflow, client_id: {CLIENT}, "
        "client_secret_file: secret, "
        f"redirect_url: 'http://127.0.0.1:{port}/auditkit/callback'}}\n"
    )
    workplace = Workplace(folder, settings=oidc)
    with running(workplace, workers=2, port=port) as server:
        yield server, workplace


@pytest.fixture
def ask(place, tmp_path):
    """Makes a model of ann's with one version and asks for its promotion."""
    server, _ = place

    def asked(name, metrics=None):
        client = server.mlflow("ann")
        client.create_registered_model(name)
        run = client.create_run(client.create_experiment(name.replace("/", "-")))
        for key, value in (metrics or {}).items():
            client.log_metric(run.info.run_id, key, value)
        (tmp_path / "weights.txt").write_text(name)
        client.log_artifact(run.info.run_id, str(tmp_path / "weights.txt"), "model")
        client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            await_creation_for=0,
            description=HOSTILE,
        )
        return server.client("ann").request(name, "1", alias="champion"), run

    return asked


def get(server, user, path):
    return server.call(user, "GET", path)


def form_of(html, action):
    """The hidden fields of a page's form."""
    form = re.search(rf'<form[^>]*action="[^"]*/{action}[^>]*>.*?</form>', html, re.DOTALL)[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


def send(server, user, path, fields, **headers):
    known = {"Origin": server.url, **headers}
    return server.call(user, "POST", path, data=fields, headers=known)


def approvals(server, number):
    rows = server.client("ann").history()["requests"]
    return next(row for row in rows if row["request"] == number)


CONTRAST = """() => {
  const light = (c) => {
    const part = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 };
    return .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
  };
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own) continue;
    const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.push([e.textContent.trim(), ratio]);
  }
  return low;
}"""
STRUCTURE = """() => ({
  levels: [...document.querySelectorAll("h1, h2, h3, h4")].map((e) => Number(e.tagName[1])),
  tables: [...document.querySelectorAll("table")].filter((t) => !t.caption).length,
  heads: [...document.querySelectorAll("th")].filter((t) => !t.scope).length,
  fields: [...document.querySelectorAll("textarea, input:not([type=hidden])")]
    .filter((f) => !f.labels.length).length,
  ids: [...document.querySelectorAll("[id]")].map((e) => e.id),
  landmarks: ["header", "main", "footer"].filter((n) => !document.querySelector(n)),
  lang: document.documentElement.lang,
  scripts: document.scripts.length,
  rules: [...document.styleSheets].map((sheet) => sheet.cssRules.length),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


FOCUSED = """(() => {
  const e = document.activeElement;
  return e.matches("a, button, textarea") ? (e.labels?.[0] ?? e).textContent : "";
})()"""


def check_page(page):
    """What holds for every page: WCAG 2.2 as far as a program can tell, and no script."""
    page.wait_for_load_state("load")  # the style sheet too
    found = page.evaluate(STRUCTURE)
    levels = found["levels"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert (found["tables"], found["heads"], found["fields"]) == (0, 0, 0)
    assert len(found["ids"]) == len(set(found["ids"]))
    assert found["landmarks"] == []
    assert found["lang"] == "en"
    assert found["scripts"] == 0
    assert len(found["rules"]) == 1
    assert found["rules"][0] > 50
    assert found["wide"] == 0
    assert page.evaluate(CONTRAST) == []


def tab_to(page, text):
    """Presses Tab until something of this name has the focus, and sees that the focus shows."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if text in page.evaluate(FOCUSED):
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", text
            return
    raise AssertionError(f"the focus never came to {text!r}")


def signed_in(browser, user, **options):
    known = {"username": user, "password": PASSWORD}
    return browser.new_context(http_credentials=known, **options).new_page()


def test_a_reviewer_compares_and_approves_by_keyboard(place, browser, ask):
    server, _ = place
    asked, run = ask("keyboard", {"auc": 0.875})
    server.client("rita").approve(asked["request"])
    server.client("mia").promote("keyboard", "1", alias="champion")
    client = server.mlflow("ann")
    second = client.create_run(run.info.experiment_id)
    client.log_metric(second.info.run_id, "auc", 0.9)
    client.log_text(second.info.run_id, "better", "model/weights.txt")
    client.create_model_version(
        "keyboard",
        source=f"{second.info.artifact_uri}/model",
        run_id=second.info.run_id,
        await_creation_for=0,
    )
    number = server.client("ann").request("keyboard", "2", alias="champion")["request"]

    page = signed_in(browser, "rita", viewport={"width": 400, "height": 800})
    page.goto(f"{server.url}/auditkit?sign-in=password")
    check_page(page)
    tab_to(page, "Skip to the content")
    tab_to(page, number)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="keyboard, version 2, to alias champion").wait_for()
    check_page(page)
    table = page.get_by_role("table", name="Metrics that the source runs logged")
    row = table.get_by_role("row", name="auc 0.9 0.875 +0.025")
    assert row.get_by_role("rowheader").inner_text() == "auc"
    files = page.get_by_role("table", name="1 file")
    assert files.get_by_role("cell").nth(0).inner_text() == "6 bytes"
    assert files.get_by_role("cell").nth(1).inner_text() == hashlib.sha256(b"better").hexdigest()
    tree = page.locator("main").aria_snapshot()
    assert '- textbox "Comment, for the record (optional)"' in tree
    assert '- button "Approve version 2 for champion"' in tree

    tab_to(page, "Comment, for the record")
    page.keyboard.type("compared <b>both</b>")
    tab_to(page, "Approve version 2 for champion")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Your approval is in the log.").wait_for()
    assert page.get_by_text("compared <b>both</b>").is_visible()
    assert page.get_by_text("you have approved it before").is_visible()
    row = approvals(server, number)
    assert row["approvals"] == ["rita"]
    assert row["comments"] == {"rita": "compared <b>both</b>"}
    page.reload()  # sends nothing again
    assert page.get_by_role("alert").count() == 0
    # At twice the size nothing is cut off; on a narrow page every table scrolls by itself.
    page.set_viewport_size({"width": 320, "height": 600})
    check_page(page)
    page.context.close()


def test_names_are_text_and_what_you_may_not_do_is_said(place, browser, ask):
    server, _ = place
    name = '<script>document.title = "taken"<script> "quoted" &amp; \u202eko'
    asked, _ = ask(name)
    number = asked["request"]
    page = signed_in(browser, "vic")
    for path in ("?sign-in=password", f"/requests/{number}", "/history"):
        page.goto(f"{server.url}/auditkit{path}")
        check_page(page)
        assert "taken" not in page.title().split()[0]
        assert page.get_by_text('<script>document.title = "taken"<script>').count() > 0
        assert "\u202e" not in page.content()
    page.goto(f"{server.url}/auditkit/requests/{number}")
    assert page.get_by_text("You cannot answer this request").is_visible()
    assert page.get_by_text("You may not see the files").is_visible()
    assert page.get_by_role("textbox").count() == 0
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="ko", exact=False).first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("History of <script>")
    page.context.close()
    # Who made it is told why they cannot approve, whatever their role.
    assert (
        "neither requested it nor made the version"
        not in get(server, "rita", f"/auditkit/requests/{number}?sign-in=password").text
    )


def test_sign_in_at_the_provider_leads_to_what_was_asked_for(place, browser, provider, ask):
    server, workplace = place
    provider.user = "rob"
    number = ask("provider")[0]["request"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/auditkit/requests/{number}")
    check_page(page)
    page.get_by_role("link", name="Sign in at 127.0.0.1").click()
    page.wait_for_url(f"{server.url}/auditkit/requests/{number}")
    assert page.get_by_text("Signed in as rob").is_visible()
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    assert cookies[COOKIE]["httpOnly"]
    assert cookies[COOKIE]["sameSite"] == "Lax"
    # Two workers read one session, and neither the API nor MLflow does.
    jar = {COOKIE: cookies[COOKIE]["value"]}
    for _ in range(8):
        answer = requests.get(f"{server.url}/auditkit", cookies=jar, timeout=60)
        assert "Signed in as <strong>rob" in answer.text
    for path in ("/api/auditkit/1.0/history", "/api/2.0/mlflow/registered-models/search"):
        assert requests.get(f"{server.url}{path}", cookies=jar, timeout=60).status_code == 401
    sent = {"request": number}
    answer = requests.post(
        f"{server.url}/api/auditkit/1.0/approve", json=sent, cookies=jar, timeout=60
    )
    assert answer.status_code == 401
    page.get_by_label("Reason, for the record").fill("no report")
    page.get_by_role("button", name="Reject the request").click()
    page.get_by_role("status").wait_for()
    row = approvals(server, number)
    assert (row["state"], row["rejected_by"], row["reason"]) == ("rejected", "rob", "no report")
    logged = [d for d in workplace.decisions() if d.get("endpoint") == "auditkit_page_reject"]
    assert [(d["user"], d["authenticated"]) for d in logged] == [("rob", "oidc")]
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{server.url}/auditkit")
    assert "/sign-in" in page.url
    context.close()


def test_a_form_from_elsewhere_or_for_another_does_nothing(place, ask):
    server, workplace = place
    number = ask("forms")[0]["request"]
    other = ask("other-forms")[0]["request"]
    path = f"/auditkit/requests/{number}/approve"
    html = get(server, "rita", f"/auditkit/requests/{number}").text
    fields = form_of(html, "approve")
    assert set(fields) == {"token", "digest"}
    robs = form_of(get(server, "rob", f"/auditkit/requests/{number}").text, "approve")
    others = form_of(get(server, "rita", f"/auditkit/requests/{other}").text, "approve")
    rejects = form_of(html, "reject")
    no_token = {"digest": fields["digest"]}
    for sent, headers in (
        (fields, {"Origin": "http://evil.example"}),
        (fields, {"Origin": "null"}),
        (fields, {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}),
        (fields, {"Sec-Fetch-Site": "cross-site"}),
        (no_token, {}),
        ({**fields, "token": "x" + fields["token"][1:]}, {}),
        ({**fields, "token": robs["token"]}, {}),
        ({**fields, "token": others["token"]}, {}),
        ({**fields, "token": rejects["token"]}, {}),
    ):
        answer = send(server, "rita", path, sent, **headers)
        assert answer.status_code == 403, (sent, headers)
        assert answer.headers["Content-Type"].startswith("text/html")
    no_origin = server.call("rita", "POST", path, data=fields)
    assert no_origin.status_code == 403
    assert send(server, None, path, fields).status_code == 401
    # The API is not to be had by a form or a script of another site either.
    for headers in ({"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "cross-site"}):
        sent = {"request": number}
        answer = server.call(
            "rita", "POST", "/api/auditkit/1.0/approve", json=sent, headers=headers
        )
        assert answer.status_code == 403
    assert approvals(server, number)["approvals"] == []
    denied = [d["reason"] for d in workplace.decisions() if d.get("allowed") is False]
    assert sum("another site's page" in reason for reason in denied) >= 7
    assert sum("not made here for you" in reason for reason in denied) >= 5

    assert send(server, "vic", path, fields).status_code == 403
    assert send(server, "rita", path, {"token": fields["token"]}).status_code == 400
    # A link does not make a page say what nobody has done.
    claimed = f"/auditkit/requests/{number}?done=approve"
    assert "Your approval is in the log." not in get(server, "rita", claimed).text
    done = send(server, "rita", path, fields)
    assert done.status_code == 303
    assert "Your approval is in the log." in get(server, "rita", claimed).text
    assert "Your approval is in the log." not in get(server, "rob", claimed).text
    assert done.headers["Location"] == f"/auditkit/requests/{number}?done=approve"
    again = send(server, "rita", path, fields)
    assert again.status_code == 409
    assert "You have approved it before." in again.text
    assert approvals(server, number)["approvals"] == ["rita"]


def test_other_files_than_those_seen_are_not_approved(place, ask):
    server, _ = place
    asked, run = ask("changed")
    number = asked["request"]
    fields = form_of(get(server, "rita", f"/auditkit/requests/{number}").text, "approve")
    assert fields["digest"] == asked["artifact_digest"]
    server.mlflow("ann").log_text(run.info.run_id, "other", "model/weights.txt")
    answer = send(server, "rita", f"/auditkit/requests/{number}/approve", fields)
    assert answer.status_code == 409
    assert "not those you saw" in answer.text
    shown = get(server, "rita", f"/auditkit/requests/{number}").text
    assert "They are not those of the request." in shown
    assert "You cannot approve it" in shown
    # Asked for again: the digest that was seen before is not the one that is there.
    again = server.client("ann").request("changed", "1", alias="champion")
    html = get(server, "rita", f"/auditkit/requests/{again['request']}").text
    fields = {**form_of(html, "approve"), "digest": asked["artifact_digest"]}
    path = f"/auditkit/requests/{again['request']}/approve"
    assert send(server, "rita", path, fields).status_code == 409
    assert approvals(server, again["request"])["approvals"] == []


def test_no_page_is_framed_cached_or_shown_to_another_site(place):
    server, _ = place
    for user, path in (
        ("rita", "/auditkit"),
        ("rita", "/auditkit/requests/none"),
        ("nobody", "/auditkit"),
        (None, "/auditkit/sign-in"),
        (None, "/auditkit/page.css"),
    ):
        answer = get(server, user, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        # MLflow lets pages of this machine read its answers; not these.
        near = {"Origin": "http://localhost:3000"}
        if user == "rita":
            assert server.call(user, "GET", path, headers=near).status_code == 403
    assert get(server, "nobody", "/auditkit").status_code == 403
    assert get(server, "rita", "/auditkit?workspace=team-a").status_code == 404


def test_a_log_in_that_did_not_begin_here_ends_nowhere(place, provider):
    server, _ = place
    provider.user = "rob"
    start = f"{server.url}/auditkit/sign-in/start"

    def begun(browser, **query):
        sent = browser.get(start, params=query, allow_redirects=False, timeout=60)
        assert sent.status_code == 303
        back = browser.get(sent.headers["Location"], allow_redirects=False, timeout=60)
        return back.headers["Location"]

    # To another site it never goes on.
    for target in ("https://evil.example", "//evil.example", "/auditkit\\@evil.example"):
        with requests.Session() as browser:
            done = browser.get(begun(browser, next=target), allow_redirects=False, timeout=60)
            assert (done.status_code, done.headers["Location"]) == (303, "/auditkit")
    # In another browser, or with another's state, a code is worth nothing.
    with requests.Session() as victim, requests.Session() as attacker:
        theirs = begun(attacker)
        answer = victim.get(theirs, allow_redirects=False, timeout=60)
        assert answer.status_code == 403
        begun(victim)
        assert victim.get(theirs, allow_redirects=False, timeout=60).status_code == 403
        assert COOKIE not in victim.cookies
    # It is good once.
    with requests.Session() as browser:
        own = begun(browser)
        kept = dict(browser.cookies)
        assert browser.get(own, allow_redirects=False, timeout=60).status_code == 303
        assert requests.get(own, cookies=kept, timeout=60).status_code == 403
        session = browser.cookies[COOKIE]
    forged = [session[:-2] + "xx", session.partition(".")[0] + ".", kept["auditkit_log_in"], ""]
    for value in forged:
        answer = requests.get(
            f"{server.url}/auditkit", cookies={COOKIE: value}, allow_redirects=False, timeout=60
        )
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/auditkit/sign-in?next=")
    provider.user = ""
    with requests.Session() as browser:
        answer = browser.get(begun(browser), timeout=60)
        assert answer.status_code == 403
        assert "did not let you in" in answer.text
    with requests.Session() as browser:
        state = parse_qs(urlsplit(begun(browser)).query)["state"][0]
        callback = f"{server.url}/auditkit/callback"
        query = {"state": state, "code": "x", "iss": "http://other"}
        answer = browser.get(callback, params=query, timeout=60)
        assert "Another identity provider has answered." in answer.text


def test_a_break_glass_is_reviewed_by_another(place, browser, ask):
    server, _ = place
    ask("glass")
    made = server.client("mia").break_glass(
        "glass", alias="champion", reason=HOSTILE, ticket="INC-7"
    )
    number = made["id"]
    assert f"/auditkit/emergencies/{number}" in get(server, "rita", "/auditkit").text
    html = get(server, "rita", f"/auditkit/emergencies/{number}").text
    assert HOSTILE not in html
    assert "reviewed by somebody else" in get(server, "mia", f"/auditkit/emergencies/{number}").text
    fields = {**form_of(html, "review"), "findings": "as reported", "outcome": "rejected"}
    page = signed_in(browser, "rita")
    page.goto(f"{server.url}/auditkit?sign-in=password")
    page.get_by_role("link", name=number).click()
    check_page(page)
    assert page.get_by_role("group", name="Outcome").get_by_role("radio").count() == 2
    page.context.close()
    done = send(server, "rita", f"/auditkit/emergencies/{number}/review", fields)
    assert done.status_code == 303
    assert server.client("ann").history()["breakglass_unreviewed"] == []
    assert "<dd>rejected</dd>" in get(server, "vic", f"/auditkit/emergencies/{number}").text
    assert "as reported" in get(server, "vic", f"/auditkit/emergencies/{number}").text
