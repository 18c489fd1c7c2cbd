"""One audit from start to finish: a mortgage model, from the raw table to a signed PDF.

Run it with `make demo`. Everything it makes goes to out/lending/. Where the applications come from
stands in data/README.md; the people in them are invented (people.py).
"""

from __future__ import annotations

import secrets
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import people

import auditkit as ak
from auditkit.access import AccessControl
from auditkit.access import evidence as access_evidence
from auditkit.access.policy.control import read_texts
from auditkit.access.record.review import review
from auditkit.api import LOG_NAME, default_keys, open_log
from auditkit.cli.shared.console import quiet_mlflow, say, step
from auditkit.deid import Deidentifier, Keys, Plan, Vault, read_key
from auditkit.deid.detect.recall import evaluate
from auditkit.deid.pipeline.apply import DeidentifiedTable
from auditkit.evidence import Evidence
from auditkit.files import write_whole
from auditkit.registry import ModelRegistry, RegisteredVersion, artifact_digest
from auditkit.report import ReportOptions
from auditkit.resources import schema_line

HERE = Path(__file__).resolve().parent
OUT = Path("out/lending")
SEED = 0

# The column names of the source, in words that a report can print.
FEATURES = {
    "pirat": "debt_to_income",
    "hirat": "housing_to_income",
    "lvrat": "loan_to_value",
    "chist": "consumer_credit_history",
    "mhist": "mortgage_credit_history",
    "phist": "public_credit_record",
    "unemp": "unemployment_in_industry",
    "selfemp": "self_employed",
    "insurance": "insurance_refused",
    "condomin": "condominium",
    "hschool": "high_school_diploma",
}


def main() -> int:
    """Runs the example and gives the exit code of the verification, not of the verdict."""
    began = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    say("A mortgage model, audited from the raw table to a signed report\n")

    with step("Read the applications and invent their identities") as result:
        raw, sample = people.with_people(pd.read_csv(HERE / "data" / "hmda_boston_1990.csv"))
        result.append(f"{len(raw):,} rows, {raw.shape[1]} columns")

    reader = Deidentifier()
    with step("Measure how much of labelled notes the detector finds") as result:
        recall = evaluate(sample, reader, about=people.ABOUT_SAMPLE)
        found = recall.measurement("recall")
        result.append(f"recall {found.value:.3f}, at least {found.lower:.3f}, n = {found.n:,}")

    with step("De-identify the table") as result:
        released = deidentify(raw, reader, recall)
        table = released.table
        removed = released.evidence[0].measurement("identifiers_treated").value
        result.append(f"{removed:,} identifiers treated, names as tokens with a vault")

    with step("Train a gradient-boosted model") as result:
        train, test, model, threshold = fit(table)
        result.append(f"{len(train):,} rows to train, {len(test):,} to evaluate")

    with step("Register the model") as result:
        path = OUT / "model.json"
        model.save_model(path)
        registry = opened_registry()
        version = registered(registry, path)
        result.append(f"version {version.version}, {str(version.digest)[:23]}")

    keys = default_keys()
    with open_log(f"sqlite:///{OUT / 'log.db'}", keys) as log:
        with step("Ask who may promote it") as result:
            access = access_of_the_bank()
            champion = "models/mortgage/aliases/champion"
            decisions = [access.decide(u, "model:promote", champion) for u in ("tess", "rhea")]
            for decision in decisions:
                log.append(kind="access.decision", payload=decision.to_json())
                result.append(f"{decision.user}: {'allowed' if decision.allowed else 'denied'}")

        alternatives = searched(model, train, test, threshold)
        audited = time.perf_counter()
        inputs = ak.Inputs(
            model=model,
            data=test[list(FEATURES.values())],
            labels=test["approved"],
            groups=test[["race", "marital_status"]],
            reference=train[list(FEATURES.values())],
            threshold=threshold,
            name="mortgage",
            version=str(version.version),
            digest=str(version.digest),
            purpose="Recommends whether to approve an application for a home mortgage",
            owner="Consumer lending (example)",
            evidence=[
                *released.evidence,
                recall,
                alternatives,
                registry.evidence(version, version.digest),
                access_evidence(decisions, access),
                review(access, log.entries(), now=datetime.now(UTC)).to_evidence(),
            ],
            seed=SEED,
        )
        today = datetime.now(UTC).date()
        with step("Measure and judge") as result:
            audit = ak.run(inputs, policy="lending", today=today, log=log)
            result.append(f"{len(audit.evidence)} checks, {len(audit.findings)} conditions")

        with step("Log, render and sign the report") as result:
            options = ReportOptions(
                organisation="Example Bank (demonstration)",
                period="1990",
                ran_by="examples/lending/run.py",
                independence="run by the model's own authors; not independent",
                status="DRAFT",
            )
            receipt = audit.report(
                OUT / "report.pdf",
                keys=keys,
                options=options,
                at=datetime.now(UTC),
                twin=OUT / "report.html",
            )
            result.append(f"log entry {receipt.index if receipt else 'none'}")

    with step("Verify the report, offline") as result:
        checked = ak.verify(
            (OUT / "report.pdf").read_bytes(),
            trust=keys.trusted(),
            log_keys=keys.log_verifiers(LOG_NAME),
        )
        result.append(f"{sum(c.state == 'true' for c in checked.claims)} claims true")

    told(audit, audit_seconds=time.perf_counter() - audited, seconds=time.perf_counter() - began)
    print(OUT / "report.pdf")
    return checked.exit_code


