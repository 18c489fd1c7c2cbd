"""From MLflow's log_model to `champion`, with a gate's verdict between: nothing written by hand."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from guarded_server import LOG_NAME, PASSWORD

import auditkit as ak
from auditkit.access.record.verdicts import verdict_payload
from auditkit.canonical import canonical_bytes
from auditkit.cli import run
from auditkit.errors import AccessDeniedError, InputError
from auditkit.ledger import Ledger, NoteSigner
from auditkit.policy import parse_policy
from auditkit.signing.dsse import seal
from auditkit.signing.private_keys import local_key

pytestmark = pytest.mark.server
API = "/api/2.0/mlflow"
ROUTE = "/api/auditkit/1.0/verdict"
POLICY = """
id: lending
version: "1"
title: The model ranks
as_of: 2026-11-22
rules:
  - {id: R1, title: It ranks, check: performance.ranking, measure: auc, at_least: 0.7,
     severity: high, citation: house rule, why: w}
"""
AUDIT = """
model: models:/NAME/1
data: rows.csv
label: good
policy: ./lending.yaml
"""
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"income": RNG.normal(size=300), "debt": RNG.random(300)})
GOOD = (ROWS["income"] + RNG.normal(scale=0.3, size=300) > 0).astype(int)


def as_user(monkeypatch, server, user):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


def log_model(server, name, **model):
    """What a trainer does: MLflow's own client alone."""
    import mlflow
    import mlflow.xgboost
    from xgboost import XGBClassifier

    mlflow.set_tracking_uri(server.url)
    try:
        mlflow.set_experiment(name)
        fitted = XGBClassifier(n_estimators=5, max_depth=2, **model).fit(ROWS, GOOD)
        with mlflow.start_run():
            mlflow.xgboost.log_model(
                fitted, name="model", registered_model_name=name, pip_requirements=["xgboost"]
            )
    finally:
        mlflow.set_tracking_uri(None)


def signed(digest, *, policy=POLICY, day=None, key=None):
    """The envelope of an audit of files with a digest."""
    inputs = ak.Inputs(
        data=ROWS, labels=GOOD, scores=1 / (1 + np.exp(-4 * ROWS["income"])), digest=digest
    )
    made = ak.run(
        inputs, policy=parse_policy(policy), today=day or datetime.now(UTC).date(), progress=False
    )
    return seal(made.statement, key or local_key(Ed25519PrivateKey.generate()))


@pytest.fixture
def version(guarded, request):
    """A registered version of a model that needs evidence, asked for and approved."""
    server, workplace = guarded
    name = f"evidence-{request.node.name}"[:60]
    server.call("ann", "POST", f"{API}/registered-models/create", json={"name": name})
    made = server.call("ann", "POST", f"{API}/experiments/create", json={"name": name}).json()
    runs = f"{API}/runs/create"
    run = server.call("ann", "POST", runs, json={"experiment_id": made["experiment_id"]})
    info = run.json()["run"]["info"]
    path = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    url = f"/api/2.0/mlflow-artifacts/artifacts/{path}/model/w"
    server.call("ann", "PUT", url, data=name.encode()).raise_for_status()
    body = {"name": name, "source": f"{info['artifact_uri']}/model", "run_id": info["run_id"]}
    server.call("ann", "POST", f"{API}/model-versions/create", json=body).raise_for_status()
    asked = server.client("abe").request(name, "1", alias="champion")
    server.client("rita").approve(asked["request"])
    return server, workplace, name, asked["artifact_digest"]


def test_a_logged_model_is_audited_recorded_and_promoted(guarded, tmp_path, monkeypatch, capsys):
    server, workplace = guarded
    name = "evidence-loan"
    as_user(monkeypatch, server, "ann")
    log_model(server, name)
    asked = server.client("abe").request(name, "1", alias="champion")
    server.client("rita").approve(asked["request"])
    with pytest.raises(AccessDeniedError, match=r"run audit\.yaml --record.*models:/evidence-loan"):
        server.client("mia").promote(name, "1", alias="champion")

    (tmp_path / "lending.yaml").write_text(POLICY)
    (tmp_path / "audit.yaml").write_text(AUDIT.replace("NAME", name))
    ROWS.assign(good=GOOD).to_csv(tmp_path / "rows.csv", index=False)
    command = ["run", str(tmp_path / "audit.yaml"), "-o", str(tmp_path / "audit"), "--record"]
    monkeypatch.setenv("AUDITKIT_KEYS", str(tmp_path / "keys"))
    as_user(monkeypatch, server, "gus")
    assert run(command) == 0, capsys.readouterr().err
    statement = json.loads((tmp_path / "audit" / "statement.json").read_bytes())
    subject = statement["predicate"]["subject"]
    assert subject["digest"] == asked["artifact_digest"]
    assert subject["registered"] == {"registry": server.url, "name": name, "version": "1"}
    server.client("mia").promote(name, "1", alias="champion")
    [logged] = [e for e in workplace.entries() if e.kind == "gate.verdict"
                and e.payload.get("model") == name]  # fmt: skip
    assert logged.payload["user"] == "gus"
    assert logged.payload["decision"] == "pass"
    [told] = server.client("audrey").history(name)["verdicts"]
    assert told["figures"][0]["id"] == "R1"
    assert told["figures"][0]["value"] > 0.7
    # Reviewers see measures by their names.
    named = {figure["id"]: figure["title"] for figure in told["figures"]}
    assert named["performance.ranking auc"] == "Area under the ROC curve"
    shown = server.call("rita", "GET", f"/auditkit/requests/{asked['request']}").text
    assert "Area under the ROC curve" in shown
    assert "performance." not in shown

    # The auditor who has only the files, or only the registry, comes to the same statement.
    bundle = [
        "bundle",
        str(tmp_path / "audit.yaml"),
        "--report",
        str(tmp_path / "audit/report.pdf"),
    ]
    assert run([*bundle, "-o", str(tmp_path / "bundle")]) == 0
    again = ["reperform", str(tmp_path / "bundle"), "--data", str(tmp_path)]
    assert run(again) == 0
    as_user(monkeypatch, server, "rita")
    assert run(["registry", "load", f"{name}@champion", str(tmp_path / "files")]) == 0
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    files = tmp_path / "files" / "model"
    assert run([*again, "--model", str(files)]) == 0
    (files / "conda.yaml").write_text("name: another\n")
    assert run([*again, "--model", str(files)]) == 12
    capsys.readouterr()


