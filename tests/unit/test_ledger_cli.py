"""`auditkit log` as it is typed: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from auditkit.cli.log.commands import app
from auditkit.errors import AuditkitError, KeyFileError, LedgerError, VerificationError
from auditkit.ledger import Ledger, Receipt, verify_receipt
from auditkit.signing.keys import KeyStore

NAME = "auditkit.local/log"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def place(tmp_path):
    """A folder with keys and a log of six entries, the first of them long ago."""
    key = KeyStore(tmp_path / "keys").log_signer(NAME)
    now = [LONG_AGO]
    with Ledger.open(
        f"sqlite:///{tmp_path}/a.db", key=key, origin=NAME, clock=lambda: now[0]
    ) as log:
        for n in range(6):
            log.append(kind="test.entry", payload={"n": n, "secret": f"canary-{n}"})
            now[0] = datetime(2026, 11, 1, tzinfo=UTC)
    (tmp_path / "empty").write_text("")
    (tmp_path / "log.pub").write_text(f"{key.verifier}\n")
    return tmp_path


def run(place, *words, code=0):
    filled = [str(w).replace("@", f"{place}/") for w in words]
    result = CliRunner().invoke(app, filled, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert (result.return_value or 0) == code
    return result.stdout


PUBLIC = ("--key", "@log.pub")
PRIVATE = ("--keys", "@keys")
BY = ("--by", "ops")


def test_verify(place):
    text = run(place, "verify", "@a.db", *PUBLIC)
    assert "size: 6" in text
    found = json.loads(run(place, "verify", "@a.db", *PRIVATE, "--json"))
    assert (found["size"], found["compared_with_outside"]) == (6, True)
    note = run(place, "checkpoint", "@a.db", *PRIVATE)
    (place / "cp.txt").write_text(note)
    (place / "a.db.head").unlink()
    assert "kept_head_size: -" in run(place, "verify", "@a.db", *PUBLIC, code=11)
    run(place, "verify", "@a.db", *PUBLIC, "--checkpoint", "@cp.txt")
    (place / "cp.txt").write_text(note.replace("\n6\n", "\n7\n"))
    with pytest.raises(VerificationError):
        run(place, "verify", "@a.db", *PUBLIC, "--checkpoint", "@cp.txt")


def test_a_lost_head_is_made_anew_where_somebody_says_so(place):
    (place / "a.db.head").unlink()
    with pytest.raises(LedgerError, match="checkpoint LOG --accept-missing-head"):
        run(place, "checkpoint", "@a.db", *PRIVATE)
    run(place, "checkpoint", "@a.db", *PRIVATE, "--accept-missing-head")
    assert "kept_head_size: 6" in run(place, "verify", "@a.db", *PUBLIC)
    run(place, "checkpoint", "@a.db", *PRIVATE)


def test_the_log_goes_on_after_its_key_was_rotated(place):
    before = run(place, "checkpoint", "@a.db", *PRIVATE)
    (place / "cp.txt").write_text(before)
    KeyStore(place / "keys").make("log")
    after = run(place, "checkpoint", "@a.db", *PRIVATE)
    assert after == before  # The same entries, signed when they were added.
    run(place, "hold", "place", "@a.db", "m", *PRIVATE, *BY, "--reason", "matter")
    assert "size: 7" in run(place, "verify", "@a.db", *PRIVATE, "--checkpoint", "@cp.txt")
    with pytest.raises(VerificationError):
        run(place, "verify", "@a.db", *PUBLIC)


def test_a_revoked_key_counts_for_what_was_logged_before(place):
    store = KeyStore(place / "keys")
    first = store.log_signer(NAME)
    (place / "cp.txt").write_text(run(place, "checkpoint", "@a.db", *PRIVATE))
    store.make("log")
    store.revoke("log-1", at=datetime(2026, 11, 2, tzinfo=UTC), reason="lost", compromised=True)
    # Before and after the present key signs for the first time.
    assert "size: 6" in run(place, "verify", "@a.db", *PRIVATE, "--checkpoint", "@cp.txt")
    run(place, "hold", "place", "@a.db", "m", *PRIVATE, *BY, "--reason", "matter")
    assert "size: 7" in run(place, "verify", "@a.db", *PRIVATE, "--checkpoint", "@cp.txt")
    assert json.loads(run(place, "prove", "@a.db", 3, *PRIVATE))["index"] == 3
    # Whoever found the revoked key goes on with the log.
    with Ledger.open(
        f"sqlite:///{place}/a.db", key=first, former_keys=store.log_verifiers(NAME)[:1]
    ) as log:
        forged = log.append(kind="test.entry", payload={})
    with pytest.raises(VerificationError, match="revoked on 2026-11-02"):
        run(place, "verify", "@a.db", *PRIVATE)
    with pytest.raises(VerificationError, match="revoked on 2026-11-02"):
        verify_receipt(forged, store.log_verifiers(NAME))


def test_prove(place):
    receipt = Receipt.from_json(json.loads(run(place, "prove", "@a.db", 3, *PUBLIC)))
    key = KeyStore(place / "keys").log_signer(NAME).verifier
    verify_receipt(receipt, key, payload={"n": 3, "secret": "canary-3"})
    assert run(place, "prove", "@a.db", 3, *PUBLIC, "--tlog-proof").startswith("c2sp.org/")


def test_stats_and_compact(place):
    found = json.loads(run(place, "stats", "@a.db", *PUBLIC))
    assert found["kinds"] == {"test.entry": 6}
    assert found["payloads_due"] == {"standard": 1}
    assert "canary" not in json.dumps(found)
    due = json.loads(run(place, "compact", "@a.db", *PRIVATE, *BY, "--dry-run"))
    assert due == {"payloads_due": {"standard": 1}}
    run(place, "compact", "@a.db", *PRIVATE, *BY)
    assert not any(b"canary-0" in f.read_bytes() for f in place.iterdir() if f.is_file())
    assert "destroyed_payloads: 1" in run(place, "verify", "@a.db", *PUBLIC)


def test_destroy_and_hold(place):
    why = ("--reason", "matter 7")
    run(place, "hold", "place", "@a.db", "m7", *PRIVATE, *BY, *why, "--end", 3)
    with pytest.raises(LedgerError, match="legal hold"):
        run(place, "destroy", "@a.db", 2, *PRIVATE, *BY, *why, "--before-due")
    with pytest.raises(LedgerError, match="is not due"):
        run(place, "destroy", "@a.db", 4, *PRIVATE, *BY, *why)
    run(place, "destroy", "@a.db", 4, *PRIVATE, *BY, *why, "--before-due")
    assert json.loads(run(place, "stats", "@a.db", *PUBLIC))["holds"] == ["m7"]
    run(place, "hold", "release", "@a.db", "m7", *PRIVATE, *BY, *why)
    assert "destroyed_payloads: 1" in run(place, "verify", "@a.db", *PUBLIC)


def test_export(place):
    run(place, "export", "@a.db", "-o", "@all.jsonl", *PUBLIC)
    assert "entries: 0 to 5 of 6" in run(place, "verify-export", "@all.jsonl", *PUBLIC)
    run(place, "export", "@a.db", "-o", "@new.jsonl", *PUBLIC, "--since", "2026-01-01")
    assert "entries: 1 to 5 of 6" in run(place, "verify-export", "@new.jsonl", *PUBLIC)
    (place / "new.jsonl").write_bytes(
        (place / "new.jsonl").read_bytes().replace(b'"n":3', b'"n":4')
    )
    with pytest.raises(VerificationError):
        run(place, "verify-export", "@new.jsonl", *PUBLIC)


def test_rotate(place):
    run(place, "rotate", "@a.db", "@b.db", *PRIVATE, *BY)
    assert f"origin: {NAME}/2" in run(place, "verify", "@b.db", *PUBLIC)
    assert "size: 7" in run(place, "verify", "@a.db", *PUBLIC)


def test_witness_by_file(place):
    witness = KeyStore(place / "wkeys").log_signer("witness.example/w")
    who = ("--keys", "@wkeys", "--name", "witness.example/w", "--state", "@seen")
    line = (place / "log.pub").read_text().strip()
    wkey = str(witness.witness_verifier)
    request = run(place, "witness", "request", "@a.db", *PRIVATE, "--witness-key", wkey)
    (place / "request.txt").write_text(request)
    answer = run(place, "witness", "sign", "@request.txt", *who, "--log-key", line)
    (place / "answer.txt").write_text(answer)
    added = run(
        place,
        "witness",
        "add",
        "@a.db",
        "@request.txt",
        "@answer.txt",
        *PRIVATE,
        "--witness-key",
        wkey,
    )
    assert added.endswith(answer)
    receipt = json.loads(run(place, "prove", "@a.db", 0, *PUBLIC, "--size", 6))
    assert receipt["checkpoint"] == added


@pytest.mark.server
def test_witness_over_http(place):
    KeyStore(place / "wkeys").log_signer("witness.example/w")
    line = (place / "log.pub").read_text().strip()
    server = subprocess.Popen(
        [
            sys.executable, "-c", "from auditkit.cli.log.commands import app; app()",
            "witness", "serve", "--keys", place / "wkeys", "--name", "witness.example/w",
            "--state", place / "seen", "--log-key", line, "--port", "0",
        ],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    try:
        told = json.loads(server.stdout.readline())
        url = f"http://127.0.0.1:{told['port']}"
        words = ("witness", "submit", "@a.db", url, *PRIVATE, "--witness-key", told["key"])
        assert re.search(r"\n— witness.example/w ", run(place, *words))
        run(place, *words)
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("verify", "@a.db", "--key", "@empty"), KeyFileError),
        (("verify", "@a.db", "--keys", "@nowhere"), KeyFileError),
        (("verify", "@a.db", "--key", "@nowhere"), AuditkitError),
        (("verify", "@none.db", *PUBLIC), LedgerError),
        (("checkpoint", "@none.db", *PRIVATE), LedgerError),
        (("checkpoint", "@a.db", "--keys", "@nowhere"), KeyFileError),
        (("prove", "@a.db", "99", *PUBLIC), AuditkitError),
        (("verify-export", "@log.pub", *PUBLIC), VerificationError),
    ],
)
def test_what_cannot_be_done_is_said_with_a_type(place, words, error):
    with pytest.raises(error):
        run(place, *words)
    assert not (place / "none.db").exists()
