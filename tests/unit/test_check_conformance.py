"""Laws that every check keeps, over small cases drawn at random."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pypdf
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import auditkit as ak
from auditkit.canonical import parse_json
from auditkit.checks import CHECKS, TERMS, find_check
from auditkit.checks.check import NoParameters
from auditkit.errors import PolicyError
from auditkit.evidence import Evidence, Measurement, Outcome
from auditkit.loading import prepare
from auditkit.policy import parse_policy
from auditkit.subject import Case, Task
from tests.fixtures.keep_reports import REPORTS

HANDED_OVER = [c for c in CHECKS if c.parameters is NoParameters]
MEASURING = [c for c in CHECKS if c.parameters is not NoParameters]
DECLARED = [(check, name) for check in CHECKS for name in check.declared]
# Small enough for a test, and within every range.
FEW = {"min_group": 5, "replicates": 40, "resamples": 30, "marginal_rows": 5, "rows": 60}
by_id = {"ids": lambda check: check.id}


def handed_over(check) -> Evidence:
    """Evidence of a step before the audit, with each of the check's measures."""
    numbers = tuple(Measurement(name=name, value=1, n=9, unit="count") for name in check.terms)
    return check.evidence(parameters={}, n=9, measurements=numbers)


def task_of(check) -> Task:
    """The first task that a check is about."""
    return next(task for task in Task if task in check.tasks)


def drawn(seed: int, task: Task = Task.BINARY, **changes) -> Case:
    """A case at random: model, rows, groups with a small and an unknown one, and all evidence."""
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(60, 160)), int(rng.integers(2, 6))
    table = pd.DataFrame(rng.normal(size=(n, width)), columns=[f"x{i}" for i in range(width)])
    labels = (table.x0 * rng.choice([1, 3]) + rng.normal(size=n) > 0).astype(int)
    model = DecisionTreeClassifier(max_depth=2) if seed % 2 else LogisticRegression()
    threshold = float(rng.choice([0.45, 0.55]))
    own = {}
    if task is Task.NUMBER:
        labels = table.x0 * 3 + rng.normal(size=n)
        model = (
            DecisionTreeRegressor(max_depth=2, random_state=0) if seed % 2 else LinearRegression()
        )
        own = {"intervals": {"low": labels - 1, "high": labels + rng.normal(1, 1, n).clip(0)}}
    if task is Task.CLASSES:
        labels = np.array(["a", "b", "c"])[np.digitize(table.x0 + rng.normal(size=n), [-0.5, 0.5])]
        model = DecisionTreeClassifier(max_depth=2, min_samples_leaf=9, random_state=0)
        own = {"favourable": "b"}
    in_use = {
        Task.BINARY: LogisticRegression(C=0.1) if seed % 2 else DecisionTreeClassifier(max_depth=1),
        Task.CLASSES: DecisionTreeClassifier(max_depth=1, random_state=0),
        Task.NUMBER: DecisionTreeRegressor(max_depth=1, random_state=0),
    }[task].fit(table, labels)
    given = {
        "model": model.fit(table, labels),
        "champion": ak.Inputs(model=in_use, data=None),
        "data": table,
        "labels": labels,
        "reference": table,
        "groups": {
            "sex": rng.choice(["f", "m", None], n, p=[0.5, 0.45, 0.05]),
            "race": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
        },
        "threshold": threshold,
        **own,
        "evidence": [handed_over(check) for check in HANDED_OVER],
        "seed": seed,
    }
    return prepare(ak.Inputs(**given | changes))


WHOLE = range(8)
LACKING = {
    "nothing but decisions": {
        "model": None, "reference": None, "groups": None, "evidence": [], "scores": None,
        "champion": None,
    },
    "no model": {"model": None},
    "no reference": {"reference": None},
    "no groups": {"groups": {}},
    "everybody selected": {"decisions": True},
    "nobody selected": {"decisions": False},
}  # fmt: skip


def lacking(what: str, task: Task = Task.BINARY) -> Case:
    """A case at random without something."""
    case, changes = drawn(1, task), dict(LACKING[what])
    if changes.get("groups", ()) is None:
        changes["groups"] = {}
    if "decisions" in changes:
        changes["decisions"] = np.full(case.rows, changes["decisions"])
    if "model" in changes:
        changes["score"] = None
    return replace(case, **{**changes, "_computed": {}})


def assessed(check, case: Case) -> Evidence:
    own = {name: value for name, value in FEW.items() if name in check.declared}
    return check.assess(case, check.parameters_with(own))


def contents(case: Case):
    """All that a check might change of a case, as values that can be compared."""
    return (
        case.features.to_dict(),
        None if case.reference is None else case.reference.to_dict(),
        *(None if v is None else v.tolist() for v in (case.labels, case.decisions, case.scores)),
        {name: values.tolist() for name, values in case.groups.items()},
        tuple(e.digest for e in case.evidence),
    )


