"""The hospital example, as a reader runs it: one command, two modes, no name left, two reports."""

import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pandas as pd
import pikepdf
import pytest
from test_forged_reports import FORGED

import auditkit as ak
from auditkit.deid import Plan
from auditkit.evidence import Evidence
from auditkit.pdf.pages import page_texts
from auditkit.pdf.reading import read_pdf
from auditkit.signing import KeyStore
from auditkit.verification import ClaimState
from auditkit.verification.pages import rendered
from tests.support.small_report import SIGNED_AT, saved

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_example_runs_in_both_modes_and_leaves_no_identifier(tmp_path):
    keys = tmp_path / "keys"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AUDITKIT_KEYS": str(keys)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "hospital" / "run.py")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(ROOT / "examples" / "hospital"))
    from patients import hospital

    people, _ = hospital()
    out = tmp_path / "out" / "hospital"
    for mode in ("safe-harbor", "expert"):
        released = pd.read_csv(out / mode / "visits.csv", dtype=str)
        text = (out / mode / "visits.csv").read_text() + "".join(
            p.read_text() for p in (out / mode).glob("*.json")
        )
        assert len(released) == len(people) == 400
        for column in ("patient_name", "mrn", "phone", "email"):
            # Whole: an invented `Michael Goodwin` is not the patient Michael Good.
            assert not [
                v for v in people[column] if re.search(rf"(?<!\w){re.escape(v)}(?!\w)", text)
            ]
        assert Plan.from_yaml((out / mode / "plan.yaml").read_text()).mode == mode
        leaks = Evidence.from_file((out / mode / "privacy.leaks.json").read_bytes())
        assert leaks.measurement("leaks").value == 0
    assert (pd.read_csv(out / "safe-harbor" / "visits.csv")["visit_date"] < 2027).all()
    recall = Evidence.from_file((out / "privacy.recall.json").read_bytes())
    assert recall.measurement("recall").lower > 0.95
    assert (out / "vault.key").stat().st_mode & 0o077 == 0
    the_reports_verify_and_hold_the_numbers(out, KeyStore(keys))


def the_reports_verify_and_hold_the_numbers(out, keys):
    recall = Evidence.from_file((out / "privacy.recall.json").read_bytes()).measurement("recall")
    for mode, basis, others in (
        ("safe-harbor", "actual knowledge", "this is not Safe Harbor"),
        ("expert", "this is not Safe Harbor", "Mode: Safe Harbor"),
    ):
        report = (out / mode / "report.pdf").read_bytes()
        checked = ak.verify(
            report, trust=keys.trusted(), log_keys=keys.log_verifiers("auditkit.local/log")
        )
        assert checked.exit_code == 0
        if mode == "expert":
            its_signer_cannot_change_its_pages(report, keys)
        pages = " ".join(" ".join(page_texts(report)).split())
        assert basis in pages
        assert others not in pages
        # Counted anew from the released table: how many look alike in what people know.
        released = pd.read_csv(out / mode / "visits.csv", dtype=str)
        known = [c for c in ("birth_date", "sex", "zip") if c in released]
        sizes = released.groupby(known).size()
        k, unique = int(sizes.min()), (sizes == 1).sum() / len(released)
        risk = Evidence.from_file((out / mode / "privacy.disclosure_risk.json").read_bytes())
        assert risk.measurement("k").value == k
        assert f"smallest equivalence class (k-anonymity) {k} " in pages
        assert f"Share of unique rows {unique:.2f} " in pages
        assert f"Recall {recall.value:.3f} ({recall.lower:.3f} to 1.000), n = {recall.n:,}" in pages
        assert "The eighteen classes of" in pages
        assert "H Medical record numbers" in pages


def its_signer_cannot_change_its_pages(report, keys):
    """The same report, rendered anew from what is attached, changed, and signed by the same key."""
    _, unsigned = rendered(read_pdf(report).files)
    with pikepdf.open(BytesIO(unsigned)) as pdf:
        FORGED["cover"](pdf)
        forged = keys.report_signer().sign_pdf(saved(pdf), at=SIGNED_AT)
    found = ak.verify(forged, trust=keys.trusted())
    assert found.claim("signature").state is ClaimState.TRUE
    assert found.claim("pages").state is not ClaimState.TRUE
    assert found.exit_code == 12
