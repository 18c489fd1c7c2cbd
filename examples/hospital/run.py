"""Patients' visits with clinical notes, de-identified twice: by Safe Harbor, and for an expert.

Run it with `python examples/hospital/run.py`. What it makes goes to out/hospital/. In Safe Harbor
mode names become random tokens with a vault and dates keep their year; in expert mode dates are
shifted per patient, names are invented, and an auditor gets the risk that remains. The people are
invented (patients.py).
"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import replace
from pathlib import Path

from patients import AS_OF, hospital

from auditkit.cli.console import say, step
from auditkit.deid import Deidentifier, Keys, Plan, Vault
from auditkit.deid.applying import Result
from auditkit.deid.evaluating import evaluate, read_labelled

OUT = Path("out/hospital")


def main() -> int:
    """Runs both modes and prints what an auditor would look at first."""
    OUT.mkdir(parents=True, exist_ok=True)
    say("Patients' visits with clinical notes, de-identified and searched again\n")
    table, labelled = hospital()
    reader = Deidentifier()
    (OUT / "vault.db").unlink(missing_ok=True)
    key = secrets.token_bytes(32)
    (OUT / "vault.key").write_text(key.hex() + "\n")
    (OUT / "vault.key").chmod(0o600)

    with step("Safe Harbor: tokens, years, three digits of the ZIP code") as result:
        plan = Plan.propose(table, as_of=AS_OF).with_column("patient_name", treatment="token")
        plan = replace(plan, sensitive=("diagnosis",))
        with Vault(OUT / "vault.db", key) as vault:
            safe = plan.apply(table, keys=Keys(vault=vault), deidentifier=reader)
        keep("safe-harbor", plan, safe)
        result.append(summary(safe))

    with step("Expert: shifted dates, invented names, pseudonyms") as result:
        plan = Plan.propose(table, mode="expert", as_of=AS_OF)
        plan = replace(plan, subject="mrn", sensitive=("diagnosis",))
        for column, treatment in (
            ("patient_name", "surrogate"),
            ("mrn", "pseudonym"),
            ("visit_date", "shift"),
        ):
            plan = plan.with_column(column, treatment=treatment)
        expert = plan.apply(table, keys=Keys(secret=key), deidentifier=reader)
        keep("expert", plan, expert)
        result.append(summary(expert))

    with step("Recall on the labelled notes") as result:
        evidence = evaluate(read_labelled([json.dumps(line) for line in labelled]), reader)
        (OUT / "privacy.recall.json").write_bytes(evidence.to_file())
        recall = evidence.measurement("recall")
        result.append(
            f"{recall.value:.3f}, at least {recall.lower:.3f} with 95 % confidence, "
            f"n = {recall.n:,}"
        )
    for number in (0, 1, 5):
        say(f"\n  {safe.table['note'][number]}")
    say(f"\nThe tables, plans and evidence are in {OUT}/")
    return 0


def keep(mode: str, plan: Plan, result: Result) -> None:
    """Writes the table, the plan and the evidence of one mode."""
    folder = OUT / mode
    folder.mkdir(exist_ok=True)
    result.table.to_csv(folder / "visits.csv", index=False)
    (folder / "plan.yaml").write_text(plan.to_yaml())
    for evidence in result.evidence:
        (folder / f"{evidence.check}.json").write_bytes(evidence.to_file())


def summary(result: Result) -> str:
    """Found, left, and the smallest class, in one line."""
    found, leaks, risk, _ = result.evidence
    return (
        f"{found.measurement('identifiers_found').value:,} identifiers found, "
        f"{leaks.measurement('leaks').value} left in {leaks.n:,} cells, "
        f"k = {risk.measurement('k').value}, "
        f"{risk.measurement('sample_uniqueness').value:.0%} of rows unique"
    )


if __name__ == "__main__":
    sys.exit(main())