@pytest.fixture(scope="module")
def cases():
    """Each case twice, drawn from the same seed; and what is in it before any check has run."""
    return {
        (task, seed): (drawn(seed, task), drawn(seed, task), contents(drawn(seed, task)))
        for task in sorted({task_of(check) for check in CHECKS})
        for seed in WHOLE
    }


def test_there_are_checks_of_both_kinds_with_parameters():
    assert len(HANDED_OVER) == 9
    assert len(MEASURING) >= 13
    assert len(DECLARED) > 30
    assert len({check.id for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("seed", WHOLE)
@pytest.mark.parametrize("check", CHECKS, **by_id)
def test_evidence_is_the_checks_own_finite_in_words_repeatable_and_pure(check, seed, cases):
    case, again, before = cases[task_of(check), seed]
    e = assessed(check, case)
    assert (e.check, e.version, e.title, e.area) == (
        check.id, check.version, check.title, check.area,
    )  # fmt: skip
    assert e.outcome is Outcome.PASS
    assert e.measurements
    for m in e.measurements:
        assert m.name in check.terms
        assert all(math.isfinite(x) for x in (m.value, m.lower, m.upper) if x is not None)
        assert m.lower is None or m.lower <= m.value <= m.upper
        assert (m.value is None) <= bool(m.reason)
    cells = [cell for table in e.tables for row in table.rows for cell in row]
    assert all(math.isfinite(cell) for cell in cells if isinstance(cell, float))
    assert e.digest == assessed(check, again).digest
    assert contents(case) == before
    assert Evidence.from_file(e.to_file()).digest == e.digest


@pytest.mark.parametrize("check", MEASURING, **by_id)
def test_evidence_states_every_parameter_that_it_was_made_with(check, cases):
    case, *_ = cases[task_of(check), 0]
    own = {name: value for name, value in FEW.items() if name in check.declared}
    stated = assessed(check, case).parameters
    for name, value in asdict(check.parameters_with(own)).items():
        # How many features there are can be fewer than were to be followed.
        assert stated[name] == value or (name == "top" and stated[name] < value)


@pytest.mark.parametrize("what", LACKING)
@pytest.mark.parametrize("check", CHECKS, **by_id)
def test_what_cannot_be_measured_says_why_and_has_no_number(check, what):
    e = assessed(check, lacking(what, task_of(check)))
    assert e.outcome in {Outcome.PASS, Outcome.NOT_ASSESSED, Outcome.NOT_APPLICABLE}
    if e.outcome is not Outcome.PASS:
        assert e.reason
        assert not e.reason.endswith(".")
        assert not e.measurements
        assert not e.tables


REASONS = [
    ("explanation.global", "no model", "there is no model"),
    ("explanation.denials", "no model", "there is no model"),
    ("explanation.stability", "no reference", "there is no reference"),
    ("explanation.denials", "no reference", "there is no reference"),
    ("explanation.denials", "everybody selected", "nobody was decided unfavourably"),
    ("explanation.proxies", "no groups", "no protected attribute was given"),
    ("fairness.selection_rates", "no groups", "no group attribute was given"),
    ("privacy.leaks", "nothing but decisions", "no evidence from auditkit.deid was handed over"),
]


@pytest.mark.parametrize(("check_id", "what", "reason"), REASONS)
def test_the_reason_names_what_is_missing(check_id, what, reason):
    assert reason in assessed(find_check(check_id), lacking(what)).reason


@pytest.mark.parametrize("check", [c for c in MEASURING if c.area == "fairness"], **by_id)
def test_fairness_without_groups_is_not_assessed(check):
    assert assessed(check, lacking("no groups", task_of(check))).outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize("check", [c for c in CHECKS if c.tasks != set(Task)], **by_id)
def test_a_check_of_other_tasks_is_not_applicable(check):
    other = next(task for task in (Task.BINARY, Task.NUMBER) if task not in check.tasks)
    e = assessed(check, drawn(1, other))
    assert (e.outcome, e.reason) == (Outcome.NOT_APPLICABLE, f"the model {other.words}")


NOTHING = {*("performance.classification", "performance.multiclass", "performance.regression")}
NO_SCORES = {"performance.ranking"}


@pytest.mark.parametrize("check", CHECKS, **by_id)
def test_of_decisions_alone_only_their_errors_are_measured(check):
    expected = (
        Outcome.PASS if check.id in NOTHING
        else Outcome.NOT_APPLICABLE if check.id in NO_SCORES
        else Outcome.NOT_ASSESSED
    )  # fmt: skip
    assert assessed(check, lacking("nothing but decisions", task_of(check))).outcome is expected


@pytest.mark.parametrize("check", MEASURING, **by_id)
def test_no_term_is_declared_in_vain(check, cases):
    known = {task for task, _ in cases} & check.tasks
    found = [assessed(check, cases[task, 0][0]) for task in known]
    if Task.BINARY in known:  # a model that can only be sampled
        case = cases[Task.BINARY, 0][0]
        asked = replace(case, model=case.score, evaluations=1000, _computed={})
        found.append(assessed(check, asked))
    columns = {column for e in found for table in e.tables for column in table.columns}
    assert set(check.terms) <= {m.name for e in found for m in e.measurements} | columns


def test_what_kept_reports_measured_has_words():
    """Their evidence was made by the real steps, which this package cannot have invented here."""
    known = {check.id: check for check in CHECKS}
    seen = set()
    for report in sorted(REPORTS.rglob("*.pdf")):
        statement = parse_json(pypdf.PdfReader(report).attachments["statement.json"][0])
        for e in statement["predicate"]["evidence"]:
            check = known[e["check"]]
            if e["version"] == check.version:
                assert {m["name"] for m in e["measurements"]} <= set(check.terms)
                seen |= {check.id} if e["measurements"] else set()
    assert {check.id for check in HANDED_OVER} <= seen


@pytest.mark.parametrize("name", TERMS)
def test_words_and_definition_are_a_heading_and_a_sentence_without_a_number(name):
    """A number in them would stand on a page without an address."""
    words, definition = TERMS[name]
    assert words[0].isupper() or words.startswith("{")
    assert not words.endswith(".")
    assert definition.endswith(".")
    assert not any(c.isdigit() for c in words + definition)


# Parameters: refused before anything is run.


@pytest.mark.parametrize(
    ("check", "name"), DECLARED, ids=[f"{check.id}/{name}" for check, name in DECLARED]
)
def test_no_parameter_takes_another_type_or_what_no_check_can_use(check, name):
    """Each is tried with what is senseless for any number or any word."""
    default = check.declared[name].default
    assert getattr(check.parameters_with({name: default}), name) == default
    wrong = [None, [default], {"value": default}, True]
    if isinstance(default, str):
        wrong += ["", "  ", 1]
    else:
        wrong += [-1, -0.5, math.nan, math.inf, -math.inf, "high", str(default), 10**400 * -1]
    if isinstance(default, int):
        wrong += [default + 0.5, float(default)]
    for value in wrong:
        with pytest.raises(PolicyError) as caught:
            check.parameters_with({name: value})
        assert check.id in caught.value.message
        assert f"{name} of" in caught.value.message
        assert caught.value.remedy
        assert "high" not in caught.value.message


@pytest.mark.parametrize("check", CHECKS, **by_id)
def test_a_parameter_that_a_check_does_not_have_is_refused(check):
    with pytest.raises(PolicyError, match=f"{check.id} has no parameter 'nonsense'"):
        check.parameters_with({"nonsense": 1})


@pytest.mark.parametrize("check", [c for c in CHECKS if "level" in c.declared], **by_id)
@pytest.mark.parametrize("level", [0, 1, 5, 95, -0.1, 1.0000001])
def test_a_level_lies_strictly_between_0_and_1(check, level):
    with pytest.raises(PolicyError, match=r"level of .* must be a number above 0 and below 1"):
        check.parameters_with({"level": level})


def test_a_wrong_parameter_is_refused_before_the_model_is_asked():
    asked = []
    policy = parse_policy("""
id: t
version: "1"
title: t
as_of: 2026-11-22
checks: {explanation.global: {replicates: many}}
rules:
  - {id: R1, title: t, check: performance.ranking, measure: auc, at_least: 0.5, severity: high,
     citation: house rule, why: w}
""")

    def model(rows):
        asked.append(len(rows))
        return np.full(len(rows), 0.5)

    inputs = ak.Inputs(model=model, data={"a": [1, 2]}, labels=[0, 1], digest="sha256:" + "0" * 64)
    with pytest.raises(PolicyError, match=r"replicates of explanation\.global .* not a text"):
        ak.run(inputs, policy=policy)
    assert not asked


# What was handed over is taken once.


@pytest.mark.parametrize("check", HANDED_OVER, **by_id)
def test_what_was_handed_over_is_taken_as_it_is_and_once(check, cases):
    case, *_ = cases[Task.BINARY, 0]
    given = handed_over(check)
    assert find_check(check.id) is check
    assert assessed(check, replace(case, evidence=(given,))) is given
    with pytest.raises(ak.errors.InputError, match="2 pieces of evidence were handed over"):
        assessed(check, replace(case, evidence=(given, given)))