def test_what_does_not_count(version):
    server, workplace, name, digest = version
    gus, mia = server.client("gus"), server.client("mia")

    def refused(match):
        with pytest.raises(AccessDeniedError, match=match):
            mia.promote(name, "1", alias="champion")

    # Whoever holds the log's key appends what he likes; no request brought it.
    signer = NoteSigner.from_pem((workplace.folder / "log.pem").read_bytes(), name=LOG_NAME)
    payload = verdict_payload(
        artifact_digest=digest, policy="lending",
        policy_digest=str(parse_policy(POLICY).digest), decision="pass", waived={},
        statement="sha256:0",
    )  # fmt: skip
    with Ledger.open(f"sqlite:///{workplace.folder}/ledger.db", key=signer) as log:
        log.append(kind="gate.verdict", payload=payload)
        log.append(kind="gate.verdict", payload={**payload, "model": name, "user": "gus"})
    refused("no gate under the policy 'lending' has judged these files")

    good = signed(digest)
    for user in ("ann", "rita", "mia", "vic"):
        with pytest.raises(AccessDeniedError, match="may not gate:record"):
            server.client(user).record_verdict(name, "1", good)
    with pytest.raises(AccessDeniedError, match="about other files"):
        gus.record_verdict(name, "1", signed("sha256:" + "0" * 64))

    # A verdict that does not follow from its evidence, signed by whomever.
    key = local_key(Ed25519PrivateKey.generate())
    failed = json.loads(base64.b64decode(json.loads(
        signed(digest, policy=POLICY.replace("0.7", "0.9999")))["payload"]))  # fmt: skip
    assert failed["predicate"]["verdict"]["decision"] == "fail"
    failed["predicate"]["verdict"] = {"decision": "pass", "reasons": ["1 of 1 condition met."],
                                      "waived": []}  # fmt: skip
    with pytest.raises(InputError, match="the statement cannot be used"):
        gus.record_verdict(name, "1", seal(canonical_bytes(failed), key))
    broken = json.loads(good)
    broken["signatures"][0]["sig"] = base64.b64encode(b"x" * 64).decode()
    with pytest.raises(InputError, match="the statement cannot be used"):
        gus.record_verdict(name, "1", json.dumps(broken).encode())
    for body in ({}, {"envelope": "x"}, {"envelope": []}, {"envelope": {"payload": 1}}):
        sent = {"model": name, "version": "1", **body}
        assert server.call("gus", "POST", ROUTE, json=sent).status_code == 400
    large = {"model": name, "version": "1", "envelope": {"payload": "x" * 5_000_000}}
    assert server.call("gus", "POST", ROUTE, json=large).status_code == 413
    refused("no gate under the policy 'lending' has judged these files")

    # An old audit is old, however late its verdict comes, and however often.
    past = signed(digest, day=datetime.now(UTC).date() - timedelta(days=60))
    gus.record_verdict(name, "1", past)
    refused("passed more than 30 days ago")
    gus.record_verdict(name, "1", good)
    gus.record_verdict(name, "1", signed(digest, policy=POLICY.replace("0.7", "0.9999")))
    refused("decided: fail")
    gus.record_verdict(name, "1", good)
    gus.record_verdict(name, "1", past)
    refused("decided: fail")
    gus.record_verdict(name, "1", signed(digest, policy=POLICY.replace('"1"', '"2"')))
    mia.promote(name, "1", alias="champion")
    # A day that no calendar goes past stops nobody from reading the log.
    gus.record_verdict(name, "1", signed(digest, day=date.max))
    assert len(server.client("audrey").history(name)["verdicts"]) == 5


def test_who_made_a_version_records_no_verdict_on_it(version):
    server, _, name, digest = version
    mine = f"{name}-2"
    create = f"{API}/registered-models/create"
    server.call("rio", "POST", create, json={"name": mine}).raise_for_status()
    found = server.call("ann", "GET", f"{API}/model-versions/get?name={name}&version=1").json()
    body = {"name": mine, **{k: found["model_version"][k] for k in ("source", "run_id")}}
    server.call("rio", "POST", f"{API}/model-versions/create", json=body).raise_for_status()
    envelope = signed(digest)
    with pytest.raises(AccessDeniedError, match="whoever made a version"):
        server.client("rio").record_verdict(mine, "1", envelope)
    # A verdict counts for the model that it was recorded for, though the bytes are the same.
    server.client("gus").record_verdict(name, "1", envelope)
    asked = server.client("abe").request(mine, "1", alias="champion")
    server.client("rita").approve(asked["request"])
    with pytest.raises(AccessDeniedError, match="has judged these files"):
        server.client("mia").promote(mine, "1", alias="champion")
