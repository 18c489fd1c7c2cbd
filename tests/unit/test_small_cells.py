"""Small cells in whole audits: nothing hidden can be read or computed from what is left."""

import itertools
import json
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.evidence import Evidence, Measurement, Outcome, Table
from auditkit.judgement import small_cells
from auditkit.judgement.audit import examine
from auditkit.loading import prepare
from auditkit.policy import parse_policy
from tests.support.repeated import times

DAY = date(2026, 11, 30)
RULES = """
id: t
version: "1"
title: t
as_of: 2026-11-22
small_cell: {small_cell}
rules:
  - {{id: R1, title: t, check: fairness.selection_rates, measure: impact_ratio, at_least: 0.8,
     judge: value, min_n: {min_n}, severity: high, citation: house rule, why: w}}
"""
PARTS = {"tpr": "favourable", "fpr": "unfavourable", "ppv": "selected"}


def audited(groups, *, small_cell=11, min_n=0, seed=0, salt=None, decisions=None, labels=None):
    n = len(next(iter(groups.values())))
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.6).astype(int) if labels is None else labels
    scores = np.clip(0.3 * labels + rng.random(n) * 0.7, 0, 1)
    if decisions is None:
        inputs = ak.Inputs(
            data=pd.DataFrame({"x": scores}), labels=labels, scores=scores,
            groups=pd.DataFrame(groups),
        )  # fmt: skip
    else:
        inputs = ak.Inputs(
            data=pd.DataFrame({"x": scores}), labels=labels, predictions=decisions,
            groups=pd.DataFrame(groups),
        )  # fmt: skip
    policy = parse_policy(RULES.format(small_cell=small_cell, min_n=min_n))
    return examine(prepare(inputs), policy, (), today=DAY, versions={}, salt=salt), inputs


def three_of_300():
    return {
        "sex": np.array(["m"] * 260 + ["f"] * 40),
        "race": np.array(["w"] * 297 + ["x"] * 3),
    }


def random_groups(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 400))
    return {
        "a": rng.choice(["p", "q", "r", "(unknown)"], n, p=[0.6, 0.3, 0.06, 0.04]),
        "b": rng.choice(["u", "v", "w"], n, p=[0.5, 0.45, 0.05]),
        "c": rng.choice(["y", "z"], n, p=[0.95, 0.05]),
    }


def shown_numbers(judgement):
    """Every number of people that the statement shows, by part of a group, read from its JSON."""
    found = {("members", frozenset()): judgement.rows}
    for evidence in json.loads(judgement.statement)["predicate"]["evidence"]:
        for m in evidence["measurements"]:
            group = frozenset(map(tuple, m["group"]))
            if any(value == "(all)" for _, value in group) or m["n"] is None:
                continue
            if evidence["area"] == "fairness" and group:
                part = PARTS.get(m["name"].removesuffix("_difference"), "members")
                if m["name"] != "unknown_category":
                    found[part, group] = m["n"]
            elif m["name"] in PARTS:
                found[PARTS[m["name"]], group] = m["n"]
    return found


def true_numbers(inputs, labels, decisions):
    """Every number of people in each group of up to two attributes, counted with pandas."""
    frame = inputs.groups.copy()
    parts = {
        "members": np.ones(len(frame), dtype=bool), "favourable": labels,
        "unfavourable": ~labels, "selected": decisions,
    }  # fmt: skip
    found = {(part, frozenset()): int(kept.sum()) for part, kept in parts.items()}
    names = list(frame)
    for chosen in [*itertools.combinations(names, 1), *itertools.combinations(names, 2)]:
        for values, rows in frame.groupby(list(chosen)):
            group = frozenset(zip(chosen, values, strict=True))
            for part, kept in parts.items():
                found[part, group] = int(kept[list(rows.index)].sum())
    return found


def sums(cells):
    """Each total with its parts: over one attribute's groups, and by outcome."""
    for part, group in cells:
        names = {name for name, _ in group}
        for name in {n for _, g in cells for n, _ in g} - names:
            parts = [c for c in cells if c[0] == part and {n for n, _ in c[1]} == names | {name}
                     and group <= c[1]]  # fmt: skip
            if parts:
                yield (part, group), parts
        if part == "members":
            halves = [("favourable", group), ("unfavourable", group)]
            if all(h in cells for h in halves):
                yield (part, group), halves


