"""Four eyes hold after any sequence of entries, whoever wrote them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.access.policy.settings import EvidenceRequirement, Promotion
from auditkit.access.record.approvals import (
    APPROVED,
    BROKEN,
    CLAIMED,
    DECISION,
    DEMOTED,
    DESCRIBED,
    DONE,
    EXPIRED,
    FAILED,
    OVERDUE,
    REJECTED,
    REQUESTED,
    REVIEWED,
    PromotionState,
)
from auditkit.access.record.approvals import (
    POLICY as ACTIVATED,
)
from auditkit.access.record.log import READS
from auditkit.access.record.moves import Target
from auditkit.access.record.owners import RENAMED, VERSION_MADE
from auditkit.access.record.verdicts import (
    VERDICT,
    missing_evidence,
    verdict_from,
    verdict_payload,
)
from auditkit.policy import parse_policy

START = datetime(2026, 11, 1, tzinfo=UTC)
TARGET = Target(model="credit", version="7", kind="alias", name="champion")
PEOPLE = ["ann", "rita", "rob", "mia", "eve"]


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


def requested(number: str = "r1", user: str = "ann", **changes: Any) -> tuple[str, dict[str, Any]]:
    payload = {
        "id": number,
        "model": "credit",
        "version": "7",
        "kind": "alias",
        "name": "Champion",
        "artifact_digest": "sha256:a",
        "policy_digest": "sha256:p",
        "source": "1/run/artifacts/model",
        "user": user,
        "made_by": ["eve"],
        **changes,
    }
    return REQUESTED, payload


def approved(user: str, number: str = "r1") -> tuple[str, dict[str, Any]]:
    return APPROVED, {"request": number, "user": user}


def usable(book: PromotionState, *, approvals: int = 1, **changes: Any) -> Any:
    now = {
        "promoter": "mia",
        "artifact_digest": "sha256:a",
        "policy_digest": "sha256:p",
        "now": START + timedelta(hours=1),
        **changes,
    }
    promotion = Promotion(aliases=("champion",), approvals=approvals, valid_hours=72)
    found = book.usable(TARGET, promotion, **now)
    return found if isinstance(found, str) else found.id


def test_an_approval_by_another_makes_a_request_usable_once():
    events = [requested(), approved("rita")]
    assert usable(book_of(*events[:1])) == (
        "request r1: it has 0 of 1 approvals by others; for another to give one: auditkit "
        "registry approve r1"
    )
    assert usable(book_of(*events)) == "r1"
    claimed = (CLAIMED, {"request": "r1", "user": "mia", "claim": "one"})
    again = (CLAIMED, {"request": "r1", "user": "max", "claim": "two"})
    book = book_of(*events, claimed, again)
    assert book.requests["r1"].claim == "one"
    assert usable(book) == "request r1: it was already used"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"artifact_digest": "sha256:b"}, "files have changed"),
        ({"policy_digest": "sha256:q"}, "policy has changed"),
        ({"now": START + timedelta(hours=73)}, "expired"),
        ({"promoter": "rita"}, "0 of 1 approvals"),
        ({"approvals": 2}, "1 of 2 approvals"),
    ],
)
def test_an_approval_is_bound_to_everything_it_was_given_for(changes: dict[str, Any], says: str):
    assert says in usable(book_of(requested(), approved("rita")), **changes)


@pytest.mark.parametrize("user", ["ann", "eve"])
def test_who_asked_or_made_it_does_not_count(user: str):
    assert "0 of 1" in usable(book_of(requested(), approved(user)))


def test_one_person_under_two_spellings_is_one_pair_of_eyes():
    for user in ("Ann", "ANN", "%EF%BD%81nn", "Eve"):  # the third: a fullwidth letter
        assert "0 of 1" in usable(book_of(requested(), approved(user))), user
    twice = [requested(), approved("rita"), approved("Rita")]
    assert "1 of 2" in usable(book_of(*twice), approvals=2)
    assert "0 of 1" in usable(book_of(*twice[:2]), promoter="RITA")
    assert "0 of 1" in usable(book_of(*twice[:2]), made_by=("rita",))


def test_nothing_is_approved_while_somebody_writes_to_its_files():
    source = "1/run/artifacts/model"
    asked = requested(source=source)
    writes = (DECISION, {"request": "w", "user": "ann", "allowed": True, "writes": [source]})
    ended = (READS, {"decisions": [{"outcome_of": "w", "status": 200}]})
    assert "0 of 1" in usable(book_of(asked, writes, approved("rita")))
    assert usable(book_of(asked, writes, ended, approved("rita"))) == "r1"
    assert usable(book_of(asked, approved("rita"), writes)) == "r1"  # the server refuses this write
    elsewhere = (DECISION, {**writes[1], "writes": ["1/other/artifacts"]})
    assert usable(book_of(asked, elsewhere, approved("rita"))) == "r1"
    denied = (DECISION, {**writes[1], "allowed": False})
    assert usable(book_of(asked, denied, approved("rita"))) == "r1"
    claim = (CLAIMED, {"user": "mia", "claim": "one", "source": source, "model": "credit"})
    assert book_of(writes, claim).begun == {}
    assert set(book_of(writes, ended, claim).begun) == {"one"}


def test_a_workspace_has_approvals_and_emergencies_of_its_own():
    elsewhere = requested(domain="emea")
    assert usable(book_of(elsewhere, approved("rita"))) == "nobody has asked for it"
    invoked = {"id": "b1", "user": "mia", "object": "o", "valid_minutes": 60, "domain": "emea"}
    book = book_of((BROKEN, invoked))
    assert book.emergency("mia", "o", START) is None
    assert book.emergency("mia", "o", START, domain="emea") is not None


def test_who_made_a_version_made_it_under_every_name():
    def made(model: str, user: str) -> tuple[str, dict[str, Any]]:
        return VERSION_MADE, {"model": model, "version": "7", "user": user}

    renamed = (RENAMED, {"model": "old", "new_name": "credit", "domain": "default"})
    assert book_of(made("old", "ann"), renamed).creators(TARGET) == {"ann"}
    # Deleted and made anew: the number is the same, and both made it.
    assert book_of(made("credit", "ann"), made("credit", "rita")).creators(TARGET) == {
        "ann",
        "rita",
    }


def test_approvals_of_one_person_are_one_and_of_another_target_none():
    assert "1 of 2" in usable(book_of(requested(), approved("rita"), approved("rita")), approvals=2)
    assert usable(book_of(requested(version="8"), approved("rita"))) == "nobody has asked for it"
    assert "rejected by rob" in usable(
        book_of(requested(), approved("rita"), (REJECTED, {"request": "r1", "user": "rob"}))
    )


events = st.one_of(
    st.builds(
        lambda n, u, m: requested(n, u, made_by=m),
        st.sampled_from(["r1", "r2"]),
        st.sampled_from(PEOPLE),
        st.lists(st.sampled_from(PEOPLE), max_size=2),
    ),
    st.builds(approved, st.sampled_from(PEOPLE), st.sampled_from(["r1", "r2", "r3"])),
    st.builds(
        lambda n, u: (REJECTED, {"request": n, "user": u}),
        st.sampled_from(["r1", "r2"]),
        st.sampled_from(PEOPLE),
    ),
    st.builds(
        lambda n, u: (CLAIMED, {"request": n, "user": u, "claim": u}),
        st.sampled_from(["r1", "r2"]),
        st.sampled_from(PEOPLE),
    ),
    st.just((APPROVED, {})),
    st.just((DONE, {"model": "credit"})),
)


@given(
    st.lists(events, max_size=14), st.sampled_from(PEOPLE), st.integers(min_value=1, max_value=3)
)
def test_no_sequence_of_entries_lets_fewer_people_do_it(log, promoter, approvals):
    found = usable(book_of(*log), approvals=approvals, promoter=promoter)
    if found not in ("r1", "r2"):
        return
    # Told again from the list of entries alone, without the book.
    request = next(p for k, p in log if k == REQUESTED and p["id"] == found)
    begun = log.index((REQUESTED, request))
    later = [(k, p) for k, p in log[begun:] if p.get("request") == found]
    assert all(k == APPROVED for k, _ in later)
    others = {p["user"] for _, p in later} - {request["user"], *request["made_by"], promoter}
    assert len(others) >= approvals


def test_reading_in_pieces_is_reading_at_once():
    log = [requested(), approved("rita"), requested("r2", "rob"), approved("ann", "r2")]
    entries = [Logged(i, k, START, p) for i, (k, p) in enumerate(log)]
    book = PromotionState()
    for end in range(len(entries) + 1):
        book.read(entries[:end])
    assert book.next_index == 4
    assert list(book.requests["r1"].approvals) == ["rita"]
    book.read([Logged(4, APPROVED, START, None)])  # its payload was destroyed
    assert book.next_index == 5


def test_break_glass_ends_with_its_time_or_its_review_by_another():
    invoked = {"id": "b1", "user": "mia", "object": "o", "valid_minutes": 60}
    broken = book_of((BROKEN, invoked))
    assert broken.emergency("mia", "o", START + timedelta(minutes=59)) is not None
    assert broken.emergency("mia", "o", START + timedelta(minutes=61)) is None
    assert broken.emergency("max", "o", START) is None
    own = book_of((BROKEN, invoked), (REVIEWED, {"id": "b1", "user": "mia"}))
    assert own.emergency("mia", "o", START) is not None
    reviewed = book_of((BROKEN, invoked), (REVIEWED, {"id": "b1", "user": "rob"}))
    assert reviewed.emergency("mia", "o", START) is None


def test_the_first_review_of_an_emergency_stands():
    invoked = {"id": "b1", "user": "mia", "object": "o", "valid_minutes": 60}
    reviews = [(REVIEWED, {"id": "b1", "user": u, "findings": f"by {u}"}) for u in ("rob", "rita")]
    emergency = book_of((BROKEN, invoked), *reviews).emergencies["b1"]
    assert (emergency.reviewed_by, emergency.findings) == ("rob", "by rob")


POLICY = """
id: lending
version: "1"
title: t
as_of: 2026-11-22
rules:
  - {id: R1, title: a, check: c, measure: m, at_least: 0.7, severity: high, citation: x, why: y}
