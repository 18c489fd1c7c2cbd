"""Signed notes against a published log, published Ed25519 vectors, and forgeries."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import AuditkitError, InputError, KeyFileError, VerificationError
from auditkit.ledger.records.checkpoint import Checkpoint, new_origin, open_checkpoint
from auditkit.ledger.records.note import (
    NoteSigner,
    NoteVerifier,
    add_signatures,
    open_note,
    split_note,
)

VECTORS = Path(__file__).parents[1] / "vectors"
TESSERA = NoteVerifier.parse(
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)
LOG = NoteSigner.generate("example.com/audit")
WITNESS = NoteSigner.generate("witness.example/w1")
BODY = Checkpoint(origin=LOG.name, size=3, root=b"r" * 32).body()
NOTE = LOG.sign(BODY)


def test_every_published_checkpoint_verifies():
    files = sorted((VECTORS / "tessera-log").glob("checkpoint*"))
    assert len(files) == 17
    for file in files:
        checkpoint = open_checkpoint(file.read_text(), [TESSERA])
        size = file.suffix[1:] or "15"
        assert checkpoint.size == int(size)
        assert checkpoint.origin == TESSERA.name
        assert checkpoint.body() == split_note(file.read_text())[0]


def test_published_ed25519_vectors():
    groups = json.loads((VECTORS / "wycheproof/ed25519_test.json").read_text())["testGroups"]
    valid = invalid = 0
    for group in groups:
        key = NoteVerifier(name="w", public_key=bytes.fromhex(group["publicKey"]["pk"]))
        for test in group["tests"]:
            try:
                message = bytes.fromhex(test["msg"]).decode()
            except UnicodeDecodeError:
                continue  # A note is text.
            signature = bytes.fromhex(test["sig"])
            if test["result"] == "valid":
                key.check(message, signature)
                valid += 1
            else:
                with pytest.raises(VerificationError):
                    key.check(message, signature)
                invalid += 1
    assert (valid, invalid) == (22, 62)


def test_keys_are_read_as_they_are_written():
    for verifier in (LOG.verifier, WITNESS.witness_verifier, TESSERA):
        assert NoteVerifier.parse(str(verifier)) == verifier
    again = NoteSigner.from_pem(LOG.to_pem(), name=LOG.name)
    assert again.sign(BODY) == NOTE
    locked = LOG.to_pem(passphrase=b"secret")
    assert b"ENCRYPTED" in locked
    assert NoteSigner.from_pem(locked, name=LOG.name, passphrase=b"secret").sign(BODY) == NOTE
    for wrong in (None, b"other"):
        with pytest.raises(KeyFileError, match="cannot be read"):
            NoteSigner.from_pem(locked, name=LOG.name, passphrase=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        str(LOG.verifier)[:-4],
        str(LOG.verifier).replace("example", "exemple"),
        "a+12345678+" + base64.b64encode(b"\x02" + b"k" * 32).decode(),
    ],
    ids=["empty", "name", "no-key", "cut", "other-name", "other-kind"],
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(KeyFileError):
        NoteVerifier.parse(text)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u2003b", "a\x00b"])
def test_names_that_would_break_a_line_are_refused(name):
    with pytest.raises(InputError):
        NoteSigner.generate(name)


def test_a_witness_signs_with_its_time_and_never_passes_for_a_log():
    line = WITNESS.cosign(BODY, seconds=1679315147)
    both = add_signatures(NOTE, line)
    _, signed = open_note(both, [LOG.verifier, WITNESS.witness_verifier])
    assert [one.seconds for one in signed] == [None, 1679315147]
    assert add_signatures(both, line) == both
    with pytest.raises(VerificationError, match="not signed by any of the trusted keys"):
        open_note(both, [WITNESS.verifier])
    # The same key in the other role, under the other role's key id.
    forged = base64.b64encode(
        WITNESS.verifier.key_id + base64.b64decode(line.split()[2])[12:]
    ).decode()
    with pytest.raises(VerificationError, match="does not verify"):
        open_note(f"{BODY}\n— {WITNESS.name} {forged}\n", [WITNESS.verifier])


def test_signed_by_another_key_of_the_same_name():
    other = NoteSigner.generate(LOG.name)
    with pytest.raises(VerificationError, match="not signed by any of the trusted keys"):
        open_checkpoint(other.sign(BODY), [LOG.verifier])


def test_a_key_speaks_for_its_own_log_and_its_segments_only():
    for origin, fits in [
        (LOG.name, True),
        (f"{LOG.name}/2", True),
        (new_origin(LOG.name), True),
        (f"{new_origin(LOG.name)}/2", True),
        (f"{LOG.name}/2/{'a' * 12}", False),
        (f"{LOG.name}/x", False),
        (f"{LOG.name}/{'a' * 13}", False),
        (f"{LOG.name}/", False),
        (f"{LOG.name}2", False),
        ("example.com", False),
    ]:
        note = LOG.sign(Checkpoint(origin=origin, size=1, root=b"r" * 32).body())
        if fits:
            assert open_checkpoint(note, [LOG.verifier]).origin == origin
        else:
            with pytest.raises(VerificationError, match="another log"):
                open_checkpoint(note, [LOG.verifier])


@pytest.mark.parametrize(
    "body",
    [
        "a\n1\n",
        f"a\n01\n{BODY.split()[2]}\n",
        f"a\n-1\n{BODY.split()[2]}\n",
        f"a\n٣\n{BODY.split()[2]}\n",
        f"a\n{'9' * 5000}\n{BODY.split()[2]}\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{BODY.split()[2][:-1]}\n",
        f"a\n0\n{BODY.split()[2]}\n",
        f"\n1\n{BODY.split()[2]}\n",
    ],
)
def test_what_is_no_checkpoint_is_rejected(body):
    with pytest.raises(VerificationError):
        Checkpoint.parse(body)


@given(st.integers(0, len(NOTE.encode()) * 8 - 1))
def test_any_flipped_bit_is_rejected(bit):
    changed = bytearray(NOTE.encode())
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VerificationError):
        open_checkpoint(changed.decode("utf-8", "surrogateescape"), [LOG.verifier])


@given(st.text())
def test_text_of_any_kind_gets_a_typed_answer(text):
    for candidate in (text, f"{text}\n\n— a b\n", NOTE + text):
        try:
            open_checkpoint(candidate, [LOG.verifier])
        except AuditkitError:
            continue
        assert candidate == NOTE
