"""A whole public-key infrastructure on loopback: root, issuer, timestamps, CRLs, OCSP.

`certomancer` plays the authorities, at a time that the test sets.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import yaml
from certomancer.integrations.animator import Animator, AnimatorArchStore
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, KeyLabel
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from auditkit.signing import LocalKey, Signer

SIGNED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = ("root", "issuer", "ocsp", "tsa", "signer")


def _usage(*names: str) -> dict:
    return {
        "id": "key_usage",
        "critical": True,
        "smart-value": {"schema": "key-usage", "params": list(names)},
    }


def _valid(first: int, last: int) -> dict:
    return {"valid-from": f"{first}-01-01T00:00:00+0000", "valid-to": f"{last}-01-01T00:00:00+0000"}


def _crl(repository: str) -> dict:
    params = {"crl-repo-names": [repository]}
    return {
        "id": "crl_distribution_points",
        "smart-value": {"schema": "crl-dist-url", "params": params},
    }


def _issuers(repository: str, **more: list[str]) -> dict:
    params = {"ca-issuer-links": [{"repo": repository, "include-repo-authority": True}], **more}
    return {
        "id": "authority_information_access",
        "smart-value": {"schema": "aia-urls", "params": params},
    }


_AUTHORITY = {"id": "basic_constraints", "critical": True, "value": {"ca": True}}
_SIGNING = _usage("digital_signature", "non_repudiation")
CERTIFICATES = {
    "root": {
        "subject": "root",
        "issuer": "root",
        "validity": _valid(2000, 2200),
        "extensions": [_AUTHORITY, _usage("key_cert_sign", "crl_sign")],
    },
    "issuer": {
        "issuer": "root",
        "validity": _valid(2010, 2100),
        "extensions": [
            _AUTHORITY,
            _usage("key_cert_sign", "crl_sign"),
            _crl("root"),
            _issuers("root"),
        ],
    },
    "ocsp": {
        "issuer": "issuer",
        "validity": _valid(2010, 2100),
        "extensions": [
            _usage("digital_signature"),
            {"id": "extended_key_usage", "critical": True, "value": ["ocsp_signing"]},
            {"id": "ocsp_no_check"},
        ],
    },
    "tsa": {
        "issuer": "root",
        "validity": _valid(2010, 2030),
        "extensions": [
            _usage("digital_signature"),
            {"id": "extended_key_usage", "critical": True, "value": ["time_stamping"]},
            _crl("root"),
            _issuers("root"),
        ],
    },
    "signer": {
        "issuer": "issuer",
        "validity": _valid(2025, 2028),
        "extensions": [
            _SIGNING,
            _crl("issuer"),
            _issuers("issuer", **{"ocsp-responder-names": ["issuer"]}),
        ],
    },
    "crl-only": {
        "subject": "signer",
        "subject-key": "signer",
        "issuer": "issuer",
        "validity": _valid(2025, 2028),
        "extensions": [_SIGNING, _crl("issuer"), _issuers("issuer")],
    },
    "unanswered": {
        "subject": "signer",
        "subject-key": "signer",
        "issuer": "issuer",
        "validity": _valid(2025, 2028),
        "extensions": [_SIGNING, _issuers("issuer")],
    },
    "revoked": {
        "subject": "signer",
        "subject-key": "signer",
        "template": "signer",
        "revocation": {"revoked-since": "2026-02-01T00:00:00+0000", "reason": "key_compromise"},
    },
    "revoked-later": {
        "subject": "signer",
        "subject-key": "signer",
        "template": "crl-only",
        "revocation": {"revoked-since": "2026-06-01T00:00:00+0000", "reason": "superseded"},
    },
}
SERVICES = {
    "ocsp": {
        "issuer": {"for-issuer": "issuer", "responder-cert": "ocsp", "signing-key": "ocsp"},
    },
    "crl-repo": {
        name: {"for-issuer": name, "signing-key": name, "simulated-update-schedule": "P30D"}
        for name in ("root", "issuer")
    },
    "cert-repo": {name: {"for-issuer": name} for name in ("root", "issuer")},
    "time-stamping": {"tsa": {"signing-key": "tsa", "signing-cert": "tsa"}},
}


class Infrastructure:
    """The authorities while they serve.

    Attributes:
        url: Of the timestamp authority.
        down: What is not there: paths that begin so are answered with an error.
    """

    def __init__(self, config: CertomancerConfig, url: str, animator: Animator) -> None:
        self._pki = config.pki_archs[ArchLabel("bank")]
        self._animator = animator
        self.url = f"{url}/bank/tsa/tsa"
        self.down: str | None = None

    def set_time(self, at: datetime) -> None:
        """What every authority's clock says from now on."""
        self._animator.fixed_time = at

    def certificate(self, label: str) -> x509.Certificate:
        """One of `CERTIFICATES`."""
        return x509.load_der_x509_certificate(self._pki.get_cert(CertLabel(label)).dump())

    def crl(self, issuer: str, at: datetime = SIGNED_AT) -> bytes:
        """An issuer's revocation list, DER."""
        return self._pki.service_registry.get_crl(issuer, at).dump()

    def signer(self, label: str = "signer") -> Signer:
        """A signer with one of the certificates, whose times this authority attests."""
        key = load_der_private_key(
            self._pki.key_set.get_private_key(KeyLabel("signer")).dump(), None
        )
        chain = [self.certificate(label), self.certificate("issuer")]
        return Signer.of([LocalKey(key)], chain).with_timestamps(self.url)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


@contextmanager
def infrastructure(folder: Path) -> Iterator[Infrastructure]:
    """Runs the authorities on a free port of this machine.

    Args:
        folder: Where their keys go.
    """
    logging.getLogger("certomancer").setLevel(logging.CRITICAL)
    for name in KEYS:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (folder / f"{name}.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
    app: list = []
    made: list[Infrastructure] = []

    def dispatch(environ, start_response):
        if made[0].down and environ["PATH_INFO"].startswith(made[0].down):
            start_response("503 Service Unavailable", [])
            return [b""]
        return app[0](environ, start_response)

    server = make_server("127.0.0.1", 0, dispatch, handler_class=_Quiet)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    config = CertomancerConfig.from_yaml(
        yaml.safe_dump(
            {
                "external-url-prefix": url,
                "keysets": {"bank": {"keys": {name: {"path": f"{name}.pem"} for name in KEYS}}},
                "pki-architectures": {
                    "bank": {
                        "keyset": "bank",
                        "entity-defaults": {"organization-name": "Example"},
                        "entities": {n: {"common-name": f"Test {n}"} for n in KEYS},
                        "certs": CERTIFICATES,
                        "services": SERVICES,
                    }
                },
            },
            sort_keys=False,  # a template has to come before what uses it
        ),
        key_search_dir=str(folder),
    )
    animator = Animator(AnimatorArchStore(config.pki_archs), at_time=SIGNED_AT, with_web_ui=False)
    app.append(animator)
    made.append(Infrastructure(config, url, animator))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
