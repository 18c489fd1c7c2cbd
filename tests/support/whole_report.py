"""A real report of the lending fixture: rendered, logged, signed."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from auditkit.judgement.statement import Judgement
from auditkit.ledger import Ledger, NoteSigner, NoteVerifier
from auditkit.report import ReportOptions, render
from auditkit.signing import KeyStore, Signer, Trusted
from tests.fixtures.lending import judgement

SIGNED_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOG = "example.com/log"


@dataclass
class Whole:
    """A signed report and everything that it was made of."""

    judgement: Judgement
    signer: Signer
    unsigned: bytes
    signed: bytes
    trust: tuple[Trusted, ...]
    log_key: NoteVerifier
    log_pem: bytes
    database: str

    def log(self) -> Ledger:
        """The log, opened again."""
        return Ledger.open(self.database, key=NoteSigner.from_pem(self.log_pem, name=LOG))


@functools.cache
def whole_report() -> Whole:
    """Audits nothing: renders, logs and signs the fixture's judgement, once for all tests."""
    folder = Path(tempfile.mkdtemp())
    store = KeyStore(folder / "keys")
    own = store.report_signer()
    found = judgement()
    key = store.log_signer(LOG)
    database = f"sqlite:///{folder / 'log.db'}"
    with Ledger.open(database, key=key, clock=lambda: SIGNED_AT) as log:
        log.append(kind="access.decision", payload={"allowed": True})
        receipt = log.append(kind="audit.statement", payload={"statement": str(found.digest)})
    unsigned = render(
        found,
        receipt=receipt.to_json(),
        envelope=own.sign_statement(found.statement),
        options=ReportOptions(signer=own.name, fingerprint=own.fingerprint),
    )
    return Whole(
        judgement=found,
        signer=own,
        unsigned=unsigned,
        signed=own.sign_pdf(unsigned, at=SIGNED_AT),
        trust=store.trusted(),
        log_key=key.verifier,
        log_pem=key.to_pem(),
        database=database,
    )
