"""Where a rollback returns to, against a plain account of what stood where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.access.policy.settings import EvidenceRequirement, Promotion
from auditkit.access.record.approvals import (
    BROKEN,
    CLAIMED,
    DECISION,
    DEMOTED,
    DONE,
    REVIEWED,
    PromotionState,
)
from auditkit.access.record.verdicts import VERDICT
from auditkit.mlflow_guard.guard.promotions import Promotions
from auditkit.mlflow_guard.guard.rollback import rollback
from auditkit.mlflow_guard.upstream.refusals import RefusedError

START = datetime(2026, 11, 1, tzinfo=UTC)
PLACE = {"model": "m", "kind": "alias", "name": "champion"}


@dataclass(frozen=True)
class Logged:
    index: int
    kind: str
    time: datetime
    payload: dict[str, Any] | None


def book_of(*events: tuple[str, dict[str, Any]]) -> PromotionState:
    book = PromotionState()
    book.read(
        Logged(i, kind, START + timedelta(minutes=i), payload)
        for i, (kind, payload) in enumerate(events)
    )
    return book


def moved(version: str, how: str = "promoted", **more: Any) -> tuple[str, dict[str, Any]]:
    return DONE, {**PLACE, "version": version, "how": how, **more}


def broken(number: str) -> tuple[str, dict[str, Any]]:
    return BROKEN, {"id": number, "user": "mia", "object": "o", "valid_minutes": 60}


def reviewed(number: str, outcome: str, user: str = "rob") -> tuple[str, dict[str, Any]]:
    return REVIEWED, {"id": number, "user": user, "findings": "f", "outcome": outcome}


OFF = (DEMOTED, {**PLACE, "version": "", "how": "demoted"})


def returns_to(*events: tuple[str, dict[str, Any]]) -> str | None:
    before = book_of(*events).before("m", "alias", "Champion")
    return before.target.version if before else None


def test_two_rollbacks_go_back_two():
    three = [moved("1"), moved("2"), moved("3")]
    assert returns_to(*three) == "2"
    assert returns_to(*three, moved("2", "rolled back")) == "1"
    assert returns_to(*three, moved("2", "rolled back"), moved("1", "rolled back")) is None
    # What was rolled back is not returned to after the next promotion either.
    assert returns_to(*three, moved("2", "rolled back"), moved("4")) == "2"
    assert returns_to(moved("1")) is None
    assert returns_to(moved("1"), moved("2"), moved("2")) == "1"
    # Taken off, it points nowhere: it returns to what stood there last.
    assert returns_to(moved("1"), moved("2"), OFF) == "2"


def test_none_returns_to_what_came_by_break_glass_alone_or_was_rejected():
    emergency = [broken("b"), moved("2", "break-glass", breakglass="b")]
    assert returns_to(moved("1"), *emergency, moved("3")) == "1"
    assert returns_to(moved("1"), *emergency, moved("2"), moved("3")) == "2"
    twice = [moved("1"), moved("2"), *emergency, moved("3")]
    assert returns_to(*twice, reviewed("b", "accepted")) == "2"
    assert returns_to(*twice, reviewed("b", "rejected", "mia")) == "2"  # not by its own user
    assert returns_to(*twice, reviewed("b", "rejected")) == "1"
    assert returns_to(*twice, reviewed("b", "bad")) == "1"
    # The move may be logged after the review; and an approval after it makes up for it.
    late = [moved("1"), moved("2"), broken("b"), reviewed("b", "rejected"), emergency[1]]
    assert returns_to(*late, moved("3")) == "1"
    assert returns_to(*late, moved("2"), moved("3")) == "2"


# A plain account: each state of the alias remembers the one before it.
VERSIONS = ["1", "2", "3", "4"]
STEPS = st.one_of(
    st.tuples(st.just("promote"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("break"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("review"), st.sampled_from(["accepted", "rejected"])),
    st.tuples(st.just("back"), st.just("")),
    st.tuples(st.just("back to"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("take off"), st.just("")),
)


def may_return(told: list[tuple[str, str]], version: str) -> bool:
    """Whether the last good promotion of a version came after everything bad about it."""
    good = bad = -1
    uses: list[int] = []
    for at, (what, about) in enumerate(told):
        if what == "promote" and about == version:
            good = at
        if what == "break":
            uses.append(at)
        if what == "review" and uses and told[uses.pop()][1] == version and about == "rejected":
            bad = at
    return good > bad


@given(st.lists(STEPS, max_size=14))
def test_a_rollback_after_any_history_returns_to_what_a_plain_account_says(steps):
    events: list[tuple[str, dict[str, Any]]] = []
    told: list[tuple[str, str]] = []
    state: tuple[str, Any] | None = None  # the version, and the state before it
    taken_off, uses = False, []
    for what, about in steps:
        if what in ("back", "back to"):
            now = state[0] if state and not taken_off else ""
            seen = state
            while seen and (
                seen[0] == now
                or (what == "back to" and seen[0] != about)
                or not may_return(told, seen[0])
            ):
                seen = seen[1]
            order = book_of(*events).order(("default", "m", "alias", "champion"))
            if what == "back":
                assert (order.before.target.version if order.before else None) == (
                    seen[0] if seen else None
                )
                if seen is None:
                    continue
            else:
                assert (order.obstacle(about) is None) == may_return(told, about)
                if about == now or not may_return(told, about):
                    continue
            state = seen or (about, state)
            events.append(moved(state[0], "rolled back"))
            taken_off = False
        elif what in ("promote", "break"):
            if what == "break":
                uses.append(f"b{len(events)}")
                events.append(broken(uses[-1]))
                events.append(moved(about, "break-glass", breakglass=uses[-1]))
            else:
                events.append(moved(about))
            if not state or state[0] != about:
                state = (about, state)
            taken_off = False
        elif what == "review":
            if not uses:
                continue
            events.append(reviewed(uses.pop(), about))
        else:
            events.append(OFF)
            taken_off = True
        told.append((what, about))


class Night:
    """A gate with a log in memory, a registry of one alias, and files that do not change."""

    def __init__(self, promotion: Promotion, *events: tuple[str, dict[str, Any], int]) -> None:
        self.log = [
            Logged(i, kind, START + timedelta(days=day), payload)
            for i, (kind, payload, day) in enumerate(events)
        ]
        self.now = START + timedelta(days=100, hours=2)
        self.at: str | None = None
        recorder: Any = SimpleNamespace(entries=lambda begin: self.log[begin:], now=self._write)
        self.stores: Any = SimpleNamespace(
            model_name=lambda name: name, aliases=lambda _: ["Champion"], set_alias=self._set
        )
        promotions = Promotions(recorder, self.stores, clock=lambda: self.now)
        self.digest = "sha256:a"
        promotions.facts = lambda _: {"artifact_digest": self.digest}  # type: ignore[method-assign]
        promotions.required = lambda *_: promotion  # type: ignore[method-assign]
        self.gate: Any = SimpleNamespace(
            promotions=promotions, recorder=recorder, stores=self.stores, clock=lambda: self.now
        )

    def back(self, **named: str) -> str:
        admission: Any = SimpleNamespace(
            domain="default",
            caller=SimpleNamespace(user="mia"),
            access=SimpleNamespace(policy_digest="sha256:p"),
        )
        body = {"model": "m", "alias": "champion", **named}
        return str(rollback(self.gate, admission, body)["version"])  # type: ignore[index,call-overload]

    def _write(self, kind: str, payload: dict[str, Any]) -> None:
        self.log.append(Logged(len(self.log), kind, self.now, payload))

    def _set(self, model: str, alias: str, version: str) -> None:
        assert (model, alias) == ("m", "Champion")
        assert self.log[-1].kind == CLAIMED
        self.at = version


def judged(decision: str, day: int) -> list[tuple[str, dict[str, Any], int]]:
    """A verdict, and the admitted request that brought it."""
    part = {"verb": "gate:record", "object": "models/m", "allowed": True}
    who = {"request": f"q{day}", "user": "gus", "domain": "default"}
    verdict = {"artifact_digest": "sha256:a", "policy": "p", "decision": decision}
    return [
        (DECISION, {**who, "allowed": True, "decisions": [part]}, day),
        (VERDICT, {**who, **verdict, "model": "m", "statement": f"s{day}"}, day),
    ]


def on(day: int, version: str, **more: Any) -> tuple[str, dict[str, Any], int]:
    kind, payload = moved(version, artifact_digest="sha256:a", request="r", **more)
    return kind, payload, day


EVIDENCE = Promotion(
    aliases=("champion",), evidence=EvidenceRequirement(policy="p", max_age_days=10)
)


def test_at_two_in_the_morning_the_evidence_is_that_of_the_promotion():
    night = Night(EVIDENCE, *judged("pass", 0), on(1, "1"), on(2, "2"), *judged("fail", 50))
    assert night.back() == "1"
    assert night.at == "1"
    assert [entry.kind for entry in night.log[-2:]] == [CLAIMED, DONE]
    for lacking in ([], judged("fail", 0), judged("pass", -20)):
        night = Night(EVIDENCE, *lacking, on(1, "1"), on(2, "2"), *judged("pass", 50))
        with pytest.raises(RefusedError, match="when it was promoted"):
            night.back()
        assert night.at is None


def test_a_settled_move_met_the_requirements_when_it_was_claimed():
    claimed = CLAIMED, {**PLACE, "version": "1", "claim": "c"}, 1
    done = on(40, "1", claim="c")
    night = Night(EVIDENCE, *judged("pass", 0), claimed, done, on(41, "2"))
    assert night.back() == "1"


def test_a_rollback_has_an_age_only_where_the_policy_sets_it():
    events = [on(1, "1"), on(2, "2")]
    assert Night(Promotion(aliases=("champion",)), *events).back() == "1"
    limited = Promotion(aliases=("champion",), rollback_max_age_days=90)
    with pytest.raises(RefusedError, match="more than 90 days ago"):
        Night(limited, *events).back()
    younger = Promotion(aliases=("champion",), rollback_max_age_days=100)
    assert Night(younger, *events).back() == "1"


def test_a_named_version_must_have_been_promoted_there():
    events = [on(1, "1"), on(2, "2"), on(3, "3")]
    plain = Promotion(aliases=("champion",))
    assert Night(plain, *events).back(to="1") == "1"
    for version, status in [("4", 403), ("3", 409), ("01", 400)]:
        night = Night(plain, *events)
        with pytest.raises(RefusedError) as refused:
            night.back(to=version)
        assert (refused.value.status, night.at) == (status, None)
    # It returns forward too, and from there back to where it came from.
    night = Night(plain, *events)
    assert [night.back(), night.back(to="3"), night.back()] == ["2", "3", "2"]


def test_other_files_are_not_returned_to_nor_what_nobody_approved():
    night = Night(Promotion(aliases=("champion",)), on(1, "1"), on(2, "2"))
    night.digest = "sha256:b"
    with pytest.raises(RefusedError, match="have changed since"):
        night.back()
    kind, payload = moved("1", artifact_digest="sha256:a")  # by a rule alone, as it was then
    night = Night(Promotion(aliases=("champion",)), (kind, payload, 1), on(2, "2"))
    with pytest.raises(RefusedError, match="nobody had to approve it"):
        night.back()
