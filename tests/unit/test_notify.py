"""Webhooks and programs are told once of each event, in order, whatever fails or dies meanwhile."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from auditkit.errors import InputError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.ledger.keep.tail import followers
from auditkit.notify.courier import Courier, Delivery
from auditkit.notify.event import Event
from auditkit.notify.receivers import Program, UndeliveredError, Webhook
from auditkit.notify.settings import ReceiverSettings
from auditkit.notify.signature import parse_secrets, signed_headers
from tests.support.courier import event, now, outbox
from tests.support.webhooks import OTHER, SECRET, receiving

KEY = NoteSigner.generate("example.com/audit")
AN_EVENT = Event(id="1-a", source="s", type="t", time=datetime(2026, 1, 1, tzinfo=UTC), data={})
SCRIPT = Path(__file__).parents[1] / "support" / "courier.py"


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=KEY) as opened:
        yield opened


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "hook.secret"
    path.write_text(SECRET)
    return path


@pytest.fixture
def hook():
    with receiving() as found:
        yield found


def add(log, *numbers):
    for n in numbers:
        log.append(kind="test.entry", payload={"n": n})


def courier(tmp_path, send, *, clock=now, prepare=event, **options):
    options = {"begin": 0, "first_pause_s": 0.001, **options}
    delivery = Delivery(
        name="hook", prepare=prepare, send=lambda items: [send(i) for i in items], **options
    )
    return Courier(delivery, outbox(f"sqlite:///{tmp_path}/a.db", KEY.verifier), clock=clock)


def steps(made, until):
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        made.step()
        time.sleep(0.002)


# Signatures


def test_the_published_vector():
    """`sign function works` in libraries/javascript/src/webhook.test.ts of standard-webhooks."""
    (secret,) = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", source="f")
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        time_s=1614265330,
        secrets=(secret,),
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "text",
    ["", "\n", "my-own-secret", SECRET[6:], "whsec_==", "whsec_c2hvcnQ=", f"{SECRET}\nwhsec_!",
     "whsec_é", f"whsec_{'A' * 92}"],
)  # fmt: skip
def test_what_is_no_secret_is_refused_and_not_quoted(text):
    with pytest.raises(InputError) as caught:
        parse_secrets(text, source="hook.secret")
    assert "hook.secret" in str(caught.value)
    assert not text.strip() or text not in str(caught.value)


def test_the_event_is_a_cloudevent():
    assert json.loads(AN_EVENT.to_bytes()) == {
        "specversion": "1.0", "id": "1-a", "source": "s", "type": "t", "data": {},
        "time": "2026-01-01T00:00:00.000+00:00", "datacontenttype": "application/json",
    }  # fmt: skip


# Receivers


def test_two_secrets_sign_while_receivers_change_over(hook, secret):
    webhook = Webhook(hook.url, secret, clock=now)
    webhook.send(AN_EVENT)
    secret.write_text(f"{OTHER}\n{SECRET}\n")
    hook.secrets = (SECRET, OTHER)
    webhook.send(AN_EVENT)
    secret.write_text(OTHER)
    with pytest.raises(UndeliveredError, match="status 401"):
        webhook.send(AN_EVENT)
    secret.write_text("gone")
    with pytest.raises(UndeliveredError, match="does not hold secrets"):
        webhook.send(AN_EVENT)
    assert len(hook.taken) == 2


def test_a_redirect_is_not_followed(hook, secret):
    with receiving() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            hook.status, hook.headers = lambda _, s=status: s, {"Location": elsewhere.url}
            with pytest.raises(UndeliveredError, match=f"status {status}"):
                Webhook(hook.url, secret, clock=now).send(AN_EVENT)
        assert elsewhere.taken == []


def test_no_proxy_is_asked(hook, secret, monkeypatch):
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        Webhook(hook.url, secret, clock=now).send(AN_EVENT)
    assert (len(hook.taken), proxy.refused) == (1, 0)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
def test_what_does_not_answer_as_http_did_not_take_it(secret, answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with server.accept()[0] as taken:
                taken.recv(65536)
                taken.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(UndeliveredError):
            Webhook(url, secret, clock=now).send(AN_EVENT)
        thread.join()


def test_a_program_reads_the_event_and_its_exit_code_counts(tmp_path):
    program = tmp_path / "page-me"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/got\nexit $(cat {tmp_path}/code)\n")
    with pytest.raises(UndeliveredError, match="not run"):
        Program(program).send(AN_EVENT)
    program.chmod(0o755)
    (tmp_path / "code").write_text("0")
    Program(program).send(AN_EVENT)
    assert (tmp_path / "got").read_bytes() == AN_EVENT.to_bytes()
    (tmp_path / "code").write_text("7")
    with pytest.raises(UndeliveredError, match="exit code 7"):
        Program(program).send(AN_EVENT)


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://hooks.example.com/x", "secret": "s"},
        {"url": "http://127.0.0.1.example.com/", "secret": "s"},
        {"url": "http://10.0.0.1/", "secret": "s"},
        {"url": "https://ann:pw@hooks.example.com/", "secret": "s"},
        {"url": "ftp://hooks.example.com/", "secret": "s"},
        {"url": "file:///etc/passwd", "secret": "s"},
        {"url": "https:///x", "secret": "s"},
        {"url": "https://hooks.example.com:99999/", "secret": "s"},
        {"url": "https://hooks.example.com/a b", "secret": "s"},
        {"url": "https://hooks.example.com/\r\nx: y", "secret": "s"},
        {"url": "https://[::1/", "secret": "s"},
        {"url": "https://hooks.example.com/"},
        {"url": "https://hooks.example.com/", "secret": "s", "program": "p"},
        {"program": "p", "secret": "s"},
        {"secret": "s"},
        {},
    ],
)
def test_addresses_that_are_refused(settings):
    with pytest.raises(ValidationError):
        ReceiverSettings.model_validate({"on": ["requested"], **settings})


def test_a_receivers_name_does_not_hold_its_address():
    url = "https://hooks.example.com/T0KEN/x?key=hidden"
    made = ReceiverSettings.model_validate({"url": url, "secret": "s", "on": ["requested"]})
    assert made.title.startswith("hooks.example.com-")
    assert not {"T0KEN", "hidden"} & set(made.title.replace("-", "/").split("/"))
    for url in ("http://127.0.0.1:80/", "http://[::1]:8/", "http://localhost/"):
        ReceiverSettings.model_validate({"url": url, "secret": "s", "on": ["requested"]})


# The courier


def test_events_come_in_order_after_two_failures(tmp_path, log, hook, secret):
    """The failing one is tried again with the same id and a new time; the others wait."""
    hook.status = lambda call: 500 if call <= 2 else 204
    made = courier(tmp_path, Webhook(hook.url, secret, clock=now).send)
    add(log, 0, 1, 2)
    log.append(kind="other.entry", payload={})
    add(log, 3)
    steps(made, lambda: len(hook.taken) == 4)
    assert [e["data"]["n"] for e in hook.events] == [0, 1, 2, 3]
    assert hook.refused == 2
    ids = [headers["webhook-id"] for _, headers in hook.taken]
    assert ids == [e["id"] for e in hook.events]
    assert len(set(ids)) == 4
    assert not any("." in one for one in ids)
    assert made.step() is False
    assert [(f["waiting"], f["problem"]) for f in followers(log)] == [(0, "")]


def test_a_failure_shows_and_pauses_grow(tmp_path, log, hook, secret):
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    hook.status = lambda _: 503
    sent = []

    def send(item):
        sent.append(moment[0])
        raise UndeliveredError("status 503")

    made = courier(tmp_path, send, clock=lambda: moment[0], first_pause_s=1.0)
    add(log, 0, 1)
    for _ in range(3 * 24 * 360):
        made.step()
        moment[0] += timedelta(seconds=10)
    gaps = [(b - a).total_seconds() for a, b in pairwise(sent)]
    assert gaps[:5] == [10, 10, 10, 10, 20]  # seen every ten seconds: 1, 2, 4, 8, 16
    assert set(gaps[-20:]) == {3600}
    (shown,) = followers(log)
    assert (shown["next"], shown["waiting"], shown["failed"]) == (0, 2, len(sent))
    assert shown["problem"] == "status 503"
    assert shown["tries_again"] is not None


def test_after_its_days_an_event_is_given_up_and_the_next_is_sent(tmp_path, log):
    moment, given_up, taken = [now()], [], []

    def send(item):
        if item.data["n"] == 0:
            raise UndeliveredError("status 500")
        taken.append(item.data["n"])

    made = courier(
        tmp_path,
        send,
        clock=lambda: moment[0],
        gives_up=timedelta(days=3),
        given_up=lambda entry, tries, why: given_up.append((entry.index, tries, why)),
    )
    add(log, 0, 1, 2)
    made.step()
    assert (taken, given_up) == ([], [])
    moment[0] += timedelta(days=2, hours=23)
    made.step()
    assert (taken, given_up) == ([], [])
    moment[0] += timedelta(hours=2)
    made.step()
    assert given_up == [(0, 3, "status 500")]
    assert taken == [1, 2]


def test_what_was_logged_before_a_receiver_was_named_is_not_sent(tmp_path, log):
    taken = []
    add(log, 0, 1)
    made = courier(tmp_path, taken.append, begin=None)
    add(log, 2)
    made.step()
    assert [item.data["n"] for item in taken] == [2]
    # From then on its place is kept, also while nothing runs.
    add(log, 3)
    courier(tmp_path, taken.append, begin=None).step()
    assert [item.data["n"] for item in taken] == [2, 3]


def test_of_two_only_one_sends_and_the_other_goes_on_if_it_stops(tmp_path, log):
    taken, inside, go_on = [], threading.Event(), threading.Event()

    def slow(item):
        inside.set()
        assert go_on.wait(20)
        taken.append(("one", item.data["n"]))

    one = courier(tmp_path, slow)
    two = courier(tmp_path, lambda item: taken.append(("two", item.data["n"])))
    add(log, 0, 1)
    thread = threading.Thread(target=one.step)
    thread.start()
    assert inside.wait(20)
    assert two.step() is False
    go_on.set()
    thread.join()
    two.step()
    assert taken == [("one", 0), ("one", 1)]
    add(log, 2)
    two.step()
    one.step()
    assert taken[2:] == [("two", 2)]


def test_many_entries_that_are_not_for_it_are_passed(tmp_path, log):
    made = courier(tmp_path, lambda item: None, prepare=lambda entry: None)
    with log.writing() as session:
        from auditkit.ledger.records.entry import item

        log.add(session, [item("other.entry", {}, "standard") for _ in range(2500)])
    steps(made, lambda: followers(log)[0]["waiting"] < 1000)


def test_a_thread_goes_on_after_the_log_could_not_be_used(tmp_path, log, caplog):
    taken, fail = [], [2]

    def prepare(entry):
        if entry.index in fail:
            fail.remove(entry.index)
            raise InputError("the log is away for a moment")
        return event(entry)

    made = courier(tmp_path, taken.append, prepare=prepare)
    add(log, 0, 1, 2, 3)
    made.start()
    end = time.monotonic() + 20
    while len(taken) < 4:
        assert time.monotonic() < end
        time.sleep(0.02)
    made.close()
    assert [item.data["n"] for item in taken] == [0, 1, 2, 3]
    assert followers(log)[0]["waiting"] == 0
    assert "hook is not told for now: the log is away for a moment" in caplog.text


# Processes


def start(tmp_path, hook, secret, *, lease=30.0):
    process = subprocess.Popen(
        [sys.executable, SCRIPT, f"sqlite:///{tmp_path}/a.db", str(KEY.verifier), hook.url, secret,
         str(lease)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert process.stdout.readline() == b"started\n"
    return process


def end(*processes):
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.server
def test_killed_between_entry_and_answer_the_event_comes_after_a_restart(
    tmp_path, log, hook, secret
):
    add(log, 0)
    hook.pause = 30.0
    first = start(tmp_path, hook, secret, lease=1.0)
    assert hook.came.wait(20)
    end(first)
    hook.pause = 0.0
    add(log, 1)
    second = start(tmp_path, hook, secret)
    try:
        events = hook.wait(2)
    finally:
        end(second)
    assert [e["data"]["n"] for e in events] == [0, 1]


@pytest.mark.server
def test_three_processes_send_each_event_once_in_order(tmp_path, log, hook, secret):
    senders = [start(tmp_path, hook, secret) for _ in range(3)]
    try:
        for n in range(30):
            add(log, n)
            time.sleep(0.02 if n % 7 else 0.3)
        hook.wait(30)
        time.sleep(0.7)
        for sender in senders[:2]:  # whoever is left goes on
            sender.kill()
        add(log, 30)
        events = hook.wait(31)
    finally:
        end(*senders)
    assert [e["data"]["n"] for e in events] == list(range(31))
