"""A challenger from its file: audited beside the model in use, reported, and verified offline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

import auditkit as ak
from auditkit.loading.audit_file import inputs_of, read_audit_file
from auditkit.signing import KeyStore
from auditkit.verification import ClaimState, verify

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two boosters of other columns, a table, and an audit file that names both."""
    place, rng = tmp_path_factory.mktemp("compared"), np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    label = ((table.a + table.b / 2 + rng.normal(size=300)) > 0).astype(int)
    for name, columns in (("old.json", ["a", "c"]), ("new.json", ["a", "b"])):
        model = xgb.XGBClassifier(n_estimators=5, max_depth=2).fit(table[columns], label)
        model.get_booster().save_model(place / name)
    table.assign(y=label, sex=rng.choice(["f", "m"], 300)).to_csv(place / "t.csv", index=False)
    keys = {"model": "old.json", "challenger": "new.json", "data": "t.csv", "label": "y"}
    keys |= {"groups": "[sex]", "reference": "t.csv", "policy": "starter-challenger"}
    (place / "audit.yaml").write_text("".join(f"{k}: {v}\n" for k, v in keys.items()))
    return place


def test_a_report_on_two_models_follows_from_what_it_carries(folder):
    file = read_audit_file(folder / "audit.yaml")
    store = KeyStore(folder / "keys")
    audit = ak.run(inputs_of(file, folder), policy=file.policy, log=None, progress=False)
    assert (audit.subject.name, audit.subject.champion.name) == ("new", "old")
    audit.report(folder / "r.pdf", signer=store.report_signer(), log=None, progress=False)
    found = verify((folder / "r.pdf").read_bytes(), trust=store.trusted())
    for claim in ("pages", "verdict", "numbers"):
        assert found.claim(claim).state is ClaimState.TRUE, found.claim(claim).reason