def determined(cells, shown):
    """The cells that follow from the shown ones: exact elimination over fractions."""
    order = [c for c in cells if c not in shown]
    place = {c: i for i, c in enumerate(order)}
    matrix = []
    for total, parts in sums(cells):
        line = [Fraction(0)] * len(order)
        for cell, sign in [(total, -1), *((p, 1) for p in parts)]:
            if cell in place:
                line[place[cell]] += sign
        matrix.append(line)
    row = 0
    for column in range(len(order)):
        pivot = next((r for r in range(row, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[row], matrix[pivot] = matrix[pivot], matrix[row]
        head = matrix[row][column]
        matrix[row] = [v / head for v in matrix[row]]
        for r in range(len(matrix)):
            if r != row and matrix[r][column]:
                factor = matrix[r][column]
                pairs = zip(matrix[r], matrix[row], strict=True)
                matrix[r] = [a - factor * b for a, b in pairs]
        row += 1
    alone = [[i for i, v in enumerate(line) if v] for line in matrix]
    return {order[places[0]] for places in alone if len(places) == 1}


def test_a_group_of_three_and_what_gives_it_away_are_hidden():
    judgement, _ = audited(three_of_300())
    for evidence in judgement.evidence:
        for m in evidence.measurements:
            if ("race", "x") in m.group or m.group == (("race", "w"),):
                assert (m.value, m.n, m.lower) == (None, None, None), m.key
    rates = {m.key: m for m in judgement.evidence_of("fairness.selection_rates").measurements}
    assert rates["selection_rate[race=x]"].suppressed == "small"
    assert rates["selection_rate[race=x]"].reason == "fewer than 11 people"
    assert rates["selection_rate[race=w]"].suppressed == "complementary"
    assert rates["selection_rate[sex=f]"].n == 40
    for table in judgement.tables:
        for row in table.rows:
            named = {str(cell) for cell in row}
            if named & {"race=x", "race=w"} or {"race", "x"} <= named or {"race", "w"} <= named:
                numbers = [c for c in row if isinstance(c, int | float) and c not in (True, False)]
                edges = {i / 20 for i in range(21)}
                assert all(number in edges for number in numbers), (table.name, row)


@pytest.mark.repeated
@pytest.mark.parametrize("seed", range(times(5, 60)))
def test_no_small_number_follows_from_the_statement(seed):
    judgement, inputs = audited(random_groups(seed), seed=seed)
    case = prepare(inputs)
    cells = true_numbers(inputs, case.labels, case.decisions)
    shown = shown_numbers(judgement)
    assert all(cells[c] == n for c, n in shown.items()), "a number of people that is not the true"
    small = {c for c, n in cells.items() if 0 < n < 11 and c[1]}
    assert small
    assert not small & set(shown)
    assert not small & determined(cells, shown)


@pytest.mark.parametrize("seed", range(4))
def test_no_small_bin_of_scores_follows_from_the_tables(seed):
    judgement, _ = audited(random_groups(seed), seed=seed)
    shown = shown_numbers(judgement)
    table = judgement.evidence_of("fairness.calibration").table("calibration_by_group")
    bins = {}
    for row in table.rows:
        bins.setdefault((row[0], row[1]), []).append(row[table.columns.index("n")])
    for group, counts in bins.items():
        assert not [n for n in counts if n is not None and 0 < n < 11]
        if ("members", frozenset({group})) in shown:
            assert counts.count(None) != 1, group
        else:
            assert all(n is None for n in counts)


def test_a_small_bin_of_scores_hides_no_group():
    """Bins give way to bins: rates of two large groups are not hidden for six people's sake."""
    n = 400
    sex = np.array(["f"] * 200 + ["m"] * 200)
    scores = np.where(sex == "f", 0.1, 0.7)
    scores[200:206] = 0.1
    scores[206:300] = 0.9
    inputs = ak.Inputs(
        data=pd.DataFrame({"x": scores}), labels=np.tile([0, 1], n // 2), scores=scores,
        groups=pd.DataFrame({"sex": sex}),
    )  # fmt: skip
    policy = parse_policy(RULES.format(small_cell=11, min_n=0))
    judged = examine(prepare(inputs), policy, (), today=DAY, versions={})
    assert not [m.key for e in judged.evidence for m in e.measurements if m.suppressed]
    table = judged.evidence_of("fairness.calibration").table("calibration_by_group")
    assert 6 not in table.column("n")
    assert table.column("n").count(None) >= 3


def test_the_policys_number_rules_everywhere():
    groups = {"sex": np.array(["m"] * 273 + ["f"] * 27)}
    for small_cell, hidden in ((40, True), (27, False), (0, False)):
        judgement, _ = audited(groups, small_cell=small_cell)
        found = judgement.evidence_of("fairness.selection_rates")
        assert (found.measurement("selection_rate[sex=f]").value is None) is hidden
        table = judgement.evidence_of("fairness.significance").table("four_fifths")
        assert (27 in {cell for row in table.rows for cell in row}) is not hidden


def test_the_gate_sees_what_the_statement_holds():
    """A condition on a hidden number is not tested, whichever way it would have come out."""
    for selected in (0, 1):
        decisions = np.ones(300, dtype=int)
        decisions[297:] = selected
        decisions[:5] = 0
        judgement, _ = audited(three_of_300(), decisions=decisions)
        (finding,) = judgement.findings
        assert finding.outcome is Outcome.NOT_ASSESSED
        assert "suppressed" in finding.statement


def test_a_group_below_the_rules_own_least_n_stands_in_no_ones_way():
    """Two small groups hide each other; the rule judges groups of 30 or more alone."""
    race = np.array(["w"] * 150 + ["b"] * 130 + ["x"] * 8 + ["y"] * 12)
    assert audited({"race": race}, min_n=30, decisions=np.ones(300, dtype=int))[0].findings[
        0
    ].outcome in {Outcome.NOT_ASSESSED, Outcome.PASS}
    race = np.array(["w"] * 150 + ["b"] * 132 + ["x"] * 8 + ["y"] * 10)
    decisions = np.tile([1, 1, 0], 100)
    judgement, _ = audited({"race": race}, min_n=30, decisions=decisions)
    assert judgement.findings[0].outcome is Outcome.PASS
    assert "2 groups below n = 30 not judged" in judgement.findings[0].statement


def test_the_commitment_holds_every_number_and_needs_the_salt():
    first, _ = audited(three_of_300(), seed=1)
    again, _ = audited(three_of_300(), seed=1)
    assert first.statement == again.statement
    other, _ = audited(three_of_300(), seed=1, salt=b"another salt of 16 bytes")
    assert other.unsuppressed != first.unsuppressed
    assert first.salt.hex() not in first.statement.decode()


def test_a_change_among_hidden_people_changes_the_commitment_alone():
    groups = {"race": np.array(["w"] * 150 + ["x"] * 3 + ["y"] * 3 + ["z"] * 144)}
    n = 300
    labels, decisions = np.tile([1, 0, 1], 100), np.tile([1, 1, 0, 0], 75)
    salt = b"a salt of 16 bytes or more"
    statements = []
    for swap in (False, True):
        d = decisions.copy()
        if swap:  # one of x and one of y trade places: every total stays
            d[[150, 153]] = d[[153, 150]]
            assert d[150] != decisions[150]
            assert labels[150] == labels[153]
        inputs = ak.Inputs(
            data=pd.DataFrame({"k": np.arange(n) % 7}), labels=labels, predictions=d,
            groups=pd.DataFrame(groups),
        )  # fmt: skip
        policy = parse_policy(RULES.format(small_cell=11, min_n=30))
        judged = examine(prepare(inputs), policy, (), today=DAY, versions={}, salt=salt)
        statements.append(json.loads(judged.statement)["predicate"])
    a, b = statements
    assert a["suppression"]["unsuppressed"] != b["suppression"]["unsuppressed"]

    def numbers(statement):
        return [(m["key"], m["value"], m["n"]) for e in statement["evidence"]
                for m in e["measurements"]]  # fmt: skip

    assert numbers(a) == numbers(b)


def test_a_check_of_somebody_elses_is_hidden_too():
    few = Measurement(name="approval_speed", value=0.4, n=7, group=(("race", "x"),))
    many = Measurement(name="approval_speed", value=0.5, n=93, group=(("race", "w"),))
    table = Table(
        name="speeds", title="Speeds", columns=("group", "n", "speed"),
        rows=(("race=x", 7, 0.4), ("race=w", 93, 0.5), ("nobody knows", 4, 0.2)),
    )  # fmt: skip
    evidence = Evidence(
        check="fairness.speed", version="1", title="Speed", area="fairness", n=100,
        measurements=(few, many), tables=(table,),
    )  # fmt: skip
    (found,) = small_cells.suppress([evidence], small_cell=11, rows=100, attributes=["race"])
    assert [m.value for m in found.measurements] == [None, None]
    assert [row[1:] for row in found.tables[0].rows] == [(None, None)] * 3
    assert small_cells.suppress([found], small_cell=11, rows=100, attributes=["race"]) == (found,)


def test_a_feature_that_stands_for_a_hidden_group_is_hidden():
    proxy = Measurement(
        name="proxy_auc", value=0.9, n=300, group=(("feature", "zip"), ("race", "x"))
    )
    size = Measurement(name="selection_rate", value=0.4, n=3, group=(("race", "x"),))
    made = [
        Evidence(check=f"{area}.c", version="1", title="T", area=area, n=300, measurements=(m,))
        for area, m in (("fairness", size), ("explanation", proxy))
    ]
    _, found = small_cells.suppress(made, small_cell=11, rows=300, attributes=["race"])
    assert found.measurements[0].suppressed == "complementary"


def test_the_number_of_unknown_people_does_not_follow_from_those_who_are_known():
    """A proxy is told from all whose group is known: 297 of 300 tells that 3 are unknown."""
    sex = np.array(["f"] * 150 + ["m"] * 147 + [None] * 3, dtype=object)
    judged, _ = audited({"sex": sex})
    assert all(m.n not in (3, 297) for e in judged.evidence for m in e.measurements)


def test_a_proxy_says_in_words_that_too_few_have_a_value():
    race = np.array(["w"] * 150 + ["b"] * 150)
    x = np.where(np.arange(300) < 4, 1.0, np.nan)
    inputs = ak.Inputs(
        data=pd.DataFrame({"x": x}), labels=np.tile([1, 0], 150), predictions=np.tile([1, 0], 150),
        groups=pd.DataFrame({"race": race}),
    )  # fmt: skip
    policy = parse_policy(RULES.format(small_cell=0, min_n=0))
    judged = examine(prepare(inputs), policy, (), today=DAY, versions={})
    (proxy,) = judged.evidence_of("explanation.proxies").measurements
    assert proxy.value is None
    assert proxy.reason == "fewer than 10 members, or others, have a value"


def test_a_ratio_to_the_rate_of_a_hidden_category_is_hidden():
    """The highest rate is that of 8 people: rate over ratio would give it."""
    decisions = np.tile([1, 0, 0, 1, 0], 60)
    decisions[292:] = 1
    groups = {
        "sex": np.array(["f", "m"] * 150),
        "race": np.array(["w"] * 150 + ["b"] * 142 + ["x"] * 8),
    }
    judged, _ = audited(groups, decisions=decisions)
    found = judged.evidence_of("fairness.local_law_144")
    large = found.measurement("category_impact_ratio[race=w]")
    assert large.suppressed == "complementary"
    (row,) = [r for r in found.table("local_law_144").rows if r[:2] == ("race", "w")]
    assert row[2:] == (150, 60, 0.4, None, False)
    assert found.measurement("category_impact_ratio[sex=m]").value is not None


def test_few_with_the_favourable_outcome_follow_from_no_other_number():
    """Five of 100: neither accuracy where everyone is selected, nor the bins of scores, say so."""
    labels = np.tile([1, 0], 150)
    labels[200:] = 0
    labels[200:205] = 1
    judged, _ = audited({"g": np.array(["a"] * 200 + ["b"] * 100)}, labels=labels)
    assert judged.evidence_of("fairness.selection_rates").measurement("selection_rate[g=b]").value
    sweep = judged.evidence_of("fairness.threshold_sweep").table("threshold_sweep")
    assert set(sweep.column("accuracy")) == {None}
    curves = judged.evidence_of("fairness.calibration").table("calibration_by_group")
    assert set(curves.column("observed")) == {None}
    assert {n for n in curves.column("n") if n is not None}
    told = {m.key: m.suppressed for m in judged.evidence_of("fairness.calibration").measurements}
    assert told["calibration_gap[g=b]"]
    assert told["auc[g=b]"]


def test_what_is_hidden_anyway_is_hidden_for_another_first():
    """The unknown hide men; that men's selected are hidden with them is enough: women's are not."""
    sex = np.array(["f"] * 150 + ["m"] * 147 + [None] * 3, dtype=object)
    judged, _ = audited({"sex": sex}, decisions=np.tile([1, 0, 0], 100))
    table = judged.evidence_of("fairness.significance").table("four_fifths")
    assert {row[0]: row[2] for row in table.rows} == {"sex=f": 50, "sex=m": None}


def test_everyone_together_can_be_a_small_cell():
    judged, _ = audited({"g": np.array(["a"] * 5 + ["b"] * 3)})
    numbers = [m for e in judged.evidence for m in e.measurements if e.area == "performance"]
    assert numbers
    assert {m.suppressed for m in numbers} == {"small"}
    for table in judged.tables:
        for row in table.rows:
            cell = dict(zip(table.columns, row, strict=True))
            assert cell.get("accuracy") is None
            assert cell.get("n") in (None, 0)
    assert judged.rows == 8
