"""Key files, the key store, and signers."""

from __future__ import annotations

import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from auditkit.errors import KeyFileError
from auditkit.signing import KeyStore, LocalKey, Signer
from auditkit.signing.certificates import DEMONSTRATION_NAME, self_signed, to_pem

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8)


@pytest.fixture
def store(tmp_path):
    return KeyStore(tmp_path / "keys")


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def certificate(key):
    return self_signed(LocalKey(key), name="Example Bank", organisation="Example")


def modes(folder):
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in [folder, *folder.iterdir()]}


def test_first_use_makes_a_demonstration_signer_that_says_so(store):
    signer = store.report_signer()
    assert signer.name == DEMONSTRATION_NAME == "auditkit DEMONSTRATION key, not an identity"
    assert signer.is_demonstration
    assert signer.certificate.subject == signer.certificate.issuer
    assert isinstance(signer.statement_key.public_key, ed25519.Ed25519PublicKey)
    assert "Ed25519" in signer.statement_key_words
    assert signer.level == "B-B"


def test_every_file_of_the_store_is_its_owners_alone(store):
    store.report_signer()
    store.log_signer("log")
    found = modes(store.folder)
    assert found.pop("keys") == 0o700
    assert len(found) == 8
    assert set(found.values()) == {0o600}


def test_second_use_finds_the_same_keys(store):
    first, log = store.report_signer(), store.log_signer("log")
    again = KeyStore(store.folder)
    assert again.report_signer().fingerprint == first.fingerprint
    assert again.log_signer("log").verifier == log.verifier
    assert [t.certificate for t in again.trusted()] == [first.certificate]


@pytest.mark.parametrize("name", ["report-1.key.pem", "keys.json"])
def test_a_file_that_others_can_read_is_refused(store, name):
    store.report_signer()
    (store.folder / name).chmod(0o640)
    with pytest.raises(KeyFileError, match="read by others"):
        store.report_signer()


def test_a_folder_that_others_can_enter_is_refused(store):
    store.report_signer()
    store.folder.chmod(0o755)
    with pytest.raises(KeyFileError, match="open to other users"):
        store.report_signer()


def test_a_passphrase_encrypts_every_key_and_a_wrong_one_opens_none(tmp_path):
    KeyStore(tmp_path / "k", passphrase="right").report_signer()
    KeyStore(tmp_path / "k", passphrase="right").log_signer("log")
    for path in (tmp_path / "k").glob("*.key.pem"):
        assert b"ENCRYPTED" in path.read_bytes()
    for wrong in (None, "wrong"):
        with pytest.raises(KeyFileError, match="passphrase") as caught:
            KeyStore(tmp_path / "k", passphrase=wrong).report_signer()
        assert "right" not in str(caught.value)
    assert KeyStore(tmp_path / "k", passphrase="right").report_signer()


def test_rotation_retires_and_keeps(store):
    old = store.report_signer()
    made = store.make("report", at=NOW, name="Example Bank Model Risk", organisation="Example")
    new = store.report_signer()
    assert new.fingerprint == made.fingerprint != old.fingerprint
    assert new.name == "Example Bank Model Risk"
    assert not new.is_demonstration
    assert {r.id: r.state for r in store.records() if r.use == "report"} == {
        "report-1": "retired",
        "report-2": "active",
    }
    assert [t.certificate for t in store.trusted()] == [old.certificate, new.certificate]


def test_revocation_ends_a_key_and_leaves_none_active(store):
    store.report_signer()
    store.revoke("report-1", at=NOW, reason="laptop stolen", compromised=True)
    (trusted,) = store.trusted()
    assert (trusted.revoked_at, trusted.compromised) == (NOW, True)
    with pytest.raises(KeyFileError, match="no active key for report"):
        store.report_signer()
    with pytest.raises(KeyFileError, match="already revoked"):
        store.revoke("report-1", at=NOW, reason="again")
    with pytest.raises(KeyFileError, match="no key 'report-9'"):
        store.revoke("report-9", at=NOW, reason="?")


def test_a_revoked_log_key_is_marked_for_verifiers(store):
    first = store.log_signer("log").verifier
    store.make("log", at=NOW)
    store.revoke("log-1", at=NOW, reason="lost", compromised=True)
    present, former = store.log_verifiers("log")
    assert present == store.log_signer("log").verifier
    assert (former.public_key, former.revoked_at, former.compromised) == (
        first.public_key, NOW, True,
    )  # fmt: skip
    assert str(former) == str(first)


def test_records_survive_their_index(store):
    store.make("report", at=NOW, algorithm="rsa-3072", valid_until=NOW + timedelta(days=365))
    (record,) = KeyStore(store.folder).records()
    assert (record.algorithm, record.created, record.state) == ("RSA 3072", NOW, "active")


@pytest.mark.parametrize("content", [b"", b"{", b'{"keys":[{}]}', b'{"keys":1}', b"[]"])
def test_a_damaged_index_is_a_clear_error(store, content):
    store.report_signer()
    (store.folder / "keys.json").write_bytes(content)
    with pytest.raises(KeyFileError, match=r"keys\.json is damaged"):
        store.records()


def first_key(folder, results):
    results.put(KeyStore(folder).report_signer().fingerprint)


