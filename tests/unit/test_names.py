"""Names that are signed and logged: nothing in them hides text or turns its order."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from auditkit import Inputs
from auditkit.access.kept.seal import Seal
from auditkit.access.login.authentication import Caller, Credentials, authenticate
from auditkit.canonical import Digest, check_name, is_clear
from auditkit.errors import AuditkitError, InputError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.ledger.keep.payload_jobs import destroy, place_hold
from auditkit.ledger.records.retention import Hold
from auditkit.loading import prepare
from auditkit.signing import LocalKey
from auditkit.signing.certificates import self_signed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HIDING = [
    "a\0b", "a\nb", "a\tb", "a\x1b[31mb", "a\x85b", "a\x7fb",
    "a\u202eb", "a\u2066b\u2069", "a\u200eb", "a\u061cb", "a\u2028b", "a\ufeffb", "a\ud800b",
]  # fmt: skip
CLEAR = [
    "credit", "model 7 v2", "2026", "\u05d0\u05d1", "\u0645\u0631", "\u6a21\u578b",
    "caf\u00e9 a\u0301", "\U0001f468\u200d\U0001f469", "so\u00adft", "%%EOF", "x" * 5000,
]  # fmt: skip


def test_every_control_and_every_bidirectional_control_is_refused():
    """By Unicode's own tables, which the rule does not read."""
    bidi = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B", "S"}
    for code in range(0x110000):
        character = chr(code)
        kind = unicodedata.category(character)
        turns = unicodedata.bidirectional(character) in bidi
        mark = code in (0x200E, 0x200F, 0x061C)
        if kind in ("Cc", "Cs", "Zl", "Zp") or turns or mark:
            assert not is_clear(f"a{character}b"), hex(code)
        elif kind[0] in "LMNPSZ":
            assert is_clear(f"a{character}b"), hex(code)


def subject(name):
    labels = np.arange(40) % 2
    data = np.column_stack([labels, labels])
    given = Inputs(data=data, labels=labels, predictions=labels, name=name, owner=name)
    return prepare(given).subject


def certificate(name):
    key = LocalKey(ec.generate_private_key(ec.SECP256R1()))
    found = self_signed(key, name=name[:64])
    return found.subject.rfc4514_string()


@pytest.mark.parametrize("name", CLEAR, ids=lambda name: ascii(name)[:30])
def test_clear_names_are_taken_as_they_are(name):
    assert check_name(name, what="The name") == name
    assert subject(name).name == subject(name).owner == name
    assert certificate(name)


@pytest.mark.parametrize("name", HIDING, ids=lambda name: ascii(name)[:30])
def test_hiding_names_are_refused_with_a_remedy(name, tmp_path):
    key = NoteSigner.generate("example.com/log")
    with Ledger.open(f"sqlite:///{tmp_path}/l.db", key=key) as log:
        log.append(kind="test.entry", payload={})
        refused = [
            lambda: check_name(name, what="The name"),
            lambda: subject(name),
            lambda: certificate(name),
            lambda: Seal(digest=Digest.of(b""), author=name, approver="b", approved="2026-01-01"),
            lambda: destroy(log, [0], by=name, reason="x", now=NOW, before_due=True),
            lambda: place_hold(log, Hold(name=name, by="x", reason="x")),
            *(
                lambda member=member: log.append(kind="test.entry", payload={member: name})
                for member in ("user", "owner", "by", "subject", "actor")
            ),
        ]
        for number, action in enumerate(refused):
            with pytest.raises(InputError, match=r"U\+[0-9A-F]{4}") as raised:
                action()
            assert raised.value.remedy, number
        assert log.size == 1
    with pytest.raises(AuditkitError):
        NoteSigner.generate(f"example.com/{name}")


def test_a_caller_whose_name_hides_text_is_nobody():
    shown = Credentials(headers={}, peer="")
    assert authenticate([lambda _: Caller("ann", "proxy")], shown) == Caller("ann", "proxy")
    assert authenticate([lambda _: Caller("ann\u202e", "proxy")], shown) is None


def test_a_name_is_text():
    with pytest.raises(InputError, match="The model's name is not text"):
        subject(7)
