"""Patients' visits with clinical notes, de-identified and audited twice: Safe Harbor, and expert.

Run it with `python examples/hospital/run.py`. What it makes goes to out/hospital/. In Safe Harbor
mode names become random tokens with a vault and dates keep their year. In expert mode dates are
shifted per patient, names are invented, and years of birth become bands so that every patient looks
like enough others; an expert gets the risk that remains. A small model is trained on each released
table, and each gets a signed report. The people are invented (patients.py).
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from patients import ABOUT_SAMPLE, AS_OF, hospital

import auditkit as ak
from auditkit.api import LOG_NAME, default_keys
from auditkit.cli.shared.console import say, step
from auditkit.deid import Deidentifier, Keys, Plan, Vault, read_key
from auditkit.deid.detect.recall import evaluate, read_labelled
from auditkit.deid.pipeline.apply import DeidentifiedTable
from auditkit.evidence import Evidence
from auditkit.files import write_whole
from auditkit.report import ReportOptions
from auditkit.resources import schema_line

OUT = Path("out/hospital")
SEED = 0
FEATURES = ["age", "diagnosis", "admission", "length_of_stay"]
PURPOSE = "Selects patients for a follow-up call after discharge"
# What no tool can say; it stands on page one.
BASIS = {
    "safe-harbor": (
        "Trained on a table treated by Safe Harbor, 45 CFR 164.514(b)(2); that nobody has actual "
        "knowledge by which someone could be identified is for people to state"
    ),
    "expert": (
        "Trained on a table prepared for an expert, 45 CFR 164.514(b)(1); this is not Safe Harbor, "
        "and until an expert has found the risk very small the table is not de-identified"
    ),
}


@dataclass(frozen=True)
class Sample:
    """The released rows of one mode as the model reads them."""

    train: pd.DataFrame
    test: pd.DataFrame
    model: Any
    threshold: float


def main() -> int:
    """Runs both modes and gives the exit code of the verification, not of the verdicts."""
    began = time.perf_counter()
    OUT.mkdir(parents=True, exist_ok=True)
    say("Patients' visits with clinical notes, from the raw table to two signed reports\n")
    with step("Invent the visits") as result:
        table, labelled = hospital()
        result.append(f"{len(table):,} rows, {table.shape[1]} columns")
    reader = Deidentifier()
    with step("Measure how much of the labelled notes the detector finds") as result:
        lines = [json.dumps(line) for line in labelled]
        recall = evaluate(read_labelled(lines), reader, about=ABOUT_SAMPLE)
        write_whole(OUT / "privacy.recall.json", recall.to_file())
        found = recall.measurement("recall")
        result.append(f"recall {found.value:.3f}, at least {found.lower:.3f}, n = {found.n:,}")

    codes = 0
    for mode, released in (("safe-harbor", safe_harbor), ("expert", expert)):
        say("")
        with step(f"De-identify, {mode}") as result:
            plan, done = released(table, reader, recall)
            keep(mode, plan, done)
            result.append(summary(done))
        audit = audited(mode, done.table, (*done.evidence, recall))
        codes = max(codes, signed(mode, audit))
        told(audit)
    say(f"\nEverything took {time.perf_counter() - began:.1f} s.")
    say("Signed with a demonstration key; it shows that nothing changed, not who signed.")
    for mode in BASIS:
        print(OUT / mode / "report.pdf")
    return codes


def safe_harbor(
    table: pd.DataFrame, reader: Deidentifier, recall: Evidence
) -> tuple[Plan, DeidentifiedTable]:
    """The proposed plan, but with tokens for names; the vault leads them back to the names."""
    plan = Plan.propose(table, as_of=AS_OF).with_column("patient_name", treatment="token")
    plan = replace(plan, sensitive=("diagnosis",))
    with Vault(OUT / "vault.db", key()) as vault:
        return plan, plan.apply(table, keys=Keys(vault=vault), deidentifier=reader, recall=recall)


def expert(
    table: pd.DataFrame, reader: Deidentifier, recall: Evidence
) -> tuple[Plan, DeidentifiedTable]:
    """Dates that keep their intervals and ids that link visits, at the price of an expert.

    Birth years become bands and the ZIP code goes, so that everyone looks like enough others. The
    search for the least generalization (`auditkit deid generalize`) would drop the year of birth
    instead; the model needs it more than the ZIP code.
    """
    plan = Plan.propose(table, mode="expert", as_of=AS_OF)
    plan = replace(plan, subject="mrn", sensitive=("diagnosis",))
    for column, change in (
        ("patient_name", {"treatment": "surrogate"}),
        ("mrn", {"treatment": "pseudonym"}),
        ("visit_date", {"treatment": "shift"}),
        ("birth_date", {"width": 30}),
        ("zip", {"treatment": "drop"}),
    ):
        plan = plan.with_column(column, **change)
    return plan, plan.apply(table, keys=Keys(secret=key()), deidentifier=reader, recall=recall)


def key() -> bytes:
    """The key of the vault and of the pseudonyms, made on first use; keep it from the tables."""
    path = OUT / "vault.key"
    if not path.exists():
        write_whole(path, secrets.token_hex(32).encode(), secret=True)
    return read_key(path.read_text())


def keep(mode: str, plan: Plan, result: DeidentifiedTable) -> None:
    """Writes the table, the plan and the evidence of one mode."""
    folder = OUT / mode
    write_whole(folder / "visits.csv", result.table.to_csv(index=False).encode())
    write_whole(folder / "plan.yaml", (schema_line("plan", folder) + plan.to_yaml()).encode())
    for evidence in result.evidence:
        write_whole(folder / f"{evidence.check}.json", evidence.to_file())


def summary(result: DeidentifiedTable) -> str:
    """Found, left, and the smallest class, in one line."""
    found, leaks, risk, _ = result.evidence
    return (
        f"{found.measurement('identifiers_found').value:,} identifiers found, "
        f"{leaks.measurement('leaks').value} left in {leaks.n:,} cells, "
        f"k = {risk.measurement('k').value}, "
        f"{risk.measurement('sample_uniqueness').value:.0%} of rows unique"
    )


def audited(mode: str, released: pd.DataFrame, evidence: tuple[Evidence, ...]) -> ak.Audit:
    """A model of the released table, measured and judged with the evidence of its making."""
    with step("Train a model on what was released") as result:
        sample = fit(released)
        result.append(f"{len(sample.train)} rows to train, {len(sample.test)} to evaluate")
    with step("Measure and judge") as result:
        test = sample.test
        inputs = ak.Inputs(
            model=sample.model,
            data=test[FEATURES],
            labels=test["readmitted"],
            groups=test[["sex", "age_group"]],
            reference=sample.train[FEATURES],
            threshold=sample.threshold,
            name=f"readmission ({mode})",
            purpose=f"{PURPOSE}. {BASIS[mode]}",
            owner="Care coordination (example)",
            evidence=evidence,
            seed=SEED,
        )
        audit = ak.run(
            inputs,
            policy="hospital",
            today=datetime.now(UTC).date(),
            log=OUT / "log.db",
            retention="hipaa-6y",
        )
        result.append(f"{len(audit.evidence)} checks, {len(audit.findings)} conditions")
    return audit


def fit(released: pd.DataFrame) -> Sample:
    """A logistic model of readmissions, which are called for half of the rows; no identifier in it.

    The cut-off lets as many patients be called as come back.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    tidy = released[["sex", *FEATURES[1:]]].assign(
        age=[AS_OF.year - first_year(born) for born in released["birth_date"]],
        readmitted=(released["readmitted"] == "yes").astype(int),
    )
    tidy["age_group"] = ["65 and over" if age >= 65 else "under 65" for age in tidy["age"]]
    train, test = train_test_split(
        tidy, test_size=0.5, random_state=SEED, stratify=tidy[["readmitted", "sex"]]
    )
    columns = ColumnTransformer(
        [
            ("words", OneHotEncoder(), ["diagnosis", "admission"]),
            ("numbers", StandardScaler(), ["age", "length_of_stay"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(train[FEATURES], train["readmitted"])
    scores = model.predict_proba(train[FEATURES])[:, 1]
    threshold = float(pd.Series(scores).quantile(1 - train["readmitted"].mean()))
    return Sample(train, test, model, threshold)


def first_year(born: str) -> int:
    """The year of birth that was left, the first one of a band; of everyone past 89 the same."""
    return AS_OF.year - 90 if born == "90+" else int(born[:4])


def signed(mode: str, audit: ak.Audit) -> int:
    """Logs, renders and signs the report, and verifies it; the exit code of that."""
    keys = default_keys()
    path = OUT / mode / "report.pdf"
    with step("Log, render and sign the report") as result:
        options = ReportOptions(
            organisation="Example Hospital (demonstration)",
            ran_by="examples/hospital/run.py",
            independence="run by the model's own authors; not independent",
            status="DRAFT",
        )
        receipt = audit.report(
            path,
            keys=keys,
            options=options,
            at=datetime.now(UTC),
            retention="hipaa-6y",
        )
        assert receipt is not None
        result.append(f"log entry {receipt.index}")
    with step("Verify the report, offline") as result:
        checked = ak.verify(
            path.read_bytes(), trust=keys.trusted(), log_keys=keys.log_verifiers(LOG_NAME)
        )
        result.append(f"{sum(c.state == 'true' for c in checked.claims)} claims true")
    return checked.exit_code


def told(audit: ak.Audit) -> None:
    """Says how the audit came out."""
    counts = [f"{n} {outcome.words}" for outcome, n in audit.counts().items() if n]
    say(f"  Verdict: {audit.verdict.decision.value}; {', '.join(counts)}")
    for reason in audit.verdict.reasons:
        say(f"    {reason}")


if __name__ == "__main__":
    sys.exit(main())