"""


def test_evidence_is_for_these_bytes_this_policy_and_not_forever():
    policy = parse_policy(POLICY)
    need = EvidenceRequirement(policy="lending", max_age_days=10)

    def logged(decision: str = "pass", digest: str = "sha256:a", **waived: str):
        payload = verdict_payload(
            artifact_digest=digest,
            policy=policy.id,
            policy_digest=str(policy.digest),
            decision=decision,
            waived=waived,
            statement="sha256:s",
        )
        return verdict_from(payload, START)

    def lack(*verdicts: Any, days: int = 1) -> str | None:
        return missing_evidence(verdicts, need, "sha256:a", START + timedelta(days=days))

    assert lack(logged()) is None
    assert "has judged these files" in str(lack())
    assert "has judged these files" in str(lack(logged(digest="sha256:b")))
    assert "decided: fail" in str(lack(logged(), logged("fail")))
    assert lack(logged("fail"), logged()) is None
    assert "more than 10 days" in str(lack(logged(), days=11))
    assert lack(logged(R1="2026-11-05"), days=4) is None
    assert "waiver" in str(lack(logged(R1="2026-11-05"), days=5))
    assert logged(R1="2026-11-05").waived_until == date(2026, 11, 5)


def test_a_comment_is_of_the_approval_that_counts_and_a_rejection_keeps_its_reason():
    kind, payload = approved("rita")
    book = book_of(
        requested(),
        (kind, {**payload, "comment": "figures checked"}),
        (kind, {**payload, "comment": "changed my mind"}),
        (kind, {"request": "r1", "user": "ann", "comment": "mine"}),
    )
    assert book.requests["r1"].comments == {"rita": "figures checked"}
    book = book_of(requested(), (REJECTED, {"request": "r1", "user": "rita", "reason": "stale"}))
    assert (book.requests["r1"].rejected_by, book.requests["r1"].reason) == ("rita", "stale")


def admitted(number: str, model: str = "credit", user: str = "gus", **changes: Any):
    part = {"verb": "gate:record", "object": f"models/{model}", "allowed": True}
    payload = {"request": number, "user": user, "domain": "default", "allowed": True}
    return (DECISION, {**payload, "decisions": [part], **changes})


def recorded(number: str, statement: str = "s1", day: str | None = None, **changes: Any):
    payload = verdict_payload(
        artifact_digest="sha256:a", policy="lending",
        policy_digest=str(parse_policy(POLICY).digest), decision="pass", waived={},
        statement=statement,
    )  # fmt: skip
    where = {"request": number, "user": "gus", "model": "credit", "version": "7", "as_of": day}
    return (VERDICT, {**payload, **where, "domain": "default", **changes})


@pytest.mark.parametrize(
    "events",
    [
        [recorded("q1")],
        [admitted("q1", allowed=False), recorded("q1")],
        [admitted("q1"), admitted("q1", allowed=False), recorded("q1")],
        [admitted("q1"), (READS, {"decisions": [{"outcome_of": "q1"}]}), recorded("q1")],
        [admitted("q1"), recorded("q2")],
        [admitted("q1", model="toy"), recorded("q1")],
        [admitted("q1"), recorded("q1", domain="team-a")],
        [admitted("q1"), recorded("q1", user="eve")],
        [recorded("q1"), admitted("q1")],
        [(DECISION, {"request": "q1", "user": "gus", "allowed": True}), recorded("q1")],
    ],
)
def test_a_verdict_that_no_admitted_request_brought_does_not_count(events):
    assert book_of(*events).verdicts == []


def test_one_request_records_one_verdict_and_a_statement_stays_as_old_as_it_is():
    book = book_of(admitted("q1"), recorded("q1"), recorded("q1", "s2"))
    assert [v.statement for v in book.verdicts] == ["s1"]
    again = book_of(admitted("q1"), recorded("q1"), admitted("q2"), recorded("q2"))
    assert [v.made for v in again.verdicts] == [START + timedelta(minutes=1)]
    old = book_of(admitted("q1"), recorded("q1", day="2026-10-01"))
    assert old.verdicts[0].made == datetime(2026, 10, 2, tzinfo=UTC)
    # A statement dated in the future is no younger than its entry.
    future = book_of(admitted("q1"), recorded("q1", day="2027-10-01"))
    assert future.verdicts[0].made == START + timedelta(minutes=1)


def test_a_verdict_belongs_to_its_model_and_follows_a_renaming():
    rename = (RENAMED, {"model": "credit", "new_name": "loans", "domain": "default"})
    book = book_of(admitted("q1"), recorded("q1"), rename)
    assert [v.statement for v in book.verdicts_on(replace(TARGET, model="loans"))] == ["s1"]
    assert book.verdicts_on(replace(TARGET, domain="team-a")) == []


def test_a_policy_may_name_the_audit_policy_and_the_keys_that_count():
    (verdict,) = book_of(admitted("q1"), recorded("q1", signed_by=["sha256:k"])).verdicts
    need = {"policy": "lending", "max_age_days": 10}

    def lack(**more: Any) -> str | None:
        wanted = EvidenceRequirement(**need, **more)
        return missing_evidence([verdict], wanted, "sha256:a", START + timedelta(days=1))

    assert lack() is None
    assert lack(policy_digest=str(parse_policy(POLICY).digest), signers=["sha256:k"]) is None
    assert "that the access policy names" in str(lack(policy_digest="sha256:other"))
    assert "whose key" in str(lack(signers=["sha256:other"]))


def test_the_newest_audit_decides_whatever_the_order_of_the_log():
    need = EvidenceRequirement(policy="lending", max_age_days=10)
    failed = recorded("q1", "s1", day="2026-11-01", decision="fail")
    passed = recorded("q2", "s2", day="2026-10-30")
    book = book_of(admitted("q1"), failed, admitted("q2"), passed)
    said = missing_evidence(book.verdicts, need, "sha256:a", START + timedelta(days=1))
    assert "decided: fail" in str(said)


KINDS = (
    REQUESTED, APPROVED, REJECTED, CLAIMED, DONE, BROKEN, REVIEWED, DECISION, READS, VERDICT,
    VERSION_MADE, RENAMED, FAILED, DEMOTED, EXPIRED, OVERDUE, ACTIVATED, DESCRIBED,
)  # fmt: skip
JUNK = (
    None, True, 1, -1, 10**400, 1e300, float("nan"), "", "9999-12-31", "0001-01-01", "r1", "credit",
    "7", "ann", "1e999", [], {}, [None], [{}], {"verb": "gate:record", "allowed": True},
    ["9999-12-31"],
)  # fmt: skip
NAMES = (
    "id", "request", "user", "model", "version", "kind", "name", "domain", "source", "made_by",
    "made_from", "claim", "writes", "allowed", "decisions", "valid_minutes", "review_hours",
    "as_of", "waivers_expire", "figures", "signed_by", "approved", "object", "comment",
    "new_name", "run",
)  # fmt: skip


def test_an_entry_that_cannot_be_read_keeps_nothing_else_from_counting():
    """Whoever may write to the log, or to one of its routes, does not stop the registry by it."""
    draw = random.Random(14)
    junk = [
        (draw.choice(KINDS), {name: draw.choice(JUNK) for name in NAMES if draw.random() < 0.6})
        for _ in range(3000)
    ]
    ours = [requested("theirs", user="ann"), approved("rita", number="theirs")]
    book = book_of(*junk[:1000], ours[0], *junk[1000:], ours[1])
    assert book.next_index == len(junk) + 2
    assert "rita" in book.requests["theirs"].approvals


def test_an_audit_of_a_day_to_come_is_no_newer_than_its_entry():
    for day in ("9999-12-31", "2026-11-02", "2026-11-01"):
        found = verdict_from({"as_of": day}, START)
        assert found.made == START
