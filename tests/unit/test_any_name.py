"""A report just made verifies, whatever model, group, column, policy and people are called."""

from __future__ import annotations

import pytest

from auditkit.report import ReportOptions, render
from auditkit.signing import KeyStore
from tests.fixtures import hostile
from tests.support.small_report import SIGNED_AT
from tests.support.verifying import verify

NAMES = {
    "words of the file format": (
        "credit/Type3 /#54ype3 /JavaScript stream endstream 1 0 obj endobj 1 0 R << >> ( [ %%EOF "
        "xref trailer startxref 5 /Prev 7 /XRefStm 9 /ByteRange [0 1 2 3] /Contents <00>"
    ),
    "numbers": (
        "2026 0.85 \u22125 1,234 1. v1.2.3 model 7 v2 1e5 10 % \u0663\u0664 \u00bd E-0001 SHA-256"
    ),
    "scripts": (
        "\U0001f600 \U0001f468\u200d\U0001f469 \u05d0\u05d1 \u0645\u0631 \u6a21\u578b fi ffl "
        "\ufb01 \ufb04 so\u00adft a\u0301e\u0308\u0323 \ufeffx y\u2009z \u2026"
    ),
    "digits alone": "2026",
    "long": "risk model " * 90,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_report_verifies_whatever_its_names_are(name, tmp_path):
    signer = KeyStore(tmp_path / "keys").report_signer()
    judged = hostile.judgement(name)
    pdf = render(
        judged,
        envelope=signer.sign_statement(judged.statement),
        options=ReportOptions(
            organisation=name,
            ran_by=name,
            reviewed_by=name,
            signer=signer.name,
            fingerprint=signer.fingerprint,
        ),
    )
    found = verify(signer.sign_pdf(pdf, at=SIGNED_AT), trust=[signer.certificate])
    assert not found.broken
    assert found.claim("numbers").state == "true"
