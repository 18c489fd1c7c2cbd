"""Reports forged by their own signer, at every level of signature: a timestamp vouches for no page.

The authorities are certomancer's, on loopback. Each report is changed before it is signed, so that
signature, timestamp and what verification after expiry needs are all as they should be.
"""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest
from test_forged_reports import FORGED

from auditkit.report import ReportOptions, render
from auditkit.verification import ClaimState
from tests.support.forging import Honest
from tests.support.pki import SIGNED_AT, infrastructure
from tests.support.small_report import saved, small_judgement

pytestmark = pytest.mark.server

LEVELS = {"B-T": False, "B-LTA": True}
# One of each kind: on a page, beside the pages, in a file, behind the words.
KINDS = ("cover", "invisible words", "note", "another script", "other words", "metadata")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    with infrastructure(tmp_path_factory.mktemp("pki")) as running:
        running.set_time(SIGNED_AT)
        yield running


@pytest.fixture(scope="module", params=LEVELS)
def level(request, pki):
    """The honest report at a level, whose signer the reader trusts by its root."""
    long_term = LEVELS[request.param]
    signer = pki.signer().with_timestamps(pki.url, long_term=long_term)
    judged = small_judgement()
    unsigned = render(
        judged,
        envelope=signer.sign_statement(judged.statement),
        options=ReportOptions(signer=signer.name, fingerprint=signer.fingerprint),
    )
    return Honest(signer, (pki.certificate("root"),), unsigned), long_term


def claims_about_the_signature(level, found):
    names = ("signature", "signer", "time", "unchanged", *(["long_term"] if level[1] else []))
    return {name: found.claim(name).state for name in names}


def test_the_honest_report_is_true(level):
    found = level[0].verified(level[0].unsigned)
    assert set(claims_about_the_signature(level, found).values()) == {ClaimState.TRUE}
    assert found.claim("pages").state is ClaimState.TRUE, found.claim("pages")
    assert found.broken == ()


@pytest.mark.parametrize("name", KINDS)
def test_what_a_timestamp_covers_is_judged_all_the_same(level, name):
    with pikepdf.open(BytesIO(level[0].unsigned)) as pdf:
        FORGED[name](pdf)
        found = level[0].verified(saved(pdf))
    assert set(claims_about_the_signature(level, found).values()) == {ClaimState.TRUE}
    assert found.claim("pages").state is not ClaimState.TRUE
    assert found.exit_code == 12