def opened_registry() -> ModelRegistry:
    """MLflow's registry in the example's folder."""
    quiet_mlflow()
    return ModelRegistry(f"sqlite:///{OUT / 'mlflow.db'}")


def told(audit: ak.Audit, *, audit_seconds: float, seconds: float) -> None:
    """Says how the audit came out."""
    say(f"\n{len(audit.findings)} conditions:")
    for outcome, count in audit.counts().items():
        say(f"  {count:>3} {outcome.words}")
    say(f"\nVerdict: {audit.verdict.decision.value}")
    for reason in audit.verdict.reasons:
        say(f"  {reason}")
    say(f"\nThe audit took {audit_seconds:.1f} s, everything {seconds:.1f} s.")
    say("Signed with a demonstration key; it shows that nothing changed, not who signed.")


def deidentify(raw: pd.DataFrame, reader: Deidentifier, recall: Evidence) -> DeidentifiedTable:
    """The table by the plan that is proposed for it, but with tokens for names.

    Whoever has the vault's key can lead a token back to its name; keep the two apart.
    """
    proposed = Plan.propose(raw, as_of=datetime.now(UTC).date())
    plan = replace(proposed.with_column("name", treatment="token"), sensitive=("deny",))
    write_whole(OUT / "plan.yaml", (schema_line("plan", OUT) + plan.to_yaml()).encode())
    key = OUT / "vault.key"
    if not key.exists():
        write_whole(key, secrets.token_hex(32).encode(), secret=True)
    with Vault(OUT / "vault.db", read_key(key.read_text())) as vault:
        return plan.apply(raw, keys=Keys(vault=vault), deidentifier=reader, recall=recall)


def registered(registry: ModelRegistry, path: Path) -> RegisteredVersion:
    """The model's version; the one of an earlier run, if the model is the same byte for byte."""
    try:
        known = registry.version("mortgage", "1")
    except ak.AuditkitError:
        known = None
    if known is not None and known.digest == artifact_digest(path):
        return known
    return registry.register("mortgage", path)


def searched(model: Any, train: pd.DataFrame, test: pd.DataFrame, threshold: float) -> Evidence:
    """Other models and cut-offs, made from the training rows and measured on the others."""
    features = list(FEATURES.values())
    with step("Search for less disparate alternatives") as result:
        found = ak.alternatives(
            model,
            test[features],
            test["approved"],
            groups=test[["race"]],
            train=ak.Inputs(data=train[features], labels=train["approved"], groups=train[["race"]]),
            threshold=threshold,
            seed=SEED,
        )
        better = len(found.less_disparate)
        result.append(
            f"{len(found.candidates) - 1} candidates, {better} as good and less disparate"
        )
    return found.evidence()


def access_of_the_bank() -> AccessControl:
    """The roles that come with auditkit, and who holds them here."""
    texts = read_texts(None)
    texts["policy.csv"] += "g, tess, role:trainer, *\ng, rhea, role:release-manager, *\n"
    return AccessControl.from_texts(texts)


def fit(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Any, float]:
    """A model of approvals on half of the applications; the other half is for the audit.

    The cut-off is the score below which the model would deny as many of the training applications
    as the loan officers did, by cross-validation.
    """
    from sklearn.model_selection import cross_val_predict, train_test_split
    from xgboost import XGBClassifier

    tidy = table.rename(columns=FEATURES)
    for column in FEATURES.values():
        if not pd.api.types.is_numeric_dtype(tidy[column]):
            tidy[column] = (tidy[column] == "yes").astype(int)
    tidy["approved"] = (tidy["deny"] == "no").astype(int)
    tidy["race"] = np.where(tidy["afam"] == "yes", "African American", "not African American")
    tidy["marital_status"] = np.where(tidy["single"] == "yes", "single", "not single")
    train, test = train_test_split(
        tidy, test_size=0.5, random_state=SEED, stratify=tidy[["approved", "race"]]
    )
    features = list(FEATURES.values())
    model = XGBClassifier(
        n_estimators=150,
        max_depth=3,
        learning_rate=0.05,
        subsample=0.8,
        random_state=SEED,
        n_jobs=2,
    )
    scores = cross_val_predict(
        model, train[features], train["approved"], cv=5, method="predict_proba"
    )[:, 1]
    threshold = float(np.quantile(scores, 1 - train["approved"].mean()))
    return train, test, model.fit(train[features], train["approved"]), threshold


if __name__ == "__main__":
    sys.exit(main())
