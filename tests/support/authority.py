"""A timestamp authority on loopback: OpenSSL answers the requests, with a test PKI of its own."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
CONFIG = """
[tsa]
default_tsa = t
[t]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
certs = $dir/chain.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Keys and certificates of a root, an issuer, and what the issuer signs."""

    def __init__(self) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._make("Test Root", self.root_key, None, None, ca=True)
        self.issuer_key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = self._make("Test Issuer", self.issuer_key, self.root, self.root_key, ca=True)

    def issue(self, name: str, *, stamping: bool = False, days: tuple[int, int] = (-30, 300)):
        """A key with a certificate from the issuer, for documents or for timestamps."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        certificate = self._make(
            name, key, self.issuer, self.issuer_key, stamping=stamping, days=days
        )
        return key, certificate

    def _make(
        self, name, key, issuer, issuer_key, *, ca=False, stamping=False, days=(-30, 300)
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca,
                    content_commitment=not ca,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        signing = (issuer_key or key).public_key()
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        ).add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing), critical=False)
        if stamping:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
            )
        return builder.sign(issuer_key or key, hashes.SHA256())

    def key_file(self, passphrase: bytes, name: str = "Example Bank Model Risk") -> bytes:
        """A PKCS #12 file with a signer's key, its certificate and the issuer's."""
        key, certificate = self.issue(name)
        protection = BestAvailableEncryption(passphrase)
        return pkcs12.serialize_key_and_certificates(
            b"k", key, certificate, [self.issuer], protection
        )


@contextmanager
def serving(authority: Authority, folder: Path, *, answer=None) -> Iterator[str]:
    """Runs the timestamp authority on a free port of this machine; yields its address.

    Args:
        authority: Whose root vouches for it.
        folder: Where OpenSSL finds its files.
        answer: Makes the reply's bytes of OpenSSL's reply; for authorities that misbehave.
    """
    key, certificate = authority.issue("Test Timestamps", stamping=True)
    (folder / "tsa.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "tsa.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "chain.pem").write_bytes(authority.issuer.public_bytes(Encoding.PEM))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query, reply = folder / "query.tsq", folder / "reply.tsr"
            query.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(
                ["openssl", "ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", query,
                 "-out", reply],
                check=True, capture_output=True,
            )  # fmt: skip
            body = reply.read_bytes()
            body = answer(body) if answer else body
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
