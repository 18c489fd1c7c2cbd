"""PDF/A-3a and PDF/UA-1 by veraPDF: before and after signing, at every level of PAdES, as drafts.

One start of Java a profile judges all of them.
"""

from __future__ import annotations

import subprocess

import pytest

from auditkit.report import ReportOptions, render
from auditkit.signing import LocalKey, Signer
from auditkit.signing.long_term import extend
from tests.fixtures import lending
from tests.support.authority import NOW, Authority, serving
from tests.support.pki import SIGNED_AT as PKI_TIME
from tests.support.pki import infrastructure
from tests.support.verapdf import assert_conforms


@pytest.fixture(scope="module")
def files(whole, tmp_path_factory):
    """The same report unsigned, signed as B-B, B-T and B-LTA, and renewed; and drafts."""
    folder = tmp_path_factory.mktemp("pdf")
    authority = Authority()
    key, certificate = authority.issue("Example Bank")
    with serving(authority, folder) as url:
        timed = Signer.of([LocalKey(key)], [certificate, authority.issuer]).with_timestamps(url)
        contents = {
            "unsigned.pdf": whole.unsigned,
            "signed.pdf": whole.signed,
            "timestamped.pdf": timed.sign_pdf(whole.unsigned, at=NOW),
        }
    with infrastructure(tmp_path_factory.mktemp("pki")) as pki:
        archived = pki.signer().with_timestamps(pki.url, long_term=True)
        contents["archived.pdf"] = archived.sign_pdf(whole.unsigned, at=PKI_TIME)
        pki.set_time(PKI_TIME.replace(year=2029))
        contents["renewed.pdf"] = extend(contents["archived.pdf"], archived.timestamps)
    for size in ("A4", "Letter"):
        options = ReportOptions(organisation="Example Bank", page_size=size, status="DRAFT")
        contents[f"draft-{size}.pdf"] = render(
            whole.judgement, receipt=lending.RECEIPT, envelope=b"{}", options=options
        )
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["PDFA-3A", "PDFUA-1"])
def test_reports_conform_before_and_after_signing(files, profile):
    assert len(files) == 7
    assert_conforms(profile, *files)


def test_poppler_agrees_that_the_whole_document_is_signed(files):
    done = subprocess.run(
        ["pdfsig", "-nocert", files[1]], capture_output=True, text=True, check=False
    )
    assert "Signature is Valid" in done.stdout
    assert "Total document signed" in done.stdout


def test_qpdf_finds_nothing_wrong(files):
    for path in files:
        done = subprocess.run(
            ["qpdf", "--check", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