def test_two_processes_that_want_a_first_key_get_the_same(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=first_key, args=(tmp_path / "k", results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert len(found) == 1


def test_exports_hold_no_secret(store):
    store.report_signer()
    store.log_signer("log")
    for record in store.records():
        public = store.export_public(record.id)
        assert b"PRIVATE" not in public
        assert public.startswith(b"-----BEGIN")


def test_an_unwritable_folder_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(KeyFileError, match="cannot be created or written"):
        KeyStore(tmp_path / "file" / "keys").report_signer()


def test_index_lists_no_secret(store):
    store.report_signer()
    content = json.loads((store.folder / "keys.json").read_bytes())
    assert {k for entry in content["keys"] for k in entry} == {
        "id", "use", "algorithm", "fingerprint", "state", "created", "ended", "compromised",
        "reason",
    }  # fmt: skip


# Key files


def pem(key, passphrase=None):
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(*PKCS8, protection)


@pytest.mark.parametrize("passphrase", [None, "secret"])
@pytest.mark.parametrize("kind", ["p12", "pem"])
def test_loads_what_other_tools_write(tmp_path, key, certificate, kind, passphrase):
    secret = passphrase.encode() if passphrase else None
    path = tmp_path / f"key.{kind}"
    if kind == "p12":
        protection = BestAvailableEncryption(secret) if secret else NoEncryption()
        path.write_bytes(
            pkcs12.serialize_key_and_certificates(b"k", key, certificate, None, protection)
        )
    else:
        path.write_bytes(pem(key, secret) + to_pem(certificate))
    signer = Signer.load(path, passphrase=passphrase)
    assert signer.name == "Example Bank"
    assert signer.statement_key is signer.key
    assert "the key of the report's certificate" in signer.statement_key_words
    if passphrase:
        for wrong in ("wrong", None):
            with pytest.raises(KeyFileError, match="passphrase"):
                Signer.load(path, passphrase=wrong)


def test_an_ed25519_key_beside_signs_statements(tmp_path, key, certificate):
    path = tmp_path / "both.pem"
    other = ed25519.Ed25519PrivateKey.generate()
    path.write_bytes(pem(key) + pem(other) + to_pem(certificate))
    signer = Signer.load(path)
    assert signer.statement_key.public_key == other.public_key()


def test_the_certificate_may_lie_in_its_own_file_and_in_any_order(tmp_path, key, certificate):
    stranger = self_signed(LocalKey(ec.generate_private_key(ec.SECP256R1())), name="Stranger")
    (tmp_path / "key.pem").write_bytes(pem(key))
    (tmp_path / "certs.pem").write_bytes(to_pem(stranger) + to_pem(certificate))
    signer = Signer.load(tmp_path / "key.pem", certificate=tmp_path / "certs.pem")
    assert signer.certificates == (certificate,)


def spoiled_files(key, certificate):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    ed = ed25519.Ed25519PrivateKey.generate()
    foreign = ec.generate_private_key(ec.SECP256R1())
    return {
        "empty": (b"", "neither PKCS#12 nor PEM"),
        "text": (b"hello", "neither PKCS#12 nor PEM"),
        "key only": (pem(key), "no readable certificate"),
        "certificate only": (to_pem(certificate), "neither PKCS#12 nor PEM"),
        "damaged key": (pem(key).replace(b"M", b"N") + to_pem(certificate), "damaged"),
        "damaged certificate": (
            pem(key) + to_pem(certificate).replace(b"MII", b"AAA"),
            "no readable certificate",
        ),
        "another's certificate": (pem(foreign) + to_pem(certificate), "No certificate belongs"),
        "weak RSA": (pem(weak) + to_pem(certificate), "kind"),
        "only Ed25519": (pem(ed) + to_pem(certificate), "one RSA or ECDSA key"),
        "two keys": (pem(key) + pem(foreign) + to_pem(certificate), "there are 2 and 0"),
    }


def test_files_that_make_no_signer_say_why(tmp_path, key, certificate):
    path = tmp_path / "key"
    for name, (content, message) in spoiled_files(key, certificate).items():
        path.write_bytes(content)
        with pytest.raises(KeyFileError, match=message) as caught:
            Signer.load(path)
        assert caught.value.remedy, name
    with pytest.raises(KeyFileError, match="There is no key file"):
        Signer.load(tmp_path / "absent.p12")


def test_a_signer_prints_no_secret(store):
    signer = store.report_signer()
    secret = serialization.load_pem_private_key(
        (store.folder / "report-1.key.pem").read_bytes(), None
    )
    number = str(secret.private_numbers().private_value)
    assert number not in repr(signer) + repr(signer.key) + str(vars(store))
    assert signer.name in repr(signer)


def test_a_certificate_outside_its_validity_does_not_sign(store):
    store.make("report", at=NOW, valid_until=NOW + timedelta(days=1))
    signer = store.report_signer()
    with pytest.raises(KeyFileError, match="not valid at the time"):
        signer.sign_pdf(b"", at=NOW + timedelta(days=2))


def test_the_library_and_the_commands_use_one_store(tmp_path, monkeypatch):
    from auditkit.api import default_keys
    from auditkit.cli.shared.signing_options import open_store, signing_with

    monkeypatch.setenv("HOME", str(tmp_path))
    for given, folder in (
        (None, tmp_path / ".config" / "auditkit"),
        ("", tmp_path / ".config" / "auditkit"),
        (str(tmp_path / "own"), tmp_path / "own"),
        ("~/mine", tmp_path / "mine"),
    ):
        if given is None:
            monkeypatch.delenv("AUDITKIT_KEYS", raising=False)
        else:
            monkeypatch.setenv("AUDITKIT_KEYS", given)
        monkeypatch.setenv("AUDITKIT_PASSPHRASE", "one for both")
        signer = default_keys().report_signer()
        assert default_keys().folder == open_store().folder == folder
        _, commands = signing_with(None, None, None, None, ask=False, long_term=False)
        assert commands.fingerprint == signer.fingerprint
