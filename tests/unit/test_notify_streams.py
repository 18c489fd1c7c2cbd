"""Every entry is a line of a stream, in order, with its index: to a file, stdout, or syslog."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from auditkit.ledger import Ledger, NoteSigner
from auditkit.notify.courier import Courier, Delivery
from auditkit.notify.receivers import UndeliveredError
from auditkit.notify.settings import StreamSettings
from auditkit.notify.sinks import file_sink, stream_sink, syslog_message, syslog_sink
from tests.support.courier import now, outbox

KEY = NoteSigner.generate("example.com/audit")
ORIGIN = "example.com/audit"
# RFC 5424, section 6, for a message without structured data.
RFC5424 = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) "
    rb"([!-~]{1,128}) ([!-~]{1,32}) - (.*)",
    re.DOTALL,
)


@pytest.fixture
def log(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/a.db", key=KEY) as opened:
        for n in range(4):
            opened.append(kind="test.entry", payload={"n": n, "text": "zwölf\n\x1b[2J"})
        yield opened


def streamed(log, tmp_path, sink, **options):
    delivery = Delivery(
        name="stream", prepare=lambda entry: entry, send=sink, most=1000, begin=0, **options
    )
    return Courier(delivery, outbox(f"sqlite:///{tmp_path}/a.db", KEY.verifier), clock=now)


def indexes(data):
    return [json.loads(line)["index"] for line in data.splitlines()]


def test_a_file_gets_each_line_once_also_after_a_restart_and_a_rotation(log, tmp_path):
    path = tmp_path / "audit.jsonl"
    streamed(log, tmp_path, file_sink(ORIGIN, path)).step()
    assert indexes(path.read_bytes()) == [0, 1, 2, 3]
    assert path.stat().st_mode & 0o007 == 0
    log.append(kind="test.entry", payload={})
    streamed(log, tmp_path, file_sink(ORIGIN, path)).step()
    assert indexes(path.read_bytes()) == [0, 1, 2, 3, 4]
    path.rename(tmp_path / "audit.jsonl.1")
    log.append(kind="test.entry", payload={})
    streamed(log, tmp_path, file_sink(ORIGIN, path)).step()
    assert indexes(path.read_bytes()) == [5]
    line = json.loads(path.read_bytes())
    assert (line["log"], line["kind"]) == (ORIGIN, "test.entry")


def test_a_torn_line_stays_alone(log, tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"index": 0, "ki')
    file_sink(ORIGIN, path)(list(log.entries()))
    torn, *lines = path.read_bytes().splitlines()
    assert torn == b'{"index": 0, "ki'
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2, 3]


def test_a_link_is_not_followed_and_a_full_disk_is_a_failure(log, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(UndeliveredError):
        file_sink(ORIGIN, tmp_path / "link")(list(log.entries()))
    assert not (tmp_path / "victim").exists()
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(UndeliveredError, match="No space left"),
    ):
        stream_sink(ORIGIN, full)(list(log.entries()))


def test_a_stream_gets_whole_lines(log):
    class Calls(io.BytesIO):
        def write(self, data):
            assert data.endswith(b"\n")
            assert data.count(b"\n") == 1
            assert data.isascii()
            return super().write(data)

    out = Calls()
    stream_sink(ORIGIN, out)(list(log.entries()))
    assert indexes(out.getvalue()) == [0, 1, 2, 3]
    assert b"\x1b" not in out.getvalue()


def check_syslog(messages):
    for index, message in enumerate(messages):
        priority, _, host, app, process, kind, text = RFC5424.fullmatch(message).groups()
        assert (priority, host, app, process) == (b"110", b"here", b"auditkit", b"-")
        assert kind == b"test.entry"
        assert json.loads(text)["index"] == index


@pytest.mark.parametrize("family", ["udp", "unix"])
def test_syslog_by_datagrams(log, tmp_path, family):
    kind = socket.AF_INET if family == "udp" else socket.AF_UNIX
    with socket.socket(kind, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0) if family == "udp" else str(tmp_path / "s"))
        port = server.getsockname()[1] if family == "udp" else 0
        url = f"udp://127.0.0.1:{port}" if family == "udp" else f"unix://{tmp_path}/s"
        syslog_sink(ORIGIN, url, host="here")(list(log.entries()))
        server.settimeout(10)
        check_syslog([server.recv(65536) for _ in range(4)])
        log.append(kind="test.entry", payload={"long": "x" * 100_000})
        syslog_sink(ORIGIN, url, host="here")([list(log.entries())[-1]])
        message = json.loads(RFC5424.fullmatch(server.recv(65536))[7])
        assert (message["index"], message["payload"]) == (4, None)


def test_syslog_over_tcp_counts_octets(log):
    got = b""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            nonlocal got
            taken, _ = server.accept()
            with taken:
                while data := taken.recv(65536):
                    got += data

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        syslog_sink(ORIGIN, url, host="here")(list(log.entries()))
        thread.join()
    messages = []
    while got:
        count, _, got = got.partition(b" ")
        messages.append(got[: int(count)])
        got = got[int(count) :]
    check_syslog(messages)
    assert len(messages) == 4
    with pytest.raises(UndeliveredError, match="refused"):
        syslog_sink(ORIGIN, url, host="here")(list(log.entries()))


def test_a_strange_host_name_does_not_break_the_header(log):
    (entry, *_) = log.entries()
    assert RFC5424.fullmatch(syslog_message(ORIGIN, entry, host="ä b\n"))[3] == b"b"
    assert RFC5424.fullmatch(syslog_message(ORIGIN, entry, host=""))[3] == b"-"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"to": "stderr"},
        {"to": "stdout", "file": "x"},
        {"syslog": "http://host"},
        {"syslog": "udp://"},
        {"syslog": "udp://host:99999"},
        {"syslog": "udp://host/path"},
        {"syslog": "unix://host/dev/log"},
        {"syslog": "unix://"},
        {"syslog": "tcp://me:pw@host"},
    ],
)
def test_settings_that_are_refused(settings):
    with pytest.raises(ValidationError):
        StreamSettings.model_validate(settings)


def test_settings_that_are_taken():
    titles = {
        StreamSettings.model_validate(settings).title
        for settings in (
            {"to": "stdout"},
            {"file": "logs/audit.jsonl"},
            {"syslog": "udp://host:514"},
            {"syslog": "tcp://[::1]:601"},
            {"syslog": "unix:///dev/log"},
        )
    }
    assert len(titles) == 5
    assert os.sep not in StreamSettings(file="logs/audit.jsonl").title
