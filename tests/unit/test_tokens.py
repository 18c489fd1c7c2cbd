"""Keys in a token (SoftHSM, a real PKCS#11 library) and behind a service (a fake one)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from auditkit.cli.shared.signing_options import signing_with
from auditkit.errors import InputError, KeyFileError
from auditkit.signing import LocalKey, Signer
from auditkit.signing.certificates import self_signed, to_pem
from auditkit.verification import ClaimState
from tests.support.small_report import signed_report
from tests.support.verifying import verify

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "8723"


def new_key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    """A SoftHSM token with an ECDSA and an RSA key; the first with its certificate."""
    assert MODULE.exists(), "these tests need SoftHSM: apt-get install softhsm2"
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)

    def util(*arguments):
        subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)

    util("--init-token", "--free", "--label", "audit", "--pin", PIN, "--so-pin", "12345678")
    certificates = {}
    for number, kind in enumerate(("ecdsa", "rsa"), start=1):
        key = new_key(kind)
        path = folder / f"{kind}.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        util("--import", path, "--token", "audit", "--label", kind, "--id", f"0{number}",
             "--pin", PIN)  # fmt: skip
        path.unlink()
        certificates[kind] = self_signed(LocalKey(key), name=f"Bank {kind}")
    import pkcs11

    with pkcs11.lib(str(MODULE)).get_token(token_label="audit").open(user_pin=PIN, rw=True) as s:
        s.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                pkcs11.Attribute.LABEL: "ecdsa",
                pkcs11.Attribute.TOKEN: True,
                pkcs11.Attribute.SUBJECT: certificates["ecdsa"].subject.public_bytes(),
                pkcs11.Attribute.VALUE: certificates["ecdsa"].public_bytes(Encoding.DER),
            }
        )
    return certificates


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_token_signs_reports_and_statements(token, kind):
    signer = Signer.from_token(
        MODULE, token="audit", label=kind, pin=PIN, certificate=to_pem(token[kind])
    )
    found = verify(signed_report(signer), trust=[token[kind]])
    for claim in ("signature", "signer", "envelope"):
        assert found.claim(claim).state is ClaimState.TRUE, found.claim(claim)
    assert PIN not in repr(signer) + repr(signer.key)


def test_the_certificate_may_lie_in_the_token(token):
    signer = Signer.from_token(MODULE, token="audit", label="ecdsa", pin=PIN)
    assert signer.certificate == token["ecdsa"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pin": "0000"}, "cannot be opened"),
        ({"token": "absent"}, "cannot be opened"),
        ({"module": "/nowhere.so"}, "cannot be opened"),
        ({"label": "rsa"}, "no certificate with the label 'rsa'"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_without_the_pin(token, changes, message):
    options = {"module": MODULE, "token": "audit", "label": "ecdsa", "pin": PIN} | changes
    with pytest.raises(KeyFileError, match=message) as caught:
        Signer.from_token(options.pop("module"), **options)
    assert options["pin"] not in str(caught.value)


ADDRESS = f"pkcs11:token=audit;object=ecdsa;type=private?module-path={MODULE}"


def test_a_token_is_named_by_its_address_where_a_key_file_would_be(token, tmp_path):
    assert Signer.load(ADDRESS, passphrase=PIN).certificate == token["ecdsa"]
    (tmp_path / "c.pem").write_bytes(to_pem(token["rsa"]))
    other = Signer.load(
        ADDRESS.replace("ecdsa", "%72sa"), passphrase=PIN, certificate=tmp_path / "c.pem"
    )
    assert other.certificate == token["rsa"]


@pytest.mark.parametrize(
    ("address", "pin", "message"),
    [
        (ADDRESS, None, "PIN is missing"),
        (f"{ADDRESS}&pin-value={PIN}", PIN, "carries its PIN"),
        (f"{ADDRESS}&pin-source=file:/x", PIN, "carries its PIN"),
        ("pkcs11:", PIN, "is malformed"),
        ("pkcs11:token=audit?module-path=/x.so", PIN, "is malformed"),
        (ADDRESS.replace("private", "cert"), PIN, "is malformed"),
        (f"{ADDRESS}&token=other", PIN, "is malformed"),
        (ADDRESS.replace("object", "id"), PIN, "is malformed"),
    ],
)
def test_an_address_that_is_not_understood_says_so_without_the_pin(address, pin, message):
    with pytest.raises(KeyFileError, match=message) as caught:
        Signer.load(address, passphrase=pin)
    assert caught.value.remedy
    assert PIN not in str(caught.value)


def test_the_command_line_signs_with_a_token(token, tmp_path, monkeypatch):
    """As `auditkit run` and `letter` take it: the PIN from a file, or from the environment."""
    (tmp_path / "pin").write_text(f"{PIN}\n")
    options = {"ask": False, "long_term": False}
    store, signer = signing_with(ADDRESS, None, tmp_path / "pin", None, **options)
    assert signer.certificate == token["ecdsa"]
    assert not store.folder.exists()
    monkeypatch.setenv("AUDITKIT_PASSPHRASE", PIN)
    assert signing_with(ADDRESS, None, None, "http://tsa.example/", **options)[1].level == "B-T"
    with pytest.raises(InputError, match="attested time"):
        signing_with(ADDRESS, None, None, None, ask=False, long_term=True)


def test_a_key_that_is_not_in_the_token_is_an_error(token):
    signer = Signer.from_token(
        MODULE, token="audit", label="absent", pin=PIN, certificate=to_pem(token["rsa"])
    )
    with pytest.raises(KeyFileError, match="did not sign"):
        signer.sign_statement(b"{}")


def test_a_certificate_of_another_key_is_found_at_signing(token):
    signer = Signer.from_token(
        MODULE, token="audit", label="ecdsa", pin=PIN, certificate=to_pem(other_certificate())
    )
    with pytest.raises(KeyFileError, match="does not verify"):
        signer.sign_statement(b"{}")


def other_certificate():
    return self_signed(LocalKey(new_key("ecdsa")), name="Another")


# A key service


class FakeService:
    """What a cloud's client looks like after ten lines of the caller's."""

    def __init__(self, keys):
        self.keys = keys
        self.asked = []

    def sign_digest(self, key_id, digest, algorithm):
        self.asked.append((key_id, len(digest), algorithm))
        key = self.keys[key_id]
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_service_signs_reports_and_sees_digests_only(kind):
    key = new_key(kind)
    certificate = self_signed(LocalKey(key), name="Bank in the cloud")
    service = FakeService({"projects/1/keys/7": key})
    signer = Signer.from_service(service, "projects/1/keys/7", certificate=to_pem(certificate))
    found = verify(signed_report(signer), trust=[certificate])
    assert found.claim("signature").state is ClaimState.TRUE
    assert {size for _, size, _ in service.asked} == {32}
    assert len(service.asked) == 2


def test_a_service_that_fails_or_uses_another_key_is_an_error():
    key = new_key("ecdsa")
    certificate = to_pem(self_signed(LocalKey(key), name="Bank"))
    with pytest.raises(KeyFileError, match="did not sign: KeyError"):
        Signer.from_service(FakeService({}), "k", certificate=certificate).sign_statement(b"{}")
    other = FakeService({"k": new_key("ecdsa")})
    with pytest.raises(KeyFileError, match="does not verify"):
        Signer.from_service(other, "k", certificate=certificate).sign_statement(b"{}")
