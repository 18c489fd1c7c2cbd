"""A whole report of three pages, without a log, that tests forge and sign again with its key."""

from __future__ import annotations

import functools
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from auditkit.report import ReportOptions, render
from auditkit.signing import KeyStore, Signer, Trusted
from auditkit.verification import Verification, pages, verify
from tests.support.small_report import SIGNED_AT, small_judgement


@dataclass
class Honest:
    """The report before it is signed, and who signs it."""

    signer: Signer
    trust: tuple[Trusted, ...]
    unsigned: bytes

    def signed(self, forged: bytes) -> bytes:
        """A file signed with the key that the reader trusts."""
        return self.signer.sign_pdf(forged, at=SIGNED_AT)

    def verified(self, forged: bytes) -> Verification:
        """What a reader is told who trusts the key; the report is rendered anew only once."""
        with rendering_kept():
            return verify(self.signed(forged), trust=self.trust)


@functools.cache
def honest(made: tuple[tuple[str, str], ...] = ()) -> Honest:
    """The report.

    Args:
        made: Libraries and versions that it names as those that drew it; empty: those that did.
    """
    store = KeyStore(Path(tempfile.mkdtemp()) / "keys")
    signer, judged = store.report_signer(), small_judgement()
    unsigned = render(
        judged,
        envelope=signer.sign_statement(judged.statement),
        options=ReportOptions(signer=signer.name, fingerprint=signer.fingerprint),
        made=dict(made) or None,
    )
    return Honest(signer=signer, trust=store.trusted(), unsigned=unsigned)


_kept: dict[tuple, tuple] = {}


@contextmanager
def rendering_kept():
    """Renders the same attachments once: that they give the same bytes has tests of its own."""
    original = pages.rendered

    def rendered(files, what="again"):
        key = (what, *sorted(files.items()))
        if key not in _kept:
            _kept[key] = original(files, what)
        return _kept[key]

    pages.rendered = rendered
    try:
        yield
    finally:
        pages.rendered = original
